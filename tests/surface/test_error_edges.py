"""Edges of the errors' texts: a trace that was not found, and who has sent a 404."""

from __future__ import annotations

import pickle

import pytest

from lyzr_traces_async import (
    AuthenticationError,
    LyzrTracesError,
    NotFoundError,
    RateLimitError,
    ServerError,
    ServiceNotConfiguredError,
)


def accepted_before(error: AuthenticationError) -> AuthenticationError:
    error._permanent = False
    return error


def with_base_url(error: NotFoundError, url: str) -> NotFoundError:
    error._base_url_without_v1 = url
    return error


def test_the_trace_of_an_error_is_shown_as_python_writes_it() -> None:
    """A trace id may be any text."""
    error = LyzrTracesError("what", session_id="s-1", trace_id="a ]b", page=3)
    assert error.trace_id == "a ]b"
    assert str(error) == "what [session s-1, trace 'a ]b', page 3]"


def test_an_error_that_was_pickled_has_its_arguments() -> None:
    """Whoever logs ``args`` finds the message there."""
    copy = pickle.loads(pickle.dumps(LyzrTracesError("what", page=3)))  # noqa: S301 - of our own making
    assert (copy.args, copy.message, copy.page) == (("what",), "what", 3)


@pytest.mark.parametrize(
    ("said", "trace_id", "of_the_trace"),
    [
        ("Trace not found", "t-1", True),
        ("Trace not found for session", "t-1", True),
        ("Trace not found", None, False),
        ("Trace session not found", "t-1", False),
        ("no such trace not found", "t-1", False),
    ],
)
def test_a_404_says_whether_the_session_or_the_trace_was_not_found(
    said: str, trace_id: str | None, *, of_the_trace: bool
) -> None:
    """Only where a trace was asked for, and the service says that it is the trace."""
    text = str(NotFoundError(said, status=404, trace_id=trace_id))
    assert ("it has no such trace" in text) is of_the_trace
    assert ("call has not ended yet" in text) is not of_the_trace


@pytest.mark.parametrize(
    ("status", "advice"),
    [
        (500, "The service failed; the same request may succeed later."),
        (501, "The server can't do this at all: check that the base URL leads to the API."),
    ],
)
def test_the_advice_of_a_server_error_goes_by_its_status(status: int, advice: str) -> None:
    """Some fail the same way each time; of the server's full stop none is left over."""
    assert str(ServerError("No.", status=status)) == f"HTTP {status}: No. {advice}"


UNKNOWN = (
    "Either no session has this id, or it belongs to another organisation or user, or the call has not ended yet: "
    "traces become readable once the session's transcript is stored"
)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (
            AuthenticationError("no", status=401),
            "HTTP 401: no. Check the API key: the `api_key` argument, or the environment variable LYZR_API_KEY.",
        ),
        (
            accepted_before(AuthenticationError("no", status=401)),
            (
                "HTTP 401: no. The key was accepted before: it has been revoked, or the service can't look it up at "
                "the moment."
            ),
        ),
        (NotFoundError("Trace session not found", status=404), f"HTTP 404: Trace session not found. {UNKNOWN}"),
        (
            NotFoundError("Trace not found", status=404, trace_id="t-1"),
            (
                "HTTP 404: Trace not found. The session exists, but it has no such trace: use a trace id from the "
                "session's list of traces. The trace may also have been deleted since [trace 't-1']"
            ),
        ),
        (
            NotFoundError("Cannot GET /", status=404),
            f"HTTP 404: Cannot GET /. {UNKNOWN}. Or the base URL does not lead to the API",
        ),
        (
            with_base_url(NotFoundError("Cannot GET /", status=404), "https://h/base"),
            "HTTP 404: Cannot GET /. The base URL https://h/base does not end in /v1; the API is at https://h/base/v1",
        ),
        (
            with_base_url(NotFoundError("Cannot GET /", status=404), "https://h/v1/traces"),
            "HTTP 404: Cannot GET /. The base URL https://h/v1/traces does not end in /v1; the API is at https://h/v1",
        ),
        (
            RateLimitError("Wait. PLEASE XX", status=429),
            (
                "HTTP 429: Wait. PLEASE XX. The service refuses requests for longer than "
                "`RetryPolicy.max_rate_limit_wait` allows to wait."
            ),
        ),
        (
            ServiceNotConfiguredError("no", status=503),
            (
                "HTTP 503: no. This deployment of the service is not set up to keep traces; only its operator can "
                "change that."
            ),
        ),
    ],
)
def test_each_error_says_what_to_do(error: LyzrTracesError, text: str) -> None:
    """The texts are compared in full."""
    assert str(error) == text
