"""What ``--help`` says. Not in docstrings, since Python leaves those out with ``-OO``.

The first sentence of a command's text stands in the list of commands. Lines that begin with blanks stay as they are.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["COMMANDS", "PROGRAM"]


def _flowing(text: str) -> str:
    """Join the lines of each paragraph: they are broken anew for the width of the terminal."""
    return re.sub(r"(?<=\S)\n(?=\S)", " ", text)


PROGRAM: Final = _flowing("""\
The traces of Lyzr voice sessions.

Environment: `LYZR_API_KEY` is the key; there is no option for it, since a command line is readable by every process.
`LYZR_TRACES_BASE_URL` is the API to ask, if not the public one. `LYZR_DASHBOARD_URL` stands before links that are only
a path. `NO_COLOR` turns all styles off.

Exit status: 0 success; 1 an error of the API or the network, also of one session among many; 2 wrong use; 130 Ctrl-C;
141 nobody reads the pipe.
""")

_LIST = """\
List all traces of sessions.

One session comes page by page, newest traces first. Several are read at the same time, and come in the order in which
they are done, each whole. A session that fails is told of on standard error, and the others go on.

The table fits itself to the terminal; a click on a trace's id or link opens it, where the terminal knows links and
`LYZR_DASHBOARD_URL` is set. In a pipe it has whole ids and links, no colours, no bars and no escape codes.

jsonl has one object a line, with every field of the API under its own name, also those that this version does not
know. A missing value is null (but `sessionId` is always the session that was asked for), times are in UTC to the
microsecond, and seconds, dollars and whatever else has a decimal point are numbers of double precision.

csv is safe to open in a spreadsheet: text that it would take for a formula has a single quote before it. A missing
value is an empty cell, control characters are replaced by escapes, and fields that this version does not know are a
JSON object in the last column. jsonl and csv are always UTF-8.

For example, one session; the slowest traces of all sessions since yesterday; some traces, for Excel:

  lyzr-traces list 3fa85f64-5717-4562-b3fc-2c963f66afa6

  lyzr-traces sessions --since yesterday --format ids |
    lyzr-traces list - --sort latency --top 10

  lyzr-traces list 3fa85f64-5717-4562-b3fc-2c963f66afa6 \\
    --name speech-to-text --format csv --bom > traces.csv
"""

_SUMMARY = """\
Summarize sessions: what they took and what they cost, step by step.

The table has the exact median, 95th percentile and maximum of each step's latency, its cost, and its share of the
whole cost; the dearest step comes first. Below stand the slowest and the dearest traces, to be looked at with
`lyzr-traces show`. What is not known is counted, and never taken for zero.

Several sessions have a line each, as soon as it is read, and then the same table over all of them. A session that fails
is told of on standard error, and the others are summed up.

json is one object. Of a single ID it has the keys `sessionId`, `count`, `totalCostUsd`, `costsMissing`,
`latenciesMissing`, `latency` (`p50`, `p90`, `p95`, `p99`, `max`, in seconds), `began`, `ended`, `byName`, `slowest` and
`dearest`. Of several, or of `-`, it is `{"sessions": [...], "all": {...}}` with such objects.

For example:

  lyzr-traces summary 3fa85f64-5717-4562-b3fc-2c963f66afa6

  lyzr-traces sessions --since yesterday --format ids |
    lyzr-traces summary - --by session
"""

_SHOW = """\
Show what happened within one trace.

Each observation has a line, below the one that it is part of: when it began, counted from the trace's beginning; how
long it took, and how long a model took to its first token; its tokens (input, output), its cost and its model. Where
there is room, a bar shows when in the trace it was.

Prompts and answers are shown with `--full` only. json is the trace as one object on one line, prompts and answers
included.

For example:

  lyzr-traces show 3fa85f64-5717-4562-b3fc-2c963f66afa6 \\
    fbf5800db731f2071c7a51c8f1460827 --full
