"""Decide which sessions are due, that is, must be read. Pure: the time is passed in.

A session is final if it was read long enough after its newest trace, because traces arrive late, but not for ever. A
session that could not be read is due again, because it may be readable later. A session that the service has not known
for a week is given up: otherwise each night would cost more requests than the night before.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, Literal

from attrs import frozen

__all__ = ["GIVEN_UP_AFTER", "Record", "State", "is_due"]

State = Literal["read", "failed", "missing"]

# How long a session stays due that the service does not know.
GIVEN_UP_AFTER: Final = timedelta(days=7)


@frozen
class Record:
    """The row of a session in the store.

    :ivar state: the result of the last attempt to read the session; ``missing`` is a 404.
    :ivar read_at: the time at which the last complete read began. Traces that arrived during the read count as later.
    :ivar newest: the time at which its newest trace began.
    :ivar missing_since: the time at which the session was first missing, if it still is.
    """

    state: State
    read_at: datetime | None
    newest: datetime | None
    missing_since: datetime | None


def is_due(record: Record | None, now: datetime, settle: timedelta) -> bool:
    """Return whether a session must be read.

    A time in the future was written before the clock was set back, so it is ignored, and the session is due.

    :param record: the session's row; ``None`` if there was no attempt to read it yet.
    :param settle: how long after its newest trace a session must be read to be final.
    """
    if record is None or record.state == "failed":
        return True
    if record.state == "missing":
        since = record.missing_since
        return since is None or not timedelta(0) <= now - since > GIVEN_UP_AFTER
    if record.read_at is None or record.read_at > now:
        return True
    return record.newest is not None and record.read_at - record.newest < settle
