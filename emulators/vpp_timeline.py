"""What the head-end does and when: a time line file -> signals, events and limits at times of the run.

The file is JSON; powers are W, times s since the run's begin:
`{signal: {file, start_s, period_s, delay_s: [least, most]}, capacity_w, declared: [{start_s, end_s, basepoint_w}],
history: {file, start_s, scale, add_w}, baseline: {days, …}, meter, issuer, heartbeat_s, lead_s, repeat_s, seed,
entries: [{kind: reg|ar|dr|limit, id, at_s, for_s, …}]}`; `entries` alone is needed. An entry `ar` and `dr` has `shed_w`
or `power_w` and may have `notice_s`; `limit` has max_import_w or max_export_w and is withdrawn after `for_s`; `for_s`
null: to the end of the run. With `repeat_s` the entries come again and again, the signal runs on.
"""

import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from itertools import count
from math import inf
from pathlib import Path
from typing import Any

from emulators.vpp_baseline import Rules

KINDS = ("reg", "ar", "dr", "limit")
LIMITS = ("max_import_w", "max_export_w")


@dataclass(frozen=True, slots=True)
class Signal:
    """A regulation signal: held values every `period_s`, the run beginning `start_s` after the file's first row."""

    times_s: tuple[float, ...]
    values: tuple[float, ...]
    start_s: float = 0.0
    period_s: float = 2.0
    delay_s: tuple[float, float] = (0.0, 0.3)

    def at(self, t_s: float) -> float | None:
        """The value at a time of the run; None one period after the last row."""
        at_s = self.times_s[0] + self.start_s + t_s
        if at_s >= self.times_s[-1] + self.period_s:
            return None
        low, high = 0, len(self.times_s)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self.times_s[middle] <= at_s + 1e-6 else (low, middle)
        return self.values[low]


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing the VPP wants, once a cycle."""

    kind: str
    at_s: float
    for_s: float
    id: str
    notice_s: float = 0.0
    values: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Act:
    """One thing to do at a time of the run: `begin_s` and `end_s` are what the command says."""

    t_s: float
    kind: str
    id: str
    begin_s: float
    end_s: float
    values: Mapping[str, float | None]


@dataclass(frozen=True, slots=True)
class Timeline:
    """The whole file."""

    entries: tuple[Entry, ...]
    signal: Signal | None = None
    capacity_w: float | None = None
    declared: tuple[tuple[float, float, float], ...] = ()
    """(start_s, end_s, basepoint_w) of the blocks the scenario declares itself."""
    history: Mapping[str, Any] | None = None
    baseline: Rules = field(default_factory=Rules)
    meter: str | None = None
    issuer: str = "vpp"
    heartbeat_s: float = 10.0
    lead_s: float = 300.0
    repeat_s: float | None = None
    seed: int = 0

    def acts(self, from_s: float = 0.0) -> Iterator[Act]:
        """Everything to do, in order, from a time of the run on; without end when it repeats."""
        cycles = count() if self.repeat_s is not None else iter((0,))
        for cycle in cycles:
            offset_s = cycle * (self.repeat_s or 0.0)
            acts = [act for entry in self.entries for act in self._of(entry, offset_s, cycle)]
            yield from (act for act in sorted(acts, key=lambda act: act.t_s) if act.t_s >= from_s)

    def _of(self, entry: Entry, offset_s: float, cycle: int) -> Iterator[Act]:
        begin_s, end_s = offset_s + entry.at_s, offset_s + entry.at_s + entry.for_s
        name = entry.id if cycle == 0 else f"{entry.id}-{cycle}"
        if entry.kind == "reg":
            yield from self._signals(name, begin_s, end_s)
        elif entry.kind == "limit":
            yield Act(begin_s, "limit", name, begin_s, inf, dict(entry.values))
            if end_s < inf:
                yield Act(end_s, "limit", f"{name}-over", end_s, inf, dict.fromkeys(entry.values))
        else:
            told_s = max(begin_s - entry.notice_s, offset_s)
            yield Act(told_s, entry.kind, name, begin_s, end_s, dict(entry.values))

    def _signals(self, name: str, begin_s: float, end_s: float) -> Iterator[Act]:
        if self.signal is None:
            raise ValueError(f"{name}: a reg entry needs a signal")
        for step in count():
            t_s = begin_s + step * self.signal.period_s
            value = self.signal.at(t_s)
            if t_s >= end_s or value is None:
                yield Act(min(t_s, end_s), "reg_over", f"{name}-over", t_s, t_s, {})
                return
            yield Act(t_s, "reg", f"{name}-{step}", t_s, t_s + 10.0, {"signal": value})


def read_timeline(path: Path) -> Timeline:
    """Read a time line file; relative paths in it are beside it. ValueError says what is wrong."""
    tree = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(tree, dict):
        raise ValueError(f"{path}: a time line is an object")  # noqa: TRY004  # one exception for all that is wrong in it
    unknown = tree.keys() - {one.name for one in fields(Timeline)}
    if unknown:
        raise ValueError(f"{path}: unknown key {min(unknown)!r}")
    given: dict[str, Any] = dict(tree)
    try:
        given["entries"] = tuple(_entry(one, at) for at, one in enumerate(tree["entries"]))
        if tree.get("signal") is not None:
            given["signal"] = _signal(path.parent, tree["signal"])
        declared = tree.get("declared", ())
        given["declared"] = tuple((one["start_s"], one["end_s"], one["basepoint_w"]) for one in declared)
        if tree.get("history") is not None:
            given["history"] = {**tree["history"], "file": path.parent / tree["history"]["file"]}
        given["baseline"] = Rules(**tree.get("baseline", {}))
    except (KeyError, TypeError) as exc:
        raise ValueError(f"{path}: {exc!r}") from exc
    return Timeline(**given)


def _entry(tree: Mapping[str, Any], at: int) -> Entry:
    kind = tree["kind"]
    values = {key: value for key, value in tree.items() if key in ("shed_w", "power_w", *LIMITS)}
    unknown = tree.keys() - {"kind", "at_s", "for_s", "id", "notice_s"} - values.keys()
    if kind not in KINDS or unknown or (len(values) != 1 and kind != "reg"):
        raise ValueError(f"entry {at}: kind is one of {KINDS}, with one of shed_w, power_w, max_import_w, max_export_w")
    for_s = tree.get("for_s")
    name = tree.get("id") or f"{kind}-{at}"
    return Entry(kind, tree["at_s"], inf if for_s is None else for_s, name, tree.get("notice_s", 0.0), values)


def _signal(folder: Path, tree: Mapping[str, Any]) -> Signal:
    with (folder / tree["file"]).open(newline="", encoding="utf-8") as file:
        rows = [(float(row["t_s"]), float(row["signal"])) for row in csv.DictReader(file)]
    if not rows:
        raise ValueError(f"{tree['file']}: a signal needs a row")
    times_s, values = zip(*rows, strict=True)
    least, most = tree.get("delay_s", (0.0, 0.3))
    return Signal(times_s, values, tree.get("start_s", 0.0), tree.get("period_s", 2.0), (least, most))
