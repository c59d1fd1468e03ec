"""A flood of commands: two a second of an issuer for a target, the last word gets through, everyone is answered."""

import asyncio
import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.model.request import Arrival, Kind, Request, Service, Source
from gateway.uplink.pace import MOST_STREAMS, Pace
from tests.uplink.gateway_side import QUICK, uplink
from tests.uplink.parts import ScriptedBroker, until
from tests.wire.test_command import SETPOINT

_numbers = itertools.count(1)


def command(*, id_: str = "", issuer: str = "vpp", target: str = "site", kind=Kind.SETPOINT, **more) -> Arrival:
    number = next(_numbers)
    service = Service.LIMIT if kind is Kind.LIMIT else Service.DR
    request = Request(id_ or f"r{number}", issuer, Source.REMOTE, number, service, kind, target, 0, 0, **more)
    return Arrival(issuer, 0.0, 0, request)


def ids(arrivals) -> list[str]:
    return [one.request.id for one in arrivals if one.request]


@pytest.mark.fault("A-047")
def test_a_thousand_a_second_are_two_a_second_after_five_and_the_last_one_counts():
    pace, passed, superseded = Pace(), [], []
    for n in range(10_000):
        now_s = n / 1000.0
        for paced in (pace.due(now_s), pace.take(command(id_=f"f{n}"), now_s)):
            passed += [(now_s, id_) for id_ in ids(paced.passed)]
            superseded += [request.id for request, _ in paced.superseded]
            assert not paced.refused
    assert len(passed) == 5 + 2 * 10 - 1
    assert all(sum(1 for at_s, _ in passed if from_s < at_s <= from_s + 1.0) <= 2 for from_s in (1.0, 3.5, 7.25))
    last = pace.due(pace.due_s())
    assert ids(last.passed) == ["f9999"]
    assert len(passed) + len(superseded) + 1 == 10_000  # everyone is answered
    assert pace.due_s() is None


@pytest.mark.fault("A-047")
@given(
    st.lists(
        st.tuples(st.floats(0.0, 0.7), st.sampled_from("ab"), st.sampled_from(["x", "y"]), st.sampled_from(list(Kind)))
    )
)
def test_whatever_comes_no_stream_gets_more_than_its_pace_and_everyone_is_answered_once(script):
    pace, now_s, seen = Pace(), 0.0, {}
    answered, asked = [], []

    def note(paced) -> None:
        for one in paced.passed:
            seen.setdefault((one.issuer, one.request.target), []).append(now_s)
        answered.extend([*ids(paced.passed), *(r.id for r, _ in paced.superseded), *(r.id for r in paced.refused)])

    for wait_s, issuer, target, kind in script:
        now_s += wait_s
        note(pace.due(now_s))
        arrival = command(issuer=issuer, target=target, kind=kind)
        asked.append(arrival.request.id)
        note(pace.take(arrival, now_s))
    while (due_s := pace.due_s()) is not None:
        now_s = max(now_s, due_s) + 1e-6
        note(pace.due(now_s))
    assert sorted(answered) == sorted(asked)
    for times in seen.values():
        for first, last in itertools.combinations(range(len(times)), 2):
            assert last - first + 1 <= 5 + 2.0 * (times[last] - times[first]) + 1e-3


def spent(pace: Pace) -> None:
    for _ in range(5):
        assert len(pace.take(command(), 0.0).passed) == 1


def test_an_event_or_a_cancellation_never_takes_the_place_of_a_command_that_waits():
    pace = Pace()
    spent(pace)
    assert not pace.take(command(id_="waits"), 0.0).superseded
    for kind in (Kind.EVENT, Kind.CANCEL, Kind.LIMIT):
        paced = pace.take(command(id_=kind.value, kind=kind), 0.0)
        assert [one.id for one in paced.refused] == [kind.value]
    assert ids(pace.due(0.5).passed) == ["waits"]


def test_limits_of_two_kinds_do_not_replace_each_other():
    pace = Pace()
    spent(pace)
    pace.take(command(id_="import", kind=Kind.LIMIT, max_import_w=1.0), 0.0)
    paced = pace.take(command(id_="export", kind=Kind.LIMIT, max_export_w=1.0), 0.0)
    assert [one.id for one in paced.refused] == ["export"]
    paced = pace.take(command(id_="withdrawn", kind=Kind.LIMIT, withdraws="max_import_w"), 0.0)
    assert [(one.id, by) for one, by in paced.superseded] == [("import", "withdrawn")]


def test_copies_take_no_token_and_get_the_answer_of_the_first():
    pace = Pace()
    spent(pace)
    pace.take(command(id_="old"), 0.0)
    for _ in range(3):
        assert not pace.take(command(id_="new"), 0.0).refused
    assert [(one.id, by) for one, by in pace.take(command(id_="old"), 0.1).superseded] == [("old", "new")]
    assert ids(pace.due(0.5).passed) == ["new"] * 3
    assert ids(pace.take(command(id_="new"), 0.5).passed) == ["new"]


def test_streams_beyond_the_bound_are_refused_until_others_are_full_again():
    pace = Pace()
    for n in range(MOST_STREAMS):
        assert pace.take(command(issuer=f"i{n}"), 0.0).passed
    assert pace.take(command(issuer="late"), 0.1).refused
    assert pace.take(command(issuer="late"), 10.0).passed


@pytest.mark.fault("A-047", "U4", "U7")
async def test_a_flood_over_a_broker_is_thinned_told_and_answered_and_the_newest_command_arrives(tmp_path):
    """Setpoints of ± 100 % as fast as they go."""
    count = 300
    async with (
        ScriptedBroker().serving() as broker,
        uplink(tmp_path / "state", broker.port, version="3.1.1", times=QUICK) as side,
    ):
        await until(lambda: side.link.connected)
        for n in range(count):
            tree = {**SETPOINT, "id": f"f{n}", "seq": n + 1, "signal": 1.0 if n % 2 else -1.0}
            await broker.send("vpp/v1/tower/command", json.dumps(tree).encode())
            if n % 50 == 0:
                await asyncio.sleep(0)
        await until(lambda: f"f{count - 1}" in ids(side.arrivals))
        assert len(side.arrivals) <= 12
        assert [(one.key, one.raised) for one in side.alarms] == [("command_flood:vpp", True)]
        acks = lambda: [json.loads(raw) for name, raw in broker.published if name.endswith("/ack")]  # noqa: E731
        await until(lambda: len(acks()) >= count - len(side.arrivals))
        assert {one["result"] for one in acks()} == {"superseded"}
        assert side.refusals == []
        assert side.link.sessions == 1
