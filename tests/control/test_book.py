"""The book: who wins, what a request ends, and that every one is answered once."""

from math import inf

import pytest

from gateway.control import book as books
from gateway.control.book import active, attach, drop, holds, in_force, limits, take, turn
from gateway.control.decision import Curve
from gateway.control.state import Book
from gateway.model.request import Arrival, Kind, Result, Service, Source
from gateway.model.site import Control, Limits
from tests.control.fakes import UTC_MS, arrival, battery, fans, request, site

SITE = site(battery(), fans(), limits=Limits(max_import_w=1e6, max_export_w=0.0))
LIMIT = {"kind": Kind.LIMIT}


def after(*wishes, where=SITE):
    """A book that took these at 0 s, and all answers given."""
    book = Book()
    verdicts = [verdict for wish in wishes for verdict in take(book, (arrival(wish, at_ms=UTC_MS),), where).verdicts]
    return book, verdicts


def ids(book):
    return [held.request.id for held in book.entries]


def answers(verdicts):
    return [(verdict.id, verdict.result.value, verdict.reason) for verdict in verdicts]


def test_an_accepted_request_is_anchored_to_the_boot_clock():
    book = Book()
    wish = request(power_w=1.0, issued_ms=UTC_MS - 2_000, begin_ms=UTC_MS + 10_000, end_ms=UTC_MS + 60_000)
    take(book, (arrival(wish, at_s=100.0, at_ms=UTC_MS),), SITE)
    (held,) = book.entries
    assert (held.issued_s, held.heard_s, held.begin_s, held.end_s, held.waits) == (98.0, 100.0, 110.0, 160.0, True)


def test_a_begin_in_the_past_begins_now():
    book, _ = after(request(power_w=1.0, begin_ms=UTC_MS - 5_000))
    assert (book.entries[0].begin_s, book.entries[0].waits) == (0.0, False)


@pytest.mark.fault("A-040", "I-18")
def test_a_repeated_id_gets_the_same_answers_and_changes_nothing():
    first, second = request(id="a", power_w=1.0), request(id="b", power_w=2.0)
    book, _ = after(first, second)
    before = list(book.entries)
    assert answers(take(book, (arrival(first),), SITE).verdicts) == [("a", "accepted", "ok"), ("a", "superseded", "b")]
    taken = take(book, (arrival(second), arrival(second)), SITE)
    assert answers(taken.verdicts) == [("b", "accepted", "ok")] * 2
    assert (list(book.entries), taken.fresh) == (before, ())


def test_a_refused_id_is_refused_again_in_the_same_words():
    bad = request(id="x", power_w=2e6)
    book, verdicts = after(bad, bad)
    assert answers(verdicts) == [("x", "refused", "out_of_range")] * 2
    assert book.entries == ()


def test_the_same_id_of_another_issuer_is_another_request():
    book, verdicts = after(
        request(id="x", kind=Kind.EVENT, power_w=1.0), request(id="x", issuer="other", kind=Kind.EVENT, power_w=2.0)
    )
    assert [verdict.result for verdict in verdicts] == [Result.ACCEPTED] * 2
    assert ids(book) == ["x", "x"]


@pytest.mark.parametrize(
    ("old", "new", "stays"),
    [
        ({"power_w": 1.0}, {"power_w": 2.0}, False),
        ({"power_w": 1.0}, {"power_w": 2.0, "issuer": "other"}, False),
        ({"power_w": 1.0}, {"service": Service.REG, "signal": 0.1}, True),
        ({"power_w": 1.0}, {"power_w": 2.0, "source": Source.MANUAL}, True),
        ({"power_w": 1.0}, {"power_w": 2.0, "target": "battery"}, True),
        ({"power_w": 1.0, "kind": Kind.EVENT}, {"power_w": 2.0, "kind": Kind.EVENT}, True),
        ({"power_w": 1.0, "kind": Kind.EVENT}, {"power_w": 2.0, "kind": Kind.EVENT, "replaces": "old"}, False),
        ({"power_w": 1.0, "kind": Kind.EVENT}, {"power_w": 2.0}, True),
        ({**LIMIT, "max_import_w": 1.0}, {**LIMIT, "max_import_w": 2.0}, False),
        ({**LIMIT, "max_import_w": 1.0}, {**LIMIT, "max_export_w": 2.0}, True),
        ({**LIMIT, "max_import_w": 1.0}, {**LIMIT, "max_import_w": 2.0, "issuer": "other"}, True),
    ],
)
def test_what_a_new_request_ends(old, new, stays):
    book, verdicts = after(request(id="old", **old), request(id="new", **new))
    assert ids(book) == (["old", "new"] if stays else ["new"])
    assert (("old", "superseded", "new") in answers(verdicts)) is not stays


