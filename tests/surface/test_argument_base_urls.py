"""Base URLs that users pass in: https, or this machine."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from yarl import URL

from lyzr_traces_async._arguments import (
    check_base_url,
    is_localhost,
)
from lyzr_traces_async.errors import InvalidArgumentError
from tests.surface.refusing import refusal


@pytest.mark.parametrize(
    ("value", "url"),
    [
        ("https://voice-livekit.studio.lyzr.ai/v1", "https://voice-livekit.studio.lyzr.ai/v1"),
        ("https://h/v1/", "https://h/v1"),
        ("https://traces_v2.example.", "https://traces_v2.example."),
        (f"https://{'a' * 63}.{'b' * 63}/v1", f"https://{'a' * 63}.{'b' * 63}/v1"),
        ("https://h/v1//", "https://h/v1"),
        ("https://h", "https://h"),
        ("https://h/vX", "https://h/vX"),
        (f"https://{'a.' * 126}b", f"https://{'a.' * 126}b"),
        ("https://h/", "https://h"),
        ("https://h:8443/a/b", "https://h:8443/a/b"),
        ("HTTPS://H/V1", "https://h/V1"),
        (URL("https://h/v1"), "https://h/v1"),
        ("http://localhost:8080/v1", "http://localhost:8080/v1"),
        ("http://LOCALHOST", "http://localhost"),
        ("http://localhost.:8080/v1", "http://localhost.:8080/v1"),
        ("http://traces.localhost/v1", "http://traces.localhost/v1"),
        ("http://a.b.LOCALHOST.", "http://a.b.localhost."),
        ("http://127.0.0.1:1", "http://127.0.0.1:1"),
        ("http://127.5.5.5", "http://127.5.5.5"),
        ("http://[::1]:1/v1", "http://[::1]:1/v1"),
    ],
)
def test_a_base_url_is_https_or_this_machine(value: str | URL, url: str) -> None:
    """It is returned without a slash at the end."""
    assert check_base_url(value) == url


@pytest.mark.parametrize(
    ("value", "because"),
    [
        ("http://h/v1", "must be https"),
        ("http://10.0.0.1", "must be https"),
        ("http://0.0.0.0", "must be https"),
        ("http://localhost.example", "must be https"),
        ("http://127.0.0.1.example", "must be https"),
        ("http://[::2]", "must be https"),
        ("http://localhost..", "not a valid host name"),
        ("http://notlocalhost", "must be https"),
        ("http://localhost.localdomain", "must be https"),
        ("ftp://h", "must begin with https://"),
        ("h/v1", "must begin with https://"),
        ("", "must begin with https://"),
        ("/v1", "must begin with https://"),
        ("//h/v1", "must begin with https://"),
        ("https:///v1", "must begin with https://"),
        ("file:///etc/passwd", "must begin with https://"),
        ("https://h/?a=b", "no query and no fragment"),
        ("https://h/#a", "no query and no fragment"),
        ("https://a..b/v1", "not a valid host name"),
        (f"https://{'a' * 64}.example", "not a valid host name"),
        (f"https://{'a.' * 126}bb", "not a valid host name"),
        ("https://h:99999", "is not a URL"),
        ("https://[::1", "is not a URL"),
        (None, "is not a URL"),
        (7, "is not a URL"),
    ],
)
def test_another_base_url_is_refused_with_the_reason(value: Any, because: str) -> None:
    """The error quotes it."""
    text = refusal(check_base_url, value)
    assert because in text
    assert repr(value)[:77] in text


def test_plain_http_to_another_machine_is_accepted_with_allow_http() -> None:
    """All other checks stay the same."""
    assert check_base_url("http://mock:8080/v1", allow_http=True) == "http://mock:8080/v1"
    assert "must begin with https://" in refusal(check_base_url, "ftp://mock", allow_http=True)
    assert "must not hold credentials" in refusal(check_base_url, "http://a:b@mock", allow_http=True)


def test_an_ipv4_address_within_an_ipv6_one_is_checked_as_ipv4() -> None:
    """Versions of Python write such addresses in two ways."""
    for address in ("127.0.0.1", "127.5.5.5", "7f00:1"):
        assert check_base_url(f"http://[::ffff:{address}]:1/v1").startswith("http://[::ffff:")
    for address in ("10.0.0.1", "0.0.0.0", "a00:1"):  # noqa: S104 - nobody listens there
        assert "must be https" in refusal(check_base_url, f"http://[::ffff:{address}]:1/v1")


@pytest.mark.parametrize(
    ("host", "is_it"),
    [
        ("localhost", True),
        ("LocalHost.", True),
        ("a.localhost", True),
        ("a.b.localhost.", True),
        (".localhost", True),
        ("alocalhost", False),
        ("localhost.a", False),
        ("127.0.0.1", False),
        ("", False),
    ],
)
def test_the_names_of_this_machine_are_those_of_rfc_6761(host: str, *, is_it: bool) -> None:
    """A resolver has no influence on it."""
    assert is_localhost(host) is is_it


@pytest.mark.parametrize(
    "value", ["https://user:secret@h", "https://secret@h", "https://:secret@h", "http://a:secret@h"]
)
def test_a_base_url_with_credentials_is_refused_and_not_quoted(value: str) -> None:
    """They would appear in logs, and be sent beside the key."""
    text = refusal(check_base_url, value)
    assert "must not hold credentials" in text
    assert "secret" not in text


@pytest.mark.parametrize("value", ["https://user:secret@h:99999/v1", "https://user:secret@[::1/v1"])
def test_credentials_in_an_invalid_url_are_not_quoted_either(value: str) -> None:
    """Another mistake in the URL does not bring them into a log."""
    assert "secret" not in refusal(check_base_url, value)


@settings(deadline=None)
@given(st.text(max_size=40) | st.text("htps:/.@[]#?%01ahost", max_size=40).map(lambda rest: f"https://{rest}"))
def test_any_text_is_a_base_url_or_refused(text: str) -> None:
    """An accepted one is accepted again."""
    try:
        url = check_base_url(text)
    except InvalidArgumentError:
        return
    assert url.startswith(("https://", "http://"))
    assert not url.endswith("/")
