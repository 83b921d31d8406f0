"""The tree of errors, their attributes, and that both survive pickling."""

from __future__ import annotations

import copy
import pickle
from typing import Any, Final

import pytest

from lyzr_traces_async import errors
from lyzr_traces_async.errors import LyzrTracesError

# The tree in the module's docstring: each class with its bases.
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
    """Return all arguments of a class beside the message."""
    given: dict[str, Any] = {"session_id": "s-1", "page": 3, "attempts": 6, "request_id": "r-1"} | OWN.get(
        cls.__name__, {}
    )
    if issubclass(cls, errors.APIStatusError):
        given |= {"status": 418, "headers": {"via": "proxy"}, "body": "the body"}
    return given


def bare(cls: type[LyzrTracesError], message: str = "what went wrong") -> LyzrTracesError:
    """Return an error with only its required arguments."""
    required: dict[str, Any] = {"status": 418} if issubclass(cls, errors.APIStatusError) else {}
    return cls(message, **required)


def test_the_tree_has_all_errors() -> None:
    """The module exports no other name."""
    assert sorted(TREE) == errors.__all__


@pytest.mark.parametrize("name", TREE)
def test_each_error_stands_where_it_is_drawn(name: str) -> None:
    """It has the built-in bases by which one would catch it, and a docstring."""
    cls = getattr(errors, name)
    assert cls.__bases__ == TREE[name]
    assert cls.__module__ == "lyzr_traces_async.errors"
    assert cls.__doc__


def test_the_drawing_in_the_docstring_is_the_tree() -> None:
    """Each line names a class and its bases in parentheses."""
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
def test_an_error_keeps_its_arguments(cls: type[LyzrTracesError]) -> None:
    """Each is an attribute of the same name, and only the message is in ``args``."""
    error = cls("what went wrong", **arguments(cls))
    assert error.message == "what went wrong"
    assert error.args == ("what went wrong",)
    for name, value in arguments(cls).items():
        assert getattr(error, name) == value


@pytest.mark.parametrize("cls", CLASSES)
def test_unknown_attributes_are_none_or_empty(cls: type[LyzrTracesError]) -> None:
    """The defaults apply to all arguments but the message."""
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
    """All attributes survive, also those that were set later."""
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
    """Concurrent code copies errors."""
    error = cls("what went wrong", **arguments(cls))
    for again in (copy.copy(error), copy.deepcopy(error)):
        assert type(again) is cls
        assert again is not error
        assert (again.__dict__, again.args) == (error.__dict__, error.args)


@pytest.mark.parametrize("cls", CLASSES)
def test_the_text_of_an_error_is_its_message_with_the_particulars_behind_it(cls: type[LyzrTracesError]) -> None:
    """Session, page, attempts and request id follow in one place."""
    text = str(cls("what went wrong", **arguments(cls)))
    assert text.endswith(" [session s-1, page 3, attempt 6, request id r-1]")
    if issubclass(cls, errors.APIStatusError):
        assert text.startswith("HTTP 418: what went wrong")
        assert ADVICE[cls.__name__] in text
    else:
        assert text == "what went wrong [session s-1, page 3, attempt 6, request id r-1]"


@pytest.mark.parametrize("cls", CLASSES)
def test_without_particulars_nothing_stands_behind_the_message(cls: type[LyzrTracesError]) -> None:
    """There are no empty brackets."""
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
    """Any of them may be known."""
    assert str(LyzrTracesError("what", **given)) == f"what {shown}"


@pytest.mark.parametrize("name", ADVICE)
def test_the_error_of_a_status_says_what_to_do(name: str) -> None:
    """The advice follows the server's text, and ``message`` has the server's text only."""
    error = bare(getattr(errors, name), "no")
    assert error.message == "no"
    if ADVICE[name]:
        assert str(error).startswith("HTTP 418: no. ")
        assert ADVICE[name] in str(error)
    else:
        assert str(error) == "HTTP 418: no"


@pytest.mark.parametrize("said", ["Cannot GET /traces", "the answer is no JSON error (it is empty)", "no session"])
def test_a_404_of_another_server_casts_doubt_on_the_base_url(said: str) -> None:
    """That server does not know traces."""
    assert "base URL" in str(errors.NotFoundError(said, status=404))


@pytest.mark.parametrize("said", ["Trace session not found", "Trace not found", "Trace not found for session"])
def test_a_404_of_the_service_does_not_doubt_the_base_url(said: str) -> None:
    """It may come from the service or from the trace store behind it."""
    assert "base URL" not in str(errors.NotFoundError(said, status=404))


def test_a_401_of_a_key_that_was_good_says_so() -> None:
    """The caller need not look for a misspelt key then."""
    error = errors.AuthenticationError("Invalid x-api-key", status=401)
    assert "LYZR_API_KEY" in str(error)
    error._permanent = False
    assert "accepted before" in str(error)
    assert "LYZR_API_KEY" not in str(error)


def test_a_429_says_how_long_the_server_asked_to_wait() -> None:
    """It says nothing if the server did not. A sentence of the server keeps one full stop."""
    said = str(errors.RateLimitError("Too many requests.", status=429, retry_after=500.0))
    assert said.startswith("HTTP 429: Too many requests. The service refuses")
    assert said.endswith(" The server asks to wait 500 s.")
    assert "asks to wait" not in str(errors.RateLimitError("no", status=429))


def test_the_advice_of_different_errors_is_different() -> None:
    """The advice for a permanent 503 does not suggest a later attempt."""
    texts = {str(bare(getattr(errors, name))) for name in ADVICE}
    assert len(texts) == len(ADVICE)


def test_the_headers_of_an_error_are_its_own() -> None:
    """Later changes to the given mapping do not change them."""
    headers = {"via": "proxy"}
    error = errors.APIStatusError("no", status=500, headers=headers)
    headers.clear()
    assert error.headers == {"via": "proxy"}


def test_the_headers_of_an_error_are_found_in_any_case() -> None:
    """HTTP ignores the case. This survives pickling."""
    error = errors.APIStatusError("no", status=500, headers={"Via": "proxy"})
    for one in (error, pickle.loads(pickle.dumps(error))):  # noqa: S301 - of our own making
        assert one.headers["via"] == one.headers["VIA"] == "proxy"
