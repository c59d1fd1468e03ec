"""The alarm list: raised, acknowledged, shelved for a while, cleared."""

import pytest

from gateway.alarms import LONGEST, MOST, AlarmList, NotShelved, Shelf
from gateway.model.command import Alarm
from gateway.texts import say, told

KEY = "device_offline:ev11"
SHELF = Shelf("li", "is being repaired", 1600.0, 1_600_000)


@pytest.fixture
def alarms() -> AlarmList:
    made = AlarmList()
    made.hear(Alarm(KEY, raised=True, at_ms=1_000_000))
    return made


def one(alarms: AlarmList):
    (entry,) = alarms.entries()
    return entry


def test_a_shelved_alarm_comes_back_when_its_time_is_over(alarms: AlarmList) -> None:
    alarms.shelve(KEY, SHELF)
    assert one(alarms).shelf == SHELF
    assert alarms.over(1599.9) == []
    assert alarms.over(1600.0) == [KEY]
    assert (one(alarms).shelf, one(alarms).active) == (None, True)


def test_a_shelved_alarm_stays_away_when_it_clears_and_is_raised_again(alarms: AlarmList) -> None:
    alarms.shelve(KEY, SHELF)
    alarms.hear(Alarm(KEY, raised=False, at_ms=1_100_000))
    alarms.hear(Alarm(KEY, raised=True, at_ms=1_200_000))
    assert (one(alarms).shelf, one(alarms).count) == (SHELF, 2)
    serial = alarms.serial
    alarms.unshelve(KEY)
    assert alarms.serial > serial
    assert one(alarms).shelf is None


def test_only_what_stands_can_be_shelved_and_only_what_is_shelved_taken_back(alarms: AlarmList) -> None:
    with pytest.raises(LookupError):
        alarms.unshelve(KEY)
    alarms.hear(Alarm(KEY, raised=False, at_ms=1_100_000))
    with pytest.raises(LookupError):
        alarms.shelve(KEY, SHELF)
    with pytest.raises(LookupError):
        alarms.shelve("device_offline:none", SHELF)


@pytest.mark.parametrize("key", ["emergency_stop:site", "interlock:fire"])
def test_what_protects_people_cannot_be_shelved(alarms: AlarmList, key: str) -> None:
    alarms.hear(Alarm(key, raised=True, at_ms=1_000_000))
    with pytest.raises(NotShelved):
        alarms.shelve(key, SHELF)


@pytest.mark.fault("I-31")
def test_cleared_alarms_are_bounded_and_the_shelved_one_is_kept(alarms: AlarmList) -> None:
    alarms.shelve(KEY, SHELF)
    for n in range(MOST + 50):
        for raised in (True, False):
            alarms.hear(Alarm(f"write_failed:d{n}", raised=raised, at_ms=n))
    assert len(alarms.entries()) == MOST + 1
    assert KEY in [entry.key for entry in alarms.entries()]


def test_a_detail_can_be_told_in_another_language_and_a_long_one_is_cut(alarms: AlarmList) -> None:
    alarms.hear(Alarm("device_slow:a", raised=True, at_ms=1, detail=say("alarm.slow", own_s=1.25, others_s=0.02)))
    alarms.hear(Alarm("edge_crashed:b", raised=True, at_ms=1, detail="x" * (LONGEST + 1)))
    kept = {entry.cause: entry.detail for entry in alarms.entries()}
    slow, crashed = kept["device_slow"], kept["edge_crashed"]
    assert slow == "answers take 1.25 s, the others' 0.020 s: it is read less often"
    assert told(slow, "zh") == "应答需 1.25 s，其他设备为 0.020 s：降低对它的读取频率"
    assert crashed == "x" * LONGEST
