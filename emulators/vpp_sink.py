"""The head-end's telemetry store: every sample once by (box, epoch, seq), receipts, duplicates, holes and their reasons."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

GAP = "gateway/gap"
HOLE = "gateway/hole"
LOST = "gateway/lost/"
QUALITIES = {"good", "uncertain", "substituted", "stale", "invalid"}


class Numbers:
    """A set of whole numbers kept as disjoint runs."""

    def __init__(self) -> None:
        self._runs: list[list[int]] = []

    def add(self, first: int, last: int) -> None:
        """Include first … last."""
        apart = [run for run in self._runs if run[1] < first - 1 or run[0] > last + 1]
        near = [run for run in self._runs if not (run[1] < first - 1 or run[0] > last + 1)]
        joined = [min([first, *(run[0] for run in near)]), max([last, *(run[1] for run in near)])]
        self._runs = sorted([*apart, joined])

    def __contains__(self, number: int) -> bool:
        return any(first <= number <= last for first, last in reversed(self._runs))

    @property
    def contiguous(self) -> int:
        """The highest number up to which none is missing from 1; 0 when 1 is."""
        return self._runs[0][1] if self._runs and self._runs[0][0] <= 1 else 0

    @property
    def missing(self) -> int:
        """How many numbers lie between the runs."""
        last = 0
        count = 0
        for first, end in self._runs:
            count += max(0, first - last - 1)
            last = end
        return count


@dataclass(slots=True)
class Epoch:
    """What is known of one epoch of one box."""

    stored: Numbers = field(default_factory=Numbers)
    known: Numbers = field(default_factory=Numbers)
    """Stored, or explained by a hole record."""


class Malformed(ValueError):
    """A telemetry message that is none."""


class Sink:
    """All telemetry received; `take` returns what was new."""

    def __init__(self) -> None:
        self._epochs: dict[tuple[str, int], Epoch] = {}
        self.samples = 0
        self.duplicates = 0
        self.historical = 0
        self.gaps = 0
        self.lost: Counter[str] = Counter()

    def take(self, message: Any) -> tuple[list[list[Any]], tuple[str, int, int]]:
        """Store one message; the new samples, and (box, epoch, seq) of the receipt. Raises Malformed."""
        box, epoch, samples = _checked(message)
        held = self._epochs.setdefault((box, epoch), Epoch())
        fresh = [sample for sample in samples if sample[0] not in held.stored]
        self.duplicates += len(samples) - len(fresh)
        for first, last in _runs(sample[0] for sample in fresh):
            held.stored.add(first, last)
            held.known.add(first, last)
        for seq, point, value, _, _, old in fresh:
            self.samples += 1
            self.historical += bool(old)
            if point == GAP:
                self.gaps += 1
            elif point == HOLE and value:
                held.known.add(seq - round(value), seq - 1)
            elif point.startswith(LOST):
                self.lost[point.removeprefix(LOST)] += round(value or 0)
        return fresh, (box, epoch, held.known.contiguous)

    def summary(self) -> dict[str, Any]:
        """Counts; `unexplained` numbers are missing and no record says why."""
        return {
            "samples": self.samples,
            "duplicates": self.duplicates,
            "historical": self.historical,
            "gap_records": self.gaps,
            "dropped_by_policy": sum(self.lost.values()),
            "unexplained": sum(one.known.missing for one in self._epochs.values()),
            "epochs": [
                {"box": box, "epoch": epoch, "contiguous": held.known.contiguous}
                for (box, epoch), held in sorted(self._epochs.items())
            ],
        }


def _checked(message: Any) -> tuple[str, int, list[list[Any]]]:
    try:
        box, epoch, samples = message["box"], message["epoch"], message["samples"]
        for seq, point, value, quality, t_ms, historical in samples:
            whole = type(seq) is int and type(t_ms) is int and seq >= 1
            number = value is None or type(value) in (int, float)
            if not (whole and number and isinstance(point, str) and quality in QUALITIES and type(historical) is bool):
                raise Malformed(f"not a sample: {[seq, point, value, quality, t_ms, historical]}")
            if (value is None) is not (quality == "invalid"):
                raise Malformed(f"sample {seq} of {point}: {value} is {quality}")
    except (KeyError, TypeError, ValueError) as exc:
        raise exc if isinstance(exc, Malformed) else Malformed(f"not telemetry: {exc!r}") from exc
    if not isinstance(box, str) or type(epoch) is not int:
        raise Malformed("box or epoch is missing")
    return box, epoch, samples


def _runs(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """Rising numbers as runs."""
    found: list[tuple[int, int]] = []
    for number in sorted(numbers):
        if found and found[-1][1] == number - 1:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return found
