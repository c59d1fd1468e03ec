"""Who waits for the answers of a group of polls is told when the last one is in; who does not answer holds nobody up."""

import asyncio
import random
from contextlib import asynccontextmanager

import pytest

from gateway.clock import SystemClock
from gateway.errors import BusTimeout
from gateway.field.open import open_bus
from gateway.field.poller import Poller
from gateway.field.wheel import SLICE, Wheel
from gateway.field.writer import Writer
from gateway.model.image import Image
from gateway.model.point import point_id
from tests.field import things
from tests.field.fakes import FakeBus
from tests.field.peers import Asked, Reply, tcp_peer
from tests.field.rig import until
from tests.field.virtual import LoopClock, VirtualLoop, run

PERIOD_S = 0.2


class Asker:
    """Called by a wheel; answered when the test says so."""

    def __init__(self, wheel: Wheel) -> None:
        self._wheel = wheel

    def called(self, _now_s: float) -> None:
        self._group = self._wheel.join()

    def answered(self) -> None:
        self._wheel.leave(self._group)


@pytest.mark.parametrize("count", [1, 3, 2 * SLICE + 1])
def test_a_group_is_answered_when_its_last_answer_is_in_and_that_is_told_once(count):
    loop = VirtualLoop()

    async def through() -> None:
        told: list[float] = []
        wheel, due_s = Wheel(LoopClock(loop), on_answered=told.append), loop.time() + PERIOD_S
        askers = [Asker(wheel) for _ in range(count)]
        for asker in askers:
            wheel.book(due_s, asker.called)
            wheel.book(due_s, lambda _now_s: None)  # one that asks nothing is not waited for
        await asyncio.sleep(1.5 * PERIOD_S)
        for asker in askers:
            assert told == []
            asker.answered()
        assert told == [due_s]

    run(loop, through())


def test_quick_answers_do_not_make_up_for_those_who_were_not_called_yet():
    loop = VirtualLoop()

    async def through() -> None:
        told: list[float] = []
        wheel, due_s = Wheel(LoopClock(loop), on_answered=told.append), loop.time() + PERIOD_S
        first, last = Asker(wheel), Asker(wheel)

        def at_once(now_s: float) -> None:
            first.called(now_s)
            first.answered()

        wheel.book(due_s, at_once)
        for _ in range(SLICE):
            wheel.book(due_s, lambda _now_s: None)
        wheel.book(due_s, last.called)
        await asyncio.sleep(1.5 * PERIOD_S)
        assert told == []
        last.answered()
        assert told == [due_s]

    run(loop, through())


@asynccontextmanager
async def lines(clock, wheel, *buses_and_members):
    members = [member for _, its in buses_and_members for member in its]
    image, tasks = Image(things.specs(*members)), []
    for number, (bus, its) in enumerate(buses_and_members):
        poller = Poller(
            bus, its, line=f"line{number}", writer=Writer(members, tell=print), image=image, clock=clock, on_alarm=print,
            rng=random.Random(number), wheel=wheel,
        )  # fmt: skip
        tasks.append(asyncio.create_task(poller.run(), name=f"line{number}"))
    try:
        yield image
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def test_the_slowest_line_of_a_group_decides_and_one_that_is_silent_only_about_its_own_group():
    """Three lines that are read by tasks; the third one's device is silent from some instant on, and later back."""
    loop = VirtualLoop()

    async def through() -> None:
        clock, told = LoopClock(loop), {}
        wheel = Wheel(clock, on_answered=lambda instant_s: told.setdefault(round(instant_s, 6), loop.time()))
        units = [things.thing(name, poll_s=poll_s) for name, poll_s in (("a", 0.2), ("b", 0.2), ("c", 1.0))]
        buses = [FakeBus([unit], clock=clock, answer_s=s) for unit, s in zip(units, (0.005, 0.012, 0.001), strict=True)]
        async with lines(clock, wheel, *((bus, [unit]) for bus, unit in zip(buses, units, strict=True))):
            await asyncio.sleep(8.1)
            late_s = {round(at_s - instant_s, 6) for instant_s, at_s in told.items()}
            assert late_s == {0.012, 0.024}, "24 ms where the slower line has two reads due"
            told.clear()
            buses[2].fail, buses[2]._answer_s = {"c": BusTimeout}, 0.9
            await asyncio.sleep(1.95)
            prompt = [instant_s for instant_s, at_s in told.items() if at_s - instant_s < 0.03]
            assert len(prompt) == 8, "of ten groups all but the two that ask the silent device"

    run(loop, through())


async def test_when_a_group_is_told_the_values_of_all_its_lines_are_in_the_image():
    """Two lines on real sockets, whose polls need no task; one device answers later than the other."""

    def slowly(asked: Asked) -> Reply:
        return [(0.02, asked.reply())]

    clock, seen = SystemClock(), []
    members = [things.thing(name, poll_s=PERIOD_S) for name in ("quick", "slow")]
    async with tcp_peer() as one, tcp_peer(slowly) as other:

        def told(_instant_s: float) -> None:
            now_s = clock.boot_s()
            snapshot = image.snapshot(now_s)
            seen.append([snapshot.reading(point_id(member.id, "power")).measured_s for member in members])

        wheel = Wheel(clock, on_answered=told)
        tcp = [things.tcp(peer.address, timeout_s=2.0) for peer in (one, other)]
        buses = [open_bus(line, [member], clock=clock) for line, member in zip(tcp, members, strict=True)]
        async with lines(clock, wheel, *((bus, [unit]) for bus, unit in zip(buses, members, strict=True))) as image:
            await until(lambda: len(seen) >= 8, within_s=20.0)
    together = [abs(quick_s - slow_s) < PERIOD_S / 2 for quick_s, slow_s in seen[2:]]
    assert sum(together) >= len(together) - 1, (
        "asked together, and both are there (a start of the machine's own left out)"
    )
