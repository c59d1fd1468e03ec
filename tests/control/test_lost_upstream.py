"""HOLD, RAMP and SAFE in virtual time: what is held, when it ends, and what alone leads back (F-059, I-10, I-11)."""

from itertools import pairwise

import pytest

from gateway.control.decision import Curve
from gateway.model.mode import Mode
from gateway.model.request import Kind, Service, Source
from gateway.model.site import Control, Limits
from tests.control.fakes import Toy, battery, chiller, dimmer, ev, fans, site

TICK_S = 0.25
T_HB_S, T_HOLD_S, RAMP_S, T_SIG_S, REG_HOLD_S = 120.0, 300.0, 60.0, 6.0, 10.0
LOST = ("hold", "ramp", "safe")


def toy(*assets, limits=None, load_w=600_000.0, control=None):
    """A toy that has settled in LOCAL."""
    one = Toy(site(*(assets or (battery(dead_time_s=0.0),)), limits=limits, control=control), load_w=load_w)
    one.run(15.0)
    assert one.mode == "local"
    return one


def signals(one, for_s, signal=1.0):
    """A regulation signal every 2 s for a while."""
    for _ in range(round(for_s / 2.0)):
        one.ask(service=Service.REG, signal=signal, end_ms=one.utc_ms + 10_000)
        one.run(2.0)


def ends(one, after_s):
    return one.utc_ms + round(after_s * 1000.0)


@pytest.mark.fault("I-10", "F-059")
def test_a_setpoint_goes_through_hold_and_ramp_to_safe_within_a_tick_of_its_times():
    one = toy()
    one.ask(power_w=500_000.0, end_ms=ends(one, 7200.0))
    assert T_HB_S < one.until("hold") <= T_HB_S + 2 * TICK_S
    assert one.site_w == pytest.approx(500_000.0, abs=200.0)
    assert one.last.verdicts[0].result == "failed"
    assert one.last.verdicts[0].reason == "upstream_lost"
    held = one.until("ramp")
    assert held == pytest.approx(T_HOLD_S, abs=TICK_S)
    ramp = one.run(RAMP_S - TICK_S)
    aims = [decision.shares[0].command_w for decision in ramp]
    steps = [after - before for before, after in pairwise(aims)]
    slew = 100_000.0 / RAMP_S * TICK_S
    assert all(step == pytest.approx(slew, rel=0.05) for step in steps)
    one.step()
    assert one.mode == "safe"
    assert one.last.shares[0].command_w == 0.0


@pytest.mark.fault("I-10", "F-059")
def test_the_last_target_is_held_while_the_load_moves_and_the_ramp_starts_where_the_hold_ended():
    one = toy()
    one.ask(power_w=500_000.0, end_ms=ends(one, 7200.0))
    one.until("hold")
    one.load_w = 650_000.0
    one.run(20.0)
    assert one.site_w == pytest.approx(500_000.0, abs=200.0)
    one.until("ramp")
    aims = [decision.shares[0].command_w for decision in one.decisions[-2:]]
    assert aims[1] == pytest.approx(aims[0], abs=1_000.0)


@pytest.mark.fault("I-10", "I-20")
def test_hold_never_passes_the_end_of_the_setpoint():
    one = toy()
    end_s = 150.0
    one.ask(power_w=500_000.0, end_ms=ends(one, end_s))
    lost_s = one.until("hold")
    assert lost_s + one.until("ramp") == pytest.approx(end_s, abs=TICK_S)


@pytest.mark.fault("I-20")
def test_with_the_upstream_alive_a_setpoint_simply_ends():
    one = toy()
    one.ask(id="s", power_w=500_000.0, end_ms=ends(one, 200.0))
    modes = {decision.mode for decision in one.run(199.75, each=lambda toy: toy.beat())}
    assert modes == {Mode.REMOTE}
    one.run(0.5)
    assert (one.mode, one.last.cause) == ("local", "requests_ended")
    assert ("s", "done") in [
        (verdict.id, verdict.result) for decision in one.decisions for verdict in decision.verdicts
    ]


@pytest.mark.fault("I-10", "F-059")
@pytest.mark.parametrize("service", [Service.DR, Service.AR])
def test_an_event_runs_to_its_own_end_though_nobody_is_there(service):
    one = toy()
    one.ask(service=service, kind=Kind.EVENT, shed_w=100_000.0, end_ms=ends(one, 900.0))
    modes = [decision.mode for decision in one.run(899.75)]
    assert set(modes) == {Mode.REMOTE}
    assert one.site_w == pytest.approx(500_000.0, abs=500.0)
    one.run(2 * TICK_S)
    assert one.mode == "local"


