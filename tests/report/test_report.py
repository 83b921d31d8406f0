"""The report as a file: what is in it, what can't get out of its place, and where it is written. No browser needed."""

from __future__ import annotations

import io
import json
import os
import re
import resource
from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lyzr_traces_async import InvalidArgumentError, NotFoundError, SessionTraces, Trace
from lyzr_traces_async._links import check_dashboard_url, link_of
from lyzr_traces_async.report import check_path, write_report
from lyzr_traces_async.report._island import encode, encode_session

SESSION = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
BEGIN = datetime(2026, 3, 25, 18, 19, 24, 347_000, tzinfo=UTC)
DASHBOARD = "https://dashboard.example/base"


def trace(number: int = 0, **fields: Any) -> Trace:
    usual: dict[str, Any] = {
        "trace_id": f"t{number}",
        "name": "speech-to-text",
        "session_id": SESSION,
        "timestamp": BEGIN + timedelta(milliseconds=412 * number),
        "latency_seconds": 0.25,
        "total_cost_usd": 0.001,
        "observation_count": 1,
        "html_path": f"/project/p/traces/t{number}",
    }
    return Trace(**usual | fields)


def session(*traces: Trace) -> SessionTraces:
    return SessionTraces(SESSION, None, traces)


def failed(message: str = "Trace session not found") -> SessionTraces:
    return SessionTraces(SESSION, NotFoundError(message, status=404, session_id=SESSION))


class Elements(HTMLParser):
    """The elements of a page, and the text in those that the browser runs or applies."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[tuple[str, str | None], str] = {}
        self._inside: tuple[str, str | None] | None = None
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._inside = (tag, dict(attrs).get("type")) if tag in ("script", "style") else None

    def handle_endtag(self, tag: str) -> None:  # noqa: ARG002 - the signature
        self._inside = None

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.texts[self._inside] = self.texts.get(self._inside, "") + data


def page_of(*sessions: SessionTraces, **options: Any) -> str:
    file = io.StringIO()
    write_report(file, sessions, **options)
    return file.getvalue()


def island_of(page: str) -> Any:
    return json.loads(Elements(page).texts["script", "application/json"])["sessions"]


def test_the_data_come_back_as_they_were() -> None:
    """In columns, with times in milliseconds, and each name and each kind of path once."""
    traces = [
        trace(2, latency_seconds=None, timestamp=BEGIN + timedelta(microseconds=824_001)),
        trace(1, name=None, total_cost_usd=None),
        trace(0, html_path=None),
    ]
    (found,) = island_of(page_of(session(*traces), dashboard_url=DASHBOARD))
    assert found == {
        "id": SESSION,
        "error": None,
        "begin": BEGIN.timestamp() * 1000,
        "names": ["speech-to-text", None],
        "paths": [[f"{DASHBOARD}/project/p/traces/", "", True], None],
        "trace": ["t2", "t1", "t0"],
        "start": [824.001, 412, 0],
        "name": [0, 1, 0],
        "latency": [None, 0.25, 0.25],
        "cost": [0.001, None, 0.001],
        "observations": [1, 1, 1],
        "path": [0, 0, 1],
    }


def test_a_failed_session_is_in_the_page_with_its_error() -> None:
    """Nothing is lost silently, and its neighbours are there."""
    lost, whole = island_of(page_of(failed("gone\x1b[2J"), session(trace())))
    assert lost["error"].startswith("NotFoundError: HTTP 404: gone\\x1b[2J")
    assert lost["id"] == SESSION
    assert lost["trace"] == []
    assert whole["error"] is None
    assert whole["trace"] == ["t0"]


def test_no_sessions_make_a_page() -> None:
    """Which the script fills with a word about it."""
    assert island_of(page_of()) == []


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(st.characters(exclude_categories=())),
        lambda inner: st.lists(inner, max_size=5),
    )
)
def test_json_survives_and_stays_in_its_element(value: Any) -> None:
    """ASCII without a character of markup, whatever is in it, half a surrogate pair included."""
    written = encode(value)
    assert written.isascii()
    assert not set("<>&\n") & set(written)
    assert json.loads(written) == value


@given(st.text(st.characters(exclude_categories=()) | st.sampled_from("</script>&\"'`\u202e\u2028\ud83d")))
def test_no_text_adds_an_element(text: str) -> None:
    """Not as a name, an id, a path or an error; and what can't be seen is written out."""
    page = page_of(SessionTraces(text, None, (trace(name=text, trace_id=text, html_path=text),)), failed(text))
    assert [tag for tag, _ in Elements(page).tags] == [tag for tag, _ in Elements(page_of()).tags]
    assert page.isascii()
    first, _ = island_of(page)
    assert first["names"] == first["trace"] == [first["id"]]
    assert not re.search("[\x00-\x1f\x7f-\x9f\u200b\u202a-\u202e\u2066-\u2069\ud800-\udfff]", first["names"][0])


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_what_json_has_no_number_for_is_not_known(number: float) -> None:
    """A browser would refuse the whole of the data."""
    (found,) = island_of(page_of(session(trace(latency_seconds=number, total_cost_usd=number))))
    assert (found["latency"], found["cost"]) == ([None], [None])


