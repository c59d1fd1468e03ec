"""What the VPP does in a run of a scenario: a regulation signal in windows of time, and events."""

from dataclasses import dataclass
from pathlib import Path

from emulators.spec import Range


@dataclass(frozen=True, slots=True)
class Window:
    """Regulation from `start_s` to `end_s`; None: to the run's end."""

    start_s: float
    end_s: float | None


@dataclass(frozen=True, slots=True)
class EventSpec:
    """An event of the upstream, announced `notice_s` before it starts."""

    id: str
    service: str
    start_s: float
    for_s: float
    shed_w: float
    notice_s: float


@dataclass(frozen=True, slots=True)
class RegulationSpec:
    """The regulation signal of a run."""

    signal: Path
    signal_start_s: float
    """Where in the file the run begins, counted from its first row."""
    capacity_w: float
    delay_s: Range
    """Network delay of each value."""
    windows: tuple[Window, ...]


@dataclass(frozen=True, slots=True)
class UpstreamSpec:
    """What the VPP does in a run."""

    declared_blocks: int
    repeat_s: float | None
    regulation: RegulationSpec | None
    events: tuple[EventSpec, ...]

    def windows(self, run_s: float | None) -> tuple[Window, ...]:
        """When regulation is on in a run of `run_s`; None (no end): within one `repeat_s`, which then repeats."""
        if self.regulation is None:
            return ()
        end_s = run_s if run_s is not None else self.repeat_s
        if end_s is None:
            return self.regulation.windows
        return tuple(
            Window(one.start_s, end_s if one.end_s is None else min(one.end_s, end_s))
            for one in self.regulation.windows
            if one.start_s < end_s
        )