@pytest.mark.fault("I-10", "F-059")
def test_a_lost_signal_is_held_then_ramps_to_the_base_point_which_safe_keeps_while_it_is_declared():
    one = toy()
    signals(one, 20.0)
    basepoint_w = one.last.basepoint_w
    assert one.site_w == pytest.approx(basepoint_w - 200_000.0, abs=500.0)
    last_s = one.now_s - 2.0
    one.until("hold")
    assert one.now_s - last_s == pytest.approx(T_SIG_S, abs=2 * TICK_S)
    held = one.run(REG_HOLD_S - TICK_S)
    assert {decision.signal for decision in held} == {1.0}
    assert one.until("ramp", most_s=1.0) <= 2 * TICK_S
    signal = [decision.signal for decision in one.run(RAMP_S - TICK_S)]
    assert all(before >= after for before, after in pairwise(signal))
    one.until("safe", most_s=1.0)
    assert one.now_s - last_s <= T_SIG_S + REG_HOLD_S + 60.0 + 4 * TICK_S
    one.load_w += 50_000.0
    one.run(20.0)
    assert one.last.signal == 0.0
    assert one.site_w == pytest.approx(one.last.basepoint_w, abs=1000.0)
    one.run(600.0)
    assert one.last.basepoint_w is None
    assert (one.last.target_w, round(one.power_w("battery")), one.mode) == (None, 0, "safe")


@pytest.mark.fault("I-20")
def test_a_signal_is_lost_when_its_validity_ends_before_its_patience():
    one = toy()
    one.ask(service=Service.REG, signal=1.0, end_ms=ends(one, 3.0))
    assert one.until("hold") == pytest.approx(3.0, abs=TICK_S)


def test_the_signal_alone_can_be_lost_while_heartbeats_come():
    one = toy()
    signals(one, 4.0)
    one.run(10.0, each=lambda toy: toy.beat())
    assert (one.mode, one.last.cause) == ("hold", "uplink_lost")


def test_a_lost_signal_above_an_event_leaves_the_event():
    one = toy()
    one.ask(kind=Kind.EVENT, shed_w=50_000.0, end_ms=ends(one, 600.0))
    signals(one, 4.0)
    assert one.last.service == "reg"
    one.run(8.0)
    assert (one.mode, one.last.service) == ("remote", "dr")


@pytest.mark.fault("I-20")
def test_a_signal_that_ended_beneath_an_operator_is_not_applied_again():
    one = toy()
    signals(one, 4.0)
    one.ask(source=Source.MANUAL, issuer="me", power_w=550_000.0, end_ms=ends(one, 60.0))
    one.run(70.0)
    assert all(decision.signal is None for decision in one.decisions[-30:])
    assert one.mode == "local"


@pytest.mark.parametrize(
    "wish",
    [
        {"service": Service.AR, "shed_w": 100_000.0},
        {"service": Service.DR, "shed_w": 100_000.0},
        {"service": Service.DR, "shed_w": 100_000.0, "curve": True},
    ],
)
def test_a_lost_shed_holds_the_target_it_had(wish):
    one = toy()
    curve = wish.pop("curve", False)
    asked = one.ask(end_ms=ends(one, 3600.0), **wish)
    if curve:
        one.attach(Curve(asked.id, (640_000.0,), 900.0))
    one.run(20.0)
    before_w = one.last.target_w
    assert before_w == (540_000.0 if curve else 500_000.0)
    one.until("hold")
    assert one.last.target_w == before_w


@pytest.mark.fault("I-10")
def test_an_asset_setpoint_loses_its_upstream_like_any_other():
    one = toy(battery(dead_time_s=0.0), fans())
    one.ask(target="battery", power_w=-80_000.0, end_ms=ends(one, 7200.0))
    one.run(2.0)
    assert one.mode == "remote"
    assert one.until("hold") <= T_HB_S
    assert round(one.power_w("battery")) == -80_000
    assert one.until("ramp") == pytest.approx(T_HOLD_S, abs=TICK_S)
    assert one.until("safe") == pytest.approx(RAMP_S, abs=TICK_S)
    one.run(5.0)
    assert round(one.power_w("battery")) == 0


def test_an_asset_setpoint_that_is_lost_beneath_an_event_leaves_the_event():
    one = toy(battery(dead_time_s=0.0), fans())
    one.ask(target="battery", power_w=-80_000.0, end_ms=ends(one, 7200.0))
    one.ask(kind=Kind.EVENT, power_w=550_000.0, end_ms=ends(one, 3600.0))
    one.run(T_HB_S + 1.0)
    assert one.mode == "remote"
    assert [held.request.kind for held in one.state.book.entries] == [Kind.EVENT]


