"""Image -> Snapshot: the newest reading of every point, aged when it is taken.

The image keeps columns, so that a decoded block lands in one operation and a snapshot is a copy of four lists.
`Reading` is the only way anybody reads a point.
"""

from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from math import inf, isfinite
from operator import itemgetter
from typing import Any

from gateway.model.columns import Arrays, Layout
from gateway.model.point import PointId, PointSpec, device_of
from gateway.model.reading import NEVER_READ, AllGood, Cause, Quality, Reading

Listener = Callable[[PointId], None]
Getter = Callable[[Sequence[Any]], Any]


class Points:
    """Points that are read together again and again; where their columns lie is looked up once for an image."""

    __slots__ = ("found", "points")

    def __init__(self, points: Iterable[PointId]) -> None:
        self.points = tuple(points)
        self.found: tuple[dict[PointId, int] | None, Getter | None, float] = (None, None, -inf)
        """Of the image whose index this is: what takes the columns out of a list, the last of them twice, and the
        shortest age at which one is stale. No getter where there are no points, or the image lacks one."""

    def find(self, index: dict[PointId, int], stale_after_s: Sequence[float]) -> tuple[Getter | None, float]:
        """Look the columns up for another image."""
        columns = [index[point] for point in self.points if point in index]
        getter, stale_s = None, -inf
        if columns and len(columns) == len(self.points):
            getter, stale_s = itemgetter(*columns, columns[-1]), min(stale_after_s[at] for at in columns)
        self.found = index, getter, stale_s
        return getter, stale_s


