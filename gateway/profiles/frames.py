"""Steps of a control -> write requests, and a profile -> that of one device (its parameters filled in). Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from gateway.errors import ProfileError
from gateway.profiles.codec import encode
from gateway.profiles.contact import CONTACT, NORMALLY_CLOSED, closed
from gateway.profiles.mounting import MOUNTING, REVERSED, reversed_meter
from gateway.profiles.nodeplace import is_identifier
from gateway.profiles.relations import FromParam
from gateway.profiles.schema import BySign, Control, PathStep, Point, Profile, Set, Step, Table
from gateway.texts import say


@dataclass(frozen=True, slots=True)
class Frame:
    """One write request: Modbus function 5, 6, 15, 16 or 23, wire address, words (0 or 1 each for coils)."""

    function: int
    address: int
    words: tuple[int, ...]
    unit_id: int | None = None


def chosen(given: float | BySign | FromParam | None, value: float | None) -> float | str | None:
    """What is written: a number, None for the commanded value, SKIP for nothing; by its sign where the step asks."""
    if isinstance(given, FromParam):
        raise ProfileError(say("problem.param_not_filled", param=given.param))
    if not isinstance(given, BySign):
        return given
    if value is None or value == 0.0:
        return given.zero
    return given.above if value > 0.0 else given.below


def assignments(step: Set, value: float | None) -> list[tuple[str, float]]:
    """(point, number in inside units) of a step; ProfileError when it wants the commanded value and there is none."""
    made = []
    for name, given in step.writes:
        fixed = chosen(given, value)
        if isinstance(fixed, str):
            continue
        number = value if fixed is None else fixed
        if number is None:
            raise ProfileError(say("problem.no_commanded_value", name=name))
        made.append((name, number))
    return made


def frames(points: Mapping[str, Point], step: Set, *, value: float | None, control: Control) -> list[Frame]:
    """The requests of one `set` step, in order: neighbours in one request where the function allows it.

    ProfileError when the step says `together` and more than one request would be needed.
    """
    runs: list[list[tuple[Point, list[int]]]] = []
    for name, number in assignments(step, value):
        point = points[name]
        if point.table not in (Table.HOLDING, Table.COIL):
            raise ProfileError(say("problem.not_writable_register", name=name))
        words = encode(point, number, safe=safe_value(control))
        last = runs[-1][-1][0] if runs else None
        if last is not None and control.write_function != "6" and _adjoin(last, point):
            runs[-1].append((point, words))
        else:
            runs.append([(point, words)])
    if step.together and len(runs) > 1:
        raise ProfileError(say("problem.not_together", control=control.name))
    return [_frame(run, control.write_function) for run in runs]


def safe_value(control: Control) -> float:
    """The side to round to: the least harmful lawful value, zero where it is lawful."""
    return min(max(0.0, control.low), control.high)


def for_device(profile: Profile, params: Mapping[str, float | str]) -> Profile:
    """The profile with a device's parameters (defaults where it says none) in browse paths, factors and time-outs.

    ProfileError for a parameter without value, or a time-out that leaves less than three refreshes.
    """
    given = {name: params.get(name, param.default) for name, param in profile.params.items()}
    said = {name: point for name, point in profile.points.items() if not _unsaid(point, given)}
    points = {name: _scaled(_with_path(point, given), given) for name, point in said.items()}
    if given.get(MOUNTING) == REVERSED:
        points = reversed_meter(points)
    controls = {name: _with_numbers(_with_timeout(control, given), given) for name, control in profile.controls.items()}
    if given.get(CONTACT) == NORMALLY_CLOSED:
        points, controls = closed(points, controls)
    prepare = _settled(profile.prepare, given)
    return replace(profile, points=MappingProxyType(points), controls=MappingProxyType(controls), prepare=prepare)


def steps_of(control: Control, phase: str) -> Iterable[Step]:
    """The steps of `apply`, `keepalive` or `release`."""
    if phase == "keepalive":
        return control.keepalive.steps if control.keepalive else ()
    return control.release if phase == "release" else control.apply


def _adjoin(first: Point, second: Point) -> bool:
    return (first.table, first.unit_id, first.end) == (second.table, second.unit_id, second.address)


def _frame(run: list[tuple[Point, list[int]]], write_function: str) -> Frame:
    first = run[0][0]
    words = tuple(word for _, part in run for word in part)
    single = len(words) == 1 and write_function not in ("16", "23")
    if first.table is Table.COIL:
        function = 5 if len(words) == 1 and write_function != "16" else 15
    else:
        function = 6 if single else 23 if write_function == "23" else 16
    return Frame(function, first.address, words, first.unit_id)


def _with_path(point: Point, given: Mapping[str, float | str | None]) -> Point:
    paths = (point.path, *(call.path for call in point.calls))
    asked = [step for path in paths for step in path if step.param]
    if not asked:
        return point
    missing = [step.name for step in asked if given.get(step.name) is None]
    if missing:
        raise ProfileError(say("problem.param_no_value", param=missing[0]))
    calls = tuple(replace(call, path=_filled(call.path, given)) for call in point.calls)
    return replace(point, path=_filled(point.path, given), calls=calls)


def _filled(path: tuple[PathStep, ...], given: Mapping[str, float | str | None]) -> tuple[PathStep, ...]:
    return tuple(_named(step, given) if step.param else step for step in path)


def _named(step: PathStep, given: Mapping[str, float | str | None]) -> PathStep:
    namespace = str(given[step.namespace]) if step.namespace_param else step.namespace
    name = str(given[step.name])
    if step.node and not is_identifier(name):
        raise ProfileError(say("problem.param_no_node_id", param=step.name, name=name))
    return PathStep(namespace, name, node=step.node)


def _unsaid(point: Point, given: Mapping[str, float | str | None]) -> bool:
    """Made of another point by a factor that the site does not say (the load of a relay): there is no such point."""
    return point.derived is not None and any(given[param.point] is None for param in point.scale_params)


def _scaled(point: Point, given: Mapping[str, float | str | None]) -> Point:
    """The point with what the site says multiplied into its factor."""
    if not point.scale_params:
        return point
    factor = point.factor
    for param in point.scale_params:
        value = given[param.point]
        if not isinstance(value, int | float) or value <= 0:
            raise ProfileError(say("problem.param_no_factor", param=param.point))
        factor = factor / value if param.inverse else factor * value
    return replace(point, factor=factor, scale_params=())


def _with_numbers(control: Control, given: Mapping[str, float | str | None]) -> Control:
    """The control with the site's numbers in its steps."""
    keepalive = control.keepalive
    if keepalive is not None:
        keepalive = replace(keepalive, steps=_settled(keepalive.steps, given))
    apply, release = _settled(control.apply, given), _settled(control.release, given)
    return replace(control, apply=apply, release=release, keepalive=keepalive)


