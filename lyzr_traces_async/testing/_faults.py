"""The failures that tests ask for: which requests fail, and how."""

from __future__ import annotations

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import attrs
from multidict import CIMultiDict

from .._arguments import check_count, check_seconds
from ..errors import InvalidArgumentError
from ._answers import PLAIN, Delivery, Reply, error
from ._target import Target

# These fields say where the answer ends. Wrong values would also break the next answer on the connection.
FRAMING_FIELDS = frozenset({"content-length", "transfer-encoding"})
# HTTP or aiohttp puts these fields into every answer.
LASTING_FIELDS = frozenset({"content-type", "date", "server"})

# RFC 9110 section 5: the name of a field is a token, and its value has no control characters except the tab.
FIELD_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
FIELD_VALUE = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f]*")


@attrs.define(kw_only=True)
class Fault:
    """How the next matching requests fail. A field that is ``None`` or ``False`` changes nothing.

    :ivar left: the number of requests that will still fail.
    """

    left: int
    session_id: str | None = None
    page: int | None = None
    status: int | None = None
    message: str | None = None
    reset: bool = False
    truncate: bool = False
    stall: float | None = None
    body: bytes | None = None
    headers: Mapping[str, str | None] = attrs.field(factory=dict)

    def check(self) -> None:
        """Raise if a value, or the combination of values, makes no sense."""
        check_count("n", self.left)
        if self.page is not None:
            check_count("page", self.page)
        if self.status is not None:
            check_count("status", self.status, 599, minimum=200)
        if self.stall is not None:
            check_seconds("stall", self.stall)
        if self.body is not None and not isinstance(self.body, bytes):
            raise InvalidArgumentError(f"body must be bytes, not {type(self.body).__name__}")
        _check_headers(self.headers)
        self._check_combination()

    def _check_combination(self) -> None:
        content = self.status is not None or self.body is not None or bool(self.headers)
        if self.message is not None and (self.status is None or self.body is not None):
            problem = "message is the text of the JSON body of a status: pass it with status and without body"
        elif not (content or self.reset or self.truncate or self.stall):
            problem = "pass at least one of status, body, headers, stall, truncate and reset"
        elif self.reset and (content or self.truncate):
            problem = "nothing is sent after a reset: pass reset alone or with stall"
        elif self.status == HTTPStatus.OK and self.body is None and self.message is None:
            problem = "status 200 alone is no failure: pass body or message with it"
        elif self.truncate and (self.status in {204, 304} or (self.body is not None and len(self.body) < 2)):
            problem = "truncate sends half of the body: it needs a body of two bytes or more"
        else:
            return
        raise InvalidArgumentError(f"fail_next: {problem}")

    def matches(self, target: Target) -> bool:
        """Return whether a request should fail."""
        return self.session_id in {None, target.session_id} and self.page in {None, target.page}

    @property
    def reply(self) -> Reply | None:
        """The answer in place of the service's answer; ``None`` if the service's answer is sent."""
        if self.body is not None:
            return Reply(self.status or HTTPStatus.OK, self.body, "application/json")
        if self.status is None:
            return None
        if self.status == HTTPStatus.SERVICE_UNAVAILABLE and self.message is None:
            # This is the 503 of a proxy while the service restarts. The service's own 503 is permanent.
            return Reply(self.status, b"Service Unavailable", PLAIN)
        return error(self.status, self.message)

    @property
    def delivery(self) -> Delivery:
        """How much of the answer to send."""
        if self.reset:
            return Delivery.RESET
        return Delivery.TRUNCATED if self.truncate else Delivery.WHOLE

    def change(self, fields: Mapping[str, str]) -> Mapping[str, str]:
        """Return the answer's header fields with the changes of this failure."""
        if not self.headers:
            return fields
        changed = CIMultiDict(fields)
        for name, value in self.headers.items():
            changed.pop(name, None)
            if value is not None:
                changed[name] = value
        return changed


# For requests that do not fail.
NO_FAULT = Fault(left=0)


class Faults:
    """The queue of failures, in the order in which they were added. They can be added from any thread."""

    def __init__(self) -> None:
        self._queue: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Add a failure, after a check of its values."""
        fault.check()
        self._queue.append(fault)

    def take(self, target: Target) -> Fault | None:
        """Return the first failure that matches a request, and count the request; ``None`` if no failure matches."""
        for fault in self._queue:
            if fault.matches(target):
                fault.left -= 1
                if not fault.left:
                    self._queue.remove(fault)
                return fault
        return None


def _check_headers(headers: Mapping[Any, Any]) -> None:
    for name, value in headers.items():
        known_types = isinstance(name, str) and isinstance(value, str | None)
        if not (known_types and FIELD_NAME.fullmatch(name) and FIELD_VALUE.fullmatch(value or "")):
            raise InvalidArgumentError(f"headers: {name!r}: {value!r} is not a valid header field")
        if name.lower() in FRAMING_FIELDS:
            raise InvalidArgumentError(f"headers: {name} is set by the server. To cut an answer short, use truncate")
        if value is None and name.lower() in LASTING_FIELDS:
            raise InvalidArgumentError(f"headers: {name} can be changed, but not removed")
