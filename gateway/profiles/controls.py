"""The controls of a profile's form -> `Control`s; steps are data: a value is a number, an enum name or the word `value`."""

from collections.abc import Callable, Iterable
from math import inf

from gateway.errors import ProfileError
from gateway.profiles.codec import encode_value
from gateway.profiles.form import ControlForm, KeepaliveForm, StepForm, TimeoutParam, UntilForm
from gateway.profiles.points import Draft
from gateway.profiles.schema import (
    Confirm,
    Control,
    Keepalive,
    Lost,
    Mask,
    Point,
    Set,
    Step,
    Then,
    Until,
    Wait,
    Wear,
    Zero,
)
from gateway.profiles.units import CONVERSIONS, SIGNS
from gateway.yamltext import KeyPath
from gateway.yamltext.form import nearest

VALUE = "value"


def build_controls(draft: Draft) -> dict[str, Control]:
    """Every control that can be built; what is wrong is in `draft.problems`."""
    built = {}
    for name, form in draft.form.controls.items():
        path: KeyPath = ("controls", name)
        if draft.form.profile.confidence == "C":
            remedy = "check it against the vendor's document, or leave controls: out"
            draft.refuse_key(path, "confidence", "a profile of confidence C must not write", remedy=remedy)
        point = draft.points.get(name)
        if point is None:
            near = nearest(name, [p.name for p in draft.points.values() if p.writable])
            remedy = f"write {near}" if near else "a control has the name of the point it sets"
            draft.refuse_key(path, "unknown_point", "there is no such point", nearest=near, remedy=remedy)
            continue
        if (control := _control(draft, point, form=form, path=path)) is not None:
            built[name] = control
    return built


def _control(draft: Draft, point: Point, *, form: ControlForm, path: KeyPath) -> Control | None:
    conversion = CONVERSIONS.get(form.unit)
    if conversion is None or conversion.unit is not point.unit:
        draft.refuse((*path, "unit"), "wrong_unit", f"{form.unit!r} is not a unit for {point.unit.value}")
        return None
    if form.range[0] > form.range[1]:
        draft.refuse((*path, "range"), "min_above_max", "the first is more than the last", remedy="swap them")
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
        apply=_steps(draft, form.apply, (*path, "apply")),
        release=_steps(draft, form.release, (*path, "release")),
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
    )
    _check(draft, control, form=form, path=path)
    return control


def _check(draft: Draft, control: Control, *, form: ControlForm, path: KeyPath) -> None:
    if form.lost.then == "fallback" and control.lost.value is None:
        draft.refuse_key((*path, "lost"), "missing_key", "lacks the key 'value'", remedy="add value: … (the fallback)")
    if control.confirm is not None and control.confirm.point not in draft.points:
        _unknown(draft, control.confirm.point, (*path, "confirm", "point"))
    for name in _valued((*control.apply, *control.release)):
        for end in (control.low, control.high):
            _try(draft, draft.points[name], end, path=(*path, "range"), code="range_beyond_point")
    if VALUE not in {value for step in form.apply for value in (step.set or {}).values()}:
        draft.refuse_key((*path, "apply"), "value_unused", "no step writes the value", remedy="set: {…: value}")
    if control.wear is Wear.STORED and control.interval_s <= 0:
        remedy = "add interval_s: …"
        draft.refuse_key(path, "missing_key", "a stored setpoint needs a least interval", remedy=remedy)


def _valued(steps: Iterable[Step]) -> Iterable[str]:
    return [name for step in steps if isinstance(step, Set) for name, value in step.writes if value is None]


def _keepalive(draft: Draft, form: KeepaliveForm | None, path: KeyPath) -> Keepalive | None:
    if form is None:
        return None
    steps = _steps(draft, form.steps, (*path, "steps"))
    for number, step in enumerate(form.steps):
        for name in step.set or {}:
            if name in draft.points and draft.points[name].wear is Wear.STORED:
                where = (*path, "steps", number, "set", name)
                draft.refuse_key(where, "stored_keepalive", f"{name} is stored: refreshing wears it out")
    timeout_s, param = _timeout(draft, form, path)
    if form.every_s > timeout_s / 3:
        draft.refuse(
            (*path, "every_s"),
            "keepalive_slow",
            f"{form.every_s:g} s is more than a third of {timeout_s:g} s",
            remedy=f"write {timeout_s / 3:g} or less",
        )
    return Keepalive(form.every_s, timeout_s, steps, param)


