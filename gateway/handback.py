"""Handing back: an asset goes to its safe value or its own controller, and its devices have it before we leave them."""

import asyncio
from collections.abc import Iterable, Mapping

from gateway.clock import Clock
from gateway.control import guard
from gateway.control.kinds import control_of
from gateway.field.poller import Poller
from gateway.field.writer import Writer
from gateway.log import get_logger
from gateway.model.command import Command
from gateway.model.site import Asset, Device, Site, Switched, Zones

log = get_logger("handback")

HAND_BACK_S = 4.0
"""How long we wait for the devices to take what they are handed back."""
SETTLED_S = 0.3
"""Nothing left to write for this long: the devices have it."""
LEAVE_S = 20.0


async def hand_back(
    site: Site, names: Iterable[str], writer: Writer, pollers: Mapping[str, Poller], clock: Clock
) -> None:
    """Post what these assets fall back to, then wait until the devices answered, HAND_BACK_S at most.

    The writer takes nothing else for their devices until it is told otherwise.
    """
    now_s = clock.boot_s()
    end_s = now_s + HAND_BACK_S
    assets = [site.assets[name] for name in names]
    given = [command for asset in assets for command in _commands(asset, now_s)]
    rooms = {device for asset in assets if isinstance(asset.detail, Zones) for device in asset.devices}
    # a room that was told nothing has its own set-point, which nobody here needs to know
    writer.post([one for one in given if one.device not in rooms or writer.holds(one.device, one.control)], now_s)
    theirs = {device for asset in assets for device in asset.devices}
    writer.close(theirs)
    online = [name for name in theirs if _online(pollers, site.devices[name])]
    idle_s = now_s
    while (now_s := clock.boot_s()) < idle_s + SETTLED_S and now_s < end_s:
        if writer.next_due_s(online, now_s) <= now_s + SETTLED_S:
            idle_s = now_s
        await asyncio.sleep(0.02)
    if now_s >= end_s:
        log.warning("not_handed_back", within_s=HAND_BACK_S)


def _online(pollers: Mapping[str, Poller], device: Device) -> bool:
    poller = pollers.get(device.connection)
    return poller is not None and poller.online(device.id)


def _commands(asset: Asset, now_s: float) -> list[Command]:
    return [
        Command(device, control_of(asset), value, "shutdown", now_s, now_s + LEAVE_S)
        for device, value in zip(asset.devices, _values(asset), strict=True)
    ]


def _values(asset: Asset) -> list[float | None]:
    """What each device falls back to; of switched loads so many run as at rest, for they have no controller of their own."""
    count = len(asset.devices)
    if not isinstance(asset.detail, Switched):
        return [guard.failsafe(asset)] * count
    left_w = asset.operating_w if asset.safe_w is None else asset.safe_w
    running = round((left_w or 0.0) / asset.detail.rated_w)
    return [float(at < running) for at in range(count)]
