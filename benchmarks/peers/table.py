"""The table of the comparison: every target beside every peer it names, the ratio, and whether it passes."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.peers.runs import Run

LOAD_PERIODS_S = (0.2, 0.1, 0.05)
"""50 meters of 60 points: 15,000, 30,000 and 60,000 points a second."""
TITLES = {
    "floor": "floor",
    "ours": "this gateway",
    "assembled": "assembled",
    "node_red": "Node-RED",
    "thingsboard_wide": "ThingsBoard, wide item",
    "thingsboard_point": "ThingsBoard, per point",
}
CPU = {"floor": 3.0, "node_red": 0.4, "thingsboard_wide": 0.1, "thingsboard_point": 0.06}
SUSTAINED = {"thingsboard_wide": 10.0, "node_red": 2.0, "assembled": 2.0}
LATE = {"floor": 1.5, "thingsboard_wide": 0.2}
START = {"assembled": 2.0, "thingsboard_wide": 0.2, "node_red": 0.2}
MEMORY = {"thingsboard_wide": 0.9, "node_red": 0.4}
"""What we aim for, ours / theirs, by peer."""
Figure = Callable[[str], float | None]


@dataclass(frozen=True, slots=True)
class Row:
    """One comparison."""

    what: str
    unit: str
    peer: str
    ours: float | None
    theirs: float | None
    mark: float
    more: bool = False
    """More is better: the ratio has to reach the mark instead of staying below it."""

    @property
    def ratio(self) -> float | None:
        """Ours / theirs."""
        return None if self.ours is None or not self.theirs else self.ours / self.theirs

    @property
    def verdict(self) -> str:
        """Whether the mark is held."""
        if self.ratio is None:
            return "no figure"
        return "pass" if (self.ratio >= self.mark if self.more else self.ratio <= self.mark) else "MISSED"


def rows(runs: Mapping[str, Sequence[Run]], loads: Mapping[str, Sequence[Run]]) -> list[Row]:
    """All comparisons."""

    def middle(key: str) -> Figure:
        return lambda name: median([getattr(one, key) for one in runs[name]]) if runs[name] else None

    def most(name: str) -> float | None:
        return max((1e6 / one.cpu_us for one in (*runs[name], *loads[name])), default=None)

    def busier(name: str) -> float | None:
        return loads[name][0].cpu_us if loads[name] else None

    def table() -> Iterator[Row]:
        for what, unit, value, marks, more in (
            ("CPU per point", "us", middle("cpu_us"), CPU, False),
            ("CPU per point at 15,000/s", "us", busier, CPU, False),
            ("points per CPU second", "", most, SUSTAINED, True),
            ("register change to subscriber", "ms", middle("late_ms"), LATE, False),
            ("start to first value", "s", middle("start_s"), START, False),
            ("memory (RSS)", "MB", middle("rss_mb"), MEMORY, False),
        ):
            for peer, mark in marks.items():
                yield Row(what, unit, peer, value("ours"), value(peer), mark, more)

    return list(table())


def show(found: Sequence[Row], absent: Mapping[str, str], *, machine: str) -> str:
    """The table as text."""
    lines = [
        f"50 meters x 60 points over Modbus TCP, mosquitto, QoS 1; {machine}",
        f"{'':30} {'ours':>10} {'theirs':>10} {'ratio':>7} {'mark':>8}  beside",
    ]
    for row in found:
        mark = f"{'>=' if row.more else '<='} {row.mark:g}"
        what = f"{row.what}, {row.unit}" if row.unit else row.what
        name = TITLES[row.peer] + (f" ({absent[row.peer]})" if row.peer in absent else "")
        numbers = f"{_text(row.ours):>10} {_text(row.theirs):>10} {_text(row.ratio):>7}"
        lines.append(f"{what:30} {numbers} {mark:>8}  {name}: {row.verdict}")
    return "\n".join(lines)


def _text(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"
