"""The tree of errors, what they carry, and that all of it survives pickling."""

from __future__ import annotations

import copy
import pickle
from typing import Any, Final

import pytest

from lyzr_traces_async import errors
from lyzr_traces_async.errors import LyzrTracesError

# As drawn in the module's docstring: each class with its bases.
TREE: Final[dict[str, tuple[type, ...]]] = {
    "LyzrTracesError": (Exception,),
    "InvalidArgumentError": (LyzrTracesError, ValueError),
    "ClientClosedError": (LyzrTracesError, RuntimeError),
    "WrongEventLoopError": (LyzrTracesError, RuntimeError),
    "APIConnectionError": (LyzrTracesError,),
    "APITimeoutError": (errors.APIConnectionError, TimeoutError),
    "APIStatusError": (LyzrTracesError,),
    "BadRequestError": (errors.APIStatusError,),
    "AuthenticationError": (errors.APIStatusError,),
    "PermissionDeniedError": (errors.APIStatusError,),
    "NotFoundError": (errors.APIStatusError,),
    "RateLimitError": (errors.APIStatusError,),
    "RedirectError": (errors.APIStatusError,),
    "ServerError": (errors.APIStatusError,),
    "ServiceNotConfiguredError": (errors.ServerError,),
    "ResponseDecodeError": (LyzrTracesError,),
    "ResponseTooLargeError": (LyzrTracesError,),
    "PaginationError": (LyzrTracesError,),
    "StorageError": (LyzrTracesError,),
}
CLASSES: Final[list[type[LyzrTracesError]]] = [getattr(errors, name) for name in TREE]
OWN: Final[dict[str, Any]] = {
    "BadRequestError": {"issues": [{"path": ["limit"]}]},
    "RateLimitError": {"retry_after": 31.5},
    "ResponseDecodeError": {"problems": ("traces[3].traceId: required, but missing", "another")},
}
ADVICE: Final = {
    "APIStatusError": "",
    "BadRequestError": "`.issues`",
    "AuthenticationError": "LYZR_API_KEY",
    "PermissionDeniedError": "may not read this",
    "NotFoundError": "the call has not ended yet",
    "RateLimitError": "max_rate_limit_wait",
    "RedirectError": "never followed",
    "ServerError": "may succeed later",
    "ServiceNotConfiguredError": "not set up to keep traces",
}


def arguments(cls: type[LyzrTracesError]) -> dict[str, Any]:
    """Return all that a class can be constructed with, beside the message."""
    given: dict[str, Any] = {"session_id": "s-1", "page": 3, "attempts": 6, "request_id": "r-1"} | OWN.get(
        cls.__name__, {}
    )
    if issubclass(cls, errors.APIStatusError):
        given |= {"status": 418, "headers": {"via": "proxy"}, "body": "the body"}
    return given


def bare(cls: type[LyzrTracesError], message: str = "what went wrong") -> LyzrTracesError:
    """Return an error with nothing known but what must be."""
    required: dict[str, Any] = {"status": 418} if issubclass(cls, errors.APIStatusError) else {}
    return cls(message, **required)


def test_the_tree_has_all_errors() -> None:
    """And the module exports no other name."""
    assert sorted(TREE) == errors.__all__


@pytest.mark.parametrize("name", TREE)
def test_each_error_stands_where_it_is_drawn(name: str) -> None:
    """With the bases of Python that one would catch it by, and with a word about what it means."""
    cls = getattr(errors, name)
    assert cls.__bases__ == TREE[name]
    assert cls.__module__ == "lyzr_traces_async.errors"
    assert cls.__doc__


def test_the_drawing_in_the_docstring_is_the_tree() -> None:
    """Line by line, with the bases in parentheses."""
    assert errors.__doc__ is not None
    path: list[str] = []
    drawn: dict[str, str] = {}
    for line in errors.__doc__.splitlines():
        mark, _, rest = line.rpartition("── ")
        name, *notes = rest.split() or [""]
        if name not in TREE:
            continue
        depth = 0 if not mark else (len(mark.strip("\n")) - 5) // 4 + 1
        path[depth:] = [name]
        cls = getattr(errors, name)
        drawn[name] = path[depth - 1] if depth else ""
        outside = [base.__name__ for base in cls.__bases__[1:]]
        assert [note.strip("()") for note in notes if note.startswith("(")] == outside
    assert drawn == {name: "" if bases == (Exception,) else bases[0].__name__ for name, bases in TREE.items()}


@pytest.mark.parametrize("cls", CLASSES)
def test_an_error_has_what_it_was_given(cls: type[LyzrTracesError]) -> None:
    """Each under its own name; the message alone is in ``args``."""
    error = cls("what went wrong", **arguments(cls))
    assert error.message == "what went wrong"
    assert error.args == ("what went wrong",)
    for name, value in arguments(cls).items():
        assert getattr(error, name) == value


@pytest.mark.parametrize("cls", CLASSES)
def test_what_is_not_known_is_none(cls: type[LyzrTracesError]) -> None:
    """Or empty."""
    error = bare(cls)
    assert (error.session_id, error.page, error.attempts, error.request_id) == (None, None, None, None)
    assert error._too_heavy is False
    if isinstance(error, errors.APIStatusError):
        assert (error.headers, error.body) == ({}, "")
    if isinstance(error, errors.APIConnectionError):
        assert (error._dropped, error._permanent) == (False, False)
    if isinstance(error, errors.RateLimitError):
        assert error.retry_after is None
    if isinstance(error, errors.BadRequestError):
        assert error.issues == ()
    if isinstance(error, errors.ResponseDecodeError):
        assert (error.problems, error._no_json) == ((), False)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("cls", CLASSES)
