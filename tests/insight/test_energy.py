"""Counters through all that happens to them, what they used on a raster, what it cost and emitted."""

from datetime import datetime
from math import inf, nan
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.insight.energy import Slots, Use, integrated, used
from gateway.insight.energy_anomaly import findings
from gateway.insight.energy_cost import band_at, cost_of, kg_of
from gateway.insight.energy_counter import Mark, Register, counted
from gateway.insight.energy_raster import cells_of, priced_edges, shown_edges
from gateway.insight.energy_report import Counter, report_of
from gateway.model.energy import CarbonFactor, Carrier, Energy, Metered, Price, Tariff
from gateway.model.local import When
from gateway.model.point import PointId
from gateway.model.reading import Quality

SHANGHAI = "Asia/Shanghai"
MINUTE_MS = 60_000
POWER_W = 1_000_000.0
BY_POWER = Register(span=65_536.0, most_per_s=POWER_W / 3600.0, quantum=1.0)
MOST = int(POWER_W / 60)
"""Wh a minute."""


def ms(*when: int) -> int:
    return round(datetime(*when, tzinfo=ZoneInfo(SHANGHAI)).timestamp() * 1000.0)  # type: ignore[misc,arg-type]


def slots(begin_ms: int, values: list[float], *, step_ms: int = MINUTE_MS, rise: float = 0.0) -> Slots:
    low = np.array(values)
    high = low + rise
    quality = np.where(np.isfinite(low), 0, 255).astype(np.uint8)
    return Slots(begin_ms, step_ms, (low + high) / 2.0, low, high, quality)


# -- counters -----------------------------------------------------------------------------------------------------------

STEP = st.tuples(st.integers(0, 800), st.sampled_from(["read", "read", "read", "gap", "reset"]))


@pytest.mark.fault("I-29")
@given(st.integers(0, 65_535), st.lists(STEP, min_size=1, max_size=60))
def test_the_sum_of_the_steps_is_last_minus_first_through_resets_roll_overs_and_gaps(
    start: int, steps: list[tuple[int, str]]
) -> None:
    """The register rolls over by itself. A reset falls on a reading, else what was counted before it is lost for ever;
    and not where it could as well be a roll-over or a stray value."""
    shown, read, counted_at_reading, total = float(start), float(start), 0, 0
    values = [shown]
    for amount, happening in steps:
        total += amount
        clear = values[-1] == read and 5 * 800 < read < 65_536 - 2 * MOST
        shown = float(amount) if happening == "reset" and clear else (shown + amount) % 65_536.0
        if happening == "gap":
            values.append(nan)
        else:
            values.append(shown)
            read, counted_at_reading = shown, total
    times = np.arange(len(values), dtype=np.int64) * MINUTE_MS
    found = counted(times, np.array(values), BY_POWER)
    assert not (found.amount < 0.0).any()
    assert np.isfinite(found.amount).all()
    assert float(found.amount.sum()) == pytest.approx(counted_at_reading, abs=1.0)


@pytest.mark.fault("I-29")
@given(st.lists(st.one_of(st.floats(0.0, 1e9), st.just(nan)), max_size=40), st.sampled_from([BY_POWER, Register()]))
def test_whatever_a_counter_shows_no_step_is_negative_and_the_time_is_whole(
    values: list[float], register: Register
) -> None:
    times = np.arange(len(values), dtype=np.int64) * MINUTE_MS
    found = counted(times, np.array(values), register)
    assert not (found.amount < 0.0).any()
    assert (found.begin_ms[1:] == found.end_ms[:-1]).all()


@pytest.mark.parametrize(
    ("values", "amounts", "marks"),
    [
        ([10, 20, 30], [10, 10], []),
        ([10, nan, 30], [20], []),
        ([30.1, 0, 30.1, 30.2], [0, 0.1], []),  # F-030: a zero at a reconnect
        ([30.1, 0, 0, 30.2], [0.1], []),
        ([120_000, 5, 9], [5, 4], [Mark.RESET]),  # F-028
        ([65_530, 4], [10], [Mark.ROLLED]),  # F-029
        ([30_000, 25_000, 25_001], [nan, 1], [Mark.EXCHANGED]),
        ([10, 60_000, 60_001], [nan, 1], [Mark.EXCHANGED]),  # no meter of this power counts so fast
        ([10, 9.5, 10, 11], [0, 0, 1], []),  # its last digit trembles
    ],
)
def test_what_a_fall_was_decides_what_was_counted(values: list[float], amounts: list[float], marks: list[Mark]) -> None:
    times = np.arange(len(values), dtype=np.int64) * MINUTE_MS
    found = counted(times, np.array(values, dtype=np.float64), BY_POWER)
    np.testing.assert_allclose(found.amount, amounts, atol=1e-9)
    assert [mark for _, mark in found.marks] == marks


