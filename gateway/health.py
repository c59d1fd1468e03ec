"""The gateway's own health as points of a device named `gateway`, sampled and shown like any other."""

import os
from collections.abc import Iterable, Mapping

import numpy as np

from gateway.loop import Pace
from gateway.model.command import Alarm
from gateway.model.image import Image
from gateway.model.mode import Mode
from gateway.model.point import PointId, PointSpec, Unit, point_id
from gateway.model.reading import Cause, Quality
from gateway.texts import say

DEVICE = "gateway"
LATE_S = 1.0
"""A control tick later than this is an alarm …"""
CALM_S = 10.0
"""… until none was for this long."""
STALE_S = 10.0
UNITS: dict[str, Unit] = {
    "mode": Unit.NONE,
    "control.steps": Unit.ONE,
    "control.skipped": Unit.ONE,
    "control.stalls": Unit.ONE,
    "control.late.p50": Unit.SECOND,
    "control.late.p99": Unit.SECOND,
    "control.took.p50": Unit.SECOND,
    "control.took.p99": Unit.SECOND,
    "inputs.oldest": Unit.SECOND,
    "polls": Unit.ONE,
    "polls.missed": Unit.ONE,
    "read.errors": Unit.ONE,
    "writes": Unit.ONE,
    "write.errors": Unit.ONE,
    "outbox.depth": Unit.ONE,
    "outbox.oldest": Unit.SECOND,
    "outbox.dropped": Unit.ONE,
    "links.up": Unit.ONE,
    "tasks": Unit.ONE,
    "fds": Unit.ONE,
    "alarms.active": Unit.ONE,
    "history.bytes": Unit.ONE,
    "target.power": Unit.WATT,
    "baseline.power": Unit.WATT,
    "basepoint.power": Unit.WATT,
}
OF_ASSET = ("asked", "does")
MODES = tuple(Mode)
LATE = "control_late:site"


def units(assets: Iterable[str]) -> dict[str, Unit]:
    """Every point of the device by quantity: what is asked of each asset and what it does are among them."""
    return UNITS | {f"asset.{name}.{what}": Unit.WATT for name in assets for what in OF_ASSET}


def specs(assets: Iterable[str] = ()) -> list[PointSpec]:
    """The points of the device."""
    return [PointSpec(point_id(DEVICE, name), unit, STALE_S) for name, unit in units(assets).items()]


def pace_values(pace: Pace) -> dict[str, float]:
    """How the control task keeps time, over its last thousands of ticks."""
    values = {
        "control.steps": float(pace.steps),
        "control.skipped": float(pace.skipped),
        "control.stalls": float(pace.stalls),
    }
    for name, column in (("late", pace.late_s), ("took", pace.took_s)):
        if column:
            # np.percentile would load numpy.ma, and take three times as long each second
            ordered = np.sort(np.fromiter(column, np.float64, len(column)))
            for part in (50, 99):
                at, rest = divmod((len(ordered) - 1) * part, 100)
                above = ordered[min(at + 1, len(ordered) - 1)]
                values[f"control.{name}.p{part}"] = float(ordered[at] + (above - ordered[at]) * rest / 100)
    return values


class Lateness:
    """The alarm `control_late:site`: the loop was blocked, the process stopped, or the machine is too busy."""

    def __init__(self) -> None:
        self._raised = False
        self._late_s = -CALM_S

    def look(self, pace: Pace, *, now_s: float, utc_ms: int) -> Alarm | None:
        """What to tell since the last look, if anything."""
        worst_s, pace.worst_s = pace.worst_s, 0.0
        if worst_s > LATE_S:
            self._late_s = now_s
            if not self._raised:
                self._raised = True
                return Alarm(LATE, raised=True, at_ms=utc_ms, detail=say("alarm.late", late_s=worst_s))
        elif self._raised and now_s - self._late_s >= CALM_S:
            self._raised = False
            return Alarm(LATE, raised=False, at_ms=utc_ms)
        return None


def line_values(lines: Iterable[Mapping[str, int]]) -> dict[str, float]:
    """The counters of all lines together."""
    names = {"polls": "polls", "missed": "polls.missed", "read_errors": "read.errors"}
    names |= {"writes": "writes", "write_errors": "write.errors"}
    values = dict.fromkeys(names.values(), 0.0)
    for line in lines:
        for counter, name in names.items():
            values[name] += line.get(counter, 0)
    return values


def descriptors() -> float:
    """Open file descriptors of this process."""
    return float(len(os.listdir("/proc/self/fd")))  # noqa: PTH208 - each second: no Path for each of them


def post(image: Image, values: Mapping[str, float | None], *, names: Iterable[str] = UNITS, now_s: float) -> None:
    """Post what is known; what is not is invalid, never zero."""
    given = {PointId(f"{DEVICE}/{name}"): values.get(name) for name in names}
    known = [value is not None for value in given.values()]
    qualities = [Quality.GOOD if one else Quality.INVALID for one in known]
    causes = [Cause.NONE if one else Cause.SOURCE for one in known]
    image.post_block(image.columns(given), list(given.values()), qualities, causes, now_s)
