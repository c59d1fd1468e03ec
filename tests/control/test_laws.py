"""Laws of the whole step over any inputs: readings of every kind, any requests, restarts in between."""

from dataclasses import replace
from math import inf, isfinite, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.control import guard
from gateway.control.book import take, turn
from gateway.control.copies import from_json, to_json
from gateway.control.decision import Inputs
from gateway.control.kinds import ENABLE, inputs_of
from gateway.control.state import Book, ControlState
from gateway.control.step import begin, step
from gateway.control.watched import meter_point
from gateway.model.mode import Mode
from gateway.model.point import PointId
from gateway.model.reading import Cause, Quality, Reading
from gateway.model.request import Arrival, Kind, Request, Service, Source
from gateway.model.site import Control, Limits
from tests.control.fakes import UTC_MS, battery, chiller, dimmer, ev, fans, site, snapshot

BEGIN_S = 10_000.0
RAMP_W_PER_S = 5_000.0
SITE = site(
    battery(ramp_w_per_s=RAMP_W_PER_S),
    fans(),
    chiller(zone="zone", min_on_s=20.0),
    dimmer(),
    ev(count=2, bookings="book"),
    limits=Limits(1e6, 5e4, failsafe_import_w=7e5),
    control=Control(hold_s=5.0, ramp_s=4.0, link_lost_s=6.0, input_return_s=1.0),
)
POINTS = [str(meter_point(SITE)), *(str(name) for one in SITE.assets.values() for name in inputs_of(one))]
USUAL = {"power": 20_000.0, "soc": 50.0, "running": 1.0, "temperature": 24.0, "state": 3.0, "owed": 9_000.0,
         "departure": 7_200.0, "plugged": 1.0, "active": 6e5}  # fmt: skip

NUMBERS = st.one_of(
    st.sampled_from([nan, inf, -inf, 0.0, -0.0, 1e308, -1e308, 9e29, -9e29, 32767.0, 65535.0, 10.0, 90.0]),
    st.floats(-1e6, 1e6),
    st.floats(0.0, 100.0),
)
BAD = st.sampled_from([Quality.UNCERTAIN, Quality.SUBSTITUTED, Quality.STALE])


@st.composite
def readings(draw):
    """What one point shows instead of its usual value: (value, quality, age)."""
    value = draw(st.none() | NUMBERS)
    quality = Quality.INVALID if value is None else draw(st.just(Quality.GOOD) | BAD)
    return value, quality, draw(st.sampled_from([0.0, 0.0, 0.5, 4.9, 5.1, 600.0]))


@st.composite
def wishes(draw):
    """A request, well formed or nearly, about the toy's moment; (fields, how much later it is issued)."""
    source = draw(st.sampled_from([Source.REMOTE] * 4 + [Source.MANUAL, Source.INTERLOCK, Source.SCHEDULE]))
    kind = draw(st.sampled_from(list(Kind)))
    target = "site" if kind is Kind.LIMIT else draw(st.sampled_from(["site", "site", *SITE.assets, "boiler"]))
    value = draw(NUMBERS)
    if kind is Kind.LIMIT:
        key = draw(st.sampled_from(["max_import_w", "max_export_w", "withdraws"]))
        value = draw(st.sampled_from(["max_import_w", "max_export_w"])) if key == "withdraws" else value
        service = Service.LIMIT
    elif kind is Kind.CANCEL:
        key, value, service = "ref", f"id{draw(st.integers(0, 9))}", Service.DR
    else:
        service = draw(st.sampled_from([Service.DR, Service.AR, Service.REG]))
        key = "signal" if service is Service.REG and target == "site" else draw(st.sampled_from(["power_w", "shed_w"]))
        value = draw(st.floats(-1.0, 1.0)) if key == "signal" else value
    lasts = None if kind is Kind.LIMIT else draw(st.sampled_from([None, -1_000, 500, 3_000, 60_000]))
    return {
        "id": f"id{draw(st.integers(0, 9))}", "issuer": draw(st.sampled_from(["vpp", "other"])), "source": source,
        "seq": draw(st.integers(0, 50)), "service": service, "kind": kind, "target": target, key: value,
        "replaces": draw(st.none() | st.just("id1")),
    }, draw(st.sampled_from([0, 0, 0, -2_000, -90_000, 4_000, 20_000])), draw(st.sampled_from([0, 0, 1_500])), lasts  # fmt: skip


