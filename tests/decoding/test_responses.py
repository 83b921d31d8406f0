"""A status, header fields and a body become the matching error."""

from __future__ import annotations

import json
import pickle
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from multidict import CIMultiDict

from lyzr_traces_async import errors
from lyzr_traces_async._arguments import Secret
from lyzr_traces_async._responses import Answer, error_of, request_id_of, upstream_is_limited


def answer(status: int, body: Any = b"", **fields: str) -> Answer:
    """Return an answer; its body is JSON unless it is bytes."""
    named = CIMultiDict({name.replace("_", "-"): value for name, value in fields.items()})
    return Answer(status, named, body if isinstance(body, bytes) else json.dumps(body).encode())


def nested(opening: str, depth: int, closing: str) -> Any:
    """Return a document with a 1 at this depth."""
    return json.loads(opening * depth + "1" + closing * depth)


def error(of: Answer) -> errors.APIStatusError:
    """Return the error that an answer must become."""
    found = error_of(of, str)
    assert found is not None
    return found


masked = Secret('k"y').mask


@pytest.mark.parametrize("body", [b"", b"x", b'{"error": "x"}'])
def test_a_200_is_no_error(body: bytes) -> None:
    """Its body does not matter here: the decoder reads it."""
    assert error_of(answer(200, body), str) is None


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (100, errors.APIStatusError),
        (199, errors.APIStatusError),
        (201, errors.APIStatusError),
        (204, errors.APIStatusError),
        (206, errors.APIStatusError),
        (299, errors.APIStatusError),
        (300, errors.RedirectError),
        (301, errors.RedirectError),
        (304, errors.RedirectError),
        (308, errors.RedirectError),
        (399, errors.RedirectError),
        (400, errors.BadRequestError),
        (401, errors.AuthenticationError),
        (402, errors.APIStatusError),
        (403, errors.PermissionDeniedError),
        (404, errors.NotFoundError),
        (405, errors.APIStatusError),
        (408, errors.APIStatusError),
        (428, errors.APIStatusError),
        (429, errors.RateLimitError),
        (430, errors.APIStatusError),
        (499, errors.APIStatusError),
        (500, errors.ServerError),
        (501, errors.ServerError),
        (502, errors.ServerError),
        (503, errors.ServerError),
        (504, errors.ServerError),
        (599, errors.ServerError),
        (999, errors.ServerError),
    ],
)
def test_each_status_has_its_error(status: int, kind: type[errors.APIStatusError]) -> None:
    """The class is exact, not a subclass."""
    found = error(answer(status, {"error": "what it said"}, X_Request_Id="r-1"))
    assert type(found) is kind
    assert found.status == status
    assert found.message == "what it said"
    assert found.request_id == "r-1"
    assert found.body == '{"error": "what it said"}'


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        (503, "Langfuse tracing is not configured on voice-agent-server", errors.ServiceNotConfiguredError),
        (503, "Service Unavailable", errors.ServerError),
        (502, "Langfuse tracing is not configured on voice-agent-server", errors.ServerError),
        (404, "not configured", errors.NotFoundError),
    ],
)
def test_the_permanent_503_is_told_from_others_by_its_message(
    status: int, message: str, kind: type[errors.APIStatusError]
) -> None:
    """A retry helps after a proxy's 503, and not after this one."""
    assert type(error(answer(status, {"error": message}))) is kind


@pytest.mark.parametrize(
    ("body", "begins"),
    [
        (b"", "it is empty"),
        (b" \r\n\t", "it is empty"),
        (b"<html>\n  <title>502  Bad Gateway</title>", "it begins with '<html> <title>502 Bad Gateway</title>'"),
        (b"x" * 500, f"it begins with '{'x' * 120}'"),
        (b"\xff", "it begins with '\ufffd'"),
        (b"[" * 100_000, f"it begins with '{'[' * 120}'"),
        (b'{"error": {"a": 1}}', """it begins with '{"error": {"a": 1}}'"""),
        (b'{"error": null}', """it begins with '{"error": null}'"""),
        (b'{"message": "x"}', """it begins with '{"message": "x"}'"""),
        (b'["error"]', """it begins with '["error"]'"""),
        (b"null", "it begins with 'null'"),
    ],
)
def test_an_answer_that_is_no_json_error_is_shown_as_it_begins(body: bytes, begins: str) -> None:
    """A proxy may answer with HTML or nothing."""
    assert error(answer(502, body)).message == f"the answer is no JSON error ({begins})"


