"""Taken, Lot, Batch: the samples of one commit, and their compact bytes.

Samples are columns from the sampler to the message: thousands come a second, and nothing looks at one alone. A batch is
packed like that too: values (NaN where there is none), point numbers, ages in ms before the commit, qualities; all but the
values compressed. Times are kept on the boot clock and become UTC only when the batch leaves, so that a wall clock that was
wrong when a sample was taken is corrected afterwards (F-069). Byte order is little-endian.
"""

import struct
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count, repeat
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gateway.clock import EARLIEST_UTC_MS
from gateway.model.point import PointId
from gateway.model.reading import Quality
from gateway.wire.telemetry import WORDS, Sample

_QUALITY = tuple(Quality)
_WORDS = np.array([WORDS[quality] for quality in Quality], object)
"""By number."""
_HEAD = struct.Struct("<II")
"""How many samples, and the checksum of their values."""
_OLDEST_MS = 2**32 - 1


class Taken(NamedTuple):
    """One reading as the sampler took it, not yet numbered; `at_s` is boot time."""

    point: PointId
    value: float | None
    quality: Quality
    at_s: float


@dataclass(frozen=True, slots=True, eq=False)
class Lot:
    """Readings taken together, as columns of one length."""

    points: Sequence[PointId]
    values: NDArray[np.float64]
    """NaN where there is none."""
    qualities: NDArray[np.uint8]
    at_s: NDArray[np.float64]
    """Boot time."""

    @classmethod
    def of(cls, rows: Iterable[Taken]) -> "Lot":
        """The same from rows; a value of None becomes NaN."""
        columns = tuple(zip(*rows, strict=True)) or ((), (), (), ())
        points, values, qualities, at_s = columns
        return cls(points, np.array(values, "<f8"), np.array(qualities, np.uint8), np.array(at_s, "<f8"))

    @classmethod
    def joined(cls, lots: Sequence["Lot"]) -> "Lot":
        """One after the other."""
        if len(lots) == 1:
            return lots[0]
        if not lots:
            return cls.of(())
        points = [point for lot in lots for point in lot.points]
        columns = zip(*((lot.values, lot.qualities, lot.at_s) for lot in lots), strict=True)
        values, qualities, at_s = map(np.concatenate, columns)
        return cls(points, values, qualities, at_s)

    def __len__(self) -> int:
        return len(self.points)

    def part(self, begin: int, end: int) -> "Lot":
        """From one on to before another."""
        here = slice(begin, end)
        return Lot(self.points[here], self.values[here], self.qualities[here], self.at_s[here])

    def rows(self) -> list[Taken]:
        """One by one."""
        columns = (listed(self.values), map(_QUALITY.__getitem__, self.qualities.tolist()), self.at_s.tolist())
        return list(map(Taken, self.points, *columns))


def listed(values: NDArray[np.float64]) -> list[float | None]:
    """The values as Python's; None where there is none."""
    found: list[float | None] = values.tolist()
    for lacking in np.flatnonzero(np.isnan(values)).tolist():
        found[lacking] = None
    return found


class Span(NamedTuple):
    """The identity of a batch: samples `first` to `last` of an epoch."""

    epoch: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Stamp:
    """One instant on both clocks, and which boot the first of them counts from."""

    boot_id: str
    boot_s: float
    utc_ms: int

    @property
    def synced(self) -> bool:
        """The wall clock shows a time that can be true."""
        return self.utc_ms >= EARLIEST_UTC_MS


@dataclass(frozen=True, slots=True)
class Batch:
    """The samples of one commit, numbered without holes from `span.first`."""

    span: Span
    stamp: Stamp
    taken: Lot

    def samples(self, now: Stamp, *, historical: bool) -> list[Sample]:
        """The samples as they leave now, in order of their numbers.

        Stamped before the wall clock was set: the present offset of the same boot dates them; of an earlier boot,
        the latest time they can have, and no better than uncertain.
        """
        taken = self.taken
        offset_ms, floor = _dating(self.stamp, now)
        dates = np.rint(taken.at_s * 1000.0 + offset_ms).astype(np.int64).tolist()
        lacking = np.isnan(taken.values)
        marks = np.where(lacking, np.uint8(Quality.INVALID), np.maximum(taken.qualities, np.uint8(floor)))
        words = _WORDS[marks].tolist()
        values = listed(taken.values)
        return list(zip(count(self.span.first), taken.points, values, words, dates, repeat(historical)))


def _dating(then: Stamp, now: Stamp) -> tuple[float, Quality]:
    """What to add to a boot time in ms to get UTC, and the best quality such a date allows."""
    if then.synced:
        return then.utc_ms - then.boot_s * 1000.0, Quality.GOOD
    if then.boot_id == now.boot_id:
        return now.utc_ms - now.boot_s * 1000.0, Quality.GOOD
    boot_began_ms = now.utc_ms - now.boot_s * 1000.0
    return boot_began_ms - then.boot_s * 1000.0, Quality.UNCERTAIN


def pack(taken: Lot, numbers: Mapping[PointId, int], *, boot_s: float) -> bytes:
    """The columns of a batch committed at `boot_s`."""
    ages_ms = np.clip(np.rint((boot_s - taken.at_s) * 1000.0), 0, _OLDEST_MS)
    plain = taken.values.astype("<f8", copy=False).tobytes()
    dense = (
        np.fromiter(map(numbers.__getitem__, taken.points), "<u4", len(taken)).tobytes(),
        ages_ms.astype("<u4").tobytes(),
        taken.qualities.tobytes(),
    )
    # values hardly compress and would cost most of the time; the other columns repeat themselves
    return _HEAD.pack(len(taken), zlib.crc32(plain)) + plain + zlib.compress(b"".join(dense), 1)


def unpack(body: bytes, names: Mapping[int, PointId], *, boot_s: float) -> Lot:
    """The samples of a packed batch; raises ValueError when the bytes are not one."""
    try:
        count, crc = _HEAD.unpack_from(body)
        plain = body[_HEAD.size : _HEAD.size + 8 * count]
        dense = zlib.decompress(body[_HEAD.size + 8 * count :])
    except (struct.error, zlib.error) as exc:
        raise ValueError("a batch does not unpack") from exc
    if zlib.crc32(plain) != crc or len(plain) != 8 * count or len(dense) != 9 * count:
        raise ValueError("a batch of rotten bytes")
    values = np.frombuffer(plain, "<f8")
    numbers = np.frombuffer(dense, "<u4", count).tolist()
    at_s = boot_s - np.frombuffer(dense, "<u4", count, 4 * count) / 1000.0
    qualities = np.frombuffer(dense, np.uint8, count, 8 * count)
    if (qualities >= len(Quality)).any() or not names.keys() >= set(numbers):
        raise ValueError("a batch names a point or a quality nobody knows")
    points = [names[number] for number in numbers]
    return Lot(points, np.where(np.isfinite(values), values, np.nan), qualities, at_s)