class Snapshot:
    """The image frozen for one tick; nothing in it changes."""

    __slots__ = (
        "_causes",
        "_index",
        "_measured_s",
        "_posted",
        "_qualities",
        "_stale_after_s",
        "_trusted",
        "_values",
        "layout",
        "now_s",
        "serial",
    )

    def __init__(
        self,
        now_s: float,
        index: dict[PointId, int],
        stale_after_s: Sequence[float],
        columns: tuple[list[float | None], list[Quality], list[Cause], list[float], list[float | None]],
        posted: list[int],
        serial: int,
        layout: Layout,
    ) -> None:
        self.now_s = now_s
        self.layout = layout
        """Which point lies where in `arrays`."""
        self.serial = serial
        """Counts the posts the image has seen; `changed` compares with it."""
        self._posted = posted
        self._index = index
        self._stale_after_s = stale_after_s
        self._values, self._qualities, self._causes, self._measured_s, self._trusted = columns

    def reading(self, point: PointId) -> Reading:
        """The reading of a point; older than its limit is STALE, unknown points are INVALID (never read)."""
        at = self._index.get(point)
        if at is None:
            return NEVER_READ
        quality, cause, measured_s = self._qualities[at], self._causes[at], self._measured_s[at]
        if quality < Quality.STALE and self.now_s - measured_s > self._stale_after_s[at]:
            quality, cause = Quality.STALE, Cause.AGE
        return Reading(self._values[at], quality, cause, measured_s)

    def rows(self) -> Iterator[tuple[PointId, float | None, Quality, float]]:
        """Of every point its value, its quality now and when it was measured: `reading` of all without the objects."""
        stale, now_s = Quality.STALE, self.now_s
        columns = (self._index, self._values, self._qualities, self._measured_s, self._stale_after_s)
        for point, value, quality, measured_s, stale_s in zip(*columns, strict=True):
            old = quality < stale and now_s - measured_s > stale_s
            yield point, value, stale if old else quality, measured_s

    def arrays(self) -> Arrays:
        """The same as columns, in the order of `layout`: for thousands of points several times a second."""
        return self.layout.arrays(self.now_s, self._values, qualities=self._qualities, measured_s=self._measured_s)

    def stored(self, point: PointId) -> Reading:
        """The reading as it was posted, its age left out; for the record."""
        at = self._index.get(point)
        if at is None:
            return NEVER_READ
        return Reading(self._values[at], self._qualities[at], self._causes[at], self._measured_s[at])

    def usable(self, point: PointId) -> float | None:
        """The value control may use, or None: `reading(point).usable` without the object."""
        at = self._index.get(point)
        if at is None or self.now_s - self._measured_s[at] > self._stale_after_s[at]:
            return None
        return self._trusted[at]

    def timed(self, point: PointId) -> tuple[float | None, float]:
        """(`usable`, when it was measured): the reading's hot half, without the object."""
        at = self._index.get(point)
        if at is None:
            return None, 0.0
        measured_s = self._measured_s[at]
        return (None if self.now_s - measured_s > self._stale_after_s[at] else self._trusted[at]), measured_s

    def all_usable(self, points: Points) -> tuple[float | None, ...]:
        """`usable` of each of the points in their order, and of the last one once more (one point, too, is a tuple)."""
        return self.all_timed(points)[0]

    def all_timed(self, points: Points) -> tuple[tuple[float | None, ...], float]:
        """(`all_usable`, when the newest of them was measured: infinite, as if just now, where the image lacks one)."""
        index, getter, stale_s = points.found
        if index is not self._index:
            getter, stale_s = points.find(self._index, self._stale_after_s)
        if getter is None:
            return self._each(points), inf
        measured = getter(self._measured_s)
        values = getter(self._trusted) if self.now_s - min(measured) <= stale_s else self._each(points)
        return values, max(measured)

    def _each(self, points: Points) -> tuple[float | None, ...]:
        values = [self.usable(point) for point in points.points]
        return (*values, *values[-1:])

    def changed(self, columns: Iterable[int], serial: int) -> list[int]:
        """Which of these columns were posted after the snapshot that had this serial."""
        posted = self._posted
        return [at for at in columns if posted[at] > serial]

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
        count = len(self._index)
        self._values: list[float | None] = [None] * count
        self._qualities: list[Quality] = [Quality.INVALID] * count
        self._causes: list[Cause] = [Cause.NEVER_READ] * count
        self._measured_s: list[float] = [0.0] * count
        self._trusted: list[float | None] = [None] * count
        """The value where it is good and finite: worked out once, when it is posted."""
        self._posted = [0] * count
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
        for point, at in fresh._index.items():
            then = self._index.get(point)
            if then is not None and device_of(point) not in anew and self.specs[point].unit == fresh.specs[point].unit:
                for new, old in zip(fresh._columns(), self._columns(), strict=True):
                    new[at] = old[then]
        self.specs, self._index, self._stale_after_s = fresh.specs, fresh._index, fresh._stale_after_s
        self._layout = fresh._layout
        self._values, self._qualities, self._causes = fresh._values, fresh._qualities, fresh._causes
        self._measured_s, self._trusted, self._posted = fresh._measured_s, fresh._trusted, fresh._posted
        self._doubted = tuple(self._index[point] for point in doubted if point in self._index)
        there = {device_of(point) for point in self._index}
        self.texts = {
            point: said
            for point, said in self.texts.items()
            if device_of(point) in there and device_of(point) not in anew
        }
        heard = [(point, them) for point, them in self._listeners.values() if point in self._index]
        self._listeners = {self._index[point]: (point, them) for point, them in heard}

    def _columns(self) -> tuple[list[Any], ...]:
        return self._values, self._qualities, self._causes, self._measured_s, self._trusted, self._posted

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
        if type(columns) is range and (
            (type(qualities) is AllGood and len(qualities) == len(columns))
            or self._all_good(len(columns), values, qualities, causes)
        ):
            self._post_adjoining(columns, values, qualities, causes, measured_s)
        else:
            self._post_each(columns, values, qualities, causes, measured_s)
        for at in [at for at in self._listeners if at in columns]:
            point, listeners = self._listeners[at]
            for listener in listeners:
                listener(point)

    def _all_good(
        self, count: int, values: Sequence[float | None], qualities: Sequence[Quality], causes: Sequence[Cause]
    ) -> bool:
        """The ordinary case: as many as there are columns, all good, all finite (their sum is); told without a loop."""
        if not len(values) == len(qualities) == len(causes) == count == qualities.count(Quality.GOOD):
            return False
        try:
            return isfinite(sum(values))  # type: ignore[arg-type]  # None among them is the TypeError
        except TypeError:
            return False

    def _post_adjoining(
        self,
        columns: range,
        values: Sequence[float | None],
        qualities: Sequence[Quality],
        causes: Sequence[Cause],
        measured_s: float,
    ) -> None:
        """Good values of adjoining columns: whole slices at a time."""
        here, count = slice(columns.start, columns.stop), len(columns)
        self._values[here] = self._trusted[here] = values
        self._qualities[here] = qualities
        self._causes[here] = causes
        self._measured_s[here] = [measured_s] * count
        self._posted[here] = [self._serial] * count

    def _post_each(
        self,
        columns: Sequence[int],
        values: Sequence[float | None],
        qualities: Sequence[Quality],
        causes: Sequence[Cause],
        measured_s: float,
    ) -> None:
        good = Quality.GOOD
        for at, value, quality, cause in zip(columns, values, qualities, causes, strict=True):
            if (value is None) != (quality is Quality.INVALID):
                raise ValueError(f"column {at}: a reading has no value exactly when it is invalid")
            self._values[at] = value
            self._trusted[at] = value if quality is good and value is not None and isfinite(value) else None
            self._qualities[at] = quality
            self._causes[at] = cause
            self._measured_s[at] = measured_s
            self._posted[at] = self._serial

    def newest(self, point: PointId) -> Reading:
        """The reading of one point as it was posted; for who listens to that point alone."""
        at = self._index[point]
        return Reading(self._values[at], self._qualities[at], self._causes[at], self._measured_s[at])

    def doubt(self, points: Iterable[PointId]) -> None:
        """Show good readings of these points, and of no others, as UNCERTAIN (mismatch) from the next snapshot on."""
        doubted = tuple(self._index[point] for point in points)
        if doubted == self._doubted:
            return
        self._serial += 1
        for at in {*doubted, *self._doubted}:
            self._posted[at] = self._serial
        self._doubted = doubted

    def snapshot(self, now_s: float) -> Snapshot:
        """Freeze the image for one tick."""
        qualities, causes, trusted = self._qualities.copy(), self._causes.copy(), self._trusted.copy()
        for at in self._doubted:
            if qualities[at] is Quality.GOOD:
                qualities[at], causes[at], trusted[at] = Quality.UNCERTAIN, Cause.MISMATCH, None
        return Snapshot(
            now_s,
            self._index,
            self._stale_after_s,
            (self._values.copy(), qualities, causes, self._measured_s.copy(), trusted),
            self._posted.copy(),
            self._serial,
            self._layout,
        )
