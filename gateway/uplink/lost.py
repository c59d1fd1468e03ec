"""What takes the place of samples that had to be dropped: one record per point that counts them, and one for the hole.

The records keep the last numbers of the batches they replace, so everything after them keeps its own. Where that leaves
numbers unused, a `gateway/hole` record in front of them says how many: a peer that waits for them knows.
"""

from collections import Counter
from collections.abc import Sequence

from gateway.model.point import PointId
from gateway.model.reading import Quality
from gateway.uplink.batch import Batch, Lot, Span, Stamp, Taken
from gateway.wire.telemetry import HOLE, LOST, UNKNOWN, lost_point


def counted(lost: Counter[PointId], *, at_s: float) -> Lot:
    """Records of samples that never got a number, because the queue in memory was full."""
    return Lot.of(Taken(lost_point(point), float(count), Quality.GOOD, at_s) for point, count in lost.items())


def samples_in(batches: Sequence[Batch]) -> int:
    """How many real samples the batches hold, records of earlier losses left out."""
    return sum(point != HOLE and not point.startswith(LOST) for batch in batches for point in batch.taken.points)


def replaced(batches: Sequence[Batch]) -> Batch:
    """Neighbouring batches of one epoch, dropped: their counts, added to what records among them already count."""
    counts: Counter[PointId] = Counter()
    latest_s: dict[PointId, float] = {}
    for row in (row for batch in batches for row in batch.taken.rows() if row.point != HOLE):
        already = row.point.startswith(LOST)
        point = row.point if already else lost_point(row.point)
        counts[point] += round(row.value or 0.0) if already else 1
        latest_s[point] = max(row.at_s, latest_s.get(point, row.at_s))
    records = [Taken(point, float(count), Quality.GOOD, latest_s[point]) for point, count in counts.items()]
    return _in_place(
        records, batches[-1].stamp, Span(batches[-1].span.epoch, _begin(batches[0]), batches[-1].span.last)
    )


def unreadable(span: Span, now: Stamp) -> Batch:
    """A batch whose bytes rotted: how many samples it held, of points nobody can name."""
    count = span.last - span.first + 1
    return _in_place([Taken(lost_point(UNKNOWN), float(count), Quality.GOOD, now.boot_s)], now, span)


def _in_place(records: list[Taken], stamp: Stamp, span: Span) -> Batch:
    """The records at the end of the numbers they replace, behind the record of the hole if there is one."""
    unused = span.last - span.first + 1 - len(records)
    if unused:
        records = [Taken(HOLE, float(unused - 1), Quality.GOOD, records[0].at_s), *records]
    return Batch(Span(span.epoch, span.last - len(records) + 1, span.last), stamp, Lot.of(records))


def _begin(batch: Batch) -> int:
    """The first number a batch stands for, its hole included."""
    first = batch.taken.rows()[0]
    return batch.span.first - (round(first.value or 0.0) if first.point == HOLE else 0)
