"""Rooms whose one lever is a set-point: how far they can move, and the set-points they are given for it.

Theory. A thermostat is a controller of its own: a set-point a kelvin higher makes it draw `w_per_k` less at once, and as
the room warms towards the new set-point that comes back. So there is no set-point for a power; there is one for a
change of power, from what the group is heading for. The gateway asks for a power, and set-points follow the room:

    change of the mean set-point = (heading for - aim) / w_per_k        cooling; heating the other way round

What the group is heading for is told by its twin (`control.heat`).

No set-point leaves its room's comfort band (narrow when people are there, and for a while before), whatever is asked.
A room without a temperature, or one that is beyond the edge it was driven to, gets its own set-point back.
"""

from dataclasses import replace
from typing import NamedTuple

from gateway.control import calendar, facts, response
from gateway.control.facts import Facts
from gateway.control.heat import gain, heading, temperature
from gateway.control.kinds import ZONE_SETPOINT, to_kelvin
from gateway.control.setpoints import MOST_K, Stand, moved
from gateway.control.state import AssetState, ControlState, Rooms, Sent
from gateway.model.image import Snapshot
from gateway.model.point import point_id
from gateway.model.site import Site, Zones

STILL = ("comfort_unknown", "offline", "not_following", "returning")
"""Where one of these binds, the rooms go home."""
HOURS_S = 30.0
"""How often the hours are looked at."""
LEAST_K = 1e-3
"""Rooms on their way home never stand still: what they may move is more than nothing."""
RETURN_S = 120.0
"""So long after a release a set-point that is read may still be ours."""
ALIKE_K = 0.04
"""Set-points no further apart are the same: a register may hold one less exactly than it was told."""
KEPT_K = 0.2
"""A register that wears out may keep a value so near to the one it is told."""
EDGE_K = 0.2
"""Kept from the edge of the band, by set-points and temperatures: sensors show tenths, and controllers swing a little."""


class Kelvins(NamedTuple):
    """What the rooms can still take, the mean over all: where a shed drives them, the other way, and how far they are."""

    shed: float
    take: float
    owed: float


class Scope(NamedTuple):
    """How far a group can go, as in `headroom.Band`, and the heat in its rooms."""

    lo_w: float
    hi_w: float
    rest_w: float
    lo_reason: str
    hi_reason: str
    devices: tuple[str, ...]
    kelvins: Kelvins


def note_hours(site: Site, state: ControlState, *, now_s: float, utc_ms: int) -> None:
    """Whether people are in the rooms, or will be within their `early_s`; a clock that was never set says they are."""
    for _, known in facts.of_all(site):
        if known.zones is None:
            continue
        own = state.assets[known.asset.id]
        rooms = own.rooms or Rooms()
        if now_s - rooms.hours_s < HOURS_S:
            continue
        zones, soon_ms = known.zones, utc_ms + round(known.zones.early_s * 1000.0)
        unset = utc_ms < calendar.PLAUSIBLE_MS
        here = [calendar.closes_ms(zones.occupied, site.timezone, at_ms) is not None for at_ms in (utc_ms, soon_ms)]
        own.rooms = replace(rooms, occupied=unset or any(here), hours_s=now_s)


