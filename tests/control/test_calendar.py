"""Hours of services: local times compiled to UTC, over both changes of the clock and where there is none."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.control.calendar import closes_ms, windows
from gateway.model.local import When
from gateway.model.request import Kind, Service, Source
from gateway.model.site import AutomaticResponse, DemandResponse, Regulation, Services
from tests.control.fakes import UTC_MS, Toy, battery, fans, site

BERLIN, SHANGHAI, SYDNEY = "Europe/Berlin", "Asia/Shanghai", "Australia/Sydney"
NIGHT = When(spans=((23 * 60, 31 * 60),))
HOUR_MS = 3_600_000


def ms(*when, zone="UTC"):
    return round(datetime(*when, tzinfo=ZoneInfo(zone)).timestamp() * 1000)


@pytest.mark.fault("F-070")
@pytest.mark.parametrize(
    ("zone", "day", "span", "hours"),
    [
        (BERLIN, date(2026, 3, 29), (0, 1440), 23.0),
        (BERLIN, date(2026, 10, 25), (0, 1440), 25.0),
        (SYDNEY, date(2026, 10, 4), (0, 1440), 23.0),
        (SYDNEY, date(2026, 4, 5), (0, 1440), 25.0),
        (SHANGHAI, date(2026, 3, 29), (0, 1440), 24.0),
        (BERLIN, date(2026, 3, 29), (120, 180), 1.0),  # the hour that is missing: an hour later, as long as ever
        (BERLIN, date(2026, 3, 29), (135, 165), 0.5),
        (BERLIN, date(2026, 3, 29), (60, 180), 1.0),
        (BERLIN, date(2026, 10, 25), (120, 180), 2.0),  # the hour that comes twice: both
        (BERLIN, date(2026, 10, 25), (150, 150 + 60), 2.0),
        (BERLIN, date(2026, 3, 28), (23 * 60, 31 * 60), 7.0),  # over midnight into the change
        (SHANGHAI, date(2026, 7, 1), (23 * 60, 31 * 60), 8.0),
    ],
)
def test_each_window_runs_once_a_day_with_the_length_the_clocks_on_the_wall_show(zone, day, span, hours):
    ((begin, end),) = windows(When(spans=(span,)), zone, day)
    assert (end - begin) / HOUR_MS == hours


@pytest.mark.fault("F-070")
@given(
    st.sampled_from([BERLIN, SHANGHAI, SYDNEY]),
    st.dates(date(2026, 1, 2), date(2027, 12, 30)),
    st.integers(0, 1439),
    st.integers(1, 1440),
)
def test_a_window_is_open_exactly_between_its_begin_and_its_end_on_every_day_of_two_years(zone, day, first, length):
    rule = When(spans=((first, first + length),))
    ((begin, end),) = windows(rule, zone, day)
    assert begin < end
    assert abs((end - begin) / 60_000 - length) <= 60
    assert closes_ms((rule,), zone, begin) >= end
    assert closes_ms((rule,), zone, end - 1) >= end
    local = datetime.fromtimestamp(begin / 1000.0, ZoneInfo(zone))
    assert (local.hour * 60 + local.minute - first) % 1440 in (0, 60)  # an hour later where the clock skips it


def test_months_days_and_hours_are_all_conditions_and_a_night_belongs_to_the_day_it_begins():
    rule = When(frozenset({7}), frozenset({4}), ((22 * 60, 26 * 60),))  # Fridays of July
    assert closes_ms((rule,), SHANGHAI, ms(2026, 7, 3, 21, 59, zone=SHANGHAI)) is None
    assert closes_ms((rule,), SHANGHAI, ms(2026, 7, 4, 1, 59, zone=SHANGHAI)) == ms(2026, 7, 4, 2, zone=SHANGHAI)
    assert closes_ms((rule,), SHANGHAI, ms(2026, 7, 4, 22, 30, zone=SHANGHAI)) is None
    assert closes_ms((rule,), SHANGHAI, ms(2026, 8, 7, 23, zone=SHANGHAI)) is None
    assert closes_ms((rule, NIGHT), SHANGHAI, ms(2026, 7, 3, 23, zone=SHANGHAI)) == ms(2026, 7, 4, 7, zone=SHANGHAI)
    assert closes_ms((), SHANGHAI, 0) == -1


def test_a_clock_that_was_never_set_opens_nothing():
    assert closes_ms((When(),), SHANGHAI, ms(1970, 1, 1, 0, 3)) is None
    assert datetime.fromtimestamp(UTC_MS / 1000, UTC).year >= 2026


HALF_MIN = 30_000


def services(*, open_ms, close_ms):
    """Regulation, automatic and demand response from one instant to the other of today, in UTC."""

    def minute(at_ms):
        at = datetime.fromtimestamp(at_ms / 1000, UTC)
        return at.hour * 60 + at.minute

    when = (When(spans=((minute(open_ms), minute(close_ms)),)),)
    return Services(
        Regulation(200_000.0, when=when), DemandResponse(200_000.0, when=when), AutomaticResponse(200_000.0, when=when)
    )


def toy(open_in_min, close_in_min):
    where = site(
        battery(), fans(), services=services(open_ms=UTC_MS + open_in_min * 60_000, close_ms=UTC_MS + close_in_min * 60_000)
    )  # fmt: skip
    return Toy(_in_utc(where))


def _in_utc(where):
    from dataclasses import replace

    return replace(where, timezone="UTC")


@pytest.mark.parametrize("wish", [{"power_w": 500_000.0}, {"kind": Kind.EVENT, "shed_w": 50_000.0}])
def test_outside_its_hours_a_service_is_not_offered(wish):
    one = toy(10, 20)
    one.run(2.0)
    one.ask(**wish)
    assert one.step().verdicts[-1].reason == "not_offered_then"
    one.ask(**wish, begin_ms=one.utc_ms + 12 * 60_000, end_ms=one.utc_ms + 15 * 60_000)
    assert one.step().verdicts[-1].result == "accepted"


def test_when_its_hours_are_over_a_signal_simply_ends_and_is_not_lost():
    one = toy(0, 1)
    one.run(2.0)
    modes = set()
    for at in range(35):
        one.ask(service=Service.REG, signal=0.5, end_ms=one.utc_ms + 10_000)
        one.run(2.0)
        modes.add((one.mode, one.last.cause) if at > 1 else None)
    assert modes - {None} == {("remote", "request_in_force"), ("local", "requests_ended")}


def test_an_event_ends_with_the_hours_of_its_service_whatever_the_wall_clock_does_meanwhile():
    one = toy(0, 1)
    one.run(2.0)
    one.ask(kind=Kind.EVENT, shed_w=50_000.0, end_ms=one.utc_ms + 600_000)
    one.run(5.0)
    one.wall_ms += HOUR_MS
    one.run(20.0)
    assert one.mode == "remote"
    one.until("local")
    assert one.now_s - 5_000.0 == pytest.approx(60.0, abs=0.3)


def test_a_person_has_no_hours():
    one = toy(10, 20)
    one.ask(target="battery", source=Source.MANUAL, issuer="operator:1", power_w=5_000.0)
    assert one.step().verdicts[-1].result == "accepted"
