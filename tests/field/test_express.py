"""Polls without a task: the wheel that starts them, the line that takes them in, and what ends that."""

import asyncio
import random
from math import inf

from gateway.clock import SystemClock
from gateway.field.open import open_bus
from gateway.field.poller import Poller
from gateway.field.wheel import SLICE, Wheel
from gateway.field.writer import Writer
from gateway.model.image import Image
from gateway.model.point import point_id
from tests.field import things
from tests.field.peers import Asked, Reply, tcp_peer
from tests.field.rig import polling, until
from tests.field.test_faults_poller import fast, line

SOON_S = 0.02


async def test_those_who_book_one_instant_are_called_together_and_once():
    clock, called = SystemClock(), []
    wheel, due_s = Wheel(clock), clock.boot_s() + SOON_S
    for name in "abc":
        wheel.book(due_s, lambda now_s, name=name: called.append((name, now_s)))
    wheel.book(due_s - 0.01, lambda now_s: called.append(("early", now_s)))
    wheel.book(inf, lambda now_s: called.append(("never", now_s)))
    await until(lambda: len(called) >= 4, within_s=2.0)
    await asyncio.sleep(2 * SOON_S)
    assert [name for name, _ in called] == ["early", "a", "b", "c"]
    assert len({now_s for _, now_s in called[1:]}) == 1
    assert called[1][1] >= due_s - 0.001


async def test_one_that_fails_costs_the_others_of_its_group_nothing_and_is_told():
    told: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: told.append(context["exception"]))
    clock, called = SystemClock(), []
    wheel, due_s = Wheel(clock), clock.boot_s() + SOON_S

    def fail(_now_s: float) -> None:
        raise RuntimeError("as told")

    for call in (called.append, fail, called.append):
        wheel.book(due_s, call)
    await until(lambda: len(called) == 2, within_s=2.0)
    assert [str(one) for one in told] == ["as told"]
    wheel.book(clock.boot_s() + SOON_S, called.append)
    await until(lambda: len(called) == 3, within_s=2.0)


async def test_a_large_group_leaves_the_event_loop_its_turn():
    clock, called = SystemClock(), []
    wheel, due_s = Wheel(clock), clock.boot_s() + SOON_S
    between: list[int] = []

    def first(now_s: float) -> None:
        called.append(now_s)
        asyncio.get_running_loop().call_soon(lambda: between.append(len(called)))

    wheel.book(due_s, first)
    for _ in range(2 * SLICE):
        wheel.book(due_s, called.append)
    await until(lambda: len(called) == 1 + 2 * SLICE, within_s=2.0)
    assert between == [SLICE]


class Counted(Poller):
    """Counts how often its task was needed."""

    turns = 0

    async def _turn(self, now_s: float) -> None:
        self.turns += 1
        await super()._turn(now_s)


async def test_ordinary_polls_wake_no_task_and_their_values_arrive():
    clock, member = SystemClock(), things.wide(count=30, blocks=1)
    member = type(member)(member.device, things.profile(list(member.profile.points.values()), poll_s={"fast": 0.2}))
    image = Image(things.specs(member))
    async with tcp_peer() as peer:
        poller = Counted(
            open_bus(line(peer), [member], clock=clock), [member], line="line", writer=Writer([member], tell=print),
            image=image, clock=clock, on_alarm=print, rng=random.Random(1),
        )  # fmt: skip
        async with asyncio.TaskGroup() as group:
            task = group.create_task(poller.run(), name="line")
            await until(lambda: poller.counters["polls"] >= 1, within_s=3.0)
            before = poller.turns
            await until(lambda: poller.counters["polls"] >= 8, within_s=10.0)
            assert poller.turns == before
            task.cancel()
    snapshot = image.snapshot(clock.boot_s())
    assert [snapshot.usable(point_id(member.id, f"r{at}")) for at in range(30)] == [float(at) for at in range(30)]


async def test_a_write_waits_for_the_answer_under_way_and_then_goes_first():
    def script(asked: Asked) -> Reply:
        return [(0.01, asked.reply())]

    members = [fast(f"unit{unit}", unit_id=unit) for unit in (1, 2, 3)]
    async with tcp_peer(script) as peer, polling((line(peer), members)) as rig:
        await until(lambda: rig.reading("unit3", "temperature").usable is not None, within_s=3.0)
        asked = len(peer.ledger)
        await until(lambda: len(peer.ledger) > asked, within_s=3.0)
        rig.command("unit2", 7.0)
        await until(lambda: peer.units[2].words.get(110) == 7, within_s=3.0)
        after = [one.pdu[0] for one in peer.ledger[asked:]]
        assert 6 in after[:3]  # the read under way, perhaps one that was just being sent, then the write
