"""A line at work: slow units, requests abreast, hanging up, troubles told, and that no line costs another its period."""

import asyncio
import random
import time
from dataclasses import replace

import pytest

from emulators.faults import FaultProxy
from gateway.clock import SystemClock
from gateway.field.contention import KICKS, SLOWLY_S, WITHIN_S, Contention
from gateway.field.line import Line, Wire
from gateway.field.linehealth import BUSY_WINDOW_S, LineHealth
from gateway.field.mbap import Mbap
from gateway.field.modbus import ModbusBus
from gateway.field.tcp import dial_tcp
from gateway.model.reading import Cause, Quality
from gateway.profiles.schema import Wear
from tests.field import things
from tests.field.fakes import FakeBus
from tests.field.peers import Asked, Reply, straight, tcp_peer
from tests.field.rig import FACTOR, polling, until
from tests.field.test_faults_poller import T_OFF, T_POLL, T_TO, fast, holes, line, polls_of


@pytest.mark.fault("F-012", "U3")
async def test_a_slow_unit_is_read_less_often_and_the_others_keep_their_period():
    def script(asked: Asked) -> Reply:
        return [(0.9 * T_TO if asked.unit == 3 else 0.0, asked.reply())]

    members = [fast(f"unit{unit}", unit_id=unit) for unit in range(1, 7)]
    async with tcp_peer(script, units=tuple(range(1, 7))) as peer, polling((line(peer), members)) as rig:
        await until(lambda: any(alarm.key == "device_slow:unit3" for alarm in rig.alarms), within_s=5.0)
        began_s = time.monotonic()
        await asyncio.sleep(3.0)
        ended_s = time.monotonic()
        for unit in (1, 2, 4, 5, 6):
            times = [at for at in polls_of(peer, unit=unit) if at >= began_s]
            assert len(times) >= 0.9 * (ended_s - began_s) / T_POLL - 1
            assert holes(times)[-1] <= T_POLL + T_TO + 0.2
        slow = [asked.at_s for asked in peer.ledger if asked.unit == 3 and asked.at_s >= began_s]
        assert holes([began_s, *slow, ended_s])[-1] <= 10.0 / FACTOR + T_TO + 0.2
        assert len({asked.address for asked in peer.ledger if asked.unit == 3 and asked.at_s >= began_s}) >= 2
        assert [alarm.raised for alarm in rig.alarms if alarm.key == "device_slow:unit3"] == [True]


@pytest.mark.fault("U3")
@pytest.mark.parametrize("how", ["off", "hung", "slow"])
async def test_a_line_that_is_dead_hung_or_slow_changes_nobody_elses_period(how):
    sick = False

    def script(asked: Asked) -> Reply:
        if not sick or how == "off":
            return straight(asked)
        return [] if how == "hung" else [(0.9 * T_TO, asked.reply())]

    async with tcp_peer(script) as bad, tcp_peer() as good:
        lines = ((line(bad), [fast("bad")]), *((line(good), [fast(f"good{at}", unit_id=at)]) for at in (1, 2, 3)))
        async with polling(*lines) as rig:
            await until(lambda: rig.reading("good3", "power").usable == 100.0, within_s=2.0)
            well = await _periods(good, 1.2)
            sick = True
            if how == "off":
                await bad.stop()
            await asyncio.sleep(0.0 if how == "slow" else T_OFF)
            ill = await _periods(good, 1.2)
            if how == "off":
                await bad.start()
    p99 = [sorted(gaps)[int(0.99 * (len(gaps) - 1))] for gaps in (well, ill)]
    assert p99[1] <= max(1.2 * p99[0], p99[0] + 0.05)


async def _periods(peer, for_s: float) -> list[float]:
    began_s = time.monotonic()
    await asyncio.sleep(for_s)
    return [gap for unit in (1, 2, 3) for gap in holes([at for at in polls_of(peer, unit=unit) if at >= began_s])]


async def test_reads_that_are_due_together_go_out_side_by_side_where_the_device_allows_it():
    under_way = most = 0

    def script(asked: Asked) -> Reply:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        asyncio.get_running_loop().call_later(0.01, answered)
        return [(0.01, asked.reply())]

    def answered() -> None:
        nonlocal under_way
        under_way -= 1

    wide = things.wide(blocks=4, count=20)
    connection = things.tcp("", timeout_s=1.0, pipeline=4)
    async with tcp_peer(script) as peer:
        async with polling((replace(connection, address=peer.address), [wide])) as rig:
            await until(lambda: rig.reading("wide", "r619").usable == 619.0, within_s=3.0)
            await until(lambda: most == 4, within_s=3.0)
            assert all(rig.reading("wide", f"r{at}").usable == at for at in (0, 219, 419, 600))
        assert peer.connections == 1


