"""Look for header fields that break their reader, or the queue of requests behind it, guided by coverage.

::

    python -m tests.proof.fuzz.header_fields -runs=200000 -seed=1

The options are libFuzzer's. The exit status is 0 if nothing was found; a finding is written to a file named
``crash-...``, and ``python -m tests.proof.fuzz.header_fields crash-...`` runs it again.

An input is a text of lines. A line that begins with one of the letters of ``FIELDS`` is a header field; one that
begins with ``=`` ends an answer, and tells its status and how many seconds it took: ``=429 0.5``.
"""

from __future__ import annotations

import random
import sys
from collections import deque
from collections.abc import Iterator

try:
    import atheris
except ModuleNotFoundError:
    sys.exit("atheris is not installed; the fuzz targets need: pip install 'lyzr-traces-async[fuzz]'")

with atheris.instrument_imports(include=["lyzr_traces_async", "http_sf"], exclude=["lyzr_traces_async.testing"]):
    from multidict import CIMultiDict

    from lyzr_traces_async import RateLimitError, RetryPolicy
    from lyzr_traces_async._fields import quotas, retry_after
    from lyzr_traces_async._pacing import Pacer, Ticket
    from lyzr_traces_async._responses import Answer, error_of, upstream_is_limited
    from lyzr_traces_async._retrying import Attempts
    from tests.proof.fuzz.corpus import fuzz

FIELDS = {
    "a": "RateLimit",
    "b": "RateLimit-Policy",
    "c": "RateLimit-Limit",
    "d": "RateLimit-Remaining",
    "e": "RateLimit-Reset",
    "f": "X-RateLimit-Limit",
    "g": "X-RateLimit-Remaining",
    "h": "X-RateLimit-Reset",
    "i": "Retry-After",
    "j": "Date",
}
LETTERS = {name: letter for letter, name in FIELDS.items()}

POLICY = RetryPolicy(max_rate_limit_wait=120)
AT_ONCE = 3
ENOUGH_WAITS = 20

MONDAY = "Mon, 23 Nov 2026 07:00:00 GMT"


def _text(*answers: tuple[str, dict[str, str]]) -> bytes:
    lines = []
    for end, fields in answers:
        lines += [f"{LETTERS[name]}{value}" for name, value in fields.items()]
        lines.append(f"={end}")
    return "\n".join(lines).encode()


def _ietf(remaining: int, reset: int) -> dict[str, str]:
    return {
        "RateLimit": f'"100-in-1min"; r={remaining}; t={reset}',
        "RateLimit-Policy": '"100-in-1min"; q=100; w=60; pk=:MTJjYTE3YjQ5YWYy:',
    }


