"""The book: requests in force or to come, who wins, and the answer to every one.

Judged on arrival against the wall clock, once; from then on every time is boot time (I-20). Order within remote:
limit > regulation > automatic response > demand response; among asset holds: interlock > manual > remote (I-12).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from math import inf

from gateway.control.calendar import closes_ms
from gateway.control.decision import Curve
from gateway.control.judge import hours_of, interlock_issuer, judge, may_name, stream
from gateway.control.state import Book, Held
from gateway.model.request import Arrival, Kind, Request, Result, Service, Source, Verdict
from gateway.model.site import Site

ANSWERS_KEPT = 256
Declines = Callable[[Arrival], str | None]
RANK = {Service.REG: 3, Service.AR: 2, Service.DR: 1, Service.LIMIT: 0}


@dataclass(frozen=True, slots=True)
class Taken:
    """What the arrivals of one step did: the answers, and the commands that are fresh."""

    verdicts: tuple[Verdict, ...]
    fresh: tuple[Held, ...]


def take(book: Book, arrivals: tuple[Arrival, ...], site: Site, *, declines: Declines = lambda _arrival: None) -> Taken:
    """Judge what arrived, enter what is accepted; `declines` says why the site will not follow a lawful request."""
    verdicts: list[Verdict] = []
    fresh: list[Held] = []
    for arrival in arrivals:
        request = arrival.request
        if request is None:
            _hear(book, arrival)
            continue
        known = book.answered.get(_key(request.issuer, request.id))
        if known is not None:
            verdicts.extend(known)
            continue
        reason = judge(book, request, site, received_ms=arrival.received_ms) or declines(arrival)
        result = Result.ACCEPTED if reason is None else Result.REFUSED
        verdicts.append(_answer(book, request, result, reason or "ok", at_ms=arrival.received_ms))
        if reason is None:
            _hear(book, arrival)  # a valid command counts as a heartbeat; a refused or repeated one does not
            held = _anchor(request, arrival, site)
            verdicts.extend(_enter(book, held, at_ms=arrival.received_ms))
            if request.kind is not Kind.CANCEL or (request.source is Source.MANUAL and request.ref is None):
                fresh.append(held)
    return Taken(tuple(verdicts), tuple(fresh))


def turn(book: Book, now_s: float, at_ms: int) -> tuple[Verdict, ...]:
    """Let begin what begins, and drop what has ended by its own time; each of those is told `done`.

    A regulation signal does not end, it is lost (`settle`).
    """
    verdicts: list[Verdict] = []
    for held in book.entries:
        if held.waits and held.begin_s <= now_s and held in book.entries:
            verdicts.extend(_begin(book, held, at_ms=at_ms))
    over = [held for held in book.entries if _is_over(held, now_s)]
    if over:
        book.entries = tuple(held for held in book.entries if held not in over)
    verdicts.extend(_answer(book, held.request, Result.DONE, "ended", at_ms=at_ms) for held in over)
    return tuple(verdicts)


def _is_over(held: Held, now_s: float) -> bool:
    if held.closes_s is not None and held.closes_s <= now_s:
        return True
    return held.end_s is not None and held.end_s <= now_s and held.request.signal is None


def drop(book: Book, held: Held, result: Result, reason: str, at_ms: int) -> Verdict:
    """Take one request out of force, with its final answer."""
    book.entries = tuple(other for other in book.entries if other is not held)
    return _answer(book, held.request, result, reason, at_ms=at_ms)


def attach(book: Book, curves: tuple[Curve, ...]) -> None:
    """Give events the contractual baselines that were worked out for them."""
    for curve in curves:
        book.entries = tuple(
            replace(held, curve=curve.watts, curve_step_s=curve.step_s, curve_from_s=held.begin_s - curve.lead_s)
            if held.request.id == curve.request
            else held
            for held in book.entries
        )


def active(book: Book, now_s: float) -> Held | None:
    """The request the whole site follows now: regulation before automatic before demand response, newest first."""
    best: Held | None = None
    for held in book.entries:
        request = held.request
        if request.target != "site" or request.kind is Kind.LIMIT or held.begin_s > now_s:
            continue
        if request.source is Source.INTERLOCK:  # an emergency stop: a hold on every asset
            continue
        rank = (request.source, RANK[request.service], held.begin_s, request.seq)
        if best is None or rank > (best.request.source, RANK[best.request.service], best.begin_s, best.request.seq):
            best = held
    return best


def holds(book: Book, now_s: float, assets: Iterable[str] = ()) -> dict[str, Held]:
    """Asset -> the strongest hold on it alone (interlock > manual > remote); an emergency stop holds all `assets`."""
    found: dict[str, Held] = {}
    for held in book.entries:
        request = held.request
        stop = request.target == "site" and request.source is Source.INTERLOCK
        if (request.target == "site" and not stop) or request.kind is Kind.LIMIT or held.begin_s > now_s:
            continue
        for name in assets if stop else (request.target,):
            other = found.get(name)
            if other is None or (request.source, held.begin_s) >= (other.request.source, other.begin_s):
                found[name] = held
    return found


def in_force(book: Book, now_s: float) -> Held | None:
    """The setpoint or event the mode speaks of: the site's, else a remote one on an asset alone."""
    whole = active(book, now_s)
    if whole is not None:
        return whole
    return next((held for held in holds(book, now_s).values() if held.request.source is Source.REMOTE), None)


