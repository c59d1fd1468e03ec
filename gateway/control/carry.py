"""Carrying over: the control state of one site made ready for another, between two steps. Pure."""

from collections.abc import Collection, Mapping
from dataclasses import replace

from gateway.control.kinds import ZONE_SETPOINT
from gateway.control.state import AssetState, ControlState, Rooms, Sent
from gateway.control.step import begin
from gateway.model.site import Asset, Site, Zones


def carried(
    state: ControlState,
    before: Site,
    after: Site,
    *,
    released: Collection[str],
    moved: Collection[str] = (),
    now_s: float,
) -> ControlState:
    """What was known stays known: requests, plan, mode, load, and every asset that is the same thing as before.

    Of `released` assets it is forgotten what their devices were told: that was given back. Of devices that `moved`
    nothing is known. Requests for an asset that is gone run to their end and are answered.
    """
    fresh = begin(after, now_s=now_s)
    assets = {
        name: _asset(name, state.assets[name], fresh.assets[name], released)
        if name in state.assets and _is_same(before.assets.get(name), after.assets[name])
        else fresh.assets[name]
        for name in after.assets
    }
    for name, asset in after.assets.items():
        if isinstance(asset.detail, Zones):
            assets[name] = _furnished(asset, assets[name], state.assets, released=released, moved=moved, now_s=now_s)
    mode = replace(state.mode, held_aims=_known(state.mode.held_aims, assets))
    rebound = state.rebound and replace(state.rebound, aims=_known(state.rebound.aims, assets))
    return replace(state, assets=assets, mode=mode, rebound=rebound)


def _is_same(one: Asset | None, other: Asset) -> bool:
    """The same kind of thing, made of the same devices; its limits and times may have changed."""
    return one is not None and type(one.detail) is type(other.detail) and one.devices == other.devices


def _asset(name: str, own: AssetState, fresh: AssetState, released: Collection[str]) -> AssetState:
    return own if name not in released else replace(own, sent={}, chargers=fresh.chargers, polled_s=fresh.polled_s)


def _furnished(
    asset: Asset,
    own: AssetState,
    former: Mapping[str, AssetState],
    *,
    released: Collection[str],
    moved: Collection[str],
    now_s: float,
) -> AssetState:
    """Rooms keep the set-points they had before they were given others, whatever asset they belong to now."""
    own_c, given_c, sent = {}, {}, {}
    for name, one in former.items():
        rooms = one.rooms or Rooms()
        for device in rooms.own_c.keys() & set(asset.devices) - set(moved):
            key = f"{device}/{ZONE_SETPOINT}"
            own_c[device] = rooms.own_c[device]
            if device in rooms.given_c:
                given_c[device] = rooms.given_c[device]
            if key in one.sent:
                sent[key] = Sent(None, now_s, now_s) if name in released else one.sent[key]
    return replace(own, rooms=replace(own.rooms or Rooms(), own_c=own_c, given_c=given_c), sent=sent)


def _known(aims: Mapping[str, float], assets: Collection[str]) -> dict[str, float]:
    return {name: watts for name, watts in aims.items() if name in assets}
