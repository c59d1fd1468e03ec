"""Faults of FAULTS.md with poller and writer at work on real sockets, all times divided by 20."""

import asyncio
import time
from dataclasses import replace
from itertools import pairwise

import pytest

from gateway.model.command import Fate
from gateway.model.reading import Cause, Quality
from gateway.profiles.schema import Every, Keepalive, Set
from tests.field import things
from tests.field.peers import Asked, Reply, straight, tcp_peer
from tests.field.rig import FACTOR, polling, until
from tests.footprint import assert_nothing_left, footprint

T_POLL = 1.0 / FACTOR
T_TO = 1.0 / FACTOR
T_OFF, T_BACK = 5.0 / FACTOR, 10.0 / FACTOR
SLACK_S = 0.1
"""What a busy test machine may add."""


def fast(name: str, *, unit_id: int = 1, **more):
    return things.thing(name, unit_id=unit_id, poll_s=T_POLL, **more)


def line(peer):
    return things.tcp(peer.address, timeout_s=T_TO)


def holes(times: list[float]) -> list[float]:
    return sorted(b - a for a, b in pairwise(times))


def polls_of(peer, *, unit: int = 1, address: int = 100) -> list[float]:
    return [asked.at_s for asked in peer.ledger if asked.unit == unit and asked.address == address]


@pytest.mark.fault("F-001", "U3", "U7")
async def test_a_device_switched_off_is_offline_soon_disturbs_nobody_and_comes_back_by_itself():
    async with tcp_peer() as off, tcp_peer() as other:
        async with polling((line(off), [fast("off")]), (line(other), [fast("other")])) as rig:
            await until(lambda: rig.reading("off", "power").usable == 100.0, within_s=1.0)
            await asyncio.sleep(10 * T_POLL)
            began = len(polls_of(other))
            await off.stop()
            took_s = await until(lambda: rig.reading("off", "power").cause is Cause.OFFLINE, within_s=3.0)
            assert took_s <= T_OFF + T_POLL + SLACK_S
            assert rig.reading("off", "power").value is None
            await asyncio.sleep(2 * T_BACK)
            await off.start()
            took_s = await until(lambda: rig.reading("off", "power").usable == 100.0, within_s=3.0)
            assert took_s <= T_BACK + SLACK_S
            assert rig.reading("other", "power").usable == 100.0
        gaps = holes(polls_of(other)[began:])
        assert gaps[int(0.95 * len(gaps))] <= T_POLL + 0.05
    assert [(alarm.key, alarm.raised) for alarm in rig.alarms] == [
        ("line_offline:line0", True),
        ("line_offline:line0", False),
    ]


@pytest.mark.fault("F-004", "U3")
async def test_a_hung_device_is_waited_for_within_bounds_one_request_a_socket():
    silent = False

    def script(asked: Asked) -> Reply:
        return [] if silent else straight(asked)

    async with tcp_peer(script) as hung, tcp_peer() as other:  # noqa: SIM117 - the rig needs both
        async with polling((line(hung), [fast("hung")]), (line(other), [fast("other")])) as rig:
            await until(lambda: rig.reading("hung", "power").usable == 100.0, within_s=1.0)
            began, from_connection = len(hung.ledger), hung.connections
            silent = True
            await until(lambda: rig.reading("hung", "power").cause is Cause.OFFLINE, within_s=3.0)
            await asyncio.sleep(3 * T_BACK)
            unanswered = [asked.connection for asked in hung.ledger[began:]]
            late = [connection for connection in unanswered if connection > from_connection]
            assert len(late) == len(set(late)), "one unanswered request a socket"
            assert len(late) >= 2
            silent = False
            took_s = await until(lambda: rig.reading("hung", "power").usable == 100.0, within_s=3.0)
            assert took_s <= T_BACK + SLACK_S
            assert holes(polls_of(other))[-1] <= 2 * T_POLL + 0.05
            assert {alarm.key for alarm in rig.alarms} == {"device_offline:hung"}


