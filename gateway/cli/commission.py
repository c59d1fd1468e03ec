"""`gateway commission SITE --out DIR`: the acceptance test of a site, and a report a person can sign."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.asking import exits, open_place
from gateway.cli.complain import complain
from gateway.texts import text

if TYPE_CHECKING:
    from gateway.cli.asking import Place

WATCH_S = 20.0


def commission(
    site: Annotated[Path | None, typer.Argument(metavar="SITE.yaml", help="option.site")] = None,
    *,
    out: Annotated[Path, typer.Option(metavar="DIR", help="option.commission.out")] = Path("commission"),
    state: Annotated[Path, typer.Option(help="option.state")] = Path("state"),
    direct: Annotated[bool, typer.Option("--direct", help="option.commission.direct")] = False,
    read_only: Annotated[bool, typer.Option("--read-only", help="option.commission.read_only")] = False,
    asset: Annotated[list[str] | None, typer.Option(help="option.commission.asset")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="option.commission.quick")] = False,
    hold: Annotated[float | None, typer.Option(min=1.0, metavar="S", help="option.hold")] = None,
    watch: Annotated[float, typer.Option(min=1.0, metavar="S", help="option.commission.watch")] = WATCH_S,
    skip: Annotated[list[str] | None, typer.Option(metavar="DRILL", help="option.commission.skip")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="option.commission.yes")] = False,
    verify: Annotated[Path | None, typer.Option(metavar="DIR", help="option.commission.verify")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="option.commission.json")] = False,
) -> None:
    """Test every point, command and fallback drill of a site; leaves report.html, commission.json and commission.sig.

    Exit 1 when anything failed (or a seal does not fit), 2 bad arguments, 3 when the state directory is unusable.
    """
    if verify is not None:
        raise typer.Exit(_verified(verify))
    if site is None:
        raise typer.BadParameter(text("commission.no_site"))
    from gateway.cli.commission_asking import agreed, told
    from gateway.cli.commission_nudge import OTHERS
    from gateway.cli.commission_run import commission_site, progress
    from gateway.cli.commissioning import DRILLS, Wishes
    from gateway.commission.acceptance import Whole, whole

    with exits():
        place = open_place(site, state, direct=direct)
        left_out = _left_out(place, asset or [], skip or [], drills=(*DRILLS, OTHERS))
        if not read_only and not yes:
            left_out |= agreed(place, left_out, hold_s=hold, quick=quick, drills=DRILLS)
        wishes = Wishes(writes=not read_only, watch_s=watch, hold_s=hold, quick=quick, left_out=left_out)
        ended = commission_site(place, wishes, site, out, tell=progress)
    for line in told(ended, out, as_json=as_json):
        print(line)
    if ended.interrupted:
        raise typer.Exit(130)
    if whole(ended.record.checks) is Whole.FAILED:
        raise typer.Exit(1)


def _left_out(place: "Place", assets: list[str], skip: list[str], *, drills: tuple[str, ...]) -> dict[str, str]:
    """What the command line leaves out; a name that is none is a bad argument."""
    for name in (*assets, *skip):
        known = place.site.assets if name in assets else drills
        if name not in known:
            raise typer.BadParameter(text("commission.no_name", name=name, known=", ".join(known) or "–"))
    unwanted = [name for name in place.site.assets if assets and name not in assets]
    return dict.fromkeys((*unwanted, *skip), "not_wanted")


def _verified(folder: Path) -> int:
    """Check a seal and say what it is worth; the exit code."""
    from gateway.cli.commission_seal import BadSeal, verify
    from gateway.errors import StoreError

    try:
        sealed = verify(folder)
    except BadSeal as exc:
        print(text(f"commission.seal.{exc.code}", file=exc.file), file=sys.stderr)
        return 1
    except StoreError as exc:
        complain(exc)
        return 1
    print(text("commission.seal.whole", files=", ".join(sealed.files), fingerprint=sealed.fingerprint))
    return 0
