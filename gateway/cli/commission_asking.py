"""What a person is asked before anything moves, and told when it is over."""

import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from gateway.cli.asking import Place
from gateway.cli.commission_nudge import OTHERS, others
from gateway.cli.commission_run import Ended
from gateway.cli.commission_trial import hold_s_of
from gateway.cli.commissioning import HOLDS, QUICK_HOLDS
from gateway.commission.acceptance import Verdict, count, whole
from gateway.commission.phrases import sentence, subject
from gateway.commission.record import tree
from gateway.field.points import members_of
from gateway.oneshot import moved_by
from gateway.texts import language, text

NO = "not_agreed"
MARKS = {Verdict.FAILED: "✗", Verdict.NOTED: "!", Verdict.SKIPPED: "–", Verdict.PASSED: "✓"}


def agreed(
    place: Place, left_out: Mapping[str, str], *, hold_s: float | None, quick: bool, drills: Sequence[str]
) -> dict[str, str]:
    """Ask for each asset and each drill that is not left out yet; what the answer leaves out, with the reason."""
    refused: dict[str, str] = {}
    for asset in place.site.assets.values():
        if asset.id in left_out:
            continue
        seconds = (hold_s_of(asset) if hold_s is None else hold_s) * (QUICK_HOLDS if quick else HOLDS)
        low, high = f"{asset.min_w / 1000.0:.1f}", f"{asset.max_w / 1000.0:.1f}"
        if quick:
            question = text("commission.ask.quick", asset=asset.id, minutes=_minutes(seconds))
        else:
            question = text("commission.ask.asset", asset=asset.id, low=low, high=high, minutes=_minutes(seconds))
        if not _yes(question):
            refused[asset.id] = NO
    members = [member for line in members_of(place.site, place.profiles).values() for member in line]
    moved = {one: moved_by(asset)[:1] for asset in place.site.assets.values() for one in asset.devices}
    harmless = [f"{member.id}/{control.name}" for member, control, why in others(members, moved) if not why]
    if harmless and OTHERS not in left_out and not _yes(text("commission.ask.others", names=", ".join(harmless))):
        refused[OTHERS] = NO
    for drill in drills:
        if drill not in left_out and not _yes(text(f"commission.ask.{drill}")):
            refused[drill] = NO
    return refused


def told(ended: Ended, out: Path, *, as_json: bool) -> Iterator[str]:
    """The result in a few lines: what failed first, then the counts, where the report lies and whose key signed it."""
    if as_json:
        yield json.dumps(tree(ended.record), ensure_ascii=False)
        return
    of = language(os.environ)
    for verdict in (Verdict.FAILED, Verdict.NOTED):
        for check in ended.record.checks:
            if check.verdict is verdict:
                yield f"{MARKS[verdict]} {check.owner}  {subject(check, of)}: {sentence(check, of)}"
    counted = count(ended.record.checks)
    yield ""
    yield text(
        f"commission.result.{whole(ended.record.checks).value}",
        **{verdict.value: number for verdict, number in counted.items()},
    )
    yield text("commission.written", folder=out, fingerprint=ended.fingerprint)


def _yes(question: str) -> bool:
    print(question, end=" ", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes", "是")


def _minutes(seconds: float) -> str:
    return f"{max(1.0, seconds / 60.0):.0f}"
