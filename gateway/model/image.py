"""Image -> Snapshot: the newest reading of every point, aged when it is taken.

The image keeps columns, so that a decoded block lands in a few slices and a snapshot is a copy of five arrays.
`Reading` is the only way anybody reads a point.
"""

from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from math import inf, isfinite, nan

import numpy as np

from gateway.model.columns import QUALITIES, Arrays, Columns, Layout
from gateway.model.point import PointId, PointSpec, device_of
from gateway.model.points import UNREAD, Groups, Row
from gateway.model.reading import HUGE, NEVER_READ, AllGood, Cause, Quality, Reading

GOOD, NONE = int(Quality.GOOD), int(Cause.NONE)
Listener = Callable[[PointId], None]


class Snapshot:
    """The image frozen for one tick; nothing in it changes."""

    __slots__ = (
        "_columns",
        "_index",
        "_stale_after_s",
        "layout",
        "now_s",
        "serial",
    )

    def __init__(
        self,
        now_s: float,
        index: dict[PointId, int],
        stale_after_s: Sequence[float],
        columns: Columns,
        serial: int,
        layout: Layout,
    ) -> None:
        self.now_s = now_s
        self.layout = layout
        """Which point lies where in `arrays`."""
        self.serial = serial
        """Counts the posts the image has seen; `changed` compares with it."""
        self._index = index
        self._stale_after_s = stale_after_s
        self._columns = columns

    def reading(self, point: PointId) -> Reading:
        """The reading of a point; older than its limit is STALE, unknown points are INVALID (never read)."""
        at = self._index.get(point)
        if at is None:
            return NEVER_READ
        posted = self._columns.reading(at)
        if posted.quality < Quality.STALE and self.now_s - posted.measured_s > self._stale_after_s[at]:
            return Reading(posted.value, Quality.STALE, Cause.AGE, posted.measured_s)
        return posted

    def rows(self) -> Iterator[tuple[PointId, float | None, Quality, float]]:
        """Of every point its value, its quality now and when it was measured: `reading` of all without the objects."""
        columns = (column.tolist() for column in self.arrays())
        for point, value, number, measured_s in zip(self._index, *columns, strict=True):
            quality = QUALITIES[number]
            yield point, None if quality is Quality.INVALID else value, quality, measured_s

    def arrays(self) -> Arrays:
        """The same as columns, in the order of `layout`: for thousands of points several times a second."""
        return self.layout.arrays(self.now_s, self._columns)

    def stored(self, point: PointId) -> Reading:
        """The reading as it was posted, its age left out; for the record."""
        at = self._index.get(point)
        return NEVER_READ if at is None else self._columns.reading(at)

    def usable(self, point: PointId) -> float | None:
        """The value control may use, or None: `reading(point).usable` without the object."""
        return self.timed(point)[0]

    def timed(self, point: PointId) -> tuple[float | None, float]:
        """(`usable`, when it was measured): the reading's hot half, without the object."""
        at = self._index.get(point)
        if at is None:
            return None, 0.0
        columns = self._columns
        measured_s, value = columns.measured_s.item(at), columns.values.item(at)
        good = columns.qualities.item(at) == GOOD and abs(value) < HUGE
        return value if good and self.now_s - measured_s <= self._stale_after_s[at] else None, measured_s

    def each_timed(self, groups: Groups) -> list[Row]:
        """Of each group every point's `usable`, and when the newest was measured: infinite, as if just now, where a point is lacking.

        The row of a group in which nothing happened since it was last read is the same object.
        """
        if groups.index is not self._index:
            groups.find(self._index, self._stale_after_s)
        places = groups.places
        if places is None:
            return [self._timed(points) for points in groups.groups]
        measured = self._columns.measured_s[places.columns]
        posted = np.maximum.reduceat(self._columns.posted[places.columns], places.starts)[:-1]
        fresh = self.now_s - np.minimum.reduceat(measured, places.starts)[:-1] <= places.stale_s
        anew = np.flatnonzero((posted != groups.posted) | ~fresh).tolist()
        rows = groups.rows
        if anew:
            rows = rows.copy()
            values = tuple(self._columns.trusted(places.columns))
            newest = np.maximum.reduceat(measured, places.starts).tolist()
            for at in anew:
                begin, end = groups.spans[at]
                rows[at] = values[begin:end], newest[at]
            stale = np.flatnonzero(~fresh).tolist()
            for at in stale:
                rows[at] = self._timed(groups.groups[at])
            posted[stale] = UNREAD
            groups.rows, groups.posted = rows, posted
        return rows

    def _timed(self, points: Sequence[PointId]) -> Row:
        """A group point by point."""
        rows = [self.timed(point) for point in points]
        there = bool(points) and all(point in self._index for point in points)
        return tuple(value for value, _ in rows), max(at_s for _, at_s in rows) if there else inf

    def changed(self, columns: Iterable[int], serial: int) -> list[int]:
        """Which of these columns were posted after the snapshot that had this serial."""
        looked_at = np.fromiter(columns, np.intp)
        found: list[int] = looked_at[self._columns.posted[looked_at] > serial].tolist()
        return found

    def points(self) -> Iterable[PointId]:
        """Every point of the site."""
        return self._index.keys()


