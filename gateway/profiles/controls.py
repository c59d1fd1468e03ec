"""The controls of a profile's form -> `Control`s; steps are data: a value is a number, an enum name or the word `value`."""

from collections.abc import Iterable
from math import inf

from gateway.profiles.controlform import ControlForm, KeepaliveForm, TimeoutParam
from gateway.profiles.draft import Draft
from gateway.profiles.schema import Confirm, Control, Keepalive, Lost, Point, Set, Step, Then, Wear, Zero
from gateway.profiles.steps import VALUE, build_steps, try_value, unknown_point
from gateway.profiles.units import CONVERSIONS, SIGNS
from gateway.texts import say
from gateway.yamltext import KeyPath
from gateway.yamltext.form import nearest


def build_controls(draft: Draft) -> dict[str, Control]:
    """Every control that can be built; what is wrong is in `draft.problems`."""
    built = {}
    for name, form in draft.form.controls.items():
        path: KeyPath = ("controls", name)
        if draft.form.profile.confidence == "C":
            remedy = say("remedy.confidence")
            draft.refuse_key(path, "confidence", say("problem.confidence"), remedy=remedy)
        point = draft.points.get(name)
        if point is None:
            near = nearest(name, [p.name for p in draft.points.values() if p.writable])
            remedy = say("remedy.nearest", near=near) if near else say("remedy.control_name")
            draft.refuse_key(path, "unknown_point", say("problem.no_such_point"), nearest=near, remedy=remedy)
            continue
        if (control := _control(draft, point, form=form, path=path)) is not None:
            built[name] = control
    return built


def _control(draft: Draft, point: Point, *, form: ControlForm, path: KeyPath) -> Control | None:
    conversion = CONVERSIONS.get(form.unit)
    if conversion is None or conversion.unit is not point.unit:
        draft.refuse((*path, "unit"), "wrong_unit", say("problem.unit_for", unit=form.unit, of=point.unit.value))
        return None
    if form.range[0] > form.range[1]:
        draft.refuse((*path, "range"), "min_above_max", say("problem.first_above_last"), remedy=say("remedy.swap"))
    sign = SIGNS[form.sign] if form.sign else 1.0

    def inside(value: float) -> float:
        return (value * conversion.factor + conversion.offset) * sign

    ends = sorted(map(inside, form.range))
    control = Control(
        name=point.name,
        unit=point.unit,
        low=ends[0],
        high=ends[1],
        step=form.step * conversion.factor,
        zero=Zero(form.zero),
        apply=build_steps(draft, form.apply, (*path, "apply")),
        release=build_steps(draft, form.release, (*path, "release")),
        lost=Lost(
            Then(form.lost.then), None if form.lost.value is None else inside(form.lost.value), form.lost.after_s
        ),
        keepalive=_keepalive(draft, form.keepalive, (*path, "keepalive")),
        confirm=None
        if form.confirm is None
        else Confirm(form.confirm.point, form.confirm.tolerance * conversion.factor, form.confirm.within_s),
        interval_s=form.interval_s,
        write_function=str(form.write_function or draft.form.link.write_function),
        wear=Wear(form.wear),
        daily_writes=form.daily_writes,
        at_most=form.at_most,
        at_least=form.at_least,
    )
    _check(draft, control, form=form, path=path)
    return control


def _check(draft: Draft, control: Control, *, form: ControlForm, path: KeyPath) -> None:
    if form.lost.then == "fallback" and control.lost.value is None:
        draft.refuse_key(
            (*path, "lost"), "missing_key", say("problem.missing_value"), remedy=say("remedy.add_fallback")
        )
    if control.confirm is not None and control.confirm.point not in draft.points:
        unknown_point(draft, control.confirm.point, (*path, "confirm", "point"))
    for name in _valued((*control.apply, *control.release)):
        for end in (control.low, control.high):
            if draft.points[name].scale_params or draft.points[name].sunspec:
                continue  # what it can carry is known when the device is
            try_value(draft, draft.points[name], end, path=(*path, "range"), code="range_beyond_point")
    for key in ("at_most", "at_least"):
        name = getattr(form, key)
        if name is not None and name not in draft.points:
            unknown_point(draft, name, (*path, key))
    if not any(VALUE in _values(given) for step in form.apply for given in (step.set or {}).values()):
        draft.refuse_key((*path, "apply"), "value_unused", say("problem.value_unused"), remedy=say("remedy.set_value"))
    if control.wear is Wear.STORED and control.interval_s <= 0:
        remedy = say("remedy.add_interval")
        draft.refuse_key(path, "missing_key", say("problem.stored_interval"), remedy=remedy)


def _values(given: object) -> list[object]:
    return list(given.values()) if isinstance(given, dict) else [given]


def _valued(steps: Iterable[Step]) -> Iterable[str]:
    return [name for step in steps if isinstance(step, Set) for name, value in step.writes if value is None]


def _keepalive(draft: Draft, form: KeepaliveForm | None, path: KeyPath) -> Keepalive | None:
    if form is None:
        return None
    steps = build_steps(draft, form.steps, (*path, "steps"))
    for number, step in enumerate(form.steps):
        for name in step.set or {}:
            if name in draft.points and draft.points[name].wear is Wear.STORED:
                where = (*path, "steps", number, "set", name)
                draft.refuse_key(where, "stored_keepalive", say("problem.stored_keepalive", point=name))
    timeout_s, param = _timeout(draft, form, path)
    if form.every_s > timeout_s / 3:
        draft.refuse(
            (*path, "every_s"),
            "keepalive_slow",
            say("problem.keepalive_slow", every=form.every_s, timeout=timeout_s),
            remedy=say("remedy.or_less", most=timeout_s / 3),
        )
    return Keepalive(form.every_s, timeout_s, steps, param)


def _timeout(draft: Draft, form: KeepaliveForm, path: KeyPath) -> tuple[float, str | None]:
    if not isinstance(form.timeout_s, TimeoutParam):
        return form.timeout_s, None
    name = form.timeout_s.param
    given = draft.form.params.get(name)
    if given is None or not isinstance(given.default, int | float):
        message = say("problem.no_number_parameter", name=name)
        draft.refuse((*path, "timeout_s", "param"), "unknown_param", message, remedy=say("remedy.add_param"))
        return inf, name
    return float(given.default), name
