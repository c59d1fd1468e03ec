"""When a line or unit counts as offline, and when it is tried again."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.field.breaker import PACING, Breaker, State


def breaker(seed: int = 1, *, cap_s: float = 8.0) -> Breaker:
    return Breaker(random.Random(seed), cap_s=cap_s)


@pytest.mark.parametrize(
    ("fails_at", "opens_at"), [([1, 2, 3], 3), ([1, 6.5], 6.5), ([0.1, 0.2, 0.3], 0.3), ([1, 2], None), ([1], None)]
)
def test_three_failures_or_five_seconds_make_it_offline(fails_at, opens_at):
    made = breaker()
    opened = [now_s for now_s in fails_at if made.failed(now_s, asked_s=now_s - 0.1)]
    assert opened == ([] if opens_at is None else [opens_at])


def test_an_answer_between_failures_starts_the_count_again():
    made = breaker()
    for now_s in (1, 2):
        made.failed(now_s, asked_s=now_s)
    assert made.answered() is False
    assert made.state is State.CLOSED
    assert made.failed(3, asked_s=3) is False
    assert made.failed(4, asked_s=4) is False


def test_only_the_answer_that_ends_being_offline_says_so():
    made = breaker()
    for now_s in (1, 2, 3):
        made.failed(now_s, asked_s=now_s)
    assert made.answered() is True
    assert made.answered() is False


@given(st.integers(0, 1000), st.sampled_from([8.0, 30.0]))
def test_probes_back_off_with_jitter_up_to_the_cap_and_never_faster_than_the_floor(seed, cap_s):
    made = breaker(seed, cap_s=cap_s)
    now_s = 0.0
    for _ in range(3):
        made.failed(now_s, asked_s=now_s)
    for _ in range(12):
        wait_s = made.next_probe_s - now_s
        assert PACING.least_wait_s - 1e-9 <= wait_s <= cap_s
        assert not made.allows(now_s)
        now_s = made.next_probe_s
        assert made.allows(now_s)
        made.failed(now_s, asked_s=now_s)


def test_two_gateways_do_not_probe_in_step():
    waits = set()
    for seed in range(20):
        made = breaker(seed)
        for now_s in (0, 0, 0, 0, 0, 0):
            made.failed(now_s, asked_s=now_s)
        waits.add(round(made.next_probe_s, 3))
    assert len(waits) > 10
