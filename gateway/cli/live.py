"""The live picture of a run in the terminal: who asks what, the last minute of the site, and each asset's part.

Reads rows of the trace; everything shown is what the gateway itself sees. Import is positive.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil, floor

from rich.cells import cell_len
from rich.console import Group
from rich.style import Style
from rich.table import Table
from rich.text import Text

from gateway.model.mode import Mode
from gateway.texts import text

COLUMNS, ROWS = 84, 9
"""Of the strip chart; a column is a second."""
STEP_KW = 50.0
BAR = 36
ASKED, DRAWN, BOTH, SOFT = (Style(color=name) for name in ("bright_yellow", "bright_cyan", "bright_green", "grey62"))
MODE_STYLE = {Mode.REMOTE: "bold bright_green", Mode.LOCAL: "bold", Mode.BOOT: "bold", Mode.HOLD: "bold bright_yellow"}

Row = Mapping[str, str]


@dataclass(slots=True)
class Strip:
    """The last seconds of the site: second of the run -> (asked, drawn) in kW."""

    seconds: dict[int, tuple[float | None, float | None]] = field(default_factory=dict)

    def add(self, now_s: float, row: Row) -> None:
        """Take over the newest row."""
        self.seconds[int(now_s)] = (kw(row, "target_w"), kw(row, "site_w"))
        for old in [second for second in self.seconds if second <= now_s - COLUMNS]:
            del self.seconds[old]


def kw(row: Row, name: str) -> float | None:
    """A cell in kW, None where it is empty."""
    cell = row.get(name, "")
    return float(cell) / 1000.0 if cell else None


def shown(value: float | None, *, signed: bool = False) -> str:
    """A number of kW, a dash for none."""
    if value is None:
        return "–"
    return f"{value:+.1f}" if signed else f"{value:.1f}"


def line(row: Row, now_s: float) -> str:
    """The same in one line, for where there is no terminal."""
    return text(
        "demo.line",
        t=f"{now_s:5.0f}",
        mode=f"{row.get('mode', '–') or '–':6}",
        target=f"{shown(kw(row, 'target_w')):>7}",
        site=f"{shown(kw(row, 'site_w')):>7}",
        what=what_is_asked(row),
    )


def what_is_asked(row: Row) -> str:
    """The service in force, in words."""
    if signal := row.get("signal"):
        share = float(signal)
        word = "live.up" if share < 0 else "live.down"
        return text(word, signal=f"{share:+.2f}", part=f"{abs(share) * (kw(row, 'capacity_w') or 0.0):.0f}")
    asked = kw(row, "target_w")
    if asked is None:
        return text("live.nothing")
    word, reference = ("live.event", "baseline_w") if row.get("baseline_w") else ("live.step", "basepoint_w")
    before = kw(row, reference)
    return text("live.setpoint") if before is None else text(word, part=f"{before - asked:.0f}", before=f"{before:.0f}")


def picture(row: Row, strip: Strip, *, title: str, ranges: Mapping[str, tuple[float, float]]) -> Group:
    """The whole picture; `ranges` are (least, most) consumption of every asset in W."""
    return Group(head(row, title), Text(), *chart(strip), Text(), assets(row, ranges))


def head(row: Row, title: str) -> Text:
    """What is asked, what is drawn, how far apart."""
    asked, drawn = kw(row, "target_w"), kw(row, "site_w")
    mode = row.get("mode", "") or Mode.BOOT.value
    found = Text(f"{title}   ")
    found.append(text(f"live.mode.{mode}"), style=MODE_STYLE.get(Mode(mode), "bold bright_red"))
    found.append(f"\n{what_is_asked(row)}\n")
    found.append(f"─ {text('demo.asked')} {shown(asked):>7} kW", style=ASKED)
    found.append(f"    ● {text('demo.draws')} {shown(drawn):>7} kW", style=DRAWN)
    if asked is not None and drawn is not None:
        found.append(f"    {text('live.off', kw=shown(drawn - asked, signed=True))}")
    return found


def chart(strip: Strip) -> list[Text]:
    """The last minute, one column a second, newest at the right."""
    levels = [level for pair in strip.seconds.values() for level in pair if level is not None]
    if not levels:
        return [Text(" " * 6 + "│", style=SOFT) for _ in range(ROWS)]
    low, high = floor(min(levels) / STEP_KW) * STEP_KW, ceil(max(levels) / STEP_KW) * STEP_KW
    high = max(high, low + STEP_KW)
    newest = max(strip.seconds)

    def place(level: float | None) -> int | None:
        return None if level is None else round((high - level) / (high - low) * (ROWS - 1))

    columns = [strip.seconds.get(second, (None, None)) for second in range(newest - COLUMNS + 1, newest + 1)]
    places = [(place(asked), place(drawn)) for asked, drawn in columns]
    lines = []
    for at in range(ROWS):
        label = f"{high - (high - low) * at / (ROWS - 1):5.0f} " if at % 4 == 0 else " " * 6
        drawing = Text(label + "│", style=SOFT)
        for asked, drawn in places:
            match (asked == at, drawn == at):
                case (True, True):
                    drawing.append("●", style=BOTH)
                case (False, True):
                    drawing.append("●", style=DRAWN)
                case (True, False):
                    drawing.append("─", style=ASKED)
                case _:
                    drawing.append(" ")
        lines.append(drawing)
    return lines


def assets(row: Row, ranges: Mapping[str, tuple[float, float]]) -> Table:
    """One row an asset, all bars on one scale."""
    least = min(0.0, *(low for low, _ in ranges.values())) / 1000.0
    most = max(1.0, *(high for _, high in ranges.values())) / 1000.0
    zero = round(-least / (most - least) * BAR)
    gives, draws = text("live.gives"), text("live.draws")
    axis = f"{' ' * max(0, zero - 2 - cell_len(gives))}{gives}  0  {draws}"
    table = Table(box=None, pad_edge=False, header_style=SOFT, padding=(0, 2, 0, 0))
    table.add_column(text("live.asset"), min_width=8)
    table.add_column(Text(text("live.asked_kw"), style=ASKED), justify="right", min_width=8)
    table.add_column(Text(text("live.draws_kw"), style=DRAWN), justify="right", min_width=8)
    table.add_column(axis, no_wrap=True, min_width=BAR + 1)
    table.add_column(text("demo.binds"), min_width=14)
    for name in ranges:
        asked, drawn = kw(row, f"{name}.command_w"), kw(row, f"{name}.power_w")
        bar = bars(drawn, asked, (least, most))
        table.add_row(name, shown(asked, signed=True), shown(drawn, signed=True), bar, row.get(f"{name}.reason", ""))
    return table


def bars(drawn: float | None, asked: float | None, ends: tuple[float, float]) -> Text:
    """What is drawn as a bar from zero, what is asked as a mark."""
    least, most = ends

    def place(value: float) -> int:
        return round((min(max(value, least), most) - least) / (most - least) * BAR)

    zero = place(0.0)
    cells: list[tuple[str, Style | None]] = [(" ", None)] * (BAR + 1)
    cells[zero] = ("│", SOFT)
    if drawn is not None:
        first, last = sorted((zero, place(drawn)))
        for at in range(first, last + 1):
            if at != zero:
                cells[at] = ("█", DRAWN)
    if asked is not None:
        cells[place(asked)] = ("┃", ASKED)
    bar = Text()
    for mark, style in cells:
        bar.append(mark, style=style)
    return bar
