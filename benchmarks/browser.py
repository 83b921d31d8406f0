"""A real browser without a window, controlled over the DevTools protocol, for pictures and tests of a page.

Chromium starts with a new profile in a temporary folder. Both are removed at the end of the block.
"""

from __future__ import annotations

import asyncio
import base64
import itertools
import os
import shutil
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp

NAMES = ("chromium", "chromium-browser", "google-chrome")
MISSING = "no Chromium: apt-get install chromium"
OPTIONS = (
    "--headless=new",
    "--no-sandbox",  # root has no sandbox in a container; the pages are our own
    "--disable-gpu",
    "--disable-dev-shm-usage",  # containers have little shared memory
    "--disable-extensions",
    "--disable-background-networking",
    "--no-first-run",
    "--hide-scrollbars",
    "--remote-debugging-port=0",
)
# In seconds, far longer than a busy machine needs.
PATIENCE = 60.0


def chromium() -> str | None:
    """Return the browser's command: ``$CHROMIUM``, or the first name of ``NAMES`` that is on the PATH."""
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


class Tab:
    """A page that is open in the browser.

    :ivar events: the page's events so far: requests, console messages, violated policies.
    """

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self.session: str | None = None
        self.events: list[dict[str, Any]] = []

    async def listen(self) -> None:
        """Receive the browser's messages until the connection is closed."""
        async for message in self._socket:
            document = message.json()
            if "id" in document:
                self._waiting.pop(document["id"]).set_result(document)
            else:
                self.events.append(document)
        for future in self._waiting.values():
            future.set_exception(ConnectionError("the connection to the browser was closed"))

    async def do(self, method: str, **params: Any) -> dict[str, Any]:
        """Send a command to the browser, and return its answer."""
        number = next(self._numbers)
        self._waiting[number] = asyncio.get_running_loop().create_future()
        command: dict[str, Any] = {"id": number, "method": method, "params": params}
        await self._socket.send_json(command | ({"sessionId": self.session} if self.session else {}))
        answer = await asyncio.wait_for(self._waiting[number], PATIENCE)
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        result: dict[str, Any] = answer["result"]
        return result

    async def run(self, expression: str) -> Any:
        """Return the value of a JavaScript expression; of a promise, the value that it resolves to."""
        answer = await self.do("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(f"{expression}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    async def open(self, page: Path) -> None:
        """Open a file, and wait until it is drawn."""
        self.events.clear()
        await self.do("Page.navigate", url=page.as_uri())
        async with asyncio.timeout(PATIENCE):
            while not self.told("Page.loadEventFired"):  # noqa: ASYNC110 - the browser sets no asyncio event
                await asyncio.sleep(0.01)
        await self.frame()

    async def frame(self) -> None:
        """Wait until the last change is drawn."""
        await self.run("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(1))))")

    def told(self, *methods: str) -> list[dict[str, Any]]:
        """Return the parameters of the events with these names."""
        return [event["params"] for event in self.events if event["method"] in methods]

    async def size(self, width: int, height: int) -> None:
        """Give the window another size, in CSS pixels."""
        await self.do(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
        )

    async def media(self, media: str = "", **features: str) -> None:
        """Show the page as for another medium, or with a user preference, such as ``scheme="dark"``."""
        wanted = [{"name": f"prefers-color-{name}", "value": value} for name, value in features.items()]
        await self.do("Emulation.setEmulatedMedia", media=media, features=wanted)

    async def key(self, key: str, code: int, text: str = "") -> None:
        """Press a key and release it."""
        press = {"key": key, "code": key, "windowsVirtualKeyCode": code}
        await self.do("Input.dispatchKeyEvent", type="keyDown", text=text, **press)
        await self.do("Input.dispatchKeyEvent", type="keyUp", **press)

    async def picture(self, *, whole: bool = False) -> bytes:
        """Return a PNG of the visible part, or of the whole page."""
        answer = await self.do("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        return base64.b64decode(answer["data"])


@asynccontextmanager
async def browser() -> AsyncGenerator[Tab, None]:
    """Start the browser with one empty page, and end it at the end of the block."""
    command = chromium()
    if command is None:
        raise FileNotFoundError(MISSING)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        process = await asyncio.create_subprocess_exec(
            command,
            *OPTIONS,
            f"--user-data-dir={profile}",
            "about:blank",
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            async with _connected(await _address(Path(profile), process)) as tab:
                yield tab
        finally:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()


async def _address(profile: Path, process: asyncio.subprocess.Process) -> str:
    """Return the address at which the browser listens, once it has written it into its profile."""
    file = profile / "DevToolsActivePort"
    async with asyncio.timeout(PATIENCE):
        while process.returncode is None:
            lines = file.read_text().splitlines() if file.exists() else []
            if len(lines) == 2:
                return f"ws://127.0.0.1:{lines[0]}{lines[1]}"
            await asyncio.sleep(0.02)
    raise RuntimeError(f"the browser ended with status {process.returncode} before it listened")


@asynccontextmanager
async def _connected(address: str) -> AsyncIterator[Tab]:
    async with aiohttp.ClientSession() as http, http.ws_connect(address, max_msg_size=0) as socket:
        tab = Tab(socket)
        listener = asyncio.create_task(tab.listen())
        try:
            target = await tab.do("Target.createTarget", url="about:blank")
            attached = await tab.do("Target.attachToTarget", targetId=target["targetId"], flatten=True)
            tab.session = attached["sessionId"]
            for domain in ("Page", "Runtime", "Log", "Network", "DOM", "Accessibility"):
                await tab.do(f"{domain}.enable")
            yield tab
        finally:
            await socket.close()
            await listener
