"""What takes the place of samples that had to be dropped: one record per point, counting them.

The records keep the last numbers of the hole they explain, so the numbers of everything after them stay as they were,
and a peer that sees such a record knows that the numbers missing right before it will never come.
"""

from collections import Counter
from collections.abc import Sequence

from gateway.model.point import PointId
from gateway.model.reading import Quality
from gateway.uplink.batch import Batch, Span, Taken
from gateway.wire.telemetry import LOST, lost_point


def counted(lost: Counter[PointId], *, at_s: float) -> list[Taken]:
    """Records of samples that never got a number, because the queue in memory was full."""
    return [Taken(lost_point(point), float(count), Quality.GOOD, at_s) for point, count in lost.items()]


def samples_in(batches: Sequence[Batch]) -> int:
    """How many real samples the batches hold, records of earlier losses left out."""
    return sum(not row.point.startswith(LOST) for batch in batches for row in batch.taken)


def replaced(batches: Sequence[Batch]) -> Batch:
    """Neighbouring batches of one epoch, dropped: their counts, added to what records among them already count."""
    counts: Counter[PointId] = Counter()
    latest_s: dict[PointId, float] = {}
    for batch in batches:
        for row in batch.taken:
            already = row.point.startswith(LOST)
            point = row.point if already else lost_point(row.point)
            counts[point] += round(row.value or 0.0) if already else 1
            latest_s[point] = max(row.at_s, latest_s.get(point, row.at_s))
    taken = [Taken(point, float(count), Quality.GOOD, latest_s[point]) for point, count in counts.items()]
    epoch, _, last = batches[-1].span
    return Batch(Span(epoch, last - len(taken) + 1, last), batches[-1].stamp, taken)