def _timeout(draft: Draft, form: KeepaliveForm, path: KeyPath) -> tuple[float, str | None]:
    if not isinstance(form.timeout_s, TimeoutParam):
        return form.timeout_s, None
    name = form.timeout_s.param
    given = draft.form.params.get(name)
    if given is None or not isinstance(given.default, int | float):
        message = f"there is no parameter {name} with a number as its default"
        draft.refuse((*path, "timeout_s", "param"), "unknown_param", message, remedy="add it under params:")
        return inf, name
    return float(given.default), name


def _steps(draft: Draft, forms: list[StepForm], path: KeyPath) -> tuple[Step, ...]:
    made = [_step(draft, form, (*path, number)) for number, form in enumerate(forms)]
    return tuple(step for step in made if step is not None)


def _step(draft: Draft, form: StepForm, path: KeyPath) -> Step | None:
    given = [key for key in ("set", "wait_s", "until", "mask") if getattr(form, key) is not None]
    if len(given) != 1:
        draft.refuse(path, "bad_step", "a step is exactly one of set, wait_s, until, mask")
        return None
    if form.set is not None:
        return Set(tuple(_writes(draft, form.set, (*path, "set"))), form.together)
    if form.wait_s is not None:
        return Wait(form.wait_s)
    if form.until is not None:
        return _until(draft, form.until, within_s=form.within_s, path=path)
    assert form.mask is not None
    if _writable(draft, form.mask.point, (*path, "mask", "point")) is None:
        return None
    return Mask(form.mask.point, form.mask.set, form.mask.clear)


def _writes(draft: Draft, pairs: dict[str, float | str], path: KeyPath) -> Iterable[tuple[str, float | None]]:
    for name, given in pairs.items():
        point = _writable(draft, name, (*path, name))
        if point is None:
            continue
        if given == VALUE:
            yield name, None
            continue
        number = _number(draft, point, given, (*path, name))
        if number is not None and _try(draft, point, number, path=(*path, name), code="unwritable_value"):
            yield name, number


def _until(draft: Draft, form: UntilForm, *, within_s: float | None, path: KeyPath) -> Until | None:
    point = draft.points.get(form.point)
    if point is None:
        _unknown(draft, form.point, (*path, "until", "point"))
        return None
    if within_s is None:
        draft.refuse(path, "missing_key", "lacks the key 'within_s'", remedy="add within_s: …")
        return None
    low = high = None
    if form.equals is not None:
        low = high = _number(draft, point, form.equals, (*path, "until", "equals"))
    else:
        ends = [None if end is None else _number(draft, point, end, path) for end in (form.at_least, form.at_most)]
        low, high = ends if draft.documented[point.name][0] > 0 else ends[::-1]
    return Until(form.point, -inf if low is None else low, inf if high is None else high, within_s)


def _number(draft: Draft, point: Point, given: float | str, path: KeyPath) -> float | None:
    """A step's value in inside units; in the file it stands in the point's documented unit and sign."""
    if not isinstance(given, str):
        factor, offset = draft.documented[point.name]
        return given * factor + offset
    codes = {name: code for code, name in point.enum.items()}
    if given not in codes:
        near = nearest(given, list(codes))
        draft.refuse(path, "unknown_name", f"{given!r} is not a name of {point.name}", nearest=near)
        return None
    return codes[given] * point.factor + point.offset


def _writable(draft: Draft, name: str, path: KeyPath) -> Point | None:
    point = draft.points.get(name)
    if point is None:
        _unknown(draft, name, path)
    elif not point.writable:
        _naming(draft, path)(path, "not_writable", f"{name} is read only", remedy="add access: rw to it")
    return point if point is not None and point.writable else None


def _unknown(draft: Draft, name: str, path: KeyPath) -> None:
    near = nearest(name, list(draft.points))
    _naming(draft, path)(path, "unknown_point", f"there is no point {name}", nearest=near)


def _naming(draft: Draft, path: KeyPath) -> Callable[..., None]:
    """Where a point is named: by the value of `point`, by a key of `set`."""
    return draft.refuse if path[-1] == "point" else draft.refuse_key


def _try(draft: Draft, point: Point, value: float, *, path: KeyPath, code: str) -> bool:
    try:
        encode_value(point, value)
    except ProfileError as error:
        draft.refuse(path, code, str(error))
        return False
    return True