@pytest.mark.fault("F-012", "F-013")
@pytest.mark.parametrize("how", ["silent", "0x0B"])
async def test_a_dead_unit_behind_a_gateway_costs_the_others_little_and_comes_back(how):
    dead = True

    def script(asked: Asked) -> Reply:
        if asked.unit == 3 and dead:
            return [] if how == "silent" else [(0.0, asked.frame(b"\x83\x0b"))]
        return straight(asked)

    members = [fast(f"unit{unit}", unit_id=unit) for unit in (1, 2, 3)]
    async with tcp_peer(script) as peer, polling((line(peer), members)) as rig:
        await until(lambda: rig.reading("unit3", "power").cause is Cause.OFFLINE, within_s=3.0)
        await asyncio.sleep(0.2)
        began_s = time.monotonic()
        await asyncio.sleep(2.0)
        gaps = holes([at for at in polls_of(peer, unit=1) if at >= began_s])
        assert gaps[-1] <= T_POLL + T_TO + 0.2
        wasted = [asked for asked in peer.ledger if asked.unit == 3 and asked.at_s >= began_s]
        assert all(asked.address == 300 for asked in wasted), "only the smallest block is probed"
        assert len(wasted) * T_TO <= 0.15 * 2.0
        assert rig.reading("unit1", "power").usable == 100.0
        dead = False
        took_s = await until(lambda: rig.reading("unit3", "power").usable == 100.0, within_s=4.0)
        assert took_s <= 35.0 / FACTOR + SLACK_S


@pytest.mark.fault("F-014")
async def test_a_busy_device_becomes_busy_and_never_zero():
    busy = tcp_peer(lambda asked: [(0.0, asked.frame(b"\x83\x06"))])
    async with busy as peer, polling((line(peer), [fast("thing")])) as rig:
        await until(lambda: rig.reading("thing", "power").cause is Cause.BUSY, within_s=3.0)
        assert rig.reading("thing", "power").value is None
        assert rig.alarms == []


@pytest.mark.fault("F-009")
async def test_replies_that_never_match_become_mismatch():
    strange = tcp_peer(lambda asked: [(0.0, asked.frame(bytes((4,)) + asked.good[1:]))])
    async with strange as peer, polling((line(peer), [fast("thing")])) as rig:
        await until(lambda: rig.reading("thing", "power").cause is Cause.MISMATCH, within_s=3.0)


@pytest.mark.fault("F-016")
async def test_one_refused_block_is_left_alone_and_the_rest_stays_live():
    def script(asked: Asked) -> Reply:
        return [(0.0, asked.frame(b"\x83\x02"))] if asked.address == 300 else straight(asked)

    async with tcp_peer(script) as peer, polling((line(peer), [fast("thing")])) as rig:
        await asyncio.sleep(1.0)
        assert rig.reading("thing", "temperature").cause is Cause.SOURCE
        assert rig.reading("thing", "power").usable == 100.0
        assert [(alarm.key, alarm.raised) for alarm in rig.alarms] == [("block_refused:thing/2", True)]
        assert "illegal data address" in rig.alarms[0].detail
        assert len(polls_of(peer, address=300)) == 1


@pytest.mark.fault("F-016", "U3", "F-101")
@pytest.mark.parametrize(
    ("how", "cause", "asked_most"),
    [
        (1, Cause.SOURCE, 1),
        (4, Cause.SOURCE, 3),
        (10, Cause.SOURCE, 3),
        (11, Cause.SOURCE, 9),
        (None, Cause.OFFLINE, 9),
    ],
)
async def test_a_block_a_device_never_gives_costs_neither_its_other_blocks_nor_its_neighbours(how, cause, asked_most):
    def script(asked: Asked) -> Reply:
        if asked.unit != 1 or asked.address != 110:
            return straight(asked)
        return [] if how is None else [(0.0, asked.frame(bytes((0x83, how))))]

    members = [fast("thing"), fast("other", unit_id=2)]
    async with tcp_peer(script) as peer, polling((line(peer), members)) as rig:
        await until(lambda: bool(rig.alarms), within_s=3.0)
        began_s = time.monotonic()
        await asyncio.sleep(1.0)
        assert len(polls_of(peer, unit=1, address=110)) <= asked_most
        assert [(alarm.key, alarm.raised) for alarm in rig.alarms] == [("block_refused:thing/1", True)]
        assert (rig.reading("thing", "limit").value, rig.reading("thing", "limit").cause) == (None, cause)
        assert rig.reading("thing", "temperature").usable == 300.0, "a slower block has its turn, too"
        assert rig.pollers[0].online("thing")
        for unit in (1, 2):
            gaps = holes([at for at in polls_of(peer, unit=unit, address=100) if at >= began_s])
            assert gaps[-1] <= T_POLL + 2 * T_TO + 0.1
            assert len(gaps) >= 0.8 * 1.0 / T_POLL


@pytest.mark.fault("F-013", "F-102")
async def test_a_device_that_never_gives_its_smallest_block_comes_back_all_the_same():
    dead = False

    def script(asked: Asked) -> Reply:
        return [] if dead or asked.address == 300 else straight(asked)

    async with tcp_peer(script) as peer, polling((line(peer), [fast("thing")])) as rig:
        await until(lambda: rig.reading("thing", "power").usable == 100.0, within_s=2.0)
        dead = True
        await until(lambda: not rig.pollers[0].online("thing"), within_s=3.0)
        dead = False
        await until(lambda: rig.reading("thing", "power").usable == 100.0, within_s=3.0)


