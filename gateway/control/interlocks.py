"""Interlocks: digital inputs (fire, smoke, gas) that freeze, release or make safe their assets, above everything else.

An input that leaves its clear value trips its interlock: one request an asset, through the book like any other. It
holds until a person resets it, with a reason and a clear input (I-13). An input nobody can read is not clear.
"""

from gateway.control.judge import interlock_issuer
from gateway.control.state import Book
from gateway.model.image import Snapshot
from gateway.model.request import Arrival, Kind, Request, Service, Source
from gateway.model.safety import Interlock
from gateway.model.site import Site


def known(site: Site, snapshot: Snapshot) -> bool:
    """Whether every interlock's input can be read."""
    return all(snapshot.usable(lock.point) is not None for lock in site.interlocks.values())


def causes(book: Book) -> list[str]:
    """What there is to be told of interlocks that hold."""
    return [f"interlock:{name}" for name in book.latched]


def unknown(site: Site, snapshot: Snapshot) -> list[str]:
    """What there is to be told of inputs that cannot be read."""
    locks = site.interlocks.items()
    return [f"interlock_unknown:{name}" for name, lock in locks if snapshot.usable(lock.point) is None]


def watch(book: Book, site: Site, snapshot: Snapshot, *, now_s: float, utc_ms: int) -> tuple[Arrival, ...]:
    """The requests of interlocks that trip now; notes in the book which inputs are clear again."""
    found: list[Arrival] = []
    for name, lock in site.interlocks.items():
        value = snapshot.usable(lock.point)
        if name in book.latched:
            book.latched[name] = value == lock.clear
        elif value is not None and value != lock.clear:
            book.latched[name] = False
            book.trips += 1
            found += [
                Arrival(wish.issuer, now_s, utc_ms, wish) for wish in _requests(lock, number=book.trips, utc_ms=utc_ms)
            ]
    return tuple(found)


def _requests(lock: Interlock, *, number: int, utc_ms: int) -> list[Request]:
    return [
        Request(
            id=f"{lock.id}.{number}.{asset}",
            issuer=interlock_issuer(lock.id),
            source=Source.INTERLOCK,
            seq=number,
            service=Service.LIMIT,
            kind=Kind.SETPOINT,
            target=asset,
            issued_ms=utc_ms,
            begin_ms=utc_ms,
            action=lock.action,
        )
        for asset in lock.assets
    ]