SEEDS = [
    _text(("200 0.1", _ietf(99, 60)), ("200 0.1", _ietf(1, 59)), ("200 0.1", _ietf(0, 59)), ("200 1", _ietf(99, 60))),
    _text(("200 0.1", _ietf(0, 60)), ("429 0.1", {**_ietf(0, 58), "Retry-After": "58"}), ("200 0.1", _ietf(99, 60))),
    _text(("429 0", {"Retry-After": "Mon, 23 Nov 2026 07:00:30 GMT", "Date": MONDAY}), ("200 0", {})),
    _text(("429 0", {"Retry-After": "1.5"}), ("503 0", {"Retry-After": "3600"}), ("502 0", {}), ("502 9", {})),
    _text(("200 0", {"RateLimit-Remaining": "0", "RateLimit-Reset": "7", "RateLimit-Limit": "100"}), ("200 0", {})),
    _text(("200 0", {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1795417260", "Date": MONDAY}), ("200 0", {})),
    _text(("200 0", {"RateLimit": '"a";r=1;t=1, "b";r=0;t=60', "RateLimit-Policy": '"a";q=2;w=1, "b";q=9;w=60'})),
    _text(("200 0", {"RateLimit": '"a";r=0', "RateLimit-Policy": '"a";q=0;w=0'}), ("200 0", {}), ("200 0", {})),
    _text(("200 0", {"RateLimit-Remaining": "0", "RateLimit-Reset": "-1"}), ("200 0", {"RateLimit": '"a";r=0;t=-1'})),
    _text(("429 0", {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "nan", "Retry-After": "-1"}), ("200 0", {})),
    _text(("200 0", {"RateLimit": "tok;r=?1;t=1.5, 1;r=:aa==:, @12;t=%22a%22, (1 2);r=1"}), ("600 130", {})),
]

WORDS = [
    *(f"\n{letter}".encode() for letter in FIELDS),
    *(
        b"\n=200 0",
        b"\n=429 0.1",
        b"\n=502 1",
        b"\n=503 130",
        b";r=0",
        b";t=0",
        b";t=999999999999999",
        b";q=0",
        b";w=0",
    ),
    *(b"nan", b"inf", b"-1", b"1e400", b"9" * 400, b"@99999999999999", b"@-62135596801", b'%"%ff"', b":YQ==:", b"?1"),
    *(b"Mon, 23 Nov 2026 07:00:00 GMT", b"Monday, 23-Nov-26 07:00:00 GMT", b"Mon Nov 23 07:00:00 2026", b" -2359"),
    *(b"31 Dec 9999 23:59:59 -2359", b"1 Jan 1 0:0:0 +2359", b"12.34.56", b"\xff", b"\xc2\xb2"),
]


def one_input(data: bytes) -> None:
    """Read the header fields, and feed them to a pacer. Any exception from here is a finding."""
    random.seed(0)  # for the jitter of the back-off
    answers = list(_answers(data))
    for _, answer in answers:
        _check_reading(answer)
    _Service(answers).serve()


def _answers(data: bytes) -> Iterator[tuple[float, Answer]]:
    fields: CIMultiDict[str] = CIMultiDict()
    # As aiohttp decodes header fields.
    for line in data.decode("utf-8", "surrogateescape").split("\n"):
        if line[:1] in FIELDS:
            fields.add(FIELDS[line[0]], line[1:])
        elif line[:1] == "=":
            status, seconds = _end(line[1:])
            body = b'{"error": "Langfuse request failed (429)"}' if status == 502 else b""
            yield seconds, Answer(status, fields, body)
            fields = CIMultiDict()


def _end(text: str) -> tuple[int, float]:
    status, _, seconds = text.partition(" ")
    try:
        return int(status[:3]), min(abs(float(seconds)), 300.0)
    except ValueError:
        return 200, 0.0


def _check_reading(answer: Answer) -> None:
    for quota in quotas(answer.fields):
        assert type(quota.remaining) is int, quota
        assert quota.remaining >= 0, quota
        assert quota.reset >= 0, quota
        assert quota.requests is None or quota.requests >= 0, quota
    wait = retry_after(answer.fields)
    assert wait is None or wait >= 0, wait


class _Service:
    """The service, and three callers that send requests without end, with a clock of their own."""

    def __init__(self, answers: list[tuple[float, Answer]]) -> None:
        self._answers = deque(answers)
        self._pacer = Pacer()
        self._attempts = Attempts(POLICY)
        self._under_way: deque[Ticket] = deque()
        self._now = self._got_through = 1000.0

    def serve(self) -> None:
        """Answer until the answers run out."""
        waits = 0
        while self._answers:
            admitted = self._pacer.admit(self._now, POLICY.max_rate_limit_wait)
            if isinstance(admitted, Ticket):
                waits = 0
                self._under_way.append(admitted)
                if len(self._under_way) == AT_ONCE:
                    self._answer()
                continue
            assert admitted > 0, f"a wait of {admitted} s"
            if self._under_way:
                self._answer()
                continue
            assert admitted <= POLICY.max_rate_limit_wait, f"nothing is under way, and the wait is {admitted} s"
            waits += 1
            assert waits < ENOUGH_WAITS, "waiting does not help"
            self._now += admitted

    def _answer(self) -> None:
        seconds, answer = self._answers.popleft()
        self._now += seconds
        # Answers may come in another order than the requests.
        ticket = self._under_way.pop() if seconds % 1 else self._under_way.popleft()
        if not 200 <= answer.status < 600:
            self._pacer.unanswered(ticket)
            return
        limited = upstream_is_limited(answer)
        told = quotas(answer.fields)
        self._pacer.answered(ticket, self._now, status=answer.status, quotas=told, upstream_is_limited=limited)
        error = error_of(answer, str)
        if not isinstance(error, RateLimitError):
            self._got_through = self._now
        if error is None:
            return
        if not self._attempts.again(error, now=self._now, got_through=self._got_through):
            self._attempts = Attempts(POLICY)
            return
        assert 0 <= self._attempts.wait <= POLICY.max_rate_limit_wait, self._attempts.wait
        if isinstance(error, RateLimitError):
            self._pacer.refused(self._now, self._attempts.wait)


if __name__ == "__main__":
    fuzz(one_input, SEEDS, WORDS)
