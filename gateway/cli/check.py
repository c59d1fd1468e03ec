"""`gateway check`: every error of site files, profiles, vectors and scenarios at once, then the bus-time plan of each line."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from gateway.applied import has_end
from gateway.config import check_site, profiles_of, schema_of
from gateway.config.read import load_whole
from gateway.errors import ConfigError, Problem
from gateway.model.site import Site
from gateway.profiles.bustime import BusTime, bus_time
from gateway.profiles.load import load_profile, load_profile_file
from gateway.profiles.schema import Profile
from gateway.profiles.vectors import FAILS, check_vectors
from gateway.texts import say, text, told
from gateway.yamltext import Document, read_file
from gateway.yamltext.form import nearest

FAILED = 1
BAD_CONFIGURATION = 2
LISTED = 3
"""So many good files are named; more are counted."""
VECTORS = ".vectors.yaml"


def check(
    files: Annotated[list[Path] | None, typer.Argument(help="option.check.files")] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="option.check.json")] = False,
    schema: Annotated[str | None, typer.Option(help="option.check.schema")] = None,
    running: Annotated[bool, typer.Option("--running", help="option.check.running")] = False,
    state: Annotated[Path, typer.Option(help="option.state")] = Path("state"),
    plain: Annotated[bool, typer.Option("--dump", help="option.check.plain")] = False,
) -> None:
    """Check files; exit 2 when anything is wrong, 1 when only vectors fail."""
    if schema is not None:
        _print_schema(schema)
        return
    if not files:
        typer.echo(text("check.no_file"), err=True)
        raise typer.Exit(BAD_CONFIGURATION)
    if plain:
        _dump(files)
        return
    problems: list[Problem] = []
    lines: list[str] = []
    for path in files:
        found, site = problems_of(path)
        problems += found
        if site is not None and not found:
            lines += map(plan_text, bus_times(site))
            lines += [] if has_end(path.read_bytes()) else [text("check.no_end", file=path)]
    if as_json:
        typer.echo(json.dumps([asdict(problem) for problem in problems], ensure_ascii=False, indent=2))
    else:
        _say(files, problems, lines)
    if running and not problems:
        _say_changes(files, state)
    if problems:
        raise typer.Exit(FAILED if all(problem.code == FAILS for problem in problems) else BAD_CONFIGURATION)


def _dump(files: list[Path]) -> None:
    from gateway.cli.asking import exits
    from gateway.config.dump import dump

    with exits():
        for path in files:
            typer.echo(dump(load_whole(path, path.read_bytes())), nl=False)


def _say(files: list[Path], problems: list[Problem], lines: list[str]) -> None:
    for line in [*(problem.in_words(told) for problem in problems), *lines]:
        typer.echo(line)
    if not problems:
        listed = ", ".join(map(str, files)) if len(files) <= LISTED else _count("file", len(files))
        typer.echo(text("check.sound", files=listed))


def _say_changes(files: list[Path], state: Path) -> None:
    """What each file would change; only a site file can be compared."""
    from gateway.cli.apply import compared
    from gateway.cli.asking import exits

    with exits():
        for path in files:
            typer.echo("\n".join(compared(path, state)) or text("apply.same"))


def problems_of(path: Path) -> tuple[list[Problem], Site | None]:
    """Everything wrong with one file, and the site when it is a site file without fault."""
    try:
        document = read_file(path)
        data = document.data if isinstance(document.data, dict) else {}
        if "site" in data or "connections" in data:
            site, problems = check_site(path)
            return problems, site
        return _kind_of(path, data)(path, document), None
    except ConfigError as error:
        return error.problems, None


def _kind_of(path: Path, data: Mapping[str, Any]) -> Callable[[Path, Document], list[Problem]]:
    """What a file is, by its name and the keys it begins with."""
    if path.name.endswith(VECTORS) or "decode" in data or "write" in data:
        return _vectors
    if "profile" in data or "extends" in data:
        return _profile
    return _scenario if "scenario" in data else _unknown


def _profile(path: Path, _document: Document) -> list[Problem]:
    load_profile_file(path)
    return []


def _vectors(path: Path, document: Document) -> list[Problem]:
    beside = path.with_name(f"{path.name.removesuffix(VECTORS)}.yaml")

    def relative(variant: str) -> Profile:
        name = f"{beside.parent.name}/{beside.stem}"
        return load_profile(f"{name}@{variant}", [beside.parent.parent]) if variant else load_profile_file(beside)

    return check_vectors(document, relative)


def _scenario(path: Path, _document: Document) -> list[Problem]:
    from emulators.scenario import load_scenario  # heavy, and of no use to a gateway that runs a building

    site, problems = check_site(load_scenario(path).site)
    return problems if site is None else []


def _unknown(_path: Path, document: Document) -> list[Problem]:
    keys = document.data if isinstance(document.data, dict) else ()
    known = ("site", "profile", "scenario", "decode")
    near = next((found for key in keys if (found := nearest(str(key), known))), "")
    remedy = say("remedy.nearest", near=near) if near else say("remedy.begin_with", known=", ".join(known))
    message = say("problem.unknown_kind")
    return [document.key_problem((), "unknown_kind", message, nearest=near, remedy=remedy)]


def bus_times(site: Site) -> list[BusTime]:
    """The plan of every line of a site."""
    profiles = profiles_of(site)
    return [
        bus_time(line, [(d, profiles[d.profile]) for d in site.devices.values() if d.connection == line.id])
        for line in site.connections.values()
    ]


def plan_text(time: BusTime) -> str:
    """One line about one line."""
    plan = text(
        "check.plan",
        line=time.connection,
        devices=_count("device", time.devices),
        requests=_count("request", time.requests),
        whole_ms=f"{time.pass_s * 1000:.0f}",
        load=f"{time.load:.0%}",
        worst_ms=f"{time.worst_pass_s * 1000:.0f}",
    )
    return f"{plan}{text('check.overloaded')}" if time.overloaded else plan


def _count(what: str, number: int) -> str:
    return text(f"check.{what}.one" if number == 1 else f"check.{what}.many", number=number)


def _print_schema(kind: str) -> None:
    try:
        typer.echo(json.dumps(schema_of(kind), ensure_ascii=False, indent=2))
    except KeyError:
        typer.echo(text("check.no_schema", kind=kind), err=True)
        raise typer.Exit(BAD_CONFIGURATION) from None