@st.composite
def ticks(draw):
    """One step: how long after the last, what is odd about the readings, what arrives, whether the box restarts."""
    odd = draw(st.dictionaries(st.sampled_from(POINTS), readings(), max_size=4))
    if draw(st.integers(0, 9)) == 0:
        odd = dict.fromkeys(POINTS, (None, Quality.INVALID, 0.0))
    return (
        draw(st.sampled_from([0.0, 0.005, 0.25, 0.25, 0.25, 1.0, 2.0, 30.0])),
        odd,
        draw(st.lists(wishes() | st.none(), max_size=2)),
        draw(st.integers(0, 5)) == 0,
    )


RUNS = st.lists(ticks(), min_size=1, max_size=5)


def usual(name):
    return USUAL[name.rsplit(".", 1)[1]]


def wish_of(fields, later_ms, notice_ms, lasts_ms, utc_ms):
    issued_ms = utc_ms + later_ms
    begin_ms = issued_ms + notice_ms
    end_ms = None if lasts_ms is None else begin_ms + lasts_ms
    return Request(**fields, issued_ms=issued_ms, begin_ms=begin_ms, end_ms=end_ms)


def inputs_at(now_s, utc_ms, odd, asked):
    values = {name: Reading(usual(name), Quality.GOOD, Cause.NONE, now_s) for name in POINTS}
    for name, (value, quality, age_s) in odd.items():
        values[name] = Reading(value, quality, Cause.SOURCE, now_s - age_s)
    arrivals = tuple(
        Arrival("vpp", now_s, utc_ms)
        if one is None
        else Arrival(one[0]["issuer"], now_s, utc_ms, wish_of(*one, utc_ms))
        for one in asked
    )
    return Inputs(now_s, utc_ms, snapshot(values, now_s=now_s), arrivals)


def played(run, *, restart=True, wall=lambda _at: 0):
    """Every (state before, inputs, decision, state after) of a run."""
    state, now_s, found = begin(SITE, now_s=BEGIN_S), BEGIN_S, []
    for at, (dt_s, odd, asked, restarts) in enumerate(run):
        now_s += dt_s
        if restart and restarts:
            state = from_json(to_json(state))
        inputs = inputs_at(now_s, UTC_MS + round((now_s - BEGIN_S) * 1000.0) + wall(at), odd, asked)
        after, decision = step(SITE, state, inputs)
        found.append((state, inputs, decision, after))
        state = after
    return found


def owner(device):
    return next(one for one in SITE.assets.values() if device in one.devices)


def every_command_is_finite_inside_its_bounds_expires_and_keeps_the_charge_window(found):
    for _, inputs, decision, after in found:
        for command in decision.commands:
            assert inputs.now_s < command.expires_s <= inputs.now_s + 15.0
            if command.value is None:
                continue
            assert isfinite(command.value)
            if command.control == ENABLE:
                assert command.value in (0.0, 1.0)
                continue
            least, most = guard.bounds(owner(command.device))
            assert least <= command.value <= most
            if command.device == "battery":
                soc = inputs.snapshot.usable(PointId("battery/battery.soc"))
                assert command.value <= 0.0 or (soc is not None and soc < 90.0)
                assert command.value >= 0.0 or (soc is not None and soc > 10.0)
        assert all(isfinite(share.command_w) and share.headroom_w >= 0.0 for share in decision.shares)
        assert after.load.now_w is None or isfinite(after.load.now_w)


def no_aim_moves_faster_than_its_ramp_rate_but_an_interlock(found):
    for before, inputs, decision, after in found:
        if decision.shares[0].reason == "interlock":
            continue
        if decision.shares[0].reason.endswith((".import", ".export")):  # the way to safe waits for no ramp rate
            first_w, last_w = before.assets["battery"].aim_w, after.assets["battery"].aim_w
            if min(first_w, 0.0) <= last_w <= max(first_w, 0.0):
                continue
        moved = abs(after.assets["battery"].aim_w - before.assets["battery"].aim_w)
        assert moved <= RAMP_W_PER_S * (inputs.now_s - before.stepped_s) + 1e-6


@pytest.mark.fault("I-16", "I-17")
@given(RUNS, st.sampled_from(POINTS), NUMBERS, NUMBERS, st.booleans())
def test_a_value_that_is_stale_or_not_good_is_as_good_as_none_whatever_it_says(run, point, one, other, stale):
    def shown(value):
        bad = (value, Quality.GOOD, 5.1) if stale else (value, Quality.UNCERTAIN, 0.0)
        return played([(dt_s, {**odd, point: bad}, asked, again) for dt_s, odd, asked, again in run])

    gone = played(
        [(dt_s, {**odd, point: (None, Quality.INVALID, 0.0)}, asked, again) for dt_s, odd, asked, again in run]
    )
    for left, right, none in zip(shown(one), shown(other), gone, strict=True):
        assert left[2] == right[2] == none[2]


