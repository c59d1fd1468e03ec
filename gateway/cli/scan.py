"""`gateway scan TARGET…`: what is on an IP range, a serial line or an OPC UA server; proposes a site file."""

import asyncio
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from gateway.cli.complain import complain
from gateway.cli.completed import write_completed
from gateway.errors import ConfigError, ProfileError, StoreError
from gateway.texts import text

if TYPE_CHECKING:
    from gateway.commission.finding import Finding, Scanned
    from gateway.commission.scan import Wishes
    from gateway.commission.target import Target
    from gateway.profiles.schema import Profile

NOTHING_FOUND = 1
BAD_ARGUMENTS = 2
SURE_STYLE = {"certain": "bold bright_green", "likely": "bright_yellow", "maybe": "bright_magenta"}


def scan(
    targets: Annotated[list[str], typer.Argument(metavar="TARGET…", help="option.scan.targets")],
    *,
    units: Annotated[str | None, typer.Option(help="option.units")] = None,
    baud: Annotated[int | None, typer.Option(help="option.scan.baud")] = None,
    parity: Annotated[str | None, typer.Option(help="option.scan.parity")] = None,
    stop_bits: Annotated[int | None, typer.Option(help="option.scan.stop_bits")] = None,
    timeout: Annotated[float | None, typer.Option(metavar="S", help="option.timeout")] = None,
    rate: Annotated[float, typer.Option(min=0.5, max=100.0, help="option.scan.rate")] = 20.0,
    out: Annotated[Path | None, typer.Option(metavar="SITE.yaml", help="option.scan.out")] = None,
    profiles: Annotated[Path | None, typer.Option(metavar="DIR", help="option.scan.profiles")] = None,
    only: Annotated[list[str] | None, typer.Option("--class", help="option.only")] = None,
    state: Annotated[Path, typer.Option(help="option.state")] = Path("state"),
    as_json: Annotated[bool, typer.Option("--json", help="option.scan.json")] = False,
) -> None:
    """Look who is there; nothing is ever written to a device.

    Exit 1 when nothing was found or a running gateway owns the line, 2 for bad arguments.
    """
    from gateway.commission.scan import Wishes
    from gateway.commission.scan import scan as scanned
    from gateway.commission.target import parse_target, parse_units

    try:
        wanted = [parse_target(one) for one in targets]
        known = known_profiles(profiles, only)
        wishes = Wishes(
            known,
            parse_units(units) if units else None,
            baud,
            parity.upper() if parity else None,
            stop_bits,
            timeout,
            rate,
        )
    except (ProfileError, ConfigError) as exc:
        complain(exc)
        raise typer.Exit(BAD_ARGUMENTS) from exc
    if out is not None and out.exists():
        typer.echo(text("scan.exists", file=out), err=True)
        raise typer.Exit(BAD_ARGUMENTS)
    free = not_owned(wanted, state)
    found: list[Scanned] = []
    with watched(wishes) as shown:
        for target in free:
            found += asyncio.run(scanned(target, shown))
    if as_json:
        print(json.dumps([line for one in found for line in rows_of(one)], ensure_ascii=False, indent=1))
    else:
        show(found, Console(highlight=False, soft_wrap=True))
    proposed = propose(found, {profile.name: profile for profile in known})
    if proposed and out is not None:
        write_completed(out, proposed, kind="site")
        typer.echo(text("scan.written", file=out), err=as_json)
    elif proposed and not as_json:
        typer.echo(f"\n{text('scan.proposal')}\n\n{proposed}")
    if not any(one.findings for one in found):
        raise typer.Exit(NOTHING_FOUND)


def known_profiles(own: Path | None, only: "Sequence[str] | None" = None) -> "list[Profile]":
    """Every profile that ships, and those of a folder, of some classes; what is wrong with one is told, and it is left out."""
    from gateway.profiles.load import load_profile, profile_names
    from gateway.shipped import shipped

    folders = () if own is None else (own,)
    found = []
    for name in profile_names((*folders, shipped("device_profiles"))):
        if only and name.partition("/")[0] not in only:
            continue
        try:
            found.append(load_profile(name, folders))
        except ConfigError as exc:
            complain(exc)
    return found


def propose(found: "Sequence[Scanned]", profiles: "dict[str, Profile]") -> str:
    """The text of a site file for what was found; '' when nothing was."""
    from gateway.commission.proposal import Proposal, is_named, meter_of, name_lines, place, site_text

    named = name_lines(found)
    devices = place(named, profiles)
    if not devices:
        return ""
    meter = meter_of(devices, profiles)
    lines = {name: replace(one.connection, timeout_s=1.0) for name, one in named.items()}
    unknown = [_unnamed(name, one) for name, line in named.items() for one in line.findings if not is_named(one)]
    remarks = [text("scan.remark.meter", meter=meter) if meter else text("scan.remark.no_meter")]
    remarks += [text("scan.remark.unknown", places="; ".join(unknown))] if unknown else []
    return site_text(Proposal("building", local_timezone(), meter, lines, devices, remarks=remarks))


