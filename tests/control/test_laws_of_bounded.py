"""Laws of the whole step with inverters and switched loads: any readings, any requests, restarts in between."""

from dataclasses import replace
from math import isfinite

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.control import guard
from gateway.control.copies import from_json, to_json
from gateway.control.decision import Inputs
from gateway.control.kinds import inputs_of
from gateway.control.step import begin, step
from gateway.control.watched import meter_point
from gateway.model.mode import Mode
from gateway.model.reading import Cause, Quality, Reading
from gateway.model.request import Arrival, Kind, Service, Source
from gateway.model.site import Control, Limits
from tests.control.fakes import UTC_MS, battery, pv, site, snapshot, switched
from tests.control.test_laws import readings, wish_of, wishes

BEGIN_S = 10_000.0
EXPORT_W = 30_000.0
MIN_S = 20.0
STARTS = 3
SITE = site(
    battery(),
    pv(count=2),
    switched(count=3, running=2, min_on_s=MIN_S, min_off_s=MIN_S, max_starts_per_h=STARTS, longest_off_s=60.0),
    limits=Limits(1e6, EXPORT_W, failsafe_import_w=7e5),
    control=Control(hold_s=5.0, ramp_s=4.0, link_lost_s=6.0, input_return_s=1.0),
)
POINTS = [str(meter_point(SITE)), *(str(name) for one in SITE.assets.values() for name in inputs_of(one))]
WISH = {"service": Service.DR, "kind": Kind.SETPOINT, "replaces": None}
USUAL = {"battery/battery.power": 0.0, "battery/battery.soc": 50.0, "pcc/power.active": 40_000.0}


@st.composite
def ticks(draw, *, asked=True):
    """One step: how long after the last, the sun, which loads run, what is odd, what arrives, whether the box restarts."""
    odd = draw(st.dictionaries(st.sampled_from(POINTS), readings(), max_size=3))
    return (
        draw(st.sampled_from([0.0, 0.25, 0.25, 1.0, 5.0, 25.0])),
        draw(st.sampled_from([0.0, 5e3, 40e3, 99e3])),
        draw(st.tuples(st.booleans(), st.booleans(), st.booleans())),
        odd,
        draw(st.lists(wishes(), max_size=1)) if asked else [],
        draw(st.integers(0, 5)) == 0,
    )


CALM = st.lists(ticks(asked=False), min_size=1, max_size=3)
RUNS = st.lists(ticks(), min_size=1, max_size=3)


def inputs_at(now_s, sun_w, on, odd, asked):
    utc_ms = UTC_MS + round((now_s - BEGIN_S) * 1000.0)
    values = dict(USUAL) | {f"pv{n}/pv.power": -sun_w for n in (1, 2)}
    for number, running in enumerate(on, start=1):
        values |= {f"boilers{number}/switch.on": float(running), f"boilers{number}/switch.power": 3_000.0 * running}
    shown = {name: Reading(value, Quality.GOOD, Cause.NONE, now_s) for name, value in values.items()}
    for name, (value, quality, age_s) in odd.items():
        shown[name] = Reading(value, quality, Cause.SOURCE, now_s - age_s)
    arrivals = tuple(Arrival(one[0]["issuer"], now_s, utc_ms, wish_of(*one, utc_ms)) for one in asked)
    return Inputs(now_s, utc_ms, snapshot(shown, now_s=now_s), arrivals)


def played(run, *, restart=True):
    """Every (state before, inputs, decision, state after) of a run."""
    state, now_s, found = begin(SITE, now_s=BEGIN_S), BEGIN_S, []
    for dt_s, sun_w, on, odd, asked, restarts in run:
        now_s += dt_s
        if restart and restarts:
            state = from_json(to_json(state))
        inputs = inputs_at(now_s, sun_w, on, odd, asked)
        after, decision = step(SITE, state, inputs)
        found.append((state, inputs, decision, after))
        state = after
    return found


def every_command_is_lawful_and_expires(found):
    for _, inputs, decision, _ in found:
        for command in decision.commands:
            asset = next(one for one in SITE.assets.values() if command.device in one.devices)
            assert inputs.now_s < command.expires_s <= inputs.now_s + 15.0
            least, most = guard.bounds(asset)
            assert command.value is None or (isfinite(command.value) and least <= command.value <= most)
            assert asset.id != "boilers" or command.value in (0.0, 1.0)
        assert all(isfinite(share.command_w) and share.headroom_w >= 0.0 for share in decision.shares)


