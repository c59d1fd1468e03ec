"""Why a request is refused: one judgement on arrival, against the wall clock; from then on its times are boot time.

The first reason that applies is the answer (CONTRACT section 4; FAULTS A-038 … A-044).
"""

from math import isfinite

from gateway.control.calendar import closes_ms
from gateway.control.state import Book
from gateway.model.local import When
from gateway.model.request import Kind, Request, Service, Source
from gateway.model.site import Site

LATE_MS = 60_000
"""A command that was issued longer ago than this is refused: the clocks disagree, or it was kept somewhere."""
LONGEST_MS = 366 * 86_400_000
"""A request whose end is further away than this has no end anybody meant."""
MOST_W = 1e9
"""No building's power: a number beyond this is a mistake, never a wish to be clipped."""


def judge(book: Book, request: Request, site: Site, *, received_ms: int) -> str | None:
    """Why a well-formed request is refused, or None."""
    return (
        _bad_time(request, received_ms, site)
        or _bad_order(book, request)
        or _bad_value(request, site)
        or _bad_reference(book, request, site)
        or _interlocked(book, request, site)
        or _closed(request, site)
    )


def stream(request: Request) -> str:
    """What sequence numbers count within (I-19)."""
    return f"{request.issuer}>{request.target}"


def interlock_issuer(name: str | None) -> str:
    """Who asks when an interlock trips; no upstream can be called so, its name holds no colon."""
    return f"interlock:{name}"


def may_name(request: Request, other: Request, name: str | None) -> bool:
    """Whether `name` in a request means that other one: its issuer's own, or anyone's for those above the remote.

    I-12: a lower source never ends what a higher one holds, whoever it says it is.
    """
    if other.id != name or request.source < other.source:
        return False
    return request.issuer == other.issuer or request.source > Source.REMOTE


def _bad_time(request: Request, received_ms: int, site: Site) -> str | None:
    begin_ms, end_ms, control = request.begin_ms, request.end_ms, site.control
    lasts = request.kind in (Kind.SETPOINT, Kind.EVENT)
    return _first(
        (request.issued_ms > received_ms + control.skew_s * 1000.0, "from_the_future"),
        (end_ms is not None and end_ms <= received_ms, "expired"),
        (request.issued_ms < received_ms - LATE_MS, "too_old"),
        (begin_ms > received_ms + control.horizon_s * 1000.0, "beyond_horizon"),
        (end_ms is None and lasts and request.source is Source.REMOTE, "no_end"),
        (end_ms is not None and request.kind is Kind.LIMIT, "limit_with_end"),
        (end_ms is not None and request.source is Source.INTERLOCK, "interlock_with_end"),
        (end_ms is not None and end_ms <= begin_ms, "ends_before_it_begins"),
        (end_ms is not None and end_ms > received_ms + LONGEST_MS, "beyond_horizon"),
    )


def _bad_order(book: Book, request: Request) -> str | None:
    last = book.last.get(stream(request))
    if last is None or request.source is not Source.REMOTE:  # nothing on the way here could have changed the order
        return None
    if request.seq <= last[1]:
        return "replayed" if request.seq == last[1] else "out_of_order"
    return "out_of_order" if request.issued_ms < last[0] else None


def _bad_value(request: Request, site: Site) -> str | None:
    limits = (request.max_import_w, request.max_export_w)
    numbers = [number for number in (request.signal, request.power_w, request.shed_w, *limits) if number is not None]
    whole = request.target == "site"
    wrong = _first(
        (not all(_is_number(number) for number in numbers), "non_finite"),
        (not all(-MOST_W <= number <= MOST_W for number in numbers), "out_of_range"),
        (not whole and request.target not in site.assets, "unknown_target"),
        (request.kind is Kind.LIMIT and not whole, "not_offered"),
        (any(limit is not None and limit < 0.0 for limit in limits), "out_of_range"),
    )
    if wrong is not None or request.kind in (Kind.CANCEL, Kind.LIMIT):
        return wrong
    if whole and request.source is Source.INTERLOCK:
        return "not_offered" if numbers else None
    return _bad_for_site(request, site) if whole else _bad_for_asset(request, site)


def _bad_for_asset(request: Request, site: Site) -> str | None:
    asset, power_w = site.assets[request.target], request.power_w
    return _first(
        (request.signal is not None or request.shed_w is not None, "not_offered"),
        (power_w is None and request.source is Source.REMOTE, "not_offered"),
        (power_w is not None and not asset.min_w <= power_w <= asset.max_w, "out_of_range"),
    )


def _bad_for_site(request: Request, site: Site) -> str | None:
    services, limits = site.services, site.limits
    signal, shed_w, power_w = request.signal, request.shed_w, request.power_w
    if request.service is Service.REG:
        return _first(
            (services.regulation is None or signal is None or request.kind is not Kind.SETPOINT, "not_offered"),
            (signal is not None and not -1.0 <= signal <= 1.0, "out_of_range"),
        )
    offered = services.automatic_response if request.service is Service.AR else services.demand_response
    if offered is None or request.service is Service.LIMIT:
        return "not_offered"
    return _first(
        (shed_w is not None and abs(shed_w) > offered.max_shed_w, "out_of_range"),
        (power_w is not None and not -limits.max_export_w <= power_w <= limits.max_import_w, "out_of_range"),
    )


def _bad_reference(book: Book, request: Request, site: Site) -> str | None:
    if request.kind is Kind.CANCEL and request.source is Source.INTERLOCK:
        if not request.note:
            return "no_reason"
        if request.ref is not None and request.ref in site.interlocks:
            clear = book.latched.get(request.ref)
            return "unknown_reference" if clear is None else None if clear else "input_not_clear"
    for name in (request.ref, request.replaces):
        if name is not None and not any(may_name(request, held.request, name) for held in book.entries):
            return "unknown_reference"
    return None


def _interlocked(book: Book, request: Request, site: Site) -> str | None:
    """I-13: what comes while an interlock holds its asset, or every asset, is dropped and not kept for later."""
    if request.kind not in (Kind.SETPOINT, Kind.EVENT) or request.source is Source.INTERLOCK:
        return None
    held = {held.request.target for held in book.entries if held.request.source is Source.INTERLOCK and not held.waits}
    if not held:
        return None
    wanted = set(site.assets) if request.target == "site" else {request.target}
    return "interlocked" if wanted and ("site" in held or wanted <= held) else None


def hours_of(request: Request, site: Site) -> tuple[When, ...]:
    """When the service a request wants is offered; empty: always. Hours are the VPP's, a person or the site has none."""
    if request.source is not Source.REMOTE or request.kind not in (Kind.SETPOINT, Kind.EVENT):
        return ()
    services = site.services
    match request.service:
        case Service.REG:
            return () if services.regulation is None else services.regulation.when
        case Service.AR:
            return () if services.automatic_response is None else services.automatic_response.when
        case Service.DR:
            return () if services.demand_response is None else services.demand_response.when
        case Service.LIMIT:
            return ()


def _closed(request: Request, site: Site) -> str | None:
    hours = hours_of(request, site)
    return "not_offered_then" if hours and closes_ms(hours, site.timezone, request.begin_ms) is None else None


def _first(*rules: tuple[bool, str]) -> str | None:
    return next((reason for broken, reason in rules if broken), None)


def _is_number(number: float) -> bool:
    try:
        return isfinite(number)
    except OverflowError:  # an integer no float can hold; the range will say so
        return True
