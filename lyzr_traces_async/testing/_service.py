"""The service's answer to a request, without quota and failures. Pure: a request in, an answer out."""

from __future__ import annotations

from collections.abc import Mapping

from ._answers import Reply, error
from ._store import Store
from ._target import DEFAULT_PAGE, Form, Target
from ._transcripts import Transcripts

DEFAULT_LIMIT = 20
MAX_LIMIT = 100
MAX_TRACE_ID = 256

DEFAULT_TRANSCRIPTS = 50
MAX_TRANSCRIPTS = 200


def reply_to(store: Store, transcripts: Transcripts, api_key: str, target: Target, headers: Mapping[str, str]) -> Reply:
    """Return the service's answer. It checks in this order: the key, the parameters, the session, the trace."""
    key = headers.get("x-api-key")
    if not key:
        return error(401, "Missing x-api-key")
    if key != api_key:
        return error(401)
    return _found(store, transcripts, target)


def _found(store: Store, transcripts: Transcripts, target: Target) -> Reply:
    match target.segments:
        case ("v1", "traces", "session", session_id):
            return _traces(store, session_id, Form(target.query))
        case ("v1", "traces", "session", session_id, trace_id):
            return _trace(store, session_id, trace_id, Form(target.query))
        case ("v1", "transcripts"):
            return _transcripts(transcripts, Form(target.query))
        case ("v1", "transcripts", "agent", agent_id):
            return _transcripts(transcripts, Form(target.query), agent_id)
    return error(404, "Not found")


def _traces(store: Store, session_id: str, form: Form) -> Reply:
    form.check_uuid("sessionId", session_id)
    page = form.integer("page", DEFAULT_PAGE)
    limit = form.integer("limit", DEFAULT_LIMIT, MAX_LIMIT)
    if form.issues:
        return error(400, issues=form.issues)
    found = store.page(session_id, page, limit)
    if found is None:
        return error(404)
    traces, total = found
    pages = -(-total // limit)
    pagination = f'"page":{page},"limit":{limit},"totalItems":{total},"totalPages":{pages}'
    return Reply(200, b'{"traces":[%b],"pagination":{%b}}' % (b",".join(traces), pagination.encode()))


def _trace(store: Store, session_id: str, trace_id: str, form: Form) -> Reply:
    form.check_uuid("sessionId", session_id)
    form.check_length("traceId", trace_id, MAX_TRACE_ID)
    if form.issues:
        return error(400, issues=form.issues)
    detail = store.detail(session_id, trace_id)
    if detail is not None:
        return Reply(200, b'{"trace":%b}' % detail)
    if not store.knows(session_id):
        return error(404)
    return error(404, "Trace not found for session" if store.has_trace(trace_id) else "Trace not found")


def _transcripts(transcripts: Transcripts, form: Form, agent_id: str | None = None) -> Reply:
    """Return a page of all transcripts, or of those of one agent. The latter has no ``from`` and ``to``."""
    begin = end = None
    if agent_id is None:
        agent_id = form.text("agentId")
        begin = form.moment("from")
        end = form.moment("to")
    session_id = form.text("sessionId")
    if session_id is not None:
        form.check_uuid("sessionId", session_id)
    limit = form.integer("limit", DEFAULT_TRANSCRIPTS, MAX_TRANSCRIPTS)
    offset = form.integer("offset", 0, least=0)
    newest_first = form.choice("sort", "desc", "asc") == "desc"
    if form.issues:
        return error(400, issues=form.issues)
    rows = transcripts.rows(agent_id=agent_id, session_id=session_id, begin=begin, end=end, newest_first=newest_first)
    items = [row.encoded for row in rows[offset : offset + limit]]
    following = offset + len(items)
    place = f'"total":{len(rows)},"limit":{limit},"offset":{offset},"nextOffset":'
    place += f"{following}" if following < len(rows) else "null"
    return Reply(200, b'{"items":[%b],%b}' % (b",".join(items), place.encode()))
