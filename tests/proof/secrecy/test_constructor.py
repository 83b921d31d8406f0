"""A client that cannot be made does not show the key."""

from __future__ import annotations

from typing import Any

import pytest

from lyzr_traces_async import InvalidArgumentError, TracesClient
from tests.proof.secrecy.listeners import KEY
from tests.proof.secrecy.showing import check_hidden

UNMAKEABLE: dict[str, dict[str, Any]] = {
    "a base URL": {"base_url": "http://api.example/v1"},
    "a time-out": {"timeout": -1},
    "a number of requests": {"max_concurrency": 0},
    "a policy": {"retry": None},
    "a session": {"session": "x"},
    "a flag": {"allow_http": 1},
}


@pytest.mark.parametrize("given", ["as an argument", "by the environment"])
@pytest.mark.parametrize("name", UNMAKEABLE)
def test_a_client_that_cannot_be_made_does_not_show_the_key(
    name: str, given: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The traceback may show the variables of the constructor, and none of them holds the key."""
    arguments = dict(UNMAKEABLE[name])
    if given == "as an argument":
        arguments["api_key"] = KEY
    else:
        monkeypatch.setenv("LYZR_API_KEY", KEY)
    with pytest.raises(InvalidArgumentError) as caught:
        TracesClient(**arguments)
    check_hidden(caught.value, KEY)


@pytest.mark.parametrize("key", [f"{KEY}\n", f"{KEY} ", f" {KEY}", f"{KEY}\x00", f"{KEY}é"])
def test_a_key_that_is_refused_is_not_shown(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may differ from the real key, which the environment has, in one character only."""
    monkeypatch.setenv("LYZR_API_KEY", KEY)
    with pytest.raises(InvalidArgumentError) as caught:
        TracesClient(key)
    check_hidden(caught.value, KEY)
