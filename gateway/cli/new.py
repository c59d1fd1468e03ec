"""`gateway new SITE.yaml`: a guided start of a site file; every question has a flag, so that it can also be written in one go."""

import asyncio
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from gateway.cli.complain import complain
from gateway.cli.completed import write_completed
from gateway.cli.scan import known_profiles, local_timezone, not_owned, show, watched
from gateway.commission.finding import Finding, Scanned
from gateway.commission.interview import Possible, asset_lines, possible_assets
from gateway.commission.proposal import Placed, Proposal, free_name, meter_of, name_lines, place, site_text
from gateway.config.words import MQTT_PATTERN
from gateway.errors import ProfileError
from gateway.texts import text, told

if TYPE_CHECKING:
    from gateway.commission.scan import Wishes
    from gateway.profiles.schema import Profile

NOT_SOUND, BAD_ARGUMENTS = 2, 2
_ID = re.compile(r"[a-z][a-z0-9_]{0,31}")


def new(
    site: Annotated[Path, typer.Argument(metavar="SITE.yaml", help="option.new.site")],
    *,
    name: Annotated[str | None, typer.Option("--id", help="option.new.name")] = None,
    timezone: Annotated[str | None, typer.Option(help="option.new.timezone")] = None,
    scan: Annotated[list[str] | None, typer.Option(metavar="TARGET", help="option.new.scan")] = None,
    units: Annotated[str | None, typer.Option(help="option.units")] = None,
    device: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=PROFILE", help="option.new.device"),
    ] = None,
    meter: Annotated[str | None, typer.Option(help="option.new.meter")] = None,
    asset: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=NUMBERS", help="option.new.asset"),
    ] = None,
    max_import_kw: Annotated[float | None, typer.Option(help="option.connection_limit")] = None,
    max_export_kw: Annotated[float | None, typer.Option(help="option.connection_limit")] = None,
    mqtt: Annotated[str | None, typer.Option(metavar="URL", help="option.new.mqtt")] = None,
    only: Annotated[list[str] | None, typer.Option("--class", help="option.only")] = None,
    state: Annotated[Path, typer.Option(help="option.state")] = Path("state"),
    yes: Annotated[bool, typer.Option("--yes", help="option.new.yes")] = False,
) -> None:
    """Look at the lines, ask what only a person knows, write the site file, check it.

    Exit 2 when the file is there already or is not sound yet.
    """
    if site.exists():
        typer.echo(text("scan.exists", file=site), err=True)
        raise typer.Exit(BAD_ARGUMENTS)
    ask = Asking(yes=yes)
    chosen = ask.word("new.ask.id", name, free_name(site.stem.partition(".")[0], ()), _ID.fullmatch)
    zone = ask.word("new.ask.timezone", timezone, local_timezone())
    own = site.parent / "device_profiles"
    known = {profile.name: profile for profile in known_profiles(own if own.is_dir() else None, only)}
    try:
        found = _looked(ask, scan or [], units, list(known.values()), state=state)
        named = name_lines(found)
        devices = _devices(ask, place(named, known), named, known, device or [])
        more = _assets(ask, possible_assets(devices, known), asset or []) + _rest(
            ask, max_import_kw, max_export_kw, mqtt
        )
    except ProfileError as exc:
        complain(exc)
        raise typer.Exit(BAD_ARGUMENTS) from exc
    measured = meter or meter_of(devices, known)
    if len(devices) > 1:
        measured = ask.word("new.ask.meter", meter, measured, lambda one: one in {placed.id for placed in devices})
    lines = {line: replace(one.connection, timeout_s=1.0) for line, one in named.items()}
    site.parent.mkdir(parents=True, exist_ok=True)
    write_completed(site, site_text(Proposal(chosen, zone, measured, lines, devices, more)), kind="site")
    _checked(site)


class Asking:
    """Answers from flags, else from a person, else the usual."""

    def __init__(self, *, yes: bool) -> None:
        self.silent = yes

    def word(self, key: str, given: str | None, usual: str, lawful: Callable[[str], object] = bool) -> str:
        """A text; asked again until it is lawful."""
        if given is not None or self.silent:
            return usual if given is None else given
        while True:
            answer = str(typer.prompt(text(key), default=usual)).strip()
            if lawful(answer):
                return answer
            typer.echo(text("new.again", answer=answer), err=True)

    def maybe(self, key: str, **values: object) -> str:
        """A text that may be left empty."""
        return "" if self.silent else str(typer.prompt(text(key, **values), default="", show_default=False)).strip()

    def number(self, key: str, given: float | None, **values: object) -> float | None:
        """A number, None when it is left empty; asked again until it is one."""
        while given is None and not self.silent:
            answer = self.maybe(key, **values)
            if not answer:
                return None
            try:
                return float(answer)
            except ValueError:
                typer.echo(text("new.again", answer=answer), err=True)
        return given


