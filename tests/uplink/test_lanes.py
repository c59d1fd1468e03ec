"""The pure parts of a link: which batch goes next, which letter, how many at once, when to dial again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.uplink.backoff import Backoff
from gateway.uplink.batch import Batch, Span, Stamp
from gateway.uplink.lanes import LIVE_BATCHES, Lanes, Ranges
from gateway.uplink.postbox import Postbox
from gateway.uplink.window import MOST, Window
from gateway.wire.messages import Letter
from gateway.wire.telemetry import Receipt

STAMP = Stamp("boot", 0.0, 0)


def span(n: int, epoch: int = 1) -> Span:
    return Span(epoch, 10 * n + 1, 10 * n + 10)


def batch(n: int) -> Batch:
    return Batch(span(n), STAMP, ())


def test_the_newest_goes_by_the_live_lane_while_the_backlog_goes_oldest_first():
    lanes = Lanes()
    lanes.begin()
    pending = [span(n) for n in range(5)]
    lanes.committed([batch(5)])
    live = lanes.next_live()
    assert live is not None
    assert live.span == span(5)
    lanes.sending(live.span)
    sent = []
    while (
        one := lanes.next_backlog(s for s in [*pending, span(5)] if lanes.after is None or s > lanes.after)
    ) is not None:
        lanes.sending(one)
        sent.append(one)
    assert sent == pending


def test_a_live_batch_that_found_no_room_goes_by_the_backlog():
    lanes = Lanes()
    lanes.begin()
    assert lanes.next_backlog([]) is None
    assert not lanes.committed([batch(0)])
    assert lanes.committed(batch(n) for n in range(1, LIVE_BATCHES + 2)), "the backlog lane has work now"
    assert lanes.next_backlog(span(n) for n in range(LIVE_BATCHES + 2)) == span(0)


def test_a_live_batch_missed_behind_the_backlogs_place_is_looked_for_again():
    lanes = Lanes()
    lanes.begin()
    lanes.committed(batch(n) for n in range(LIVE_BATCHES))
    assert lanes.next_backlog(span(n) for n in range(LIVE_BATCHES)) is None
    assert lanes.after == span(LIVE_BATCHES - 1)
    lanes.committed([batch(LIVE_BATCHES)])
    assert lanes.next_backlog(span(n) for n in range(LIVE_BATCHES + 1)) == span(0)


def test_the_backlog_waits_for_receipts_before_it_runs_further_ahead():
    lanes = Lanes(ahead=3)
    lanes.begin()
    for n in range(3):
        assert lanes.backlog_open
        assert lanes.next_backlog([span(n)]) == span(n)
    assert not lanes.backlog_open
    assert lanes.receipt(Receipt("b", 1, 10), 5.0)
    assert lanes.backlog_open


def test_what_was_sent_goes_again_when_its_receipt_is_overdue_and_not_before():
    lanes = Lanes(receipt_s=30.0)
    lanes.begin()
    lanes.sending(span(0))
    assert lanes.next_backlog([span(0)]) is None
    lanes.arrived(100.0)
    assert not lanes.resend(129.0, unconfirmed=True)
    assert not lanes.resend(131.0, unconfirmed=False)
    assert lanes.resend(131.0, unconfirmed=True)
    assert lanes.next_backlog([span(0)]) == span(0)


def test_progress_of_the_receipts_puts_the_resending_off():
    lanes = Lanes(receipt_s=30.0)
    lanes.begin()
    lanes.arrived(100.0)
    assert lanes.receipt(Receipt("b", 1, 10), 120.0)
    assert not lanes.receipt(Receipt("b", 1, 9), 121.0)
    assert not lanes.resend(149.0, unconfirmed=True)


def test_a_new_session_sends_everything_again_that_no_receipt_covers():
    lanes = Lanes()
    lanes.begin()
    for n in range(3):
        lanes.sending(span(n))
    lanes.receipt(Receipt("b", 1, 10), 0.0)
    lanes.begin()
    assert lanes.next_backlog(span(n) for n in range(3)) == span(1)


@given(st.lists(st.tuples(st.integers(1, 40), st.integers(0, 6))))
def test_ranges_know_exactly_what_was_put_in(pairs):
    ranges, numbers = Ranges(), set()
    for first, length in pairs:
        ranges.add(1, first, first + length)
        numbers |= set(range(first, first + length + 1))
    for first in range(1, 48):
        for last in range(first, min(first + 4, 48)):
            assert ranges.covers(Span(1, first, last)) == (set(range(first, last + 1)) <= numbers)
    assert ranges.runs() == sum(n - 1 not in numbers for n in numbers)


@pytest.mark.fault("F-050")
def test_the_wait_doubles_to_its_cap_and_is_anything_from_nothing_to_that():
    low, high = Backoff(lambda: 0.0), Backoff(lambda: 1.0)
    assert [low.failed() for _ in range(6)] == [0.0] * 6
    assert [high.failed() for _ in range(6)] == [6.0, 12.0, 24.0, 48.0, 60.0, 60.0]


@pytest.mark.fault("F-050")
def test_a_session_that_is_kicked_at_once_does_not_start_the_wait_afresh():
    backoff = Backoff(lambda: 1.0)
    waits = [backoff.ended(lasted_s=1.0, taken_over=False) for _ in range(4)]
    assert waits == [6.0, 12.0, 24.0, 48.0]
    assert backoff.ended(lasted_s=61.0, taken_over=False) == 6.0


@pytest.mark.fault("F-050")
def test_fifty_gateways_kicked_together_come_back_spread_out():
    draw = iter([(n * 29 % 50) / 50 for n in range(50)])
    times = sorted(Backoff(lambda: next(draw)).ended(lasted_s=1e6, taken_over=False) for _ in range(50))
    busiest = max(sum(start <= at < start + 1.0 for at in times) for start in times)
    assert busiest <= 10


@pytest.mark.fault("F-051")
def test_after_five_takeovers_only_long_waits_are_left_and_the_rival_is_known():
    backoff = Backoff(lambda: 0.0)
    for n in range(1, 8):
        wait_s = backoff.ended(lasted_s=3.0, taken_over=True)
        assert backoff.contended is (n >= 5)
        assert wait_s >= (30.0 if n >= 5 else 0.0)


def letters(*names: str) -> list[Letter]:
    return [Letter(name, str(n).encode(), retain=False) for n, name in enumerate(names)]


def test_status_and_plan_go_before_letters_and_only_their_newest_counts():
    box = Postbox()
    ack, old, alarm, new, plan = letters("ack", "status", "alarm", "status", "plan")
    for one in (ack, old, alarm, new, plan):
        box.put(one)
    assert [box.take() for _ in range(5)] == [new, plan, ack, alarm, None]


def test_what_was_on_its_way_when_the_session_ended_goes_again_in_order():
    box = Postbox()
    first, status, second, third = letters("ack", "status", "ack", "ack")
    for one in (first, status, second, third):
        box.put(one)
    assert box.take() == status
    assert box.take() == first
    assert box.take() == second
    box.delivered(first)
    box.begin()
    assert [box.take() for _ in range(4)] == [status, second, third, None]


@pytest.mark.fault("I-31")
@given(st.lists(st.sampled_from(["put", "take", "deliver", "begin"]), max_size=80))
def test_the_postbox_keeps_its_bound_and_counts_what_it_drops(deeds):
    box, put, delivered = Postbox(max_letters=5), 0, 0
    out: list[Letter] = []
    for deed in deeds:
        if deed == "put":
            put += 1
            box.put(Letter("ack", str(put).encode(), retain=False))
        elif deed == "take" and len(out) < 4 and (one := box.take()) is not None:
            out.append(one)
        elif deed == "deliver" and out:
            box.delivered(out.pop(0))
            delivered += 1
        elif deed == "begin":
            box.begin()
            out.clear()
        assert len(box) <= 5 + 4
        assert put == delivered + box.dropped + len(box)


@pytest.mark.fault("F-054")
def test_the_window_halves_on_a_slow_line_and_grows_on_a_fast_one():
    window = Window()
    for _ in range(10):
        window.sent()
        window.answered(0.05)
    assert window.allowed == MOST
    for expected in (4, 2, 1, 1):
        window.sent()
        window.answered(3.0)
        assert window.allowed == expected
    assert window.open
    window.sent()
    assert not window.open


def test_the_backlog_runs_ahead_of_receipts_by_so_many_samples_at_most_however_large_its_batches():
    lanes = Lanes()
    spans = [Span(1, first, first + 2999) for first in range(1, 60_000, 3000)]
    sent = 0
    while lanes.backlog_open and lanes.next_backlog(spans[sent:]) is not None:
        sent += 1
    assert sent == 4
    lanes.receipt(Receipt("box", 1, 2999), 0.0)
    assert not lanes.backlog_open  # a receipt opens no more than it covers
    lanes.receipt(Receipt("box", 1, 3000), 0.0)
    assert lanes.backlog_open
