"""Laws of the step that hold on any site a site file can describe, whatever it reads and whatever is asked of it."""

from dataclasses import replace
from math import isfinite
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.control import guard
from gateway.control.copies import from_json, to_json
from gateway.control.decision import Decision, Inputs
from gateway.control.kinds import ENABLE
from gateway.control.state import ControlState
from gateway.control.step import begin, step
from gateway.control.watched import control_points
from gateway.model.command import Command
from gateway.model.image import Image
from gateway.model.point import PointId, PointSpec, Unit
from gateway.model.reading import Cause, Quality, Reading
from gateway.model.request import Arrival, Kind, Request, Service, Source
from gateway.model.site import Asset, Battery, Site, Zones
from tests.control.anysite import any_site
from tests.control.fakes import UTC_MS, snapshot

BEGIN_S, STEPS, STALE_S = 10_000.0, 8, 5.0
ODD = (
    float("nan"),
    float("inf"),
    -float("inf"),
    0.0,
    -0.0,
    1e308,
    -1e308,
    9e29,
    32767.0,
    65535.0,
    10.0,
    90.0,
    1e5,
    -1e5,
)
USUAL = {"soc": 50.0, "running": 1.0, "temperature": 24.0, "setpoint": 24.0, "state": 3.0, "owed": 9e3, "on": 1.0,
         "departure": 7_200.0, "active": 6e5, "frequency": 50.0, "in1": 0.0}  # fmt: skip


def number(draw: Random) -> float:
    return draw.choice(ODD) if draw.random() < 0.5 else draw.choice((1.0, 1e3, 1e6)) * (2.0 * draw.random() - 1.0)


def shown(draw: Random, points: list[PointId], now_s: float) -> dict[str, Reading]:
    """What the points show: the usual, but for a few of them."""
    found = {}
    for point in points:
        value = USUAL.get(str(point).rpartition(".")[2], 2e4)
        found[str(point)] = Reading(value, Quality.GOOD, Cause.NONE, now_s)
    silent = draw.random() < 0.05
    for name in list(found) if silent else draw.sample(list(found), min(len(found), draw.choice((0, 0, 1, 3)))):
        value = None if silent or draw.random() < 0.4 else number(draw)
        good = draw.choice((Quality.GOOD, Quality.GOOD, Quality.UNCERTAIN, Quality.STALE))
        age_s = draw.choice((0.0, 0.5, 4.9, 5.1, 600.0))
        found[name] = Reading(value, Quality.INVALID if value is None else good, Cause.SOURCE, now_s - age_s)
    return found


def otherwise(draw: Random, values: dict[str, Reading], now_s: float) -> dict[str, Reading]:
    """The same, but for what those say that are not good, or too old."""
    return {
        name: one if one.value is None or (one.quality is Quality.GOOD and now_s - one.measured_s <= STALE_S)
        else replace(one, value=number(draw))
        for name, one in values.items()
    }  # fmt: skip


def asked(draw: Random, site: Site, utc_ms: int) -> Request:
    """A request, well formed or nearly."""
    of, kind = draw.choice, draw.choice((*Kind,))
    target = "site" if kind is Kind.LIMIT else of(("site", "site", *site.assets, "boiler"))
    service, what = of((Service.DR, Service.AR, Service.REG)), {of(("power_w", "shed_w")): number(draw)}
    if kind is Kind.LIMIT:
        service, what = Service.LIMIT, {of(("max_import_w", "max_export_w")): number(draw)}
        what = {"withdraws": next(iter(what))} if draw.random() < 0.3 else what
    elif kind is Kind.CANCEL:
        what = {"ref": f"id{draw.randint(0, 5)}"}
    elif service is Service.REG and target == "site":
        what = {"signal": 2.0 * draw.random() - 1.0}
    issued_ms = utc_ms + of((0, 0, 0, -2_000, -90_000, 20_000))
    begin_ms = issued_ms + of((0, 0, 1_500))
    lasts_ms = None if kind is Kind.LIMIT else of((None, -1_000, 500, 60_000, 60_000))
    return Request(
        id=f"id{draw.randint(0, 5)}", issuer=of(("vpp", "other")), seq=draw.randint(0, 20), kind=kind, target=target,
        source=of((Source.REMOTE, Source.REMOTE, Source.MANUAL, Source.INTERLOCK, Source.SCHEDULE)), service=service,
        issued_ms=issued_ms, begin_ms=begin_ms, end_ms=None if lasts_ms is None else begin_ms + lasts_ms,
        replaces=of((None, None, "id1")), **what,
    )  # fmt: skip


