"""Finding a stretch of history: which tier, how many of its slots a step, from which chunks. Pure but for the file."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from gateway.log import get_logger
from gateway.store import chunks
from gateway.store.history_file import HistoryFile
from gateway.store.tiers import NOTHING, TIERS, Columns, Tier, empty, thinned

log = get_logger("history")

LEAST_COVERED = 0.5
"""A slot of which less was measured does not stand for the whole of it."""

Pieces = Sequence[tuple[int, Columns]]
Open = Callable[[Tier, str], Pieces]
"""What of a point is still in memory: where each piece begins, and its columns; later ones lie over earlier ones."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """What was found: one slot every `step_ms` from `begin_ms`, columns of shape (slots,)."""

    unit: str
    tier: str
    step_ms: int
    begin_ms: int
    columns: Columns


def find(
    file: HistoryFile,
    point: str,
    *,
    from_ms: int,
    to_ms: int,
    most: int,
    in_memory: Open = lambda _tier, _point: (),
    fill: bool = False,
) -> Stretch:
    """A stretch in `most` slots at most; LookupError when nothing was ever kept of the point.

    `fill`: as finely as there is anything; before that the means of coarser tiers stand in, for charts. Else all of it is
    of one tier that reaches back far enough.
    """
    found = file.find(point)
    if found is None:
        raise LookupError(point)
    series, unit = found
    tier = _fine_enough((to_ms - from_ms) / most) if fill else _tier(file, from_ms, (to_ms - from_ms) / most)
    every = _every(tier.step_ms, from_ms, to_ms, most)
    step_ms = tier.step_ms * every
    begin_ms = from_ms // step_ms * step_ms
    slots = (-(-to_ms // step_ms) - begin_ms // step_ms) * every
    columns = _columns(file, tier, series, begin_ms=begin_ms, slots=slots, newest=in_memory(tier, point))
    for coarser in TIERS[TIERS.index(tier) + 1 :] if fill else ():
        known = np.flatnonzero(np.isfinite(columns.mean))
        if (missing := int(known[0]) if known.size else slots) == 0:
            break
        if known.size:  # a coarser slot that reaches over what is known finely says nothing of the time before it
            until_ms = (begin_ms + missing * tier.step_ms) // coarser.step_ms * coarser.step_ms
            missing = max(0, (until_ms - begin_ms) // tier.step_ms)
        _fill(columns, tier, coarser, file, series, begin_ms, missing, in_memory(coarser, point))
    return Stretch(unit, tier.name, step_ms, begin_ms, columns if every == 1 else thinned(columns, every))


def _columns(file: HistoryFile, tier: Tier, series: int, *, begin_ms: int, slots: int, newest: Pieces) -> Columns:
    """So many slots of a tier from its slot at `begin_ms` on."""
    columns = empty(slots)
    for chunk_ms, data in file.chunks(tier, series, from_ms=begin_ms, to_ms=begin_ms + slots * tier.step_ms):
        _lay(columns, unpacked(data, tier.slots), at=(chunk_ms - begin_ms) // tier.step_ms)
    for piece_ms, piece in newest:
        _lay(columns, piece, at=(piece_ms - begin_ms) // tier.step_ms)
    return columns


def _fill(
    columns: Columns,
    tier: Tier,
    coarser: Tier,
    file: HistoryFile,
    series: int,
    begin_ms: int,
    missing: int,
    newest: Pieces,
) -> None:
    """Let each of the first `missing` slots have what the coarser slot around it has."""
    first_ms = begin_ms // coarser.step_ms * coarser.step_ms
    end_ms = begin_ms + missing * tier.step_ms
    count = -(-(end_ms - first_ms) // coarser.step_ms)
    there = _columns(file, coarser, series, begin_ms=first_ms, slots=count, newest=newest)
    whole = there.count >= LEAST_COVERED * (coarser.step_ms // 1000)  # else it tells of a part of its time only
    at = (begin_ms + np.arange(missing) * tier.step_ms - first_ms) // coarser.step_ms
    for column, coarse in ((columns.mean, there.mean), (columns.low, there.low), (columns.high, there.high)):
        column[:missing] = np.where(whole, coarse, np.nan)[at]
    columns.quality[:missing] = np.where(whole, there.quality, NOTHING)[at]
    columns.count[:missing] = np.where(np.isfinite(columns.mean[:missing]), tier.step_ms // 1000, 0)


def unpacked(data: bytes, slots: int) -> Columns:
    """A chunk's columns; a damaged one is a gap, and told."""
    try:
        return chunks.unpack(data, slots)
    except ValueError as exc:
        log.warning("history_chunk_damaged", error=str(exc))
        return empty(slots)


def _tier(file: HistoryFile, from_ms: int, step_ms: float) -> Tier:
    """The coarsest tier fine enough; a coarser one where it has lost that time already."""
    for at in range(TIERS.index(_fine_enough(step_ms)), len(TIERS) - 1):
        mine = file.oldest_ms(TIERS[at])
        coarser = [(oldest, tier.span_ms) for tier in TIERS[at + 1 :] if (oldest := file.oldest_ms(tier)) is not None]
        if not coarser or (mine is not None and (mine <= from_ms or mine < sum(coarser[0]))):
            return TIERS[at]
    return TIERS[-1]


def _fine_enough(step_ms: float) -> Tier:
    return next((tier for tier in reversed(TIERS[1:]) if tier.step_ms <= step_ms), TIERS[0])


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