@pytest.mark.fault("I-25")
@given(RUNS)
def test_the_same_inputs_give_the_same_decision_and_a_restart_of_the_state_changes_nothing(run):
    plain, again = played(run, restart=False), played(run)
    assert [one[2] for one in plain] == [one[2] for one in again]
    assert repr([one[2] for one in plain]) == repr([one[2] for one in again])
    assert to_json(plain[-1][3]) == to_json(again[-1][3])


@pytest.mark.fault("I-27")
@given(RUNS, st.lists(st.sampled_from([0, 1, -5_000, 86_400_000, -86_400_000]), min_size=8, max_size=8))
def test_a_step_of_the_wall_clock_moves_nothing_that_runs(run, jumps):
    """Requests arrive in the first step only; after it the wall clock may do as it likes."""
    quiet = [run[0], *((dt_s, odd, [None] * len(asked), again) for dt_s, odd, asked, again in run[1:])]

    def seen(wall):
        return [
            (decision.mode, decision.target_w, decision.shares, decision.commands, after.mode, after.book.entries)
            for _, _, decision, after in played(quiet, wall=wall)
        ]

    assert seen(lambda _at: 0) == seen(lambda at: 0 if at == 0 else jumps[at])


def hold_ramp_and_safe_are_left_only_by_a_fresh_command_an_operator_or_a_lost_input(found):
    lost = (Mode.HOLD, Mode.RAMP, Mode.SAFE)
    for before, inputs, decision, after in found:
        if before.mode.mode not in lost or decision.mode in (*lost, Mode.FAULT):
            continue
        old = {held.request.id for held in before.book.entries}
        came = [arrival.request for arrival in inputs.arrivals if arrival.request is not None]
        accepted = {verdict.id for verdict in decision.verdicts if verdict.result == "accepted"}
        assert any(
            one.id in accepted
            and one.kind in (Kind.SETPOINT, Kind.EVENT)
            and (one.source is Source.REMOTE or (one.source is Source.MANUAL and one.target == "site"))
            for one in came
        ), (old, decision.cause)
        assert after.mode.cause != "start"


@pytest.mark.fault("I-12", "I-13", "I-14")
@given(RUNS, st.sampled_from([Source.MANUAL, Source.INTERLOCK]), st.floats(-1.5e5, 1.5e5))
def test_nothing_below_it_moves_a_hold(run, source, power_w):
    """Without limits nothing stands above a manual hold but an interlock; above an interlock stands nothing."""
    where = replace(SITE, limits=Limits(), assets={**SITE.assets, "battery": battery()})
    hold = Request(
        id="hold", issuer="person", source=source, seq=1, service=Service.DR, kind=Kind.SETPOINT, target="battery",
        issued_ms=UTC_MS, begin_ms=UTC_MS, power_w=power_w,
    )  # fmt: skip
    state = begin(where, now_s=BEGIN_S)
    take(state.book, (Arrival("person", BEGIN_S, UTC_MS, hold),), where)
    now_s = BEGIN_S
    for dt_s, odd, asked, _ in run:
        now_s += dt_s
        below = [
            one for one in asked if one is None or (one[0]["source"] < source and one[0]["kind"] is not Kind.LIMIT)
        ]
        inputs = inputs_at(now_s, UTC_MS + round((now_s - BEGIN_S) * 1000.0), odd, below)
        state, decision = step(where, state, inputs)
        assert decision.shares[0].reason == source.name.lower()
        assert decision.shares[0].command_w == power_w


def a_limit_is_never_relaxed_but_by_its_issuer_or_an_operator(found):
    for before, inputs, _, after in found:
        kept = {(held.request.issuer, held.request.id) for held in after.book.entries}
        came = [arrival.request for arrival in inputs.arrivals if arrival.request is not None]
        for held in before.book.entries:
            request = held.request
            if request.kind is not Kind.LIMIT or (request.issuer, request.id) in kept:
                continue
            # ended by something new of the same issuer, by somebody above, or by one of theirs that began now
            waited = [old.request for old in before.book.entries if old.waits]
            assert any(one.issuer == request.issuer or one.source > Source.REMOTE for one in (*came, *waited))


