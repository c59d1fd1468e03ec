"""Events that are over: known again after a restart from the records of the audit chain, each once."""

from dataclasses import asdict, replace

import pytest

from gateway.control.decision import Decision
from gateway.dashboard.past import EventPast
from gateway.model.mode import Mode
from gateway.past_events import KIND, MOST, REGULATION, PastEvents, event_of
from gateway.past_regulation import HOUR_MS, PastRegulation

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


T0_MS = 500_000 * HOUR_MS


def decided(at_s: float, **changes: object) -> Decision:
    given: dict[str, object] = {
        "now_s": at_s, "utc_ms": T0_MS + round(1000.0 * at_s), "mode": Mode.REMOTE, "cause": "", "service": "reg",
        "signal": 0.5, "capacity_w": 2e5, "basepoint_w": 6e5, "target_w": 5e5, "site_w": 5.1e5, "baseline_w": None,
        "shortfall_w": 0.0, "shares": (), "commands": (), "verdicts": (), "alarms": (), "plan": None,
    }  # fmt: skip
    return Decision(**{**given, **changes})  # type: ignore[arg-type]


def stretches(*decisions: Decision) -> list[EventPast]:
    past = PastRegulation()
    return [over for one in decisions if (over := past.follow(one, "vpp")) is not None]


def test_regulation_that_is_over_says_how_closely_it_was_followed() -> None:
    (over,) = stretches(*(decided(at) for at in range(31)), decided(31, service="ar"))
    assert (over.service, over.issuer, over.begin_ms, over.end_ms) == ("reg", "vpp", T0_MS, T0_MS + 30_000)
    assert over.delivery == pytest.approx(0.9)  # 10 kW off where 100 kW were asked
    assert event_of(record(over, kind=REGULATION)) == over


def test_a_stretch_of_regulation_ends_with_its_hour_and_a_pause_does_not_end_it() -> None:
    hour = [decided(at) for at in range(3500, 3700, 10)]
    assert [(one.begin_ms - T0_MS, one.end_ms - T0_MS) for one in stretches(*hour)] == [(3_500_000, 3_590_000)]
    pause = [*(decided(at) for at in range(20)), decided(25, service=""), *(decided(at) for at in range(30, 50))]
    assert stretches(*pause) == []
    assert len(stretches(*pause, decided(70, service=""))) == 1


def test_what_is_not_known_is_no_distance_and_what_is_not_asked_no_precision() -> None:
    blind = [decided(at, site_w=None) for at in range(20)]
    seen = [decided(at) for at in range(20, 41)]
    (over,) = stretches(*blind, *seen, decided(41, service="dr"))
    assert over.delivery == pytest.approx(0.9)
    assert stretches(*blind, decided(20, service="dr")) == []
    still = [decided(at, target_w=6e5, site_w=6e5) for at in range(20)]
    assert [one.delivery for one in stretches(*still, decided(20, service="dr"))] == [None]
