"""``lyzr-traces sync``: store the traces of sessions in a DuckDB file and bring it up to date."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Final

from cyclopts import Parameter

from lyzr_traces_async import InvalidArgumentError, SessionInfo
from lyzr_traces_async._arguments import UUID_FORM

from ._environment import open_client
from ._ids import STDIN, Id, SessionIds
from ._output import Progress, complain
from ._sessions import Agent, Since, Until, listed
from ._shard import Shard
from ._statuses import FAILED, WRONG_USE
from ._when import duration

__all__ = ["command"]

# In seconds. A log record, most often about waiting for the quota, must not hide the progress for long.
_REMARK: Final = 3.0


async def command(
    file: Annotated[
        str,
        Parameter(name="FILE", help="The DuckDB file. It is created if it does not exist.", allow_leading_hyphen=True),
    ],
    /,
    *session_ids: Id,
    agent: Agent = None,
    since: Since = None,
    until: Until = None,
    settle: Annotated[
        str,
        Parameter(
            help="Read a session again if its last read was less than this long after its newest trace: `90m`, `1h`, "
            "`2d` or `0`."
        ),
    ] = "1h",
    refresh: Annotated[
        bool,
        Parameter(help="Read all sessions again, even if they are final or have been missing for long.", negative=""),
    ] = False,
    shard: Annotated[
        str | None,
        Parameter(help="Read only this host's part of the sessions, such as `2/4` on the second of four hosts."),
    ] = None,
) -> int:
    """Bring a file up to date and return the exit status."""
    _check_file(file)
    _check_source(bool(session_ids), (agent, since, until) != (None, None, None))
    settled = duration("--settle", settle)
    part = Shard(1, 1) if shard is None else Shard.parsed("--shard", shard)
    try:
        from ._job import Job  # noqa: PLC0415 - imports the library of the extra
    except ModuleNotFoundError as error:
        if error.name != "duckdb":
            raise
        complain(str(error))
        return WRONG_USE
    async with open_client() as client:
        with Progress(_REMARK) as progress:
            given = SessionIds(session_ids, progress.complain) if session_ids else None
            found = listed(client, agent, since, until) if given is None else aiter(given)
            job = Job(client, progress, file)
            async with aclosing(found), aclosing(_chosen(found, part, progress)) as chosen:
                status = await job.run(chosen, settle=settled, refresh=refresh)
    return FAILED if given is not None and given.malformed else status


def _check_file(file: str) -> None:
    """Refuse a session id, ``-`` or an option in the place of the file."""
    if file == STDIN or UUID_FORM.fullmatch(file):
        raise InvalidArgumentError("the first argument must be the file, such as traces.duckdb; session ids follow it")
    if file.startswith("-"):
        raise InvalidArgumentError(f"unknown option: {file}")


def _check_source(by_id: bool, by_list: bool) -> None:  # noqa: FBT001 - the caller's expressions explain both
    if by_id and by_list:
        raise InvalidArgumentError(
            "session ids cannot be combined with --agent, --since and --until: use one or the other"
        )
    if not by_id and not by_list:
        raise InvalidArgumentError(
            "no sessions: give session ids, or - to read them from standard input, or select from the service's list "
            "with --since, --until or --agent"
        )


async def _chosen(
    found: AsyncGenerator[str | SessionInfo, None] | AsyncGenerator[SessionInfo, None], part: Shard, progress: Progress
) -> AsyncGenerator[str | SessionInfo, None]:
    """Yield the sessions that belong to this host's part."""
    count = 0
    progress.show(lambda: f"the list of sessions: {count:,} so far")
    async for session in found:
        count += 1
        if part.has(session if isinstance(session, str) else session.session_id):
            yield session
