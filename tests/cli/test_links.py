"""Links lead to the dashboard or to an https address, and to nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from lyzr_traces_async import InvalidArgumentError
from lyzr_traces_async.cli._links import Dashboard

PREFIX = "https://dash.example/base"


@pytest.mark.parametrize(
    ("address", "prefix"),
    [
        ("", ""),
        ("https://dash.example", "https://dash.example"),
        ("https://dash.example/", "https://dash.example"),
        ("https://Dash.example:8443/base//", "https://Dash.example:8443/base"),
        ("http://localhost:3000", "http://localhost:3000"),
        ("http://127.0.0.1:3000/", "http://127.0.0.1:3000"),
        ("http://[::1]:3000/", "http://[::1]:3000"),
    ],
)
def test_the_dashboard_is_https_or_on_this_machine(address: str, prefix: str) -> None:
    """The address may end with a slash."""
    assert Dashboard.at(address).prefix == prefix


@pytest.mark.parametrize(
    "address",
    [
        "dash.example",
        "/base",
        "http://dash.example",
        "ftp://dash.example",
        "javascript:alert(1)",
        "https://",
        "https:x",
        "https://dash.example/?q",
        "https://dash.example/#f",
        "https://a:b@dash.example",
        "https://[::1",
        "http://a:x",
    ],
)
def test_any_other_dashboard_is_refused(address: str) -> None:
    """The error says which addresses are allowed."""
    with pytest.raises(InvalidArgumentError, match="LYZR_DASHBOARD_URL: the dashboard's URL must be https"):
        Dashboard.at(address)


@pytest.mark.parametrize(
    ("prefix", "path", "whole", "target"),
    [
        (PREFIX, "/p/t/abc", f"{PREFIX}/p/t/abc", f"{PREFIX}/p/t/abc"),
        ("", "/p/t/abc", "/p/t/abc", None),
        (PREFIX, "https://other.example/t?a=b#c", "https://other.example/t?a=b#c", "https://other.example/t?a=b#c"),
        ("", "https://other.example/t", "https://other.example/t", "https://other.example/t"),
        (PREFIX, "http://other.example/t", "http://other.example/t", None),
        (PREFIX, "javascript:alert(1)", "javascript:alert(1)", None),
        (PREFIX, "p/t/abc", "p/t/abc", None),
        (PREFIX, "", "", None),
        (PREFIX, "https://a:b@other.example/", "https://a:b@other.example/", None),
        (PREFIX, "https://[::1", "https://[::1", None),
        (PREFIX, "//evil.example/t", f"{PREFIX}//evil.example/t", None),
        (PREFIX, "/a;b", f"{PREFIX}/a;b", f"{PREFIX}/a%3Bb"),
        (PREFIX, "/é 日\x1b\\\x07", f"{PREFIX}/é 日\x1b\\\x07", None),
        ("http://localhost:3000", "/t", "http://localhost:3000/t", "http://localhost:3000/t"),
    ],
)
def test_a_path_is_joined_to_the_dashboard_and_an_address_stays(
    prefix: str, path: str, whole: str, target: str | None
) -> None:
    """Any other text can be read, but not clicked."""
    dashboard = Dashboard.at(prefix)
    assert dashboard.whole(path) == whole
    assert dashboard.target(path) == target


@given(
    st.sampled_from(["", "/", "//", "https://", "https://e.example/", "https://e.example/?", "https://e.example/#"]),
    st.text(st.one_of(st.characters(), st.sampled_from("\x00\x07\x1b\x9c\\;/@:?# \u202e"))),
)
def test_no_address_ends_the_escape_code_around_it(begin: str, rest: str) -> None:
    """A target is printable ASCII without blanks and semicolons. A path stays on the dashboard's host."""
    target = Dashboard.at(PREFIX).target(begin + rest)
    if target is not None:
        assert target.isascii()
        assert target.isprintable()
        assert not set(target) & set(" ;")
        assert URL(target).scheme == "https"
    if begin in ("/", "//") and target is not None:
        assert URL(target).host == "dash.example"
