"""Valley and peak shifting: in its windows the schedule asks a battery to charge or discharge.

A request of the schedule like any other: below everything remote, over when its window closes; the asset's own bounds
(SOC) and the limits on the connection hold as ever.
"""

from gateway.control.calendar import closes_ms
from gateway.control.state import Book
from gateway.model.request import Arrival, Kind, Request, Service, Source
from gateway.model.site import Site

ISSUER = "schedule:tariff"


def arrivals(book: Book, site: Site, *, now_s: float, utc_ms: int) -> tuple[Arrival, ...]:
    """The request of a window that has opened; none while it is in force or was answered."""
    tariff = site.services.tariff
    if tariff is None:
        return ()
    for word, when, power_w in (
        ("charge", tariff.charge, tariff.charge_w),
        ("discharge", tariff.discharge, -tariff.discharge_w),
    ):
        end_ms = closes_ms(when, site.timezone, utc_ms) if when else None
        if end_ms is None:
            continue
        name = f"{word}.{end_ms}"
        if f"{ISSUER}>{name}" in book.answered:
            return ()
        last = book.last.get(f"{ISSUER}>{tariff.asset}", (0, 0))
        wish = Request(
            id=name,
            issuer=ISSUER,
            source=Source.SCHEDULE,
            seq=last[1] + 1,
            service=Service.LIMIT,
            kind=Kind.SETPOINT,
            target=tariff.asset,
            issued_ms=max(utc_ms, last[0]),
            begin_ms=utc_ms,
            end_ms=end_ms,
            power_w=power_w,
        )
        return (Arrival(ISSUER, now_s, utc_ms, wish),)
    return ()
