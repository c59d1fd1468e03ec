"""A commissioning from the lock to the signed files: nobody else works the devices, the audit chain knows of it."""

import asyncio
import hashlib
import os
import platform
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from getpass import getuser
from json import dumps
from pathlib import Path
from zoneinfo import ZoneInfo

from gateway import __version__, statelock
from gateway.cli import commission_seal
from gateway.cli.asking import Place
from gateway.cli.commission_daemon import DaemonPlace
from gateway.cli.commission_lines import on_lines
from gateway.cli.commissioning import DRILLS, Course, Wishes, course_of, course_through
from gateway.clock import Clock, SystemClock
from gateway.commission.acceptance import Check, Part, Verdict, whole
from gateway.commission.page.build import page
from gateway.commission.record import AssetLine, Circumstances, DeviceLine, Record, tree
from gateway.errors import GatewayError, StoreError
from gateway.field.points import member_of
from gateway.model.point import point_id
from gateway.model.site import KINDS, Site
from gateway.store import archive
from gateway.store.audit import Audit
from gateway.texts import language, say
from gateway.texts.causes import cause


@dataclass(frozen=True, slots=True)
class Ended:
    """What a commissioning left behind; `fingerprint` is of the key that signed it."""

    record: Record
    fingerprint: str
    interrupted: bool


def commission_site(place: Place, wishes: Wishes, site_file: Path, out: Path, *, tell: Callable[[str], None]) -> Ended:
    """Do all of it; StoreError. Ctrl-C ends it early: what was tried is given back and told, the report says so."""
    clock = SystemClock()
    course, began_ms, interrupted = Course(tell), clock.utc_ms(), False
    try:
        out.mkdir(parents=True, exist_ok=True)
        with _alone(place, clock) as note:
            note({"outcome": "began", "writes": wishes.writes})
            try:
                interrupted = not asyncio.run(_work(place, wishes, course, clock))
            except GatewayError as exc:
                row = Check(Part.COMMAND, place.site.id, "course", Verdict.FAILED, "ended", {"detail": exc.said})
                course.add([row])
            if interrupted:
                course.add([Check(Part.COMMAND, place.site.id, "course", Verdict.FAILED, "interrupted")])
            course.add(not_reached(place.site, course, DRILLS))
            record = _record(place, wishes, site_file, course, clock, began_ms=began_ms)
            fingerprint = leave(record, out, place.state)
            note({"outcome": whole(record.checks).value, "signed_by": fingerprint})
    except OSError as exc:
        raise StoreError(say("refused.file", file=exc.filename or out, why=cause(exc))) from exc
    return Ended(record, fingerprint, interrupted)


@contextmanager
def _alone(place: Place, clock: Clock) -> Iterator[Callable[[dict[str, object]], None]]:
    """Nobody else works the devices meanwhile, and the audit chain knows of it; a gateway that runs keeps its own."""
    if place.daemon:
        yield lambda _data: None
        return
    lock = statelock.take(place.state)
    audit = Audit(place.state / "audit", clock, seal=place.site.audit_seal)
    try:

        def note(data: dict[str, object]) -> None:
            audit.append("commission", {"user": os.getuid(), **data})

        yield note
    finally:
        audit.close()
        os.close(lock)


def not_reached(site: Site, course: Course, drills: Sequence[str]) -> list[Check]:
    """The assets and drills that have no row because it ended early."""
    tried = {one.owner for one in course.checks if one.part is Part.COMMAND and one.subject in ("trial", "meter")}
    made = {one.subject for one in course.checks if one.part is Part.DRILL}
    rows = [
        Check(Part.COMMAND, one, "trial", Verdict.SKIPPED, "cut_short" if one == course.trying else "not_reached")
        for one in site.assets
        if one not in tried
    ]
    return rows + [Check(Part.DRILL, site.id, one, Verdict.SKIPPED, "not_reached") for one in drills if one not in made]


def leave(record: Record, out: Path, state: Path) -> str:
    """Write record, page and seal; the fingerprint of the key. StoreError."""
    key = archive.own_key(state)
    fingerprint = archive.fingerprint(key.public_key())
    text = dumps(tree(record), indent=1, ensure_ascii=False) + "\n"
    digest = hashlib.sha256(text.encode()).hexdigest()
    commission_seal.written(out / commission_seal.RECORD, text)
    shown = page(record, digest=digest, fingerprint=fingerprint, language=language(os.environ))
    commission_seal.written(out / commission_seal.PAGE, shown)
    return commission_seal.seal(out, key).fingerprint


async def _work(place: Place, wishes: Wishes, course: Course, clock: Clock) -> bool:
    """The course on the lines; False when SIGINT or SIGTERM ended it: by then everything has been given back."""
    task = asyncio.current_task()
    if task is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    if place.daemon:
        with suppress(asyncio.CancelledError):
            await course_through(DaemonPlace(place, clock), course, wishes)
            return True
        return False
    papers = place.state / "opcua"
    with suppress(asyncio.CancelledError):
        async with on_lines(place.site, place.profiles, clock, papers=papers, writes=wishes.writes) as lines:
            await course_of(lines, course, wishes, clock=clock)
        return True
    return False


def _record(place: Place, wishes: Wishes, site_file: Path, course: Course, clock: Clock, *, began_ms: int) -> Record:
    zone = ZoneInfo(place.site.timezone)
    ended_ms = clock.utc_ms()
    about = Circumstances(
        site=place.site.id,
        timezone=place.site.timezone,
        version=__version__,
        began_ms=began_ms,
        ended_ms=ended_ms,
        began=_wall(began_ms, zone),
        ended=_wall(ended_ms, zone),
        by=getuser(),
        host=platform.node(),
        manner="read_only" if not wishes.writes else "daemon" if place.daemon else "direct",
        site_digest=hashlib.sha256(site_file.read_bytes()).hexdigest(),
    )
    assets = [
        AssetLine(one.id, KINDS[type(one.detail)], one.devices, one.min_w, one.max_w)
        for one in place.site.assets.values()
    ]
    return Record(about, assets, _devices(place, course), tuple(course.checks), tuple(course.pictures))


def _devices(place: Place, course: Course) -> list[DeviceLine]:
    """The devices as the report lists them."""
    found = []
    for device in place.site.devices.values():
        profile = member_of(device, place.profiles).profile
        connection = place.site.connections[device.connection]
        said = {name: course.said.get(point_id(device.id, f"device.{name}"), "") for name in ("model", "serial")}
        unit = "" if connection.transport.value == "opcua" else f" / {device.unit_id}"
        found.append(
            DeviceLine(
                device.id,
                device.profile,
                profile.vendor,
                said["model"] or profile.models[0],
                said["serial"],
                f"{connection.transport.value} {connection.address}{unit}",
                sum(point.readable for point in profile.points.values()),
                f"{profile.confidence}: {profile.evidence[0] if profile.evidence else ''}",
            )
        )
    return found


def _wall(utc_ms: int, zone: ZoneInfo) -> str:
    return datetime.fromtimestamp(utc_ms / 1000.0, zone).strftime("%Y-%m-%d %H:%M:%S")


def progress(line: str) -> None:
    """Progress, for whoever watches."""
    print(line, file=sys.stderr, flush=True)
