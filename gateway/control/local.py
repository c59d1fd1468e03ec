"""What the site does for its owner at every step: peak limit, tariff, frequency response; nothing when it has none.

They stand below everything remote: a target of the VPP is followed, only kept below the peak limit and moved by the
frequency response. Limits on the connection and the holds of people stand above them.
"""

from dataclasses import replace

from gateway.control import droop, peak, tariff
from gateway.control.calendar import closes_ms
from gateway.control.state import ControlState, Held
from gateway.control.target import Goal
from gateway.model.image import Snapshot
from gateway.model.request import Arrival, Source
from gateway.model.site import Site

Bounds = tuple[float, float]
"""(max_import_w, max_export_w)."""


def arrivals(site: Site, state: ControlState, *, now_s: float, utc_ms: int) -> tuple[Arrival, ...]:
    """What the site's own schedule asks for now."""
    if site.services.tariff is None:
        return ()
    return tariff.arrivals(state.book, site, now_s=now_s, utc_ms=utc_ms)


def bounds(
    site: Site, state: ControlState, hard: Bounds, *, meter_w: float | None, now_s: float, utc_ms: int
) -> Bounds:
    """The limits on the connection with the peak limit among them; notes what the site draws."""
    limit = site.services.peak_limit
    if limit is None:
        return hard
    state.peak = peak.note(state.peak, limit, meter_w, now_s=now_s)
    if closes_ms(limit.when, site.timezone, utc_ms) is None:
        return hard
    return min(hard[0], peak.bound_w(state.peak, limit, now_s=now_s)), hard[1]


def responding(site: Site, wished: Goal, snapshot: Snapshot, *, utc_ms: int) -> Goal:
    """The goal with the frequency response added: to the target, else to what its asset does."""
    settings = site.services.frequency
    if settings is None or wished.safe or closes_ms(settings.when, site.timezone, utc_ms) is None:
        return wished
    watts = droop.response_w(settings, snapshot.usable(settings.point))
    if not watts:
        return wished
    if wished.target is not None:
        target = wished.target
        return replace(wished, target=lambda h: target(h) + watts)
    if wished.toward_safe is not None or settings.asset in wished.aims:
        return wished
    return replace(wished, service=wished.service or "frequency", aims={**wished.aims, settings.asset: watts})


def in_hand(site: Site, held: dict[str, Held], wished: Goal) -> dict[str, Held]:
    """The holds that count: what the schedule asks of an asset gives way to a target, a fail-safe, a response."""
    if site.services.tariff is None:
        return held
    yields = wished.target is not None or wished.safe or wished.toward_safe is not None
    return {
        name: entry
        for name, entry in held.items()
        if entry.request.source > Source.SCHEDULE or not (yields or name in wished.aims)
    }
