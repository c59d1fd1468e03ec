"""`gateway selftest TARGET ASSET`: what an asset is capable of, measured by moving it in safe steps."""

import asyncio
import json
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.complain import complain
from gateway.errors import ConfigError, GatewayError, Problem, StoreError
from gateway.texts import say, text

if TYPE_CHECKING:
    from gateway.cli.capability import Capability, Step, Taken
    from gateway.cli.proving import Tell
    from gateway.model.site import Asset, Site

IS_SCENARIO = re.compile(r"^scenario:", re.MULTILINE)


def selftest(
    target: Annotated[str, typer.Argument(metavar="SITE.yaml|SCENARIO", help="option.selftest.target")],
    asset: Annotated[str, typer.Argument(metavar="ASSET", help="option.selftest.asset")],
    *,
    hold: Annotated[
        float | None,
        typer.Option(min=5.0, metavar="S", help="option.hold"),
    ] = None,
    state: Annotated[Path, typer.Option(help="option.state")] = Path("state"),
    yes: Annotated[bool, typer.Option("--yes", help="option.yes")] = False,
    seed: Annotated[int, typer.Option(help="option.selftest.seed")] = 1,
    perturb: Annotated[float, typer.Option(min=0.0, max=0.9, help="option.selftest.perturb")] = 0.0,
    as_json: Annotated[bool, typer.Option("--json", help="option.selftest.json")] = False,
) -> None:
    """Measure an asset: a small step first, then its whole room both ways, each held and back to rest.

    Exit 1 when it does not follow or may not be moved, 2 bad arguments, 3 when a gateway owns the lines.
    """

    def tell(step: "Step", number: int, of: int) -> None:
        line = text("selftest.step", number=number, of=of, kw=f"{step.to_w / 1000.0:.1f}", s=f"{step.hold_s:.0f}")
        print(line, file=sys.stderr)

    taken: Sequence[Taken] = ()
    try:
        if is_scenario(target):
            taken = rehearse(target, asset, hold_s=hold, seed=seed, perturb=perturb, tell=tell)
        else:
            taken = on_site(Path(target), asset, state, hold_s=hold, yes=yes, tell=tell)
    except ConfigError as exc:
        leave(exc, 2)
    except StoreError as exc:
        leave(exc, 3)
    except GatewayError as exc:
        leave(exc, 1)
    from gateway.cli.capability import capability

    found = capability(taken)
    if found is None:
        raise typer.Exit(1)
    if as_json:
        print(json.dumps({"asset": asset, **asdict(found)}, indent=1))
        return
    for line in table(asset, found):
        print(line)


def is_scenario(target: str) -> bool:
    """Whether this names a scenario: a shipped one, or a file that says so."""
    path = Path(target)
    if not path.exists():
        return path.suffix == ""
    return IS_SCENARIO.search(path.read_text(encoding="utf-8", errors="replace")) is not None


def rehearse(
    target: str, name: str, *, hold_s: float | None, seed: int, perturb: float, tell: "Tell"
) -> "Sequence[Taken]":
    """The test in virtual time."""
    from emulators.scenario import load_scenario
    from gateway.cli.proving import prove
    from gateway.cli.proving_virtual import VirtualBench
    from gateway.config import load_site

    scenario = load_scenario(target)
    site = load_site(scenario.site)
    asset = asset_of(site, name, str(scenario.site))
    bench = VirtualBench(scenario, site, asset, seed=seed, perturb=perturb)
    return asyncio.run(prove(site, asset, bench, hold_s=hold_s, tell=tell))


def on_site(file: Path, name: str, state: Path, *, hold_s: float | None, yes: bool, tell: "Tell") -> "Sequence[Taken]":
    """The test on the real lines, while no gateway runs; StoreError when one does."""
    from gateway import statelock
    from gateway.cli.asking import open_place
    from gateway.cli.proving import Unsafe, prove
    from gateway.cli.proving_lines import on_lines
    from gateway.clock import SystemClock
    from gateway.store.audit import Audit

    place = open_place(file, state, direct=False)
    asset = asset_of(place.site, name, str(file))
    if place.daemon:
        raise StoreError(text("selftest.daemon", state=state, asset=name))
    if not yes and not agreed(asset):
        raise Unsafe("not_asked", text("write.not_asked"))
    clock = SystemClock()

    async def work() -> "Sequence[Taken]":
        async with on_lines(place.site, place.profiles, asset, clock) as bench:
            return await prove(place.site, asset, bench, hold_s=hold_s, tell=tell)

    lock = statelock.take(state)
    audit = Audit(state / "audit", clock)
    try:
        audit.append("selftest", {"asset": name, "user": os.getuid(), "outcome": "began"})
        taken = asyncio.run(work())
    except GatewayError as exc:
        audit.append("selftest", {"asset": name, "user": os.getuid(), "outcome": str(exc)})
        raise
    else:
        audit.append("selftest", {"asset": name, "user": os.getuid(), "outcome": f"{len(taken)} steps"})
        return taken
    finally:
        audit.close()
        os.close(lock)


def agreed(asset: "Asset") -> bool:
    """Ask the person at the terminal."""
    low, high = f"{asset.min_w / 1000.0:.1f}", f"{asset.max_w / 1000.0:.1f}"
    print(text("selftest.ask", asset=asset.id, low=low, high=high), end=" ", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes", "是")


def asset_of(site: "Site", name: str, file: str) -> "Asset":
    """An asset by name; ConfigError naming those there are."""
    if name not in site.assets:
        there = ", ".join(site.assets)
        raise ConfigError(
            [Problem(file, 1, 1, name, "unknown_asset", say("problem.no_asset"), say("remedy.one_of", expected=there))]
        )
    return site.assets[name]


def table(name: str, found: "Capability") -> list[str]:
    """The measures, one a line, and the steps they come from."""
    from gateway.insight.verdict import aligned, optional

    kilo = 1000.0
    rows = [
        ("adjustable", f"{found.adjustable_w / kilo:.1f} kW  ({found.least_w / kilo:.1f} – {found.most_w / kilo:.1f})"),
        ("response", optional(found.response_s, "{:.2f} s")),
        ("lag", optional(found.lag_s, "{:.2f} s")),
        ("t90", optional(found.t90_s, "{:.1f} s")),
        ("ramp", optional(found.ramp_per_min, "{:.1%}/min")),
        ("deviation", optional(found.deviation, "{:+.2%}")),
        ("steady", optional(found.steady, "{:.2%}")),
        ("duration", f"{found.duration_s:.0f} s"),
    ]
    lines = [name, *aligned([(f"  {text(f'selftest.{key}')}", value) for key, value in rows]), ""]
    names = ("from", "to", "reached", "response", "lag", "t90", "on_target")
    steps: list[Sequence[str]] = [[text(f"selftest.head_{key}") for key in names]]
    steps += [
        (
            f"{one.from_w / kilo:.1f} kW",
            f"{one.to_w / kilo:.1f} kW",
            "–" if one.reached_w is None else f"{one.reached_w / kilo:.1f} kW",
            optional(one.dead_s, "{:.2f} s"),
            optional(one.lag_s, "{:.2f} s"),
            optional(one.t90_s, "{:.1f} s"),
            f"{one.duration_s:.0f} s",
        )
        for one in found.steps
    ]
    return lines + aligned(steps)


def leave(exc: GatewayError, code: int) -> None:
    """Say why and end."""
    complain(exc)
    raise typer.Exit(code) from exc
