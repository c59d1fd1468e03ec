"""One point's chunk as bytes: columns, byte by byte shuffled, packed with zlib; 1 to 6 bytes a slot.

`<version><flags>` then zlib of the columns: mean, and unless every slot is one sample low and high, then count (u2) and
quality (u1). Wide chunks keep 8-byte numbers (energy counters need them), the others 3 bytes of precision in 4.
"""

import zlib

import numpy as np
from numpy.typing import NDArray

from gateway.store.tiers import Columns

VERSION = 1
WIDE, PLAIN = 1, 2
LEVEL = 1


def pack(columns: Columns, *, wide: bool, plain: bool) -> bytes:
    """Columns of shape (slots,); `plain`: every slot is one sample, so mean, low and high are the same."""
    numbers = [columns.mean] if plain else [columns.mean, columns.low, columns.high]
    parts = [_shuffled(column if wide else _short(column)) for column in numbers]
    if not plain:
        parts.append(_shuffled(columns.count))
    parts.append(columns.quality.tobytes())
    return bytes((VERSION, (WIDE if wide else 0) | (PLAIN if plain else 0))) + zlib.compress(b"".join(parts), LEVEL)


def unpack(data: bytes, slots: int) -> Columns:
    """The columns back; ValueError when they are not as long as they should be."""
    if len(data) < 2 or data[0] != VERSION:
        raise ValueError("a chunk of another version")
    kind = np.dtype(np.float64 if data[1] & WIDE else np.float32)
    try:
        raw = zlib.decompress(data[2:])
    except zlib.error as exc:
        raise ValueError(f"a damaged chunk: {exc}") from exc
    size = slots * kind.itemsize
    numbers = 1 if data[1] & PLAIN else 3
    wanted = numbers * size + slots + (0 if data[1] & PLAIN else 2 * slots)
    if len(raw) != wanted:
        raise ValueError(f"a chunk of {len(raw)} bytes instead of {wanted}")
    mean, *rest = (_plain(raw[at * size : (at + 1) * size], kind).astype(np.float64) for at in range(numbers))
    quality = np.frombuffer(raw[-slots:], np.uint8).copy()
    if not rest:
        return Columns(mean, mean, mean, np.isfinite(mean).astype(np.uint16), quality)
    count = _plain(raw[3 * size : 3 * size + 2 * slots], np.dtype(np.uint16)).astype(np.uint16)
    return Columns(mean, rest[0], rest[1], count, quality)


def _short(column: NDArray[np.float64]) -> NDArray[np.float32]:
    """Rounded to 16 bits of mantissa (2e-5 of the value, finer than any meter): the fourth byte is then all zeros."""
    bits = column.astype(np.float32).view(np.uint32)
    rounded = np.where(np.isfinite(column), (bits + np.uint32(0x80)) & np.uint32(0xFFFFFF00), bits).astype(np.uint32)
    found: NDArray[np.float32] = rounded.view(np.float32)
    return found


def _shuffled(column: NDArray[np.generic]) -> bytes:
    return np.ascontiguousarray(np.ascontiguousarray(column).view(np.uint8).reshape(len(column), -1).T).tobytes()


def _plain(raw: bytes, kind: np.dtype[np.generic]) -> NDArray[np.generic]:
    found: NDArray[np.generic] = (
        np.ascontiguousarray(np.frombuffer(raw, np.uint8).reshape(kind.itemsize, -1).T).view(kind).reshape(-1)
    )
    return found
