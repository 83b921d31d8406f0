"""What users pass in: what is taken, in which form, and how the rest is refused."""

from __future__ import annotations

import html
import json
import math
import re
import sys
from collections.abc import AsyncIterator, Callable
from typing import Any, Final
from urllib.parse import quote, quote_plus
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from yarl import URL

from lyzr_traces_async._arguments import (
    MAX_COUNT,
    MAX_LIMIT,
    Secret,
    check_base_url,
    check_count,
    check_flag,
    check_ids,
    check_key,
    check_seconds,
    is_localhost,
    session_id_of,
)
from lyzr_traces_async.errors import InvalidArgumentError

ID: Final = "3fa85f64-5717-4562-b3fc-2c963f66afa6"


def refusal(check: Callable[..., object], *arguments: Any, **keywords: Any) -> str:
    """Return the text with which something has to be refused."""
    with pytest.raises(InvalidArgumentError) as caught:
        check(*arguments, **keywords)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return str(caught.value)


@pytest.mark.parametrize("given_", [ID, ID.upper(), "3FA85f64-5717-4562-b3fc-2c963f66afa6"])
def test_a_session_id_is_taken_in_any_case_and_sent_as_it_is(given_: str) -> None:
    """The service compares letter by letter, and stores what whoever started the session has written."""
    assert session_id_of(given_) == given_


@settings(deadline=None)
@given(st.uuids())
def test_any_uuid_is_a_session_id(uuid: UUID) -> None:
    """Of any version; in lower case, as RFC 9562 writes it out."""
    assert session_id_of(uuid) == str(uuid)
    assert session_id_of(str(uuid).upper()) == str(uuid).upper()


@pytest.mark.parametrize(
    "given_",
    [
        "",
        "x",
        ID.replace("-", ""),
        "{" + ID + "}",
        "urn:uuid:" + ID,
        ID + "\n",
        " " + ID,
        ID + "0",
        ID[:-1],
        ID.replace("3", "g"),
        ID.replace("3", "\uff13"),
        ID.replace("-", "_"),
        ID[:8] + ID[9:13] + "-" + ID[13:],
        ID.replace("4562-", "456-2"),
        None,
        3,
        UUID(ID).bytes,
        UUID(ID).int,
        [ID],
    ],
)
def test_any_other_spelling_of_a_session_id_is_refused(given_: object) -> None:
    """With what was given, and an example of what was expected."""
    text = refusal(session_id_of, given_)
    assert text.endswith(f"a UUID such as {ID}, not {given_!r}")


@pytest.mark.parametrize(
    ("length", "shown"), [(78, "'" + "a" * 78 + "'"), (79, "'" + "a" * 76 + "..."), (5000, "'" + "a" * 76 + "...")]
)
def test_a_long_value_is_shown_as_it_begins(length: int, shown: str) -> None:
    """80 characters of it at most."""
    text = refusal(session_id_of, "a" * length)
    assert text.endswith(f", not {shown}")
    assert len(shown) <= 80


def test_the_largest_limit_is_that_of_the_service() -> None:
    """As documented."""
    assert MAX_LIMIT == 100


@pytest.mark.parametrize("value", [1, 2, 99, 100, 10**9])
def test_a_count_is_an_integer_from_1_on(value: int) -> None:
    """With a largest value or without."""
    check_count("page", value)
    check_count("page", value, value)
    check_count("page", value, minimum=value)


@pytest.mark.parametrize("value", [0, -1, True, False, 1.0, "1", None, math.inf, [1]])
def test_anything_else_is_no_count(value: object) -> None:
    """Not even true, or 1.0."""
    assert refusal(check_count, "page", value) == f"page must be an integer >= 1, not {value!r}"
    assert refusal(check_count, "limit", value, 100) == f"limit must be an integer from 1 to 100, not {value!r}"


def test_a_count_has_its_bounds() -> None:
    """Named in the error."""
    assert refusal(check_count, "limit", 101, 100) == "limit must be an integer from 1 to 100, not 101"
    assert refusal(check_count, "x", 1, minimum=2) == "x must be an integer >= 2, not 1"
    assert refusal(check_count, "x", 6, 5, minimum=0) == "x must be an integer from 0 to 5, not 6"
    check_count("x", 0, 5, minimum=0)
    check_count("x", 5, 5, minimum=0)


class AsyncIds:
    """An async iterable that is not ready yet."""

    def __aiter__(self) -> AsyncIterator[str]:
        raise AssertionError("too early")


