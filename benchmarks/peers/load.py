"""What every gateway is asked to do: which meters, how often, to which broker."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
CACHE = ROOT / ".cache" / "peers"


class NotInstalled(Exception):
    """A peer cannot run here; the text says why."""


class Silent(Exception):
    """A gateway ended, or published nothing; the text is the end of its log."""


@dataclass(frozen=True, slots=True)
class Load:
    """The same for all of them."""

    ports: Mapping[str, int]
    """By name; besides the meters `pcc` and `battery`, which only a gateway that steers a site has a use for."""
    points: int
    period_s: float
    mqtt_port: int
    folder: Path
    """Empty; the gateway's configuration and state go there."""

    @property
    def meters(self) -> dict[str, int]:
        """The ports of the meters alone."""
        return {name: port for name, port in self.ports.items() if name not in ("pcc", "battery")}
