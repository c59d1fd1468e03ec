"""Tasks end when they are told to, deaf ones included."""

import asyncio

from gateway.tasks import ended


async def deaf(times: int, log: list[str]) -> None:
    """Swallows so many cancellations, as a library may."""
    while True:
        try:
            await asyncio.sleep(60.0)
        except asyncio.CancelledError:
            log.append("cancelled")
            if len(log) > times:
                raise


async def test_a_task_that_swallows_a_cancellation_is_cancelled_again():
    log: list[str] = []
    task = asyncio.create_task(deaf(2, log))
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await ended(task, again_s=0.01)
    assert task.cancelled()
    assert len(log) == 3


async def test_a_task_that_tidies_up_is_left_in_peace():
    tidied = []

    async def tidy() -> None:
        try:
            await asyncio.sleep(60.0)
        finally:
            await asyncio.sleep(0.05)
            tidied.append(True)

    task = asyncio.create_task(tidy())
    await asyncio.sleep(0)
    await ended(task, again_s=1.0)
    assert tidied == [True]


async def test_ended_tasks_and_their_errors_are_no_concern():
    async def broken() -> None:
        raise ValueError("mine")

    task = asyncio.create_task(broken())
    await asyncio.sleep(0)
    await ended(task)
    assert isinstance(task.exception(), ValueError)