class Image:
    """The newest reading of every point; one per gateway, written by the pollers, read through snapshots only."""

    def __init__(self, specs: Iterable[PointSpec]) -> None:
        self.specs = {spec.id: spec for spec in specs}
        self._index = {point: at for at, point in enumerate(self.specs)}
        self._stale_after_s = [spec.stale_after_s for spec in self.specs.values()]
        self._layout = Layout(self.specs.values())
        self._columns = Columns.never_read(len(self._index))
        self.texts: dict[PointId, str] = {}
        """What devices say in words: serial numbers, models. Never part of a snapshot."""
        self._serial = 0
        self._doubted: tuple[int, ...] = ()
        self._listeners: dict[int, tuple[PointId, list[Listener]]] = {}

    def respec(self, specs: Iterable[PointSpec], *, anew: Container[str] = ()) -> None:
        """Hold these points from now on; what is known of those that stay is kept, but for the devices in `anew`.

        Column numbers are new: who keeps some asks for them again at once. Snapshots taken before stay as they are.
        """
        fresh = Image(specs)
        doubted = {point for point, at in self._index.items() if at in self._doubted}
        kept = [point for point, spec in fresh.specs.items() if self._is_kept(spec) and device_of(point) not in anew]
        here, there = [fresh._index[point] for point in kept], [self._index[point] for point in kept]
        for new, old in zip(fresh._columns.all(), self._columns.all(), strict=True):
            new[here] = old[there]
        self.specs, self._index, self._stale_after_s = fresh.specs, fresh._index, fresh._stale_after_s
        self._layout = fresh._layout
        self._columns = fresh._columns
        self._doubted = tuple(self._index[point] for point in doubted if point in self._index)
        devices = {device_of(point) for point in self._index}
        self.texts = {
            point: said
            for point, said in self.texts.items()
            if device_of(point) in devices and device_of(point) not in anew
        }
        heard = [(point, them) for point, them in self._listeners.values() if point in self._index]
        self._listeners = {self._index[point]: (point, them) for point, them in heard}

    def _is_kept(self, spec: PointSpec) -> bool:
        there = self.specs.get(spec.id)
        return there is not None and there.unit == spec.unit

    def columns(self, points: Iterable[PointId]) -> Sequence[int]:
        """The column numbers of points, for `post_block`: a range where they adjoin; KeyError for an unknown point."""
        found = tuple(self._index[point] for point in points)
        adjoining = range(found[0], found[0] + len(found)) if found else range(0)
        return adjoining if found == tuple(adjoining) else found

    def on_post(self, point: PointId, listener: Listener) -> None:
        """Call `listener` whenever a reading of this point is posted (a fresh site-meter value triggers a step)."""
        self._listeners.setdefault(self._index[point], (point, []))[1].append(listener)

    def post(self, point: PointId, reading: Reading) -> None:
        """Take over one reading."""
        self.post_block((self._index[point],), [reading.value], [reading.quality], [reading.cause], reading.measured_s)

    def post_block(
        self,
        columns: Sequence[int],
        values: Sequence[float | None],
        qualities: Sequence[Quality],
        causes: Sequence[Cause],
        measured_s: float,
    ) -> None:
        """Take over one decoded block, all of one instant."""
        self._serial += 1
        vouched = type(qualities) is AllGood and len(qualities) == len(columns)
        if type(columns) is range and (vouched or self._all_good(len(columns), values, qualities, causes)):
            kept = self._columns.part(columns)
            kept.values[:] = values
            kept.qualities.fill(GOOD)
            kept.causes.fill(NONE)
            kept.measured_s.fill(measured_s)
            kept.posted.fill(self._serial)
        else:
            self._post_each(columns, values, qualities, causes, measured_s)
        for at in (*self._listeners,):
            if at in columns:
                point, listeners = self._listeners[at]
                for listener in listeners:
                    listener(point)

    def _all_good(
        self, count: int, values: Sequence[float | None], qualities: Sequence[Quality], causes: Sequence[Cause]
    ) -> bool:
        """The ordinary case: as many as there are columns, all good, all finite (their sum is); told without a loop."""
        if not len(values) == len(qualities) == len(causes) == count == qualities.count(Quality.GOOD):
            return False
        if causes.count(Cause.NONE) != count:
            return False
        try:
            return isfinite(sum(values))  # type: ignore[arg-type]  # None among them is the TypeError
        except TypeError:
            return False

    def _post_each(
        self,
        columns: Sequence[int],
        values: Sequence[float | None],
        qualities: Sequence[Quality],
        causes: Sequence[Cause],
        measured_s: float,
    ) -> None:
        kept = self._columns
        for at, value, quality, cause in zip(columns, values, qualities, causes, strict=True):
            if (value is None) != (quality is Quality.INVALID):
                raise ValueError(f"column {at}: a reading has no value exactly when it is invalid")
            kept.values[at] = nan if value is None else value
            kept.qualities[at] = quality
            kept.causes[at] = cause
            kept.measured_s[at] = measured_s
            kept.posted[at] = self._serial

    def newest(self, point: PointId) -> Reading:
        """The reading of one point as it was posted, or as it is doubted; for who listens to that point alone."""
        at = self._index[point]
        found = self._columns.reading(at)
        if at in self._doubted and found.quality is Quality.GOOD:
            return Reading(found.value, Quality.UNCERTAIN, Cause.MISMATCH, found.measured_s)
        return found

    def doubt(self, points: Iterable[PointId]) -> None:
        """Show good readings of these points, and of no others, as UNCERTAIN (mismatch) from the next snapshot on."""
        doubted = tuple(self._index[point] for point in points)
        if doubted == self._doubted:
            return
        self._serial += 1
        for at in {*doubted, *self._doubted}:
            self._columns.posted[at] = self._serial
        self._doubted = doubted

    def snapshot(self, now_s: float) -> Snapshot:
        """Freeze the image for one tick."""
        columns = self._columns.copy()
        for at in self._doubted:
            if columns.qualities[at] == Quality.GOOD:
                columns.qualities[at], columns.causes[at] = Quality.UNCERTAIN, Cause.MISMATCH
        return Snapshot(now_s, self._index, self._stale_after_s, columns, self._serial, self._layout)
