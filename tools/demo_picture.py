"""The picture of a demo's run as SVG, from its records: `python tools/demo_picture.py OUT docs/pictures/demo.svg`.

What was asked comes from the head-end (headend.csv, events.json), what the building drew from the plant (plant.csv);
only the assets' shares come from the gateway (trace.csv). The picture needs no font or file of its own, and has a
light and a dark dress.
"""

import csv
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from pathlib import Path

WIDTH, LEFT, RIGHT = 960.0, 132.0, 24.0
MAIN_TOP, MAIN_HEIGHT = 128.0, 216.0
ROW_TOP, ROW_HEIGHT, ROW_GAP = 398.0, 44.0, 14.0
MOST_POINTS = 450
"""A line is not drawn finer than this many points; more nobody sees."""
FIRST_POLLS_S = 2.0
"""So long after its start the gateway has not polled every device yet."""
TONES = ("battery", "ev", "fans", "chiller", "lighting")
NAMES = {"ev": "EV chargers", "chiller": "chillers"}
WORDS = {
    "reg": ("regulation: a new value every 2 s", "regulation"),
    "ar": ("automatic step", "step"),
    "dr": ("demand response", "event"),
}
STYLE = """
svg{font-family:system-ui,-apple-system,"Segoe UI","DejaVu Sans","Noto Sans",Arial,sans-serif;font-size:13px}
.card{fill:#fff;stroke:#d0d7de}.ink{fill:#1f2328}.soft{fill:#59636e}.grid{stroke:#d8dee4}.head{font-size:18px;font-weight:600}.small{font-size:12px}
.reg{fill:#eaf3fe}.ar{fill:#fdeed8}.dr{fill:#e6f6ea}.regt{fill:#0b5cad}.art{fill:#955a00}.drt{fill:#1a7335}
.asked{stroke:#e36209}.askedt{fill:#b34700}.drawn{stroke:#0969da}.drawnt{fill:#0757b3}.line{fill:none;stroke-width:1.8}
.battery{stroke:#8250df}.ev{stroke:#0a7f8f}.fans{stroke:#2f7d32}.chiller{stroke:#bf3989}.lighting{stroke:#9a6700}
.command{stroke-width:1.2;stroke-dasharray:3 3;opacity:.75}
@media (prefers-color-scheme:dark){
.card{fill:#0d1117;stroke:#30363d}.ink{fill:#e6edf3}.soft{fill:#9aa4af}.grid{stroke:#262c34}
.reg{fill:#10233d}.ar{fill:#33230c}.dr{fill:#0f2a17}.regt{fill:#79b8ff}.art{fill:#f0b45c}.drt{fill:#6fdc8c}
.asked{stroke:#ff9248}.askedt{fill:#ffa869}.drawn{stroke:#58a6ff}.drawnt{fill:#8cc2ff}
.battery{stroke:#b18aff}.ev{stroke:#4cc9d8}.fans{stroke:#66c26a}.chiller{stroke:#f178b6}.lighting{stroke:#d9a63a}}
"""