@pytest.mark.parametrize(
    ("values", "mark"),
    [([65_500, 100], Mark.ROLLED), ([50_000, 100], Mark.RESET), ([50_000, 9_000], Mark.EXCHANGED)],
)
def test_without_a_power_a_fall_is_judged_by_the_register_alone(values: list[float], mark: Mark) -> None:
    found = counted(np.array([0, MINUTE_MS]), np.array(values, dtype=np.float64), Register(span=65_536.0))
    assert [one for _, one in found.marks] == [mark]


def test_a_counter_that_was_never_read_counted_nothing_that_is_known() -> None:
    assert counted(np.array([0, 1000]), np.array([nan, nan]), Register()).total is None


# -- on a raster --------------------------------------------------------------------------------------------------------

T0 = ms(2026, 7, 14)


def test_a_gap_adds_to_the_total_and_leaves_its_cells_empty() -> None:
    values = [float(n * 100) for n in range(61)]
    for minute in range(20, 40):
        values[minute] = nan
    found = used(slots(T0, values, rise=98.0), BY_POWER, T0 + np.arange(5, dtype=np.int64) * 900_000)
    assert found.total == pytest.approx(6000.0, rel=0.01)
    assert np.isfinite(found.cells).tolist() == [True, False, False, True]
    assert found.in_gaps == pytest.approx(2000.0, rel=0.06)
    assert found.known == pytest.approx(40 / 60, abs=0.02)


def test_a_doubtful_slot_and_one_that_holds_two_counters_are_no_readings() -> None:
    given_ = slots(T0, [0.0, 100.0, 200.0, 300.0, 400.0], rise=98.0)
    given_.quality[1] = Quality.UNCERTAIN
    given_.high[3] = 60_000.0
    found = used(given_, BY_POWER, np.array([T0, T0 + 5 * MINUTE_MS]))
    assert found.total == pytest.approx(498.0, abs=2.0)


@pytest.mark.fault("I-17")
def test_what_was_never_measured_is_not_known_rather_than_zero() -> None:
    nothing = slots(T0, [nan] * 10)
    edges = np.array([T0, T0 + 10 * MINUTE_MS])
    for use in (used(nothing, Register(), edges), integrated(nothing, edges)):
        assert use.total is None
        assert not np.isfinite(use.cells).any()
        assert use.known == 0.0


def test_energy_from_power_is_its_mean_times_its_time() -> None:
    found = integrated(slots(T0, [60_000.0] * 30), np.array([T0, T0 + 30 * MINUTE_MS]))
    assert found.total == pytest.approx(30_000.0)


