"""Why a request is refused, row by row."""

from dataclasses import replace
from math import inf, nan

import pytest

from gateway.control.book import take
from gateway.control.judge import LATE_MS, judge
from gateway.control.state import Book
from gateway.model.request import Kind, Result, Service, Source
from gateway.model.site import Limits, Services
from tests.control.fakes import UTC_MS, arrival, battery, request, site

SITE = site(battery(), limits=Limits(max_import_w=1e6, max_export_w=0.0))
DAY_MS = 86_400_000
BOOK = Book()
GOOD = {"power_w": 5e5}
LIMIT = {"kind": Kind.LIMIT, "max_import_w": 5e5}
REG = {"service": Service.REG, "signal": 0.5}


def reason(where=SITE, book=BOOK, **changes):
    return judge(book, request(**changes), where, received_ms=UTC_MS)


@pytest.mark.parametrize(
    "good",
    [
        GOOD, LIMIT, REG,
        {"kind": Kind.EVENT, "shed_w": 1e5},
        {"service": Service.AR, "shed_w": 2e5},
        {"target": "battery", "power_w": -2e5},
        {"target": "battery", "power_w": None, "source": Source.MANUAL, "end_ms": None},
        {"kind": Kind.LIMIT, "withdraws": "max_import_w"},
        {**LIMIT, "max_import_w": 0.0},
        {**REG, "signal": -1.0}, {**REG, "signal": 1.0},
        {**GOOD, "power_w": 0.0}, {**GOOD, "power_w": 1e6},
    ],
)  # fmt: skip
def test_what_is_offered_and_in_range_is_taken(good):
    assert reason(**good) is None


@pytest.mark.fault("A-041")
@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"issued_ms": UTC_MS + 5_000}, None),
        ({"issued_ms": UTC_MS + 5_001}, "from_the_future"),
        ({"issued_ms": UTC_MS + 600_000}, "from_the_future"),
        ({"issued_ms": UTC_MS - 600_000, "end_ms": UTC_MS + 1}, "too_old"),
        ({"issued_ms": UTC_MS - LATE_MS, "end_ms": UTC_MS + 1}, None),
        ({"issued_ms": UTC_MS - LATE_MS - 1, "end_ms": UTC_MS + 1}, "too_old"),
        ({"end_ms": UTC_MS}, "expired"),
        ({"end_ms": UTC_MS - 1}, "expired"),
        ({"end_ms": None}, "no_end"),
        ({"end_ms": None, "kind": Kind.EVENT}, "no_end"),
        ({"begin_ms": UTC_MS + 2 * DAY_MS, "end_ms": UTC_MS + 3 * DAY_MS}, None),
        ({"begin_ms": UTC_MS + 2 * DAY_MS + 1, "end_ms": UTC_MS + 3 * DAY_MS}, "beyond_horizon"),
        ({"begin_ms": UTC_MS + 2000, "end_ms": UTC_MS + 2000}, "ends_before_it_begins"),
        ({"begin_ms": UTC_MS + 2000, "end_ms": UTC_MS + 1000}, "ends_before_it_begins"),
        ({"end_ms": UTC_MS + 367 * DAY_MS}, "beyond_horizon"),
        ({"end_ms": 10**400}, "beyond_horizon"),
        ({"begin_ms": 10**400, "end_ms": 10**401}, "beyond_horizon"),
        ({"issued_ms": 10**400}, "from_the_future"),
    ],
)  # fmt: skip
def test_times_that_cannot_be_meant_are_refused(changes, expected):
    assert reason(**{**GOOD, **changes}) == expected


def test_a_limit_has_no_end():
    assert reason(**LIMIT, end_ms=UTC_MS + 1000) == "limit_with_end"