def _settled(steps: tuple[Step, ...], given: Mapping[str, float | str | None]) -> tuple[Step, ...]:
    return tuple(
        replace(step, writes=tuple((name, _number(value, given)) for name, value in step.writes))
        if isinstance(step, Set)
        else step
        for step in steps
    )


def _number(value: float | BySign | FromParam | None, given: Mapping[str, float | str | None]) -> float | BySign | None:
    if not isinstance(value, FromParam):
        return value
    number = given[value.param]
    if not isinstance(number, int | float):
        raise ProfileError(say("problem.param_no_value", param=value.param))
    return number * value.factor + value.offset


def _with_timeout(control: Control, given: Mapping[str, float | str | None]) -> Control:
    keepalive = control.keepalive
    if keepalive is None or keepalive.timeout_param is None:
        return control
    timeout_s = given[keepalive.timeout_param]
    if not isinstance(timeout_s, int | float):
        raise ProfileError(say("problem.param_no_number", param=keepalive.timeout_param))
    if timeout_s < 3 * keepalive.every_s:
        raise ProfileError(
            say("problem.timeout_short", param=keepalive.timeout_param, timeout=timeout_s, every=keepalive.every_s)
        )
    return replace(control, keepalive=replace(keepalive, timeout_s=float(timeout_s)))
