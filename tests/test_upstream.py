"""When telemetry is taken: as soon as the polls are answered, and not much later when one of them is not; in virtual time."""

import asyncio
from collections import Counter
from pathlib import Path

import pytest

from gateway.keeper import Keeper
from gateway.model.image import Image
from gateway.model.point import PointId, PointSpec, Unit
from gateway.model.reading import Cause, Quality, Reading
from gateway.model.site import Limits, Link, Services, Site
from gateway.uplink.batch import Lot
from gateway.upstream import LOOK_S, LOOK_WAIT_S, Upstream
from tests.field.virtual import LoopClock, VirtualLoop, run

POWER = PointId("pcc/power.active")


class Noted:
    """An outbox that notes when it was given what."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop
        self.samples: list[tuple[float, float | None]] = []

    def add(self, taken: Lot, *, soon: bool) -> None:  # noqa: ARG002 - no link is up here
        self.samples += [(self._loop.time(), one.value) for one in taken.rows()]


def samples_of(folder: Path, answers: dict[int, float], *, told_s: float = 0.0) -> dict[int, float]:
    """Instant's number -> how long behind it its value was taken; `answers`: how long the polls of an instant took.

    `told_s`: how far beside their instants they are told.
    """
    loop = VirtualLoop()
    taken: dict[int, float] = {}

    async def through() -> None:
        clock, outbox = LoopClock(loop), Noted(loop)
        image = Image([PointSpec(POWER, Unit.WATT, 60.0)])
        site = Site(
            id="tower", timezone="UTC", meter="pcc", connections={}, devices={}, assets={}, limits=Limits(), services=Services(),
            links={"vpp": Link("vpp", "mqtt://x", telemetry_s=LOOK_S)},
        )  # fmt: skip
        keeper = Keeper(folder, clock, tell=print, boot="a")
        upstream = Upstream(site, image, outbox, keeper, clock, state=folder)  # type: ignore[arg-type]
        task = asyncio.create_task(upstream.sample())
        first = round(loop.time() / LOOK_S) + 2
        for number, took_s in answers.items():
            instant_s = (first + number) * LOOK_S
            await asyncio.sleep(instant_s + took_s - loop.time())
            image.post(POWER, Reading(float(number), Quality.GOOD, Cause.NONE, instant_s))
            upstream.polled(instant_s + told_s)
        await asyncio.sleep(LOOK_S)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        taken.update(
            {int(value): at_s - (first + int(value)) * LOOK_S for at_s, value in outbox.samples if value is not None}
        )
        keeper._thread.shutdown()

    run(loop, through())
    return taken


def test_telemetry_is_taken_when_the_polls_of_an_instant_are_answered(tmp_path):
    answers = {0: 0.002, 1: 0.011, 2: 0.0, 3: 0.019, 4: 0.004}
    assert samples_of(tmp_path, answers) == pytest.approx(answers, abs=1e-6)


def test_a_group_that_is_late_is_not_waited_for_and_comes_with_the_next(tmp_path):
    found = samples_of(tmp_path, {0: 0.002, 1: 0.050, 2: LOOK_S + 0.003})
    assert found == pytest.approx({0: 0.002, 1: LOOK_S + LOOK_WAIT_S, 2: LOOK_S + LOOK_WAIT_S}, abs=1e-6)


def test_without_anybody_who_tells_it_is_taken_all_the_same(tmp_path):
    found = samples_of(tmp_path, {0: 0.002, 1: 0.003}, told_s=0.1)
    assert found == pytest.approx({0: LOOK_WAIT_S, 1: LOOK_WAIT_S}, abs=1e-6)


def test_a_raster_that_is_off_by_a_timer_is_still_the_raster(tmp_path):
    found = samples_of(tmp_path, dict.fromkeys(range(3), 0.002), told_s=1e-9)
    assert Counter(round(late_s, 6) for late_s in found.values()) == {0.002: 3}
