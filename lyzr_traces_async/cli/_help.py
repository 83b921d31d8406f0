"""The texts of ``--help``. They are not docstrings, because Python removes docstrings with ``-OO``.

The list of commands shows the first sentence of each command's text. A line that begins with blanks is not
wrapped.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["COMMANDS", "PROGRAM"]


def _flowing(text: str) -> str:
    """Join the lines of each paragraph, so that they can be wrapped to the width of the terminal."""
    return re.sub(r"(?<=\S)\n(?=\S)", " ", text)


PROGRAM: Final = _flowing("""\
Read the traces of Lyzr voice sessions.

To begin without an account, run `lyzr-traces demo`. With one, set `LYZR_API_KEY`, find session ids with
`lyzr-traces sessions`, and read a session with `lyzr-traces summary` or `lyzr-traces list`.

Environment: `LYZR_API_KEY` is the API key. No option takes it, because every process can read a command line.
`LYZR_TRACES_BASE_URL` is the base URL of the API, if it is not the public one. `LYZR_DASHBOARD_URL` is put before links
that are only a path. `NO_COLOR` turns off all styles.

Exit status: 0 success; 1 an error of the API or the network, even if only one of many sessions failed; 2 wrong use;
130 Ctrl-C; 141 the reader of the pipe has gone.
""")

_LIST = """\
List all traces of one or more sessions.

The traces of a single session are printed page by page, newest first. Several sessions are read at the same time; each
is printed as a whole, as soon as it is read. If a session fails, an error is printed on standard error and the others
continue.

The table adapts to the width of the terminal. If `LYZR_DASHBOARD_URL` is set and the terminal supports links, a click
on a trace's id or link opens the trace. In a pipe, ids and links are never shortened, and there are no colours, bars or
escape codes.

jsonl has one JSON object per line, with every field of the API under its own name, including fields that this version
does not know. A missing value is null, but `sessionId` is always the session that you asked for. Times are in UTC, to
the microsecond. Seconds, dollars and all other numbers with a decimal point are double precision.

csv is safe to open in a spreadsheet: text that a spreadsheet would run as a formula begins with a single quote. A
missing value is an empty cell, control characters are replaced by escapes, and the last column has the fields that this
version does not know, as one JSON object. jsonl and csv are always UTF-8.

Examples: one session; the slowest traces of all sessions since yesterday; the traces of one name, for Excel:

  lyzr-traces list 3fa85f64-5717-4562-b3fc-2c963f66afa6

  lyzr-traces sessions --since yesterday --format ids |
    lyzr-traces list - --sort latency --top 10

  lyzr-traces list 3fa85f64-5717-4562-b3fc-2c963f66afa6 \\
    --name speech-to-text --format csv --bom > traces.csv
"""

_SUMMARY = """\
Summarize the latency and cost of sessions, step by step.

A step is all traces with the same name. The table shows the exact median, 95th percentile and maximum of each step's
latency, its cost, and its share of the total cost; the most expensive step comes first. Below it are the slowest traces
and the most expensive one, which `lyzr-traces show` can show. Missing latencies and costs are counted, and never taken
for zero.

For several sessions, a line for each session is printed as soon as it is read, and then the table over all of them. If
a session fails, an error is printed on standard error and the summary covers the others.

json is one object. For a single ID it has the keys `sessionId`, `count`, `totalCostUsd`, `costsMissing`,
`latenciesMissing`, `latency` (`p50`, `p90`, `p95`, `p99`, `max`, in seconds), `began`, `ended`, `byName`, `slowest` and
`dearest`. For several IDs, or for `-`, it is `{"sessions": [...], "all": {...}}` with objects of this form.

Examples: one session; all sessions since yesterday, one row each:

  lyzr-traces summary 3fa85f64-5717-4562-b3fc-2c963f66afa6

  lyzr-traces sessions --since yesterday --format ids |
    lyzr-traces summary - --by session
"""

_SHOW = """\
Show what happened within one trace.

The trace's observations are printed as a tree, one line each. The line shows when the observation started, counted from
the start of the trace; how long it took; how long a model took to its first token; its tokens (input, output), its cost
and its model. On a wide terminal, a bar shows its place in the time of the trace.

Prompts and answers are shown only with `--full`. json is the trace as one object on one line, including prompts and
answers.

For example:

  lyzr-traces show 3fa85f64-5717-4562-b3fc-2c963f66afa6 \\
    fbf5800db731f2071c7a51c8f1460827 --full
