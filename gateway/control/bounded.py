"""Assets whose command is a bound and not a power: an inverter below its limit, a load that may run and need not.

What they do inside the bound is their own business, so the twin takes it over as measured; what they do beyond it is
left to `verify`, which calls it not following. Both are told from new readings that are good, and from nothing else.
"""

from dataclasses import replace
from math import inf
from typing import NamedTuple

from gateway.control import response
from gateway.control.facts import Facts
from gateway.control.state import AssetState, Inverter, Relay
from gateway.model.image import Snapshot
from gateway.model.site import Pv, Switched

CLEAR_PART = 0.03
"""An inverter that gives less than its limit by this part of its rating is bound by the sun, one that gives more disobeys."""
WRITE_S = 1.5
"""So long a write may take until the device has it."""
LAGS = 3.0
MISSED_S = 15.0
"""So long a device that does not answer counts as doing what it did last."""
DRAWS, IDLES = 1.3, 0.2
"""A load that is on draws up to the first part of its rating, one that is off the second."""

SUN = "sun"
"""What binds an inverter that gives all it can."""
MOST = 1.5
"""No inverter gives more than this part of its rating, whatever it shows."""


class Heading(NamedTuple):
    """What a group does: whether nothing it may not, what it draws, the power it is heading for (None: as its twin has it).

    While it `waits` for a command to arrive, readings say nothing.
    """

    lawful: bool
    draws_w: float = 0.0
    drive_w: float | None = None
    waits: bool = False


Room = tuple[float, float, float, str, str]
"""lo_w, hi_w, rest_w and what binds lo_w and hi_w, as in `headroom.Band`."""


def present(known: Facts, state: AssetState, *, now_s: float) -> tuple[str, ...]:
    """The devices that answer, or did so a moment ago: a lost answer changes neither the sun nor a relay."""
    read_s = {name: one.read_s for name, one in state.inverters.items()}
    read_s |= {name: one.read_s for name, one in state.relays.items()}
    return tuple(device for device in known.asset.devices if now_s - read_s.get(device, -inf) <= MISSED_S)


def take_over(known: Facts, state: AssetState, snapshot: Snapshot, *, now_s: float) -> None:
    """Note what inverters or relays show, and bring the twin to what was measured where that is lawful."""
    if known.pv is not None:
        _believe(known, state, snapshot, _sun(known, known.pv, state, snapshot))
    elif known.switched is not None:
        _relays(known, state, snapshot, now_s=now_s)
        _believe(known, state, snapshot, _loads(known, known.switched, state, snapshot))


def sun_room(known: Facts, state: AssetState, devices: tuple[str, ...]) -> Room:
    """From all the sun gives up to nothing; at rest all of it."""
    part = len(devices) / len(known.asset.devices)
    rest_w = -sum(state.inverters[device].sun_w for device in devices if device in state.inverters)
    return rest_w, max(rest_w, min(0.0, known.asset.max_w * part)), rest_w, SUN, "max"


def arrives_s(known: Facts, sent_s: float) -> float:
    """From when on a reading shows what a command of this instant did."""
    return sent_s + known.asset.dead_time_s + LAGS * known.asset.lag_s + WRITE_S


def _sun(known: Facts, pv: Pv, state: AssetState, snapshot: Snapshot) -> Heading:
    """Note what each inverter could give, by what it gives and the limits that may be in force."""
    drive_w, draws_w, sure, lawful = 0.0, 0.0, True, True
    seen: dict[str, Inverter] = {}
    for device, point in zip(known.asset.devices, known.powers, strict=True):
        watts, measured_s = snapshot.timed(point)
        entry, before = state.sent.get(known.keys[device]), state.inverters.get(device)
        told_w = inf if entry is None or entry.value is None else pv.rated_w * entry.value / 100.0
        if watts is not None:
            arrived = entry is None or measured_s >= arrives_s(known, entry.at_s)
            one = _inverter(pv, before, watts, measured_s, told_w=told_w, arrived=arrived)
            lawful = lawful and one.gives_w <= one.most_w + CLEAR_PART * pv.rated_w
            sure = sure and (arrived or one.gives_w == one.sun_w)
        elif before is not None:
            one = before
        else:
            continue
        seen[device] = one
        draws_w -= one.gives_w
        drive_w -= min(one.sun_w, told_w)
    if seen != state.inverters:
        state.inverters = seen
    return Heading(lawful, draws_w, drive_w if sure else None)


