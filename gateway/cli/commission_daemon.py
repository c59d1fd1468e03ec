"""A site while its gateway runs: read through the local socket, moved by holds, so that its own control does everything.

Readings come from the daemon's image with the age they have there. A step is a hold of the whole asset: control shares it
among the devices, and its limits and guard decide. The hold ends by itself should this program be gone.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from gateway.cli.asking import Place, ask_daemon
from gateway.cli.commission_guard import watts_of
from gateway.cli.proving import Unsafe
from gateway.clock import Clock
from gateway.field.bus import Member
from gateway.field.points import members_of, specs_of
from gateway.model.command import Command, Outcome
from gateway.model.image import Image, Snapshot
from gateway.model.point import PointId, point_id
from gateway.model.reading import Cause, Quality, Reading
from gateway.model.site import Asset, Site
from gateway.oneshot import Unasked, asset_of

READ_S = 0.25
SPARE_S = 15.0
"""A hold outlives its last renewal by this; a step renews it every few seconds."""
RENEW_S = 10.0
WHY = "commission"


class DaemonPlace:
    """The running gateway as a place assets are tried at."""

    exact = False
    """Control shares a step out as it sees fit: a device need not read what the asset was asked for."""

    def __init__(self, place: Place, clock: Clock) -> None:
        self.site: Site = place.site
        self.members: Mapping[str, Member] = {
            member.id: member for line in members_of(place.site, place.profiles).values() for member in line
        }
        self.outcomes: Sequence[Outcome] = ()
        specs = specs_of(place.site, place.profiles)
        self.image = Image(replace(spec, stale_after_s=spec.stale_after_s + 2.0 * READ_S) for spec in specs)
        self.wanted: tuple[str, ...] = tuple(self.members)
        """The devices that are read; while an asset is tried, its own and the meter."""
        self._place = place
        self._clock = clock
        self._holds: dict[str, tuple[str, float, float]] = {}
        """By asset: the hold's id, its power, when it was asked for."""
        self._read_s = 0.0

    def now_s(self) -> float:
        """Boot time."""
        return self._clock.boot_s()

    def snapshot(self) -> Snapshot:
        """The newest readings."""
        return self.image.snapshot(self._clock.boot_s())

    def texts(self) -> Mapping[PointId, str]:
        """What the devices say in words."""
        return self.image.texts

    def watch(self, devices: Sequence[str]) -> None:
        """Read these devices from now on."""
        self.wanted = tuple(dict.fromkeys(devices))

    async def pass_time(self, seconds: float) -> None:
        """Wait, and read what is due."""
        end_s = self._clock.boot_s() + seconds
        if self._clock.boot_s() - self._read_s >= READ_S:
            self._read_s = self._clock.boot_s()
            for device in self.wanted:
                await self._read(device)
        await asyncio.sleep(max(0.0, end_s - self._clock.boot_s()))

    async def write(self, commands: Sequence[Command]) -> None:
        """Hold the asset of these commands at what they mean together; values of None end its hold."""
        for asset in self._assets(commands):
            own = [one for one in commands if one.device in asset.devices]
            values = [one.value for one in own if one.value is not None]
            if values:
                await self._hold(asset, watts_of(asset, values[0], len(own)))
            else:
                await self._unhold(asset.id)

    async def _hold(self, asset: Asset, power_w: float) -> None:
        now_s = self._clock.boot_s()
        held = self._holds.get(asset.id)
        if held is not None and held[1] == power_w and now_s - held[2] < RENEW_S:
            return
        request = {"do": "hold", "asset": asset.id, "power_w": power_w, "for_s": RENEW_S + SPARE_S, "why": WHY}
        try:
            answer = await self._ask(request)
        except Unasked as exc:
            raise Unsafe(exc.code, exc.said) from exc
        self._holds[asset.id] = (str(answer["hold"]), power_w, now_s)

    async def _unhold(self, asset: str) -> None:
        held = self._holds.pop(asset, None)
        if held is not None:
            await self._ask({"do": "unhold", "hold": held[0], "why": WHY})

    async def _read(self, device: str) -> None:
        """Take over one device's readings, with their age."""
        answer = await self._ask({"do": "read", "device": device, "points": []})
        now_s = self._clock.boot_s()
        points = self.members[device].profile.points
        for row in answer["rows"]:
            name = str(row["point"]).partition("/")[2]
            if points[name].is_text:
                if row["name"]:
                    self.image.texts[point_id(device, name)] = str(row["name"])
            else:
                self.image.post(point_id(device, name), reading_of(row, now_s))

    def _assets(self, commands: Sequence[Command]) -> list[Asset]:
        found = {asset.id: asset for one in commands if (asset := asset_of(self.site, one.device)) is not None}
        return list(found.values())

    async def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        return await asyncio.to_thread(ask_daemon, self._place, request)


def reading_of(row: Mapping[str, Any], now_s: float) -> Reading:
    """A row of the daemon's as a reading of ours; how stale it is by now is for the image to say."""
    quality, cause = Quality[str(row["quality"]).upper()], Cause[(str(row["cause"]) or "none").upper()]
    if row["value"] is None:
        return Reading(None, Quality.INVALID, cause, now_s)
    if quality is Quality.STALE:
        quality, cause = Quality.GOOD, Cause.NONE
    return Reading(float(row["value"]), quality, cause, now_s - float(row["age_s"] or 0.0))
