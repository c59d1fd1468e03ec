"""The gateway's baseline of an event against the head-end's, each from the same history by its own code."""

import pytest

from emulators.load import DAY_S, LoadFile
from emulators.scenario import load_scenario
from emulators.vpp_baseline import History as Past
from emulators.vpp_baseline import Rules, baseline
from gateway.config import load_site
from gateway.control.state import Held
from gateway.history import AFTER_MS, BEFORE_MS, History, curve, renewed
from gateway.insight.baseline import SLOT_MS
from gateway.model.request import Kind, Request, Service, Source

SCENARIO = load_scenario("battery_half")
SITE = load_site(SCENARIO.site)
LOAD = SCENARIO.load()
BEGIN_H, LASTS_H = 14, 2


def measured(file: LoadFile, until_s: float) -> History:
    """The shipped load on the quarter-hour raster up to an instant of the file."""
    assert file.t0 is not None
    t0_ms = round(file.t0.timestamp() * 1000.0)
    slots = {
        t0_ms + slot * SLOT_MS: file.watts[int(slot * SLOT_MS / 1000.0 // file.interval_s)] or 0.0
        for slot in range(int(until_s * 1000.0) // SLOT_MS)
    }
    return History(slots)


def event(file: LoadFile, day: int, *, notice_s: float) -> Request:
    """An event at 14 h of a day of the file."""
    assert file.t0 is not None
    begin_ms = round((file.t0.timestamp() + day * DAY_S + BEGIN_H * 3600.0) * 1000.0)
    return Request(
        "e1", "vpp", Source.REMOTE, 1, Service.DR, Kind.EVENT, "site", begin_ms - round(1000.0 * notice_s), begin_ms,
        begin_ms + LASTS_H * 3_600_000, shed_w=100_000.0,
    )  # fmt: skip


def head_end(file: LoadFile, day: int, hours: list[float]) -> list[float | None]:
    """The head-end's curve at hours of the day."""
    start_s = day * DAY_S
    past = Past(file, start_s=start_s)
    service = SITE.services.demand_response
    assert service is not None
    rules = Rules(service.baseline_days, adjust_begin_s=service.adjust_begin_s, adjust_end_s=service.adjust_end_s)
    line = baseline(past, start_s=BEGIN_H * 3600.0, end_s=(BEGIN_H + LASTS_H) * 3600.0, rules=rules)
    assert line is not None
    return [line.at(hour * 3600.0) for hour in hours]


@pytest.mark.parametrize("day", [156, 177, 187, 191, 198, 219, 250, 264])
def test_at_its_notice_an_event_has_the_baseline_it_is_settled_by(day):
    file = LOAD.file
    noticed_s = day * DAY_S + BEGIN_H * 3600.0 - 1800.0
    found = curve(
        measured(file, noticed_s),
        wish := event(file, day, notice_s=1800.0),
        SITE,
        notice_ms=wish.begin_ms - 1_800_000,
    )
    assert found is not None
    assert (found.lead_s, found.step_s) == (BEFORE_MS / 1000.0, SLOT_MS / 1000.0)
    assert len(found.watts) == (BEFORE_MS + LASTS_H * 3_600_000 + AFTER_MS) // SLOT_MS
    hours = [BEGIN_H + 0.25 * quarter + 0.1 for quarter in range(16)]
    assert found.watts[4:20] == pytest.approx(head_end(file, day, hours), rel=1e-9)


def test_an_event_known_since_yesterday_gets_its_final_baseline_when_its_window_is_over():
    file, day = LOAD.file, 191
    wish = event(file, day, notice_s=86_400.0)
    held = Held(wish, 0.0, None, 0.0, waits=True)

    def at(hour: float) -> list[float]:
        until_s = day * DAY_S + hour * 3600.0
        now_ms = round((file.t0.timestamp() + until_s) * 1000.0) if file.t0 else 0
        return list(renewed(measured(file, until_s), [held], SITE, now_ms=now_ms)[0].watts[4:12])

    final = head_end(file, day, [BEGIN_H + 0.25 * quarter + 0.1 for quarter in range(8)])
    assert at(-10.0) != pytest.approx(final, rel=1e-3)
    assert at(13.5) == pytest.approx(final, rel=1e-9)
    assert at(13.75) == pytest.approx(final, rel=1e-9)
    assert renewed(measured(file, day * DAY_S), [Held(wish, 0.0, None, 0.0)], SITE, now_ms=wish.begin_ms) == []
