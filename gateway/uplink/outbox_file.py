"""The outbox on the disk: one SQLite file, one connection, used by one thread only.

A row is a batch: everything accepted since the last commit, packed into one blob; never a row per sample. WAL with
synchronous=FULL, so a committed batch survives a power cut. The newest batch stays even when it is confirmed: it tells
the next start when the last commit was. Damage found at opening is set aside under another name and salvaged.
"""

import sqlite3
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from gateway.errors import StoreError
from gateway.model.point import PointId
from gateway.model.reading import Quality
from gateway.uplink.batch import Batch, Lot, Span, Stamp, Taken, pack, unpack
from gateway.uplink.identity import Identity, load_identity, new_box, save_identity
from gateway.uplink.lost import counted, replaced, samples_in, unreadable
from gateway.uplink.outbox_damage import BROKEN, EPOCH, refused, set_aside, without_holes
from gateway.wire.telemetry import GAP, Receipt

NAME = "outbox.sqlite"
MAX_ROW = 2000
"""Samples in one row at most: a queue that waited for the disk is written in several."""
ROOMY = 0.9
"""Share of the cap below which the outbox is not full any more."""
LOST_IDENTITY_JUMP = 1000
"""Epochs to leap when only the database knows the last one: it may lie further back than what was sent."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS point (number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS cursor (link TEXT, epoch INTEGER, seq INTEGER NOT NULL, PRIMARY KEY (link, epoch));
CREATE TABLE IF NOT EXISTS batch (
  id INTEGER PRIMARY KEY, first INTEGER NOT NULL, last INTEGER NOT NULL, lost INTEGER NOT NULL,
  boot_id TEXT NOT NULL, boot_s REAL NOT NULL, utc_ms INTEGER NOT NULL, body BLOB NOT NULL);
"""


_ONE = "SELECT id, first, last, boot_id, boot_s, utc_ms, body FROM batch WHERE id = ?"
_NEWEST = "SELECT id, first, last, boot_id, boot_s, utc_ms, body FROM batch ORDER BY id DESC LIMIT 1"
_OLDEST = (
    "SELECT id, first, last, boot_id, boot_s, utc_ms, body FROM batch"
    " WHERE NOT lost AND id < (SELECT max(id) FROM batch) ORDER BY id LIMIT 1"
)
_LOST_BEFORE = "SELECT id, first, last, boot_id, boot_s, utc_ms, body FROM batch WHERE id < ? ORDER BY id DESC LIMIT 1"
_LACKING = (
    "SELECT coalesce(sum(last - first + 1), 0), min(id) FROM batch WHERE last > coalesce((SELECT CASE WHEN count(*) < ?"
    " THEN 0 ELSE min(c.seq) END FROM cursor c WHERE c.epoch = batch.id / ?), 0)"
)
_FORGET = (
    "DELETE FROM batch WHERE id < (SELECT max(id) FROM batch) AND last <= coalesce((SELECT CASE WHEN count(*) < ?"
    " THEN 0 ELSE min(c.seq) END FROM cursor c WHERE c.epoch = batch.id / ?), 0)"
)


@dataclass(slots=True)
class Found:
    """What opening came upon, for alarms and for the log."""

    box: str
    epoch: int
    clean: bool
    damaged: str = ""
    """Where the damaged file was put; empty when there was none."""
    salvaged: int = 0


