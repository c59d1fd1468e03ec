"""OPC UA subscriptions: values told by a real server, their age, deadband, lost publications; reads when it falls silent."""

import asyncio
import os
import signal
from collections import Counter
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from asyncua import ua
from asyncua.ua.status_codes import StatusCodes
from asyncua.ua.uaerrors import UaStatusCodeError

from gateway.clock import SystemClock, VirtualClock
from gateway.errors import BusTimeout
from gateway.field import opcua
from gateway.field.opcua import OpcUaBus
from gateway.field.opcua_feed import Feed, deadband_of
from gateway.field.opcua_values import OVERFLOW, reading_of
from gateway.model.reading import Cause, Quality
from gateway.model.site import Device
from gateway.profiles.schema import Kind
from tests.field import things
from tests.field.conftest import Peer
from tests.field.test_opcua_security import named, trusting

POINTS = [
    things.node("power", "Power", Kind.F64, low=0.0, high=1000.0),
    things.node("word", "Word", Kind.U16, writable=True),
    things.node("absent", "NoSuchNode", Kind.F64),
]


def machine(period_s: float = 0.1):
    return things.Member(Device("thing", "test/thing", "line", poll_s=period_s), things.profile(POINTS))


async def until(read, wanted, *, within_s: float = 20.0):
    async with asyncio.timeout(within_s):
        while not wanted(await read()):  # noqa: ASYNC110 - each look is a read
            await asyncio.sleep(0.05)


async def read_on(bus: OpcUaBus) -> None:
    while True:
        await bus.read("thing", 0)
        await asyncio.sleep(0.05)


@pytest.mark.fault("F-040", "F-044")
async def test_changes_are_told_and_reads_stand_in_where_they_must(peer: Peer, tmp_path, monkeypatch):
    monkeypatch.setattr(opcua, "SETTLE_S", 0.3)
    clock = SystemClock()
    given = named(peer, subscribe=True, deadband_pct=1.0, timeout_s=1.0)
    bus = OpcUaBus(given, [machine()], clock=clock, papers=trusting(tmp_path / "opcua", peer))
    asked = 0

    async def values():
        return list((await bus.read("thing", 0)).values)

    await until(values, lambda found: found == [12.5, 7.0, None])
    straight = opcua.Reading.ask

    async def counted(reading, client):
        nonlocal asked
        asked += 1
        return await straight(reading, client)

    monkeypatch.setattr(opcua.Reading, "ask", counted)
    assert bus.counters["nodes_watched"] == 2

    # told, not read; as old as the server's last word
    peer.say("Power 30")
    await until(values, lambda found: found[0] == 30.0)
    peer.say("Power 35")  # below the deadband of 10
    peer.say("Word 8")
    await until(values, lambda found: found[1] == 8.0)
    told = bus._feed.told([("thing", "power")], within_s=60.0, now_s=clock.boot_s())
    assert told[0].value.Value.Value == 30.0
    assert asked <= bus.counters["fallback_reads"] + 4  # and the checks
    fetched = await bus.read("thing", 0)
    assert clock.boot_s() - fetched.started_s < 5.0

    # more changes than the queue holds: the newest counts
    peer.say("Power first 500")
    await until(values, lambda found: found[0] is not None and found[0] > 480.0)

    # after a write the device is read
    asked = 0
    await bus.write("thing", {"word": 9.0})
    asked = 0
    assert (await values())[1] == 9.0
    assert asked == 1

    # a hung server: nothing told, nothing read, nothing old shown as new
    await asyncio.sleep(0.3)
    os.kill(peer.process.pid, signal.SIGSTOP)
    try:
        async with asyncio.timeout(20):
            with pytest.raises(BusTimeout):
                await read_on(bus)
    finally:
        os.kill(peer.process.pid, signal.SIGCONT)
    await until(values, lambda found: found[1] == 9.0)
    await until(values, lambda _found: bus._feed is not None and bus._feed.told([("thing", "word")], within_s=1.0, now_s=clock.boot_s()) is not None)  # fmt: skip
    peer.say("Word 7")
    peer.say("Power 12.5")
    await until(values, lambda found: found[:2] == [12.5, 7.0])
    await bus.close()
    assert not [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]