"""

_REPORT = """\
Write an HTML report of sessions, to look at and to share.

The report is one HTML file, which a browser opens without a network. It has the time line of each session, its latency
and cost step by step, and the table of its traces. If a session fails, the error is printed on standard error and is
also in the report.

If `LYZR_DASHBOARD_URL` is set, the links in the report lead to the dashboard. All sessions are kept in memory until the
report is written.

Examples: one session; all sessions since yesterday:

  lyzr-traces report 3fa85f64-5717-4562-b3fc-2c963f66afa6

  lyzr-traces sessions --since yesterday --format ids |
    lyzr-traces report - -o yesterday.html
"""

_SESSIONS = """\
List the sessions that have ended, and their ids.

The session that ended first comes first. Each session is printed as soon as it is received, so another command in a
pipe can start with the first id.

The table adapts to the width of the terminal. jsonl has one JSON object per line, with the fields of the API except the
chat and other large fields. ids has one session id per line, for commands that take `-`.

Examples: the sessions of yesterday; the traces of one agent's sessions of the last seven days:

  lyzr-traces sessions --since yesterday --until today

  lyzr-traces sessions --agent 69b1f0c24e7d8a5c3b2a1f00 --since 7d \\
    --format ids |
    lyzr-traces list - --format jsonl > traces.jsonl
"""

_SYNC = """\
Store the traces of sessions in a DuckDB file, to query with SQL.

Run the command again to bring the file up to date. Name the sessions by their IDs, or select them by `--agent`,
`--since` and `--until` from the list of sessions that have ended. Only sessions that are due are read: sessions that
have not been read yet, that failed or were missing (404) last time, or that were read so soon after their newest trace
that more traces may have followed (see `--settle`). A session that has been missing for more than seven days is no
longer asked for, except with `--refresh`, which reads all sessions again.

If the command is interrupted (by Ctrl-C, a refused key or a kill), run it again: it continues from the same place. What
has been read is in the file; only a kill loses the current batch, which is half a second of reading. Other programs can
read the file during a sync. A second sync of the same file is refused.

On a terminal, a line shows the progress and how much time the quota makes the rest take. Otherwise, such a line is
written to standard error every 30 seconds, and one line to standard output at the end. The exit status is 1 if a
session failed. A missing session is not a failure, because a call that has not ended is missing too.

The service counts its quota per network address: four hosts with an address each are four times as fast as one. Give
each host its part with `--shard`, and a file of its own.

The table `traces` has one row per trace: `session_id`, `trace_id`, `name`, `timestamp`, `latency_seconds`,
`total_cost_usd`, `observation_count`, `html_path` and `extra`. The table `sessions` has, for each session, whether it
was read, failed or is missing (`state`), the reason (`error`), and the times. Python opens the file with
`duckdb.connect("traces.duckdb")`. This command needs: pip install 'lyzr-traces-async[store]'

Examples: the last 30 days, every night; the second of four hosts; one session; the cost of each step, with the program
`duckdb`:

  lyzr-traces sync traces.duckdb --since 30d

  lyzr-traces sync traces-2.duckdb --since 30d --shard 2/4

  lyzr-traces sync traces.duckdb 3fa85f64-5717-4562-b3fc-2c963f66afa6

  duckdb traces.duckdb "SELECT name, sum(total_cost_usd) AS usd \\
    FROM traces GROUP BY name ORDER BY usd DESC"
"""

_DEMO = """\
Show what this library does, without an account.

The real client reads made-up sessions from a server in the same process. Nothing leaves this machine.

With `--serve`, the server keeps running until Ctrl-C, so that you can try every other command against it. Standard
output then has two `export` lines to paste into another terminal, and comments with commands to try. To use the same
terminal instead: `eval "$(lyzr-traces demo --serve &)"`. With `--host`, other machines can reach the server too, but
the commands refuse to send a key over plain http to another machine.

For example:

  lyzr-traces demo

  lyzr-traces demo --serve --port 8080
"""

# Each command is the function `command` in the module of that name.
COMMANDS: Final = {
    "list": _flowing(_LIST),
    "summary": _flowing(_SUMMARY),
    "show": _flowing(_SHOW),
    "report": _flowing(_REPORT),
    "sessions": _flowing(_SESSIONS),
    "sync": _flowing(_SYNC),
    "demo": _flowing(_DEMO),
}
