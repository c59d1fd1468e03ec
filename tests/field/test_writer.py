"""The writer without sockets: what is written, when, and what is said about it."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import BusDown, BusMismatch, BusRefused, BusTimeout
from gateway.field.bus import Member
from gateway.field.writer import Work, Writer
from gateway.model.command import Command, Fate, Outcome
from gateway.model.site import Device
from gateway.profiles.schema import Lost, Set, Then, Wait, Wear, Zero
from tests.field import things

WRITTEN, CONFIRMED, DIFFERS, UNKNOWN, REFUSED, EXPIRED = (
    Fate.WRITTEN, Fate.CONFIRMED, Fate.DIFFERS, Fate.UNKNOWN, Fate.REFUSED, Fate.EXPIRED,
)  # fmt: skip


class Desk:
    """A writer, and a device that does as told."""

    def __init__(self, control=None, *, shadow: bool = False) -> None:
        points = [
            things.register("limit", 10, writable=True),
            things.register("enable", 11, writable=True),
            things.register("mode", 12, writable=True, wear=Wear.STORED),
        ]
        made = things.profile(points, [control or things.control("limit")])
        self.outcomes: list[Outcome] = []
        member = Member(Device("thing", "test/thing", "line"), made)
        self.writer = Writer([member], tell=self.outcomes.append, shadow=shadow)
        self.written: list[tuple[float, dict[str, float]]] = []

    def post(self, value: float | None, now_s: float, *, for_s: float = 1000.0, control: str = "limit") -> None:
        self.writer.post([Command("thing", control, value, "test", now_s, now_s + for_s)], now_s)

    def take(self, now_s: float) -> Work | None:
        return self.writer.take(["thing"], now_s)

    def next(self, now_s: float) -> Work:
        """What must fall due now."""
        work = self.take(now_s)
        assert work is not None
        return work

    def run(self, now_s: float, *, until_s: float | None = None) -> None:
        """Carry out all that falls due, each step answered at once."""
        for tick in range(1 + (0 if until_s is None else round((until_s - now_s) / 0.1))):
            at_s = round(now_s + tick * 0.1, 6)
            while (work := self.take(at_s)) is not None:
                assert isinstance(work.step, Set)
                self.written.append((at_s, {name: value for name, value in work.step.writes if value is not None}))
                self.writer.done(work, at_s)

    def read(self, value: float, now_s: float, *, point: str = "limit", started_s: float | None = None) -> None:
        self.writer.seen("thing", point, value, started_s=now_s if started_s is None else started_s, now_s=now_s)

    def fates(self) -> list[Fate]:
        return [outcome.fate for outcome in self.outcomes]


def test_a_command_is_written_and_confirmed_by_its_read_back():
    desk = Desk()
    desk.post(70.4, 1.0)
    desk.run(1.0)
    desk.read(70.0, 1.1)
    assert desk.written == [(1.0, {"limit": 70.0})]
    assert [(o.fate, o.value) for o in desk.outcomes] == [(WRITTEN, 70.0), (CONFIRMED, 70.0)]


def test_a_reading_that_began_before_the_write_ended_confirms_nothing():
    desk = Desk()
    desk.post(70, 1.0)
    desk.run(1.0)
    desk.read(70, 1.2, started_s=0.9)
    desk.read(10, 1.2, started_s=0.9)
    assert desk.fates() == [WRITTEN]


def test_only_the_newest_command_is_written():
    desk = Desk()
    for value in (10, 20, 30):
        desk.post(value, 1.0)
    desk.run(1.0)
    assert desk.written == [(1.0, {"limit": 30.0})]


@pytest.mark.fault("I-20")
@pytest.mark.parametrize(
    ("last", "expected"),
    [
        ((None, 21.0), [{"limit": 21.0}]),  # released by who knows what it had
        ((None, None), [{"limit": 20.0}]),  # by who does not: what was said with the value
        (None, [{"limit": 20.0}]),  # it expired
    ],
)
def test_a_device_is_given_back_what_it_had_where_the_command_says_so_and_then_left_alone(last, expected):
    desk = Desk(things.control("limit", keepalive=None))
    desk.writer.post([Command("thing", "limit", 25.0, "test", 0.0, 50.0, back=20.0)], 0.0)
    desk.run(0.0)
    if last is not None:
        desk.writer.post([Command("thing", "limit", last[0], "test", 10.0, 1000.0, back=last[1])], 10.0)
    desk.run(60.0, until_s=62.0)
    assert [values for _, values in desk.written] == [{"limit": 25.0}, *expected]
    desk.read(23.0, 70.0)  # somebody turns it: it is his again
    desk.run(71.0, until_s=72.0)
    assert len(desk.written) == 2


def test_a_device_that_lost_what_it_was_given_back_is_given_it_again():
    desk = Desk(things.control("limit", keepalive=None))
    for at_s, value in ((0.0, 25.0), (10.0, None), (200.0, None)):
        desk.writer.post([Command("thing", "limit", value, "test", at_s, at_s + 15.0, back=20.0)], at_s)
        desk.run(at_s, until_s=at_s + 2.0)
        desk.read(25.0, at_s + 5.0)
    assert [values for _, values in desk.written][-2:] == [{"limit": 20.0}] * 2
    assert [at_s for at_s, values in desk.written if values == {"limit": 20.0}] == [10.0, 200.0]


@pytest.mark.fault("I-20")
@pytest.mark.parametrize("error", [None, BusTimeout("no answer")])
@pytest.mark.parametrize("started_s", [None, 9.0])
def test_what_a_stored_value_was_before_our_write_does_not_make_giving_it_back_needless(error, started_s):
    """The device is released before the write was read back, or what comes was read before it."""
    desk = Desk(things.control("mode", wear=Wear.STORED, keepalive=None, release=(Set((("mode", 20.0),)),)))
    desk.read(20.0, 9.0, point="mode")
    desk.post(25.0, 10.0, control="mode")
    if error is None:
        desk.run(10.0)
    else:
        desk.writer.failed(desk.next(10.0), error, 10.0)
        desk.written.append((10.0, {"mode": 25.0}))
    if started_s is not None:
        desk.read(20.0, 10.2, point="mode", started_s=started_s)
    desk.writer.post([Command("thing", "mode", None, "shutdown", 10.5, 30.5)], 10.5)
    desk.run(10.5, until_s=11.0)
    if error is not None:  # in doubt: a read-back first
        desk.read(25.0, 11.1, point="mode")
        desk.run(12.0, until_s=17.0)
    assert [values for _, values in desk.written] == [{"mode": 25.0}, {"mode": 20.0}]


def test_an_expired_command_is_never_written():
    desk = Desk()
    desk.post(10, 1.0, for_s=0.5)
    desk.run(1.5)
    assert desk.written == []
    assert desk.fates() == [EXPIRED]


@pytest.mark.parametrize(
    ("value", "detail"), [(1001, "outside"), (-1, "outside"), (float("nan"), "finite"), (float("inf"), "finite")]
)
def test_a_value_outside_the_controls_range_is_refused_and_never_written(value, detail):
    desk = Desk()
    desk.post(value, 1.0)
    desk.run(1.0, until_s=3.0)
    assert desk.written == []
    assert desk.fates() == [REFUSED]
    assert detail in desk.outcomes[0].detail


@pytest.mark.fault("U2")
def test_only_controls_of_the_profile_can_be_written():
    desk = Desk()
    desk.post(1, 1.0, control="enable")
    desk.writer.post([Command("nobody", "limit", 1.0, "test", 1.0, 9.0)], 1.0)
    desk.run(1.0, until_s=3.0)
    assert desk.written == []
    assert desk.fates() == [REFUSED, REFUSED]


def test_zero_is_refused_where_the_device_refuses_it():
    desk = Desk(things.control("limit", zero=Zero.REFUSED))
    desk.post(0, 1.0)
    assert desk.fates() == [REFUSED]


@pytest.mark.fault("F-035")
def test_an_unchanged_value_is_only_refreshed_and_at_least_three_times_within_the_devices_timer():
    desk = Desk()
    for at in range(40):
        desk.post(10, at * 0.5, for_s=5)
        desk.run(at * 0.5, until_s=at * 0.5 + 0.4)
    times = [at for at, _ in desk.written]
    gaps = [b - a for a, b in pairwise(times)]
    assert 8 <= len(times) <= 11
    assert max(gaps) <= 2.2
    assert desk.fates() == [WRITTEN]


def test_without_a_successor_the_refresh_stops_at_expiry_so_that_the_device_reverts():
    desk = Desk()
    desk.post(10, 0.0, for_s=5.0)
    desk.run(0.0, until_s=30.0)
    assert max(at for at, _ in desk.written) < 5.0
    assert desk.fates() == [WRITTEN, EXPIRED]


def test_a_device_without_a_timer_is_released_at_expiry():
    desk = Desk(things.control("limit", keepalive=None, lost=Lost(Then.KEEPS_LAST)))
    desk.post(10, 0.0, for_s=5.0)
    desk.run(0.0, until_s=30.0)
    assert desk.written == [(0.0, {"limit": 10.0}), (5.0, {"limit": 0.0})]


def test_none_runs_the_release_steps_once():
    desk = Desk()
    desk.post(10, 0.0)
    desk.run(0.0)
    for at in range(1, 9):
        desk.post(None, at)
        desk.run(at)
    assert desk.written == [(0.0, {"limit": 10.0}), (1, {"limit": 0.0})]
    assert desk.outcomes[-1].value is None


def enabling(**more):
    value, enable = Set((("limit", None),)), Set((("enable", 1.0),))
    return things.control("limit", apply=(value, Wait(1.0), enable), **more)


def test_steps_go_out_in_order_with_their_waits_and_new_values_by_the_refresh_steps_alone():
    desk = Desk(enabling())
    desk.post(10, 0.0)
    desk.run(0.0, until_s=1.5)
    desk.read(10, 1.6)
    desk.post(20, 2.0)
    desk.run(2.0)
    assert desk.written == [(0.0, {"limit": 10.0}), (1.0, {"enable": 1.0}), (2.0, {"limit": 20.0})]


def test_commands_that_come_faster_than_the_steps_do_not_starve_the_sequence():
    desk = Desk(enabling(keepalive=None))
    for at in range(30):
        desk.post(at + 1, at * 0.25)
        desk.run(at * 0.25)
    enables = [writes for _, writes in desk.written if "enable" in writes]
    assert len(enables) >= 5


@pytest.mark.fault("F-025")
def test_a_sequence_that_breaks_off_is_done_again_from_its_first_step():
    desk = Desk(enabling())
    desk.post(10, 0.0)
    first = desk.next(0.0)
    desk.writer.done(first, 0.0)
    assert desk.take(0.5) is None
    second = desk.next(1.0)
    desk.writer.failed(second, BusDown("reset"), 1.0)
    desk.run(1.5, until_s=4.0)
    assert [next(iter(writes)) for _, writes in desk.written][:2] == ["limit", "enable"]


@pytest.mark.fault("F-023")
@pytest.mark.parametrize("error", [BusTimeout("late"), BusMismatch("strange")])
@pytest.mark.parametrize(("applied", "writes", "fates"), [
    (True, 1, [UNKNOWN, CONFIRMED]),
    (False, 2, [UNKNOWN, DIFFERS, WRITTEN, CONFIRMED]),
])  # fmt: skip
def test_after_an_unanswered_write_the_read_back_decides(error, applied, writes, fates):
    desk = Desk()
    desk.post(10, 0.0)
    work = desk.next(0.0)
    desk.writer.failed(work, error, 1.0)
    desk.run(1.0, until_s=1.9)
    assert desk.written == [], "nothing is sent again before it was read back"
    desk.read(10 if applied else 3, 2.0)
    desk.run(2.0, until_s=2.2)
    desk.read(10, 2.3)
    assert 1 + len(desk.written) == writes
    assert desk.fates() == fates


@pytest.mark.fault("F-023")
def test_after_an_unanswered_write_a_value_no_longer_wanted_is_not_sent_again():
    desk = Desk()
    desk.post(10, 0.0, for_s=2.0)
    desk.writer.failed(desk.next(0.0), BusTimeout("late"), 1.0)
    desk.read(3, 2.5)
    desk.run(2.5, until_s=9.0)
    assert desk.written == []


@pytest.mark.fault("F-023", "F-109")
def test_a_device_that_is_never_read_back_is_not_given_up_after_one_lost_answer():
    desk = Desk()
    desk.post(10, 0.0)
    desk.writer.failed(desk.next(0.0), BusTimeout("late"), 1.0)
    desk.post(20, 3.0)
    desk.run(1.0, until_s=10.9)
    assert desk.written == [], "a read-back may still tell"
    desk.run(11.0, until_s=11.2)
    assert [values for _, values in desk.written] == [{"limit": 20.0}]
    assert desk.fates() == [UNKNOWN, WRITTEN]
    desk.post(30, 12.0)
    desk.run(12.0)
    assert desk.written[-1] == (12.0, {"limit": 30.0})


@pytest.mark.fault("F-015")
def test_an_acknowledged_write_is_pending_until_the_device_had_its_time():
    desk = Desk()
    desk.post(10, 0.0)
    desk.writer.failed(desk.next(0.0), BusRefused("acknowledge", 5), 0.1)
    for at in (1.0, 2.0, 3.0):
        desk.read(3, at)
        desk.run(at)
    desk.read(10, 3.2)
    assert desk.written == []
    assert desk.fates() == [UNKNOWN, CONFIRMED]


@pytest.mark.fault("F-027")
@pytest.mark.parametrize("by", ["read-back", "return"])
def test_a_device_that_forgot_its_limit_gets_it_again(by):
    desk = Desk()
    desk.post(10, 0.0)
    desk.run(0.0)
    desk.read(10, 0.1)
    if by == "return":
        desk.writer.device_back("thing")
    else:
        desk.read(1000, 1.0)
    desk.run(1.0)
    assert desk.written[1:] == [(1.0, {"limit": 10.0})]


@pytest.mark.fault("F-036")
def test_a_second_controller_is_not_fought_more_than_five_times_a_minute_and_is_named():
    desk = Desk()
    desk.post(10, 0.0)
    for at in range(120):
        desk.run(at)
        desk.read(99, at + 0.5)
    asserted = [at for at, _ in desk.written if at < 60]
    assert len(asserted) <= 6
    assert desk.writer.troubles("thing", 120.0)["overruled:thing/limit"]


def test_a_refused_write_is_told_and_tried_again_with_growing_pauses():
    desk = Desk()
    desk.post(10, 0.0)
    tries = []
    for tick in range(600):
        if (work := desk.take(tick * 0.1)) is not None:
            tries.append(tick * 0.1)
            desk.writer.failed(work, BusRefused("illegal value", 3), tick * 0.1)
    assert 4 <= len(tries) <= 8
    assert set(desk.fates()) == {REFUSED}


def test_a_busy_device_is_asked_again_after_a_tenth_of_a_second():
    desk = Desk()
    desk.post(10, 0.0)
    desk.writer.failed(desk.next(0.0), BusRefused("busy", 6), 0.0)
    assert desk.take(0.05) is None
    desk.run(0.1)
    assert desk.written == [(0.1, {"limit": 10.0})]
    assert desk.fates() == [WRITTEN]


def test_a_least_interval_between_two_values_is_kept():
    desk = Desk(things.control("limit", interval_s=5.0, keepalive=None))
    for at in range(20):
        desk.post(at + 1, at)
        desk.run(at)
    assert [at for at, _ in desk.written] == [0, 5, 10, 15]


@pytest.mark.fault("F-037")
def test_a_worn_register_sees_at_most_its_budget_and_never_an_unchanged_value():
    control = things.control(
        "limit", wear=Wear.STORED, daily_writes=24, interval_s=60.0, keepalive=None, lost=Lost(Then.KEEPS_LAST)
    )
    desk = Desk(control)
    for at in range(0, 86400, 30):
        desk.post(100 + (at * 7919) % 50, float(at))
        desk.run(float(at))
    times = [at for at, _ in desk.written]
    values = [writes["limit"] for _, writes in desk.written]
    assert 10 <= len(times) <= 24
    assert all(a != b for a, b in pairwise(values))
    assert max(sum(1 for other in times if at <= other < at + 3600) for at in times) <= 4


@pytest.mark.fault("F-037", "F-036", "U2", "F-109")
@pytest.mark.parametrize("how", ["never answered, and taken", "never answered, never read", "overruled at once"])
def test_the_budget_of_a_worn_register_holds_whatever_becomes_of_its_writes(how):
    control = things.control(
        "limit", wear=Wear.STORED, daily_writes=24, interval_s=60.0, keepalive=None, lost=Lost(Then.KEEPS_LAST)
    )
    desk, tries, told = Desk(control), [], False
    for at in range(0, 86400, 30):
        told = told or bool(desk.writer.troubles("thing", float(at))["write_budget:thing/limit"])
        desk.post(60 if how == "overruled at once" else 100 + (at * 7919) % 50, float(at))
        while (work := desk.take(float(at))) is not None:
            tries.append(at)
            if how == "overruled at once":
                desk.writer.done(work, float(at))
            else:
                desk.writer.failed(work, BusTimeout("late"), float(at))
            if how == "never answered, and taken":
                assert isinstance(work.step, Set)
                desk.read(dict(work.step.writes)["limit"], at + 0.5)
            elif how == "overruled at once":
                desk.read(1000, at + 0.5)
    assert 10 <= len(tries) <= 24
    assert max(sum(1 for other in tries if at <= other < at + 3600) for at in tries) <= 4
    assert told, "that it has to wait"


@pytest.mark.fault("I-23")
def test_a_stored_point_in_the_steps_is_written_only_when_it_differs():
    mode, value = Set((("mode", 2.0),)), Set((("limit", None),))
    desk = Desk(things.control("limit", apply=(mode, value), keepalive=None))
    desk.read(2.0, 0.0, point="mode")
    desk.post(10, 0.0)
    desk.run(0.0)
    desk.read(1.0, 1.0, point="mode")
    desk.post(20, 1.0)
    desk.run(1.0)
    assert [writes for _, writes in desk.written] == [{"limit": 10.0}, {"mode": 2.0}, {"limit": 20.0}]


def test_in_shadow_nothing_is_written_and_each_change_is_told_once():
    desk = Desk(shadow=True)
    for at in range(5):
        desk.post(10, at)
    desk.post(20, 6)
    desk.run(6, until_s=9)
    assert desk.written == []
    assert [(o.fate, o.value) for o in desk.outcomes] == [(Fate.SHADOW, 10), (Fate.SHADOW, 20)]


@pytest.mark.fault("I-18", "I-20", "U2")
@given(
    st.lists(
        st.tuples(
            st.floats(0.0, 3.0),
            st.sampled_from(["post", "fine", "timeout", "refused", "down", "right", "wrong", "back", "release"]),
            st.floats(-200, 1200, allow_nan=False),
        ),
        max_size=60,
    )
)
def test_whatever_happens_only_lawful_unexpired_values_are_written(events):
    desk = Desk(enabling())
    now_s, device = 0.0, 0.0
    expiry: dict[float, float] = {}
    errors = {"timeout": BusTimeout("t"), "refused": BusRefused("r", 4), "down": BusDown("d")}
    for wait_s, event, value in events:
        now_s += wait_s
        if event == "post":
            desk.post(value, now_s, for_s=4.0)
            expiry[float(int(value))] = now_s + 4.0
        elif event == "release":
            desk.post(None, now_s)
        elif event == "back":
            desk.writer.device_back("thing")
        elif event in ("right", "wrong"):
            desk.read(device if event == "right" else device + 5, now_s)
        work = desk.take(now_s)
        if work is None:
            continue
        assert isinstance(work.step, Set)
        for name, wanted in work.step.writes:
            assert wanted is not None
            if name == "limit" and wanted != 0.0:
                assert 0 <= wanted <= 1000
                assert now_s < expiry[wanted]
            device = wanted if name == "limit" else device
        if event in errors:
            desk.writer.failed(work, errors[event], now_s)
        else:
            desk.writer.done(work, now_s)
