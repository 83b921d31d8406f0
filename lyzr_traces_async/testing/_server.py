"""The server as its users see it: it holds the parts together and decides what each request meets."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from types import TracebackType
from typing import Self
from uuid import UUID, uuid4

from .._arguments import check_count, session_id_of
from ..errors import InvalidArgumentError
from ._address import base_url_at, check_address
from ._answers import Answer, error
from ._contents import Contents
from ._faults import NO_FAULT, Fault, Faults
from ._http import Listener
from ._portal import in_a_thread
from ._quota import Quota, Window
from ._records import RecordedRequest
from ._service import reply_to
from ._target import Target

REAL_QUOTA = Quota(requests=100, seconds=60)


class FakeTracesServer(Contents):
    """A Lyzr traces API on this machine that keeps the contract of the real one, for tests.

    It authenticates, validates, pages, counts requests against a quota and tells of it in header fields, and fails
    where it is told to. It listens from ``async with`` on, and is gone, with everything still under way, when that is
    left. The methods and the attributes may be used from any thread, and before it listens.

    With a plain ``with`` it runs in a thread of its own: for synchronous code, and for fixtures of any scope.

    :param api_key: the key to accept.
    :param quota: how many requests are answered in a window of time, measured by the clock of the event loop;
        ``None`` for no limit and no header fields about one.
    :param host: the address to listen on, or a name for it; ``0.0.0.0`` for all of this machine's, so that other
        machines and containers reach it too. Its traces are made up, but whoever reaches it can read them.
    :param port: the port to listen on, 0 to 65535; 0 for a free one.
    :raises InvalidArgumentError: if the key cannot be sent in a header field, or there can be no such host or port.

    Example::

        async with FakeTracesServer() as server:
            server.add_session("3fa85f64-5717-4562-b3fc-2c963f66afa6", traces=45)
            async with TracesClient(server.api_key, base_url=server.base_url) as client:
                page = await client.list_session_traces("3fa85f64-5717-4562-b3fc-2c963f66afa6")
            assert len(page) == 45

    A fixture for a whole run of pytest, with a quota::

        @pytest.fixture(scope="session")
        def api():
            with FakeTracesServer(quota=Quota(requests=1000, seconds=60)) as server:
                server.add_session("3fa85f64-5717-4562-b3fc-2c963f66afa6", traces=45)
                yield server
    """

    api_key: str
    """The key that the server accepts."""
    latency: float
    """Seconds that the server waits before every answer; 0.0 at first."""
    on_request: Callable[[RecordedRequest], None] | None
    """A function that the server calls with each request, or ``None``.

    The call comes after the request was recorded and before anything else: if the function changes a list, the answer
    to this very request shows the change. It runs in the event loop's thread and must not block. If it raises, for
    example by an ``assert``, the answer is a 500, and the first exception is raised when the block is left, or by the
    fixture after the test.
    """
    requests: list[RecordedRequest]
    """All requests so far, in the order of arrival."""

    def __init__(
        self,
        *,
        api_key: str = "test-key",
        quota: Quota | None = REAL_QUOTA,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        if not (api_key and api_key.isascii() and api_key.isprintable() and api_key == api_key.strip()):
            raise InvalidArgumentError("api_key must be printable ASCII, without spaces around it")
        check_address(host, port)
        super().__init__()
        self.api_key = api_key
        self.latency = 0.0
        self.on_request = None
        self.requests = []
        self._quota = quota
        self._host = host
        self._port = port
        self._window: Window | None = None
        self._faults = Faults()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._entered_with: str | None = None
        self._listener: Listener
        self._thread: AbstractContextManager[None]
        self._raised: Exception | None = None
        self._base_url: str | None = None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} at {self._base_url}>"

    @property
    def base_url(self) -> str:
        """Where a client on this machine reaches it: ``http://127.0.0.1:PORT/v1``.

        Known from the moment on when it is entered, and still when it has been left.

        :raises RuntimeError: if the server has not been entered yet.
        """
        if self._base_url is None:
            raise RuntimeError("the server has no address yet: enter it with `async with`, or `with`")
        return self._base_url

    async def __aenter__(self) -> Self:
        with self._entering("async with"):
            await self._start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with self._leaving("async with", error):
            await self._stop()

    def __enter__(self) -> Self:
        with self._entering("with"):
            self._thread = in_a_thread(self._start, self._stop)
            self._thread.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with self._leaving("with", error):
            self._thread.__exit__(None, None, None)

    def spend_quota(self, n: int = 1) -> None:
        """Count ``n`` requests that nobody sent, as if strangers behind the same address had.

        :raises InvalidArgumentError: if ``n`` is less than 1, or the server has no quota.
        :raises RuntimeError: if the server has not been entered yet.
        """
        check_count("n", n)
        if self._quota is None:
            raise InvalidArgumentError("the server has no quota to spend: give it one with FakeTracesServer(quota=...)")
        if self._window is None or self._loop is None:
            raise RuntimeError("the server has no clock yet: enter it with `async with`")
        self._window.spend(self._loop.time(), n)

    def fail_next(
        self,
        n: int = 1,
        *,
        status: int | None = None,
        message: str | None = None,
        reset: bool = False,
        truncate: bool = False,
        stall: float | None = None,
        body: bytes | None = None,
        headers: Mapping[str, str | None] | None = None,
        session_id: str | UUID | None = None,
        page: int | None = None,
    ) -> None:
        """Let the next ``n`` requests fail. They still count against the quota.

        Failures are used up in the order in which they were asked for; a request meets the first that fits it.

        :param status: answer with this status, 200 to 599, and what the service says with it. A 503 is a proxy's,
            unless ``message`` says otherwise.
        :param message: what to say with ``status`` instead: ``{"error": message}``.
        :param reset: reset the connection before any byte of an answer.
        :param truncate: send the whole head, half of the body, and close the connection.
        :param stall: wait so many seconds, then go on. On its own, the answer that follows is the usual one.
        :param body: answer with this body; with status 200, and as JSON, unless said otherwise.
        :param headers: header fields to add, or to change; ``None`` for a value removes the field.
        :param session_id: let only requests for traces of this session fail, for one trace as well as for a page.
        :param page: let only requests for this page of a session's traces fail.
        :raises InvalidArgumentError: if they make no sense, alone or together.

        Example: ``server.fail_next(2, status=502, page=3)``.
        """
        fault = Fault(
            left=n,
            session_id=None if session_id is None else session_id_of(session_id),
            page=page,
            status=status,
            message=message,
            reset=reset,
            truncate=truncate,
            stall=stall,
            body=body,
            headers=headers or {},
        )
        self._faults.add(fault)

    @contextmanager
    def _entering(self, form: str) -> Iterator[None]:
        if self._entered_with is not None:
            raise RuntimeError(f"the server is running already: it was entered with `{self._entered_with}`")
        self._entered_with = form
        try:
            yield
        except BaseException:
            self._entered_with = None
            raise

    @contextmanager
    def _leaving(self, form: str, error: BaseException | None) -> Iterator[None]:
        if self._entered_with != form:
            how = f"was entered with `{self._entered_with}`" if self._entered_with else "is not running"
            raise RuntimeError(f"the server {how}: it cannot be left with `{form}`")
        try:
            yield
        finally:
            self._entered_with = None
        raised, self._raised = self._raised, None
        # Over what came of it in the block, but not over a cancellation or Ctrl-C.
        if raised is not None and (error is None or isinstance(error, Exception)):
            raise raised

    async def _start(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._window = None if self._quota is None else Window(self._quota)
        self._listener = Listener(self._answer)
        self._base_url = base_url_at(await self._listener.start(self._host, self._port))

    async def _stop(self) -> None:
        await self._listener.stop()

    async def _answer(self, request: RecordedRequest, target: Target) -> Answer:
        self.requests.append(request)
        failed = self._call_hook(request)
        fields = {"X-Request-Id": request.headers.get("X-Request-Id") or uuid4().hex}
        spent = None
        if self._window is not None:
            spent = self._window.spend(asyncio.get_running_loop().time())
            fields.update(self._window.fields(spent))
        fault = self._faults.take(target) or NO_FAULT
        # The quota is counted before the wait and the list is read after it: the service looks up the key, which is
        # what may take long, between the two.
        if (seconds := self.latency + (fault.stall or 0)) > 0:
            await asyncio.sleep(seconds)
        if failed:
            reply = error(500)
        elif fault.reply is not None:
            reply = fault.reply
        elif spent is not None and not spent.allowed:
            reply = error(429)
            fields["Retry-After"] = str(spent.reset)
        else:
            reply = reply_to(self._store, self._transcripts, self.api_key, target, request.headers)
        fields["Content-Type"] = reply.content_type
        return Answer(reply.status, reply.body, fault.change(fields), fault.delivery)

    def _call_hook(self, request: RecordedRequest) -> bool:
        """Call ``on_request``, and say whether it failed."""
        try:
            if self.on_request is not None:
                self.on_request(request)
        except Exception as exc:  # noqa: BLE001 - raised again where the server is left
            self._raised = self._raised or exc
            return True
        return False
