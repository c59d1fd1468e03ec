"""The cycle budget of a battery: what counts, when it is used, when a new day begins."""

from dataclasses import replace

import pytest

from gateway.control import cycles
from gateway.control.step import begin
from tests.control import looks
from tests.control.fakes import battery, site, snapshot

NOON_MS = 1_800_000_000_000 // 86_400_000 * 86_400_000 + 12 * 3_600_000
HOUR_MS = 3_600_000


def world(per_day=1.0):
    kind = battery()
    kind = replace(kind, detail=replace(kind.detail, energy_wh=100_000.0, cycles_per_day=per_day))
    where = replace(site(kind), timezone="UTC")
    return where, begin(where, now_s=0.0)


def drawn(watts):
    return {"battery/battery.power": watts, "battery/battery.soc": 50.0}


def counted(where, state, *rows):
    for watts, dt_s, utc_ms in rows:
        cycles.count(where, state, snapshot(drawn(watts), now_s=0.0), dt_s=dt_s, utc_ms=utc_ms)
    return state.assets["battery"].cycled_wh


def bounds(where, state):
    asset = where.assets["battery"]
    found = looks.band(asset, state.assets["battery"], snapshot(drawn(0.0), now_s=0.0), now_s=0.0)
    return found.lo_w < 0.0, found.hi_w > 0.0, found.lo_reason


@pytest.mark.parametrize(
    ("rows", "moved_wh"),
    [
        ([(60_000.0, 60.0, NOON_MS)], 1_000.0),
        ([(60_000.0, 60.0, NOON_MS), (-60_000.0, 60.0, NOON_MS + 60_000)], 2_000.0),  # out and in both count
        ([(60_000.0, 3_600.0, NOON_MS)], 1_000.0),  # a pause is nobody's measurement: a minute of it counts
        ([(60_000.0, -5.0, NOON_MS)], 0.0),
        ([(60_000.0, 60.0, NOON_MS), (60_000.0, 60.0, NOON_MS + 13 * HOUR_MS)], 1_000.0),  # a new day
        (
            [(60_000.0, 60.0, NOON_MS), (60_000.0, 60.0, NOON_MS - 13 * HOUR_MS)],
            2_000.0,
        ),  # set back over midnight: the same
        ([(60_000.0, 60.0, NOON_MS + 5_000 * 24 * HOUR_MS), (60_000.0, 60.0, NOON_MS)], 1_000.0),  # was far ahead
        (
            [(60_000.0, 60.0, NOON_MS), (60_000.0, 60.0, 0), (60_000.0, 60.0, NOON_MS + 1)],
            3_000.0,
        ),  # a box without a battery for its clock
    ],
)
def test_what_counts_towards_the_budget_of_a_day(rows, moved_wh):
    where, state = world()
    assert counted(where, state, *rows) == pytest.approx(moved_wh)


def test_with_its_budget_used_a_battery_rests_until_midnight():
    where, state = world()
    half = [(90_000.0, 60.0, NOON_MS + at * 60_000) for at in range(132)]
    assert counted(where, state, *half) == pytest.approx(198_000.0)
    assert bounds(where, state) == (True, True, "max_discharge")
    counted(where, state, (-90_000.0, 60.0, NOON_MS + 3 * HOUR_MS), (-90_000.0, 60.0, NOON_MS + 3 * HOUR_MS))
    assert bounds(where, state) == (False, False, "cycles")
    counted(where, state, (0.0, 0.25, NOON_MS + 12 * HOUR_MS))
    assert bounds(where, state) == (True, True, "max_discharge")


def test_a_power_that_cannot_be_read_counts_as_the_twin_has_it():
    where, state = world()
    state.assets["battery"].twin.x = -60_000.0
    cycles.count(where, state, snapshot({}, now_s=0.0), dt_s=60.0, utc_ms=NOON_MS)
    assert state.assets["battery"].cycled_wh == pytest.approx(1_000.0)


def test_without_a_budget_nothing_is_counted():
    where, state = world(per_day=None)
    assert counted(where, state, (90_000.0, 60.0, NOON_MS)) == 0.0
