"""Controls that steer no asset: moved by one step and back, where that starts, switches and wears out nothing."""

from gateway.cli.commission_lines import Lines
from gateway.commission.acceptance import Check, Part, Verdict
from gateway.commission.trials import judge_back, nudged, tolerance_of, why_not
from gateway.control.shape import LEASE_S
from gateway.field.bus import Member
from gateway.model.command import Command, Fate
from gateway.model.point import point_id
from gateway.oneshot import asset_of, moved_by
from gateway.profiles.schema import Control

OTHERS = "others"
"""What these controls are called where they are left out together."""
READS_S, LOOK_S = 8.0, 0.2
LONGEST_INTERVAL_S = 30.0
"""A control that may be written so seldom is not worth the wait."""


def others(lines_members: list[Member], moved: dict[str, tuple[str, ...]]) -> list[tuple[Member, Control, str]]:
    """The controls that steer no asset, each with the reason why it must not be tried ('' when it may)."""
    found = []
    for member in lines_members:
        for control in member.profile.controls.values():
            if control.name not in moved.get(member.id, ()):
                slow = "written_seldom" if control.interval_s > LONGEST_INTERVAL_S else ""
                found.append((member, control, why_not(member.profile, control) or slow))
    return found


def moved_controls(lines: Lines) -> dict[str, tuple[str, ...]]:
    """By device, the control that moves its asset."""
    found = {}
    for device in lines.members:
        asset = asset_of(lines.site, device)
        found[device] = () if asset is None else moved_by(asset)[:1]
    return found


async def nudge(lines: Lines, member: Member, control: Control) -> list[Check]:
    """One step, read back, and back again; whatever ends it, the old value is written."""
    point = point_id(member.id, control.name)
    before = lines.snapshot().usable(point)
    if before is None:
        return [_row(member, control, Verdict.SKIPPED, "not_read_now")]
    if not control.low <= before <= control.high:
        return [_row(member, control, Verdict.SKIPPED, "stands_elsewhere", before=before)]
    value = nudged(control, before)
    seen = len(lines.outcomes)
    try:
        after = await _written(lines, member, control, value)
    finally:
        back = await _written(lines, member, control, before)
        lines.writer.forget(member.id, control.name)
    refused = next(
        (one.detail for one in lines.outcomes[seen:] if one.fate is Fate.REFUSED and one.value == value), None
    )
    if refused is not None:
        return [_row(member, control, Verdict.SKIPPED, "refused", detail=refused)]
    kept = after is not None and abs(after - value) <= tolerance_of(control)
    verdict, reason = (Verdict.PASSED, "nudged") if kept else (Verdict.FAILED, "not_kept")
    facts = {"asked": value, "readback": after, "unit": control.unit.value}
    row = Check(Part.COMMAND, member.id, control.name, verdict, reason, facts)
    return [row, judge_back(member.id, control, before, back)]


async def _written(lines: Lines, member: Member, control: Control, value: float) -> float | None:
    """Write a value and wait until it reads so; what it reads at last."""
    point, now_s = point_id(member.id, control.name), lines.now_s()
    await lines.write(
        [Command(member.id, control.name, value, "commission", now_s, now_s + LEASE_S + control.interval_s)]
    )
    end_s = now_s + READS_S + control.interval_s
    while lines.now_s() < end_s:
        await lines.pass_time(LOOK_S)
        shown, measured_s = lines.snapshot().timed(point)
        if shown is not None and measured_s > now_s and abs(shown - value) <= tolerance_of(control):
            break
    return lines.snapshot().usable(point)


def _row(member: Member, control: Control, verdict: Verdict, reason: str, **facts: float | str) -> Check:
    return Check(Part.COMMAND, member.id, control.name, verdict, reason, {**facts, "unit": control.unit.value})
