"""A real browser for tests: headless Chromium, driven over its DevTools protocol; everything it complains of is kept."""

import asyncio
import base64
import json
import subprocess
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import ClientSession, ClientWebSocketResponse

from tests.needs import program

START_S = 30.0
WAIT_S = 20.0
FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run", "--disable-extensions",
         "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage",
         "--remote-debugging-port=0")  # fmt: skip


@dataclass
class Tab:
    """One page in the browser."""

    socket: ClientWebSocketResponse
    complaints: list[str] = field(default_factory=list)
    _count: int = 0
    _waiting: dict[int, asyncio.Future[Any]] = field(default_factory=dict)

    async def listen(self) -> None:
        async for message in self.socket:
            heard = json.loads(message.data)
            if heard.get("id") in self._waiting:
                self._waiting.pop(heard["id"]).set_result(heard)
            elif heard.get("method") == "Runtime.exceptionThrown":
                self.complaints.append(json.dumps(heard["params"]["exceptionDetails"])[:500])
            elif heard.get("method") == "Log.entryAdded" and heard["params"]["entry"]["level"] in ("error", "warning"):
                self.complaints.append(heard["params"]["entry"]["text"])
            elif heard.get("method") == "Runtime.consoleAPICalled" and heard["params"]["type"] in ("error", "warning"):
                self.complaints.append(json.dumps(heard["params"]["args"])[:500])

    async def send(self, method: str, **given: Any) -> Any:
        self._count += 1
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting[self._count] = answer
        await self.socket.send_json({"id": self._count, "method": method, "params": given})
        async with asyncio.timeout(WAIT_S):
            heard = await answer
        assert "error" not in heard, heard
        return heard["result"]

    async def run(self, script: str) -> Any:
        """The value of an expression; a promise is waited for."""
        done = await self.send("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in done, done["exceptionDetails"]
        return done["result"].get("value")

    async def until(self, script: str) -> Any:
        """Wait until an expression is true."""
        async with asyncio.timeout(WAIT_S):
            while not (found := await self.run(script)):  # noqa: ASYNC110 - the browser is another process
                await asyncio.sleep(0.05)
        return found

    async def size(self, width: int, height: int) -> None:
        await self.send(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 700
        )

    async def picture(self, path: Path) -> None:
        shot = await self.send("Page.captureScreenshot", format="png")
        await asyncio.to_thread(path.write_bytes, base64.b64decode(shot["data"]))


@contextmanager
def chromium(folder: Path) -> Iterator[str]:
    """A browser process with an empty profile in `folder`; yields `host:port` of its DevTools."""
    flags = (*FLAGS, f"--user-data-dir={folder}", "about:blank")
    with subprocess.Popen(
        [program("chromium"), *flags], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace"
    ) as process:
        assert process.stderr is not None
        said = threading.Thread(target=process.stderr.read, daemon=True)
        killer = threading.Timer(START_S, process.kill)
        killer.start()
        try:
            for line in process.stderr:
                if address := line.partition("DevTools listening on ws://")[2].partition("/")[0]:
                    break
            else:
                raise AssertionError("chromium ended before it listened")
            killer.cancel()
            said.start()  # it goes on talking: a full pipe would hold it up
            yield address
        finally:
            killer.cancel()
            process.kill()
            process.wait()
            if said.is_alive():
                said.join()


@asynccontextmanager
async def browsing(address: str) -> AsyncIterator[Tab]:
    """A tab of its own, with no cookies or storage of any other."""
    async with ClientSession() as session:
        async with session.get(f"http://{address}/json/version") as answer:
            whole = (await answer.json())["webSocketDebuggerUrl"]
        async with session.ws_connect(whole, max_msg_size=0) as socket, _heard(Tab(socket)) as browser:
            own = (await browser.send("Target.createBrowserContext"))["browserContextId"]
            made = await browser.send("Target.createTarget", url="about:blank", browserContextId=own)
            page = f"ws://{address}/devtools/page/{made['targetId']}"
            async with session.ws_connect(page, max_msg_size=0) as one, _heard(Tab(one)) as tab:
                for domain in ("Page", "Runtime", "Log"):
                    await tab.send(f"{domain}.enable")
                yield tab
            await browser.send("Target.disposeBrowserContext", browserContextId=own)


@asynccontextmanager
async def _heard(tab: Tab) -> AsyncIterator[Tab]:
    ears = asyncio.create_task(tab.listen())
    try:
        yield tab
    finally:
        ears.cancel()
        await asyncio.wait([ears])