@pytest.mark.fault("I-10", "F-059")
@pytest.mark.parametrize("failsafe_w", [None, 450_000.0])
@pytest.mark.parametrize("followed", [None, "setpoint", "signal"])
def test_no_limit_is_relaxed_in_six_hours_without_an_upstream(failsafe_w, followed):
    limits = Limits(max_import_w=1e6, failsafe_import_w=failsafe_w)
    one = toy(limits=limits)
    one.ask(kind=Kind.LIMIT, max_import_w=500_000.0)
    if followed == "setpoint":
        one.ask(power_w=450_000.0, end_ms=ends(one, 86_400.0))
    if followed == "signal":
        signals(one, 4.0)
    one.run(130.0)
    seen = [one.run(60.0, dt_s=1.0)[-1].site_w for _ in range(10)]
    seen += [one.run(600.0, dt_s=5.0)[-1].site_w for _ in range(36)]
    allowed = 500_000.0 if failsafe_w is None else failsafe_w
    assert max(seen) <= allowed + 200.0
    assert one.mode == ("local" if followed is None else "safe")
    one.ask(kind=Kind.LIMIT, withdraws="max_import_w")
    one.run(5.0)
    assert one.site_w > 550_000.0


@pytest.mark.fault("I-11")
@pytest.mark.parametrize("mode", LOST)
@pytest.mark.parametrize(
    "what",
    [
        "heartbeats",
        "nothing",
        "a limit",
        "an old command",
        "a manual hold",
        "a cancel",
        "a refused command",
        "a schedule",
    ],
)
def test_nothing_but_a_fresh_command_or_an_operator_ends_it(mode, what):
    one = toy()
    one.ask(id="event", kind=Kind.EVENT, power_w=560_000.0, begin_ms=ends(one, 9000.0), end_ms=ends(one, 9100.0))
    late_ms = one.utc_ms
    signals(one, 4.0)
    one.until(mode)
    late_ms = max(late_ms, one.utc_ms - 59_000 if mode != "hold" else one.utc_ms - 2_000)
    if what == "an old command" and mode != "hold":
        late_ms = min(late_ms, round(one.state.mode.lost_s * 1000) + one.wall_ms)
    match what:
        case "a limit":
            one.ask(kind=Kind.LIMIT, max_import_w=900_000.0)
        case "an old command":
            one.ask(power_w=500_000.0, issued_ms=late_ms, end_ms=ends(one, 600.0))
        case "a manual hold":
            one.ask(target="battery", source=Source.MANUAL, issuer="me", power_w=0.0, end_ms=None)
        case "a cancel":
            one.ask(kind=Kind.CANCEL, ref="event", end_ms=None)
        case "a refused command":
            one.ask(power_w=2e9)
        case "a schedule":
            one.ask(source=Source.SCHEDULE, issuer="clock", power_w=500_000.0)
    modes = {
        decision.mode.value
        for decision in one.run(400.0, dt_s=1.0, each=lambda toy: toy.beat() if what == "heartbeats" else None)
    }
    assert modes <= set(LOST)
    assert one.mode == "safe"


@pytest.mark.fault("I-11")
@pytest.mark.parametrize("mode", LOST)
@pytest.mark.parametrize(
    ("wish", "then"),
    [
        ({"power_w": 500_000.0}, "remote"),
        ({"service": Service.REG, "signal": 0.0}, "remote"),
        ({"kind": Kind.EVENT, "shed_w": 100_000.0}, "remote"),
        ({"target": "battery", "power_w": 10_000.0}, "remote"),
        ({"source": Source.MANUAL, "issuer": "me", "power_w": 500_000.0}, "remote"),
    ],
)
def test_a_fresh_command_or_an_operator_ends_it_at_once(mode, wish, then):
    one = toy()
    signals(one, 4.0)
    one.until(mode)
    one.run(0.5)
    one.ask(**wish)
    decision = one.step()
    assert decision.mode == then
    assert one.state.mode.lost_s is None


@pytest.mark.fault("I-11", "I-27")
def test_freshness_is_counted_on_the_boot_clock():
    one = toy()
    one.wall_ms += 4_000  # our clock is ahead of the upstream's, within the skew, until after the loss
    one.ask(power_w=500_000.0, issued_ms=one.utc_ms - 4_000, end_ms=ends(one, 600.0))
    one.until("hold")
    one.wall_ms -= 4_000
    one.run(1.0)
    one.ask(power_w=500_000.0)
    assert one.step().mode == "remote"


@pytest.mark.fault("I-27", "I-10")
@pytest.mark.parametrize("by_ms", [-86_400_000, -4_000, 4_000, 86_400_000])
def test_no_step_of_the_wall_clock_moves_a_running_timer(by_ms):
    def times(step_ms):
        one = toy()
        one.ask(power_w=500_000.0, end_ms=ends(one, 200.0))
        one.ask(kind=Kind.EVENT, power_w=550_000.0, begin_ms=ends(one, 700.0), end_ms=ends(one, 800.0))
        one.run(10.0)
        one.wall_ms += step_ms
        found = [one.until("hold"), one.until("ramp"), one.until("safe")]
        one.run(900.0, dt_s=1.0)
        done = [decision.now_s for decision in one.decisions if any(v.result == "done" for v in decision.verdicts)]
        return found, done

    assert times(by_ms) == times(0)


