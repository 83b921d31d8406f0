"""Look for a body that is neither read correctly nor refused with an error of ours, guided by coverage.

::

    python -m tests.proof.fuzz.decoder -runs=200000 -seed=1

The options are libFuzzer's. The exit status is 0 if nothing was found; a finding is written to a file named
``crash-...``, and ``python -m tests.proof.fuzz.decoder crash-...`` runs it again.
"""

from __future__ import annotations

import json
import pickle
import sys

try:
    import atheris
except ModuleNotFoundError:
    sys.exit("atheris is not installed; the fuzz targets need: pip install 'lyzr-traces-async[fuzz]'")

with atheris.instrument_imports(include=["lyzr_traces_async", "cattrs"], exclude=["lyzr_traces_async.testing"]):
    from multidict import CIMultiDict

    from lyzr_traces_async import LyzrTracesError, ResponseDecodeError, TraceDetail, TracePage
    from lyzr_traces_async._decoding import decode_page, decode_sessions, decode_trace
    from lyzr_traces_async._json import read_json
    from lyzr_traces_async._responses import Answer, error_of
    from lyzr_traces_async._shape import read_thoroughly
    from lyzr_traces_async._siblings import SessionsPage
    from tests.helpers import plain_page
    from tests.proof.fuzz.corpus import fuzz

TRACE = {
    "traceId": "trace-abc-123",
    "name": "voice-agent-response",
    "sessionId": "3fa85f64-5717-4562-b3fc-2c963f66afa6",
    "timestamp": "2026-03-25T18:19:24.347Z",
    "latencySeconds": 1.25,
    "totalCostUsd": 0.0034,
    "observationCount": 4,
    "htmlPath": "/traces/view/trace-abc-123",
}
PLACE = {"page": 1, "limit": 10, "totalItems": 45, "totalPages": 5}
MOMENT = "2026-03-25T18:19:24.347Z"
OBSERVATION = {
    "id": "o-1",
    "type": "GENERATION",
    "startTime": MOMENT,
    "endTime": MOMENT,
    "parentObservationId": "o-1",
    "modelParameters": {"temperature": 0.5},
    "input": [{"role": "user", "content": None}],
    "usageDetails": {"input": 3, "output": None},
}
SESSION = {
    "sessionId": "s-1",
    "roomName": "room",
    "startedAt": MOMENT,
    "endedAt": MOMENT,
    "durationMs": 1250,
    "messageCount": 3,
    "chatHistory": [{"content": "hello"}],
    "new": [1],
}

SEEDS = [
    *(json.dumps({"traces": traces, "pagination": PLACE}).encode() for traces in ([], [TRACE], [TRACE, TRACE])),
    json.dumps({"traces": [{**TRACE, "extra": [1, {"a": None}], "latencySeconds": 1}], "pagination": PLACE}).encode(),
    json.dumps({"traces": [dict.fromkeys(TRACE)], "pagination": dict.fromkeys(PLACE)}).encode(),
    json.dumps({"traces": [{**TRACE, "timestamp": "2016-12-31t23:59:60z"}], "pagination": PLACE}).encode(),
    json.dumps({"traces": [{**TRACE, "timestamp": "0001-01-01T00:00:00+23:59"}], "pagination": PLACE}).encode(),
    b'{"traces": [{"traceId": "\\ud83d\\ude00", "latencySeconds": 1e308}], "pagination": {"page": 1'
    + b"0" * 400
    + b"}}",
    json.dumps({"trace": {**TRACE, "observations": [OBSERVATION, {**OBSERVATION, "id": "o-2"}]}}).encode(),
    json.dumps({"items": [SESSION, SESSION], "total": 9, "limit": 2, "offset": 0, "nextOffset": 2}).encode(),
    b'{"error": "Internal server error"}',
    b'{"error": "Validation failed", "issues": [{"path": ["page"], "code": "too_small"}, null, 1.5]}',
    b'{"error": "no", "issues": ' + b"[" * 800 + b"]" * 800 + b"}",
    b"<!DOCTYPE html><title>502 Bad Gateway</title>",
    b"\xef\xbb\xbf{}",
    b"[" * 2000,
]

WORDS = [
    *(json.dumps(name).encode() for name in ("traces", "pagination", *TRACE, *PLACE, *OBSERVATION, *SESSION)),
    *(b"null", b"true", b"false", b"{}", b"[]", b'""', b"NaN", b"Infinity", b"-0", b"1e308", b"1e-400", b"9" * 40),
    *(
        b"\\ud800",
        b"\\udfff",
        b"\\u0000",
        b"\xef\xbb\xbf",
        b"\xff",
        b":60",
        b"9999-12-31T23:59:59-23:59",
        b"2026-W01-1T00Z",
    ),
]


def one_input(body: bytes) -> None:
    """Read a body as an answer of every kind. Any exception from here is a finding."""
    for status in (400, 502):
        failure = error_of(Answer(status, CIMultiDict(), body), str)
        assert failure is not None, "an error taken for a page"
        assert failure.status == status, "another error"
        _check_text(failure)
    try:
        page = decode_page(body)
    except ResponseDecodeError as error:
        _check_text(error)
    else:
        assert type(page) is TracePage, "something else than a page"
        reference = plain_page.read(body)
        # The second tells 1 from 1.0.
        assert page == reference, "read otherwise than the standard library does"
        assert repr(page) == repr(reference), "read otherwise than the standard library does"
        assert repr(page) == repr(read_thoroughly(read_json(body))), "read otherwise the quick way than thoroughly"
    for decode in (decode_trace, decode_sessions):
        try:
            value = decode(body)
        except ResponseDecodeError as error:
            _check_text(error)
        else:
            _check_value(value)


def _check_value(value: TraceDetail | SessionsPage) -> None:
    assert pickle.loads(pickle.dumps(value)) == value, "pickled to something else"  # noqa: S301 - our own
    hash(value)
    models = (value,) if isinstance(value, TraceDetail) else value.items
    assert all(json.dumps(model.to_dict(), allow_nan=False) for model in models), "written as something else than JSON"
    if isinstance(value, TraceDetail):
        nodes = list(value.tree())
        for node in nodes:
            nodes += node.children
        assert sorted(repr(node.observation) for node in nodes) == sorted(map(repr, value.observations)), "another tree"


def _check_text(error: LyzrTracesError) -> None:
    assert str(error).encode(), "an error that can't be written down"
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
    assert str(copy) == str(error), "pickled to something else"
    assert not isinstance(error, ResponseDecodeError) or error.problems, "refused without saying why"


if __name__ == "__main__":
    fuzz(one_input, SEEDS, WORDS)
