"""How the lines of a running gateway do: points of the device `gateway`, and answers for the local socket.

Points: per line its load, measured and planned, whether it is up, the share of its reads that were good and how many failed
in which way; per device the share of its reads that were good, how long answers take, and how long ago the last good one
came. Other percentiles, the errors of each device, writes of the last day and the bytes themselves are told to who asks. A figure that is not known is invalid, never zero.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

from gateway.clock import Clock
from gateway.field.poller import Poller
from gateway.health import DEVICE
from gateway.model.image import Image
from gateway.model.point import PointSpec, Unit, point_id
from gateway.model.reading import Cause, Quality
from gateway.model.site import Connection, Device, Site
from gateway.profiles.bustime import BusTime, blocks_of, bus_time
from gateway.profiles.schema import Profile
from gateway.texts import say

LINE_UNITS: Mapping[str, Unit] = {
    "load": Unit.ONE,
    "planned_load": Unit.ONE,
    "online": Unit.NONE,
    "availability": Unit.ONE,
    "errors_down": Unit.NONE,
    "errors_timeout": Unit.NONE,
    "errors_mismatch": Unit.NONE,
    "errors_refused": Unit.NONE,
}
DEVICE_UNITS: Mapping[str, Unit] = {"availability": Unit.ONE, "latency_p99": Unit.SECOND, "since_good": Unit.SECOND}
Spoken = tuple[Connection, list[tuple[Device, Profile]]]
PERIOD_S = 10.0
"""How often the points are posted."""
STALE_S = 3.0 * PERIOD_S


def specs(site: Site) -> list[PointSpec]:
    """The points: `gateway/line.<line>.load` …, `gateway/device.<device>.availability` …"""
    named = [(f"line.{line}.{name}", unit) for line in _lines(site) for name, unit in LINE_UNITS.items()]
    named += [(f"device.{one}.{name}", unit) for one in site.devices for name, unit in DEVICE_UNITS.items()]
    return [PointSpec(point_id(DEVICE, name), unit, STALE_S) for name, unit in named]


class FieldView:
    """The lines by name; `run` is the task that posts their points."""

    def __init__(
        self, site: Site, profiles: Mapping[str, Profile], pollers: Mapping[str, Poller], image: Image, clock: Clock
    ) -> None:
        self._pollers = pollers
        self._image = image
        self._clock = clock
        self._spoken: dict[str, Spoken] = {}
        self._planned: dict[str, BusTime] = {}
        self.adopt(site, profiles)

    def adopt(self, site: Site, profiles: Mapping[str, Profile]) -> None:
        """Take another site over, its points in the image already."""
        self._columns = self._image.columns(spec.id for spec in specs(site))
        self._lines = _lines(site)
        self._devices = tuple(site.devices)
        before, self._spoken = self._spoken, {line: _spoken(line, site, profiles) for line in self._lines}
        planned = {name: blocks_of(profile) for name, profile in profiles.items()}
        self._planned = {
            line: self._planned[line] if before.get(line) == spoken else bus_time(*spoken, planned=planned)
            for line, spoken in self._spoken.items()
        }

    async def run(self) -> None:
        """Post until cancelled."""
        while True:
            now_s = self._clock.boot_s()
            self.post(now_s)
            await asyncio.sleep(PERIOD_S)

    def post(self, now_s: float) -> None:
        """All points as of now."""
        health = self.health(now_s)
        devices: dict[str, Mapping[str, float]] = {}
        for line in health.values():
            devices |= line["devices"]
        values = [health.get(line, {"line": {}})["line"].get(name) for line in self._lines for name in LINE_UNITS]
        values += [devices.get(device, {}).get(name) for device in self._devices for name in DEVICE_UNITS]
        qualities = [Quality.INVALID if value is None else Quality.GOOD for value in values]
        causes = [Cause.SOURCE if value is None else Cause.NONE for value in values]
        self._image.post_block(self._columns, values, qualities, causes, now_s)

    def answer(self, request: Mapping[str, Any]) -> dict[str, Any] | None:
        """`{do: health}` or `{do: trace, line, after}`; None: a request for somebody else."""
        match request:
            case {"do": "health", **rest} if not rest:
                return {"lines": self.health(self._clock.boot_s())}
            case {"do": "trace", "line": str(line), "after": int(after), **rest} if not rest:
                return self._trace(line, after)
        return None

    def health(self, now_s: float) -> dict[str, dict[str, Any]]:
        """By line: `line`, its own figures, and `devices`, those of each device on it."""
        found: dict[str, dict[str, Any]] = {}
        for name, poller in self._pollers.items():
            figures, plan = poller.figures(now_s), self._planned[name]
            planned = {"planned_load": plan.load, "planned_pass": plan.pass_s}
            found[name] = {"line": {**figures.line, **planned}, "devices": figures.units}
        return found

    def _trace(self, line: str, after: int) -> dict[str, Any]:
        poller = self._pollers.get(line)
        if poller is None:
            return {"error": "unknown_line", "text": say("refused.no_line", line=line, there=", ".join(self._pollers))}
        frames = [[one.number, one.at_ms, one.way, one.data.hex() or one.note] for one in poller.trace(after)]
        return {"frames": frames}


def _spoken(line: str, site: Site, profiles: Mapping[str, Profile]) -> Spoken:
    """What the bus-time plan of a line follows from."""
    devices = [(device, profiles[device.profile]) for device in site.devices.values() if device.connection == line]
    return site.connections[line], devices


def _lines(site: Site) -> tuple[str, ...]:
    used = {device.connection for device in site.devices.values()}
    return tuple(line for line in site.connections if line in used)