@pytest.mark.parametrize("value", [[], [ID], (ID,), {ID}, {ID: 1}, AsyncIds()])
def test_session_ids_are_any_iterable(value: object) -> None:
    """Of either kind."""
    check_ids(value)


def test_session_ids_are_not_drawn_by_looking_at_them() -> None:
    """An iterator can be asked only once."""
    ids = iter([ID])
    check_ids(ids)
    assert list(ids) == [ID]


@pytest.mark.parametrize("value", [ID, b"x", UUID(ID), None, 3])
def test_a_single_id_is_no_iterable_of_ids(value: object) -> None:
    """Nor a string, whose letters would each be one."""
    assert refusal(check_ids, value) == f"session_ids must be an iterable of session ids, not {value!r}"


@pytest.mark.parametrize("value", [45, 45.0, 0.001, 5e-324, sys.float_info.max])
def test_seconds_are_a_finite_number_above_0(value: float) -> None:
    """Whole or not."""
    check_seconds("timeout", value)
    check_seconds("timeout", value, value)


@pytest.mark.parametrize("value", [0, 0.0, -1, math.inf, -math.inf, math.nan, True, "45", None, 10**400])
def test_anything_else_is_no_number_of_seconds(value: object) -> None:
    """None would be no time-out at all."""
    assert refusal(check_seconds, "timeout", value).startswith("timeout must be a number of seconds > 0, not ")


def test_no_seconds_at_all_may_be_allowed() -> None:
    """As for the waits between attempts; the text says so."""
    check_seconds("wait", 0, zero=True)
    assert refusal(check_seconds, "wait", -1, zero=True) == "wait must be a number of seconds >= 0, not -1"


@pytest.mark.parametrize("check", [check_count, check_seconds])
def test_numbers_beyond_all_sense_are_refused_like_others(check: Callable[..., object]) -> None:
    """Python does not even write those of more than 4300 digits out."""
    assert refusal(check, "x", 10**5000).endswith(", not an integer with too many digits")


def test_a_count_is_one_that_readers_of_json_agree_on() -> None:
    """Up to there, it is sent as it is."""
    check_count("page", MAX_COUNT)
    assert refusal(check_count, "page", MAX_COUNT + 1) == f"page must be an integer >= 1, not {MAX_COUNT + 1}"


def test_seconds_may_have_a_bound() -> None:
    """Which is still within."""
    check_seconds("x", 10, 10)
    refusal(check_seconds, "x", 10.5, 10)


@pytest.mark.parametrize("key", ["k", "sk-default-0123", "!~"])
def test_a_key_is_returned_as_it_is(key: str) -> None:
    """Anything that a header field can hold."""
    assert check_key(Secret(key)).reveal() == key


@pytest.mark.parametrize("key", [type(None), Secret("")])
def test_without_a_key_the_error_says_where_one_goes(key: object) -> None:
    """And where one is found."""
    text = refusal(check_key, key)
    assert "`api_key`" in text
    assert "LYZR_API_KEY" in text


@pytest.mark.parametrize("key", ["sec\x00ret", "secret\x7f", "secrét"])
def test_a_key_that_no_header_field_can_hold_is_refused_unseen(key: str) -> None:
    """The key may be nearly right, so the error does not show it."""
    text = refusal(check_key, Secret(key))
    assert "sec" not in text
    assert "control characters or characters outside ASCII" in text


@pytest.mark.parametrize(
    "key",
    ["secret\n", "sec\r\nret", " secret", "secret ", "sec ret", "secret\t", "sec\tret", "sec\u00a0ret", "sec\u2003ret"],
)
def test_a_key_with_whitespace_is_refused_unseen(key: str) -> None:
    """Whitespace comes from copying. The error names it and does not show the key."""
    text = refusal(check_key, Secret(key))
    assert "sec" not in text
    assert "contains whitespace" in text


def test_a_key_that_is_no_string_is_refused_by_its_type() -> None:
    """What it is itself is seen by nobody."""
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
    """As it is, and as JSON, Python, URLs and HTML may write it; what stands around it stays."""
    text = Secret(key).mask(f"[ {spell(key)} ] [ {spell(key)} ]")
    assert re.fullmatch(r"\[ \*\*\* \] \[ \*\*\* \]", text)


def test_other_texts_are_not_masked() -> None:
    """A key in another case, or a part of it, is another text."""
    text = "SK-LIVE sk-liv \\u0073k sk&#45 %73"
    assert Secret("sk-live").mask(text) == text