@pytest.mark.parametrize("name", ["max_import_w", "max_export_w"])
def test_a_withdrawn_limit_ends_and_the_other_one_stays(name):
    book, verdicts = after(
        request(id="i", **LIMIT, max_import_w=1.0), request(id="e", **LIMIT, max_export_w=2.0),
        request(id="w", **LIMIT, withdraws=name),
    )  # fmt: skip
    ended = "i" if name == "max_import_w" else "e"
    assert ids(book) == (["e"] if ended == "i" else ["i"])
    assert answers(verdicts)[-3:] == [("w", "accepted", "ok"), (ended, "superseded", "w"), ("w", "done", "withdrawn")]


def test_cancelling_ends_the_one_that_is_named_and_answers_both():
    book, verdicts = after(
        request(id="a", kind=Kind.EVENT, power_w=1.0), request(id="b", kind=Kind.EVENT, power_w=1.0),
        request(id="c", kind=Kind.CANCEL, ref="a", end_ms=None),
    )  # fmt: skip
    assert ids(book) == ["b"]
    assert answers(verdicts)[2:] == [("c", "accepted", "ok"), ("a", "done", "cancelled"), ("c", "done", "ok")]


def test_cancelling_leaves_the_same_id_of_another_issuer_alone():
    book, _ = after(
        request(id="a", kind=Kind.EVENT, power_w=1.0), request(id="a", issuer="other", kind=Kind.EVENT, power_w=1.0),
        request(id="c", kind=Kind.CANCEL, ref="a"),
    )  # fmt: skip
    assert [held.request.issuer for held in book.entries] == ["other"]


@pytest.mark.fault("I-12", "I-14")
def test_a_remote_that_calls_itself_operator_cannot_end_a_manual_hold():
    hold = request(id="h", issuer="operator", source=Source.MANUAL, target="battery", power_w=0.0)
    book, verdicts = after(
        hold, request(kind=Kind.CANCEL, ref="h", issuer="operator", target="battery"),
        request(target="battery", power_w=1.0, replaces="h", issuer="operator"),
    )  # fmt: skip
    assert [verdict.reason for verdict in verdicts[1:]] == ["unknown_reference"] * 2
    assert ids(book) == ["h"]


@pytest.mark.fault("I-20")
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"power_w": 1.0}, {"power_w": 2.0}),
        ({**LIMIT, "max_import_w": 1.0}, {**LIMIT, "max_import_w": 2.0}),
        ({**LIMIT, "max_import_w": 1.0}, {**LIMIT, "withdraws": "max_import_w"}),
        ({"power_w": 1.0, "kind": Kind.EVENT}, {"kind": Kind.CANCEL, "ref": "old"}),
        ({"power_w": 1.0, "kind": Kind.EVENT}, {"power_w": 2.0, "kind": Kind.EVENT, "replaces": "old"}),
    ],
)
def test_before_its_begin_a_request_ends_nothing(old, new):
    begin_ms = UTC_MS + 30_000
    lasting = {} if new.get("kind") is Kind.LIMIT else {"end_ms": begin_ms + 5_000}
    book, _ = after(request(id="old", **old), request(id="new", begin_ms=begin_ms, **lasting, **new))
    assert ids(book) == ["old", "new"]
    assert turn(book, 29.9, UTC_MS) == ()
    assert "old" in ids(book)
    assert limits(book, SITE, 29.9)[0] == (1.0 if "max_import_w" in old else 1e6)
    turn(book, 30.0, UTC_MS)
    assert "old" not in ids(book)


@pytest.mark.fault("I-19")
def test_a_newer_setpoint_voids_an_older_one_that_has_not_begun():
    later = request(id="later", power_w=1.0, begin_ms=UTC_MS + 30_000, end_ms=UTC_MS + 90_000)
    book, verdicts = after(later, request(id="now", power_w=2.0))
    assert ids(book) == ["now"]
    assert ("later", "superseded", "now") in answers(verdicts)


