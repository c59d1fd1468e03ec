"""A damaged outbox: set its files aside under another name and read what can still be read out of them."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from pathlib import Path

from gateway.errors import StoreError
from gateway.model.point import PointId
from gateway.model.reading import Quality
from gateway.uplink.batch import Batch, Lot, Span, Stamp, Taken, unpack
from gateway.uplink.lost import unreadable
from gateway.wire.telemetry import HOLE

KEPT = 3
"""Damaged files kept for whoever looks into it; older ones make room."""
EPOCH = 1 << 40
"""A batch's row number is epoch * EPOCH + first."""
BROKEN = (sqlite3.Error, ValueError, TypeError)
"""What a damaged file makes the library and our own unpacking raise; its messages need not even be UTF-8."""
_REFUSALS = ("FULL", "IOERR", "CANTOPEN", "READONLY", "BUSY", "LOCKED", "PERM", "NOMEM")


def refused(exc: BaseException) -> bool:
    """The machine refuses, full or read-only as it may be; the file itself is not to blame."""
    name = str(getattr(exc, "sqlite_errorname", ""))
    return name.removeprefix("SQLITE_").startswith(_REFUSALS)


def set_aside(path: Path, now: Stamp) -> tuple[str, list[Batch]]:
    """Rename the files of the database; the new name, and the batches salvaged. Raises StoreError."""
    aside = path.with_name(f"{path.stem}.damaged-{now.utc_ms}.sqlite")
    try:
        for tail in ("", "-wal", "-shm"):
            part = path.with_name(path.name + tail)
            if part.exists():
                part.rename(aside.with_name(aside.name + tail))
        for old in sorted(path.parent.glob(f"{path.stem}.damaged-*.sqlite"))[:-KEPT]:
            for tail in ("", "-wal", "-shm"):
                old.with_name(old.name + tail).unlink(missing_ok=True)
    except OSError as exc:
        raise StoreError(f"{path} is damaged and cannot be set aside: {exc}") from exc
    return aside.name, _salvage(aside)


def without_holes(batches: Sequence[Batch], now: Stamp) -> Iterator[tuple[Batch, bool]]:
    """The batches salvaged, with a record (True) where one before or between them is missing."""
    last: dict[int, int] = {}
    for batch in batches:
        epoch, first, end = batch.span
        known = last.get(epoch)
        if known is not None and known < first - 1:
            yield unreadable(Span(epoch, known + 1, first - 1), now), True
        elif known is None and first > 1:  # confirmed and deleted, or lost: nobody knows, none of them will come
            hole = Taken(HOLE, first - 2.0, Quality.GOOD, now.boot_s)
            yield Batch(Span(epoch, first - 1, first - 1), now, Lot.of([hole])), True
        yield batch, False
        last[epoch] = end


def _salvage(path: Path) -> list[Batch]:
    """Every batch that can still be read and is what its row says, up to where the file ends being one."""
    batches: list[Batch] = []
    with suppress(sqlite3.Error, TypeError, ValueError), closing(sqlite3.connect(path)) as db:
        db.text_factory = lambda raw: raw.decode("utf-8", "replace")
        names = {int(number): PointId(name) for number, name in db.execute("SELECT number, name FROM point")}
        rows = db.execute("SELECT id, first, last, boot_id, boot_s, utc_ms, body FROM batch ORDER BY id")
        for id_, first, last, boot_id, boot_s, utc_ms, body in rows:
            with suppress(TypeError, ValueError, OverflowError):
                taken = unpack(body, names, boot_s=boot_s)
                if len(taken) == last - first + 1 and id_ % EPOCH == first:
                    stamp = Stamp(str(boot_id), float(boot_s), int(utc_ms))
                    batches.append(Batch(Span(id_ // EPOCH, first, last), stamp, taken))
    return batches
