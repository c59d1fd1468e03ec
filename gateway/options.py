"""How one process runs a site: where it keeps its state, what it writes besides, how patient it is."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from gateway.config.read import Configured
from gateway.field.breaker import PACING, Pacing
from gateway.model.listen import Listen
from gateway.reload import RETURN_S
from gateway.uplink.mqtt_session import Times


@dataclass(frozen=True, slots=True)
class Options:
    """How one process runs a site."""

    state: Path
    shadow: bool = False
    trace: Path | None = None
    decisions: Path | None = None
    """A second, plain copy of the decision log, for demonstrations."""
    origin_s: float | None = None
    """Boot time that `t_s` of the trace counts from."""
    times: Times = field(default_factory=Times)
    site_file: Path | None = None
    """Shown on the page of the configuration; with what was read from it another can be applied while it runs."""
    configured: Configured | None = None
    not_used: str = ""
    """Why it started with what was applied last instead of the site file."""
    return_s: float = RETURN_S
    """How long a device may take to answer after it was changed."""
    dashboard: Listen | None = None
    """Where the dashboard listens; None: there is none."""
    on_url: Callable[[str], None] = lambda _url: None
    """Told where the dashboard is, each time it is bound."""
    pacing: Pacing = PACING
    """How links and lines are lost and found again; tests compress them."""
