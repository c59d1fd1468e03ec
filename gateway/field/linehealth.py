"""LineHealth: how a line and each of its units do: latencies, kinds of errors, availability, time since the last good read.

Counted since the start; latencies are of the last `KEPT` reads of a unit. What is not known is not in the figures.
Pure; times are boot time, handed in.
"""

from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from gateway.errors import BusDown, BusError, BusMismatch, BusRefused, BusTimeout

KEPT = 256
KINDS: tuple[tuple[type[BusError], str], ...] = (
    (BusDown, "down"),
    (BusTimeout, "timeout"),
    (BusMismatch, "mismatch"),
    (BusRefused, "refused"),
)
BUSY_WINDOW_S = 60.0


@dataclass(slots=True)
class UnitHealth:
    """One device."""

    reads: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    """By kind: down, timeout, mismatch, refused."""
    good_s: float | None = None
    """When the last good read ended."""
    latencies_s: deque[float] = field(default_factory=lambda: deque(maxlen=KEPT))

    def good(self, now_s: float, *, took_s: float) -> None:
        """A read came back, `took_s` after it was sent."""
        self.reads += 1
        self.good_s = now_s
        self.latencies_s.append(took_s)

    def failed(self, error: BusError) -> None:
        """A read did not."""
        self.reads += 1
        self.errors[kind_of(error)] += 1

    @property
    def typical_s(self) -> float:
        """The mean of the last few latencies; 0 without any."""
        latest = self.latencies_s
        count = min(8, len(latest))
        return sum(latest[-at] for at in range(1, count + 1)) / count if count else 0.0

    def figures(self, now_s: float) -> dict[str, float]:
        """By name: reads, errors by kind, availability (of 1), since_good, latency percentiles."""
        found: dict[str, float] = {"reads": float(self.reads)}
        found |= {f"errors_{kind}": float(count) for kind, count in self.errors.items()}
        if self.reads:
            found["availability"] = 1.0 - self.errors.total() / self.reads
        if self.good_s is not None:
            found["since_good"] = now_s - self.good_s
        if self.latencies_s:
            ordered = sorted(self.latencies_s)
            for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99)):
                found[f"latency_{name}"] = ordered[min(len(ordered) - 1, int(share * len(ordered)))]
        return found


class LineHealth:
    """The units of one line, and how busy it is."""

    def __init__(self, devices: Iterable[str]) -> None:
        self.units = {device: UnitHealth() for device in devices}
        self._busy_s = 0.0
        self._began_s: float | None = None
        self._load = 0.0

    def busy(self, from_s: float, to_s: float) -> None:
        """The line was occupied with one transaction."""
        if self._began_s is None:
            self._began_s = from_s
        self._busy_s += to_s - from_s
        if to_s - self._began_s >= BUSY_WINDOW_S:
            self._load, self._began_s, self._busy_s = self._busy_s / (to_s - self._began_s), to_s, 0.0

    def totals(self) -> dict[str, float]:
        """Of all its units, by name: errors of every kind, availability (of 1)."""
        errors = {f"errors_{name}": float(sum(unit.errors[name] for unit in self.units.values())) for _, name in KINDS}
        reads = sum(unit.reads for unit in self.units.values())
        return errors | ({"availability": 1.0 - sum(errors.values()) / reads} if reads else {})

    def load(self, now_s: float) -> float | None:
        """Share of the time it was occupied over the last minute or so; None before anything was asked."""
        if self._began_s is None:
            return None
        span_s = now_s - self._began_s
        if span_s <= 0.0:
            return self._load
        # of the window under way, and for what is missing of a minute the one before
        missing_s = max(0.0, BUSY_WINDOW_S - span_s) if self._load else 0.0
        return (self._busy_s + self._load * missing_s) / (span_s + missing_s)


def kind_of(error: BusError) -> str:
    """The kind of an error, for counting."""
    return next((name for kind, name in KINDS if isinstance(error, kind)), "other")
