"""A small house with devices that can be trusted to say what was done to them: a load nobody controls, a battery, lights.

Physics is first order and immediate enough to judge a gateway by; every request and every applied value is in the ledger
with its boot time. Each device answers on a Modbus TCP server of its own, behind a fault proxy of its own.
"""

import math
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from emulators.faults import FaultProxy
from emulators.modbus_device import TcpServer
from emulators.unit import Answer, Unit
from gateway.profiles.load import load_profile

PROFILES = {"pcc": "meter/abb_b23", "battery": "battery/acme_200", "lights": "lighting/acme_dimmer"}
LIGHTS_W = 60_000.0
LAG_S = 0.15
METER_AGE_S = 0.25
"""What a site meter says is about so old."""
ALLOWED = {
    ("battery", "battery.power.setpoint"): (-200_000.0, 200_000.0),
    ("battery", "battery.power.setpoint.timeout"): (15.0, 15.0),
    ("battery", "battery.power.fallback"): (0.0, 0.0),
    ("battery", "battery.enable"): (0.0, 1.0),
    ("lights", "light.level.setpoint"): (30.0, 100.0),
}
"""Everything that may be written, and between which values, as a technician would list it."""
DEFAULTS = {
    ("battery", "battery.power.setpoint"): 0.0,
    ("battery", "battery.power.setpoint.timeout"): 60.0,
    ("battery", "battery.power.fallback"): 0.0,
    ("battery", "battery.enable"): 0.0,
    ("lights", "light.level.setpoint"): 100.0,
}
FIXED = {
    ("pcc", "frequency"): 50.0,
    ("battery", "battery.state"): 2.0,
    ("battery", "battery.alarms"): 0.0,
    ("battery", "battery.temperature"): 25.0,
}


def boot_s() -> float:
    """The clock of every ledger, and of the gateway's decision log."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as a device saw it."""

    at_s: float
    device: str
    pdu: bytes
    note: str

    @property
    def writes(self) -> bool:
        return self.pdu[0] in (5, 6, 15, 16)


@dataclass(frozen=True, slots=True)
class Applied:
    """One value a device took."""

    at_s: float
    device: str
    quantity: str
    value: float


@dataclass
class House:
    """The plant, as emulated devices see it."""

    load_w: float = 600_000.0
    soc_pct: float = 50.0
    time_factor: float = 1.0
    meter_sign: float = 1.0
    """-1: the site meter has lost its sign."""
    """The devices' own reversion timers run so much faster."""
    held: dict[tuple[str, str], float] = field(default_factory=lambda: dict(DEFAULTS))
    applied: list[Applied] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    reverts: list[float] = field(default_factory=list)
    now_s: float = 0.0
    _battery_w: float = 0.0
    _lights_w: float = LIGHTS_W
    _set_s: float = -math.inf
    _trail: deque[tuple[float, float]] = field(default_factory=deque)
    _metered_w: float = 0.0

    def advance(self, t_s: float) -> None:
        part = 1.0 - math.exp(-max(0.0, t_s - self.now_s) / LAG_S)
        self.now_s = max(self.now_s, t_s)
        self._revert()
        enabled = self.held["battery", "battery.enable"] == 1.0
        wanted_w = self.held["battery", "battery.power.setpoint"] if enabled else 0.0
        self._battery_w += (wanted_w - self._battery_w) * part
        level = self.held["lights", "light.level.setpoint"]
        self._lights_w += (LIGHTS_W * level / 100.0 - self._lights_w) * part
        self._trail.append((self.now_s, self.load_w + self._battery_w + self._lights_w))
        while len(self._trail) > 1 and self._trail[1][0] <= self.now_s - METER_AGE_S:
            self._trail.popleft()
        self._metered_w = self._trail[0][1]

    def read(self, device: str, quantity: str) -> float | None:
        match device, quantity:
            case "pcc", "power.active":
                return self.meter_sign * self._metered_w
            case "battery", "battery.power":
                return self._battery_w
            case "battery", "battery.soc":
                return self.soc_pct
            case "lights", "light.power":
                return self._lights_w
            case "lights", "light.level":
                return self._lights_w / LIGHTS_W * 100.0
        return FIXED.get((device, quantity), self.held.get((device, quantity)))

    def takes(self, device: str, quantity: str) -> bool:
        return (device, quantity) in self.held

    def write_point(self, device: str, quantity: str, value: float) -> bool:
        at_s = boot_s()
        self.advance(at_s)
        self.held[device, quantity] = value
        self.applied.append(Applied(at_s, device, quantity, value))
        if quantity == "battery.power.setpoint":
            self._set_s = at_s
        return True

    def reboot(self, device: str) -> None:
        """Back to the settings it left the factory with."""
        self.held.update({key: value for key, value in DEFAULTS.items() if key[0] == device})

    def request(self, device: str, pdu: bytes, answer: Answer) -> None:
        """The ledger of the servers."""
        self.asked.append(Asked(boot_s(), device, pdu, answer.note))

    def set(self, quantity: str) -> float:
        """What a device holds now."""
        return next(value for (_, name), value in self.held.items() if name == quantity)

    def writes(self, quantity: str, *, since_s: float = -math.inf) -> list[Applied]:
        """The values a quantity took."""
        return [one for one in self.applied if one.quantity == quantity and one.at_s >= since_s]

    def site_w(self) -> float:
        """True power at the connection now."""
        self.advance(boot_s())
        return self.load_w + self._battery_w + self._lights_w

    def _revert(self) -> None:
        timeout_s = self.held["battery", "battery.power.setpoint.timeout"] / self.time_factor
        enabled = self.held["battery", "battery.enable"] == 1.0
        if enabled and self.now_s > self._set_s + timeout_s:
            self._set_s = math.inf
            self.reverts.append(self.now_s)
            self.held["battery", "battery.power.setpoint"] = self.held["battery", "battery.power.fallback"]


@dataclass
class Devices:
    """The servers and the faulty lines to them."""

    house: House
    servers: dict[str, TcpServer]
    proxies: dict[str, FaultProxy]

    async def off(self, *names: str) -> None:
        """The devices are gone: connections are refused."""
        for name in names:
            await self.proxies[name].stop()

    async def on(self, *names: str) -> None:
        """They are back on their ports."""
        for name in names:
            await self.proxies[name].start()


@asynccontextmanager
async def devices(house: House | None = None) -> AsyncIterator[Devices]:
    """Every device up, on free ports."""
    house = house or House()
    house.advance(boot_s())
    servers, proxies = {}, {}
    for name, profile in PROFILES.items():
        unit = Unit(name, load_profile(profile), house, boot_s)
        servers[name] = TcpServer({1: unit}, ledger=house)  # type: ignore[arg-type]  # keeps the same records, in memory
        proxies[name] = FaultProxy(("127.0.0.1", await servers[name].start()))
        await proxies[name].start()
    try:
        yield Devices(house, servers, proxies)
    finally:
        for proxy in proxies.values():
            await proxy.stop()
        for server in servers.values():
            await server.stop()
