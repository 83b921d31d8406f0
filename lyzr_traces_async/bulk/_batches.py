"""What a batch of sessions is called, and what its file says of it. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any, Final

from .._arguments import Secret, session_id_of
from ..errors import InvalidArgumentError
from ..models import SessionInfo

__all__ = ["NOTE", "fits", "ids_of", "name_of", "note_of"]

# The key of the schema's metadata that the note stands under.
NOTE: Final = b"lyzr_traces_async"


def ids_of(given: object, key: str | None) -> tuple[str, ...]:
    """Return the ids of the sessions, each once, in the order in which they were given.

    :param key: the API key, should it have been given in place of an id: the error does not show it.
    :raises InvalidArgumentError: if there is anything else among them, or they can't be iterated over.
    """
    if isinstance(given, str | bytes) or not isinstance(given, Iterable):
        raise InvalidArgumentError(
            f"ids must be an iterable of session ids, such as a list, not {type(given).__name__}; of an asynchronous "
            "one, such as `iter_sessions`, pass [session async for session in it]"
        )
    mask = Secret(key).mask if key else str
    ids = (session_id_of(item.session_id if isinstance(item, SessionInfo) else item, mask) for item in given)
    return tuple(dict.fromkeys(ids))


def name_of(ids: tuple[str, ...]) -> str:
    """Return the name of the batch's file: the same for the same ids in the same order, on every machine."""
    return f"traces-{sha256(chr(10).join(ids).encode()).hexdigest()[:32]}.parquet"


def note_of(counts: Mapping[str, int | None]) -> bytes:
    """Return what the file says of its batch.

    It is JSON: ``sessions`` has for each session that was asked for, in order, how many rows are its own, and
    ``missing`` names those for which the service answered 404.

    :param counts: the number of traces of each session; ``None`` where it is missing.
    """
    note = {
        "sessions": {session_id: number or 0 for session_id, number in counts.items()},
        "missing": [session_id for session_id, number in counts.items() if number is None],
    }
    return json.dumps(note).encode()


def fits(note: bytes | None, ids: tuple[str, ...], rows: int) -> bool:
    """Say whether a file with this note and so many rows is that of the batch."""
    try:
        sessions: Any = json.loads(note or b"")["sessions"]
        return tuple(sessions) == ids and sum(sessions.values()) == rows
    except (ValueError, TypeError, LookupError, AttributeError):
        return False
