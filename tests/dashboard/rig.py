"""The bench of the dashboard's tests: the real server on a real socket, a made-up site behind it, and clients."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import ClientResponse, ClientSession, CookieJar, TCPConnector

from gateway.clock import VirtualClock
from gateway.dashboard import answers, energy_records, metrics, records, rights
from gateway.dashboard.access import SETUP_CODE, Access
from gateway.dashboard.door import Doorkeeper
from gateway.dashboard.roles import Role
from gateway.dashboard.route import Room
from gateway.dashboard.server import Server
from gateway.dashboard.stream import Hub
from gateway.model.listen import Listen
from gateway.model.point import PointSpec, Unit, point_id

PASSWORD = "correct horse battery"
BAD_NAME = "<img src=x onerror=alert(1)>"
T0_MS = 1_800_000_000_000


def now(**changes: Any) -> answers.Now:
    given: dict[str, Any] = {
        "at_ms": T0_MS, "site": "tower", "timezone": "Asia/Shanghai", "version": "0", "shadow": False, "mode": "local",
        "cause": "inputs_ready", "mode_since_ms": T0_MS, "mode_until_ms": None, "stopped": False, "service": "",
        "power": answers.Power(600_000.0, "good", "", 0.4), "target_w": None, "baseline_w": None, "basepoint_w": None,
        "signal": None, "capacity_w": None, "shortfall_w": 0.0, "limits": answers.Limits(1e6, 0.0, 1e6, 0.0),
        "offered": answers.Offered(None, None, None), "assets": (), "requests": (), "plan": (),
        "inputs": answers.Inputs((), 1, 1, 0.001, 10), "alarms": answers.AlarmCount(0, 0, 0, 0),
    }  # fmt: skip
    return answers.Now(**given | changes)


@dataclass
class MadeUpSite:
    """`ports.Site` with nothing behind it."""

    wide: int = 0
    """Bytes to blow an answer up with."""
    raised: list[records.AlarmNow] = field(default_factory=list)

    def now(self) -> answers.Now:
        return now(cause="x" * self.wide) if self.wide else now()

    def points(self, device: str | None = None) -> answers.Points:
        if device not in (None, "pcc", "gateway"):
            raise LookupError(device)
        return answers.Points(T0_MS, (self._point("pcc/power.active"),))

    def point(self, point: str) -> answers.PointNow:
        if point != "pcc/power.active":
            raise LookupError(point)
        return self._point(point)

    def devices(self) -> answers.Devices:
        return answers.Devices(T0_MS, (), ())

    def events(self) -> records.Events:
        over = records.EventPast("e0", "vpp", "remote", "dr", "event", "site", T0_MS, T0_MS + 900_000, 1e5, None, "done",
                                 "ended", T0_MS + 900_000, 0.98)  # fmt: skip
        return records.Events(T0_MS, (), (), (over,))

    def alarms(self) -> records.Alarms:
        return records.Alarms(T0_MS, tuple(self.raised))

    def config(self) -> records.Config:
        return records.Config("tower.yaml", "site: {}\n", {"id": BAD_NAME})

    def ready(self) -> answers.Ready:
        return answers.Ready(ready=True, reasons=())

    def metrics(self) -> Iterator[str]:
        return metrics.Page([PointSpec(point_id("gateway", "polls"), Unit.ONE, 5.0)]).families([600.0])

    @staticmethod
    def _point(name: str) -> answers.PointNow:
        device, _, quantity = name.partition("/")
        return answers.PointNow(name, device, quantity, "W", 600_000.0, "", "good", "", 0.4, 5.0)


@dataclass
class Asks:
    """`ports.Ask` that remembers."""

    did: list[tuple[Any, ...]] = field(default_factory=list)
    alarms: set[str] = field(default_factory=lambda: {"device_offline:battery"})
    chain: list[tuple[str, dict[str, object]]] = field(default_factory=list)

    async def override(self, user: str, asset: str, *, power_w: float | None, for_s: float, why: str) -> rights.Done:
        return self._done("override", user, asset, power_w, for_s, why)

    async def stop(self, user: str, *, why: str) -> rights.Done:
        return self._done("stop", user, why)

    async def release(self, user: str, *, why: str) -> rights.Done:
        return self._done("release", user, why)

    async def cancel(self, user: str, request: str, *, why: str) -> rights.Done:
        if request == "none":
            return rights.Done("p1", "refused", "unknown_reference")
        return self._done("cancel", user, request, why)

    async def acknowledge(self, user: str, alarm: str) -> rights.Done:
        if alarm not in self.alarms:
            raise LookupError(alarm)
        return self._done("acknowledge", user, alarm)

    async def shelve(self, user: str, alarm: str, *, for_s: float, why: str) -> rights.Done:
        if alarm not in self.alarms:
            raise LookupError(alarm)
        return self._done("shelve", user, alarm, for_s, why)

    async def unshelve(self, user: str, alarm: str) -> rights.Done:
        if alarm not in self.alarms:
            raise LookupError(alarm)
        return self._done("unshelve", user, alarm)

    async def record(self, kind: str, data: dict[str, object]) -> None:
        self.chain.append((kind, data))

    def _done(self, *what: Any) -> rights.Done:
        self.did.append(what)
        return rights.Done("p1", "accepted", "ok")


class MadeUpHistory:
    async def series(self, point: str, *, from_ms: int, to_ms: int, most: int) -> records.Series:
        if point != "pcc/power.active":
            raise LookupError(point)
        t_ms = tuple(range(from_ms, to_ms, max(1000, (to_ms - from_ms) // most)))[: min(most, 50)]
        ones: tuple[float | None, ...] = (1.0,) * len(t_ms)
        return records.Series(point, "W", "raw", 1.0, t_ms, ones, ones, ones, ("good",) * len(t_ms))


class MadeUpEnergies:
    async def energy(self, *, from_ms: int, to_ms: int) -> energy_records.Energy:
        return energy_records.Energy(from_ms, to_ms, "Asia/Shanghai", "", "hour", (), (), (), ())

    async def evidence(self, event: records.EventPast) -> energy_records.EventEvidence:  # noqa: ARG002
        return energy_records.EventEvidence((), None, None, 0.0, None, "the usual", "")


class MadeUpAudit:
    async def page(self, **_: Any) -> records.AuditPage:
        return records.AuditPage((), None, 0, "sha256")

    async def verify(self) -> records.AuditState:
        return records.AuditState(whole=True, records=0, file="", line=0, why="")


class Client:
    """One browser: its cookies, its session's token, the headers a browser would send of itself."""

    def __init__(self, session: ClientSession, base: str) -> None:
        self.session, self.base = session, base
        self.token = ""

    async def get(self, path: str, **headers: str) -> tuple[int, Any]:
        async with self.session.get(self.base + path, headers=headers, allow_redirects=False) as answer:
            return answer.status, await body_of(answer)

    async def post(self, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        given = {"Origin": self.base, "X-Gateway-Token": self.token, "Content-Type": "application/json", **headers}
        data = body if isinstance(body, bytes) else json.dumps(body or {}).encode()
        async with self.session.post(self.base + path, data=data, headers=given) as answer:
            return answer.status, await body_of(answer)

    async def login(self, user: str, password: str = PASSWORD) -> int:
        status, found = await self.post("/api/v1/login", {"user": user, "password": password})
        self.token = found.get("token") or ""
        return status


async def body_of(answer: ClientResponse) -> Any:
    raw = await answer.read()
    return json.loads(raw) if answer.content_type == "application/json" else raw


@dataclass
class Bench:
    """A server and what stands behind it."""

    server: Server
    access: Access
    site: MadeUpSite
    asks: Asks
    clock: VirtualClock
    state: Path
    task: asyncio.Task[None]
    _sessions: list[ClientSession]

    @property
    def base(self) -> str:
        return self.server.url.rstrip("/")

    @property
    def port(self) -> int:
        return int(self.base.rpartition(":")[2])

    def client(self, address: str = "127.0.0.1") -> Client:
        connector = TCPConnector(local_addr=(address, 0), ssl=False)
        session = ClientSession(connector=connector, cookie_jar=CookieJar(unsafe=True))
        self._sessions.append(session)
        return Client(session, self.base)

    async def user(self, name: str, role: Role) -> Client:
        """A client that is logged in by a link, which costs no scrypt."""
        client = self.client()
        status, found = await client.post("/api/v1/enter", {"link": self.access.link(name, role)})
        assert status == 200
        client.token = found["token"]
        return client

    def setup_code(self) -> str:
        return (self.state / SETUP_CODE).read_text().strip()


@asynccontextmanager
async def serving(
    folder: Path,
    *,
    keeper: Doorkeeper | None = None,
    listen: Listen | None = None,
    tls: Any = None,
    site: MadeUpSite | None = None,
    history: Any = None,
    energies: Any = None,
    audit: Any = None,
) -> AsyncIterator[Bench]:
    clock = VirtualClock(1000.0, T0_MS)
    site, asks = site or MadeUpSite(), Asks()
    access = Access(folder, clock)
    past, used, chain = history or MadeUpHistory(), energies or MadeUpEnergies(), audit or MadeUpAudit()
    room = Room(site, asks, past, used, chain, access, Hub(site), clock)
    bound = asyncio.Event()
    server = Server(room, listen or Listen(port=0), tls=tls, on_ready=lambda _url: bound.set(), keeper=keeper)
    task = asyncio.create_task(server.run())
    sessions: list[ClientSession] = []
    async with asyncio.timeout(20):
        await bound.wait()
    try:
        yield Bench(server, access, site, asks, clock, folder, task, sessions)
    finally:
        for session in sessions:
            await session.close()
        task.cancel()
        await asyncio.wait([task])
        access.close()
