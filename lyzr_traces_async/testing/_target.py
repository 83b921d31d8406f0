"""Parse the path and the parameters of a request. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

import attrs
from multidict import MultiMapping

from .._arguments import UUID_FORM

ROUTE = "/v1/traces/session/"

DEFAULT_PAGE = 1

# At most 15 digits: all JSON parsers read such integers exactly.
INTEGER = re.compile(r"-?[0-9]{1,15}")

# RFC 3339: a date, or a date and a time with its offset.
MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}([Tt][0-9:]{8}(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2}))?")

# Values by name. A name can have several values.
Values = MultiMapping[str]


@attrs.frozen
class Target:
    """The path and the query of a request.

    :ivar segments: the parts of the path. The path is split before it is decoded, so that ``%2F`` does not split it.
        They are empty if the service has no such method or path.
    :ivar query: the decoded query.
    """

    segments: tuple[str, ...]
    query: Values

    @classmethod
    def of(cls, method: str, raw_path: str, query: Values) -> Target:
        """Return the target of a request with an undecoded path."""
        segments = tuple([unquote(segment) for segment in raw_path.split("/")[1:]])
        return cls(segments if method == "GET" and all(segments) else (), query)

    @property
    def session_id(self) -> str | None:
        """The session of a request for a page of traces or for a single trace; ``None`` for any other request."""
        match self.segments:
            case ("v1", "traces", "session", session_id) | ("v1", "traces", "session", session_id, _):
                return session_id
        return None

    @property
    def page(self) -> int | None:
        """The page number of a request for a page of traces; ``None`` for any other request, or if it is not valid."""
        if self.session_id is None or len(self.segments) > 4:
            return None
        form = Form(self.query)
        page = form.integer("page", DEFAULT_PAGE)
        return None if form.issues else page


class Form:
    """The parameters of a request, which are read one by one.

    :ivar issues: the issues of the parameters read so far, in the service's words.
    """

    def __init__(self, query: Values) -> None:
        self._query = query
        self.issues: list[dict[str, Any]] = []

    def text(self, name: str, kind: str = "string") -> str | None:
        """Return the value of ``name``; ``None`` if there is no value or more than one."""
        values = self._query.getall(name, [])
        if len(values) > 1:
            self.blame(name, "invalid_type", f"Invalid input: expected {kind}, received array")
        return values[0] if len(values) == 1 else None

    def integer(self, name: str, default: int, most: int | None = None, *, least: int = 1) -> int:
        """Return the integer ``name``, which must be from ``least`` to ``most``."""
        text = self.text(name, "number")
        if text is None:
            return default
        if not INTEGER.fullmatch(text):
            self.blame(name, "invalid_type", "Invalid input: expected an integer")
            return default
        value = int(text)
        if value < least:
            self.blame(name, "too_small", f"Too small: expected number to be >={least}")
        elif most is not None and value > most:
            self.blame(name, "too_big", f"Too big: expected number to be <={most}")
        return value

    def moment(self, name: str) -> datetime | None:
        """Return the time ``name``: a date, which means midnight in UTC, or a date and a time with an offset."""
        text = self.text(name)
        if text is None:
            return None
        try:
            moment = datetime.fromisoformat(text.upper()) if MOMENT.fullmatch(text) else None
        except ValueError:
            moment = None
        if moment is None:
            self.blame(name, "invalid_format", "Invalid ISO date or datetime")
            return None
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)

    def choice(self, name: str, *choices: str) -> str:
        """Return the value of ``name``, which must be one of ``choices``. The first choice is the default."""
        text = self.text(name)
        if text not in {None, *choices}:
            options = "|".join(f'"{choice}"' for choice in choices)
            self.blame(name, "invalid_value", f"Invalid option: expected one of {options}")
        return text or choices[0]

    def check_uuid(self, name: str, value: str) -> None:
        """Add an issue if the value is not a UUID."""
        if not UUID_FORM.fullmatch(value):
            self.blame(name, "invalid_format", "Invalid UUID")

    def check_length(self, name: str, value: str, most: int) -> None:
        """Add an issue if the value is longer than ``most`` characters."""
        if len(value) > most:
            self.blame(name, "too_big", f"Too big: expected string to have <={most} characters")

    def blame(self, name: str, code: str, message: str) -> None:
        """Add an issue."""
        self.issues.append({"path": [name], "code": code, "message": message})
