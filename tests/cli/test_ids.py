"""Session ids from arguments and from standard input."""

from __future__ import annotations

import asyncio
import io
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import aclosing
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lyzr_traces_async import InvalidArgumentError
from lyzr_traces_async.cli import main
from lyzr_traces_async.cli._ids import SessionIds, id_in_line, read_lines
from lyzr_traces_async.testing import FakeTracesServer

ONE, TWO, THREE, UPPER = (
    "3fa85f64-5717-4562-b3fc-2c963f66afa6",
    "0b54e1f2-8c1d-4a7e-9f63-5d2c8a90b7e4",
    "c2f7d3a8-61b0-4e95-8a14-7be30f5d9c26",
    "C2F7D3A8-61B0-4E95-8A14-7BE30F5D9C26",
)

Captured = pytest.CaptureFixture[str]
Feed = Callable[[bytes], None]
pytestmark = pytest.mark.usefixtures("server")


@pytest.fixture
def feed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Feed]:
    """Return a function that makes the given bytes the standard input."""
    path = tmp_path / "stdin"
    path.touch()
    with path.open() as file:
        monkeypatch.setattr(sys, "stdin", file)

        def write(content: bytes) -> None:
            path.write_bytes(content)

        yield write


async def drawn(*given: str) -> tuple[list[str], list[str], int | None]:
    """Return the ids that an iteration yields, its complaints, and the number of ids known in advance."""
    complaints: list[str] = []
    ids = SessionIds(given, complaints.append)
    found = [session_id async for session_id in ids]
    assert ids.malformed == len(complaints)
    return found, complaints, ids.total


async def test_arguments_come_in_their_order_and_once(feed: Feed) -> None:
    """Ids that differ in case are different, as they are for the service. The standard input is not read."""
    feed(b"nothing of it")
    assert await drawn(TWO, ONE, TWO, UPPER, THREE) == ([TWO, ONE, UPPER, THREE], [], 4)


def test_the_only_id_is_known_unless_standard_input_may_bring_more() -> None:
    """An id that is given twice is still the only one."""
    assert SessionIds([ONE, ONE], print).only == ONE
    assert SessionIds([ONE, TWO], print).only is None
    assert SessionIds([ONE, "-"], print).only is None


@pytest.mark.parametrize(
    "content",
    [
        f"{ONE}\n{TWO}\n",
        f"{ONE}\n{TWO}",
        f"\ufeff{ONE}\r\n{TWO}\r\n",
        f"\n \t\n# all\n  {ONE} # the first\n#{THREE}\n\t{TWO}#\n\n",
        f"{ONE}\n{ONE}\n{TWO}\n{ONE}\n",
        f"{ONE}# {'x' * 1_000_000}\n{TWO} {' ' * 1_000_000}",
    ],
)
async def test_lines_may_have_blanks_comments_and_repetitions(feed: Feed, content: str) -> None:
    """Also Windows line ends, a byte order mark, no line end after the last line, or a comment of a megabyte."""
    feed(content.encode())
    assert await drawn("-") == ([ONE, TWO], [], None)


async def test_a_malformed_line_is_reported_and_the_others_are_read(feed: Feed) -> None:
    """The complaint has the number of the line, counted as an editor counts."""
    feed(f"{ONE}\n\n# comment\nx\n{TWO}\n\xff\x00\n{ONE}{TWO}\n".encode("latin-1"))
    found, complaints, _ = await drawn("-")
    assert found == [ONE, TWO]
    assert [re.sub("such as .*, not", "not", complaint)[:60] for complaint in complaints] == [
        "line 4: the session id must be a UUID not 'x'",
        "line 6: the session id must be a UUID not '\ufffd\\x00'",
        f"line 7: the session id must be a UUID not '{ONE}"[:60],
    ]


async def test_ids_of_standard_input_take_the_place_of_the_dash(feed: Feed) -> None:
    """The dash may stand among other ids. A second dash has nothing left to read."""
    feed(f"{TWO}\n{ONE}\n".encode())
    assert await drawn(THREE, "-", ONE, "-", UPPER) == ([THREE, TWO, ONE, UPPER], [], None)


@pytest.mark.parametrize("content", [b"", b"\n", b"# none today\n\n"])
async def test_no_id_at_all_is_wrong_use(feed: Feed, content: bytes) -> None:
    """The error says where ids can come from."""
    with pytest.raises(InvalidArgumentError, match="no session id: give one or more, or - to read"):
        SessionIds([], print)
    feed(content)
    with pytest.raises(InvalidArgumentError, match="no session id on standard input"):
        await drawn("-")