@pytest.mark.fault("F-005")
async def test_one_or_two_lost_polls_leave_the_last_value_to_its_age():
    lost = 0

    def script(asked: Asked) -> Reply:
        nonlocal lost
        if lost and asked.address == 100:
            lost -= 1
            return []
        return straight(asked)

    async with tcp_peer(script) as peer, polling((line(peer), [fast("thing")])) as rig:
        await until(lambda: rig.reading("thing", "power").usable == 100.0, within_s=1.0)
        lost = 2
        seen = set()

        def look() -> bool:
            seen.add(rig.reading("thing", "power").quality)
            return lost == 0

        await until(look, within_s=2.0)
        await asyncio.sleep(4 * T_POLL)
        assert seen == {Quality.GOOD}
        assert rig.reading("thing", "power").usable == 100.0
        assert rig.alarms == []


def quick_control(**more):
    """A reversion timer of 0.6 s, refreshed every 0.2 s."""
    write = Set((("limit", None),))
    return things.control("limit", keepalive=Keepalive(0.2, 0.6, (write,)), **more)


def quick(name: str = "thing"):
    made = fast(name)
    controls = {"limit": quick_control()}
    profile = things.profile(list(made.profile.points.values()), list(controls.values()))
    return type(made)(made.device, profile)


@pytest.mark.fault("F-023")
@pytest.mark.parametrize("applied", [True, False])
async def test_a_write_whose_reply_is_lost_is_read_back_first_and_sent_again_only_if_needed(applied):
    swallowed = 0

    def script(asked: Asked) -> Reply:
        return [] if asked.pdu[0] == 6 and swallowed == 1 else straight(asked)

    def reaches(asked: Asked) -> bool:
        nonlocal swallowed
        swallowed += asked.pdu[0] == 6
        return asked.pdu[0] != 6 or swallowed > 1 or applied

    async with tcp_peer(script) as peer, polling((line(peer), [fast("thing")])) as rig:
        peer.applies = reaches
        await until(lambda: rig.reading("thing", "limit").usable == 110.0, within_s=1.0)
        rig.command("thing", 60.0)
        took_s = await until(lambda: Fate.CONFIRMED in rig.fates(), within_s=3.0)
        assert took_s <= 3.0 / FACTOR + T_TO + 2 * SLACK_S
        writes = [asked for asked in peer.ledger if asked.pdu[0] == 6]
        after = [asked.pdu[0] for asked in peer.ledger[writes[0].number + 1 :]]
        assert after[0] == 3, "read back first"
        assert len(writes) == (1 if applied else 2)
        expected = [Fate.UNKNOWN] + ([] if applied else [Fate.DIFFERS, Fate.WRITTEN]) + [Fate.CONFIRMED]
        assert rig.fates() == expected
        assert peer.device.words[110] == 60


@pytest.mark.fault("F-024")
async def test_a_write_that_is_echoed_and_not_applied_is_told():
    async with tcp_peer() as peer, polling((line(peer), [fast("thing")])) as rig:
        peer.applies = lambda asked: asked.pdu[0] == 3
        rig.command("thing", 60.0)
        await until(lambda: Fate.DIFFERS in rig.fates(), within_s=5.0 / FACTOR + SLACK_S)
        assert Fate.CONFIRMED not in rig.fates()
        await until(lambda: any(alarm.key.startswith("overruled:") for alarm in rig.alarms), within_s=3.0)


@pytest.mark.fault("F-027")
async def test_a_device_that_reboots_to_its_default_gets_its_limit_back_at_once():
    down = False

    def script(asked: Asked) -> Reply:
        return [] if down else straight(asked)

    async with tcp_peer(script) as peer, polling((line(peer), [fast("thing")])) as rig:
        rig.command("thing", 60.0)
        await until(lambda: Fate.CONFIRMED in rig.fates(), within_s=1.0)
        down = True
        await until(lambda: rig.reading("thing", "power").cause is Cause.OFFLINE, within_s=3.0)
        peer.device.words[110] = 1000
        down = False
        await until(lambda: rig.reading("thing", "power").usable is not None, within_s=3.0)
        took_s = await until(lambda: peer.device.words[110] == 60, within_s=3.0)
        assert took_s <= 5.0 / FACTOR
        await until(lambda: rig.fates()[-1] is Fate.CONFIRMED, within_s=1.0)