def local_timezone() -> str:
    """The time zone of this machine, UTC when it does not say."""
    try:
        return Path("/etc/localtime").resolve().as_posix().split("/zoneinfo/")[1]
    except (OSError, IndexError):
        return "UTC"


def rows_of(one: "Scanned") -> list[dict[str, Any]]:
    """A line's findings for a program."""
    line = {"transport": one.connection.transport.value, "address": one.connection.address}
    return [
        {
            **line,
            "unit_id": finding.unit_id,
            "candidates": [{"profile": c.name, "sure": c.sure.value, "why": c.why} for c in finding.candidates],
            "said": dict(finding.said),
            "shown": list(finding.shown),
            "params": dict(finding.params),
        }
        for finding in one.findings
    ] or [{**line, "note": one.note, "detail": one.detail}]


def show(found: "Sequence[Scanned]", console: Console) -> None:
    """Every line with who answers on it."""
    if not found:
        console.print(text("scan.nobody"))
    for one in found:
        head = text("scan.line", address=_speaks(one), count=len(one.findings), asked=one.asked)
        console.print(head, style="bold")
        if one.note:
            console.print(f"  {text(f'scan.note.{one.note}', detail=one.detail)}", style="bright_yellow")
        for finding in one.findings:
            for line in _lines(finding):
                console.print(line)


def _lines(finding: "Finding") -> Iterator[str]:
    place = _place(finding)
    said = ", ".join(f"{name} {value}" for name, value in finding.said.items() if name != "url")
    if finding.best is None:
        yield f"  {place:<9} [bright_red]{text('scan.unknown')}[/]  {said}"
        return
    for at, one in enumerate(finding.candidates[:4]):
        word = text(f"scan.sure.{one.sure.value}")
        yield f"  {place if at == 0 else '':<9} [{SURE_STYLE[one.sure.value]}]{word}[/]  {one.name}  {text('scan.because', why=why(one.why))}"
    if said:
        yield f"  {'':<9} {text('scan.says', said=said)}"
    if finding.shown:
        yield f"  {'':<9} {text('scan.shows', values=', '.join(finding.shown))}"
    if finding.doubts:
        yield f"  {'':<9} [bright_red]{text('scan.doubt', places=', '.join(finding.doubts))}[/]"


def why(reason: str) -> str:
    """A candidate's reason in words: its first word is the way it was seen."""
    way, _, rest = reason.partition(" ")
    return text(f"scan.why.{way}", what=rest) if way in ("fc43", "sunspec", "opcua", "ua_type") else reason


def _place(finding: "Finding") -> str:
    if finding.unit_id is not None:
        return text("scan.unit", unit=finding.unit_id)
    return next(iter(finding.params.values()), finding.said.get("object", ""))


def _unnamed(line: str, finding: "Finding") -> str:
    """Where it is, and what it may be."""
    may_be = ", ".join(one.name for one in finding.candidates[:3])
    return f"{line} {_place(finding)}" + (f" ({text('scan.sure.maybe')} {may_be})" if may_be else "")


def _speaks(one: "Scanned") -> str:
    line = one.connection
    return (
        f"{line.address} {line.baud} 8{line.parity}{line.stop_bits}" if line.transport == "modbus_rtu" else line.address
    )


def not_owned(wanted: "Sequence[Target]", state: Path) -> "list[Target]":
    """The targets without what a running gateway owns, each told; exit 1 when nothing is left."""
    from gateway import statelock
    from gateway.commission.owned import Line, without
    from gateway.localsocket import ask

    try:
        owned = (
            [Line(**one) for one in ask(state, {"do": "lines"}).get("lines", ())] if statelock.is_held(state) else []
        )
    except StoreError as exc:
        complain(exc)
        raise typer.Exit(3) from exc
    free = []
    for target in wanted:
        left, taken = without(target, owned)
        for line in taken:
            typer.echo(text("scan.owned", address=line.address, line=line.id, state=state), err=True)
        if left is not None:
            free.append(left)
    if not free:
        raise typer.Exit(NOTHING_FOUND)
    return free


@contextmanager
def watched(wishes: "Wishes") -> "Iterator[Wishes]":
    """A line that says what is looked at, on a terminal only."""
    console = Console(stderr=True, highlight=False)
    if not (sys.stderr.isatty() and console.is_terminal):
        yield wishes
        return
    with console.status(text("scan.looking", what="", asked=0)) as status:

        def tell(what: str, asked: int) -> None:
            status.update(text("scan.looking", what=what, asked=asked))

        yield replace(wishes, progress=tell)
