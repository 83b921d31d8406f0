"""A second decoder of pages, on the standard library alone: an accepted page must be equal to its result."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any, NoReturn

from lyzr_traces_async import Pagination, Trace, TracePage

KNOWN = {
    "traceId",
    "name",
    "sessionId",
    "timestamp",
    "latencySeconds",
    "totalCostUsd",
    "observationCount",
    "htmlPath",
}


def read(body: bytes) -> TracePage:
    """Read a page.

    :raises ValueError: if the body is not JSON, or does not follow the contract.
    """
    document = _of_type(_whole(json.loads(body.decode("utf-8-sig"), parse_constant=_refuse)), dict)
    place = _of_type(document["pagination"], dict)
    numbers = {name: _of_type(place[name], int) for name in ("page", "limit", "totalItems", "totalPages")}
    return TracePage(
        tuple(map(_trace, _of_type(document["traces"], list))),
        Pagination(numbers["page"], numbers["limit"], numbers["totalItems"], numbers["totalPages"]),
    )


def _trace(row: Any) -> Trace:
    _of_type(row, dict)
    return Trace(
        trace_id=_of_type(row["traceId"], str),
        name=_of_type(row.get("name"), str, type(None)),
        session_id=_of_type(row.get("sessionId"), str, type(None)),
        timestamp=_moment(_of_type(row["timestamp"], str)),
        latency_seconds=_number(row.get("latencySeconds")),
        total_cost_usd=_number(row.get("totalCostUsd")),
        observation_count=_of_type(row["observationCount"], int),
        html_path=_of_type(row.get("htmlPath"), str, type(None)),
        extra={name: value for name, value in row.items() if name not in KNOWN},
    )


def _moment(text: str) -> datetime:
    # As in RFC 3339, 5.6 and 5.7: letters of either case, and a second 60.
    text = re.sub(r"(?<=^.{16}):60(\.\d+)?", ":59.999999", re.sub("z$", "Z", text))
    return datetime.fromisoformat(text).astimezone(UTC)


def _number(value: Any) -> float | None:
    return None if value is None else float(_of_type(value, int, float))


def _whole(value: Any) -> Any:
    """Replace halves of surrogate pairs, which the standard library accepts."""
    if isinstance(value, str):
        return re.sub("[\ud800-\udfff]", "\ufffd", value)
    if isinstance(value, list):
        return list(map(_whole, value))
    if isinstance(value, dict):
        return {_whole(name): _whole(each) for name, each in value.items()}
    return value


def _of_type(value: Any, *kinds: type) -> Any:
    if type(value) not in kinds:
        raise ValueError(f"{value!r:.50} is none of {kinds}")
    return value


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")