@pytest.mark.fault("F-027")
async def test_a_reboot_too_short_to_be_seen_as_one_shows_in_the_read_back():
    async with tcp_peer() as peer, polling((line(peer), [fast("thing")])) as rig:
        rig.command("thing", 60.0)
        await until(lambda: Fate.CONFIRMED in rig.fates(), within_s=1.0)
        peer.device.words[110] = 1000
        took_s = await until(lambda: peer.device.words[110] == 60, within_s=3.0)
        assert took_s <= 5.0 / FACTOR
        assert Fate.DIFFERS in rig.fates()


@pytest.mark.fault("F-035", "I-22")
async def test_a_device_with_a_reversion_timer_does_not_revert_while_commanded_and_does_when_nobody_commands():
    timer_s = 0.6
    async with tcp_peer() as peer, polling((line(peer), [quick()])) as rig:
        reverts = 0
        for _ in range(10):
            rig.command("thing", 60.0, for_s=0.7)
            await asyncio.sleep(0.25)
            last_s = peer.device.writes[-1][0]
            reverts += time.monotonic() - last_s > timer_s
        times = [at for at, address, _ in peer.device.writes if address == 110]
        assert reverts == 0
        assert len(times) >= 9
        assert holes(times)[-1] <= timer_s / 2 + SLACK_S
        await until(lambda: Fate.EXPIRED in rig.fates(), within_s=2.0)
        stopped = len(peer.device.writes)
        await asyncio.sleep(2 * timer_s)
        assert len(peer.device.writes) == stopped


async def test_a_write_goes_before_the_reads_that_are_due_and_is_read_back_at_once():
    members = [fast(f"unit{unit}", unit_id=unit) for unit in (1, 2, 3)]
    async with tcp_peer(lambda asked: [(0.004, asked.reply())]) as peer, polling((line(peer), members)) as rig:
        await until(lambda: rig.reading("unit3", "power").usable is not None, within_s=1.0)
        waits = []
        for value in range(1, 21):
            began_s = time.monotonic()
            rig.command("unit2", float(value))
            await until(lambda: peer.units[2].words.get(110) == value, within_s=1.0)  # noqa: B023 - awaited here
            waits.append(time.monotonic() - began_s)
            await until(lambda: rig.fates("unit2")[-1:] == [Fate.CONFIRMED], within_s=1.0)
            await asyncio.sleep(0.013)
        waits.sort()
        assert waits[len(waits) // 2] < 0.02, "at most one read is waited for"


@pytest.mark.fault("F-045", "U6")
async def test_a_hundred_reconnects_leave_nothing_behind(soak):
    async with tcp_peer() as peer, polling((line(peer), [fast("thing")])) as rig:
        await until(lambda: rig.reading("thing", "power").usable is not None, within_s=1.0)
        before = footprint()
        for _ in range(100 if soak else 20):
            for transport in list(peer.open):
                transport.abort()
            count = peer.connections
            await until(lambda: peer.connections > count, within_s=2.0)  # noqa: B023 - awaited here
        await until(lambda: len(peer.open) == 1, within_s=1.0)
        assert_nothing_left(before, footprint())
        health = rig.pollers[0].health()
        assert health["dialled"] >= 21
        assert health["polls"] > 0


async def test_what_is_read_once_is_tried_again_until_it_was_read():
    lost = 2

    def script(asked: Asked) -> Reply:
        nonlocal lost
        if asked.address == 300 and lost:
            lost -= 1
            return []
        return straight(asked)

    member = fast("thing")
    points = [replace(p, every=Every.ONCE) if p.name == "temperature" else p for p in member.profile.points.values()]
    once = replace(member, profile=things.profile(points))
    async with tcp_peer(script) as peer, polling((line(peer), [once])) as rig:
        await until(lambda: rig.reading("thing", "temperature").usable == 300.0, within_s=2.0)
        await asyncio.sleep(5 * T_POLL)
        assert len(polls_of(peer, address=300)) == 3


async def test_what_is_read_once_and_never_answered_is_asked_more_and_more_rarely():
    def script(asked: Asked) -> Reply:
        return [] if asked.address == 300 else straight(asked)

    member = fast("thing")
    points = [replace(p, every=Every.ONCE) if p.name == "temperature" else p for p in member.profile.points.values()]
    once = replace(member, profile=things.profile(points))
    async with tcp_peer(script) as peer, polling((line(peer), [once])) as rig:
        await until(lambda: len(polls_of(peer)) >= 60, within_s=30.0)
        tries = len(polls_of(peer, address=300))
        assert 2 <= tries <= 6, tries
        assert rig.pollers[0].online("thing")
