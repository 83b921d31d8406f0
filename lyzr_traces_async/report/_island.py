"""The data in the page: JSON that is safe inside HTML. Traces are stored as columns, which take less room. Pure."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, Final

from .._links import link_of
from .._text import visible
from ..errors import InvalidArgumentError
from ..models import SessionTraces, Trace

__all__ = ["encode", "encode_session"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)

# Characters that could end the element around the data, or begin another. In JSON they occur only inside strings.
_ESCAPES: Final = str.maketrans({"<": r"\u003c", ">": r"\u003e", "&": r"\u0026"})


def encode(value: Any) -> str:
    r"""Return ``value`` as ASCII JSON without ``<``, ``>`` and ``&``, which is safe in HTML in any encoding."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False).translate(_ESCAPES)


def encode_session(session: SessionTraces, dashboard: str | None) -> str:
    """Return one session as JSON in the form that the page's script reads.

    Control characters in texts are replaced by escapes. Times are in milliseconds: ``begin`` since 1970, ``start``
    since ``begin``. ``name`` and ``path`` are indexes into ``names`` and ``paths``. A path is
    ``[before, after, whether it is a link]``, and the trace's id goes between ``before`` and ``after``. If ``after`` is
    null, ``before`` is the whole path. Paths are split because nearly all of them differ only in the id.

    :raises InvalidArgumentError: if ``session`` is not a ``SessionTraces``.
    """
    if not isinstance(session, SessionTraces):
        raise InvalidArgumentError(f"sessions must be an iterable of SessionTraces, but one item is {session!r:.80}")
    head: dict[str, Any] = {"id": visible(session.session_id), "error": None}
    if session.error is not None:
        return encode(
            head | {"error": visible(f"{type(session.error).__name__}: {session.error}"), **_columns((), None)}
        )
    return encode(head | _columns(session.traces, dashboard))


def _columns(traces: tuple[Trace, ...], dashboard: str | None) -> dict[str, Any]:
    starts = [(trace.timestamp.astimezone(UTC) - _EPOCH) // _MICROSECOND for trace in traces]
    begin = min(starts, default=0)
    names, name = _interned(None if trace.name is None else visible(trace.name) for trace in traces)
    paths, path = _interned(None if trace.html_path is None else _path(trace, dashboard) for trace in traces)
    return {
        "begin": _milliseconds(begin),
        "names": names,
        "paths": paths,
        "trace": [visible(trace.trace_id) for trace in traces],
        "start": [_milliseconds(start - begin) for start in starts],
        "name": name,
        "latency": [_finite(trace.latency_seconds) for trace in traces],
        "cost": [_finite(trace.total_cost_usd) for trace in traces],
        "observations": [trace.observation_count for trace in traces],
        "path": path,
    }


def _interned(values: Iterable[Any]) -> tuple[list[Any], list[int]]:
    """Return the distinct values in order of first occurrence, and for each value its index in that list."""
    counter = count()
    known: dict[Any, int] = {}
    indexes = [known[value] if value in known else known.setdefault(value, next(counter)) for value in values]
    return list(known), indexes


def _path(trace: Trace, dashboard: str | None) -> tuple[str, str | None, bool]:
    link = link_of(trace.html_path or "", dashboard)
    text = visible(trace.html_path or "") if link is None else link
    shown = visible(trace.trace_id)
    before, found, after = text.partition(shown) if shown else (text, "", "")
    return before, after if found else None, link is not None


def _milliseconds(microseconds: int) -> float:
    whole, rest = divmod(microseconds, 1000)
    return whole + rest / 1000 if rest else whole


def _finite(number: float | None) -> float | None:
    return number if number is not None and math.isfinite(number) else None
