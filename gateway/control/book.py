"""The book: requests in force or to come, who wins, and the answer to every one.

Judged on arrival against the wall clock, once; from then on every time is boot time (I-20). Order within remote:
limit > regulation > automatic response > demand response; among asset holds: interlock > manual > remote (I-12).
"""

from dataclasses import dataclass, replace
from math import inf, isfinite

from gateway.control.decision import Curve
from gateway.control.state import Book, Held
from gateway.model.request import Arrival, Kind, Request, Result, Service, Source, Verdict
from gateway.model.site import Site

LATE_MS = 60_000
"""A command that was issued longer ago than this is refused: the clocks disagree, or it was kept somewhere."""
ANSWERS_KEPT = 256
RANK = {Service.REG: 3, Service.AR: 2, Service.DR: 1, Service.LIMIT: 0}


@dataclass(frozen=True, slots=True)
class Taken:
    """What the arrivals of one step did: the answers, and the commands that are fresh."""

    verdicts: tuple[Verdict, ...]
    fresh: tuple[Held, ...]


def take(book: Book, arrivals: tuple[Arrival, ...], site: Site) -> Taken:
    """Judge what arrived, enter what is accepted."""
    verdicts: list[Verdict] = []
    fresh: list[Held] = []
    for arrival in arrivals:
        book.heard[arrival.issuer] = max(arrival.received_s, book.heard.get(arrival.issuer, -inf))
        request = arrival.request
        if request is None:
            continue
        known = book.answered.get(_key(request.issuer, request.id))
        if known is not None:
            verdicts.extend(known)
            continue
        reason = judge(book, request, site, received_ms=arrival.received_ms)
        result = Result.ACCEPTED if reason is None else Result.REFUSED
        verdicts.append(_answer(book, request, result, reason or "ok", at_ms=arrival.received_ms))
        if reason is None:
            held = _anchor(request, arrival)
            verdicts.extend(_enter(book, held, at_ms=arrival.received_ms))
            if request.kind is not Kind.CANCEL:
                fresh.append(held)
    return Taken(tuple(verdicts), tuple(fresh))


def judge(book: Book, request: Request, site: Site, *, received_ms: int) -> str | None:
    """Why a well-formed request is refused, or None (CONTRACT section 4, A-038 … A-044)."""
    return (
        _bad_time(request, received_ms, site)
        or _bad_order(book, request)
        or _bad_value(request, site)
        or _bad_reference(book, request)
    )


def expire(book: Book, now_s: float, at_ms: int) -> tuple[Verdict, ...]:
    """Drop what has ended by its own time; each is told `done`. A regulation signal does not end, it is lost (`modes`)."""
    over = [
        held
        for held in book.entries
        if held.end_s is not None and held.end_s <= now_s and held.request.service is not Service.REG
    ]
    if not over:
        return ()
    book.entries = tuple(held for held in book.entries if held not in over)
    return tuple(_answer(book, held.request, Result.DONE, "ended", at_ms=at_ms) for held in over)


def drop(book: Book, held: Held, result: Result, reason: str, at_ms: int) -> Verdict:
    """Take one request out of force, with its final answer."""
    book.entries = tuple(other for other in book.entries if other.request.id != held.request.id)
    return _answer(book, held.request, result, reason, at_ms=at_ms)


def attach(book: Book, curves: tuple[Curve, ...]) -> None:
    """Give events the contractual baselines that were worked out for them."""
    for curve in curves:
        book.entries = tuple(
            replace(held, curve=curve.watts, curve_step_s=curve.step_s) if held.request.id == curve.request else held
            for held in book.entries
        )


def active(book: Book, now_s: float) -> Held | None:
    """The request the whole site follows now: regulation before automatic before demand response, newest first."""
    best: Held | None = None
    for held in book.entries:
        request = held.request
        if request.target != "site" or request.kind is Kind.LIMIT or held.begin_s > now_s:
            continue
        rank = (request.source, RANK[request.service], held.begin_s, request.seq)
        if best is None or rank > (best.request.source, RANK[best.request.service], best.begin_s, best.request.seq):
            best = held
    return best


def holds(book: Book, now_s: float) -> dict[str, Held]:
    """Asset -> the strongest hold on it alone (interlock > manual > remote)."""
    found: dict[str, Held] = {}
    for held in book.entries:
        request = held.request
        if request.target == "site" or request.kind is Kind.LIMIT or held.begin_s > now_s:
            continue
        other = found.get(request.target)
        if other is None or (request.source, held.begin_s) >= (other.request.source, other.begin_s):
            found[request.target] = held
    return found


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


