"""`gateway apply SITE.yaml`: a running gateway takes a site file over; what changes is shown, and asked, first."""

import asyncio
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from gateway.cli.asking import exits
from gateway.errors import StoreError
from gateway.texts import english, text, told

LOOK_S = 0.2


def apply(
    site: Annotated[Path, typer.Argument(metavar="SITE.yaml", help="option.apply.site")],
    *,
    state: Annotated[Path, typer.Option(help="option.state")] = Path("state"),
    yes: Annotated[bool, typer.Option("--yes", help="option.yes")] = False,
    keep: Annotated[bool, typer.Option("--keep", help="option.apply.keep")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="option.apply.json")] = False,
) -> None:
    """Apply a site file to the gateway that runs; only what changed is touched, and all of it goes back on failure.

    Exit 1 when it is not in force afterwards, with the reason; 2 bad configuration, 3 when no gateway runs there.
    """
    from gateway import applied

    with exits():
        raw = applied.bytes_of(site)
        applied.read(site, raw)
        request = {"file": str(site.absolute()), "sha256": applied.digest(raw)}
        changes = _ask(state, {"do": "compare", **request})["changes"]
        lines = lines_of(changes, english if as_json else text)
        if not as_json:
            print("\n".join(lines) or text("apply.same"))
        if any(change["effect"] == "restart" for change in changes):
            _no(text("apply.for_restart"))
        if lines and not yes and not _may():
            _no(text("apply.not_asked"))
        _ask(state, {"do": "apply", **request, "keep": keep})
        outcome = asyncio.run(_followed(state, quiet=as_json))
    if as_json:
        print(json.dumps({"changes": lines, **outcome}, ensure_ascii=False, indent=2))
    else:
        _tell(outcome)
    if outcome["result"] not in ("applied", "unchanged"):
        raise typer.Exit(1)


def lines_of(changes: list[dict[str, Any]], say: Callable[..., str] = text) -> list[str]:
    """The changes a gateway told, in the words of `say`."""
    from gateway.config.changes import Change, line_of

    return [line_of(Change(**change), say) for change in changes]


def compared(site: Path, state: Path) -> list[str]:
    """What a site file would change: of the gateway that runs, else of what was applied last. ConfigError, StoreError."""
    from gateway import applied, statelock
    from gateway.config.changes import line_of
    from gateway.config.difference import difference
    from gateway.config.read import load_whole

    raw = applied.bytes_of(site)
    if statelock.is_held(state):
        request = {"do": "compare", "file": str(site.absolute()), "sha256": applied.digest(raw)}
        return lines_of(_ask(state, request)["changes"])
    last = applied.load(state)
    if last is None:
        raise StoreError(text("apply.never_ran", state=state))
    then = load_whole(site, raw)
    return [line_of(change, text) for change in difference(load_whole(Path(last.file), last.raw), then).changes]


def _ask(state: Path, request: dict[str, Any]) -> dict[str, Any]:
    from gateway import statelock
    from gateway.localsocket import ask
    from gateway.oneshot import Unasked

    if not statelock.is_held(state):
        raise StoreError(text("asking.no_daemon", state=state))
    answer = ask(state, request)
    if "error" in answer:
        raise Unasked(answer["error"], answer.get("text", ""))
    return answer


def _may() -> bool:
    print(text("apply.ask"), end=" ", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes", "是")


async def _followed(state: Path, *, quiet: bool) -> dict[str, Any]:
    """Follow the gateway while it applies: the outcome."""
    shown = ""
    while True:
        told = _ask(state, {"do": "applying"})
        if told["outcome"] is not None and not told["stage"]:
            return dict(told["outcome"])
        if told["stage"] != shown and not quiet:
            shown = told["stage"]
            print(f"… {text(f'apply.stage.{shown}')}", file=sys.stderr, flush=True)
        await asyncio.sleep(LOOK_S)


def _tell(outcome: Mapping[str, Any]) -> None:
    result, reason = outcome["result"], told(outcome["reason"])
    if result in ("applied", "unchanged"):
        print(text("apply.applied_but", reason=reason) if reason else text(f"apply.{result}"))
        return
    head = text("apply.rolled_back") if result == "rolled_back" else text("apply.refused", reason=reason)
    print("\n".join([head, *map(told, outcome["problems"])]), file=sys.stderr)


def _no(why: str) -> None:
    print(why, file=sys.stderr)
    raise typer.Exit(1)
