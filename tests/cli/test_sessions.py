"""`sessions`: the list of sessions that have ended."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta

import attrs
import pytest

from lyzr_traces_async.cli import main
from lyzr_traces_async.testing import FakeTracesServer
from tests.cli.samples import AGENT, ENDED

Captured = pytest.CaptureFixture[str]
pytestmark = pytest.mark.usefixtures("clean_environment")


def test_sessions_are_listed_as_a_table(server: FakeTracesServer, capsys: Captured) -> None:
    """All sessions are listed with whole ids, in the order in which they ended."""
    sessions = server.add_transcripts(250)
    assert main(["sessions"]) == 0
    out, err = capsys.readouterr()
    header, *rows, blank, count = out.splitlines()
    assert header.split() == ["ended", "(UTC)", "duration", "msgs", "agent", "close", "reason", "room", "session"]
    assert [row.split()[-1] for row in rows] == [session.session_id for session in sessions]
    assert (blank, count, err) == ("", "250 sessions", "")


def test_ids_are_one_a_line(server: FakeTracesServer, capsys: Captured) -> None:
    """`lyzr-traces list -` reads this format."""
    sessions = server.add_transcripts(30)
    assert main(["sessions", "--format", "ids"]) == 0
    assert capsys.readouterr().out == "".join(f"{session.session_id}\n" for session in sessions)


def test_json_lines_have_the_fields_of_the_api(server: FakeTracesServer, capsys: Captured) -> None:
    """The heavy fields are left out."""
    sessions = server.add_transcripts(3)
    assert main(["sessions", "--format", "jsonl"]) == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert found == [session.to_dict() for session in sessions]
    assert not {"chatHistory", "sessionReport"} & set(found[0])


def test_sessions_can_be_chosen_by_agent_and_time(server: FakeTracesServer, capsys: Captured) -> None:
    """Both bounds of the time are included."""
    server.add_transcripts(5)
    mine = server.add_transcripts(5, agent_id=AGENT)
    begin, end = mine[1].ended_at.isoformat(), mine[3].ended_at.isoformat()
    assert main(["sessions", "--agent", AGENT, "--since", begin, "--until", end, "--format", "ids"]) == 0
    assert capsys.readouterr().out.split() == [session.session_id for session in mine[1:4]]


def test_a_time_can_be_given_relative_to_now(server: FakeTracesServer, capsys: Captured) -> None:
    """`12h` is twelve hours before the current time."""
    now = datetime.now(UTC)
    old, new = (attrs.evolve(ENDED, session_id=f"{n}fa85f64-5717-4562-b3fc-2c963f66afa6") for n in (1, 2))
    server.add_transcripts([attrs.evolve(old, ended_at=now - timedelta(days=3))])
    server.add_transcripts([attrs.evolve(new, ended_at=now - timedelta(hours=1))])
    assert main(["sessions", "--since", "12h", "--format", "ids"]) == 0
    assert capsys.readouterr().out.split() == [new.session_id]
    assert main(["sessions", "--since", "7d", "--until", "2d", "--format", "ids"]) == 0
    assert capsys.readouterr().out.split() == [old.session_id]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--since", "tomorrow"], "--since must be a date or a time such as 2026-03-25 or "),
        (["--until", "2026-02-30"], "--until must be a date or a time such as 2026-03-25 or "),
        (["--since", "today", "--until", "yesterday"], "--since is later than --until: "),
        (["--agent", ""], "--agent must be "),
        (["--format", "csv"], "csv"),
        (["more"], "more"),
    ],
)
def test_wrong_use_is_refused_before_anything_is_sent(
    server: FakeTracesServer, capsys: Captured, arguments: list[str], complaint: str
) -> None:
    """The command ends with status 2, one line, and a hint at the help."""
    assert main(["sessions", *arguments]) == 2
    out, err = capsys.readouterr()
    line, hint, _ = err.split("\n")
    assert out == ""
    assert complaint in line
    assert hint == "Try 'lyzr-traces sessions --help'."
    assert not server.requests


def test_an_empty_list_is_a_line_of_the_table(server: FakeTracesServer, capsys: Captured) -> None:
    """The formats for programs write nothing."""
    assert main(["sessions"]) == 0
    assert capsys.readouterr() == ("0 sessions\n", "")
    assert main(["sessions", "--format", "ids"]) == 0
    assert capsys.readouterr() == ("", "")
    assert len(server.requests) == 2


def test_a_failure_in_the_middle_keeps_the_rows_before_it(server: FakeTracesServer, capsys: Captured) -> None:
    """This includes the rows held back for measuring the widths. Without any row, nothing is written."""
    server.add_transcripts(250)

    def refuse(kind: str) -> tuple[str, str]:
        assert main(["sessions", "--format", kind]) == 1
        return capsys.readouterr()

    server.on_request = lambda request: (
        server.fail_next(status=403) if request.query.get("offset", "0") != "0" else None
    )
    out, err = refuse("table")
    assert out.endswith(" sessions\nincomplete: the list continues\n")
    assert len(re.findall("^2026-03-2", out, re.MULTILINE)) > 20
    assert re.fullmatch(r"lyzr-traces: HTTP 403: [^\n]+\n", err)
    assert refuse("ids")[0].count("\n") == len(re.findall("^2026-03-2", out, re.MULTILINE))
    server.on_request = None
    server.fail_next(status=403)
    assert refuse("table")[0] == ""


def test_control_characters_of_a_session_are_shown_as_escapes(server: FakeTracesServer, capsys: Captured) -> None:
    """No column and no format writes an escape code or an additional line."""
    evil = "a\x1b[31m\nb\u202e"
    server.add_transcripts(
        [attrs.evolve(ENDED, session_id=evil, room_name=evil, agent_id=evil, close_reason=evil, extra={"x": evil})]
    )
    for kind in ("table", "jsonl", "ids"):
        main(["sessions", "--format", kind])
        out = capsys.readouterr().out
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", out)
        assert len(out.splitlines()) in (0, 1, 4)