def lawful(command: Command, asset: Asset, inputs: Inputs) -> bool:
    """Whether a command may be written."""
    value, detail = command.value, asset.detail
    if not inputs.now_s < command.expires_s <= inputs.now_s + 15.0:
        return False
    if value is None or command.control == ENABLE:
        return value in (None, 0.0, 1.0)
    if isinstance(detail, Zones):
        edges = (*detail.occupied_c, *detail.unoccupied_c)
        return min(edges) <= value <= max(edges)
    least, most = guard.bounds(asset)
    if not (isfinite(value) and least <= value <= most):
        return False
    if not isinstance(detail, Battery):
        return True
    soc = inputs.snapshot.usable(PointId(f"{command.device}/battery.soc"))
    if soc is None:
        return value == 0.0
    return not (value > 0.0 and soc >= detail.soc_max_pct) and not (value < 0.0 and soc <= detail.soc_min_pct)


def sound(site: Site, inputs: Inputs, decision: Decision, after: ControlState) -> None:
    """The laws of one step."""
    owners = {device: asset for asset in site.assets.values() for device in asset.devices}
    assert [one for one in decision.commands if not lawful(one, owners[one.device], inputs)] == []
    numbers = [decision.shortfall_w, decision.target_w or 0.0, after.load.now_w or 0.0]
    numbers += [watts for share in decision.shares for watts in (share.command_w, share.headroom_w, share.footroom_w)]
    assert all(map(isfinite, numbers))
    assert min([min(share.headroom_w, share.footroom_w) for share in decision.shares], default=0.0) >= 0.0


@pytest.mark.fault("I-02", "I-05", "I-16", "I-17", "I-20", "I-25")
@given(st.integers(0, 2**63))
def test_on_any_site_every_step_ends_and_every_command_is_lawful_and_expires(seed):
    draw = Random(
        seed
    )  # a tenth of the time hypothesis would take to draw all this; nothing is lost but a smaller example
    site = any_site(draw)
    points, now_s = control_points(site), BEGIN_S
    state = begin(site, now_s=now_s)
    for _ in range(STEPS):
        now_s += draw.choice((0.0, 0.005, 0.25, 0.25, 1.0, 2.0, 30.0))
        utc_ms = UTC_MS + round((now_s - BEGIN_S) * 1000.0)
        wishes = [asked(draw, site, utc_ms) for _ in range(draw.choice((0, 0, 1, 2)))]
        values = shown(draw, points, now_s)
        arrivals = tuple(Arrival(one.issuer, now_s, utc_ms, one) for one in wishes)
        inputs = Inputs(now_s, utc_ms, snapshot(values, now_s=now_s, stale_after_s=STALE_S), arrivals)
        before = to_json(state)
        after, decision = step(site, state, inputs)
        assert to_json(state) == before, "a step leaves the state it was given as it was"
        if (other := otherwise(draw, values, now_s)) != values:
            unlike = replace(inputs, snapshot=snapshot(other, now_s=now_s, stale_after_s=STALE_S))
            assert step(site, from_json(before), unlike)[1] == decision, "what is not good, or old, says nothing"
        sound(site, inputs, decision, after)
        state = from_json(to_json(after)) if draw.random() < 0.1 else after


def anew(site: Site) -> Site:
    """The same site as one that no step has seen."""
    return replace(site, assets={name: replace(asset) for name, asset in site.assets.items()})


@given(st.integers(0, 2**63))
def test_what_is_kept_of_assets_between_steps_changes_no_decision(seed):
    draw = Random(seed)
    site = any_site(draw)
    points, now_s = control_points(site), BEGIN_S
    image = Image(PointSpec(point, Unit.NONE, STALE_S) for point in points)
    state = begin(site, now_s=now_s)
    for number in range(3 * STEPS):
        now_s += draw.choice((0.25, 0.25, 0.25, 1.0, 2.0))
        utc_ms = UTC_MS + round((now_s - BEGIN_S) * 1000.0)
        for name, reading in shown(draw, points, now_s).items():
            if number == 0 or draw.random() < 0.2:
                image.post(PointId(name), reading)
        wishes = [asked(draw, site, utc_ms)] if draw.random() < 0.2 else []
        arrivals = tuple(Arrival(one.issuer, now_s, utc_ms, one) for one in wishes)
        inputs = Inputs(now_s, utc_ms, image.snapshot(now_s), arrivals)
        decision = step(anew(site), state, inputs)[1]
        state, again = step(site, state, inputs)
        assert again == decision
