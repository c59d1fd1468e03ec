"""What a service is told in one step besides the control state."""

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.control.headroom import Band
from gateway.model.image import Snapshot
from gateway.model.site import Site


@dataclass(frozen=True, slots=True)
class View:
    """The site, how far its assets can move, what was read, and the time."""

    site: Site
    bands: dict[str, Band]
    snapshot: Snapshot
    meter_w: float | None
    now_s: float

    def rest_w(self, usual: Mapping[str, float] | None = None) -> float:
        """What all assets draw unasked; `usual` replaces what some of them would draw now."""
        usual = usual or {}
        return sum(usual.get(name, band.rest_w) for name, band in self.bands.items())
