"""Which read is due: grouped starts, skipped turns, reads out of turn."""

from math import inf

from hypothesis import given
from hypothesis import strategies as st

from gateway.field.schedule import GROUPS_PER_S, Schedule


def test_polls_of_many_lines_start_in_five_groups_a_second():
    lines = [Schedule() for _ in range(50)]
    starts = set()
    for number, line in enumerate(lines):
        line.add(1.0, place=number, now_s=100.03)
        line.take(100.03)
        starts.add(round(line.next_due_s() % 1.0, 6))
    assert len(starts) == GROUPS_PER_S


def test_the_first_turn_is_at_once_and_the_raster_does_not_shift():
    schedule = Schedule()
    schedule.add(1.0, place=2, now_s=7.77)
    assert schedule.take(7.77) == 0
    assert schedule.take(7.78) is None
    assert schedule.next_due_s() == 8.4
    assert schedule.take(8.45) == 0
    assert schedule.next_due_s() == 9.4
    assert schedule.missed == 0


def test_late_turns_are_skipped_and_counted_not_queued():
    schedule = Schedule()
    schedule.add(1.0, place=0, now_s=0.0)
    schedule.take(0.0)
    assert schedule.take(4.5) == 0
    assert schedule.missed == 3
    assert schedule.take(4.6) is None
    assert schedule.next_due_s() == 5.0


def test_once_is_once_until_asked_for_again():
    schedule = Schedule()
    job = schedule.add(inf, place=0, now_s=0.0)
    assert schedule.take(0.0) == job
    assert schedule.next_due_s() == inf
    schedule.hurry([job], 5.0)
    assert schedule.take(5.0) == job


def test_a_read_out_of_turn_does_not_move_the_next_turn():
    schedule = Schedule()
    job = schedule.add(1.0, place=0, now_s=0.0)
    schedule.take(0.0)
    schedule.hurry([job], 0.3)
    assert schedule.take(0.3) == job
    assert schedule.next_due_s() == 1.0
    schedule.delay(job, 61.0)
    assert schedule.next_due_s() == 61.0
    assert schedule.missed == 0


@given(
    st.lists(st.tuples(st.sampled_from([0.2, 0.5, 1.0, 5.0]), st.integers(0, 9)), min_size=1, max_size=6),
    st.lists(st.floats(0.001, 3.0), max_size=60),
)
def test_every_turn_is_taken_or_counted_as_missed(jobs, waits):
    schedule = Schedule()
    for period_s, place in jobs:
        schedule.add(period_s, place=place, now_s=0.0)
    now_s, taken = 0.0, 0
    for wait_s in waits:
        now_s += wait_s
        while schedule.take(now_s) is not None:
            taken += 1
        assert schedule.next_due_s() > now_s
    if waits:
        possible = sum(now_s / period_s + 2 for period_s, _ in jobs)
        least = sum(now_s / period_s - 2 for period_s, _ in jobs)
        assert least <= taken + schedule.missed <= possible
