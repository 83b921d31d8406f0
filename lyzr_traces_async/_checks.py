"""Checks of parsed JSON values, and their conversion to attrs values. Pure.

Types are checked, never coerced: ``"4"`` is not an integer, ``true`` is not ``1``, ``null`` is not ``"None"``. The
contract has one exception: an integer is a valid number of seconds or dollars.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, get_args, get_type_hints

from cattrs import Converter
from cattrs.gen import make_dict_structure_fn, override

from ._wire import camel_case

__all__ = ["Hook", "at_least", "fields_of", "in_utc", "list_of", "only", "reader"]

# Converts a parsed value, or raises. cattrs calls it with the value and the class.
Hook = Callable[[Any, Any], Any]

_JSON_NAMES: Final = {
    dict: "an object",
    list: "an array",
    str: "a string",
    bool: "a boolean",
    int: "an integer",
    float: "a number",
    type(None): "null",
}
_RFC3339: Final = re.compile(
    r"(?P<minute>\d{4}-\d\d-\d\d[t ]\d\d:\d\d):(?P<second>\d\d)(\.\d+)?(?P<offset>z|[+-]\d\d:\d\d)",
    re.ASCII | re.IGNORECASE,
)


def _unexpected(expected: str, value: object) -> TypeError:
    return TypeError(f"expected {expected}, got {_JSON_NAMES[type(value)]}")


def _string(value: Any, _: Any) -> str:
    if value.__class__ is not str:
        raise _unexpected("a string", value)
    return value


def _optional_string(value: Any, _: Any) -> str | None:
    if value is not None and value.__class__ is not str:
        raise _unexpected("a string or null", value)
    return value


def _integer(value: Any, _: Any) -> int:
    if value.__class__ is not int:
        raise _unexpected("an integer", value)
    return value


def _optional_number(value: Any, _: Any) -> float | None:
    if value is None or value.__class__ is float:
        return value
    if value.__class__ is int:
        return float(value)
    raise _unexpected("a number or null", value)


def _timestamp(value: Any, _: Any) -> datetime:
    if value.__class__ is not str:
        raise _unexpected("an RFC 3339 date-time", value)
    try:
        return in_utc(datetime.fromisoformat(value))
    except ValueError:
        # Python accepts more forms than RFC 3339, but neither its lower-case letters nor its leap seconds.
        written = _RFC3339.fullmatch(value)
        if written is None:
            raise
    if written["second"] != "60":
        return datetime.fromisoformat(value.upper()).astimezone(UTC)
    # Python has no second 60. The last moment before midnight keeps the day and the order of events.
    moment = datetime.fromisoformat(f"{written['minute']}:59.999999{written['offset'].upper()}").astimezone(UTC)
    if (moment.day, moment.hour, moment.minute) != (monthrange(moment.year, moment.month)[1], 23, 59):
        raise ValueError("second 60 is a leap second, which occurs only at 23:59 UTC on the last day of a month")
    return moment


def in_utc(moment: datetime) -> datetime:
    """Return ``moment`` in UTC.

    :raises ValueError: if ``moment`` has no offset from UTC.
    """
    if moment.tzinfo is None:
        raise ValueError("expected an RFC 3339 date-time with its offset from UTC, got one without")
    return moment.astimezone(UTC)


def at_least(minimum: int) -> Hook:
    """Return a check for an integer of at least ``minimum``."""

    def count(value: Any, _: Any) -> int:
        number = _integer(value, _)
        if number < minimum:
            raise ValueError(f"expected an integer >= {minimum}, got {number}")
        return number

    return count


def _or_null(check: Hook) -> Hook:
    return lambda value, cls: None if value is None else check(value, cls)


def _object(value: Any, _: Any) -> dict[str, Any]:
    if value.__class__ is not dict:
        raise _unexpected("an object", value)
    return value


def _numbers(value: Any, _: Any) -> dict[str, float]:
    # A kind whose number is null counts as absent.
    known = {} if value is None else {name: one for name, one in _object(value, _).items() if one is not None}
    for name, number in known.items():
        if number.__class__ not in (int, float):
            raise TypeError(f"expected numbers only, got {_JSON_NAMES[type(number)]} for {name!r}")
    return known


# The check for each type of a model's field.
_CHECKS: Final[dict[Any, Hook]] = {
    str: _string,
    str | None: _optional_string,
    int: _integer,
    int | None: _or_null(_integer),
    float | None: _optional_number,
    datetime: _timestamp,
    datetime | None: _or_null(_timestamp),
    Mapping[str, Any] | None: _or_null(_object),
    Mapping[str, float]: _numbers,
    Any: lambda value, _: value,
}
# An absent field of one of these types counts as null.
_NULLABLE: Final = (Any, Mapping[str, float])


def only(kind: type, expected: str, hook: Hook) -> Hook:
    """Return a check for one type of JSON value, which then passes the value to ``hook``.

    :param expected: the type's name in errors.
    """

    def checked(value: Any, cls: Any) -> Any:
        if value.__class__ is not kind:
            raise _unexpected(expected, value)
        return hook(value, cls)

    return checked


_converter: Final = Converter()


def fields_of(cls: type, checks: Mapping[str, Hook], **others: Any) -> Hook:
    """Return a hook that builds ``cls`` from an object, one check per field. Its error lists all problems."""
    others |= {name: override(rename=camel_case(name), struct_hook=check) for name, check in checks.items()}
    return make_dict_structure_fn(cls, _converter, **others)


def list_of(cls: type, hook: Hook) -> Hook:
    """Return a check for an array; ``hook`` converts each item to ``cls``."""
    _converter.register_structure_hook(cls, hook)
    return only(list, "an array", _converter.get_structure_hook(tuple[cls, ...]))  # type: ignore[valid-type]


def reader(cls: Any, **checks: Hook) -> Hook:
    """Return a hook that builds a model from an object.

    A field that may be null may also be absent. Unknown fields go to the model's ``extra``.

    :param checks: checks for fields whose type alone does not determine the check.
    """
    kinds = {name: kind for name, kind in get_type_hints(cls).items() if name != "extra"}
    read = fields_of(
        cls, {name: checks.get(name) or _CHECKS[kind] for name, kind in kinds.items()}, extra=override(omit=True)
    )
    known = frozenset(map(camel_case, kinds))
    nulls = {
        camel_case(name): None for name, kind in kinds.items() if kind in _NULLABLE or type(None) in get_args(kind)
    }

    def of(value: Any, _: Any) -> Any:
        model = read(nulls | value, cls)
        # Changing the model is safe here: nobody else has it yet.
        model.extra = {name: value[name] for name in value if name not in known}
        return model

    return only(dict, "an object", of)
