"""What becomes a sample, and when."""

import pytest

from gateway.model.image import Image
from gateway.model.point import PointId, PointSpec, Unit
from gateway.model.reading import Cause, Quality, Reading
from gateway.uplink.sampler import Sampler

VOLTS, WATTS = PointId("pcc/voltage.l1-n"), PointId("pcc/power.active")
SPECS = [PointSpec(VOLTS, Unit.VOLT, 5.0), PointSpec(WATTS, Unit.WATT, 5.0)]


class Site:
    def __init__(self) -> None:
        self.image = Image(SPECS)
        self.sampler = Sampler(SPECS, every_s=1.0, silent_s=60.0)

    def read(self, point: PointId, value: float | None, at_s: float, quality: Quality = Quality.GOOD) -> None:
        cause = Cause.OFFLINE if quality is Quality.INVALID else Cause.NONE
        self.image.post(point, Reading(value, quality, cause, at_s))

    def take(self, now_s: float) -> dict[PointId, tuple[float | None, str, float]]:
        taken = self.sampler.take(self.image.snapshot(now_s))
        return {one.point: (one.value, one.quality.name, one.at_s) for one in taken.rows()}


def test_the_first_look_tells_of_every_point_also_of_those_never_read():
    site = Site()
    site.read(WATTS, 5.0, 9.5)
    assert site.take(10.0) == {VOLTS: (None, "INVALID", 10.0), WATTS: (5.0, "GOOD", 9.5)}


@pytest.mark.parametrize(
    ("point", "change", "after_s", "expected"),
    [
        (WATTS, 0.1, 1.0, True),
        (WATTS, 0.0, 1.0, False),
        (WATTS, 0.1, 0.9, False),
        (VOLTS, 0.5, 1.0, False),
        (VOLTS, 0.6, 1.0, True),
        (VOLTS, -0.6, 1.0, True),
        (WATTS, 0.0, 60.0, True),
    ],
)
def test_a_change_beyond_the_dead_band_is_told_once_the_interval_is_over(point, change, after_s, expected):
    site = Site()
    site.read(point, 230.0, 10.0)
    site.take(10.0)
    site.read(point, 230.0 + change, 10.0 + after_s)
    assert (point in site.take(10.0 + after_s)) is expected


def test_small_steps_are_measured_from_what_was_last_told():
    site = Site()
    site.read(VOLTS, 230.0, 10.0)
    site.take(10.0)
    told = []
    for n in range(1, 5):
        site.read(VOLTS, 230.0 + 0.2 * n, 10.0 + n)
        told += [value for point, (value, _, _) in site.take(10.0 + n).items() if point == VOLTS]
    assert told == [230.0 + 0.2 * 3]


def test_a_change_of_quality_is_told_at_once_and_dated_now():
    site = Site()
    site.read(WATTS, 5.0, 10.0)
    site.take(10.0)
    assert site.take(10.1) == {}
    assert site.take(15.2) == {WATTS: (5.0, "STALE", 15.2)}
    site.read(WATTS, None, 15.0, Quality.INVALID)
    assert site.take(15.3) == {WATTS: (None, "INVALID", 15.3)}


def test_times_of_a_point_rise_even_when_nothing_new_was_read():
    site = Site()
    site.read(WATTS, 5.0, 10.0)
    site.read(VOLTS, 1.0, 10.0)
    times = [site.take(10.0)[WATTS][2]]
    for now_s in (70.0, 130.0):
        site.image.post(WATTS, Reading(5.0, Quality.GOOD, Cause.NONE, now_s - 1.0))
        times.append(site.take(now_s)[WATTS][2])
    assert times == sorted(set(times))


@pytest.mark.parametrize("odd", [float("nan"), float("inf")])
def test_a_value_that_is_no_number_is_told_as_none(odd):
    site = Site()
    site.read(WATTS, odd, 10.0)
    assert site.take(10.0)[WATTS] == (None, "INVALID", 10.0)


def test_samples_follow_the_polls_although_the_first_came_at_another_time():
    site = Site()
    site.read(WATTS, 1.0, 10.0)  # at the start everything is read at once, then each in its place
    site.take(10.02)
    told = []
    for n in range(4):
        site.read(WATTS, 2.0 + n, 11.4 + n)
        told += [at_s for point, (_, _, at_s) in site.take(11.42 + n).items() if point == WATTS]
    assert told == [11.4, 12.4, 13.4, 14.4]


def test_a_point_read_more_often_is_told_once_an_interval():
    site = Site()
    told = 0
    for n in range(51):
        site.read(WATTS, float(n), 10.0 + n * 0.2)
        told += WATTS in site.take(10.02 + n * 0.2)
    assert told == 11


@pytest.mark.parametrize("odd", [float("nan"), float("inf")])
def test_a_value_that_stays_no_number_is_told_once(odd):
    site = Site()
    site.read(WATTS, odd, 10.0)
    site.take(10.0)
    site.read(WATTS, odd, 11.0)
    assert site.take(11.0) == {}


def test_what_was_told_is_remembered_over_a_change_of_points():
    site = Site()
    site.read(WATTS, 5.0, 10.0)
    site.take(10.0)
    more = [PointSpec(PointId("m1/frequency"), Unit.HERTZ, 5.0), *reversed(SPECS)]
    site.image.respec(more)
    site.sampler.respec(more)
    assert site.take(10.2) == {PointId("m1/frequency"): (None, "INVALID", 10.2)}
    site.read(WATTS, 6.0, 11.0)
    assert site.take(11.0) == {WATTS: (6.0, "GOOD", 11.0)}


def test_a_point_that_is_not_ours_is_never_told():
    image, sampler = Image(SPECS), Sampler(SPECS[:1], every_s=1.0)
    assert list(sampler.take(image.snapshot(10.0)).points) == [VOLTS]


def test_a_poll_that_came_too_early_for_its_interval_is_told_when_that_is_over():
    site = Site()
    told = []
    for at_s in (10.0, 11.0, 11.9, 13.0, 14.0):  # the third came 0.1 s early: it waits for the next look
        site.read(WATTS, at_s, at_s)
        for now_s in (at_s + 0.02, at_s + 0.22):
            told += [value for point, (value, _, _) in site.take(now_s).items() if point == WATTS]
    assert told == [10.0, 11.0, 11.9, 13.0, 14.0]
