"""What this room needs of its neighbours; the app hands in the real ones."""

from collections.abc import Iterator
from typing import Protocol

from gateway.dashboard import answers, energy_records, past, records, rights
from gateway.model.point import PointId


class Site(Protocol):
    """The running gateway, seen from here: everything is answered at once, from memory."""

    def now(self) -> answers.Now:
        """The site at this moment."""
        ...

    def points(self, device: str | None = None) -> answers.Points:
        """Every point, or one device's; LookupError for a device that is not there."""
        ...

    def point(self, point: PointId) -> answers.PointNow:
        """One point; LookupError for one that is not there."""
        ...

    def devices(self) -> answers.Devices:
        """Lines and devices."""
        ...

    def events(self) -> records.Events:
        """What runs, comes and is over."""
        ...

    def alarms(self) -> records.Alarms:
        """What stands and what has cleared."""
        ...

    def config(self) -> records.Config:
        """What the owner configured."""
        ...

    def ready(self) -> answers.Ready:
        """Control in time, inputs fresh."""
        ...

    def metrics(self) -> Iterator[str]:
        """The points of the device `gateway` as Prometheus reads them, in pieces."""
        ...


class Ask(Protocol):
    """The one door through which a person changes anything of the site; every change is in the audit chain."""

    async def override(self, user: str, asset: str, *, power_w: float | None, for_s: float, why: str) -> rights.Done:
        """Take an asset over for a while; None: to its safe value."""
        ...

    async def stop(self, user: str, *, why: str) -> rights.Done:
        """Emergency stop."""
        ...

    async def release(self, user: str, *, why: str) -> rights.Done:
        """End the emergency stop."""
        ...

    async def cancel(self, user: str, request: str, *, why: str) -> rights.Done:
        """End a request in force or to come."""
        ...

    async def acknowledge(self, user: str, alarm: str) -> rights.Done:
        """Say that an alarm was seen; LookupError when there is none of that key."""
        ...

    async def shelve(self, user: str, alarm: str, *, for_s: float, why: str) -> rights.Done:
        """Put an alarm out of the way for a while; LookupError when none of that key stands."""
        ...

    async def unshelve(self, user: str, alarm: str) -> rights.Done:
        """Take it back before its time; LookupError when none of that key is shelved."""
        ...

    async def record(self, kind: str, data: dict[str, object]) -> None:
        """Put something into the audit chain; returns when it is on the disk."""
        ...


class History(Protocol):
    """What was."""

    async def series(self, point: PointId, *, from_ms: int, to_ms: int, most: int) -> records.Series:
        """A stretch of one point in `most` steps at most; LookupError for a point nothing is kept of."""
        ...


class Energies(Protocol):
    """What was used, what it cost and emitted."""

    async def energy(self, *, from_ms: int, to_ms: int) -> energy_records.Energy:
        """A period, by the hour up to two days, else by the day."""
        ...

    async def evidence(self, event: past.EventPast) -> energy_records.EventEvidence:
        """What the history says of an event that is over; LookupError when it is none to be settled."""
        ...


class Audit(Protocol):
    """The chain."""

    async def page(self, *, before: int | None, limit: int, kind: str | None) -> records.AuditPage:
        """Records, newest first."""
        ...

    async def verify(self) -> records.AuditState:
        """Check every seal."""
        ...
