"""What stands of a line is told when it begins and when it ends, and what flaps not every time."""

import pytest

from gateway.clock import VirtualClock
from gateway.field.alarms import Alarms
from gateway.model.command import Alarm


def told_by(changes: list[tuple[float, bool]], *, until_s: float) -> list[tuple[float, bool]]:
    """What is told of a cause that stands and does not at these times; it is looked after every two seconds."""
    clock, told = VirtualClock(), []

    def take(alarm: Alarm) -> None:
        told.append((clock.boot_s() - began_s, alarm.raised))

    began_s, alarms = clock.boot_s(), Alarms(take, clock)
    for at in range(int(until_s)):
        for _, raised in (one for one in changes if at <= one[0] < at + 1):
            alarms.set("device_offline:thing", raised=raised)
        if at % 2 == 0:
            alarms.settle()
        clock.now_s += 1.0
    return told


def test_a_cause_is_told_once_when_it_begins_and_once_when_it_ends():
    changes = [(1, True), (2, True), (3, False), (4, False), (200, True)]
    assert told_by(changes, until_s=300) == [(1, True), (3, False), (200, True)]


@pytest.mark.fault("U7", "F-107")
def test_what_comes_and_goes_every_few_seconds_is_not_told_each_time_and_ends_when_it_is_quiet():
    changes = [(at, at % 4 == 0) for at in range(0, 600, 2)]
    told = told_by(changes, until_s=700)
    in_a_minute = max(sum(at <= other[0] < at + 60 for other in told) for at, _ in told)
    assert in_a_minute <= 10
    assert len(told) == 6, "three times, and then it stands"
    assert told[-1] == (658, False)


def test_what_flapped_and_is_gone_with_its_device_is_not_told_later():
    clock, told = VirtualClock(), []
    alarms = Alarms(told.append, clock)
    for _ in range(3):
        alarms.set("device_offline:thing", raised=True)
        alarms.set("device_offline:thing", raised=False)
    assert [alarm.raised for alarm in told] == [True, False, True, False, True]
    alarms.forget("thing")
    assert told[-1].raised is False
    clock.now_s += 1000.0
    alarms.settle()
    assert len(told) == 6
