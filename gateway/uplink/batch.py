"""Taken, Batch: the samples of one commit, and their compact bytes.

A batch is packed as columns: values (NaN where there is none), point numbers, ages in ms before the commit, qualities;
all but the values compressed. Times are kept on the boot clock and become UTC only when the batch leaves, so that a wall clock that was
wrong when a sample was taken is corrected afterwards (F-069). Byte order is little-endian.
"""

import struct
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count, repeat
from math import isfinite
from typing import NamedTuple

import numpy as np

from gateway.clock import EARLIEST_UTC_MS
from gateway.model.point import PointId
from gateway.model.reading import Quality
from gateway.wire.telemetry import WORDS, Sample

_QUALITY = tuple(Quality)
_HEAD = struct.Struct("<II")
"""How many samples, and the checksum of their values."""
_OLDEST_MS = 2**32 - 1


class Taken(NamedTuple):
    """One reading as the sampler took it, not yet numbered; `at_s` is boot time."""

    point: PointId
    value: float | None
    quality: Quality
    at_s: float


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
    taken: Sequence[Taken]

    def samples(self, now: Stamp, *, historical: bool) -> list[Sample]:
        """The samples as they leave now, in order of their numbers.

        Stamped before the wall clock was set: the present offset of the same boot dates them; of an earlier boot,
        the latest time they can have, and no better than uncertain.
        """
        if not self.taken:
            return []
        first = self.span.first
        offset_ms, floor = _dating(self.stamp, now)
        points, values, qualities, times = zip(*self.taken, strict=True)
        dates = np.rint(np.array(times) * 1000.0 + offset_ms).astype(np.int64).tolist()
        if qualities.count(floor) == len(qualities) and None not in values:  # as nearly always: all good
            words: Iterable[str] = repeat(WORDS[floor])
        else:
            lacking = WORDS[Quality.INVALID]
            pairs = zip(values, qualities, strict=True)
            words = [lacking if value is None else WORDS[max(floor, quality)] for value, quality in pairs]
        return list(zip(count(first), points, values, words, dates, repeat(historical)))


def _dating(then: Stamp, now: Stamp) -> tuple[float, Quality]:
    """What to add to a boot time in ms to get UTC, and the best quality such a date allows."""
    if then.synced:
        return then.utc_ms - then.boot_s * 1000.0, Quality.GOOD
    if then.boot_id == now.boot_id:
        return now.utc_ms - now.boot_s * 1000.0, Quality.GOOD
    boot_began_ms = now.utc_ms - now.boot_s * 1000.0
    return boot_began_ms - then.boot_s * 1000.0, Quality.UNCERTAIN


def pack(taken: Sequence[Taken], numbers: Mapping[PointId, int], *, boot_s: float) -> bytes:
    """The columns of a batch committed at `boot_s`."""
    points, values, qualities, times = zip(*taken, strict=True)
    ages_ms = np.clip(np.rint((boot_s - np.array(times)) * 1000.0), 0, _OLDEST_MS)
    plain = np.array(values, "<f8").tobytes()  # None becomes NaN
    dense = (
        np.fromiter(map(numbers.__getitem__, points), "<u4", len(points)).tobytes(),
        ages_ms.astype("<u4").tobytes(),
        bytes(qualities),
    )
    # values hardly compress and would cost most of the time; the other columns repeat themselves
    return _HEAD.pack(len(points), zlib.crc32(plain)) + plain + zlib.compress(b"".join(dense), 1)


def unpack(body: bytes, names: Mapping[int, PointId], *, boot_s: float) -> list[Taken]:
    """The samples of a packed batch; raises ValueError when the bytes are not one."""
    try:
        count, crc = _HEAD.unpack_from(body)
        plain = body[_HEAD.size : _HEAD.size + 8 * count]
        dense = zlib.decompress(body[_HEAD.size + 8 * count :])
    except (struct.error, zlib.error) as exc:
        raise ValueError("a batch does not unpack") from exc
    if zlib.crc32(plain) != crc or len(plain) != 8 * count or len(dense) != 9 * count:
        raise ValueError("a batch of rotten bytes")
    values = np.frombuffer(plain, "<f8").tolist()
    numbers = np.frombuffer(dense, "<u4", count).tolist()
    ages_ms = np.frombuffer(dense, "<u4", count, 4 * count).tolist()
    try:
        return [
            Taken(names[number], value if isfinite(value) else None, _QUALITY[quality], boot_s - age_ms / 1000.0)
            for number, value, quality, age_ms in zip(numbers, values, dense[8 * count :], ages_ms, strict=True)
        ]
    except (KeyError, IndexError) as exc:
        raise ValueError("a batch names a point or a quality nobody knows") from exc