def _inverter(
    pv: Pv, before: Inverter | None, watts: float, measured_s: float, *, told_w: float, arrived: bool
) -> Inverter:
    """One inverter after a reading; `told_w` is its last limit, which may not have `arrived` when it was read."""
    if before is None:
        before = Inverter(0.0, told_w, told_w)
    gives_w = min(max(0.0, -watts), MOST * pv.rated_w)
    least_w = told_w if arrived else min(before.least_w, told_w)
    most_w = told_w if arrived else max(before.most_w, told_w)
    free = least_w >= pv.rated_w or gives_w < least_w - CLEAR_PART * pv.rated_w
    return Inverter(gives_w if free else max(gives_w, before.sun_w), least_w, most_w, gives_w, measured_s)


def _relays(known: Facts, state: AssetState, snapshot: Snapshot, *, now_s: float) -> None:
    """Note which loads are on: as told until the command has arrived, then as shown.

    One that is seen for the first time counts as just switched (I-06).
    """
    for device, point in zip(known.asset.devices, known.shown, strict=True):
        value, measured_s = snapshot.timed(point)
        if value is None:
            continue
        on, one = value > 0.5, state.relays.get(device)
        if one is None:
            one = Relay(on, now_s)
        elif one.on is not on and not _is_on_its_way(known, state, device, measured_s):
            one = turned(one, now_s, on=on)
        state.relays = {**state.relays, device: replace(one, read_s=measured_s)}


def _is_on_its_way(known: Facts, state: AssetState, device: str, measured_s: float) -> bool:
    """Whether a reading is too early to show what the last command did."""
    entry = state.sent.get(known.keys[device])
    return entry is not None and measured_s < arrives_s(known, entry.at_s)


def turned(relay: Relay, now_s: float, *, on: bool) -> Relay:
    """The load switched now; its starts of the last hour with it."""
    starts_s = tuple(start_s for start_s in relay.starts_s if now_s - start_s < 3600.0)
    return replace(relay, on=on, since_s=now_s, starts_s=(*starts_s, now_s) if on else starts_s)


def _loads(known: Facts, switched: Switched, state: AssetState, snapshot: Snapshot) -> Heading:
    """What the loads draw, where none draws what it may not and none was switched just now."""
    total_w, waits = 0.0, False
    for device, point in zip(known.asset.devices, known.powers, strict=True):
        watts, measured_s = snapshot.timed(point)
        relay = state.relays.get(device)
        if relay is None:
            continue
        if watts is None:
            watts = switched.rated_w * relay.on
        elif _is_on_its_way(known, state, device, measured_s):
            waits = True
        elif watts > switched.rated_w * (DRAWS if relay.on else IDLES):
            return Heading(lawful=False)
        total_w += watts
    return Heading(lawful=True, draws_w=total_w, drive_w=total_w, waits=waits)


def _believe(known: Facts, state: AssetState, snapshot: Snapshot, heading: Heading) -> None:
    """Move the twin, and what it drew of late, to what is measured, where that is lawful; `verify` then sees nothing new.

    All devices are compared at once, with what the twin drew when they were measured: they may differ.
    """
    times = [at_s for watts, at_s in map(snapshot.timed, known.powers) if watts is not None]
    twin = state.twin
    if not heading.lawful or not times or max(times) <= state.polled_s:
        return
    state.polled_s, state.doubt_s = max(times), None
    if heading.waits:
        return
    expected = [twin.x if (then_w := response.then(twin, at_s)) is None else then_w for at_s in times]
    error_w = heading.draws_w - sum(expected) / len(expected)
    twin.x += error_w
    twin.trail = tuple((at_s, watts + error_w) for at_s, watts in twin.trail)
    if heading.drive_w is not None:
        twin.drive = heading.drive_w
    if known.pv is not None:  # no limit makes the sun give more
        least_w = -sum(one.sun_w for one in state.inverters.values())
        twin.drive = max(twin.drive, least_w)
        twin.pending = tuple((at_s, max(drive, least_w)) for at_s, drive in twin.pending)
