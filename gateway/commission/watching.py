"""What a person watches: which device, paused or not, only trouble or all; and how keys change that. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from gateway.commission.trend import Trend

TELLING = ("power", "soc", "speed", "temperature", "co2", "level", "state", "voltage", "running", "energy")
"""What says most of a device, best first."""
QUALITIES = ("good", "uncertain", "substituted", "stale", "invalid")
"""Best first."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One point as it stands."""

    point: str
    value: float | None
    unit: str
    quality: str
    cause: str
    age_s: float | None
    name: str = ""

    @property
    def quantity(self) -> str:
        """The point's name without its device."""
        return self.point.partition("/")[2]


@dataclass(frozen=True, slots=True)
class View:
    """What is on the screen: page 0 is the overview, the others are devices."""

    devices: tuple[str, ...]
    page: int = 0
    paused: bool = False
    trouble_only: bool = False
    leaving: bool = False

    @property
    def device(self) -> str:
        """The device shown; '' for the overview."""
        return self.devices[self.page - 1] if self.page else ""

    def pressed(self, key: str) -> "View":
        """The view after a key; one that means nothing changes nothing."""
        pages = len(self.devices) + 1
        match key:
            case "q" | "\x03" | "\x04":
                return replace(self, leaving=True)
            case "\t" | "n" | "j" | "\x1b[C" | "\x1b[B":
                return replace(self, page=(self.page + 1) % pages)
            case "b" | "k" | "\x1b[D" | "\x1b[A" | "\x1b[Z":
                return replace(self, page=(self.page - 1) % pages)
            case "o" | "0":
                return replace(self, page=0)
            case " " | "p":
                return replace(self, paused=not self.paused)
            case "t":
                return replace(self, trouble_only=not self.trouble_only)
            case _ if key.isdecimal() and int(key) < pages:
                return replace(self, page=int(key))
        return self


@dataclass(slots=True)
class Watched:
    """The newest cells of every device, and their trends."""

    cells: dict[str, list[Cell]] = field(default_factory=dict)
    trends: dict[str, Trend] = field(default_factory=dict)

    def take(self, device: str, cells: Sequence[Cell]) -> None:
        """A fresh look at a device."""
        self.cells[device] = list(cells)
        for cell in cells:
            self.trends.setdefault(cell.point, Trend()).add(cell.value)

    def lost(self, device: str) -> None:
        """A look that failed: every trend has a gap."""
        for cell in self.cells.get(device, ()):
            self.trends[cell.point].add(None)

    def worst(self, device: str) -> str:
        """The worst quality of a device's points."""
        return max((cell.quality for cell in self.cells.get(device, ())), key=rank, default="invalid")

    def telling(self, device: str) -> Cell | None:
        """The point that says most of a device."""
        return min(self.cells.get(device, ()), key=lambda cell: telling(cell.quantity), default=None)


def rank(quality: str) -> int:
    """0 is best."""
    return QUALITIES.index(quality) if quality in QUALITIES else len(QUALITIES)


def telling(quantity: str) -> tuple[int, int, str]:
    """How early a point comes: its own quantities before a vendor's extras, short names before long ones."""
    place = next((at for at, word in enumerate(TELLING) if word in quantity), len(TELLING))
    return place + len(TELLING) * quantity.startswith("x."), len(quantity), quantity


def changes(before: Mapping[str, Cell], cells: Sequence[Cell]) -> list[Cell]:
    """The cells whose value or quality is another than before."""
    return [
        cell
        for cell in cells
        if (old := before.get(cell.point)) is None
        or (old.value, old.quality, old.cause) != (cell.value, cell.quality, cell.cause)
    ]
