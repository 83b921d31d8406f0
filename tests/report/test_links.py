"""Which addresses become links, and which dashboards are accepted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lyzr_traces_async import InvalidArgumentError
from lyzr_traces_async._links import check_dashboard_url, link_of
from lyzr_traces_async.report import write_report
from tests.report.samples import DASHBOARD, session, trace


@pytest.mark.parametrize(
    ("path", "link"),
    [
        ("/project/p/traces/abc?x=1#y", f"{DASHBOARD}/project/p/traces/abc?x=1#y"),
        ("/a/..b/.c/d.", f"{DASHBOARD}/a/..b/.c/d."),
        ("/a?next=/../b", f"{DASHBOARD}/a?next=/../b"),
        (f"{DASHBOARD}/abc", f"{DASHBOARD}/abc"),
        ("https://other.example/abc", "https://other.example/abc"),
        ("https://other.example:8443", "https://other.example:8443"),
        ("https://[::1]/abc", "https://[::1]/abc"),
        ("", None),
        ("abc", None),
        ("javascript:alert(1)", None),
        ("JaVaScRiPt:alert(1)", None),
        ("\tjavascript:alert(1)", None),
        ("data:text/html,x", None),
        ("//evil.example", None),
        ("/\\evil.example", None),
        ("/\t/evil.example", None),
        ("http://evil.example", None),
        ("https:evil.example", None),
        ("https://dashboard.example@evil.example/", None),
        ("https://dashboard.example\\@evil.example/", None),
        ("/../abc", None),
        ("/a/./b", None),
        ("/a/%2e%2E/b", None),
        ("/a/..", None),
        ("/a b", None),
        ("/a\n", None),
        ("/\u00e4", None),
    ],
)
def test_only_safe_addresses_become_links(path: str, link: str | None) -> None:
    """They are https, or below the dashboard. Anything else stays text."""
    assert link_of(path, DASHBOARD) == link


def test_without_a_dashboard_a_path_is_text() -> None:
    """A whole URL is still a link."""
    assert link_of("/project/p", None) is None
    assert link_of("https://a.example/p", None) == "https://a.example/p"


def test_an_address_below_a_local_dashboard_is_a_link() -> None:
    """A local dashboard may use plain http."""
    assert link_of("http://127.0.0.1:3000/p", "http://127.0.0.1:3000") == "http://127.0.0.1:3000/p"
    assert link_of("http://127.0.0.1:3000.evil.example/p", "http://127.0.0.1:3000") is None


def test_a_password_in_the_address_of_the_dashboard_is_not_shown() -> None:
    """Errors end up in logs."""
    with pytest.raises(InvalidArgumentError, match="no credentials") as caught:
        check_dashboard_url("https://user:canary@a.example")
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "https://a.example",
        "https://a.example:8443/base/",
        "http://127.0.0.1:3000/",
        "http://localhost",
        "http://[::1]:1/x",
    ],
)
def test_a_dashboard_is_https_or_on_this_machine(url: str) -> None:
    """A slash at its end is removed."""
    assert check_dashboard_url(url) == url.rstrip("/")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "a.example",
        "http://a.example",
        "http://127.0.0.1.evil.example",
        "javascript:alert(1)",
        "https://",
        "https://user@a.example",
        "https://a.example/?q",
        "https://a.example/#f",
        "https://a.example/\n",
        "https://a.example/<" + "x" * 100,
        4,
    ],
)
def test_another_dashboard_is_refused(url: Any, tmp_path: Path) -> None:
    """The error says which addresses are allowed, and nothing is written."""
    with pytest.raises(InvalidArgumentError, match="the dashboard's URL must be https") as caught:
        write_report(tmp_path / "report.html", [session(trace())], dashboard_url=url)
    assert len(str(caught.value)) < 300
    assert not list(tmp_path.iterdir())
