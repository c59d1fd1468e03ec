"""The history's SQLite file: chunks by (begin, series), so that writing appends and the oldest goes in one stretch.

One connection, one thread. The size of every tier is kept beside it, so that nobody has to add up gigabytes.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path

from gateway.errors import StoreError
from gateway.store.tiers import TIERS, Tier

NAME = "history.sqlite"
FORMAT = 1
SCHEMA = """
CREATE TABLE IF NOT EXISTS series (id INTEGER PRIMARY KEY, point TEXT UNIQUE NOT NULL, unit TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS size (tier TEXT, begin INTEGER, bytes INTEGER NOT NULL, PRIMARY KEY (tier, begin)) WITHOUT ROWID;
""" + "".join(
    f"CREATE TABLE IF NOT EXISTS {tier.name} (begin INTEGER, series INTEGER, data BLOB NOT NULL, "
    "PRIMARY KEY (begin, series)) WITHOUT ROWID;\n"
    for tier in TIERS
)
FETCH = """
WITH RECURSIVE place(begin) AS (SELECT :first UNION ALL SELECT begin + :span FROM place WHERE begin + :span < :end)
SELECT {tier}.begin, data FROM place JOIN {tier} ON {tier}.begin = place.begin AND series = :series
"""
CACHE_KIB = 8192


class HistoryFile:
    """The open file; StoreError from every method when the disk refuses."""

    def __init__(self, folder: Path) -> None:
        path = folder / NAME
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as exc:
            raise StoreError(f"{path}: {exc.strerror}") from exc
        try:
            self._open(path)
        except sqlite3.DatabaseError as exc:
            if not _is_damage(exc):
                raise StoreError(f"{path}: {exc}") from exc
            path.replace(path.with_suffix(".damaged"))
            for part in ("-wal", "-shm"):
                path.with_name(path.name + part).unlink(missing_ok=True)
            self._open(path)

    @classmethod
    def over(cls, base: sqlite3.Connection, path: Path) -> "HistoryFile":
        """The same over a connection somebody else opened, to read."""
        found = cls.__new__(cls)
        found._base, found._path = base, path  # noqa: SLF001 - its own class
        return found

    def _open(self, path: Path) -> None:
        self._path = path
        self._base = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        base = self._base
        base.execute("PRAGMA page_size=16384")  # of a new file: a chunk is about 1 kB, four of them and more fit a page
        base.execute("PRAGMA journal_mode=WAL")
        base.execute("PRAGMA synchronous=NORMAL")  # after a power cut the last minutes are gone, nothing else
        base.execute(f"PRAGMA cache_size=-{CACHE_KIB}")
        (found,) = base.execute("PRAGMA user_version").fetchone()
        if found > FORMAT:
            raise StoreError(f"{path}: written by a newer version (format {found}); install that version")
        base.executescript(SCHEMA)
        base.execute(f"PRAGMA user_version={FORMAT}")

    def series(self, points: Iterable[tuple[str, str]]) -> list[int]:
        """The numbers of (point, unit) pairs, made where they are new."""
        with self._transaction():
            self._base.executemany(
                "INSERT INTO series (point, unit) VALUES (?, ?) ON CONFLICT (point) DO UPDATE SET unit = excluded.unit",
                list(pairs := list(points)),
            )
            known = dict(self._base.execute("SELECT point, id FROM series").fetchall())
        return [known[point] for point, _ in pairs]

    def find(self, point: str) -> tuple[int, str] | None:
        """(number, unit) of a point anything was ever kept of."""
        found: tuple[int, str] | None = self._base.execute(
            "SELECT id, unit FROM series WHERE point = ?", (point,)
        ).fetchone()
        return found

    def put(self, tier: Tier, begin_ms: int, rows: Iterable[tuple[int, bytes]]) -> None:
        """Write one chunk of many series, in place of what was there."""
        with self._transaction():
            total = 0
            for series, data in rows:
                total += len(data)
                self._base.execute(
                    f"INSERT OR REPLACE INTO {tier.name} VALUES (?, ?, ?)",  # noqa: S608 - a name of ours
                    (begin_ms, series, data),
                )
            self._base.execute("INSERT OR REPLACE INTO size VALUES (?, ?, ?)", (tier.name, begin_ms, total))
            self._drop_oldest(tier)

    def chunk(self, tier: Tier, begin_ms: int) -> list[tuple[int, bytes]]:
        """One chunk of every series."""
        return self._base.execute(
            f"SELECT series, data FROM {tier.name} WHERE begin = ?",  # noqa: S608 - a name of ours
            (begin_ms,),
        ).fetchall()

    def data(self, tier: Tier, begin_ms: int, series: int) -> bytes | None:
        """One chunk of one series."""
        found = self._base.execute(
            f"SELECT data FROM {tier.name} WHERE begin = ? AND series = ?",  # noqa: S608 - a name of ours
            (begin_ms, series),
        ).fetchone()
        return None if found is None else bytes(found[0])

    def chunks(self, tier: Tier, series: int, *, from_ms: int, to_ms: int) -> Iterator[tuple[int, bytes]]:
        """The chunks of one series that touch a stretch, in order: (begin, data)."""
        first = from_ms // tier.span_ms * tier.span_ms
        given = {"first": first, "span": tier.span_ms, "end": to_ms, "series": series}
        yield from self._base.execute(FETCH.format(tier=tier.name), given)

    def oldest_ms(self, tier: Tier) -> int | None:
        """Where a tier begins."""
        (found,) = self._base.execute("SELECT min(begin) FROM size WHERE tier = ?", (tier.name,)).fetchone()
        return None if found is None else int(found)

    def end_ms(self, tier: Tier) -> int:
        """Where the newest chunk of a tier ends; 0 when there is none."""
        (found,) = self._base.execute("SELECT max(begin) FROM size WHERE tier = ?", (tier.name,)).fetchone()
        return 0 if found is None else int(found) + tier.span_ms

    def bytes(self) -> int:
        """What all tiers take."""
        return int(self._base.execute("SELECT coalesce(sum(bytes), 0) FROM size").fetchone()[0])

    def spare(self) -> None:
        """Give back the pages kept in memory: they were written and will hardly be read again."""
        self._base.execute("PRAGMA shrink_memory")

    def close(self) -> None:
        """Let go of the file."""
        self._base.close()

    def _drop_oldest(self, tier: Tier) -> None:
        (total,) = self._base.execute(
            "SELECT coalesce(sum(bytes), 0) FROM size WHERE tier = ?", (tier.name,)
        ).fetchone()
        oldest = self._base.execute(
            "SELECT begin, bytes FROM size WHERE tier = ? ORDER BY begin LIMIT 64", (tier.name,)
        )
        for begin_ms, size in oldest.fetchall()[:-1]:
            if total <= tier.most_bytes:
                return
            self._base.execute(f"DELETE FROM {tier.name} WHERE begin = ?", (begin_ms,))  # noqa: S608 - ours
            self._base.execute("DELETE FROM size WHERE tier = ? AND begin = ?", (tier.name, begin_ms))
            total -= size

    def _transaction(self) -> "_Transaction":
        return _Transaction(self._base, self._path)


class _Transaction:
    """BEGIN IMMEDIATE … COMMIT, rolled back by any error; SQLite's become StoreError."""

    def __init__(self, base: sqlite3.Connection, path: Path) -> None:
        self._base, self._path = base, path

    def __enter__(self) -> None:
        try:
            self._base.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as exc:
            raise StoreError(f"{self._path}: {exc}") from exc

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, _: object) -> None:
        try:
            self._base.execute("COMMIT" if kind is None else "ROLLBACK")
        except sqlite3.Error as failed:
            raise StoreError(f"{self._path}: {failed}") from failed
        if isinstance(exc, sqlite3.Error):
            raise StoreError(f"{self._path}: {exc}") from exc


def _is_damage(exc: sqlite3.DatabaseError) -> bool:
    return not isinstance(exc, sqlite3.OperationalError)
