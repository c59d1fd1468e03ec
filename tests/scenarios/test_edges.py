"""An edge that crashes again and again: the supervisor's budget, times compressed by one factor."""

import asyncio
from contextlib import suppress

import pytest

from gateway.clock import SystemClock
from gateway.edges import BUDGET, keep_running
from gateway.model.command import Alarm
from tests.scenarios.house import boot_s

FACTOR = 100.0
MINUTE_S = 60.0 / FACTOR


async def keep(work, *, minutes: float) -> list[Alarm]:
    alarms: list[Alarm] = []
    task = asyncio.create_task(keep_running("it", work, SystemClock(), on_alarm=alarms.append, compress=FACTOR))
    await asyncio.sleep(minutes * MINUTE_S)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    return alarms


@pytest.mark.fault("F-076", "U7")
async def test_an_edge_that_always_crashes_is_restarted_five_times_then_once_a_minute():
    starts: list[float] = []

    async def work() -> None:
        starts.append(boot_s())
        raise RuntimeError("again")

    alarms = await keep(work, minutes=4.5)
    first = [at_s for at_s in starts if at_s - starts[0] < MINUTE_S]
    later = [at_s for at_s in starts if at_s - starts[0] >= MINUTE_S]
    assert len(first) <= 1 + BUDGET
    assert 2 <= len(later) <= 4
    assert [(alarm.key, alarm.raised) for alarm in alarms] == [("edge_crashed:it", True)]


@pytest.mark.fault("F-076", "U7")
async def test_an_edge_that_lives_for_a_minute_is_healthy_again():
    starts = 0

    async def work() -> None:
        nonlocal starts
        starts += 1
        if starts in (1, 2, 4):
            raise RuntimeError("again")
        await asyncio.sleep(1.3 * MINUTE_S if starts == 3 else 3600)
        raise RuntimeError("late")

    alarms = await keep(work, minutes=4.0)
    assert [alarm.raised for alarm in alarms] == [True, False, True, False]


@pytest.mark.fault("U6")
async def test_a_cancelled_edge_leaves_no_alarm_behind():
    crashed = False

    async def work() -> None:
        nonlocal crashed
        if not crashed:
            crashed = True
            raise RuntimeError("once")
        await asyncio.sleep(3600)

    alarms = await keep(work, minutes=0.5)
    await asyncio.sleep(MINUTE_S)
    assert [alarm.raised for alarm in alarms] == [True]
