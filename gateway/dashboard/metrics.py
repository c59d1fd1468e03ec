"""/metrics: the points of device `gateway` in the Prometheus text format 0.0.4; there is no other counter.

`gateway/control.late.p99` in s becomes `gateway_control_late_seconds{quantile="0.99"}`, `gateway/asset.battery.asked`
in W `gateway_asset_asked_watts{asset="battery"}`; what counts since the start ends in `_total`. A point without a value
has no line: unknown is not zero.
"""

import re
from collections.abc import Iterable, Iterator, Sequence

from gateway.model.point import PointSpec, quantity_of

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
UNITS = {"s": "_seconds", "W": "_watts", "Wh": "_watthours", "%": "_percent", "degC": "_celsius", "V": "_volts"}
COUNTERS = frozenset(
    {
        "control.steps",
        "control.skipped",
        "control.stalls",
        "polls",
        "polls.missed",
        "line.errors_down",
        "line.errors_timeout",
        "line.errors_mismatch",
        "line.errors_refused",
        "read.errors",
        "writes",
        "write.errors",
        "outbox.dropped",
    }
)
HELP = {
    "mode": "Operating mode: 0 boot, 1 local, 2 remote, 3 hold, 4 ramp, 5 safe, 6 fault.",
    "control.steps": "Control steps so far.",
    "control.skipped": "Late ticks left out.",
    "control.stalls": "Times the process was stopped.",
    "control.late": "How late ticks of the control raster ran.",
    "control.took": "How long a control step took.",
    "inputs.oldest": "Age of the site meter's value.",
    "polls": "Reads of devices so far.",
    "polls.missed": "Reads that were due and not asked in time.",
    "read.errors": "Reads that failed.",
    "writes": "Writes to devices so far.",
    "write.errors": "Writes that failed.",
    "outbox.depth": "Samples not yet confirmed by the upstream.",
    "outbox.oldest": "Age of the oldest sample not yet confirmed.",
    "outbox.dropped": "Samples dropped.",
    "links.up": "Upstream links with a session.",
    "tasks": "Tasks of the event loop.",
    "fds": "Open file descriptors.",
    "target.power": "What the site is asked to draw; consumption is positive.",
    "baseline.power": "What the site would draw had nobody asked.",
    "basepoint.power": "Declared base point of the block under way.",
    "site.power": "What the site meter says; consumption is positive.",
    "asset.asked": "What an asset is asked to draw.",
    "asset.does": "What an asset draws.",
    "line.load": "Share of its time a line is busy.",
    "line.planned_load": "Share of its time a line is busy by plan.",
    "line.online": "Whether a line is up.",
    "line.availability": "Share of a line's reads that were good.",
    "line.errors_down": "Reads of a line that failed for want of a connection.",
    "line.errors_timeout": "Reads of a line that were not answered.",
    "line.errors_mismatch": "Reads of a line that were answered by something else.",
    "line.errors_refused": "Reads of a line that a device refused.",
    "device.availability": "Share of a device's reads that were good.",
    "device.latency_p99": "How long a device's answers take, 99th percentile.",
    "device.since_good": "How long ago a device's last good answer came.",
    "alarms.active": "Alarms that stand.",
    "history.bytes": "Bytes the history takes on the disk.",
}
QUANTILE = re.compile(r"(.+)\.p(\d\d)")
NAMED = re.compile(r"(asset|line|device)\.([a-z0-9_]+)\.(.+)")


class Page:
    """The page of one set of points; all but their values is worked out once: a scraper comes every second for years."""

    def __init__(self, points: Iterable[PointSpec]) -> None:
        """Families are in the order of their first point."""
        found: dict[str, list[tuple[str, int]]] = {}
        units: dict[str, str] = {}
        for at, spec in enumerate(points):
            base, labels = _split(quantity_of(spec.id))
            found.setdefault(base, []).append((labels, at))
            units.setdefault(base, spec.unit.value)
        self._families = [_family(base, units[base], samples) for base, samples in found.items()]

    def families(self, values: Sequence[float | None]) -> Iterator[str]:
        """The page with these values, in the order of the points, family by family; None has no line."""
        for head, samples in self._families:
            lines = [f"{start}{value!r}\n" for start, at in samples if (value := values[at]) is not None]
            if lines:
                yield "".join((head, *lines))


def _split(quantity: str) -> tuple[str, str]:
    """(the family's base name, the sample's labels)."""
    if found := QUANTILE.fullmatch(quantity):
        return found[1], f'{{quantile="0.{found[2]}"}}'
    if found := NAMED.fullmatch(quantity):
        return f"{found[1]}.{found[3]}", f'{{{found[1]}="{found[2]}"}}'
    return quantity, ""


def _family(base: str, unit: str, samples: list[tuple[str, int]]) -> tuple[str, list[tuple[str, int]]]:
    """(its head, each sample's begin of the line and place among the points)."""
    counts = base in COUNTERS
    name = "gateway_" + re.sub(r"[^a-zA-Z0-9]", "_", base) + UNITS.get(unit, "") + ("_total" if counts else "")
    text = HELP.get(base, f"Point {base} of the device gateway.")
    kind = "counter" if counts else "summary" if any("quantile=" in labels for labels, _ in samples) else "gauge"
    head = f"# HELP {name} {text}\n# TYPE {name} {kind}\n"
    return head, [(f"{name}{labels} ", at) for labels, at in samples]
