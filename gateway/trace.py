"""trace.csv: one row per control step; an asset's cells are empty where they repeat the row above."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from gateway.control.decision import Decision
from gateway.model.site import Site

LONGEST_LINE = 2**20
HEAD = "t_s,utc,mode,signal,capacity_w,basepoint_w,target_w,site_w,true_site_w,baseline_w"


def go_on(path: Path) -> TextIO:
    """A line file open for appending: new, or that of a process before this one, without the line its end cut off."""
    if path.exists():
        with path.open("rb+") as raw:
            size = raw.seek(0, 2)
            raw.seek(max(0, size - LONGEST_LINE))
            tail = raw.read()
            raw.truncate(size - len(tail) + tail.rfind(b"\n") + 1)
    return path.open("a", encoding="utf-8", buffering=1, newline="")


class TraceWriter:
    """Writes rows as they come; `t_s` counts from `origin_s` of the boot clock."""

    def __init__(self, file: TextIO, site: Site, *, origin_s: float) -> None:
        self._file = file
        self._origin_s = origin_s
        self._before: dict[str, str] = {}
        self._assets = tuple(site.assets)
        """The columns; assets that come later have none, those that go leave theirs empty."""
        if file.tell() == 0:
            columns = [HEAD]
            for name in site.assets:
                columns += [f"{name}.{what}" for what in ("command_w", "power_w", "headroom_w", "footroom_w", "reason")]
            file.write(",".join(columns) + "\n")

    def row(self, decision: Decision, true_site_w: float | None = None) -> None:
        """One step's row."""
        utc = datetime.fromtimestamp(decision.utc_ms / 1000.0, tz=UTC).isoformat(timespec="milliseconds")
        cells = [
            f"{decision.now_s - self._origin_s:.4f}",
            utc.replace("+00:00", "Z"),
            decision.mode.value,
            "" if decision.signal is None else f"{decision.signal:.6g}",
            _watts(decision.capacity_w),
            _watts(decision.basepoint_w),
            _watts(decision.target_w),
            _watts(decision.site_w),
            _watts(true_site_w),
            _watts(decision.baseline_w),
        ]
        shares = {share.asset: share for share in decision.shares}
        for name in self._assets:
            if (share := shares.get(name)) is None:
                cells.append(",,,,")
                continue
            text = (
                f"{share.command_w:.0f},{_watts(share.power_w)},"
                f"{share.headroom_w:.0f},{share.footroom_w:.0f},{share.reason}"
            )
            if self._before.get(name) == text:
                text = ",,,,"
            else:
                self._before[name] = text
            cells.append(text)
        self._file.write(",".join(cells) + "\n")


def _watts(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"
