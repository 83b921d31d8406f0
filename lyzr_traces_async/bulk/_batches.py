"""The file name of a batch of sessions, and the note about the batch in the file's metadata. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any, Final

from .._arguments import Secret, session_id_of
from ..errors import InvalidArgumentError
from ..models import SessionInfo

__all__ = ["NOTE", "fits", "ids_of", "name_of", "note_of"]

# The key of the note in the schema's metadata.
NOTE: Final = b"lyzr_traces_async"


def ids_of(given: object, key: str | None) -> tuple[str, ...]:
    """Return the ids of the sessions, each once, in the order in which they were given.

    :param key: the API key. If a caller passes it as an id by mistake, the error does not show it.
    :raises InvalidArgumentError: if an id is not valid, or ``given`` is not iterable.
    """
    if isinstance(given, str | bytes) or not isinstance(given, Iterable):
        raise InvalidArgumentError(
            f"ids must be an iterable of session ids, such as a list, not {type(given).__name__}. Collect an "
            "asynchronous iterable, such as `iter_sessions`, first: [session async for session in ...]"
        )
    mask = Secret(key).mask if key else str
    ids = (session_id_of(item.session_id if isinstance(item, SessionInfo) else item, mask) for item in given)
    return tuple(dict.fromkeys(ids))


def name_of(ids: tuple[str, ...]) -> str:
    """Return the name of the batch's file. The same ids in the same order have the same name on every machine."""
    return f"traces-{sha256(chr(10).join(ids).encode()).hexdigest()[:32]}.parquet"


def note_of(counts: Mapping[str, int | None]) -> bytes:
    """Return the note about a batch for its file.

    The note is a JSON object. ``sessions`` has the number of rows of each session, in the order of the ids. ``missing``
    has the ids for which the service answered 404.

    :param counts: the number of traces of each session; ``None`` for a missing session.
    """
    note = {
        "sessions": {session_id: number or 0 for session_id, number in counts.items()},
        "missing": [session_id for session_id, number in counts.items() if number is None],
    }
    return json.dumps(note).encode()


def fits(note: bytes | None, ids: tuple[str, ...], rows: int) -> bool:
    """Return whether a file with this note and this number of rows is the complete file of the batch."""
    try:
        sessions: Any = json.loads(note or b"")["sessions"]
        return tuple(sessions) == ids and sum(sessions.values()) == rows
    except (ValueError, TypeError, LookupError, AttributeError):
        return False
