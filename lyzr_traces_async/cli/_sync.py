"""``lyzr-traces sync``: sessions into a DuckDB file, which is brought up to date again and again."""

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

# In seconds. What the library logs, most often that it waits for the quota, is not to hide for long how far it is.
_REMARK: Final = 3.0


async def command(
    file: Annotated[
        str, Parameter(name="FILE", help="The DuckDB file; it is made where there is none.", allow_leading_hyphen=True)
    ],
    /,
    *session_ids: Id,
    agent: Agent = None,
    since: Since = None,
    until: Until = None,
    settle: Annotated[
        str, Parameter(help="A session is read again until so long after its newest trace: `90m`, `1h`, `2d` or `0`.")
    ] = "1h",
    refresh: Annotated[
        bool, Parameter(help="Read every session again, also what is final or has been missing for long.", negative="")
    ] = False,
    shard: Annotated[
        str | None,
        Parameter(help="Only one host's part of the sessions, such as `2/4` on the second of four hosts."),
    ] = None,
) -> int:
    """Bring a file up to date; return the exit status."""
    _check_file(file)
    _check_source(bool(session_ids), (agent, since, until) != (None, None, None))
    settled = duration("--settle", settle)
    part = Shard(1, 1) if shard is None else Shard.parsed("--shard", shard)
    try:
        from ._job import Job  # noqa: PLC0415 - here the extra's library is first needed
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
    """Refuse what was meant to be something else."""
    if file == STDIN or UUID_FORM.fullmatch(file):
        raise InvalidArgumentError("the file comes first, such as traces.duckdb, and session ids behind it")
    if file.startswith("-"):
        raise InvalidArgumentError(f"unknown option: {file}")


def _check_source(by_id: bool, by_list: bool) -> None:  # noqa: FBT001 - both are named where they are made
    if by_id and by_list:
        raise InvalidArgumentError(
            "session ids and --agent, --since and --until do not go together: use one or the other"
        )
    if not by_id and not by_list:
        raise InvalidArgumentError(
            "no sessions: give their ids, or - to read them from standard input, or --since, --until or --agent for "
            "those that the service lists"
        )


async def _chosen(
    found: AsyncGenerator[str | SessionInfo, None] | AsyncGenerator[SessionInfo, None], part: Shard, progress: Progress
) -> AsyncGenerator[str | SessionInfo, None]:
    """Yield the sessions of one host's part."""
    count = 0
    progress.show(lambda: f"the list of sessions: {count:,} so far")
    async for session in found:
        count += 1
        if part.has(session if isinstance(session, str) else session.session_id):
            yield session
