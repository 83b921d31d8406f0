"""The public class of the server. It combines the parts and decides how each request is answered."""

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

    The server checks the key and the parameters, returns pages, counts requests against a quota, reports the quota in
    header fields, and fails on request. It listens inside ``async with``. At the end of the block it stops at once and
    drops running requests. Its methods and attributes can be used from any thread, also before it listens, except
    ``base_url`` and ``spend_quota``.

    With a plain ``with`` it runs in its own thread, for synchronous code and for fixtures of any scope.

    :param api_key: the key to accept.
    :param quota: the number of requests answered in a window of time, measured by the clock of the event loop: 100 in
        60 s by default; ``None`` for no limit and no header fields about a quota.
    :param host: the address to listen on, or its name. With ``0.0.0.0`` the server listens on all addresses of this
        machine, so that other machines and containers reach it too. Whoever reaches it and knows the key can read its
        traces, and the default key is public.
    :param port: the port to listen on, 0 to 65535; 0 for any free port.
    :raises InvalidArgumentError: if the key can't be sent in a header field, or the host or port is not valid.

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
            raise InvalidArgumentError("api_key must be printable ASCII without spaces at its ends")
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
        """The base URL for a client on this machine: ``http://127.0.0.1:PORT/v1``.

        It is known once the server was entered, and also after the end of the block.

        :raises RuntimeError: if the server was not entered yet.
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
        """Count ``n`` requests against the quota, as if other clients at the same address had sent them.

        :raises InvalidArgumentError: if ``n`` is less than 1, or the server has no quota.
        :raises RuntimeError: if the server was not entered yet.
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
        """Let the next ``n`` matching requests fail. They still count against the quota.

        Failures form a queue. Each request takes the first failure in the queue that matches it.

        :param status: answer with this status, 200 to 599, and with the service's body for it. A 503 has the body of a
            proxy, unless ``message`` is given.
        :param message: the text of the body for ``status``: ``{"error": message}``.
        :param reset: reset the connection before the first byte of an answer.
        :param truncate: send the whole head and half of the body, then close the connection.
        :param stall: wait this number of seconds first. Without another parameter, the usual answer follows.
        :param body: answer with this body, with status 200 and as JSON unless ``status`` or ``headers`` differ.
        :param headers: header fields to add or to change. The value ``None`` removes a field.
        :param session_id: match only requests for traces of this session: for a page, and for a single trace.
        :param page: match only requests for this page of a session's traces.
        :raises InvalidArgumentError: if a parameter, or the combination of parameters, makes no sense.

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
            raise RuntimeError(f"the server is already running: it was entered with `{self._entered_with}`")
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
            raise RuntimeError(f"the server {how}: it can't be left with `{form}`")
        try:
            yield
        finally:
            self._entered_with = None
        raised, self._raised = self._raised, None
        # The error of the hook replaces an error of the block, which the hook may have caused. It does not replace a
        # cancellation or Ctrl-C.
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
        # Count the quota before the wait, and read the list after it. The service looks up the key between the two, and
        # this look-up is the part that may take long.
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
        """Call ``on_request``, and return whether it raised."""
        try:
            if self.on_request is not None:
                self.on_request(request)
        except Exception as exc:  # noqa: BLE001 - raised again at the end of the block
            self._raised = self._raised or exc
            return True
        return False