class OutboxFile:
    """The batches not yet confirmed by every link. Every method may raise StoreError."""

    def __init__(self, folder: Path, now: Stamp, *, links: Sequence[str], cap_bytes: int) -> None:
        self._folder = folder
        self._links = tuple(links)
        self._cap_bytes = cap_bytes
        self._numbers: dict[PointId, int] = {}
        self._names: dict[int, PointId] = {}
        self._next_seq = 1
        self._unreadable: set[Span] = set()
        self.dropped = 0
        """Samples dropped because the cap was reached."""
        self.full = False
        """Samples were dropped, and there is not clearly room again."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as exc:
            raise StoreError(f"{folder} cannot be made: {exc}") from exc
        self.found = Found("", 0, clean=False)
        self._start(now)

    def commit(
        self, taken: Lot, now: Stamp, *, lost: Counter[PointId], receipts: Iterable[tuple[str, Receipt]]
    ) -> list[Batch]:
        """Number and store samples, count losses, take over receipts: one transaction, on the disk when it returns."""
        if lost:
            taken = Lot.joined([counted(lost, at_s=now.boot_s), taken])
        batches = []
        seq = self._next_seq
        for at in range(0, len(taken), MAX_ROW):
            part = taken.part(at, at + MAX_ROW)
            batches.append(Batch(Span(self.found.epoch, seq, seq + len(part) - 1), now, part))
            seq += len(part)
        try:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                for batch in batches:
                    self._insert(batch, lost=False)
                for link, receipt in receipts:
                    self._confirm(link, receipt)
                self._forget()
                self._give_up_unreadable(now)
                dropped = self._make_room()
                self._db.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    self._db.execute("ROLLBACK")
                raise
        except BROKEN as exc:
            raise StoreError(f"outbox: {exc}") from exc
        self._next_seq = seq
        self.dropped += dropped
        if dropped:
            self.full = True
        elif self.full and self._used_bytes() < ROOMY * self._cap_bytes:
            self.full = False
        return batches

    def serve(self, links: Sequence[str]) -> None:
        """Keep batches for these links from now on; one that is gone holds nothing back any more."""
        self._links = tuple(links)
        marks = ", ".join("?" * len(self._links))
        try:
            self._db.execute(f"DELETE FROM cursor WHERE link NOT IN ({marks})", self._links)  # noqa: S608 - only marks
        except BROKEN as exc:
            raise StoreError(f"outbox: {exc}") from exc

    def pending(self, link: str, *, after: Span | None, limit: int) -> list[Span]:
        """The oldest batches this link has not confirmed, in order, beginning behind `after`."""
        low = 0 if after is None else after.epoch * EPOCH + after.first + 1
        query = (
            "SELECT b.id / ?, b.first, b.last FROM batch b LEFT JOIN cursor c ON c.link = ? AND c.epoch = b.id / ?"
            " WHERE b.id >= ? AND b.last > coalesce(c.seq, 0) ORDER BY b.id LIMIT ?"
        )
        return [Span(*row) for row in self._rows(query, (EPOCH, link, EPOCH, low, limit))]

    def read(self, span: Span) -> Batch | None:
        """One batch, or None when it is no longer there; one that does not unpack counts as lost from the next commit."""
        for row in self._rows(_ONE, (_row_id(span),)):
            try:
                return self._batch(row)
            except ValueError:
                self._unreadable.add(span)
        return None

    def depth(self) -> tuple[int, int, float | None]:
        """Samples some link still lacks, bytes in use, boot time of the oldest such batch."""
        count, oldest = self._rows(_LACKING, (len(self._links), EPOCH))[0]
        since = next(iter(self._rows("SELECT boot_s FROM batch WHERE id = ?", (oldest,))), (None,))[0]
        return count, self._used_bytes(), since

    def reopen(self, first: Span) -> bool:
        """Take a fresh connection after a failure; True when what should begin at `first` is stored after all."""
        self._close()
        try:
            self._connect()
        except BROKEN as exc:
            raise StoreError(f"outbox: {exc}") from exc
        last = self._rows(
            "SELECT max(last) FROM batch WHERE id >= ? AND id < ?", (_row_id(first), (first.epoch + 1) * EPOCH)
        )
        if last[0][0] is None:
            return False
        self._next_seq = int(last[0][0]) + 1
        return True

    @property
    def next_span_first(self) -> Span:
        """Where the next batch will begin (its `last` is not known yet)."""
        return Span(self.found.epoch, self._next_seq, self._next_seq)

    def close(self) -> None:
        """A clean stop: everything into the main file, then the numbers to go on with."""
        self._close()
        save_identity(self._folder, Identity(self.found.box, self.found.epoch, self._next_seq))

    # -- opening ---------------------------------------------------------------------------------------------------

    def _start(self, now: Stamp) -> None:
        path = self._folder / NAME
        try:
            self._begin(now, damaged="", salvage=[])
        except BROKEN as exc:
            self._close()
            if refused(exc):
                raise StoreError(f"{path} cannot be used: {exc}") from exc
            damaged, salvage = set_aside(path, now)
            try:
                self._begin(now, damaged=damaged, salvage=salvage)
            except BROKEN as again:
                raise StoreError(f"{path} cannot be made: {again}") from again

    def _begin(self, now: Stamp, *, damaged: str, salvage: list[Batch]) -> None:
        """Decide who counts and from where; a stop that was not clean begins an epoch with a gap record."""
        identity = load_identity(self._folder)
        self._connect()
        self._check()
        newest = next(iter(self._db.execute(_NEWEST)), None)
        newest_epoch, newest_last = (newest[0] // EPOCH, newest[2]) if newest else (0, 0)
        box_row = self._db.execute("SELECT value FROM meta WHERE key = 'box'").fetchone()
        if identity is not None and box_row is not None and not damaged:
            next_seq = identity.next_seq
            if next_seq is not None and (newest_epoch, newest_last) < (identity.epoch, next_seq):
                save_identity(self._folder, Identity(identity.box, identity.epoch, None))
                self._next_seq = next_seq
                self.found = Found(identity.box, identity.epoch, clean=True)
                return
        if identity is not None:
            box, epoch = identity.box, max(identity.epoch, newest_epoch) + 1
        elif box_row is not None:
            box, epoch = str(box_row[0]), newest_epoch + LOST_IDENTITY_JUMP
        else:
            box, epoch = new_box(), 1
        save_identity(self._folder, Identity(box, epoch, None))  # before anything can be sent under it
        found = self.found = Found(
            box, epoch, clean=identity is None and newest is None and not damaged, damaged=damaged
        )
        self._db.execute("BEGIN IMMEDIATE")
        self._db.execute("INSERT OR REPLACE INTO meta VALUES ('box', ?)", (box,))
        for batch, lost in without_holes(salvage, now):
            self._insert(batch, lost=lost)
            found.salvaged += 0 if lost else len(batch.taken)
        self._db.execute("COMMIT")
        if not found.clean:
            then = salvage[-1].stamp if salvage else Stamp(newest[3], newest[4], newest[5]) if newest else None
            self.commit(Lot.of([_gap(then, now)]), now, lost=Counter(), receipts=())

    def _connect(self) -> None:
        self._db = sqlite3.connect(self._folder / NAME, isolation_level=None, timeout=2.0)
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "journal_size_limit=4194304", "temp_store=MEMORY"):
            self._db.execute(f"PRAGMA {pragma}").fetchall()
        self._db.executescript(_SCHEMA)
        self._names = {number: PointId(name) for number, name in self._db.execute("SELECT number, name FROM point")}
        self._numbers = {name: number for number, name in self._names.items()}

    def _check(self) -> None:
        verdict = self._db.execute("PRAGMA quick_check(1)").fetchone()[0]
        if verdict != "ok":
            raise sqlite3.DatabaseError(verdict)

    def _close(self) -> None:
        with suppress(sqlite3.Error, AttributeError):
            self._db.close()

    # -- inside a transaction --------------------------------------------------------------------------------------

    def _number(self, points: set[PointId]) -> None:
        for point in points - self._numbers.keys():
            number = len(self._numbers) + 1
            self._db.execute("INSERT INTO point VALUES (?, ?)", (number, point))
            self._numbers[point] = number
            self._names[number] = point

    def _insert(self, batch: Batch, *, lost: bool) -> None:
        span, stamp = batch.span, batch.stamp
        try:
            body = pack(batch.taken, self._numbers, boot_s=stamp.boot_s)
        except KeyError:  # a point that was never stored: as rare as new points are
            self._number(set(batch.taken.points))
            body = pack(batch.taken, self._numbers, boot_s=stamp.boot_s)
        self._db.execute(
            "INSERT INTO batch VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (_row_id(span), *span[1:], lost, stamp.boot_id, stamp.boot_s, stamp.utc_ms, body),
        )

    def _confirm(self, link: str, receipt: Receipt) -> None:
        """Move one link's cursor; a receipt for numbers never given is not believed."""
        given = self._next_seq - 1 if receipt.epoch == self.found.epoch else EPOCH
        if link in self._links and receipt.box == self.found.box and receipt.epoch <= self.found.epoch:
            self._db.execute(
                "INSERT INTO cursor VALUES (?, ?, ?) ON CONFLICT (link, epoch) DO UPDATE SET seq = max(seq, excluded.seq)",
                (link, receipt.epoch, receipt.seq if receipt.seq <= given else 0),
            )

    def _forget(self) -> None:
        """Delete what every link has confirmed, all but the newest batch."""
        self._db.execute(_FORGET, (len(self._links), EPOCH))

    def _give_up_unreadable(self, now: Stamp) -> None:
        """Put a record in the place of batches whose bytes rotted, so that the peer does not wait for them."""
        for span in self._unreadable:
            self._db.execute("DELETE FROM batch WHERE id = ?", (_row_id(span),))
            self._insert(unreadable(span, now), lost=True)
        self._unreadable.clear()

    def _make_room(self) -> int:
        """Replace the oldest batches by counts until the cap holds; how many samples that cost."""
        dropped = 0
        while self._used_bytes() > self._cap_bytes:
            oldest = self._db.execute(_OLDEST).fetchone()
            if oldest is None:
                break
            before = self._db.execute(_LOST_BEFORE, (oldest[0],)).fetchone()
            batches = [
                self._batch(row)
                for row in (before, oldest)
                if row is not None and row[0] // EPOCH == oldest[0] // EPOCH
            ]
            dropped += samples_in(batches)
            for batch in batches:
                self._db.execute("DELETE FROM batch WHERE id = ?", (_row_id(batch.span),))
            self._insert(replaced(batches), lost=True)
        return dropped

    def _used_bytes(self) -> int:
        size, pages, free = (
            self._rows(f"PRAGMA {name}", ())[0][0] for name in ("page_size", "page_count", "freelist_count")
        )
        return int(size * (pages - free))

    def _batch(self, row: tuple[int, int, int, str, float, int, bytes]) -> Batch:
        id_, first, last, boot_id, boot_s, utc_ms, body = row
        return Batch(
            Span(id_ // EPOCH, first, last), Stamp(boot_id, boot_s, utc_ms), unpack(body, self._names, boot_s=boot_s)
        )

    def _rows(self, query: str, values: tuple[object, ...]) -> list[tuple]:  # type: ignore[type-arg]
        try:
            return self._db.execute(query, values).fetchall()
        except BROKEN as exc:
            raise StoreError(f"outbox: {exc}") from exc


def _gap(then: Stamp | None, now: Stamp) -> Taken:
    """The record that nothing is known between the last commit and now."""
    if then is None:
        length_s = None
    elif then.boot_id == now.boot_id:
        length_s = now.boot_s - then.boot_s
    elif then.synced and now.synced:
        length_s = max(0.0, (now.utc_ms - then.utc_ms) / 1000.0)
    else:
        length_s = None
    return Taken(GAP, length_s, Quality.INVALID if length_s is None else Quality.GOOD, now.boot_s)


def _row_id(span: Span) -> int:
    return span.epoch * EPOCH + span.first