def test_every_error_can_be_pickled(cls: type[LyzrTracesError], protocol: int) -> None:
    """With all that it carries, also what was set later."""
    error = cls("what went wrong", **arguments(cls))
    error._too_heavy = True
    error.page = 4
    error.add_note("a note")
    again = pickle.loads(pickle.dumps(error, protocol))  # noqa: S301 - of our own making
    assert type(again) is cls
    assert again.__dict__ == error.__dict__
    assert again.args == error.args
    assert str(again) == str(error)


@pytest.mark.parametrize("cls", CLASSES)
def test_every_error_can_be_copied(cls: type[LyzrTracesError]) -> None:
    """Concurrent code does that to errors."""
    error = cls("what went wrong", **arguments(cls))
    for again in (copy.copy(error), copy.deepcopy(error)):
        assert type(again) is cls
        assert again is not error
        assert (again.__dict__, again.args) == (error.__dict__, error.args)


@pytest.mark.parametrize("cls", CLASSES)
def test_the_text_of_an_error_is_its_message_with_the_particulars_behind_it(cls: type[LyzrTracesError]) -> None:
    """All of them, in one place."""
    text = str(cls("what went wrong", **arguments(cls)))
    assert text.endswith(" [session s-1, page 3, attempt 6, request id r-1]")
    if issubclass(cls, errors.APIStatusError):
        assert text.startswith("HTTP 418: what went wrong")
        assert ADVICE[cls.__name__] in text
    else:
        assert text == "what went wrong [session s-1, page 3, attempt 6, request id r-1]"


@pytest.mark.parametrize("cls", CLASSES)
def test_without_particulars_nothing_stands_behind_the_message(cls: type[LyzrTracesError]) -> None:
    """Not even brackets."""
    text = str(bare(cls))
    assert "[" not in text
    assert "None" not in text
    if not issubclass(cls, errors.APIStatusError):
        assert text == "what went wrong"


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ({"session_id": "s-1"}, "[session s-1]"),
        ({"page": 3}, "[page 3]"),
        ({"attempts": 1}, "[attempt 1]"),
        ({"request_id": "r-1"}, "[request id r-1]"),
        ({"session_id": "s-1", "request_id": "r-1"}, "[session s-1, request id r-1]"),
        ({"attempts": 0}, "[attempt 0]"),
    ],
)
def test_only_known_particulars_are_shown(given: dict[str, Any], shown: str) -> None:
    """What is known may be any of them."""
    assert str(LyzrTracesError("what", **given)) == f"what {shown}"


@pytest.mark.parametrize("name", ADVICE)
def test_the_error_of_a_status_says_what_to_do(name: str) -> None:
    """After what the server said, and only there: ``message`` is the server's alone."""
    error = bare(getattr(errors, name), "no")
    assert error.message == "no"
    if ADVICE[name]:
        assert str(error).startswith("HTTP 418: no. ")
        assert ADVICE[name] in str(error)
    else:
        assert str(error) == "HTTP 418: no"


@pytest.mark.parametrize("said", ["Cannot GET /traces", "the answer is no JSON error (it is empty)", "no session"])
def test_a_404_of_somebody_else_casts_doubt_on_the_base_url(said: str) -> None:
    """Nobody there knows of traces."""
    assert "base URL" in str(errors.NotFoundError(said, status=404))


@pytest.mark.parametrize("said", ["Trace session not found", "Trace not found", "Trace not found for session"])
def test_a_404_of_the_service_does_not(said: str) -> None:
    """Of the service itself, or of the trace store behind it."""
    assert "base URL" not in str(errors.NotFoundError(said, status=404))


def test_a_401_of_a_key_that_was_good_says_so() -> None:
    """It is of no use then to look at how it was spelled."""
    error = errors.AuthenticationError("Invalid x-api-key", status=401)
    assert "LYZR_API_KEY" in str(error)
    error._permanent = False
    assert "accepted before" in str(error)
    assert "LYZR_API_KEY" not in str(error)


def test_a_429_says_how_long_the_server_asked_to_wait() -> None:
    """Where it did; and a sentence of the server's has one full stop."""
    said = str(errors.RateLimitError("Too many requests.", status=429, retry_after=500.0))
    assert said.startswith("HTTP 429: Too many requests. The service refuses")
    assert said.endswith(" The server asks to wait 500 s.")
    assert "asks to wait" not in str(errors.RateLimitError("no", status=429))


def test_the_advice_of_different_errors_is_different() -> None:
    """A permanent 503 is not told to succeed later."""
    texts = {str(bare(getattr(errors, name))) for name in ADVICE}
    assert len(texts) == len(ADVICE)


def test_the_headers_of_an_error_are_its_own() -> None:
    """A mapping that is changed later does not change them."""
    headers = {"via": "proxy"}
    error = errors.APIStatusError("no", status=500, headers=headers)
    headers.clear()
    assert error.headers == {"via": "proxy"}


def test_the_headers_of_an_error_are_found_in_any_case() -> None:
    """As HTTP has it; also after pickling."""
    error = errors.APIStatusError("no", status=500, headers={"Via": "proxy"})
    for one in (error, pickle.loads(pickle.dumps(error))):  # noqa: S301 - of our own making
        assert one.headers["via"] == one.headers["VIA"] == "proxy"
