"""What `gateway read` and `gateway write` share: the site file, and who does it: the daemon that runs, or this command."""

import asyncio
import os
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from gateway.cli.complain import complain
from gateway.errors import ConfigError, GatewayError, StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gateway.model.site import Site
    from gateway.oneshot import OneShot, Row, Written
    from gateway.profiles.schema import Profile


@dataclass(frozen=True, slots=True)
class Place:
    """A site, and where its gateway keeps its state."""

    site: "Site"
    profiles: "Mapping[str, Profile]"
    state: Path
    daemon: bool
    """One runs there; it is asked instead of the devices."""


@contextmanager
def exits() -> "Iterator[None]":
    """Errors as the exit codes of the commands: 2 for what was asked, 3 for the state directory, 1 for a no."""
    from gateway.oneshot import Unasked

    try:
        yield
    except ConfigError as exc:
        _leave(exc, 2)
    except StoreError as exc:
        _leave(exc, 3)
    except Unasked as exc:
        _leave(exc, 2 if exc.code.startswith("unknown_") else 1)


def open_place(site_file: Path, state: Path, *, direct: bool) -> Place:
    """Load the site and see whether its daemon runs; StoreError for `--direct` beside one."""
    from gateway import statelock
    from gateway.config.read import load_site, profiles_of
    from gateway.log import configure
    from gateway.texts import text

    configure(level="error")
    site = load_site(site_file)
    daemon = statelock.is_held(state)
    if daemon and direct:
        raise StoreError(text("asking.direct", state=state))
    return Place(site, profiles_of(site), state, daemon)


def read_rows(place: Place, device: str, names: list[str]) -> "list[Row]":
    """The rows of a read, from the daemon or from the device; Unasked, StoreError."""
    from gateway.oneshot import Row, points_of

    wanted = points_of(place.site, place.profiles, device, names)
    if place.daemon:
        answer = _ask(place, {"do": "read", "device": device, "points": names})
        return [Row(**row) for row in answer["rows"]]
    from gateway.direct import alone

    async def work() -> "list[Row]":
        async with alone(
            place.site,
            place.profiles,
            device,
            _clock(),
            wanted=wanted,
            record=_unrecorded,
            papers=place.state / "opcua",
        ) as one_shot:
            return one_shot.read(device, names)

    with _locked(place.state, make=False):
        return asyncio.run(work())


def write_value(
    place: Place, device: str, control: str, *, value: float | None, may: "Callable[[list[Row]], bool]"
) -> "Written | None":
    """Write one control when `may`, given what it is now, says so; None when it does not. Unasked, StoreError."""
    from gateway.oneshot import Written, check_control

    check_control(place.site, place.profiles, device, control)
    now = [control] if place.profiles[place.site.devices[device].profile].points[control].readable else []
    if place.daemon:
        if not may(read_rows(place, device, now) if now else []):
            return None
        answer = _ask(place, {"do": "write", "device": device, "control": control, "value": value})
        return Written(**answer["written"])
    with _locked(place.state, make=True):
        return asyncio.run(_write_alone(place, device, control, value=value, now=now, may=may))


async def _write_alone(
    place: Place,
    device: str,
    control: str,
    *,
    value: float | None,
    now: list[str],
    may: "Callable[[list[Row]], bool]",
) -> "Written | None":
    from gateway.direct import alone
    from gateway.oneshot import points_of
    from gateway.store.audit import Audit

    clock = _clock()
    audit = Audit(place.state / "audit", clock)

    async def record(kind: str, data: dict[str, object]) -> None:
        audit.append(kind, data)

    wanted = points_of(place.site, place.profiles, device, [])  # the guard may look at any of them
    try:
        async with alone(
            place.site, place.profiles, device, clock, wanted=wanted, record=record, papers=place.state / "opcua"
        ) as one_shot:
            if not may(_shown(one_shot, device, now)):
                return None
            return await one_shot.write(device, control, value, user=os.getuid())
    finally:
        audit.close()


def _shown(one_shot: "OneShot", device: str, names: list[str]) -> "list[Row]":
    return one_shot.read(device, names) if names else []


def ask_daemon(place: Place, request: dict[str, Any]) -> dict[str, Any]:
    """What the running gateway answers; Unasked, StoreError when none runs."""
    if not place.daemon:
        from gateway.texts import text

        raise StoreError(text("asking.no_daemon", state=place.state))
    return _ask(place, request)


def _ask(place: Place, request: dict[str, Any]) -> dict[str, Any]:
    from gateway.localsocket import ask
    from gateway.oneshot import Unasked

    answer = ask(place.state, request)
    if "error" in answer:
        raise Unasked(answer["error"], answer.get("text", ""))
    return answer


def _clock() -> Any:
    from gateway.clock import SystemClock

    return SystemClock()


async def _unrecorded(_kind: str, _data: dict[str, object]) -> None:
    """A read leaves nothing in the audit chain."""


@contextmanager
def _locked(state: Path, *, make: bool) -> "Iterator[None]":
    """Nobody else works the devices meanwhile; where no gateway ever ran, a read leaves no directory behind."""
    from gateway import statelock

    if not make and not state.is_dir():
        yield
        return
    handle = statelock.take(state)
    try:
        yield
    finally:
        os.close(handle)


def _leave(exc: GatewayError, code: int) -> None:
    complain(exc)
    raise typer.Exit(code) from exc