def no_load_is_switched_before_its_time_nor_started_too_often(found):
    for before, inputs, decision, _ in found:
        for command in decision.commands:
            relay = before.assets["boilers"].relays.get(command.device)
            if command.control != "switch.on" or relay is None or command.value == float(relay.on):
                continue
            shows = inputs.snapshot.usable(f"{command.device}/switch.on")
            if shows is not None and (shows > 0.5) == bool(command.value):
                continue  # it switched by itself
            assert inputs.now_s - relay.since_s >= MIN_S or command.reason == "interlock"
            started = [start_s for start_s in relay.starts_s if inputs.now_s - start_s < 3_600.0]
            assert command.value == 0.0 or len(started) < STARTS


@pytest.mark.fault("I-02", "I-06", "I-20", "I-25")
@given(RUNS)
def test_whatever_comes_the_laws_of_one_run_hold_and_a_restart_changes_nothing(run):
    found, plain = played(run), played(run, restart=False)
    assert [one[2] for one in plain] == [one[2] for one in found]
    assert to_json(plain[-1][3]) == to_json(found[-1][3])
    every_command_is_lawful_and_expires(found)
    no_load_is_switched_before_its_time_nor_started_too_often(found)


@pytest.mark.fault("I-16", "I-17")
@given(CALM, st.sampled_from(POINTS[4:]), st.floats(-1e6, 1e6), st.floats(-1e6, 1e6), st.booleans())
def test_a_value_that_is_stale_or_not_good_is_as_good_as_none_whatever_it_says(run, point, one, other, stale):
    def shown(reading):
        return played([(dt, sun, on, {**odd, point: reading}, asked, again) for dt, sun, on, odd, asked, again in run])

    def bad(value):
        return (value, Quality.GOOD, 5.1) if stale else (value, Quality.UNCERTAIN, 0.0)

    gone = shown((None, Quality.INVALID, 0.0))
    for left, right, none in zip(shown(bad(one)), shown(bad(other)), gone, strict=True):
        assert left[2] == right[2] == none[2]


@pytest.mark.fault("I-12")
@given(st.floats(0.0, 200e3), st.floats(-60e3, 150e3), st.floats(-200e3, 0.0), st.sampled_from([None, Source.MANUAL]))
def test_the_cap_is_what_limit_and_load_leave_whatever_a_person_asks(sun_w, load_w, asked_w, source):
    """After a step with everything known: no aim, and no release, gives away more than the limit."""
    where = replace(SITE, assets={"pv": pv(count=2)})
    state, gives_w = begin(where, now_s=BEGIN_S), min(sun_w / 2.0, 100e3)
    decision = None
    for at in range(4):
        now_s = BEGIN_S + 3.0 * (at + 1)
        shown = {"pcc/power.active": load_w - 2.0 * gives_w, "pv1/pv.power": -gives_w, "pv2/pv.power": -gives_w}
        asked = {"id": "a", "issuer": "person", "source": source, "seq": 1, "target": "pv", "power_w": asked_w}
        wish = wish_of({**WISH, **asked}, 0, 0, None, UTC_MS)
        arrivals = (Arrival("person", now_s, UTC_MS, wish),) if source is not None and at == 0 else ()
        inputs = Inputs(now_s, UTC_MS + round(1000 * (now_s - BEGIN_S)), snapshot(shown, now_s=now_s), arrivals)
        state, decision = step(where, state, inputs)
    assert decision is not None
    assert decision.mode in (Mode.LOCAL, Mode.REMOTE)
    sent = [entry.value for entry in state.assets["pv"].sent.values()]
    may_give_w = sum(200e3 / 2.0 * (1.0 if value is None else value / 100.0) for value in sent)
    cap_w = max(0.0, EXPORT_W + load_w)
    # those far from the cap are free: the sun would have to rise tenfold first
    assert may_give_w <= cap_w + 0.005 * 200e3 or 2.0 * gives_w <= 0.5 * cap_w