def scope(known: Facts, state: AssetState, snapshot: Snapshot, *, now_s: float) -> Scope:
    """How far the group can move now; a power or temperature that is not known leaves nothing but its own set-points."""
    zones, asset = known.zones, known.asset
    assert zones is not None  # asked of rooms only
    rooms = state.rooms or Rooms()
    power_w = snapshot.usable(known.powers[0])
    rest_w = next((watts for watts in (rooms.rest_w, asset.operating_w, power_w) if watts is not None), None)
    stands = _stands(known, state, snapshot)
    if rest_w is None or (power_w is None and not stands):
        return Scope(0.0, 0.0, 0.0, "offline", "offline", (), Kelvins(0.0, 0.0, 0.0))
    warm = _kelvins(zones, stands, snapshot, len(asset.devices))
    # with their meter alone they are there, and are not moved
    devices = asset.devices if power_w is not None else tuple(one.device for one in stands)
    usable = [one for one in stands if not one.homeward]
    why = ""
    if now_s < state.shunned_until_s:
        why = "not_following"
    elif power_w is None or not stands:
        why = "offline"
    elif all(temperature(snapshot, one.device) is None for one in stands):
        why = "comfort_unknown"
    if why:
        return Scope(rest_w, rest_w, rest_w, why, why, devices, warm)
    heading_w, w_per_k, count = heading(state), gain(zones, state), len(asset.devices)
    higher_w = w_per_k * sum(max(0.0, one.high_c - one.now_c) for one in usable) / count
    lower_w = w_per_k * sum(max(0.0, one.now_c - one.low_c) for one in usable) / count
    less_w, more_w = (lower_w, higher_w) if zones.heats else (higher_w, lower_w)
    lo_w, lo_reason = heading_w - less_w, "comfort_cold" if zones.heats else "comfort_warm"
    hi_w, hi_reason = heading_w + more_w, "comfort_warm" if zones.heats else "comfort_cold"
    if lo_w <= asset.min_w:
        lo_w, lo_reason = asset.min_w, "min"
    if hi_w >= asset.max_w:
        hi_w, hi_reason = asset.max_w, "max"
    hi_w = max(lo_w, hi_w)
    return Scope(lo_w, hi_w, min(max(rest_w, lo_w), hi_w), lo_reason, hi_reason, devices, warm)


def wanted(
    known: Facts, state: AssetState, snapshot: Snapshot, *, aim_w: float | None, urgent: bool
) -> dict[str, float | None]:
    """The set-points that change for an aim, None for a room's own; without an aim the rooms go home by and by."""
    zones = known.zones
    assert zones is not None  # asked of rooms only
    stands = _stands(known, state, snapshot)
    own = {one.device: one.own_c for one in stands}
    if urgent:
        return {one.device: None for one in stands if one.now_c != one.own_c}
    again: dict[str, float | None] = dict.fromkeys(_unreturned(known, state, snapshot))
    count = len(known.asset.devices)
    if aim_w is None:
        stands, kelvin = _homeward(zones, state, stands, count)
    else:
        kelvin = count * to_kelvin(zones, aim_w - heading(state), gain(zones, state))
    found = moved(stands, kelvin, step_k=zones.step_k, home=aim_w is None)
    return again | {device: None if new_c == own[device] else new_c for device, new_c in found.items()}


def _homeward(zones: Zones, state: AssetState, stands: list[Stand], count: int) -> tuple[list[Stand], float]:
    """Rooms on their way home, and the kelvins they may move now: no further above or below rest than the rebound."""
    total_k = sum(one.own_c - one.now_c for one in stands)
    way = 1.0 if total_k > 0.0 else -1.0
    stands = [one._replace(homeward=one.homeward or way * (one.own_c - one.now_c) < 0.0) for one in stands]
    here_w, per_k_w = heading(state), gain(zones, state) / count * (1.0 if zones.heats else -1.0)
    rest_w = here_w if state.rooms is None or state.rooms.rest_w is None else state.rooms.rest_w
    rises = per_k_w * total_k > 0.0
    bound_w = max(rest_w + zones.rebound_w, here_w) if rises else min(rest_w - zones.rebound_w, here_w)
    most_k = abs((bound_w - here_w) / per_k_w)
    return stands, way * max(min(abs(total_k), most_k), LEAST_K)


def given(known: Facts, state: AssetState, new: dict[str, float | None], *, now_s: float) -> None:
    """Note set-points that go out now, and what the twin makes of them."""
    zones, asset = known.zones, known.asset
    assert zones is not None  # asked of rooms only
    assert state.rooms is not None  # they were looked at
    rooms, kelvin = state.rooms, 0.0
    for device, new_c in new.items():
        own_c = rooms.own_c[device]
        kelvin += (own_c if new_c is None else new_c) - _now_c(known, state, device, own_c)
    before_w = heading(state)
    change_w = kelvin / len(asset.devices) * gain(zones, state) * (1.0 if zones.heats else -1.0)
    drive_w = min(max(before_w + change_w, 0.0), max(asset.max_w, before_w))
    response.send(state.twin, drive_w, now_s + asset.dead_time_s)
    told = {device: new_c for device, new_c in new.items() if new_c is not None}
    state.rooms = replace(rooms, given_c={**rooms.given_c, **told})