def test_the_first_2_kib_of_the_body_are_kept_as_text() -> None:
    """Bytes that are not UTF-8 are replaced."""
    assert error(answer(500, b"\xff" + b"a" * 5000)).body == "\ufffd" + "a" * 2047


def test_header_fields_are_kept() -> None:
    """They help to debug. Without an X-Request-Id the error has no request id."""
    found = error(answer(500, b"", Via="proxy", Server="nginx"))
    assert {name.lower(): value for name, value in found.headers.items()} == {"via": "proxy", "server": "nginx"}
    assert found.request_id is None


@pytest.mark.parametrize(
    ("body", "issues"),
    [
        ({"error": "x", "issues": [{"path": ["limit"]}]}, [{"path": ["limit"]}]),
        ({"error": "x", "issues": {"a": 1}}, {"a": 1}),
        ({"error": "x"}, []),
        (b"<html>", []),
    ],
)
def test_a_400_has_the_findings_of_the_server(body: Any, issues: Any) -> None:
    """They are kept as decoded."""
    found = error(answer(400, body))
    assert isinstance(found, errors.BadRequestError)
    assert found.issues == issues


@pytest.mark.parametrize(
    ("fields", "seconds"),
    [
        ({}, None),
        ({"Retry_After": "31"}, 31.0),
        ({"Retry_After": "0"}, 0.0),
        ({"Retry_After": "31", "RateLimit": '"a";r=0;t=50'}, 31.0),
        ({"Retry_After": "soon", "RateLimit": '"a";r=0;t=50'}, 50.0),
        ({"RateLimit": '"a";r=0;t=50'}, 50.0),
        ({"RateLimit": '"a";r=0;t=50, "b";r=0;t=70, "c";r=0;t=60'}, 70.0),
        ({"RateLimit": '"a";r=0;t=50, "b";r=1;t=70'}, 50.0),
        ({"RateLimit": '"a";r=1;t=50'}, None),
        ({"X_RateLimit_Remaining": "0", "X_RateLimit_Reset": "9"}, 9.0),
    ],
)
def test_a_429_has_the_wait_that_the_server_asked_for(fields: dict[str, str], seconds: float | None) -> None:
    """``Retry-After`` comes first, otherwise the last reset of the quotas that are used up."""
    found = error(answer(429, {"error": "Too many requests"}, **fields))
    assert isinstance(found, errors.RateLimitError)
    assert found.retry_after == seconds


@pytest.mark.parametrize(
    ("status", "message", "too_heavy"),
    [
        (502, "Langfuse request timed out", True),
        (502, "Langfuse request failed (500)", False),
        (502, "Failed to resolve org from Pagos", False),
        (504, "anything", True),
        (500, "timed out", False),
        (503, "timed out", False),
        (429, "timed out", False),
    ],
)
def test_a_time_out_behind_the_service_may_mean_that_the_page_is_too_heavy(
    status: int, message: str, *, too_heavy: bool
) -> None:
    """A proxy's 504 with any body may mean it too."""
    assert error(answer(status, {"error": message}))._too_heavy is too_heavy


@settings(deadline=None)
@given(
    st.integers(100, 999), st.binary(max_size=100) | st.text().map(lambda text: json.dumps({"error": text}).encode())
)
def test_any_answer_stands_for_an_error_or_for_none(status: int, body: bytes) -> None:
    """Only a 200 is no error, and reading an answer never fails."""
    found = error_of(answer(status, body), str)
    assert (found is None) == (status == 200)
    if found is not None:
        assert str(found).startswith(f"HTTP {status}: ")


