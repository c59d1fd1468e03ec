"""What reaches a real peer when a device takes one function only, changes bits itself, or breaks off in the middle of a group."""

import struct
from itertools import pairwise

import pytest

from gateway.field.bus import Member
from gateway.model.command import Fate
from gateway.model.site import Device
from gateway.profiles.schema import Mask, Set
from tests.field import things
from tests.field.peers import RST, Asked, Reply, straight, tcp_peer
from tests.field.rig import polling, until
from tests.field.test_faults_poller import T_POLL, line

ENABLED = 0x4
ILLEGAL_FUNCTION = 1


def machine(*steps, function: str = "any") -> Member:
    """`limit` at 110 and `bound` beside it, the bits of `word` at 120."""
    points = [
        things.register("limit", 110, writable=True),
        things.register("bound", 111, writable=True),
        things.register("word", 120, writable=True),
    ]
    made = things.control("limit", apply=steps, keepalive=None, write_function=function)
    return Member(Device("thing", "test/thing", "line", poll_s=T_POLL), things.profile(points, [made]))


def only(*functions: int):
    """A device that knows these functions, and reads."""

    def script(asked: Asked) -> Reply:
        known = asked.pdu[0] in (3, *functions)
        return straight(asked) if known else [(0.0, asked.frame(bytes((asked.pdu[0] | 0x80, ILLEGAL_FUNCTION))))]

    return script


LIMIT, ENABLE = Set((("limit", None),)), Mask("word", set_bits=ENABLED, clear_bits=0x3)
BOTH = Set((("limit", None), ("bound", None)))


@pytest.mark.parametrize(
    ("knows", "function", "steps", "writes"),
    [
        (16, "16", (LIMIT, ENABLE), [16, 16]),
        (6, "6", (BOTH, ENABLE), [6, 6, 6]),
        (6, "any", (LIMIT, ENABLE), [6, 6]),
        (23, "23", (LIMIT, ENABLE), [23, 23]),
    ],
)
async def test_a_device_that_knows_one_function_is_written_by_that_alone(knows, function, steps, writes):
    member = machine(*steps, function=function)
    async with tcp_peer(only(knows)) as peer, polling((line(peer), [member])) as rig:
        peer.applies = lambda asked: asked.pdu[0] in (3, knows)
        rig.command("thing", 70.0)
        await until(lambda: Fate.CONFIRMED in rig.fates(), within_s=3.0)
        assert [asked.pdu[0] for asked in peer.ledger if asked.pdu[0] != 3] == writes
        assert peer.device.words[110] == 70
        assert peer.device.words[120] == 120 & ~0x3 | ENABLED
        assert rig.fates() == [Fate.WRITTEN, Fate.CONFIRMED]


async def test_bits_are_changed_in_the_device_itself_whoever_else_changes_the_word():
    async with tcp_peer() as peer:

        def script(asked: Asked) -> Reply:
            if asked.pdu[0] == 3 and asked.address == 120:
                peer.device.words[120] = 0x8003  # somebody else, after every reading of ours
            return straight(asked)

        peer.script = script
        async with polling((line(peer), [machine(LIMIT, ENABLE, function="22")])) as rig:
            await until(lambda: rig.reading("thing", "word").usable is not None, within_s=2.0)
            rig.command("thing", 70.0)
            await until(lambda: Fate.CONFIRMED in rig.fates(), within_s=3.0)
            masked = [asked.pdu for asked in peer.ledger if asked.pdu[0] == 22]
            assert masked == [struct.pack(">BHHH", 22, 120, 0xFFFF & ~0x7, ENABLED)]
            assert any(words == (0x8004,) for _, address, words in peer.device.writes if address == 120)


async def test_a_device_without_mask_write_is_told_and_not_asked_for_ever():
    async with tcp_peer(only(6)) as peer, polling((line(peer), [machine(LIMIT, ENABLE, function="22")])) as rig:
        rig.command("thing", 70.0)
        await until(lambda: Fate.REFUSED in rig.fates(), within_s=3.0)
        assert "illegal function" in next(o.detail for o in rig.outcomes if o.fate is Fate.REFUSED)
        tries = [asked.at_s for asked in peer.ledger if asked.pdu[0] == 22]
        await until(lambda: len([a for a in peer.ledger if a.pdu[0] == 22]) > len(tries), within_s=5.0)
        tries = [asked.at_s for asked in peer.ledger if asked.pdu[0] == 22]
        assert min(b - a for a, b in pairwise(tries)) >= 0.45
        assert rig.reading("thing", "limit").usable == 70.0


@pytest.mark.fault("F-025", "F-108")
@pytest.mark.parametrize("applied", [False, True], ids=["lost", "taken"])
@pytest.mark.parametrize("breaks_at", [110, 111, 120])
async def test_a_group_that_breaks_off_is_done_again_from_its_first_step_and_never_enables_a_value_alone(
    breaks_at, applied
):
    """Bound, value, enable, in that order; the connection is reset at one of them, before or after the device took it."""
    broken = False
    steps = (Set((("bound", 500.0),)), LIMIT, ENABLE)
    async with tcp_peer() as peer:
        peer.device.words |= {110: 9999, 111: 0, 120: 0}
        seen: list[tuple[int, int, int]] = []

        def breaks(asked: Asked) -> bool:
            return asked.pdu[0] == 6 and asked.address == breaks_at and not broken

        def script(asked: Asked) -> Reply:
            nonlocal broken
            words = peer.device.words
            seen.append((words[111], words[110], words[120]))
            if breaks(asked):
                broken = True
                return [(0.0, RST)]
            return straight(asked)

        peer.script = script
        peer.applies = lambda asked: applied or not breaks(asked)
        async with polling((line(peer), [machine(*steps)])) as rig:
            rig.command("thing", 70.0)
            await until(lambda: Fate.CONFIRMED in rig.fates(), within_s=5.0)
        assert broken
        assert all((bound, value) == (500, 70) for bound, value, word in seen if word & ENABLED)
        assert seen[-1] == (500, 70, ENABLED)
