"""Finding a stretch of history: which tier, how many of its slots a step, from which chunks. Pure but for the file."""

from collections.abc import Callable
from dataclasses import dataclass

from gateway.log import get_logger
from gateway.store import chunks
from gateway.store.history_file import HistoryFile
from gateway.store.tiers import TIERS, Columns, Tier, empty, thinned

log = get_logger("history")

Open = Callable[[Tier, str], tuple[int, Columns] | None]
"""The chunk of a point that is still in memory: where it begins, and its columns; None: none."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """What was found: one slot every `step_ms` from `begin_ms`, columns of shape (slots,)."""

    unit: str
    tier: str
    step_ms: int
    begin_ms: int
    columns: Columns


def find(
    file: HistoryFile, point: str, *, from_ms: int, to_ms: int, most: int, in_memory: Open = lambda _tier, _point: None
) -> Stretch:
    """A stretch in `most` slots at most; LookupError when nothing was ever kept of the point."""
    found = file.find(point)
    if found is None:
        raise LookupError(point)
    series, unit = found
    tier = _tier(file, from_ms, (to_ms - from_ms) / most)
    every = _every(tier.step_ms, from_ms, to_ms, most)
    step_ms = tier.step_ms * every
    begin_ms = from_ms // step_ms * step_ms
    slots = (-(-to_ms // step_ms) - begin_ms // step_ms) * every
    columns = empty(slots)
    for chunk_ms, data in file.chunks(tier, series, from_ms=begin_ms, to_ms=begin_ms + slots * tier.step_ms):
        _lay(columns, unpacked(data, tier.slots), at=(chunk_ms - begin_ms) // tier.step_ms)
    if (newest := in_memory(tier, point)) is not None:
        _lay(columns, newest[1], at=(newest[0] - begin_ms) // tier.step_ms)
    return Stretch(unit, tier.name, step_ms, begin_ms, columns if every == 1 else thinned(columns, every))


def unpacked(data: bytes, slots: int) -> Columns:
    """A chunk's columns; a damaged one is a gap, and told."""
    try:
        return chunks.unpack(data, slots)
    except ValueError as exc:
        log.warning("history_chunk_damaged", error=str(exc))
        return empty(slots)


def _tier(file: HistoryFile, from_ms: int, step_ms: float) -> Tier:
    """The coarsest tier fine enough; a coarser one where it has lost that time already."""
    first = next((at for at in range(len(TIERS) - 1, 0, -1) if TIERS[at].step_ms <= step_ms), 0)
    for at in range(first, len(TIERS) - 1):
        mine, next_ms = file.oldest_ms(TIERS[at]), file.oldest_ms(TIERS[at + 1])
        if mine is None or mine <= from_ms or next_ms is None or mine < next_ms + TIERS[at + 1].span_ms:
            return TIERS[at]
    return TIERS[-1]


def _every(step_ms: int, from_ms: int, to_ms: int, most: int) -> int:
    """How many slots make one step, so that a stretch is `most` steps on the raster of UTC at most."""
    every = max(1, (to_ms - from_ms) // (step_ms * most))
    while -(-to_ms // (step_ms * every)) - from_ms // (step_ms * every) > max(2, most):
        every += 1
    return every


def _lay(columns: Columns, one: Columns, *, at: int) -> None:
    """Lay a chunk over a stretch from its slot `at` on, which may begin before it or end behind it."""
    first, last = max(0, -at), min(len(one.mean), len(columns.mean) - at)
    if first >= last:
        return
    here, there = slice(at + first, at + last), slice(first, last)
    columns.mean[here], columns.low[here], columns.high[here] = one.mean[there], one.low[there], one.high[there]
    columns.count[here], columns.quality[here] = one.count[there], one.quality[there]
