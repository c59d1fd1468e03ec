"""Requests and holds of the book in the dashboard's words; times as UTC."""

from collections.abc import Callable

from gateway.control import target
from gateway.control.state import Book, Declared, Held
from gateway.dashboard import answers
from gateway.model.request import Service

Utc = Callable[[float], int]
"""Boot time -> UTC ms, by how the two clocks stand now."""


def hold_of(held: Held, utc: Utc) -> answers.Hold:
    """Who holds an asset, and until when."""
    request = held.request
    return answers.Hold(
        request.id,
        request.source.name.lower(),
        request.issuer,
        request.power_w,
        None if held.end_s is None else utc(held.end_s),
    )


def requests_of(book: Book, plan: Declared, utc: Utc, *, now_s: float) -> tuple[answers.RequestNow, ...]:
    """What is in force or to come."""
    return tuple(_request(held, plan, utc, now_s=now_s) for held in book.entries)


def _request(held: Held, plan: Declared, utc: Utc, *, now_s: float) -> answers.RequestNow:
    request = held.request
    return answers.RequestNow(
        id=request.id,
        issuer=request.issuer,
        source=request.source.name.lower(),
        service=request.service.value,
        kind=request.kind.value,
        target=request.target,
        waits=held.waits,
        begin_ms=utc(held.begin_s),
        end_ms=None if held.end_s is None else utc(held.end_s),
        signal=request.signal,
        power_w=request.power_w,
        shed_w=request.shed_w,
        max_import_w=request.max_import_w,
        max_export_w=request.max_export_w,
        reference_w=_reference_w(held, plan, max(now_s, held.begin_s)),
    )


def _reference_w(held: Held, plan: Declared, at_s: float) -> float | None:
    """What a shed counts from: a contractual baseline, under automatic response the declared base point, else what was."""
    if held.curve is not None:
        return target.curve_at(held, at_s)
    block = target.block_at(plan, at_s) if held.request.service is Service.AR else None
    return held.reference_w if block is None else block.basepoint_w
