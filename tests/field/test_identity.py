"""Who a device says it is: three access levels over a real socket, and devices that never stop talking."""

import pytest

from emulators.modbus_device import TcpServer
from emulators.modbus_identity import IdentityServer
from emulators.unit import Stored, Unit
from gateway.errors import BusMismatch, BusRefused
from gateway.field.identity import MOST_BYTES, ROUNDS, Access, parse_page, printable, read_identity
from gateway.field.open import open_line
from gateway.field.pdu import judge
from tests.field.things import tcp, thing

STANDARD = {0: "Acme", 1: "Meter 3", 2: "2.14", 3: "https://acme.example", 5: "M3"}
OWN = {0x80: "serial 4711", 0x81: "a" * 200, 0x82: "b" * 200}


def device(objects, *, most=Access.EXTENDED, replies=None):
    """A transaction with an emulated device that refuses levels above `most`; requests are noted in `replies`."""
    served = IdentityServer(objects)

    async def ask(query):
        if replies is not None:
            replies.append(query.pdu)
        if query.pdu[2] > most:
            raise BusRefused("illegal data value", 3)
        outcome = judge(query, served.answer(query.pdu))
        assert isinstance(outcome, bytes)
        return outcome

    return ask


@pytest.mark.parametrize(
    ("access", "numbers"),
    [
        (Access.BASIC, [0, 1, 2]),
        (Access.REGULAR, [0, 1, 2, 3, 5]),
        (Access.EXTENDED, [0, 1, 2, 3, 5, 0x80, 0x81, 0x82]),
    ],
)
async def test_each_access_level_gives_its_objects_page_by_page(access, numbers):
    asked = []
    identity = await read_identity(device(STANDARD | OWN, replies=asked), 1, access=access)
    assert list(identity.objects) == numbers
    assert not identity.cut
    assert identity.named()["vendor"] == "Acme"
    assert len(asked) == (3 if access is Access.EXTENDED else 1)


async def test_a_level_the_device_refuses_is_followed_by_the_next_lower_one():
    identity = await read_identity(device(STANDARD, most=Access.BASIC), 1)
    assert identity.named() == {"vendor": "Acme", "product": "Meter 3", "revision": "2.14"}


async def test_a_device_without_the_function_says_so():
    async def ask(_query):
        raise BusRefused("illegal function", 1)

    with pytest.raises(BusRefused, match="illegal function"):
        await read_identity(ask, 1)


async def test_an_emulated_device_says_who_it_is_over_a_socket():
    member = thing()
    server = TcpServer({1: Unit("thing", member.profile, Stored({}), lambda: 0.0)})
    port = await server.start()
    line = open_line(tcp(f"127.0.0.1:{port}"), units=1)
    try:
        identity = await read_identity(line.transact, 1)
    finally:
        await line.close()
        await server.stop()
    assert identity.named() == {"vendor": "none", "product": "thing", "revision": "1.0.0", "model": "thing"}


@pytest.mark.fault("A-008")
@pytest.mark.parametrize("step", [0, 1])
async def test_a_device_that_always_has_more_is_cut_off(step):
    rounds = []

    async def endless(query):
        first = query.pdu[3]
        rounds.append(first)
        return bytes((0x83, 0xFF, (first + step) % 256, 1, first, 240)) + b"x" * 240

    identity = await read_identity(endless, 1)
    assert identity.cut
    assert len(rounds) <= ROUNDS
    assert sum(map(len, identity.objects.values())) <= MOST_BYTES


@pytest.mark.fault("A-008")
@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (b"Acme\0\0", "Acme"),
        (b"A\nB\x1b[31m", "A\\x0aB\\x1b[31m"),
        (b"\xe2\x80\xaeexe", "\\xe2\\x80\\xaeexe"),
        (b"C:\\x41", "C:\\x5cx41"),
    ],
)
def test_what_a_device_says_is_shown_without_its_control_characters(said, shown):
    assert printable(said) == shown


@pytest.mark.parametrize("data", [b"", b"\x83\x00\x00", b"\x83\x00\x00\x01\x00"])
def test_a_page_cut_short_is_a_mismatch(data):
    with pytest.raises(BusMismatch, match="cut short"):
        parse_page(data)