def test_no_text_takes_long_to_mask() -> None:
    """The time grows with its length only, whatever a server writes: these would take for ever otherwise."""
    for text in ("\\" * 200_000, "&#" + "0" * 200_000, "&#x0" * 50_000, "%7" * 100_000):
        assert Secret("\\&0k").mask(text) == text


def test_a_key_in_place_of_something_else_is_not_shown() -> None:
    """As where arguments were swapped."""
    key = Secret("sk-live-0123456789")
    assert "sk-live" not in refusal(session_id_of, str(key), key.mask)
    assert "sk-live" not in refusal(check_base_url, f"https://h/v1?key={key}", key.mask)
    assert "sk-live" not in refusal(check_base_url, f"http://{key}/v1", key.mask)
    assert "sk-live" not in refusal(check_base_url, f"ftp://{key}/v1", key.mask)
    assert "sk-live" not in refusal(check_base_url, f"https://a..b/{key}", key.mask)
    assert "sk-live" not in refusal(check_base_url, f"https://h:99999/{key}", key.mask)


def test_what_is_wrong_and_what_to_do_is_said_in_full() -> None:
    """As users read it."""
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


def test_what_only_looks_like_an_id_is_none() -> None:
    """An object of another kind, whatever it is written as."""

    class Id:
        def __str__(self) -> str:
            return ID

    assert "session_id must be a UUID" in refusal(session_id_of, Id())


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
    """It comes back without a slash at its end."""
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
    """And shown."""
    text = refusal(check_base_url, value)
    assert because in text
    assert repr(value)[:77] in text


def test_plain_http_to_another_machine_is_taken_where_that_is_said() -> None:
    """The rest is checked as before."""
    assert check_base_url("http://mock:8080/v1", allow_http=True) == "http://mock:8080/v1"
    assert "must begin with https://" in refusal(check_base_url, "ftp://mock", allow_http=True)
    assert "must not hold credentials" in refusal(check_base_url, "http://a:b@mock", allow_http=True)


def test_an_ipv4_address_in_an_ipv6_one_is_what_it_is_by_itself() -> None:
    """Python's versions write them in two ways."""
    for address in ("127.0.0.1", "127.5.5.5", "7f00:1"):
        assert check_base_url(f"http://[::ffff:{address}]:1/v1").startswith("http://[::ffff:")
    for address in ("10.0.0.1", "0.0.0.0", "a00:1"):  # noqa: S104 - nobody listens there
        assert "must be https" in refusal(check_base_url, f"http://[::ffff:{address}]:1/v1")


@pytest.mark.parametrize("value", [1, 0, None, "true"])
def test_only_a_flag_is_a_flag(value: object) -> None:
    """What only counts as true may have been meant for another parameter."""
    check_flag("x", True)
    check_flag("x", False)
    assert refusal(check_flag, "x", value) == f"x must be True or False, not {value!r}"


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
    """Whatever a resolver may say of them."""
    assert is_localhost(host) is is_it


@pytest.mark.parametrize(
    "value", ["https://user:secret@h", "https://secret@h", "https://:secret@h", "http://a:secret@h"]
)
def test_a_base_url_with_credentials_is_refused_unseen(value: str) -> None:
    """They would end in logs, and be sent beside the key."""
    text = refusal(check_base_url, value)
    assert "must not hold credentials" in text
    assert "secret" not in text


@pytest.mark.parametrize("value", ["https://user:secret@h:99999/v1", "https://user:secret@[::1/v1"])
def test_credentials_in_what_is_no_url_are_not_shown_either(value: str) -> None:
    """A slip elsewhere in it does not bring them into a log."""
    assert "secret" not in refusal(check_base_url, value)


@settings(deadline=None)
@given(st.text(max_size=40) | st.text("htps:/.@[]#?%01ahost", max_size=40).map(lambda rest: f"https://{rest}"))
def test_any_text_is_a_base_url_or_refused(text: str) -> None:
    """There is no third way, and what is accepted is accepted again."""
    try:
        url = check_base_url(text)
    except InvalidArgumentError:
        return
    assert url.startswith(("https://", "http://"))
    assert not url.endswith("/")


@settings(deadline=None)
@given(st.text(max_size=40))
def test_any_text_is_a_session_id_or_refused(text: str) -> None:
    """Only 36 characters can be one."""
    try:
        assert len(session_id_of(text)) == 36
    except InvalidArgumentError:
        assert text != str(uuid4())