def test_an_argument_that_is_no_id_is_refused_before_anything_is_read() -> None:
    """An argument that looks like an option is called an unknown option."""
    with pytest.raises(InvalidArgumentError, match="must be a UUID"):
        SessionIds([ONE, "x"], print)
    with pytest.raises(InvalidArgumentError, match="unknown option: --lim"):
        SessionIds(["--lim", "3"], print)


async def test_a_key_in_place_of_an_id_is_masked_in_the_error(feed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    """The key may come as an argument or in a line."""
    monkeypatch.setenv("LYZR_API_KEY", "sk-secret-canary")
    feed(b"sk-secret-canary\n")
    with pytest.raises(InvalidArgumentError, match="not '\\*\\*\\*'"):
        SessionIds(["sk-secret-canary"], print)
    _, complaints, _ = await drawn("-")
    assert "canary" not in complaints[0]


async def test_ids_of_an_open_pipe_are_read_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first id is there before the second is written, and reading does not block the event loop."""
    reader, writer = os.pipe()
    with open(reader) as stdin, open(writer, "wb", buffering=0) as pipe:  # noqa: ASYNC230, PTH123 - descriptors
        monkeypatch.setattr(sys, "stdin", stdin)
        pipe.write(f"{ONE}\n{TWO[:10]}".encode())
        async with aclosing(aiter(SessionIds(["-"], print))) as ids:
            assert await anext(ids) == ONE
            second = asyncio.ensure_future(anext(ids))
            for _ in range(10):
                await asyncio.sleep(0)
            assert not second.done()
            pipe.write(f"{TWO[10:]}\n".encode())
            assert await second == TWO
            third = asyncio.ensure_future(anext(ids))
            await asyncio.sleep(0)
            third.cancel()  # the thread goes on reading
            with pytest.raises(asyncio.CancelledError):
                await third
            pipe.write(f"{THREE}\n".encode())
            await asyncio.sleep(0.1)


async def test_a_line_without_an_end_does_not_fill_the_memory(feed: Feed) -> None:
    """At most 4 KiB of each line are kept, because a file may not be a list of ids at all."""
    feed(b"x" * 1_000_000 + b"\n" + b"y" * 1_000_000)
    assert [len(line) async for line in read_lines()] == [4096, 4096]


@given(st.lists(st.binary().map(lambda line: line.replace(b"\n", b""))))
def test_any_bytes_of_a_line_are_taken_without_an_error(lines: list[bytes]) -> None:
    """No blank and no comment is left in the text."""
    for line in lines:
        text = id_in_line(line)
        assert "#" not in text
        assert text == text.strip()
        assert id_in_line(b"\xef\xbb\xbf \t" + ONE.encode() + b" \t\r #" + line) == ONE


@given(st.uuids())
def test_an_id_keeps_its_case(session_id: UUID) -> None:
    """An id in upper case stays in upper case."""
    for text in (str(session_id), str(session_id).upper()):
        assert id_in_line(text.encode()) == text


def test_a_standard_input_that_cannot_be_read_is_an_error(
    server: FakeTracesServer, monkeypatch: pytest.MonkeyPatch, capsys: Captured, tmp_path: Path
) -> None:
    """It may be closed, be a directory, or have no descriptor. No request is sent."""
    directory = os.open(tmp_path, os.O_RDONLY)

    class Directory(io.StringIO):
        """A standard input that can be opened but not read."""

        def fileno(self) -> int:
            return directory

    for stdin, words in (
        (None, "standard input is closed"),
        (Directory(), "Is a directory"),
        (io.StringIO(), "fileno"),
    ):
        monkeypatch.setattr(sys, "stdin", stdin)
        assert main(["list", "-"]) == 1
        out, err = capsys.readouterr()
        assert out == ""
        assert re.fullmatch(f"lyzr-traces: .*{words}.*\n", err)
    os.close(directory)
    assert not server.requests


def test_a_malformed_line_fails_alone(server: FakeTracesServer, feed: Feed, capsys: Captured) -> None:
    """The other sessions are listed. The command ends with status 1, and one line on standard error."""
    server.add_session(ONE, traces=1)
    server.add_session(TWO, traces=2)
    feed(f"{ONE}\nx\n{TWO}\n".encode())
    assert main(["list", "-", "--format", "jsonl"]) == 1
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 3
    assert re.fullmatch("lyzr-traces: line 2: the session id must be a UUID [^\n]+\n", err)


def test_an_empty_standard_input_is_wrong_use(server: FakeTracesServer, feed: Feed, capsys: Captured) -> None:
    """The command ends with status 2, and no request is sent."""
    feed(b"# none\n")
    assert main(["list", "-"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("lyzr-traces: no session id on standard input: write one id per line\nTry ")
    assert not server.requests