@settings(max_examples=30)
@given(st.lists(st.one_of(st.integers(0, 500).map(float), st.just(nan)), min_size=8, max_size=200))
def test_cells_and_gaps_never_hold_more_than_the_total(increments: list[float]) -> None:
    counts = np.cumsum(np.nan_to_num(np.array(increments)))
    values = np.where(np.isfinite(increments), counts, nan).tolist()
    found = used(slots(T0, values), Register(), T0 + np.arange(0, len(values) // 4, dtype=np.int64) * 240_000)
    in_cells = float(found.cells[np.isfinite(found.cells)].sum())
    assert in_cells + found.in_gaps <= (found.total or 0.0) + 1e-6


# -- what it cost -------------------------------------------------------------------------------------------------------

TARIFF = Tariff(
    "the bill of June",
    0.7,
    0.3,
    (Price("peak", 1.2, (When(spans=((480, 660),)),)), Price("valley", 0.3, (When(spans=((1320, 1800),)),))),
)


@pytest.mark.parametrize(
    ("when", "band", "price"),
    [
        ((2026, 7, 14, 8, 0), "peak", 1.2),
        ((2026, 7, 14, 10, 59), "peak", 1.2),
        ((2026, 7, 14, 11, 0), "", 0.7),
        ((2026, 7, 14, 23, 30), "valley", 0.3),
        ((2026, 7, 15, 5, 59), "valley", 0.3),  # of the night that began the day before
        ((2026, 7, 15, 6, 0), "", 0.7),
    ],
)
def test_the_band_that_is_open_gives_the_price(when: tuple[int, ...], band: str, price: float) -> None:
    assert band_at(TARIFF, datetime(*when, tzinfo=ZoneInfo(SHANGHAI))) == (band, price)  # type: ignore[misc,arg-type]


def day_use(cells: list[float], total: float | None) -> Use:
    edges = T0 + np.arange(len(cells) + 1, dtype=np.int64) * 3_600_000
    return Use(edges, np.array(cells), (), total, 1.0, ())


def test_each_hour_is_priced_by_its_own_band() -> None:
    cost = cost_of(day_use([1000.0] * 24, 24_000.0), TARIFF, SHANGHAI, inside=1000.0)
    assert cost.total == pytest.approx(3 * 1.2 + 8 * 0.3 + 13 * 0.7)
    assert {band.name: band.used for band in cost.bands} == {"peak": 3.0, "valley": 8.0, "": 13.0}
    assert (cost.estimated, cost.unpriced) == (0.0, 0.0)


def test_what_was_counted_in_a_gap_is_priced_at_the_mean_of_its_time_and_told_apart() -> None:
    cells = [1000.0] * 24
    cells[8] = cells[11] = nan  # a peak hour and one outside
    cost = cost_of(day_use(cells, 24_000.0), TARIFF, SHANGHAI, inside=1000.0)
    assert cost.estimated == pytest.approx(2 * (1.2 + 0.7) / 2)
    assert cost.total == pytest.approx(3 * 1.2 + 8 * 0.3 + 13 * 0.7)


def test_time_without_a_price_is_not_free() -> None:
    only_peak = Tariff("x", None, None, TARIFF.bands[:1])
    cost = cost_of(day_use([1000.0] * 24, 24_000.0), only_peak, SHANGHAI, inside=1000.0)
    assert cost.total == pytest.approx(3.6)
    assert cost.unpriced == pytest.approx(21.0)


def test_what_is_fed_back_earns_its_own_price() -> None:
    cost = cost_of(day_use([0.0] * 24, 0.0), TARIFF, SHANGHAI, inside=1000.0, export=day_use([500.0] * 24, 12_000.0))
    assert cost.earned == pytest.approx(12 * 0.3)


def test_carbon_is_the_factor_times_what_is_known() -> None:
    factor = CarbonFactor(0.5737, "Shanghai 2023")
    assert kg_of(day_use([1000.0] * 24, 24_000.0), factor, inside=1000.0) == pytest.approx(24 * 0.5737)
    assert kg_of(day_use([nan] * 24, None), factor, inside=1000.0) is None


# -- a whole report -----------------------------------------------------------------------------------------------------

SUPPLY = Metered("supply", Carrier.ELECTRICITY, "pcc")
FLOOR = Metered("floor", Carrier.ELECTRICITY, "sub", part_of="supply")
WATER = Metered("water", Carrier.WATER, "w")
ENERGY = Energy(
    "CNY",
    {one.id: one for one in (SUPPLY, FLOOR, WATER)},
    {Carrier.ELECTRICITY: TARIFF, Carrier.WATER: Tariff("the water works", 5.0)},
    {Carrier.ELECTRICITY: CarbonFactor(0.5737, "Shanghai 2023")},
)
ONE_DAY = 96


def rising(per_quarter: float, quarters: int = ONE_DAY) -> Slots:
    return slots(T0, [n * per_quarter for n in range(quarters)], step_ms=900_000, rise=per_quarter * 899 / 900)


def counter(metered: Metered, **more: str) -> Counter:
    return Counter(metered, PointId(f"{metered.device}/e"), Register(), **{k: PointId(v) for k, v in more.items()})  # type: ignore[arg-type]


def test_a_report_adds_up_meters_that_are_part_of_no_other() -> None:
    found = report_of(
        ENERGY,
        [counter(SUPPLY), counter(FLOOR), counter(WATER)],
        {"battery": PointId("gateway/b")},
        {
            PointId("pcc/e"): rising(25_000.0),
            PointId("sub/e"): rising(5_000.0),
            PointId("w/e"): rising(0.1),
            PointId("gateway/b"): slots(T0, [-1000.0] * ONE_DAY, step_ms=900_000),
        },
        from_ms=T0,
        to_ms=T0 + 86_400_000,
        timezone=SHANGHAI,
    )
    supply, water = found.carriers
    assert supply.total == pytest.approx(2400.0, rel=0.001)
    assert supply.carbon_kg == pytest.approx(2400.0 * 0.5737, rel=0.001)
    assert water.cost is not None
    assert water.cost.total == pytest.approx(9.6 * 5.0, rel=0.001)
    assert water.carbon_kg is None
    assert found.meters[0].peak_w == pytest.approx(100_000.0, rel=0.01)
    assert len(found.meters[0].cells) == 24
    assert found.assets[0].total == pytest.approx(-24.0)
    assert [one.kind for one in found.findings] == ["leak"]


def test_a_main_meter_that_is_not_known_leaves_the_carrier_unknown() -> None:
    second = Metered("second", Carrier.ELECTRICITY, "two")
    found = report_of(
        ENERGY, [counter(SUPPLY), counter(second)], {}, {PointId("pcc/e"): rising(25_000.0)},
        from_ms=T0, to_ms=T0 + 86_400_000, timezone=SHANGHAI,
    )  # fmt: skip
    (electricity,) = found.carriers
    assert (electricity.total, electricity.cost, electricity.carbon_kg) == (None, None, None)
    assert found.meters[0].total is not None


def test_a_meter_without_a_counter_is_integrated_from_its_power_and_says_so() -> None:
    one = Counter(SUPPLY, None, Register(), power=PointId("pcc/p"))
    power = slots(T0, [100_000.0] * ONE_DAY, step_ms=900_000)
    found = report_of(
        ENERGY, [one], {}, {PointId("pcc/p"): power}, from_ms=T0, to_ms=T0 + 86_400_000, timezone=SHANGHAI
    )
    assert found.meters[0].source == "power"
    assert found.meters[0].total == pytest.approx(2400.0)


@pytest.mark.parametrize(
    ("zone", "day", "hours"), [("Europe/Berlin", (2026, 3, 29), 23), ("Europe/Berlin", (2026, 10, 25), 25)]
)
def test_a_day_of_a_clock_change_has_its_own_number_of_hours(zone: str, day: tuple[int, int, int], hours: int) -> None:
    begin = datetime(*day, tzinfo=ZoneInfo(zone))
    from_ms = round(begin.timestamp() * 1000.0)
    assert len(shown_edges(from_ms, from_ms + hours * 3_600_000, zone)) == hours + 1


def test_a_shown_cell_holds_what_is_known_of_it_and_says_how_much() -> None:
    edges = priced_edges(T0, T0 + 7_200_000)
    cells = np.array([10.0, 10.0, nan, nan, *[nan] * 4])
    first, second = cells_of(Use(edges, cells, (), 20.0, 0.25, ()), shown_edges(T0, T0 + 7_200_000, SHANGHAI), inside=1)
    assert (first.amount, first.known) == (20.0, 0.5)
    assert (second.amount, second.known) == (None, 0.0)


def test_a_night_that_draws_a_fifth_more_than_nights_do_stands_out() -> None:
    day = [300.0] * 5 * 4 + [1000.0] * 19 * 4
    last = [500.0] * 5 * 4 + [1000.0] * 19 * 4
    edges = priced_edges(T0, T0 + 8 * 86_400_000)
    use = Use(edges, np.array(day * 7 + last), (), 1.0, 1.0, ())
    (found,) = findings({"supply": (SUPPLY, use)}, SHANGHAI)
    assert (found.kind, found.value, found.usual) == ("night_base", 0.5, 0.3)
    calm = Use(edges, np.array(day * 8), (), 1.0, 1.0, ())
    assert findings({"supply": (SUPPLY, calm)}, SHANGHAI) == ()


def test_water_that_stops_for_an_hour_is_no_leak() -> None:
    cells = np.full(96, 0.05)
    cells[12:16] = 0.0
    use = Use(priced_edges(T0, T0 + 86_400_000), cells, (), float(cells.sum()), 1.0, ())
    assert findings({"water": (WATER, use)}, SHANGHAI) == ()
    assert Register().most_per_s == inf