def _bad_time(request: Request, received_ms: int, site: Site) -> str | None:
    skew_ms = site.control.skew_s * 1000.0
    if request.issued_ms > received_ms + skew_ms:
        return "from_the_future"
    if request.end_ms is not None and request.end_ms <= received_ms:
        return "expired"
    if request.issued_ms < received_ms - LATE_MS:
        return "too_old"
    if request.begin_ms > received_ms + site.control.horizon_s * 1000.0:
        return "beyond_horizon"
    if request.end_ms is not None and request.end_ms <= request.begin_ms:
        return "ends_before_it_begins"
    if request.kind in (Kind.SETPOINT, Kind.EVENT) and request.end_ms is None and request.source is Source.REMOTE:
        return "no_end"
    return None


def _bad_order(book: Book, request: Request) -> str | None:
    last = book.last.get(_stream(request))
    if last is None:
        return None
    if request.seq <= last[1]:
        return "replayed" if request.seq == last[1] else "out_of_order"
    return "out_of_order" if request.issued_ms < last[0] else None


def _bad_value(request: Request, site: Site) -> str | None:
    numbers = (request.signal, request.power_w, request.shed_w, request.max_import_w, request.max_export_w)
    if any(number is not None and not isfinite(number) for number in numbers):
        return "non_finite"
    if request.target != "site" and request.target not in site.assets:
        return "unknown_target"
    if request.kind in (Kind.CANCEL, Kind.LIMIT):
        return "not_offered" if request.kind is Kind.LIMIT and request.target != "site" else None
    if request.target != "site":
        asset = site.assets[request.target]
        if request.power_w is None and request.source is Source.REMOTE:
            return "not_offered"
        outside = request.power_w is not None and not asset.min_w <= request.power_w <= asset.max_w
        return "out_of_range" if outside else None
    return _bad_for_site(request, site)


def _bad_for_site(request: Request, site: Site) -> str | None:
    services = site.services
    if request.service is Service.REG:
        if services.regulation is None or request.signal is None:
            return "not_offered"
        return None if -1.0 <= request.signal <= 1.0 else "out_of_range"
    offered = services.automatic_response if request.service is Service.AR else services.demand_response
    if offered is None or request.service is Service.LIMIT:
        return "not_offered"
    if request.shed_w is not None and abs(request.shed_w) > offered.max_shed_w:
        return "out_of_range"
    if request.power_w is not None and not -site.limits.max_export_w <= request.power_w <= site.limits.max_import_w:
        return "out_of_range"
    return None


def _bad_reference(book: Book, request: Request) -> str | None:
    names = [name for name in (request.ref, request.replaces) if name is not None]
    for name in names:
        mine = [
            held
            for held in book.entries
            if held.request.id == name and (held.request.issuer == request.issuer or request.source > Source.REMOTE)
        ]
        if not mine:
            return "unknown_reference"
    return None


def _anchor(request: Request, arrival: Arrival) -> Held:
    begin_s = arrival.received_s + max(0, request.begin_ms - arrival.received_ms) / 1000.0
    end_s = None if request.end_ms is None else arrival.received_s + (request.end_ms - arrival.received_ms) / 1000.0
    return Held(request=request, begin_s=begin_s, end_s=end_s, heard_s=arrival.received_s)


def _enter(book: Book, held: Held, *, at_ms: int) -> list[Verdict]:
    request = held.request
    book.last[_stream(request)] = (request.issued_ms, request.seq)
    if request.kind is Kind.CANCEL:
        over = [other for other in book.entries if other.request.id == request.ref]
        book.entries = tuple(other for other in book.entries if other.request.id != request.ref)
        verdicts = [_answer(book, other.request, Result.DONE, "cancelled", at_ms=at_ms) for other in over]
        return [*verdicts, _answer(book, request, Result.DONE, "ok", at_ms=at_ms)]
    over = [other for other in book.entries if _succeeds(request, other.request)]
    book.entries = tuple(other for other in book.entries if other not in over)
    verdicts = [_answer(book, other.request, Result.SUPERSEDED, request.id, at_ms=at_ms) for other in over]
    if request.withdraws is not None:
        return [*verdicts, _answer(book, request, Result.DONE, "withdrawn", at_ms=at_ms)]
    book.entries = (*book.entries, held)
    return verdicts


def _succeeds(new: Request, old: Request) -> bool:
    if new.replaces is not None and new.replaces == old.id:
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
        running = {_key(held.request.issuer, held.request.id) for held in book.entries}
        oldest = next((name for name in book.answered if name not in running), None)
        if oldest is not None:
            del book.answered[oldest]
    return verdict


def _key(issuer: str, name: str) -> str:
    return f"{issuer}>{name}"


def _stream(request: Request) -> str:
    return f"{request.issuer}>{request.target}"