def test_the_policy_lets_only_what_is_in_the_page_run() -> None:
    """Nothing is loaded, and the hashes are those of the one script and the one style."""
    page = page_of(session(trace()))
    elements = Elements(page)
    (policy,) = (a["content"] for _, a in elements.tags if a.get("http-equiv") == "Content-Security-Policy")
    hashes = [b64encode(sha256(elements.texts[tag, None].encode()).digest()).decode() for tag in ("script", "style")]
    assert policy == (
        f"default-src 'none'; script-src 'sha256-{hashes[0]}'; style-src 'sha256-{hashes[1]}'; "
        "base-uri 'none'; form-action 'none'"
    )
    assert [a for tag, a in elements.tags if tag == "script"] == [{"type": "application/json", "id": "data"}, {}]


def test_the_page_refers_to_nothing_and_has_no_inline_style_or_handler() -> None:
    """Whoever opens it tells nobody."""
    for tag, attributes in Elements(page_of(session(trace()))).tags:
        assert tag not in ("link", "img", "iframe", "base", "object", "embed")
        assert not {"src", "style"} & set(attributes)
        assert not [name for name in attributes if name.startswith("on")]
        assert (attributes.get("href") or "#").startswith("#")


@pytest.mark.parametrize(
    "word", ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "Function("]
)
def test_the_script_makes_no_markup_of_text(word: str) -> None:
    """Text is only ever set as text."""
    assert word not in Elements(page_of()).texts["script", None]


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
def test_only_addresses_beyond_doubt_become_links(path: str, link: str | None) -> None:
    """Https, or under the dashboard's prefix; everything else stays text."""
    assert link_of(path, DASHBOARD) == link


def test_without_a_dashboard_a_path_is_text() -> None:
    """And a whole URL is a link nevertheless."""
    assert link_of("/project/p", None) is None
    assert link_of("https://a.example/p", None) == "https://a.example/p"


def test_what_is_under_a_dashboard_on_this_machine_is_a_link() -> None:
    """Though it is plain http."""
    assert link_of("http://127.0.0.1:3000/p", "http://127.0.0.1:3000") == "http://127.0.0.1:3000/p"
    assert link_of("http://127.0.0.1:3000.evil.example/p", "http://127.0.0.1:3000") is None


@pytest.mark.parametrize(
    ("path", "trace_id", "expected"),
    [
        ("/p/t0/x", "t0", [f"{DASHBOARD}/p/", "/x", True]),
        ("/p/other", "t0", [f"{DASHBOARD}/p/other", None, True]),
        ("javascript:t0", "t0", ["javascript:", "", False]),
        ("/p", "", [f"{DASHBOARD}/p", None, True]),
        ("/\u202e", "t0", ["/\\u202e", None, False]),
        ("", "t0", ["", None, False]),
    ],
)
def test_a_path_is_kept_without_the_id_that_is_in_it(path: str, trace_id: str, expected: list[Any]) -> None:
    """What the script puts together is the path again, and it is told whether that may be a link."""
    one = encode_session(session(trace(html_path=path, trace_id=trace_id)), DASHBOARD)
    assert json.loads(one)["paths"] == [expected]


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
    """Its slash at the end is not doubled."""
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
    """With a word on what it has to be, before anything is written."""
    with pytest.raises(InvalidArgumentError, match="the dashboard's URL must be https") as caught:
        write_report(tmp_path / "report.html", [session(trace())], dashboard_url=url)
    assert len(str(caught.value)) < 300
    assert not list(tmp_path.iterdir())


def test_a_path_is_written(tmp_path: Path) -> None:
    """As a string or a path; nothing is left beside it."""
    for path in (tmp_path / "a.html", str(tmp_path / "b.html")):
        write_report(path, [session(trace())])
        assert Path(path).read_text("utf-8") == page_of(session(trace()))
    assert {path.name for path in tmp_path.iterdir()} == {"a.html", "b.html"}


def test_an_old_report_is_replaced_and_stays_as_private_as_it_was(tmp_path: Path) -> None:
    """Also through a link, which stays one."""
    target, link = tmp_path / "report.html", tmp_path / "link.html"
    target.write_text("old")
    target.chmod(0o600)
    link.symlink_to(target)
    write_report(link, [session(trace())])
    assert link.is_symlink()
    assert target.read_text("utf-8") == page_of(session(trace()))
    assert target.stat().st_mode & 0o777 == 0o600


def broken() -> Iterator[SessionTraces]:
    yield session(trace())
    raise ZeroDivisionError


def test_a_failure_leaves_what_was_there(tmp_path: Path) -> None:
    """Neither half a report nor a file that nobody asked for."""
    path = tmp_path / "report.html"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError):
        write_report(path, broken())
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("report.html", "old")]