@pytest.mark.parametrize(
    ("status", "message", "limited"),
    [
        (502, "Langfuse request failed (429)", True),
        (502, "Langfuse request failed (500)", False),
        (502, "Langfuse request timed out", False),
        (500, "Langfuse request failed (429)", False),
        (429, "(429)", False),
        (200, "(429)", False),
    ],
)
def test_the_limit_of_the_trace_store_is_told_from_that_of_the_service(
    status: int, message: str, *, limited: bool
) -> None:
    """Its 429 arrives as a 502 whose text mentions it."""
    assert upstream_is_limited(answer(status, {"error": message})) is limited


def test_a_long_message_is_cut_after_500_characters() -> None:
    """The error's body keeps more of it."""
    found = error(answer(500, {"error": "é" * 600}))
    assert found.message == "é" * 500


def test_a_key_that_the_server_echoes_is_nowhere_in_the_error() -> None:
    """Message, body, findings and header fields are masked, also if JSON escapes the key."""
    document = {"error": 'bad key k"y', "issues": [{'at k"y': ['k"y', 7, None, {"a": 'of k"y'}]}], "other": 'k"y'}
    found = error_of(answer(400, document, X_Request_Id='r-k"y', Via='proxy k"y'), masked)
    assert isinstance(found, errors.BadRequestError)
    assert found.message == "bad key ***"
    assert found.issues == [{"at ***": ["***", 7, None, {"a": "of ***"}]}]
    assert found.headers == {"X-Request-Id": "r-***", "Via": "proxy ***"}
    assert found.request_id == "r-***"
    assert json.loads(found.body) == {"error": found.message, "issues": found.issues, "other": "***"}


def test_a_key_that_is_echoed_in_what_is_no_json_is_masked_too() -> None:
    """Both the body and the message made from it are masked."""
    found = error_of(answer(502, b'<p>k"y</p>'), masked)
    assert found is not None
    assert found.body == "<p>***</p>"
    assert found.message == "the answer is no JSON error (it begins with '<p>***</p>')"


@pytest.mark.parametrize("body", [b'{"error": "k\\"y', b'["k\\"y"]', b"<p>k&quot;y", b"%6b%22y", b'"k\\u0022y"'])
def test_a_key_that_is_echoed_in_another_spelling_is_masked_too(body: bytes) -> None:
    """Truncated JSON, HTML and URLs spell it in other ways."""
    found = error_of(answer(502, body, Location="https://h/?k%22y"), masked)
    assert found is not None
    assert "***" in found.body
    assert "***" in found.message
    assert found.headers["Location"] == "https://h/?***"


def test_a_header_field_that_is_not_utf_8_can_be_logged() -> None:
    """Its invalid bytes are replaced, so that logging the error never fails."""
    found = error(answer(500, {"error": "x"}, X_Request_Id="caf\udce9", Via="\udcff"))
    assert (found.request_id, found.headers["Via"]) == ("caf\ufffd", "\ufffd")
    assert str(found).encode()


def test_a_body_without_the_key_is_kept_as_it_came() -> None:
    """White space stays unchanged too."""
    found = error_of(answer(500, b'{ "error" :  "x" }'), masked)
    assert found is not None
    assert found.body == '{ "error" :  "x" }'


@pytest.mark.parametrize(("fields", "request_id"), [({}, None), ({"x_request_id": 'r-k"y'}, "r-***")])
def test_the_request_id_is_that_of_the_answer(fields: dict[str, str], request_id: str | None) -> None:
    """It is None if the answer has none."""
    assert request_id_of(answer(200, b"", **fields).fields, masked) == request_id


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a": ', "}")])
def test_findings_are_kept_down_to_a_depth_that_can_be_shown_and_pickled(opening: str, closing: str) -> None:
    """Twenty levels are kept, and a text takes the place of deeper ones."""
    whole = error(answer(400, {"error": "x", "issues": nested(opening, 20, closing)}))
    assert isinstance(whole, errors.BadRequestError)
    assert whole.issues == nested(opening, 20, closing)
    cut = error(answer(400, {"error": "x", "issues": nested(opening, 300, closing)}))
    assert isinstance(cut, errors.BadRequestError)
    assert json.dumps(cut.issues) == opening * 20 + '"..."' + closing * 20
    assert str(pickle.loads(pickle.dumps(cut))) == str(cut)  # noqa: S301 - our own