def _looked(
    ask: Asking, targets: list[str], units: str | None, profiles: "list[Profile]", *, state: Path
) -> list[Scanned]:
    """Every line that was named, scanned; ProfileError for what is no target."""
    from gateway.commission.scan import Wishes, scan
    from gateway.commission.target import parse_target, parse_units

    wishes = Wishes(profiles, parse_units(units) if units else None)
    console = Console(highlight=False, soft_wrap=True)
    found: list[Scanned] = []

    def look(target: str, wishes: "Wishes") -> None:
        for free in not_owned([parse_target(target)], state):
            more = asyncio.run(scan(free, wishes))
            found.extend(more)
            show(more, console)

    with watched(wishes) as shown:
        for target in targets:
            look(target, shown)
    while not ask.silent and not targets and (target := ask.maybe("new.ask.target")):
        try:
            with watched(wishes) as shown:
                look(target, shown)
        except ProfileError as exc:
            complain(exc)
    return found


def _devices(
    ask: Asking, placed: list[Placed], named: "dict[str, Scanned]", profiles: "dict[str, Profile]", given: Sequence[str]
) -> list[Placed]:
    """The devices with what the person says of them: other names, and what the unknown ones are."""
    said = dict(_pair(one) for one in given)
    known = {(one.connection, one.unit_id) for one in placed}
    for line, scanned in named.items():
        for finding in scanned.findings:
            if finding.unit_id is None or (line, finding.unit_id) in known:
                continue
            profile = said.pop(f"{line}/{finding.unit_id}", "") or _what_is(ask, line, finding, profiles)
            if profile:
                kind = _profile(profile, profiles).device_class
                placed.append(Placed(free_name(kind, [one.id for one in placed]), profile, line, finding.unit_id))
    for name, profile in said.items():
        at = next((number for number, one in enumerate(placed) if one.id == name), None)
        if at is None:
            raise ProfileError(text("watch.unknown", device=name, devices=", ".join(one.id for one in placed)))
        _profile(profile, profiles)
        placed[at] = replace(placed[at], profile=profile, remark="")
    return placed


def _what_is(ask: Asking, line: str, finding: Finding, profiles: "dict[str, Profile]") -> str:
    may_be = ", ".join(one.name for one in finding.candidates[:3])
    while answer := ask.maybe("new.ask.what", line=line, unit=finding.unit_id, may_be=may_be or "?"):
        if answer.partition("@")[0] in profiles:
            return answer
        typer.echo(text("new.again", answer=answer), err=True)
    return ""


def _profile(name: str, profiles: "dict[str, Profile]") -> "Profile":
    found = profiles.get(name.partition("@")[0])
    if found is None:
        raise ProfileError(text("new.no_profile", profile=name))
    return found


def _assets(ask: Asking, possible: Sequence[Possible], given: Sequence[str]) -> list[str]:
    """The `assets:` of the file: numbers from flags or from a person; what nobody knows is left out."""
    said = dict(_pair(one) for one in given)
    lines = []
    for one in possible:
        numbers = [_number(part) for part in said.pop(one.id).split("/")] if one.id in said else _asked(ask, one)
        if numbers is None:
            continue
        if len(numbers) != len(one.asked):
            raise ProfileError(text("new.asset_numbers", asset=one.id, numbers="/".join(one.asked)))
        lines.append(asset_lines(one, numbers))
    if said:
        there = ", ".join(one.id for one in possible) or "–"
        raise ProfileError(text("new.no_asset", asset=", ".join(said), there=there))
    return ["", "assets:", *lines] if lines else []


def _asked(ask: Asking, asset: Possible) -> list[float] | None:
    numbers = []
    for name in asset.asked:
        number = ask.number(
            "new.ask.number", None, asset=asset.id, kind=asset.kind, devices=", ".join(asset.devices), name=name
        )
        if number is None:
            return None
        numbers.append(number)
    return numbers


def _rest(ask: Asking, max_import_kw: float | None, max_export_kw: float | None, mqtt: str | None) -> list[str]:
    """Limits and the way to the VPP."""
    limits = {
        "max_import_kw": ask.number("new.ask.max_import_kw", max_import_kw),
        "max_export_kw": ask.number("new.ask.max_export_kw", max_export_kw),
    }
    known = [f"{name}: {value:g}" for name, value in limits.items() if value is not None]
    url = mqtt or ask.maybe("new.ask.mqtt")
    while url and not mqtt and not re.match(MQTT_PATTERN, url):
        typer.echo(text("new.again", answer=url), err=True)
        url = ask.maybe("new.ask.mqtt")
    lines = ["", f"limits: {{{', '.join(known)}}}"] if known else []
    return [*lines, "", f'links: {{vpp: {{mqtt: "{url}"}}}}'] if url else lines


def _checked(site: Path) -> None:
    """Say what is wrong with the new file, or what to do next."""
    from gateway.config.read import check_site

    typer.echo(text("new.written", file=site))
    _, problems = check_site(site)
    for problem in problems:
        typer.echo(problem.in_words(told))
    if problems:
        raise typer.Exit(NOT_SOUND)
    typer.echo(text("new.next", file=site))


def _pair(given: str) -> tuple[str, str]:
    name, equals, value = given.partition("=")
    if not equals or not name or not value:
        raise ProfileError(text("new.no_pair", given=given))
    return name, value


def _number(given: str) -> float:
    try:
        return float(given)
    except ValueError:
        raise ProfileError(text("new.no_number", given=given)) from None
