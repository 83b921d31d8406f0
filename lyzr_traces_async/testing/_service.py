"""What the service answers to a request, quota and faults aside. Pure: a request in, an answer out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from multidict import MultiMapping

from .._arguments import UUID_FORM
from ._answers import Reply, error
from ._store import Store

ROUTE = "/v1/traces/session/"

DEFAULT_PAGE = 1
DEFAULT_LIMIT = 20
MAX_LIMIT = 100

# No more digits than the integers have that JSON's readers agree on.
INTEGER = re.compile(r"-?[0-9]{1,15}")


# Values by name, of which a name may have several.
Values = MultiMapping[str]


def session_of(method: str, path: str) -> str | None:
    """The session id in the path of a request for a list of traces; ``None`` for any other request."""
    if method != "GET" or not path.startswith(ROUTE):
        return None
    session_id = path[len(ROUTE) :]
    return session_id if session_id and "/" not in session_id else None


def reply_to(store: Store, api_key: str, session_id: str | None, query: Values, headers: Mapping[str, str]) -> Reply:
    """What the service answers, in the order in which it checks: the key, the form, the session.

    :param session_id: what ``session_of`` found.
    """
    key = headers.get("x-api-key")
    if not key:
        return error(401, "Missing x-api-key")
    if key != api_key:
        return error(401)
    if session_id is None:
        return error(404, "Not found")
    issues: list[dict[str, Any]] = []
    if not UUID_FORM.fullmatch(session_id):
        issues.append(_issue("sessionId", "invalid_format", "Invalid UUID"))
    page = _integer("page", query, DEFAULT_PAGE, None, issues)
    limit = _integer("limit", query, DEFAULT_LIMIT, MAX_LIMIT, issues)
    if issues:
        return error(400, issues=issues)
    found = store.page(session_id, page, limit)
    if found is None:
        return error(404)
    traces, total = found
    pages = -(-total // limit)
    pagination = f'"page":{page},"limit":{limit},"totalItems":{total},"totalPages":{pages}'
    return Reply(200, b'{"traces":[%b],"pagination":{%b}}' % (b",".join(traces), pagination.encode()))


def page_of(query: Values) -> int | None:
    """The page that a request for traces asks for; ``None`` where that makes no sense."""
    issues: list[dict[str, Any]] = []
    page = _integer("page", query, DEFAULT_PAGE, None, issues)
    return None if issues else page


def _integer(name: str, query: Values, default: int, most: int | None, issues: list[dict[str, Any]]) -> int:
    values = query.getall(name, [])
    if not values:
        return default
    if len(values) > 1:
        issues.append(_issue(name, "invalid_type", "Invalid input: expected number, received array"))
        return default
    if not INTEGER.fullmatch(values[0]):
        issues.append(_issue(name, "invalid_type", "Invalid input: expected an integer"))
        return default
    value = int(values[0])
    if value < 1:
        issues.append(_issue(name, "too_small", "Too small: expected number to be >=1"))
    elif most is not None and value > most:
        issues.append(_issue(name, "too_big", f"Too big: expected number to be <={most}"))
    return value


def _issue(name: str, code: str, message: str) -> dict[str, Any]:
    return {"path": [name], "code": code, "message": message}
