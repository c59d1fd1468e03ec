"""The steps of a control as requests: values filled in, cut into single requests, and the points they concern."""

from collections.abc import Iterable
from dataclasses import replace
from math import inf

from gateway.field.bus import Member
from gateway.profiles.frames import chosen
from gateway.profiles.schema import Control, Count, Set, Step, Until, Wait, Wear


def watched(member: Member, control: Control) -> frozenset[str]:
    """The points whose values an actuator wants to see."""
    points = member.profile.points
    steps = (*control.apply, *control.release)
    stored = {name for step in steps for name in names_of(step) if points[name].wear is Wear.STORED}
    refreshing = control.keepalive.steps if control.keepalive else ()
    waited = {step.point for step in (*steps, *refreshing) if isinstance(step, Until | Count)}
    bounds = {name for name in (control.at_most, control.at_least) if name is not None}
    effect = {control.confirm.point} if control.confirm else set[str]()
    return frozenset({control.name} | stored | waited | bounds | effect)


def timeout_s(member: Member, control: Control) -> float:
    """After how long the device reverts by itself: of the profile, or of the device's own parameter."""
    keepalive = control.keepalive
    if keepalive is None:
        return inf
    given = member.device.params.get(keepalive.timeout_param or "", keepalive.timeout_s)
    return float(given)


def names_of(step: Step) -> tuple[str, ...]:
    """The points a step writes."""
    if isinstance(step, Set):
        return tuple(name for name, _ in step.writes)
    return () if isinstance(step, Wait | Until) else (step.point,)


def single_requests(steps: Iterable[Step]) -> Iterable[Step]:
    """The steps with every `Set` that need not go together cut into one request each."""
    for step in steps:
        if isinstance(step, Set) and not step.together:
            yield from (Set((write,)) for write in step.writes)
        else:
            yield step


def filled(step: Step, value: float | None) -> Step:
    """The step with the commanded value in its place."""
    if not isinstance(step, Set):
        return step
    writes = [(name, chosen(given, value)) for name, given in step.writes]
    made = tuple((name, value if given is None else given) for name, given in writes if not isinstance(given, str))
    return replace(step, writes=made)
