"""What the models have in common: the API's names for their fields, and its JSON values for what is in them. Pure."""

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
    """Return what the API calls what Python calls ``name``."""
    return re.sub("_([a-z])", lambda match: match[1].upper(), name)


def rfc3339(moment: datetime) -> str:
    """Write ``moment`` in UTC as RFC 3339, with milliseconds, or with microseconds where there are any."""
    precision = "microseconds" if moment.microsecond % 1000 else "milliseconds"
    return moment.astimezone(UTC).isoformat(timespec=precision).removesuffix("+00:00") + "Z"


def counted(items: Sequence[object]) -> str:
    """Return how many there are, in place of them all, for a ``repr``."""
    return f"<{len(items)}>"


class Model:
    """A value that can be written as JSON."""

    __slots__ = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the value as plain JSON values, under the API's own names: what ``json.dumps`` takes.

        A time is RFC 3339 in UTC, to the millisecond, or to the microsecond where there are any. A missing value is
        ``None``, and so is a number that JSON does not have. Fields that this version does not know stand behind the
        others. What is nested in those is not copied.
        """
        cls: Any = type(self)
        document = {wire: plain(getattr(self, name)) for name, wire in _names(cls)}
        return document | getattr(self, "extra", {})


@cache
def _names(cls: Any) -> tuple[tuple[str, str], ...]:
    return tuple((field.name, camel_case(field.name)) for field in attrs.fields(cls) if field.name != "extra")


def plain(value: Any) -> Any:
    """Return a field's value as JSON has it."""
    if isinstance(value, Model):
        return value.to_dict()
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    if isinstance(value, datetime):
        return rfc3339(value)
    return None if isinstance(value, float) and not math.isfinite(value) else value
