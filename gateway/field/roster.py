"""Roster: the devices of a line as the poller sees them: their reads as jobs, the cheapest of them, their breaker."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

from gateway.field.breaker import Breaker
from gateway.field.bus import Batch, Member
from gateway.field.night import GLOW, Night, eyes_of
from gateway.field.plausible import Plausibility, plausibility
from gateway.model.image import Image
from gateway.model.point import point_id


@dataclass(slots=True)
class Job:
    """One batch of one device, as polled."""

    device: str
    batch: int
    columns: Sequence[int]
    watched: tuple[tuple[int, str], ...]
    period_s: float
    past: Plausibility | None = None
    """What the values are held against before they count."""
    eyes: tuple[int, ...] = ()
    """Of a device that sleeps at night: which of its values show that it is day."""
    failures: int = 0
    """In a row."""
    failed_s: float = 0.0
    """When the first of them was asked."""
    refused: bool = False
    heard: bool = False
    """It was read once at least."""
    gone: bool = False
    """Its device has left the line."""
    said: str = ""
    """Its first and last point, for people."""


@dataclass(slots=True)
class Unit:
    """One device of the line: its jobs by number, the cheapest of them, its breaker."""

    id: str
    jobs: tuple[int, ...]
    probes: tuple[int, ...]
    """Those it may be probed by while it is offline, the cheapest first."""
    probe: int
    """The one it is probed by."""
    period_s: float
    """Of its fastest job."""
    breaker: Breaker
    night: Night | None = None
    """It may be silent when it is dark; None: it may not."""
    in_vain: int = 0
    """How often that was tried in vain while nothing at all was ever heard of it."""
    slow: bool = False
    """It takes so much longer than the others that it is read less often."""


def jobs_of(member: Member, batches: Sequence[Batch], *, image: Image, watched: frozenset[str]) -> list[Job]:
    """The reads of a device; `watched` are the points whose values the writer wants to see."""
    return [
        Job(
            member.id,
            at,
            image.columns(point_id(member.id, name) for name in batch.points),
            tuple((index, name) for index, name in enumerate(batch.points) if name in watched),
            member.period_s(batch.every),
            plausibility(member, batch.points),
            eyes_of(batch.points) if member.profile.sleeps else (),
            said=" … ".join(dict.fromkeys((*batch.points[:1], *batch.points[-1:]))),
        )
        for at, batch in enumerate(batches)
    ]


def unit_of(
    member: Member, jobs: Sequence[Job], batches: Sequence[Batch], *, first: int, breaker: Breaker, scale: float = 1.0
) -> Unit:
    """A device whose jobs are numbered from `first`; it is probed by the smallest read that is repeated."""
    repeated = [job for job in jobs if job.period_s < inf] or jobs
    cheapest = sorted(repeated, key=lambda job: batches[job.batch].size)
    probes = tuple(first + job.batch for job in cheapest)
    fastest_s = min(job.period_s for job in repeated)
    night = None
    if member.profile.sleeps:
        night = Night(tuple(point_id(member.id, name) for name in GLOW if name in member.profile.points), scale)
    return Unit(member.id, tuple(range(first, first + len(jobs))), probes, probes[0], fastest_s, breaker, night)
