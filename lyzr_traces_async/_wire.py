"""The base class of the models: the API's names for their fields, and their values as JSON. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from attrs import frozen
else:
    frozen = partial(attrs.define, unsafe_hash=True)

__all__ = ["Model", "camel_case", "counted", "frozen", "plain", "rfc3339"]


def camel_case(name: str) -> str:
    """Return the API's name for a field that is called ``name`` in Python."""
    return re.sub("_([a-z])", lambda match: match[1].upper(), name)


def rfc3339(moment: datetime) -> str:
    """Return ``moment`` in UTC as RFC 3339, with milliseconds, or with microseconds if they are needed."""
    precision = "microseconds" if moment.microsecond % 1000 else "milliseconds"
    return moment.astimezone(UTC).isoformat(timespec=precision).removesuffix("+00:00") + "Z"


def counted(items: Sequence[object]) -> str:
    """Return the number of items, for a ``repr`` that leaves out the items themselves."""
    return f"<{len(items)}>"


class Model:
    """A value that can be converted to JSON."""

    __slots__ = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the value as JSON values for ``json.dumps``, with the API's own field names.

        A time becomes RFC 3339 in UTC, with milliseconds, or with microseconds if they are needed. A missing value
        becomes ``None``, and so does a number that JSON can't express. Unknown fields (``extra``) come last; values
        nested in them are not copied.
        """
        cls: Any = type(self)
        document = {wire: plain(getattr(self, name)) for name, wire in _names(cls)}
        return document | getattr(self, "extra", {})


@cache
def _names(cls: Any) -> tuple[tuple[str, str], ...]:
    return tuple((field.name, camel_case(field.name)) for field in attrs.fields(cls) if field.name != "extra")


def plain(value: Any) -> Any:
    """Return a field's value as a JSON value."""
    if isinstance(value, Model):
        return value.to_dict()
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    if isinstance(value, datetime):
        return rfc3339(value)
    return None if isinstance(value, float) and not math.isfinite(value) else value