async def test_a_line_that_must_not_hold_its_connection_hangs_up_when_nothing_is_due():
    async with tcp_peer() as peer:
        async with polling((replace(line(peer), release_after_poll=True), [fast("thing")])) as rig:
            await until(lambda: len(polls_of(peer)) >= 3, within_s=3.0)
            await until(lambda: not peer.open, within_s=1.0)
            assert rig.reading("thing", "power").usable == 100.0
        assert peer.connections >= 3
        assert not rig.alarms


@pytest.mark.fault("F-033")
async def test_a_frozen_value_is_uncertain_and_not_used():
    made = fast("thing")
    points = [replace(p, expect_change_s=0.3) if p.name == "power" else p for p in made.profile.points.values()]
    member = replace(made, profile=things.profile(points))
    async with tcp_peer() as peer, polling((line(peer), [member])) as rig:
        await until(lambda: rig.reading("thing", "power").usable == 100.0, within_s=2.0)
        took_s = await until(lambda: rig.reading("thing", "power").cause is Cause.FROZEN, within_s=3.0)
        assert took_s >= 0.2
        reading = rig.reading("thing", "power")
        assert (reading.quality, reading.usable, reading.value) == (Quality.UNCERTAIN, None, 100.0)
        assert rig.reading("thing", "state").usable == 101.0
        peer.device.words[100] = 7
        await until(lambda: rig.reading("thing", "power").usable == 7.0, within_s=2.0)


async def test_what_is_wrong_with_a_line_for_longer_is_an_alarm_until_it_is_over():
    member = fast("thing")
    bus = FakeBus([member], clock=SystemClock())
    async with polling((bus, [member])) as rig:
        bus.troubles = {"contention": "stop the other"}
        await until(lambda: bool(rig.alarms), within_s=3.0)
        bus.troubles = {}
        await until(lambda: len(rig.alarms) == 2, within_s=3.0)
    assert [(alarm.key, alarm.raised) for alarm in rig.alarms] == [
        ("contention:line0", True),
        ("contention:line0", False),
    ]
    assert rig.alarms[0].detail == "stop the other"


@pytest.mark.fault("F-017")
def test_a_connection_taken_away_again_and_again_is_contention_and_dialled_slowly():
    contention = Contention()
    alarmed = None
    dials = []
    for at in range(0, 300, 10):
        now_s = max(float(at), contention.dial_s(float(at)))
        contention.dialled(now_s)
        dials.append(now_s)
        contention.lost(at + 9.7, quiet_s=0.4)
        if alarmed is None and contention.contended(at + 9.7):
            alarmed = at + 9.7
    assert alarmed is not None
    assert alarmed <= WITHIN_S
    assert contention.dial_s(now_s) == now_s + SLOWLY_S
    assert len(dials) / 300 <= 1 / 5
    assert not contention.contended(400.0)


@pytest.mark.fault("F-005", "F-017")
@pytest.mark.parametrize("quiet_s", [0.0, 0.01, 5.0, 60.0])
def test_a_device_that_closes_after_each_reply_or_when_idle_is_no_contention(quiet_s):
    contention = Contention()
    for at in range(100):
        contention.lost(float(at), quiet_s=quiet_s)
    assert not contention.contended(100.0)


def test_a_close_that_is_noticed_late_now_and_then_is_no_contention_either():
    contention = Contention()
    for at in range(100):
        contention.lost(float(at), quiet_s=0.2 if at % 3 == 0 else 0.001)
        assert not contention.contended(float(at))


