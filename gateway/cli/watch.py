"""`gateway watch SITE.yaml`: the running site live in the terminal, through the daemon's local socket."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from gateway.cli.asking import exits, open_place
from gateway.cli.keys import keys
from gateway.cli.read import age, show, word
from gateway.cli.watch_source import HttpSource, SocketSource, Source
from gateway.clock import SystemClock
from gateway.commission.trend import sparkline
from gateway.commission.watching import Cell, View, Watched, changes, rank, telling
from gateway.errors import StoreError
from gateway.texts import text, told

NOT_RUNNING = 3
STYLES = {"good": "bright_green", "uncertain": "bright_yellow", "substituted": "bright_yellow", "stale": "bright_magenta", "invalid": "bright_red"}  # fmt: skip
SOFT = "grey62"
TREND = 30


def watch(
    site: Annotated[
        str,
        typer.Argument(metavar="SITE.yaml|URL", help="option.watch.site"),
    ],
    devices: Annotated[list[str] | None, typer.Argument(metavar="[DEVICE…]", help="option.all")] = None,
    *,
    state: Annotated[Path, typer.Option(help="option.state")] = Path("state"),
    token_file: Annotated[Path | None, typer.Option(metavar="FILE", help="option.watch.token_file")] = None,
    ca_file: Annotated[Path | None, typer.Option(metavar="FILE", help="option.watch.ca_file")] = None,
    every: Annotated[float, typer.Option(min=0.2, metavar="S", help="option.watch.every")] = 1.0,
    looks: Annotated[int, typer.Option(min=0, help="option.watch.looks")] = 0,
) -> None:
    """Show every device with trends and qualities; keys: tab next, 0 overview, t only trouble, space pause, q end.

    Where the output is no terminal: a line for each change. Exit 2 for a bad site file, 3 when no gateway runs.
    """
    with exits():
        if site.startswith(("http://", "https://")):
            token = "" if token_file is None else token_file.read_text(encoding="utf-8").strip()
            source: Source = HttpSource(site, token=token, ca_file=ca_file, wanted=devices or ())
        else:
            source = _local(Path(site), state, devices or [])
        watching = Watching(source)
        if sys.stdout.isatty():
            watching.picture(every, looks)
        else:
            watching.lines(every, looks)


def _local(site: Path, state: Path, wanted: list[str]) -> Source:
    place = open_place(site, state, direct=False)
    if not place.daemon:
        raise StoreError(text("watch.not_running", state=state, site=site))
    names = tuple(place.site.devices)
    for name in wanted:
        if name not in names:
            raise typer.BadParameter(text("watch.unknown", device=name, devices=", ".join(names)))
    return SocketSource(place, tuple(wanted) or names)


class Watching:
    """One watch: asks, and shows."""

    def __init__(self, source: Source) -> None:
        self.watched = Watched()
        self.view = View(source.devices)
        self._source = source
        self._trouble = ""

    def look(self) -> None:
        """Ask for everything that is watched; a gateway that does not answer is told, not raised."""
        self._trouble = ""
        for device in self.view.devices:
            try:
                self.watched.take(device, self._source.look(device))
            except StoreError as exc:
                self._trouble = told(exc.said)
                self.watched.lost(device)

    def lines(self, every_s: float, looks: int) -> None:
        """A line for each change."""
        done = 0
        with keys() as key:
            while not looks or done < looks:
                before = {cell.point: cell for cells in self.watched.cells.values() for cell in cells}
                self.look()
                if self._trouble:
                    print(self._trouble, flush=True)
                for cells in self.watched.cells.values():
                    for cell in changes(before, cells):
                        print(f"{_now()}  {cell.point}  {_value(cell)}  {word(cell.quality, cell.cause)}", flush=True)
                done += 1
                if not looks or done < looks:
                    key(every_s)

    def picture(self, every_s: float, looks: int) -> None:
        """The live picture until q."""
        done = 0
        console = Console(highlight=False)
        with keys() as key, Live(console=console, screen=True, auto_refresh=False) as live:
            while not self.view.leaving and (not looks or done < looks):
                if not self.view.paused:
                    self.look()
                    done += 1
                live.update(self.shown(console.height), refresh=True)
                while (pressed := key(every_s)) and not self.view.leaving:
                    self.view = self.view.pressed(pressed)
                    live.update(self.shown(console.height), refresh=True)

    def shown(self, height: int) -> Group:
        """The page."""
        view = self.view
        table = self._overview() if not view.page else self._device(view.device, height - 6)
        if not table.row_count:
            return Group(self._head(), Text(), Text(text("watch.quiet")), Text(), Text(text("watch.keys"), style=SOFT))
        return Group(self._head(), Text(), table, Text(), Text(text("watch.keys"), style=SOFT))

    def _head(self) -> Text:
        view = self.view
        head = Text(f"{self._source.title}  ", style="bold")
        head.append(text("watch.overview") if not view.page else f"{view.device}  {self._source.about(view.device)}")
        if view.paused:
            head.append(f"  {text('watch.paused')}", style="bold bright_yellow")
        if view.trouble_only:
            head.append(f"  {text('watch.trouble')}", style="bright_yellow")
        if self._trouble:
            head.append(f"\n{self._trouble}", style="bold bright_red")
        return head

    def _overview(self) -> Table:
        table = _table("", "watch.device", "watch.tells", "watch.value", "watch.trend", "watch.worst")
        for number, device in enumerate(self.view.devices, start=1):
            worst, cell = self.watched.worst(device), self.watched.telling(device)
            if self.view.trouble_only and worst == "good":
                continue
            bad = sum(one.quality != "good" for one in self.watched.cells.get(device, ()))
            said = text(f"watch.quality.{worst}") + (f" ({bad})" if bad else "")
            trend = "" if cell is None else sparkline(self.watched.trends[cell.point].values, TREND)
            table.add_row(
                Text(str(number), style=SOFT), Text(device, style="bold"), "" if cell is None else cell.quantity,
                "" if cell is None else _value(cell), Text(trend, style=STYLES.get(worst, "")), Text(said, style=STYLES.get(worst, "")),
            )  # fmt: skip
        return table

    def _device(self, device: str, rows: int) -> Table:
        table = _table("watch.point", "watch.value", "watch.trend", "watch.quality", "watch.age")
        cells = sorted(self.watched.cells.get(device, ()), key=lambda cell: telling(cell.quantity))
        if self.view.trouble_only:
            cells = sorted((cell for cell in cells if cell.quality != "good"), key=lambda cell: -rank(cell.quality))
        for cell in cells[: max(1, rows)]:
            style = STYLES.get(cell.quality, "")
            said = text(f"watch.quality.{cell.quality}") + (f" ({cell.cause})" if cell.cause else "")
            trend = sparkline(self.watched.trends[cell.point].values, TREND)
            table.add_row(
                cell.quantity, _value(cell), Text(trend, style=style), Text(said, style=style), age(cell.age_s)
            )
        if len(cells) > rows:
            table.add_row(Text(text("watch.more", count=len(cells) - rows), style=SOFT))
        return table


def _table(*heads: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style=SOFT, padding=(0, 2, 0, 0))
    for head in heads:
        right = head in ("watch.value", "watch.age")
        table.add_column(text(head) if head else "", justify="right" if right else "left", no_wrap=True)
    return table


def _now() -> str:
    return datetime.fromtimestamp(SystemClock().utc_ms() / 1000.0, UTC).astimezone().strftime("%H:%M:%S")


def _value(cell: Cell) -> str:
    return show(cell.value, cell.unit, cell.name)