def test_two_that_begin_together_are_taken_in_order():
    begin_ms = UTC_MS + 10_000
    event = request(id="e", kind=Kind.EVENT, power_w=1.0, begin_ms=begin_ms)
    book, _ = after(event, request(id="c", kind=Kind.CANCEL, ref="e", begin_ms=begin_ms, end_ms=None))
    verdicts = turn(book, 10.0, UTC_MS)
    assert ids(book) == []
    assert answers(verdicts) == [("e", "done", "cancelled"), ("c", "done", "ok")]


def test_what_is_cancelled_in_the_step_in_which_it_would_begin_does_not_begin():
    begin_ms = UTC_MS + 10_000
    event = request(id="e", kind=Kind.EVENT, power_w=1.0, begin_ms=UTC_MS + 5_000)
    amended = request(id="f", kind=Kind.EVENT, power_w=2.0, begin_ms=begin_ms, replaces="e")
    book, verdicts = after(event, amended)
    assert (ids(book), answers(verdicts)[-1]) == (["f"], ("e", "superseded", "f"))
    cancel = request(id="c", kind=Kind.CANCEL, ref="f", begin_ms=begin_ms, end_ms=None)
    take(book, (arrival(cancel),), SITE)
    book.entries = book.entries[::-1]  # whichever comes first
    assert [one[0] for one in answers(turn(book, 10.0, UTC_MS))] == ["f", "c"]
    assert ids(book) == []


@pytest.mark.parametrize(
    ("wish", "ends"),
    [
        ({"power_w": 1.0}, True),
        ({"kind": Kind.EVENT, "power_w": 1.0}, True),
        ({"target": "battery", "power_w": 1.0}, True),
        ({"target": "battery", "power_w": 1.0, "service": Service.REG}, True),
        ({"service": Service.REG, "signal": 0.5}, False),
        ({**LIMIT, "max_import_w": 1.0}, False),
        ({"target": "battery", "source": Source.MANUAL, "end_ms": None}, False),
    ],
)
def test_a_request_ends_by_its_own_time_except_a_signal_and_what_has_no_end(wish, ends):
    book, _ = after(request(id="x", **wish))
    assert turn(book, 59.999, UTC_MS) == ()
    assert ids(book) == ["x"]
    assert answers(turn(book, 60.0, UTC_MS)) == ([("x", "done", "ended")] if ends else [])
    assert ids(book) == ([] if ends else ["x"])


DR = {"kind": Kind.EVENT, "shed_w": 1.0}
AR = {"kind": Kind.EVENT, "service": Service.AR, "shed_w": 1.0}
REG = {"service": Service.REG, "signal": 0.0}


@pytest.mark.parametrize(
    ("wishes", "leads"),
    [
        ([], None), ([DR], 0), ([DR, AR], 1), ([AR, DR], 0), ([DR, REG, AR], 1), ([REG, DR], 0),
        ([DR, DR], 1), ([{**DR, "begin_ms": UTC_MS + 1}, DR], 1), ([{**LIMIT, "max_import_w": 1.0}], None),
        ([{"target": "battery", "power_w": 1.0}], None), ([REG, {"power_w": 1.0, "source": Source.MANUAL}], 1),
    ],
)  # fmt: skip
def test_the_strongest_request_leads_the_site(wishes, leads):
    wishes = [request(**wish) for wish in wishes]
    book, _ = after(*wishes)
    found = active(book, 0.0)
    assert (None if found is None else found.request.id) == (None if leads is None else wishes[leads].id)


@pytest.mark.fault("I-12")
@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0), (0, 2, 1)])
def test_the_strongest_hold_has_the_asset_whatever_came_first(order):
    sources = (Source.REMOTE, Source.MANUAL, Source.INTERLOCK)
    wishes = [request(issuer=f"i{at}", source=sources[at], target="battery", power_w=float(at)) for at in order]
    book, _ = after(*wishes, request(target="fans", power_w=20_000.0))
    found = holds(book, 0.0)
    assert {name: held.request.source for name, held in found.items()} == {
        "battery": Source.INTERLOCK,
        "fans": Source.REMOTE,
    }


def test_a_hold_has_no_effect_before_it_begins():
    book, _ = after(request(target="battery", power_w=1.0, begin_ms=UTC_MS + 1000))
    assert (holds(book, 0.9), set(holds(book, 1.0))) == ({}, {"battery"})


