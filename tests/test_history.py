"""The quarters of the site's power that a baseline is made of."""

import pytest

from gateway.history import HOLD_MS, History
from gateway.insight.baseline import SLOT_MS


def metered(until_ms, watts=lambda _ms: 600_000.0, *, every_ms=1000):
    history = History()
    for ms in range(0, until_ms, every_ms):
        history.add(ms, watts(ms))
    return history


def test_a_quarter_is_the_time_weighted_mean_of_what_the_meter_said():
    history = metered(SLOT_MS + 1000, lambda ms: 100.0 if ms < SLOT_MS // 3 else 400.0)
    assert history.slots == {0: pytest.approx(300.0)}


def test_a_quarter_that_has_just_ended_is_known_before_the_meter_speaks_again():
    history = metered(SLOT_MS)
    assert history.slots == {}
    assert history.by(SLOT_MS - 1) == {}
    assert history.by(SLOT_MS) == {0: pytest.approx(600_000.0)}
    history.add(SLOT_MS, 5.0)
    assert history.slots == {0: pytest.approx(600_000.0)}


def test_a_value_stands_for_ten_seconds_and_a_quarter_needs_most_of_its_time():
    history = metered(SLOT_MS // 2)
    assert history.by(SLOT_MS) == {}
    history = metered(SLOT_MS, every_ms=2 * HOLD_MS)
    assert history.by(SLOT_MS) == {}
