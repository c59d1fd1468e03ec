"""Reporting: the alarms that came and went, each asset's part, and which kW serves which service."""

from gateway.control import claims, facts, fleet, interlocks, settle
from gateway.control.decision import Inputs, Share, Use
from gateway.control.headroom import Band
from gateway.control.holds import causes as holds_causes
from gateway.control.state import ControlState, Held
from gateway.model.command import Alarm
from gateway.model.mode import Mode
from gateway.model.site import Site

UNKNOWN = ("soc_unknown", "comfort_unknown")


def alarms(
    site: Site,
    state: ControlState,
    bands: dict[str, Band],
    held: dict[str, Held],
    over: list[str],
    *,
    meter_w: float | None,
    inputs: Inputs,
) -> tuple[Alarm, ...]:
    """What began and what ended since the last step, one alarm a cause (U7)."""
    causes = []
    if meter_w is None and state.mode.mode is not Mode.BOOT:
        causes.append(f"site_meter_lost:{site.meter}")
    if state.load.mirrored:
        causes.append(f"site_meter_reversed:{site.meter}")
    if state.mode.mode in settle.UNLINKED:
        causes.append("upstream_lost:site")
    now_s, states = inputs.now_s, state.assets
    for name, band in bands.items():
        if now_s < states[name].shunned_until_s:
            causes.append(f"not_following:{name}")
        if band.hi_reason in UNKNOWN:
            causes.append(f"{band.hi_reason}:{name}")
    causes += [*interlocks.causes(state.book), *holds_causes(held)]
    if state.mode.mode is not Mode.BOOT:  # at a start nothing has been read yet
        causes += [*(f"over_limit:{row}" for row in over), *interlocks.unknown(site, inputs.snapshot)]
    now, before = tuple(causes), state.alarms
    state.alarms = now
    if now == before:
        return ()
    raised = [Alarm(key, True, inputs.utc_ms) for key in now if key not in before]
    cleared = [Alarm(key, False, inputs.utc_ms) for key in before if key not in now]
    return (*raised, *cleared)


def shares(
    site: Site, state: ControlState, bands: dict[str, Band], drawn: dict[str, float], reasons: dict[str, str]
) -> tuple[Share, ...]:
    """Every asset's part; `drawn` is what each drew by its twin when the step began."""
    found = []
    for name, known in facts.of_all(site):
        own, band = state.assets[name], bands[name]
        aim_w = own.aim_w
        power_w: float | None = drawn[name]
        if known.fleet is not None:
            power_w = fleet.then_w(known.fleet, own, own.twin.at_s)
        elif not band.devices:
            power_w = None
        now_w = aim_w if power_w is None else power_w
        room_w, foot_w = now_w - band.lo_w, band.hi_w - now_w
        if not room_w > 0.0 or known.pv is not None:  # what was curtailed may come back; nobody counts on it
            room_w = 0.0
        if not foot_w > 0.0:
            foot_w = 0.0
        found.append(Share(name, aim_w, power_w, room_w, foot_w, reasons[name]))
    return tuple(found)


def ledger(site: Site, state: ControlState, bands: dict[str, Band], service: str) -> tuple[Use, ...]:
    """Which kW of which asset serves which service."""
    return claims.ledger(site, bands, {name: state.assets[name].aim_w for name in site.assets}, service)
