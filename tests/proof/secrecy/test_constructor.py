"""A client that cannot be made does not show the key."""

from __future__ import annotations

from typing import Any, NoReturn

import pytest

from lyzr_traces_async import (
    InvalidArgumentError,
    TracesClient,
)
from tests.proof.secrecy.listeners import KEY
from tests.proof.secrecy.showing import check_hidden

WRONG: dict[str, dict[str, Any]] = {
    "a base URL": {"base_url": "http://api.example/v1"},
    "a time-out": {"timeout": -1},
    "a number of requests": {"max_concurrency": 0},
}


def _made(**arguments: Any) -> NoReturn:
    TracesClient(**arguments)
    raise AssertionError("was made")


@pytest.mark.parametrize("name", WRONG)
def test_a_client_that_cannot_be_made_does_not_show_the_key(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It came from the environment, and the traceback has the values of the constructor's variables."""
    monkeypatch.setenv("LYZR_API_KEY", KEY)
    with pytest.raises(InvalidArgumentError) as raised:
        _made(**WRONG[name])
    check_hidden(raised.value, KEY)


@pytest.mark.parametrize("name", WRONG)
def test_nor_one_that_was_passed_to_it(name: str) -> None:
    """The caller's own variables are the caller's; the constructor's are ours."""
    with pytest.raises(InvalidArgumentError) as raised:
        _made(api_key=KEY, **WRONG[name])
    check_hidden(raised.value, KEY)


@pytest.mark.parametrize("end", ["\n", " ", "\x00", "é"])
def test_a_key_that_is_refused_is_not_shown(end: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is a whole key but for a line's end, say."""
    monkeypatch.setenv("LYZR_API_KEY", KEY)
    with pytest.raises(InvalidArgumentError) as raised:
        _made(api_key=KEY + end)
    check_hidden(raised.value, KEY)
