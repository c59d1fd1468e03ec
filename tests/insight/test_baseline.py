"""The contractual baseline: like days, outliers replaced, the same day's shift frozen before the notice, clocks that change."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.insight.baseline import SLOT_MS, BaselineRules, Calendar, Window, contractual_baseline, history_of

SHANGHAI, BERLIN = ZoneInfo("Asia/Shanghai"), ZoneInfo("Europe/Berlin")
EVENT_DAY = date(2026, 7, 16)  # a Thursday


def ms(day: date, hour: float, zone: ZoneInfo = SHANGHAI) -> int:
    midnight = datetime(day.year, day.month, day.day, tzinfo=zone)
    return round((midnight.replace(tzinfo=None) + timedelta(hours=hour)).replace(tzinfo=zone).timestamp() * 1000)


def window(day: date = EVENT_DAY, begin: float = 14, end: float = 16, notice: float = 13.5, zone: ZoneInfo = SHANGHAI):
    return Window(ms(day, notice, zone), ms(day, begin, zone), ms(day, end, zone))


def history(load, days: int = 50, until: date = EVENT_DAY, zone: ZoneInfo = SHANGHAI):
    """`load(local day, local hour) -> W` over the days up to and with `until`."""
    times = range(ms(until - timedelta(days=days), 0, zone), ms(until + timedelta(days=1), 0, zone), SLOT_MS)
    wall = [datetime.fromtimestamp(t / 1000, UTC).astimezone(zone) for t in times]
    return list(times), np.array([float(load(w.date(), w.hour + w.minute / 60)) for w in wall])


def baseline(load, *, calendar=None, of=None, rules=None, days=50):
    times, watts = history(load, days=days)
    calendar = calendar or Calendar(SHANGHAI)
    return contractual_baseline(times, watts, calendar=calendar, window=of or window(), rules=rules)


def test_a_site_that_does_the_same_every_day_gets_that_as_its_baseline():
    found = baseline(lambda _, hour: 500 + 10 * hour)
    assert found is not None
    assert found.watts.tolist() == pytest.approx([500 + 10 * (14 + k / 4) for k in range(8)])
    assert found.times_ms[0] == ms(EVENT_DAY, 14)
    assert found.adjustment_w == pytest.approx(0.0)


def test_the_days_are_the_last_like_ones_without_an_event():
    calendar = Calendar(SHANGHAI, holidays=frozenset({date(2026, 7, 14)}), event_days=frozenset({date(2026, 7, 13)}))
    found = baseline(lambda *_: 500, calendar=calendar)
    assert found is not None
    assert found.days == tuple(date(2026, 7, day) for day in (15, 10, 9, 8, 7))


def test_a_weekend_takes_three_weekend_days_and_holidays_are_among_them():
    saturday = date(2026, 7, 18)
    times, watts = history(lambda day, _: 300 if day.weekday() >= 5 else 500, until=saturday)
    calendar = Calendar(SHANGHAI, holidays=frozenset({date(2026, 7, 15)}))
    watts[[datetime.fromtimestamp(t / 1000, SHANGHAI).date() == date(2026, 7, 15) for t in times]] = 300
    found = contractual_baseline(times, watts, calendar=calendar, window=window(saturday))
    assert found is not None
    assert found.days == (date(2026, 7, 15), date(2026, 7, 12), date(2026, 7, 11))
    assert found.watts.tolist() == pytest.approx([300] * 8)


@pytest.mark.parametrize("odd_w", [100, 900])
def test_a_day_far_from_the_others_is_replaced_by_an_older_one(odd_w):
    found = baseline(lambda day, _: odd_w if day == date(2026, 7, 14) else 500)
    assert found is not None
    assert date(2026, 7, 14) not in found.days
    assert len(found.days) == 5
    assert found.watts.tolist() == pytest.approx([500] * 8)


def test_the_same_day_moves_the_curve():
    found = baseline(lambda day, _: 540 if day == EVENT_DAY else 500)
    assert found is not None
    assert found.adjustment_w == pytest.approx(40)
    assert found.watts.tolist() == pytest.approx([540] * 8)


@pytest.mark.parametrize(("today_w", "expected_w"), [(800, 600), (200, 400)])
def test_the_same_day_moves_the_curve_by_a_fifth_at_most(today_w, expected_w):
    found = baseline(lambda day, _: today_w if day == EVENT_DAY else 500)
    assert found is not None
    assert found.watts.tolist() == pytest.approx([expected_w] * 8)


def test_what_the_site_does_after_the_notice_changes_nothing():
    def load(day, hour):
        return 900 if day == EVENT_DAY and hour >= 11 else 500

    early = window(notice=11)
    found = baseline(load, of=early)
    assert found is not None
    assert found.watts.tolist() == pytest.approx([500] * 8)


def test_what_the_site_does_in_the_last_hour_before_changes_nothing():
    found = baseline(lambda day, hour: 900 if day == EVENT_DAY and hour >= 13 else 500)
    assert found is not None
    assert found.watts.tolist() == pytest.approx([500] * 8)


def test_short_gaps_are_interpolated_and_a_day_with_a_long_one_is_left_out():
    def load(day, hour):
        if day == date(2026, 7, 15) and 14 <= hour < 15:
            return np.nan
        if day == date(2026, 7, 14) and 12 <= hour < 15:
            return np.nan
        return 500

    found = baseline(load)
    assert found is not None
    assert date(2026, 7, 15) in found.days
    assert date(2026, 7, 14) not in found.days
    assert found.watts.tolist() == pytest.approx([500] * 8)


def test_a_morning_without_measurements_moves_nothing():
    found = baseline(lambda day, _: np.nan if day == EVENT_DAY else 500)
    assert found is not None
    assert (found.adjustment_w, found.watts[0]) == (0.0, pytest.approx(500))


@pytest.mark.parametrize("days", [0, 1])
def test_without_enough_like_days_there_is_no_baseline(days):
    assert baseline(lambda *_: 500, days=days) is None


def test_without_any_history_there_is_no_baseline():
    assert contractual_baseline([], np.empty(0), calendar=Calendar(SHANGHAI), window=window()) is None


def test_days_that_all_differ_too_much_leave_no_baseline():
    found = baseline(lambda day, _: 100.0 * 3 ** (day.day % 9), days=8)
    assert found is None


@pytest.mark.fault("F-070")
@pytest.mark.parametrize("day", [date(2026, 3, 31), date(2026, 10, 28)], ids=["spring", "autumn"])
def test_days_before_a_clock_change_are_compared_by_the_clock_on_the_wall(day):
    times, watts = history(lambda _, hour: 100 * hour, until=day, zone=BERLIN)
    found = contractual_baseline(times, watts, calendar=Calendar(BERLIN), window=window(day, zone=BERLIN))
    assert found is not None
    assert found.watts.tolist() == pytest.approx([100 * (14 + k / 4) for k in range(8)])


@pytest.mark.fault("F-070")
def test_a_day_whose_clock_skips_the_event_s_hour_lends_only_what_it_has():
    calendar = Calendar(BERLIN)
    monday = ms(date(2026, 3, 30), 2.5, BERLIN)
    assert calendar.same_slot(monday, -1) is None  # 02:30 does not exist on 29 March
    assert calendar.same_slot(monday, -2) == ms(date(2026, 3, 28), 2.5, BERLIN)


def test_an_event_over_midnight_follows_the_clock_into_the_next_day():
    late = window(begin=23, end=25, notice=20)
    found = baseline(lambda _, hour: 100 * hour, of=late, rules=BaselineRules(largest_adjustment=0.0))
    assert found is not None
    assert found.watts.tolist() == pytest.approx([2300, 2325, 2350, 2375, 0, 25, 50, 75])


@given(st.integers(0, 2**31))
@settings(max_examples=20)
def test_the_order_of_the_history_does_not_matter(seed):
    random = np.random.default_rng(seed)
    order = random.permutation(96 * 8)
    start = ms(date(2026, 7, 9), 0)
    times = start + SLOT_MS * np.arange(96 * 8)
    watts = 500 + random.normal(0, 5, times.size)
    calendar, of = Calendar(SHANGHAI), window()
    one = contractual_baseline(times.tolist(), watts, calendar=calendar, window=of)
    other = contractual_baseline(times[order].tolist(), watts[order], calendar=calendar, window=of)
    assert one is not None
    assert other is not None
    assert one.watts.tolist() == other.watts.tolist()


def test_only_slots_that_were_over_count_as_history():
    slots = [0, SLOT_MS, 2 * SLOT_MS]
    assert history_of(slots, np.array([1.0, 2.0, 3.0]), before_ms=2 * SLOT_MS, longest_gap=4).watts.tolist() == [
        1.0,
        2.0,
    ]
