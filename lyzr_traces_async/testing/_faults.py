"""Failures on order: which request fails next, and how."""

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

# They tell where the answer ends. Wrong ones would spoil the next answer on the connection too.
FRAMING_FIELDS = frozenset({"content-length", "transfer-encoding"})
# HTTP, or the library below, has them in every answer.
LASTING_FIELDS = frozenset({"content-type", "date", "server"})

# RFC 9110 section 5: a field's name is a token, its value has no control characters but the tab.
FIELD_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
FIELD_VALUE = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f]*")


@attrs.define(kw_only=True)
class Fault:
    """How the next matching requests fail. What is ``None`` or ``False`` stays as it would be.

    :ivar left: for how many requests it still stands.
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
        """Refuse what makes no sense, alone or together."""
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
            problem = "message is the text of a status's JSON body: it needs status, and no body"
        elif not (content or self.reset or self.truncate or self.stall):
            problem = "say how to fail: status, body, headers, stall, truncate or reset"
        elif self.reset and (content or self.truncate):
            problem = "after a reset nothing is sent: of the others, only stall goes with it"
        elif self.status == HTTPStatus.OK and self.body is None and self.message is None:
            problem = "status 200 is no failure: it needs a body or a message"
        elif self.truncate and (self.status in {204, 304} or (self.body is not None and len(self.body) < 2)):
            problem = "truncate needs a body of two bytes or more to cut in half"
        else:
            return
        raise InvalidArgumentError(f"fail_next: {problem}")

    def matches(self, target: Target) -> bool:
        """Whether a request is meant."""
        return self.session_id in {None, target.session_id} and self.page in {None, target.page}

    @property
    def reply(self) -> Reply | None:
        """The answer to give in place of the service's; ``None`` where that stands."""
        if self.body is not None:
            return Reply(self.status or HTTPStatus.OK, self.body, "application/json")
        if self.status is None:
            return None
        if self.status == HTTPStatus.SERVICE_UNAVAILABLE and self.message is None:
            # As a proxy answers for a service that is restarting. The service's own 503 is permanent.
            return Reply(self.status, b"Service Unavailable", PLAIN)
        return error(self.status, self.message)

    @property
    def delivery(self) -> Delivery:
        """How much of the answer is sent."""
        if self.reset:
            return Delivery.RESET
        return Delivery.TRUNCATED if self.truncate else Delivery.WHOLE

    def change(self, fields: Mapping[str, str]) -> Mapping[str, str]:
        """The answer's header fields with this failure's own."""
        if not self.headers:
            return fields
        changed = CIMultiDict(fields)
        for name, value in self.headers.items():
            changed.pop(name, None)
            if value is not None:
                changed[name] = value
        return changed


# What most requests meet.
NO_FAULT = Fault(left=0)


class Faults:
    """The failures on order, first come, first served. Orders may come from any thread."""

    def __init__(self) -> None:
        self._queue: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Take an order, if it makes sense."""
        fault.check()
        self._queue.append(fault)

    def take(self, target: Target) -> Fault | None:
        """The failure that a request meets, if any. It is then used up once."""
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
            raise InvalidArgumentError(f"headers: {name!r}: {value!r} is no header field")
        if name.lower() in FRAMING_FIELDS:
            raise InvalidArgumentError(f"headers: {name} is the server's own; to cut an answer short, use truncate")
        if value is None and name.lower() in LASTING_FIELDS:
            raise InvalidArgumentError(f"headers: {name} can be changed, but not removed")