@pytest.mark.fault("I-18", "I-19", "A-040")
@given(st.lists(wishes(), max_size=8), st.lists(st.integers(0, 7), max_size=20))
def test_deliveries_that_repeat_change_nothing(asked, repeats):
    stream = [wish_of(fields, 0, notice, lasts, UTC_MS) for fields, _, notice, lasts in asked]
    stream = list({(one.issuer, one.id): one for one in stream}.values())

    def entered(order):
        book, seen = Book(), []
        for one in order:
            seen.append(
                (one.id, [v.result for v in take(book, (Arrival(one.issuer, 0.0, UTC_MS, one),), SITE).verdicts])
            )
        return book, seen

    once, _ = entered(stream)
    again = []
    for at, one in enumerate(stream):
        again += [one, *(stream[other % (at + 1)] for other in repeats[at::4])]
    many, _ = entered(again)
    assert many.entries == once.entries
    assert many.last == once.last


@pytest.mark.fault("I-19")
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(-9, 0)), max_size=12))
def test_nothing_older_than_the_last_accepted_is_ever_applied(deliveries):
    book = Book()
    newest = None
    for at, (seq, issued) in enumerate(deliveries):
        wish = Request(f"d{at}", "vpp", Source.REMOTE, seq, Service.DR, Kind.SETPOINT, "site", UTC_MS + issued, UTC_MS,
                       UTC_MS + 60_000, power_w=float(at))  # fmt: skip
        taken = take(book, (Arrival("vpp", 0.0, UTC_MS, wish),), SITE)
        if taken.fresh:
            assert newest is None or (issued, seq) > newest
            newest = (issued, seq)
            assert [held.request.id for held in book.entries] == [wish.id]


def nothing_works_before_its_begin_or_after_its_end(found):
    for _, inputs, decision, after in found:
        for held in after.book.entries:
            assert held.waits == (held.begin_s > inputs.now_s)
            signal = held.request.signal is not None
            assert (
                held.end_s is None or inputs.now_s < held.end_s or (signal and held.request.source is not Source.REMOTE)
            )
        if decision.mode is Mode.REMOTE and decision.service in ("dr", "ar", "reg"):
            assert any(held.begin_s <= inputs.now_s for held in after.book.entries)


@pytest.mark.fault("I-20", "I-27")
@given(st.lists(wishes(), max_size=6), st.floats(0.0, 100.0))
def test_each_request_is_answered_once_when_judged_and_at_most_once_when_over(asked, later_s):
    book = Book()
    answers = []
    for fields, _, notice, lasts in asked:
        wish = wish_of(fields, 0, notice, lasts, UTC_MS)
        if f"{wish.issuer}>{wish.id}" in book.answered:
            continue
        answers += take(book, (Arrival(wish.issuer, 0.0, UTC_MS, wish),), SITE).verdicts
    answers += turn(book, later_s, UTC_MS)
    told: dict[tuple[str, str], list[str]] = {}
    for verdict in answers:
        told.setdefault((verdict.issuer, verdict.id), []).append(verdict.result.value)
    for results in told.values():
        assert results[0] in ("accepted", "refused")
        assert len(results) == 1 or (results[0] == "accepted" and len(results) == 2)


@pytest.mark.fault("I-02", "I-04", "I-05", "I-10", "I-11", "I-16", "I-17", "I-20")
@given(RUNS)
def test_whatever_comes_the_laws_of_one_run_hold(run):
    found = played(run)
    every_command_is_finite_inside_its_bounds_expires_and_keeps_the_charge_window(found)
    no_aim_moves_faster_than_its_ramp_rate_but_an_interlock(found)
    hold_ramp_and_safe_are_left_only_by_a_fresh_command_an_operator_or_a_lost_input(found)
    a_limit_is_never_relaxed_but_by_its_issuer_or_an_operator(found)
    nothing_works_before_its_begin_or_after_its_end(found)


def test_the_laws_do_meet_every_mode():
    """The runs above are worth something: all of this happens within one of them."""
    reg = {"id": "id1", "issuer": "vpp", "source": Source.REMOTE, "seq": 1, "service": Service.REG,
           "kind": Kind.SETPOINT, "target": "site", "signal": 0.5, "replaces": None}  # fmt: skip
    blind = {POINTS[0]: (None, Quality.INVALID, 0.0)}
    run = [(0.25, {}, [(reg, 0, 0, 3_000)], False), *[(2.0, {}, [], True)] * 12, *[(2.0, blind, [], False)] * 3]
    modes = {decision.mode for _, _, decision, _ in played(run)}
    assert {Mode.REMOTE, Mode.HOLD, Mode.RAMP, Mode.SAFE, Mode.FAULT} <= modes
    assert isinstance(played(run)[0][0], ControlState)
