"""Which sessions have to be asked for. Pure: the time is passed in.

A session is final once it was read long enough after its newest trace: traces arrive late, but not for ever. What
could not be read may be readable later, so it is due again; but a session that has been unknown to the service for a
week is not asked for any more, or each night would cost more requests than the night before.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, Literal

from attrs import frozen

__all__ = ["GIVEN_UP_AFTER", "Record", "State", "is_due"]

State = Literal["read", "failed", "missing"]

# For how long a session that the service does not know is asked for.
GIVEN_UP_AFTER: Final = timedelta(days=7)


@frozen
class Record:
    """What the store knows of a session.

    :ivar state: how asking for it ended last time; ``missing`` is a 404.
    :ivar read_at: when it was last read whole: when that began, so that what arrived meanwhile counts as later.
    :ivar newest: when its newest trace began.
    :ivar missing_since: when it was first found missing, if it still is.
    """

    state: State
    read_at: datetime | None
    newest: datetime | None
    missing_since: datetime | None


def is_due(record: Record | None, now: datetime, settle: timedelta) -> bool:
    """Return whether a session has to be asked for.

    A moment that lies in the future was written before the clock was set back. It is not believed.

    :param record: what is known of it; ``None`` where it was never asked for.
    :param settle: how long after its newest trace a session has to be read to be final.
    """
    if record is None or record.state == "failed":
        return True
    if record.state == "missing":
        since = record.missing_since
        return since is None or not timedelta(0) <= now - since > GIVEN_UP_AFTER
    if record.read_at is None or record.read_at > now:
        return True
    return record.newest is not None and record.read_at - record.newest < settle