"""

_REPORT = """\
Write sessions as a page to look at and to send on.

It is one HTML file, which opens in a browser without a network: the time line of each session, its latencies and costs
step by step, and the table of its traces. A session that fails is told of on standard error, and in the page.

Links in it lead to the dashboard if `LYZR_DASHBOARD_URL` is set. All sessions are held in memory until the page is
written.

For example:

  lyzr-traces report 3fa85f64-5717-4562-b3fc-2c963f66afa6

  lyzr-traces sessions --since yesterday --format ids |
    lyzr-traces report - -o yesterday.html
"""

_SESSIONS = """\
List the sessions that have ended, the one that ended first coming first.

It is where session ids come from. They are written as they come, so that another command can begin with the first.

The table fits itself to the terminal; jsonl has one object a line, with the fields of the API but for the chat and
other large ones.

For example:

  lyzr-traces sessions --since yesterday --until today

  lyzr-traces sessions --agent 69b1f0c24e7d8a5c3b2a1f00 --since 7d \\
    --format ids |
    lyzr-traces list - --format jsonl > traces.jsonl
"""

_SYNC = """\
Keep sessions in a DuckDB file, for SQL, and bring it up to date.

The sessions are those whose IDs are given, or those that the service lists: all that have ended, of an `--agent`, or of
a time. Only what is due is asked for: what has not been read yet, what failed or was missing (404) last time, and what
was read so soon after its newest trace that more may have come, see `--settle`. A session that has been missing for
more than seven days is given up; `--refresh` asks for it again, and for everything else.

However it ends, the same command goes on from there: after Ctrl-C, a key that is refused, a kill. What was read is in
the file; a kill loses the batch that was being collected, half a second of reading. Others can read the file meanwhile;
a second sync of it is refused.

On a terminal a line shows how far it is, and how long the quota makes the rest take. Elsewhere there is such a line on
standard error every 30 seconds, and one on standard output at the end. The status is 1 where a session failed; one that
is missing is no failure, since a call that has not ended is missing too.

The quota is counted by network address: four hosts that have one each are four times as fast, each with `--shard` and a
file of its own.

The table `traces` has a row a trace: `session_id`, `trace_id`, `name`, `timestamp`, `latency_seconds`,
`total_cost_usd`, `observation_count`, `html_path` and `extra`. The table `sessions` tells of each session whether it
was read, failed or is missing (`state`), why (`error`), and when. In Python, `duckdb.connect("traces.duckdb")` opens
them. The extra `store` is needed.

For example, the last month, each night; the second of four hosts; one session; what costs most, by the program
`duckdb`:

  lyzr-traces sync traces.duckdb --since 30d

  lyzr-traces sync traces-2.duckdb --since 30d --shard 2/4

  lyzr-traces sync traces.duckdb 3fa85f64-5717-4562-b3fc-2c963f66afa6

  duckdb traces.duckdb "SELECT name, sum(total_cost_usd) AS usd \\
    FROM traces GROUP BY name ORDER BY usd DESC"
"""

_DEMO = """\
Show what this library does, without an account.

The real client asks a server in this very process. Nothing leaves the machine.

With `--serve` the server, a made-up API with made-up sessions, goes on until Ctrl-C, for every other command to be
tried with. Standard output then has two `export` lines to paste into another terminal, and comments with commands to
try. To stay in this one: `eval "$(lyzr-traces demo --serve &)"`. With `--host` other machines reach it too, but the
commands refuse plain http to another machine.

For example:

  lyzr-traces demo

  lyzr-traces demo --serve --port 8080
"""

# Each command is the function `command` of the room with its name.
COMMANDS: Final = {
    "list": _flowing(_LIST),
    "summary": _flowing(_SUMMARY),
    "show": _flowing(_SHOW),
    "report": _flowing(_REPORT),
    "sessions": _flowing(_SESSIONS),
    "sync": _flowing(_SYNC),
    "demo": _flowing(_DEMO),
}
