"""API keys that users pass in: the valid ones, and that no error shows one."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest

from lyzr_traces_async._arguments import (
    Secret,
    check_base_url,
    check_key,
    session_id_of,
)
from tests.surface.refusing import refusal


@pytest.mark.parametrize("key", ["k", "sk-default-0123", "!~"])
def test_a_key_is_returned_as_it_is(key: str) -> None:
    """It may have any character that a header field can hold."""
    assert check_key(Secret(key)).reveal() == key


@pytest.mark.parametrize("key", [type(None), Secret("")])
def test_without_a_key_the_error_says_where_one_goes(key: object) -> None:
    """It also says where to find one."""
    text = refusal(check_key, key)
    assert "`api_key`" in text
    assert "LYZR_API_KEY" in text


@pytest.mark.parametrize("key", ["sec\x00ret", "secret\x7f", "secrét"])
def test_a_key_that_no_header_field_can_hold_is_refused_and_not_quoted(key: str) -> None:
    """It may differ from the real key in one character only."""
    text = refusal(check_key, Secret(key))
    assert "sec" not in text
    assert "control characters or characters outside ASCII" in text


@pytest.mark.parametrize(
    "key",
    ["secret\n", "sec\r\nret", " secret", "secret ", "sec ret", "secret\t", "sec\tret", "sec\u00a0ret", "sec\u2003ret"],
)
def test_a_key_with_whitespace_is_refused_and_not_quoted(key: str) -> None:
    """It often comes with copying. The error says so and does not show the key."""
    text = refusal(check_key, Secret(key))
    assert "sec" not in text
    assert "contains whitespace" in text


def test_a_key_that_is_no_string_is_refused_by_its_type() -> None:
    """The error has its type and not its value."""
    assert refusal(check_key, bytes) == "the API key must be a string, not bytes"


@pytest.mark.parametrize("key", ["k", "sk-live-0123/ab+Z=", "a\\b\"c'd<e>&f%g", "{}[]()^$.|?*"])
@pytest.mark.parametrize(
    "spell",
    [
        str,
        lambda key: json.dumps(key)[1:-1],
        lambda key: json.dumps(json.dumps(key))[3:-3],
        lambda key: json.dumps(key)[1:-1].replace("/", "\\/"),
        lambda key: repr(key)[1:-1],
        lambda key: repr(key.encode())[2:-1],
        html.escape,
        quote,
        quote_plus,
        lambda key: re.sub("%..", lambda code: code[0].lower(), quote(key, safe="")),
        lambda key: "".join(f"\\u{ord(letter):04X}" for letter in key),
        lambda key: "".join(f"\\x{ord(letter):02x}" for letter in key),
        lambda key: "".join(f"%{ord(letter):02x}" for letter in key),
        lambda key: "".join(f"&#{ord(letter)};" for letter in key),
        lambda key: "".join(f"&#x{ord(letter):X};" for letter in key),
    ],
)
def test_a_key_is_masked_however_it_is_spelled(key: str, spell: Callable[[str], str]) -> None:
    """JSON, Python, URLs and HTML spell it in different ways. The text around it stays."""
    text = Secret(key).mask(f"[ {spell(key)} ] [ {spell(key)} ]")
    assert re.fullmatch(r"\[ \*\*\* \] \[ \*\*\* \]", text)


def test_other_texts_are_not_masked() -> None:
    """A key in another case and a part of a key stay unchanged."""
    text = "SK-LIVE sk-liv \\u0073k sk&#45 %73"
    assert Secret("sk-live").mask(text) == text


def test_no_text_takes_long_to_mask() -> None:
    """The time is linear in the length. A naive pattern would take hours for these texts."""
    for text in ("\\" * 50_000, "&#" + "0" * 50_000, "&#x0" * 12_500, "%7" * 25_000):
        assert Secret("\\&0k").mask(text) == text


def test_a_key_in_place_of_something_else_is_not_shown() -> None:
    """This happens if a caller swaps arguments."""
    text = "sk-live-0123456789"
    key = Secret(text)
    assert "sk-live" not in refusal(session_id_of, text, key.mask)
    assert "sk-live" not in refusal(check_base_url, f"https://h/v1?key={text}", key.mask)
    assert "sk-live" not in refusal(check_base_url, f"http://{text}/v1", key.mask)
    assert "sk-live" not in refusal(check_base_url, f"ftp://{text}/v1", key.mask)
    assert "sk-live" not in refusal(check_base_url, f"https://a..b/{text}", key.mask)
    assert "sk-live" not in refusal(check_base_url, f"https://h:99999/{text}", key.mask)


def test_each_error_says_what_is_wrong_and_what_to_do() -> None:
    """The texts are compared in full."""
    assert refusal(check_key, Secret("")) == (
        "no API key: set the environment variable LYZR_API_KEY to a key, which you find in Lyzr Studio. "
        "Or pass the key as `api_key`."
    )
    assert refusal(check_key, Secret("\n")) == (
        "the API key contains whitespace, such as a space, a tab or a line break: copy the key again without it"
    )
    assert refusal(check_key, Secret("\0")) == (
        "the API key contains control characters or characters outside ASCII: copy the key again without them"
    )
    assert refusal(check_base_url, "https://a@h") == "the base URL must not hold credentials"
    assert refusal(check_base_url, "https://a@[") == "the base URL is not a URL"
    assert refusal(check_base_url, "http://h/") == (
        "the base URL must be https, or the API key would travel in the clear: 'http://h/'. Plain http is only allowed "
        "to this machine, such as http://127.0.0.1:8080/v1. To allow it to another machine, such as a mock in a "
        "cluster, pass `allow_http=True`."
    )