@pytest.mark.fault("F-017")
async def test_another_client_that_steals_the_connection_is_told_and_half_the_polls_are_good():
    async with tcp_peer() as peer:
        proxy = FaultProxy(("127.0.0.1", peer.port))
        port = await proxy.start()
        contention = Contention(compress=FACTOR)

        def wire() -> Wire:
            return Wire(Mbap(), timeout_s=1.0)

        wired = Line(lambda: dial_tcp("127.0.0.1", port, wire, timeout_s=1.0), contention=contention)
        member = fast("thing")
        async with polling((ModbusBus(wired, [member], clock=SystemClock()), [member])) as rig:
            await until(lambda: rig.reading("thing", "power").usable == 100.0, within_s=2.0)
            began = rig.pollers[0].health()
            for _ in range(2 * KICKS):
                seen = len(polls_of(peer))
                await until(lambda: len(polls_of(peer)) > seen, within_s=8.0)  # noqa: B023 - awaited here
                await asyncio.sleep(0.02)
                proxy.reset()
            await until(lambda: any(alarm.key == "contention:line0" for alarm in rig.alarms), within_s=3.0)
            health = rig.pollers[0].health()
        await proxy.stop()
    assert health["dialled"] - began["dialled"] <= 2 * KICKS + 1
    assert health.get("read_errors", 0) <= 0.5 * (health["polls"] - began["polls"])


@pytest.mark.fault("F-037")
async def test_a_budget_that_is_used_up_is_an_alarm_and_the_count_is_shown():
    made = fast("thing")
    control = things.control("limit", wear=Wear.STORED, daily_writes=6, keepalive=None)
    member = replace(made, profile=things.profile(list(made.profile.points.values()), [control]))
    async with tcp_peer() as peer, polling((line(peer), [member])) as rig:
        rig.command("thing", 60.0)
        await until(lambda: peer.device.words.get(110) == 60, within_s=2.0)
        rig.command("thing", 600.0)
        await until(lambda: any(alarm.key == "write_budget:thing/limit" for alarm in rig.alarms), within_s=4.0)
        assert rig.pollers[0].figures(rig.clock.boot_s()).units["thing"]["writes_day_limit"] == 1.0
        assert peer.device.words[110] == 60


def test_the_health_of_a_line_is_its_load_and_that_of_its_units():
    health = LineHealth(["a", "b"])
    assert health.load(0.0) is None
    for at in range(200):
        health.busy(float(at), at + 0.25)
        health.units["a"].good(at + 0.25, took_s=0.2 if at % 10 else 0.5)
    assert health.load(200.0) == pytest.approx(0.25, abs=0.01)
    assert health.load(199.25 + BUSY_WINDOW_S / 2) < 0.25
    figures = health.units["a"].figures(201.0)
    assert (figures["latency_p50"], figures["latency_p99"]) == (0.2, 0.5)
    assert figures["since_good"] == pytest.approx(1.75)
    assert figures["availability"] == 1.0
    assert health.units["b"].figures(201.0) == {"reads": 0.0}


async def test_latency_errors_and_availability_of_a_unit_are_counted():
    rng = random.Random(1)

    def script(asked: Asked) -> Reply:
        return [] if rng.random() < 0.1 else [(0.005, asked.reply())]

    async with tcp_peer(script) as peer, polling((line(peer), [fast("thing")])) as rig:
        await until(lambda: len(peer.ledger) > 40, within_s=10.0)
        figures = rig.pollers[0].figures(rig.clock.boot_s())
    unit = figures.units["thing"]
    assert unit["latency_p50"] >= 0.004
    assert 0.5 < unit["availability"] < 1.0
    assert unit["errors_timeout"] == round((1.0 - unit["availability"]) * unit["reads"])
    assert 0.0 < figures.line["load"] < 1.0


@pytest.mark.fault("A-006", "U3")
async def test_a_flood_of_replies_nobody_asked_for_ends_the_connection_at_once_and_disturbs_nobody():
    floods = 0

    def script(asked: Asked) -> Reply:
        nonlocal floods
        if floods != 1:
            return straight(asked)
        floods = 2
        return [(0.0, asked.reply(tid=asked.tid + 7) * 100_000)]

    async with tcp_peer(script) as bad, tcp_peer() as good:  # noqa: SIM117 - the rig needs both
        async with polling((line(bad), [fast("bad")]), (line(good), [fast("good")])) as rig:
            await until(lambda: rig.reading("bad", "power").usable == 100.0, within_s=2.0)
            began, connections = len(polls_of(good)), bad.connections
            floods = 1
            await until(lambda: bad.connections > connections, within_s=3.0)
            await until(lambda: rig.reading("bad", "power").usable == 100.0, within_s=3.0)
            await until(lambda: len(polls_of(good)) > began + 10, within_s=3.0)
            assert rig.pollers[0].health()["reply_foreign"] <= 2 * 33
            assert holes(polls_of(good)[began:])[-1] <= 2 * T_POLL + 0.05
    assert not rig.alarms
