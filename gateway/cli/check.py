"""`gateway check`: every error of site files, profiles and scenarios at once, then the bus-time plan of each line."""

import importlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from gateway.config import check_site, profiles_of, schema_of
from gateway.errors import ConfigError, Problem
from gateway.model.site import Site
from gateway.profiles.bustime import BusTime, bus_time
from gateway.profiles.load import load_profile_file
from gateway.yamltext import read_file

BAD_CONFIGURATION = 2
LISTED = 3
"""So many good files are named; more are counted."""


def check(
    files: Annotated[list[Path] | None, typer.Argument(help="Site files, device profiles, scenarios.")] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Problems as a JSON list.")] = False,
    schema: Annotated[str | None, typer.Option(help="Print the JSON Schema of `site` or `profile` files.")] = None,
) -> None:
    """Check files; exit code 2 when anything is wrong."""
    if schema is not None:
        _print_schema(schema)
        return
    if not files:
        typer.echo("name at least one file", err=True)
        raise typer.Exit(BAD_CONFIGURATION)
    problems: list[Problem] = []
    plans: list[BusTime] = []
    for path in files:
        found, site = problems_of(path)
        problems += found
        if site is not None and not found:
            plans += bus_times(site)
    if as_json:
        typer.echo(json.dumps([asdict(problem) for problem in problems], ensure_ascii=False, indent=2))
    else:
        for line in [*map(str, problems), *map(plan_text, plans)]:
            typer.echo(line)
        if not problems:
            typer.echo(f"ok: {', '.join(map(str, files)) if len(files) <= LISTED else _count(len(files), 'file')}")
    if problems:
        raise typer.Exit(BAD_CONFIGURATION)


def problems_of(path: Path) -> tuple[list[Problem], Site | None]:
    """Everything wrong with one file, and the site when it is a site file without fault."""
    try:
        document = read_file(path)
    except ConfigError as error:
        return error.problems, None
    data = document.data if isinstance(document.data, dict) else {}
    try:
        if "profile" in data or "extends" in data:
            load_profile_file(path)
            return [], None
        if "connections" in data or {"site", "devices"} <= data.keys():
            site, problems = check_site(path)
            return problems, site
        if "decode" in data or "write" in data:
            return [], None  # test vectors: the tests read them
        return _scenario_problems(path), None
    except ConfigError as error:
        return error.problems, None


def bus_times(site: Site) -> list[BusTime]:
    """The plan of every line of a site."""
    profiles = profiles_of(site)
    return [
        bus_time(line, [(d, profiles[d.profile]) for d in site.devices.values() if d.connection == line.id])
        for line in site.connections.values()
    ]


def plan_text(time: BusTime) -> str:
    """One line about one line."""
    remark = ": too much for this line, raise poll_s or spread the devices" if time.overloaded else ""
    return (
        f"{time.connection}: {_count(time.devices, 'device')}, {_count(time.requests, 'request')} a pass of {time.pass_s * 1000:.0f} ms, "
        f"busy {time.load:.0%}, a pass with one dead unit {time.worst_pass_s * 1000:.0f} ms{remark}"
    )


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _print_schema(kind: str) -> None:
    try:
        typer.echo(json.dumps(schema_of(kind), ensure_ascii=False, indent=2))
    except KeyError:
        typer.echo(f"no schema for {kind!r}: write site or profile", err=True)
        raise typer.Exit(BAD_CONFIGURATION) from None


def _scenario_problems(path: Path) -> list[Problem]:
    try:
        # by name: the scenarios' reader belongs to the emulators, which a gateway without them does not have
        scenario = importlib.import_module("emulators.scenario")
    except ModuleNotFoundError:
        message = "is neither a site file nor a device profile"
        return [Problem(str(path), 1, 1, "(file)", "unknown_kind", message, "begin with site: or profile:")]
    scenario.load_scenario(path)
    return []