def test_a_remote_setpoint_on_an_asset_alone_is_in_force_and_a_manual_hold_is_not():
    manual = request(target="battery", source=Source.MANUAL, issuer="me", power_w=0.0)
    book, _ = after(manual)
    assert in_force(book, 0.0) is None
    take(book, (arrival(request(id="x", target="fans", power_w=20_000.0)),), SITE)
    assert in_force(book, 0.0) is book.entries[1]
    take(book, (arrival(request(id="y", power_w=1.0)),), SITE)
    assert in_force(book, 0.0) is book.entries[2]


FAILSAFE = site(limits=Limits(900.0, 50.0, failsafe_import_w=300.0), control=Control(link_lost_s=120.0))


@pytest.mark.fault("I-10", "F-059")
@pytest.mark.parametrize(
    ("wishes", "now_s", "expected"),
    [
        ([], 1e6, (900.0, 50.0)),
        ([{"max_import_w": 500.0}], 0.0, (500.0, 50.0)),
        ([{"max_import_w": 5000.0}], 0.0, (900.0, 50.0)),
        ([{"max_import_w": 500.0}, {"max_import_w": 400.0, "issuer": "other"}], 0.0, (400.0, 50.0)),
        ([{"max_export_w": 0.0}], 0.0, (900.0, 0.0)),
        ([{"max_import_w": 500.0}], 120.0, (500.0, 50.0)),
        ([{"max_import_w": 500.0}], 120.1, (300.0, 50.0)),
        ([{"max_import_w": 200.0}], 120.1, (200.0, 50.0)),
        ([{"max_export_w": 10.0}], 1e6, (900.0, 10.0)),
        ([{"max_import_w": 500.0, "begin_ms": UTC_MS + 10_000}], 9.9, (900.0, 50.0)),
    ],
)
def test_the_strictest_limit_holds_and_silence_only_makes_it_stricter(wishes, now_s, expected):
    book, _ = after(*(request(**LIMIT, **wish) for wish in wishes), where=FAILSAFE)
    assert limits(book, FAILSAFE, now_s) == expected


def test_without_a_failsafe_the_limit_in_force_stays():
    where = site(limits=Limits(900.0, inf))
    book, _ = after(request(**LIMIT, max_import_w=500.0), where=where)
    assert limits(book, where, 1e9) == (500.0, inf)


def test_a_heartbeat_or_a_valid_command_is_life_and_a_refused_or_repeated_one_is_not():
    book = Book()
    good, bad = request(power_w=1.0), request(power_w=2e6)

    def hear(wish, at_s):
        take(book, (Arrival("vpp", at_s, UTC_MS, wish),), SITE)
        return book.heard.get("vpp")

    assert [hear(bad, 1.0), hear(None, 2.0), hear(good, 3.0), hear(good, 4.0), hear(bad, 5.0)] == [
        None,
        2.0,
        3.0,
        3.0,
        3.0,
    ]
    assert hear(None, 1.0) == 3.0


def test_old_answers_are_forgotten_first_and_those_of_running_requests_never():
    running = request(id="running", kind=Kind.EVENT, power_w=1.0)
    book, _ = after(running, *(request(id=f"x{at}", power_w=2e6) for at in range(books.ANSWERS_KEPT + 5)))
    assert len(book.answered) == books.ANSWERS_KEPT
    assert "vpp>running" in book.answered
    assert "vpp>x0" not in book.answered


def test_where_every_request_runs_no_answer_is_forgotten():
    many = [request(kind=Kind.EVENT, power_w=1.0) for _ in range(books.ANSWERS_KEPT + 3)]
    book, _ = after(*many)
    assert len(book.answered) == len(book.entries) == books.ANSWERS_KEPT + 3


def test_a_curve_reaches_the_event_it_was_made_for():
    book, _ = after(request(id="a", **DR), request(id="b", **DR))
    attach(book, (Curve("b", (1.0, 2.0), 60.0),))
    assert [(held.curve, held.curve_step_s) for held in book.entries] == [(None, 900.0), ((1.0, 2.0), 60.0)]


def test_dropping_takes_exactly_the_one_and_answers_it():
    book, _ = after(request(id="x", **DR), request(id="x", issuer="other", **DR))
    verdict = drop(book, book.entries[0], Result.FAILED, "upstream_lost", UTC_MS + 5)
    assert [held.request.issuer for held in book.entries] == ["other"]
    assert (verdict.id, verdict.issuer, verdict.result, verdict.at_ms) == ("x", "vpp", Result.FAILED, UTC_MS + 5)
    assert book.answered["vpp>x"][-1] == verdict
