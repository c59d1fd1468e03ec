"""Bus: what the poller and the writer need of a line, in engineering values; only BusError leaves it."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from gateway.field.tap import Tap
from gateway.model.reading import Cause, Quality
from gateway.model.site import Device
from gateway.profiles.schema import Every, Profile


@dataclass(frozen=True, slots=True)
class Member:
    """One device of a line: what the owner configured, and what its profile says."""

    device: Device
    profile: Profile

    @property
    def id(self) -> str:
        """The device's name."""
        return self.device.id

    def period_s(self, every: Every) -> float:
        """How often a poll class of it is read; inf for what is read once."""
        if every is Every.FAST and self.device.poll_s is not None:
            return self.device.poll_s
        return self.profile.poll_s.get(every, float("inf"))


@dataclass(frozen=True, slots=True)
class Batch:
    """What one request reads: these points, in this order; `size` is its cost in registers or nodes."""

    every: Every
    points: tuple[str, ...]
    size: int


Columns = tuple[Sequence[float | None], Sequence[Quality], Sequence[Cause]]
"""What a batch gave, point by point: values, qualities, causes."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """One batch as read: a column of values (None exactly where INVALID), when it was asked (boot time), and for how long."""

    values: Sequence[float | None]
    qualities: Sequence[Quality]
    causes: Sequence[Cause]
    started_s: float
    took_s: float = 0.0
    """From the request on the wire to its answer."""
    texts: Mapping[str, str] = field(default_factory=dict)
    """What the device says in words (identity), by point."""

    @property
    def columns(self) -> Columns:
        """Values, qualities, causes."""
        return self.values, self.qualities, self.causes


Done = Callable[[Columns | None, float, float], None]
"""Told of a read that was begun: what it gave, values perhaps in an array; when it was asked; for how long. None: `read` ends it."""


class Shortcut(Protocol):
    """A batch of a device that can be read without a task."""

    def begin(self, done: Done, now_s: float) -> bool:
        """Ask, now; `done` is told, later and once. False: not begun, `read` it."""
        ...


class Bus(Protocol):
    """One line; its owner calls one method at a time (`depth` reads at a time) and never cancels one but to end."""

    counters: Counter[str]
    """What went wrong so far, by name."""
    depth: int
    """How many reads may be under way at a time."""
    hangs_up: bool
    """Whether its owner must `close` it when nothing is due: somebody else wants the device too."""

    def trouble(self) -> Mapping[str, str]:
        """What is wrong with the line for longer, by the name of its alarm, and what to do about it."""
        ...

    def batches(self, device: str) -> Sequence[Batch]:
        """The reads that cover every readable point of a device once."""
        ...

    def tap(self, tap: Tap | None) -> None:
        """Show what goes over the line to `tap` from now on; None: to nobody."""
        ...

    async def read(self, device: str, batch: int) -> Fetched:
        """Read one batch of a device, or end the read of it that was begun. BusDown, BusTimeout, BusMismatch, BusRefused."""
        ...

    def shortcut(self, device: str, batch: int) -> Shortcut | None:
        """How to read a batch without a task, for as long as the device is served; None: only by `read`."""
        ...

    async def write(self, device: str, values: Mapping[str, float], *, function: str = "any") -> None:
        """Write points: one request for each run of adjacent ones, in the order given.

        BusDown when nothing was sent; after BusTimeout and BusMismatch the outcome is unknown; BusRefused.
        """
        ...

    async def change_bits(
        self, device: str, point: str, *, set_bits: int, clear_bits: int, function: str = "any"
    ) -> None:
        """Read a raw word, change these bits, write it; or by `function` 22 have the device do so. Errors as `write`."""
        ...

    def join(self, member: Member) -> None:
        """Serve one device more, over the connection that stands."""
        ...

    def leave(self, device: str) -> None:
        """Serve a device no more; nothing of it is under way."""
        ...

    async def close(self) -> None:
        """Hang up; the next read or write dials again."""
        ...