class Server:
    """Repeats the publications it still has."""

    def __init__(self, kept):
        self.kept = kept
        self.asked: list[int] = []

    async def republish(self, _subscription, number):
        self.asked.append(number)
        if number not in self.kept:
            raise UaStatusCodeError(StatusCodes.BadMessageNotAvailable)
        return self.kept[number]


def publication(number: int, value: float, status: int = 0):
    told = ua.DataValue(ua.Variant(value, ua.VariantType.Double), ua.StatusCode(ua.UInt32(status)))
    change = ua.DataChangeNotification(MonitoredItems=[ua.MonitoredItemNotification(ua.UInt32(1), told)])
    return SimpleNamespace(SequenceNumber=number, NotificationData=[change])


def told_by(feed: Feed, message) -> None:
    feed._publication(SimpleNamespace(NotificationMessage=message))


def value_of(feed: Feed, now_s: float = 0.0):
    found = feed.told([("thing", "power")], within_s=2.0, now_s=now_s)
    return None if found is None else found[0].value.Value.Value


def begun(kept=()) -> tuple[Feed, Server, Counter[str], VirtualClock]:
    counters: Counter[str] = Counter()
    server, clock = Server(dict(kept)), VirtualClock()
    feed = Feed(server, clock=clock, counters=counters)  # type: ignore[arg-type]
    feed._keys = {1: ("thing", "power")}
    return feed, server, counters, clock


@pytest.mark.fault("F-044")
async def test_missing_publications_are_asked_for_again_and_never_cover_newer_values():
    feed, server, counters, _ = begun({3: publication(3, 3.0)})
    told_by(feed, publication(1, 1.0))
    assert value_of(feed) == 1.0
    told_by(feed, publication(4, 4.0, status=StatusCodes.Good | OVERFLOW))
    assert value_of(feed) is None  # not before all is known
    assert not await feed.mend()  # 2 is gone: the values are to be read
    assert server.asked == [2, 3]
    assert value_of(feed) == 4.0
    assert counters == {"publications_repeated": 1, "publications_lost": 1, "queue_overflows": 1}


async def test_a_silent_server_s_values_are_not_used():
    feed, _, _, clock = begun()
    told_by(feed, publication(1, 1.0))
    assert value_of(feed, now_s=clock.boot_s() + 1.9) == 1.0
    assert value_of(feed, now_s=clock.boot_s() + 2.1) is None


async def test_the_end_of_a_subscription_and_numbers_far_ahead_mean_beginning_anew():
    for message in (
        SimpleNamespace(SequenceNumber=2, NotificationData=[ua.StatusChangeNotification()]),
        publication(1000, 1.0),
    ):
        feed, *_ = begun()
        told_by(feed, publication(1, 1.0))
        told_by(feed, message)
        assert feed.lost
        assert value_of(feed) is None


@pytest.mark.parametrize(
    ("more", "percent", "expected"),
    [
        ({"low": 0.0, "high": 1000.0}, 1.0, 10.0),
        ({"low": 0.0, "high": 1000.0, "factor": 1000.0}, 1.0, 0.01),
        ({"low": -50.0, "high": 50.0, "factor": -0.5}, 2.0, 4.0),
        ({"low": 0.0, "high": 1000.0}, 0.0, 0.0),
        ({"high": 1000.0}, 1.0, 0.0),
        ({"low": 0.0, "high": 1000.0, "expect_change_s": 5.0}, 1.0, 0.0),
    ],
)
def test_a_deadband_is_a_share_of_the_range_in_the_node_s_own_unit(more, percent, expected):
    assert deadband_of(things.node("power", "Power", Kind.F64, **more), percent) == pytest.approx(expected)


def test_a_value_nobody_told_anything_new_of_stands_still():
    point = things.node("power", "Power", Kind.F64, expect_change_s=60.0)
    now = datetime(2026, 1, 1, tzinfo=UTC)
    value = ua.DataValue(ua.Variant(5.0), SourceTimestamp=now, ServerTimestamp=now)
    assert reading_of(point, value, silent_s=59.0) == (5.0, Quality.GOOD, Cause.NONE)
    assert reading_of(point, value, silent_s=61.0) == (5.0, Quality.UNCERTAIN, Cause.FROZEN)
