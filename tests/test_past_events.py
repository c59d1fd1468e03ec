"""Events that are over: known again after a restart from the records of the audit chain, each once."""

from dataclasses import asdict, replace

from gateway.dashboard.past import EventPast
from gateway.past_events import KIND, MOST, PastEvents, event_of

EVENT = EventPast(
    "e1", "vpp", "remote", "dr", "event", "site", 1000, 2000, 1e5, None, "done", "ok", 2001, 0.98,
)  # fmt: skip


def record(event: EventPast, **more: object) -> dict[str, object]:
    return {"n": 1, "at": 0, "kind": KIND, "data": asdict(event), "hash": "", **more}


def test_an_event_comes_back_from_its_record() -> None:
    assert event_of(record(EVENT)) == EVENT
    assert event_of(record(EVENT, kind="verdict")) is None
    assert event_of(record(EVENT, data={"id": "e1"})) is None


def test_what_is_remembered_stands_behind_what_is_known_already_each_once() -> None:
    past = PastEvents()
    past.remember([record(EVENT)])
    older = replace(EVENT, id="e0", over_ms=900)
    past.remember([record(EVENT), record(older)])
    assert past.newest() == (EVENT, older)


def test_no_more_than_the_most_are_remembered_and_the_newest_stay() -> None:
    past = PastEvents()
    past.remember(record(replace(EVENT, id=f"e{n}")) for n in range(MOST + 50))
    assert len(past.newest()) == MOST
    assert past.newest()[0].id == "e0"