@pytest.mark.fault("I-11")
@pytest.mark.parametrize("mode", LOST)
def test_the_state_on_disk_keeps_hold_ramp_and_safe(mode):
    one = toy()
    signals(one, 4.0)
    one.until(mode)
    one.restart()
    one.step()
    assert one.mode == mode


def test_a_site_without_assets_comes_through():
    one = Toy(site(services=site().services))
    one.run(5.0)
    one.ask(power_w=500_000.0, end_ms=ends(one, 7200.0))
    one.until("safe")
    assert one.last.shares == ()


def test_released_assets_go_to_their_own_controllers_and_chargers_to_their_fallback_current():
    one = toy(battery(dead_time_s=0.0), fans(), dimmer(), ev(), chiller())
    one.ask(power_w=700_000.0, end_ms=ends(one, 7200.0))
    one.until("safe", dt_s=1.0)
    one.run(60.0)
    told = one.told
    assert [told[f"{name}/fan.speed.setpoint"] for name in ("fans1", "fans2")] == [None, None]
    assert told["chiller1/chiller.demand.limit"] is None
    assert told["lighting/light.level.setpoint"] is None
    assert [told[f"ev{at}/ev.current.limit"] for at in (1, 2, 3, 4)] == [6.0] * 4
    assert told["battery/battery.power.setpoint"] == 0.0


# -- inputs lost ---------------------------------------------------------------------------------------------------


def fail_meter(one, for_s):
    one.meter_good = False
    one.run(for_s)
    one.meter_good = True


def test_without_a_site_meter_a_start_ends_in_fault():
    one = Toy(site(battery()))
    one.meter_good = False
    one.run(5.0)
    assert one.mode == "boot"
    one.run(0.5)
    assert (one.mode, one.last.cause) == ("fault", "inputs_lost")


def test_inputs_count_as_back_after_their_return_delay():
    one = toy()
    fail_meter(one, 5.0)
    assert one.mode == "fault"
    one.run(1.75)
    one.meter_good = False
    one.step()
    one.meter_good = True
    one.run(2.0)
    assert one.mode == "fault"
    one.run(0.5)
    assert (one.mode, one.last.cause) == ("local", "inputs_back")


@pytest.mark.fault("I-21")
def test_a_request_still_in_force_is_followed_again_when_the_inputs_are_back():
    one = toy()
    one.ask(kind=Kind.EVENT, power_w=500_000.0, end_ms=ends(one, 3600.0))
    one.run(5.0)
    fail_meter(one, 200.0)
    one.run(5.5)
    assert (one.mode, one.last.target_w) == ("remote", 500_000.0)


@pytest.mark.parametrize("before", ["hold", "ramp", "safe", "remote"])
def test_a_box_without_an_upstream_goes_to_safe_when_the_inputs_are_back(before):
    one = toy()
    signals(one, 4.0)
    if before != "remote":
        one.until(before)
    fail_meter(one, 20.0)
    one.run(5.5)
    assert (one.mode, one.last.cause) == ("safe", "inputs_back_unlinked")
    assert round(one.power_w("battery")) == 0
    one.run(100.0)
    assert one.mode == "safe"
    one.ask(power_w=500_000.0)
    one.step()
    assert one.mode == "remote"


def test_a_setpoint_that_lost_its_upstream_in_local_moves_no_mode():
    one = toy(control=Control(link_lost_s=1.0))
    one.ask(source=Source.MANUAL, issuer="me", power_w=550_000.0, end_ms=ends(one, 30.0))
    one.ask(power_w=500_000.0, end_ms=ends(one, 600.0))
    one.run(60.0)
    assert one.mode == "local"


@pytest.mark.fault("I-10")
def test_a_limit_holds_while_the_meter_is_lost():
    one = toy(limits=Limits(max_import_w=550_000.0))
    one.run(5.0)
    assert one.power_w("battery") == pytest.approx(-50_000.0, abs=200.0)
    fail_meter(one, 60.0)
    assert one.power_w("battery") == pytest.approx(-50_000.0, abs=200.0)


def test_what_a_shed_counts_from_is_not_taken_while_the_meter_is_lost():
    one = toy()
    one.meter_good = False
    one.run(10.0)
    one.ask(kind=Kind.EVENT, shed_w=50_000.0, end_ms=ends(one, 600.0))
    one.run(10.0)
    assert one.state.book.entries[0].reference_w is None
    one.load_w, one.meter_good = 700_000.0, True
    one.run(1.0)
    assert one.state.book.entries[0].reference_w is not None