Points = list[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Window:
    """A time in which one service was asked for."""

    kind: str
    start_s: float
    end_s: float
    shed_w: float = 0.0


@dataclass(frozen=True, slots=True)
class Scale:
    """From (s, W) to a place in the picture."""

    end_s: float
    low_w: float
    high_w: float
    top: float
    height: float

    def x(self, t_s: float) -> float:
        """Across."""
        return LEFT + (WIDTH - LEFT - RIGHT) * t_s / self.end_s

    def y(self, watts: float) -> float:
        """Down."""
        return self.top + self.height * (self.high_w - watts) / (self.high_w - self.low_w)


def rows(path: Path) -> list[dict[str, str]]:
    """A CSV file by column names."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def windows(folder: Path, sent: Sequence[dict[str, str]]) -> list[Window]:
    """Regulation where a signal was sent, and the events asked for."""
    found: list[Window] = []
    began_s: float | None = None
    for row in sent:
        t_s = float(row["t_s"])
        if row["signal"] and began_s is None:
            began_s = t_s
        elif not row["signal"] and began_s is not None:
            found.append(Window("reg", began_s, t_s))
            began_s = None
    for event in json.loads((folder / "events.json").read_text(encoding="utf-8")):
        start_s = float(event["start_s"])
        found.append(Window(event["service"], start_s, start_s + event["for_s"], event["shed_w"]))
    return sorted(found, key=lambda window: window.start_s)


def asked(sent: Sequence[dict[str, str]], spans: Sequence[Window]) -> Points:
    """What the head-end asked the whole building to draw, held from each change to the next."""
    edges = sorted(
        {*(float(row["t_s"]) for row in sent), *(edge for one in spans for edge in (one.start_s, one.end_s))}
    )
    points: Points = []
    for at_s, until_s in pairwise(edges):
        row = [one for one in sent if float(one["t_s"]) <= at_s][-1]
        span = next((one for one in spans if one.start_s <= at_s < one.end_s), None)
        watts = None if span is None else _target(row, span)
        if watts is not None:
            points += [(at_s, watts), (until_s, watts)]
    return points


def _target(row: dict[str, str], span: Window) -> float | None:
    reference = row["baseline_w"] if span.kind == "dr" else row["basepoint_w"]
    if not reference:
        return None
    if span.kind == "reg":
        return float(reference) - float(row["signal"]) * float(row["capacity_w"]) if row["signal"] else None
    return float(reference) - span.shed_w


def column(trace: Sequence[dict[str, str]], name: str, end_s: float) -> Points:
    """One column of the trace; an empty cell repeats the one above."""
    begin_s = float(trace[0]["t_s"]) + FIRST_POLLS_S
    points: Points = []
    cell = ""
    for row in trace:
        t_s, cell = float(row["t_s"]), row[name] or cell
        if cell and max(0.0, begin_s) <= t_s <= end_s:
            points.append((t_s, float(cell)))
    return thinned(points, end_s)


def thinned(points: Points, end_s: float) -> Points:
    """Without points that nobody could see: too near to each other, or on a level stretch."""
    kept: Points = []
    for at, (t_s, watts) in enumerate(points):
        last = at + 1 == len(points)
        level = kept and not last and watts == kept[-1][1] == points[at + 1][1]
        near = kept and t_s - kept[-1][0] < end_s / MOST_POINTS and abs(watts - kept[-1][1]) < 3000.0
        if not level and (last or not near):
            kept.append((t_s, watts))
    return kept


def line(points: Points, scale: Scale, style: str) -> str:
    """A polyline."""
    places = " ".join(f"{scale.x(t_s):.1f},{scale.y(watts):.1f}" for t_s, watts in points)
    return f'<polyline class="line {style}" points="{places}"/>'


def text(x: float, y: float, words: str, style: str = "ink", anchor: str = "start") -> str:
    """One line of words."""
    return f'<text class="{style}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'


def grid(scale: Scale, step_w: float) -> Iterator[str]:
    """Level lines with their kW."""
    level = scale.low_w
    while level <= scale.high_w + 1.0:
        y = scale.y(level)
        yield f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield text(LEFT - 8, y + 4, f"{level / 1000:.0f}", "soft", "end")
        level += step_w


def bands(spans: Sequence[Window], scale: Scale, bottom: float) -> Iterator[str]:
    """The services as coloured bands, each with its name on top."""
    for span in spans:
        left, right = scale.x(span.start_s), scale.x(min(span.end_s, scale.end_s))
        yield (
            f'<rect class="{span.kind}" x="{left:.1f}" y="{MAIN_TOP - 24}" width="{right - left:.1f}" '
            f'height="{bottom - MAIN_TOP + 24:.1f}"/>'
        )
        words = next((words for words in WORDS[span.kind] if right - left > 7.5 * len(words)), None)
        if words is not None:
            yield text((left + right) / 2, MAIN_TOP - 8, words, f"{span.kind}t small", "middle")


def asset_row(at: int, asset: str, trace: Sequence[dict[str, str]], end_s: float) -> Iterator[str]:
    """One asset: commanded dashed, drawn solid, with the range it moved in."""
    drawn, command = column(trace, f"{asset}.power_w", end_s), column(trace, f"{asset}.command_w", end_s)
    if not drawn:
        return
    values = [watts for _, watts in (*drawn, *command)]
    middle, half = (max(values) + min(values)) / 2, max(10_000.0, (max(values) - min(values)) / 2)
    scale = Scale(end_s, middle - half, middle + half, ROW_TOP + at * (ROW_HEIGHT + ROW_GAP), ROW_HEIGHT)
    bottom = scale.top + scale.height
    tone = asset if asset in TONES else TONES[at % len(TONES)]
    yield f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{bottom + 5:.1f}" y2="{bottom + 5:.1f}"/>'
    yield line(command, scale, f"{tone} command")
    yield line(drawn, scale, tone)
    yield text(LEFT - 8, scale.top + 10, f"{(middle + half) / 1000:.0f}", "soft", "end")
    yield text(LEFT - 8, bottom, f"{(middle - half) / 1000:.0f}", "soft", "end")
    yield text(24, (scale.top + bottom) / 2 + 4, NAMES.get(asset, asset), "ink")


def result(folder: Path) -> str:
    """The figures of the report, as one line."""
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    parts = []
    if (precision := report["tracking"]["precision"]) is not None:
        parts.append(f"tracking precision {precision:.3f}")
    parts += [f"automatic step: 90 % after {ar['t90_s']:.1f} s" for ar in report["ar"] if ar["t90_s"] is not None]
    parts += [
        f"demand response delivered {100 * dr['delivery']:.0f} %" for dr in report["dr"] if dr["delivery"] is not None
    ]
    samples = report["samples"]
    if samples["lost"] is not None:
        parts.append(f"{samples['taken']} samples, {samples['lost']} lost")
    return " · ".join(parts)


def picture(folder: Path) -> str:
    """The whole SVG."""
    sent, plant, trace = (rows(folder / name) for name in ("headend.csv", "plant.csv", "trace.csv"))
    end_s = float(plant[-1]["t_s"]) // 10 * 10
    spans = [one for one in windows(folder, sent) if one.start_s < end_s]
    true = [(float(row["t_s"]), float(row["true_site_w"])) for row in plant]
    drawn = thinned([point for point in true if 0.0 <= point[0] <= end_s], end_s)
    wanted = [(min(t_s, end_s), watts) for t_s, watts in asked(sent, spans) if t_s <= end_s or watts]
    values = [watts for _, watts in (*drawn, *wanted)]
    low, high = min(values) // 1e5 * 1e5, -(-max(values) // 1e5) * 1e5
    scale = Scale(end_s, low, high, MAIN_TOP, MAIN_HEIGHT)
    assets = [name.removesuffix(".power_w") for name in trace[0] if name.endswith(".power_w")]
    bottom = ROW_TOP + len(assets) * (ROW_HEIGHT + ROW_GAP)
    height = bottom + 44
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH:.0f} {height:.0f}" role="img">',
        "<title>A building follows its grid: what was asked and what it drew, and which asset did it</title>",
        f"<style>{STYLE.strip()}</style>",
        f'<rect class="card" x=".5" y=".5" width="{WIDTH - 1}" height="{height - 1}" rx="10"/>',
        text(24, 34, "One run of make demo: a building follows what its grid asks", "ink head"),
        text(24, 58, result(folder), "soft"),
        *bands(spans, scale, bottom - 2),
        *grid(scale, 100_000.0),
        text(24, MAIN_TOP + MAIN_HEIGHT / 2 + 4, "site, kW", "ink"),
        line(drawn, scale, "drawn"),
        line(wanted, scale, "asked"),
        *legend(),
    ]
    for at, asset in enumerate(assets):
        parts += asset_row(at, asset, trace, end_s)
    step_s = 10.0 if end_s <= 120 else max(60.0, end_s // 10 // 60 * 60)
    ticks = [step_s * number for number in range(int(end_s // step_s) + 1)]
    parts += [text(scale.x(t_s), height - 22, f"{t_s:.0f} s", "soft", "middle") for t_s in ticks]
    return "\n".join([*parts, "</svg>", ""])


def legend() -> Iterator[str]:
    """Which line is which."""
    for x, y, style, words in (
        (24.0, 84.0, "asked", "asked by the VPP"),
        (200.0, 84.0, "drawn", "drawn at the grid connection, as the plant knows it"),
        (LEFT, ROW_TOP - 16, "battery command", "asked of each asset"),
        (LEFT + 176, ROW_TOP - 16, "battery", "drawn by it, kW"),
    ):
        yield f'<line class="line {style}" x1="{x}" x2="{x + 24}" y1="{y - 4}" y2="{y - 4}"/>'
        yield text(x + 32, y, words, "soft")


def main() -> int:
    """Read the folder of a run, write the picture."""
    if len(sys.argv) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    folder, target = Path(sys.argv[1]), Path(sys.argv[2])
    target.write_text(picture(folder), encoding="utf-8")
    print(f"{target}: {target.stat().st_size / 1000:.0f} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