def limits(book: Book, site: Site, now_s: float) -> tuple[float, float]:
    """(max_import_w, max_export_w) in force: the strictest of the site's own and every issuer's; never relaxed by time.

    While the issuer of a limit is silent, the fail-safe import limit counts too (LPC-style).
    """
    import_w, export_w = site.limits.max_import_w, site.limits.max_export_w
    for held in book.entries:
        request = held.request
        if request.kind is not Kind.LIMIT or held.begin_s > now_s:
            continue
        if request.max_import_w is not None:
            import_w = min(import_w, request.max_import_w)
            silent = now_s - book.heard.get(request.issuer, -inf) > site.control.link_lost_s
            if silent and site.limits.failsafe_import_w is not None:
                import_w = min(import_w, site.limits.failsafe_import_w)
        if request.max_export_w is not None:
            export_w = min(export_w, request.max_export_w)
    return import_w, export_w


def _hear(book: Book, arrival: Arrival) -> None:
    book.heard[arrival.issuer] = max(arrival.received_s, book.heard.get(arrival.issuer, -inf))


def _anchor(request: Request, arrival: Arrival, site: Site) -> Held:
    def boot_s(at_ms: int) -> float:
        return arrival.received_s + (at_ms - arrival.received_ms) / 1000.0

    end_s = None if request.end_ms is None else boot_s(request.end_ms)
    if end_s is None and request.source is Source.MANUAL and request.kind is Kind.SETPOINT:
        end_s = arrival.received_s + site.failsafe.longest_hold_s
    hours = hours_of(request, site)
    closes = closes_ms(hours, site.timezone, request.begin_ms) if hours else None
    return Held(
        request=request,
        begin_s=max(arrival.received_s, boot_s(request.begin_ms)),
        end_s=None if end_s == inf else end_s,
        closes_s=None if closes is None else boot_s(closes),
        heard_s=arrival.received_s,
        issued_s=boot_s(request.issued_ms),
        waits=request.begin_ms > arrival.received_ms,
    )


def _enter(book: Book, held: Held, *, at_ms: int) -> list[Verdict]:
    """I-20: before its begin a request ends nothing that is in force; I-19: what it is newer than never begins."""
    request = held.request
    book.last[stream(request)] = (request.issued_ms, request.seq)
    verdicts = _over(
        book, [old for old in book.entries if old.waits and _succeeds(request, old.request)], request, at_ms
    )
    book.entries = (*book.entries, held)
    return verdicts if held.waits else [*verdicts, *_begin(book, held, at_ms=at_ms)]


def _begin(book: Book, held: Held, *, at_ms: int) -> list[Verdict]:
    request = held.request
    others = [other for other in book.entries if other is not held]
    if request.kind is Kind.CANCEL:
        over = [other for other in others if _ends(request, other.request)]
        if request.source is Source.INTERLOCK and request.ref is not None:
            book.latched.pop(request.ref, None)
        verdicts = [drop(book, other, Result.DONE, "cancelled", at_ms) for other in over]
        return [*verdicts, drop(book, held, Result.DONE, "ok", at_ms)]
    verdicts = _over(book, [old for old in others if not old.waits and _succeeds(request, old.request)], request, at_ms)
    if request.withdraws is not None:
        return [*verdicts, drop(book, held, Result.DONE, "withdrawn", at_ms)]
    book.entries = tuple(replace(other, waits=False) if other is held else other for other in book.entries)
    return verdicts


def _ends(cancel: Request, other: Request) -> bool:
    """Whether a cancellation means this one: by its id, or as one of the requests of an interlock that is reset."""
    tripped = cancel.source is Source.INTERLOCK and other.issuer == interlock_issuer(cancel.ref)
    return tripped or may_name(cancel, other, cancel.ref)


def _over(book: Book, over: list[Held], by: Request, at_ms: int) -> list[Verdict]:
    return [drop(book, old, Result.SUPERSEDED, by.id, at_ms) for old in over]


def _succeeds(new: Request, old: Request) -> bool:
    if new.replaces is not None and may_name(new, old, new.replaces):
        return True
    if (new.kind, new.target) != (old.kind, old.target) or new.source is not old.source:
        return False
    if new.kind is Kind.LIMIT:
        return new.issuer == old.issuer and _bounds(new) == _bounds(old)
    return new.kind is Kind.SETPOINT and new.service is old.service


def _bounds(request: Request) -> str:
    return request.withdraws or ("max_import_w" if request.max_import_w is not None else "max_export_w")


def _answer(book: Book, request: Request, result: Result, reason: str, *, at_ms: int) -> Verdict:
    verdict = Verdict(request.id, request.issuer, result, reason, at_ms)
    key = _key(request.issuer, request.id)
    book.answered[key] = (*book.answered.pop(key, ()), verdict)
    if len(book.answered) > ANSWERS_KEPT:
        kept = {key, *(_key(held.request.issuer, held.request.id) for held in book.entries)}
        oldest = next((name for name in book.answered if name not in kept), None)
        if oldest is not None:
            del book.answered[oldest]
    return verdict


def _key(issuer: str, name: str) -> str:
    return f"{issuer}>{name}"
