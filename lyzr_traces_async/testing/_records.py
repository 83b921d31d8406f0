"""The records of the requests that the server has received."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import attrs
from multidict import CIMultiDictProxy

SECRET_FIELDS = frozenset({"x-api-key", "authorization", "cookie"})


class HeaderFields(Mapping[str, str]):
    """Header fields by name, in upper or lower case. The values of repeated fields are joined by ``", "``.

    The fields include the API key. The ``repr`` hides it, because test runners print the ``repr`` and their logs are
    kept.
    """

    def __init__(self, fields: CIMultiDictProxy[str]) -> None:
        self._fields = fields

    def __getitem__(self, name: str) -> str:
        return ", ".join(self._fields.getall(name))

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(name.lower() for name in self._fields))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __contains__(self, name: object) -> bool:
        return name in self._fields

    def __repr__(self) -> str:
        shown = {name: "[hidden]" if name in SECRET_FIELDS else value for name, value in self.items()}
        return f"{type(self).__name__}({shown!r})"


@attrs.define(kw_only=True)
class RecordedRequest:
    """A request as the server received it."""

    method: str
    """The method, such as ``GET``."""
    path: str
    """The decoded path without the query, such as ``/v1/traces/session/3fa85f64-5717-4562-b3fc-2c963f66afa6``."""
    query: Mapping[str, str]
    """The decoded query. For a repeated name, the first value."""
    headers: Mapping[str, str]
    """The header fields, looked up in any case. Their ``repr`` does not show the API key."""
    status: int | None = None
    """The status of the answer. ``None`` until the server answers, and always if it sends no whole answer."""