def own_c(zones: Zones, state: AssetState, device: str) -> float:
    """The set-point a room had before it was given another."""
    return zones.setpoint_c if state.rooms is None else state.rooms.own_c.get(device, zones.setpoint_c)


def see_own(known: Facts, state: AssetState, snapshot: Snapshot) -> None:
    """Note the set-points of rooms that were given none, or have theirs back: they are their own.

    A room that still shows what it was given before a restart still has that of us.
    """
    assert known.zones is not None  # asked of rooms only
    rooms = state.rooms or Rooms()
    way_k = max(MOST_K, known.zones.step_k) + KEPT_K  # the last write before a restart may not have come
    found = {}
    for device in known.asset.devices:
        shown_c, measured_s = snapshot.timed(point_id(device, ZONE_SETPOINT))
        key, given_c = known.keys[device], rooms.given_c.get(device)
        entry = state.sent.get(key)
        if shown_c is None or (given_c is None and shown_c == rooms.own_c.get(device)):
            continue
        ours = _is_ours(rooms, device, shown_c, within_k=KEPT_K if entry is not None else way_k)
        if ours and entry is None:
            state.sent = {**state.sent, key: Sent(given_c, measured_s, renewed_s=0.0)}
        elif not ours and (entry is None or (entry.value is None and measured_s > entry.at_s + RETURN_S)):
            found[device] = shown_c
    if found:
        given = {device: given_c for device, given_c in rooms.given_c.items() if device not in found}
        state.rooms = replace(rooms, own_c={**rooms.own_c, **found}, given_c=given)


def _unreturned(known: Facts, state: AssetState, snapshot: Snapshot) -> list[str]:
    """Rooms that were given their own set-point back a while ago and still show the one before."""
    found = []
    for device in known.asset.devices:
        shown_c, measured_s = snapshot.timed(point_id(device, ZONE_SETPOINT))
        entry, rooms = state.sent.get(known.keys[device]), state.rooms
        if shown_c is None or rooms is None or entry is None or entry.value is not None:
            continue
        if measured_s > entry.at_s + RETURN_S and _is_ours(rooms, device, shown_c, within_k=KEPT_K):
            found.append(device)
    return found


def _is_ours(rooms: Rooms, device: str, shown_c: float, *, within_k: float) -> bool:
    """Whether a room shows what it was given, and not its own."""
    given_c, own_c = rooms.given_c.get(device), rooms.own_c.get(device)
    if given_c is None or abs(shown_c - given_c) > within_k:
        return False
    return own_c is None or abs(shown_c - own_c) > ALIKE_K


def _stands(known: Facts, state: AssetState, snapshot: Snapshot) -> list[Stand]:
    """How the rooms stand whose set-point is known."""
    zones, rooms = known.zones, state.rooms
    assert zones is not None  # asked of rooms only
    if rooms is None:
        return []
    low_c, high_c = zones.occupied_c if rooms.occupied else zones.unoccupied_c
    found = []
    for device, own in rooms.own_c.items():
        if device not in known.keys:
            continue
        now_c, room_c = _now_c(known, state, device, own), temperature(snapshot, device)
        beyond = room_c is not None and ((now_c > own and room_c > high_c) or (now_c < own and room_c < low_c))
        least_c, most_c = low_c + EDGE_K, high_c - EDGE_K
        outside = now_c != own and not least_c <= now_c <= most_c
        entry = state.sent.get(known.keys[device])
        moved_s = 0.0 if entry is None else entry.at_s
        found.append(Stand(device, now_c, own, least_c, most_c, room_c is None or beyond or outside, moved_s))
    return found


def _now_c(known: Facts, state: AssetState, device: str, own: float) -> float:
    entry = state.sent.get(known.keys[device])
    return own if entry is None or entry.value is None else entry.value


def _kelvins(zones: Zones, stands: list[Stand], snapshot: Snapshot, count: int) -> Kelvins:
    warmer = colder = above = 0.0
    for one in stands:
        room_c = temperature(snapshot, one.device)
        if room_c is not None:
            warmer += max(0.0, one.high_c - room_c)
            colder += max(0.0, room_c - one.low_c)
            above += room_c - one.own_c
    if zones.heats:
        return Kelvins(colder / count, warmer / count, -above / count)
    return Kelvins(warmer / count, colder / count, above / count)