@pytest.mark.fault("A-038")
@pytest.mark.parametrize("value", [nan, inf, -inf, 1e308, -1e308, 10**400, -(10**400), 1.1e9])
@pytest.mark.parametrize(
    ("base", "name"),
    [
        (GOOD, "power_w"), (GOOD, "shed_w"), (REG, "signal"), (LIMIT, "max_import_w"), (LIMIT, "max_export_w"),
        ({"target": "battery"}, "power_w"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("where", [SITE, site(battery())], ids=["limited", "unlimited"])
def test_a_number_no_building_has_is_refused_and_never_clipped(where, base, name, value):
    book = Book()
    wish = request(**{**base, name: value})
    taken = take(book, (arrival(wish),), where)
    assert [verdict.result for verdict in taken.verdicts] == [Result.REFUSED]
    assert taken.verdicts[0].reason in ("non_finite", "out_of_range")
    assert (book.entries, taken.fresh) == ((), ())


@pytest.mark.fault("A-038")
@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"power_w": 1_000_001.0}, "out_of_range"),
        ({"power_w": -1.0}, "out_of_range"),
        ({"shed_w": 200_001.0}, "out_of_range"),
        ({"shed_w": -200_001.0}, "out_of_range"),
        ({**REG, "signal": 1.001}, "out_of_range"),
        ({**REG, "signal": -1.001}, "out_of_range"),
        ({"target": "battery", "power_w": 200_001.0}, "out_of_range"),
        ({**LIMIT, "max_import_w": -1.0}, "out_of_range"),
        ({"kind": Kind.LIMIT, "max_export_w": -1.0}, "out_of_range"),
    ],
)  # fmt: skip
def test_more_than_is_offered_is_refused(changes, expected):
    assert reason(**changes) == expected


@pytest.mark.parametrize(
    ("changes", "services", "expected"),
    [
        (REG, Services(), "not_offered"),
        ({"shed_w": 1.0}, Services(), "not_offered"),
        ({"service": Service.AR, "shed_w": 1.0}, Services(), "not_offered"),
        ({"service": Service.LIMIT, "power_w": 1.0}, SITE.services, "not_offered"),
        ({**REG, "signal": None, "power_w": 1.0}, SITE.services, "not_offered"),
        ({**REG, "kind": Kind.EVENT}, SITE.services, "not_offered"),
        ({**LIMIT, "target": "battery"}, SITE.services, "not_offered"),
        ({"target": "battery", "shed_w": 1.0}, SITE.services, "not_offered"),
        ({"target": "battery", **REG}, SITE.services, "not_offered"),
        ({"target": "battery"}, SITE.services, "not_offered"),
        ({"target": "boiler", "power_w": 1.0}, SITE.services, "unknown_target"),
        ({"kind": Kind.CANCEL, "ref": "nobody"}, SITE.services, "unknown_reference"),
        ({"power_w": 1.0, "replaces": "nobody"}, SITE.services, "unknown_reference"),
    ],
)  # fmt: skip
def test_what_is_not_offered_or_not_known_is_refused(changes, services, expected):
    assert reason(replace(SITE, services=services), **changes) == expected


@pytest.mark.fault("A-040", "A-042", "I-19")
@pytest.mark.parametrize(
    ("seq", "later_ms", "expected"),
    [(8, 0, None), (8, 10, None), (7, 0, "replayed"), (7, 10, "replayed"), (6, 0, "out_of_order"), (6, 10, "out_of_order"), (8, -1, "out_of_order")],
)  # fmt: skip
def test_an_older_sequence_number_or_issue_is_refused(seq, later_ms, expected):
    book = Book()
    take(book, (arrival(request(**GOOD, seq=7)),), SITE)
    again = request(**GOOD, seq=seq, issued_ms=UTC_MS + later_ms)
    assert judge(book, again, SITE, received_ms=UTC_MS) == expected


def test_sequence_numbers_count_within_one_issuer_and_target():
    book = Book()
    take(book, (arrival(request(**GOOD, seq=7)),), SITE)
    assert judge(book, request(**GOOD, seq=1, issuer="other"), SITE, received_ms=UTC_MS) is None
    assert judge(book, request(target="battery", power_w=0.0, seq=1), SITE, received_ms=UTC_MS) is None


@pytest.mark.parametrize("word", ["ref", "replaces"])
@pytest.mark.parametrize(
    ("issuer", "source", "held_by", "expected"),
    [
        ("vpp", Source.REMOTE, Source.REMOTE, None),
        ("other", Source.REMOTE, Source.REMOTE, "unknown_reference"),
        ("operator", Source.MANUAL, Source.REMOTE, None),
        ("vpp", Source.REMOTE, Source.MANUAL, "unknown_reference"),
        ("operator", Source.MANUAL, Source.INTERLOCK, "unknown_reference"),
    ],
)
def test_one_may_name_only_ones_own_or_what_is_below_oneself(word, issuer, source, held_by, expected):
    book = Book()
    take(book, (arrival(request(id="x", power_w=0.0, target="battery", source=held_by)),), SITE)
    kind = {"kind": Kind.CANCEL} if word == "ref" else {"power_w": 1.0}
    assert reason(book=book, issuer=issuer, source=source, **kind, **{word: "x"}) == expected
