"""OPC UA: points that are set by a method of the device: its argument's type, methods without one, what is refused."""

from dataclasses import replace

import pytest
from asyncua.ua.status_codes import StatusCodes

from gateway.clock import SystemClock
from gateway.errors import BusRefused, BusTimeout
from gateway.field.opcua import OpcUaBus
from gateway.model.site import Device
from gateway.profiles.schema import Kind, MethodCall, PathStep
from tests.field import things
from tests.field.conftest import Peer
from tests.field.test_opcua_security import named, trusting


def call(method: str, when: float | None = None) -> MethodCall:
    return MethodCall((PathStep(things.URI, "Thing"), PathStep(things.URI, method)), when)


def point(name: str, browse_name: str, kind: Kind, *calls: MethodCall, **more):
    return replace(things.node(name, browse_name, kind, writable=True, **more), calls=calls)


MEMBER = things.Member(
    Device("thing", "test/thing", "line"),
    things.profile(
        [
            point("limit", "Limit", Kind.F64, call("SetLimit"), factor=10.0),
            point("running", "Running", Kind.BOOL, call("Stop", 0.0), call("Start", 1.0)),
            replace(point("unread", "", Kind.F64, call("SetLimit")), path=(), readable=False),
            point("both", "Limit", Kind.F64, call("SetBoth")),
            point("absent", "Limit", Kind.F64, call("NoSuchMethod")),
            point("half", "Running", Kind.U16, call("Start", 1.0)),
            things.node("word", "Word", Kind.U16, writable=True),
        ]
    ),
)


@pytest.fixture
async def bus(peer: Peer, tmp_path):
    found = OpcUaBus(named(peer), [MEMBER], clock=SystemClock(), papers=trusting(tmp_path / "opcua", peer))
    yield found
    await found.close()


async def test_a_method_gets_the_value_as_its_declared_type_and_what_it_did_is_read_back(bus, peer):
    await bus.write("thing", {"limit": 425.0, "word": 7.0})
    assert peer.lines("CALLED")[-1] == "CALLED SetLimit Float:42.5"
    await bus.write("thing", {"running": 0.0})
    assert peer.lines("CALLED")[-1] == "CALLED Stop"
    values = dict(zip(bus.batches("thing")[0].points, (await bus.read("thing", 0)).values, strict=True))
    assert (values["limit"], values["running"], values["word"]) == (425.0, 0.0, 7.0)
    await bus.write("thing", {"running": 1.0, "unread": 50.0})
    assert peer.lines("CALLED S")[-1] == "CALLED Start"
    assert peer.lines("CALLED S")[-1] == "CALLED SetLimit Float:50"
    assert "unread" not in values


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"limit": 2000.0}, StatusCodes.BadOutOfRange),  # the device says no
        ({"both": 1.0}, StatusCodes.BadArgumentsMissing),
        ({"absent": 1.0}, StatusCodes.BadNodeIdUnknown),
        ({"half": 2.0}, StatusCodes.BadOutOfRange),
    ],
)
async def test_what_cannot_be_called_is_refused_and_the_session_goes_on(bus, values, code):
    with pytest.raises(BusRefused) as refused:
        await bus.write("thing", values)
    assert refused.value.code == code
    await bus.read("thing", 0)
    assert bus.counters["dialled"] == 1


async def test_a_call_that_is_not_answered_may_have_been_done(bus, monkeypatch):
    await bus.write("thing", {"limit": 500.0})
    client = bus._session.client

    async def lost(_requests):
        raise ConnectionError("the line is gone")

    monkeypatch.setattr(client.uaclient, "call", lost)
    with pytest.raises(BusTimeout, match="not answered"):
        await bus.write("thing", {"limit": 600.0})