def test_a_full_disk_leaves_what_was_there(tmp_path: Path) -> None:
    """The system's error says what is the matter."""
    path = tmp_path / "report.html"
    path.write_text("old")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            write_report(path, [session(trace())])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("report.html", "old")]


def unasked() -> Iterator[SessionTraces]:
    pytest.fail("a session was drawn")
    yield session()


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("missing/report.html", "No such file or directory"),
        (".", "it is a directory"),
        ("file/report.html", "Not a directory"),
        ("nul\0", "embedded null"),
        ("pipe", "it is not a regular file"),
    ],
)
def test_a_path_that_cannot_be_written_is_refused_before_a_session_is_drawn(
    name: str, reason: str, tmp_path: Path
) -> None:
    """Named, with the reason; also by the check that a program may make before its first request."""
    (tmp_path / "file").touch()
    os.mkfifo(tmp_path / "pipe")
    before = set(tmp_path.iterdir())
    path = os.path.join(tmp_path, name)  # noqa: PTH118 - as given, with its dot
    for write in (lambda path: write_report(path, unasked()), check_path):
        with pytest.raises(InvalidArgumentError, match=reason) as caught:
            write(path)
        assert repr(path) in str(caught.value)
    assert set(tmp_path.iterdir()) == before


def test_the_systems_error_is_the_cause(tmp_path: Path) -> None:
    """For whoever wants to know its number."""
    with pytest.raises(InvalidArgumentError) as caught:
        check_path(tmp_path / "missing" / "report.html")
    assert isinstance(caught.value.__cause__, FileNotFoundError)


def test_the_check_leaves_everything_as_it_was(tmp_path: Path) -> None:
    """A report that is there, and one that is not."""
    (tmp_path / "old.html").write_text("old")
    check_path(tmp_path / "old.html")
    check_path(tmp_path / "new.html")
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("old.html", "old")]


def test_a_file_must_take_text(tmp_path: Path) -> None:
    """Asked before a session is drawn; and a file of the caller's stays open."""
    closed = io.StringIO()
    closed.close()
    (tmp_path / "file").touch()
    with (tmp_path / "file").open(encoding="utf-8") as unwritable:
        for file in (io.BytesIO(), closed, unwritable, None, 3):
            with pytest.raises(InvalidArgumentError, match="open for writing text"):
                write_report(file, unasked())  # type: ignore[arg-type]
    kept = io.StringIO()
    write_report(kept, [])
    assert not kept.closed


def test_what_is_no_session_is_refused(tmp_path: Path) -> None:
    """The easiest mistakes: one session in place of several, and an asynchronous iterator."""
    with pytest.raises(InvalidArgumentError, match=r"one item is Trace\("):
        write_report(tmp_path / "report.html", session(trace()))  # type: ignore[arg-type]

    async def stream() -> Any:
        yield session(trace())

    with pytest.raises(InvalidArgumentError, match=r"not async_generator.*\[session async for session in iterable\]"):
        write_report(tmp_path / "report.html", stream())
    assert not list(tmp_path.iterdir())


def test_sessions_are_written_as_they_are_drawn() -> None:
    """So that a thousand need no more memory than one."""
    file = io.StringIO()
    sizes = []

    def sessions() -> Iterator[SessionTraces]:
        for _ in range(3):
            sizes.append(file.tell())
            yield session(*map(trace, range(100)))

    write_report(file, sessions())
    assert sizes[1] - sizes[0] > 1000
    assert sizes[2] - sizes[1] > 1000


def test_five_thousand_traces_are_less_than_a_megabyte() -> None:
    """A page that can be sent on by mail."""
    ids = [f"{number:032x}" for number in range(5000)]
    traces = (trace(n, trace_id=name, html_path=f"/project/voice/traces/{name}") for n, name in enumerate(ids))
    assert len(page_of(session(*traces), dashboard_url=DASHBOARD)) < 800_000


def colours(style: str, start: str) -> dict[str, str]:
    """Return the colours that are set behind ``start``."""
    rules = style[style.index(start) :]
    return dict(re.findall(r"--([\w-]+): (#\w{6});", rules[: rules.index("}")]))


def luminance(colour: str) -> float:
    """Of WCAG 2.2."""
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("start", [":root {", "@media (prefers-color-scheme: dark)"])
def test_everything_stands_out_from_what_it_stands_on(start: str) -> None:
    """Text by 4.5 to 1, shapes and the frames of fields by 3 to 1, in both schemes."""
    found = colours(Elements(page_of()).texts["style", None], start)
    for ground in (found["ground"], found["card"]):
        for text in ("text", "soft", "link"):
            assert contrast(found[text], ground) >= 4.5, text
        for shape in ("field", "focus", "mark", *(f"c{n}" for n in range(8))):
            assert contrast(found[shape], ground) >= 3, shape
    assert contrast(found["soft"], found["pause"]) >= 4.5
    assert contrast(found["text"], found["bad-ground"]) >= 4.5
    assert contrast(found["bad"], found["bad-ground"]) >= 4.5
