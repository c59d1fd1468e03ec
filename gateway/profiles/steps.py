"""The steps of a control's form -> data: a value is a number, an enum name, the word `value`, or one of these by its sign."""

from collections.abc import Callable, Iterable, Mapping
from math import inf

from gateway.errors import ProfileError
from gateway.profiles.codec import encode_value
from gateway.profiles.controlform import ParamValue, StepForm, UntilForm
from gateway.profiles.draft import Draft
from gateway.profiles.formwords import SignWord
from gateway.profiles.relations import SKIP, FromParam
from gateway.profiles.schema import BySign, Count, Mask, Point, Set, Step, Until, Wait
from gateway.profiles.units import SIGNS
from gateway.texts import say
from gateway.yamltext import KeyPath
from gateway.yamltext.form import nearest

VALUE = "value"


def build_steps(draft: Draft, forms: list[StepForm], path: KeyPath) -> tuple[Step, ...]:
    """The steps in their order; those that cannot be built are said in `draft.problems`."""
    made = [_step(draft, form, (*path, number)) for number, form in enumerate(forms)]
    return tuple(step for step in made if step is not None)


def _step(draft: Draft, form: StepForm, path: KeyPath) -> Step | None:
    given = [key for key in ("set", "wait_s", "until", "mask", "count") if getattr(form, key) is not None]
    if len(given) != 1:
        draft.refuse(path, "bad_step", say("problem.bad_step"))
        return None
    if form.set is not None:
        return Set(tuple(_writes(draft, form.set, (*path, "set"))), form.together)
    if form.wait_s is not None:
        return Wait(form.wait_s)
    if form.until is not None:
        return _until(draft, form.until, within_s=form.within_s, path=path)
    if form.count is not None:
        counted = _writable(draft, form.count.point, (*path, "count", "point"))
        return None if counted is None else Count(counted.name, form.count.modulo)
    assert form.mask is not None
    if _writable(draft, form.mask.point, (*path, "mask", "point")) is None:
        return None
    return Mask(form.mask.point, form.mask.set, form.mask.clear)


def _writes(
    draft: Draft, pairs: Mapping[str, float | str | ParamValue | Mapping[SignWord, float | str]], path: KeyPath
) -> Iterable[tuple[str, float | BySign | FromParam | None]]:
    for name, given in pairs.items():
        point = _writable(draft, name, (*path, name))
        if point is None:
            continue
        if isinstance(given, ParamValue):
            yield from ((name, one) for one in _of_site(draft, name, given.param, (*path, name, "param")))
        elif isinstance(given, Mapping):
            yield name, _by_sign(draft, point, given, (*path, name))
        elif (written := _written(draft, point, given, (*path, name))) != SKIP:
            assert not isinstance(written, str)
            yield name, written


def _of_site(draft: Draft, name: str, param: str, path: KeyPath) -> Iterable[FromParam]:
    """What the site's parameter writes into a point; nothing when there is no such number, which is said."""
    given = draft.form.params.get(param)
    if given is None or given.choices or isinstance(given.default, str):
        near = nearest(param, list(draft.form.params))
        draft.refuse(
            path,
            "unknown_param",
            say("problem.no_such_number", name=param),
            nearest=near,
            remedy=say("remedy.add_param"),
        )
        return
    yield FromParam(param, *draft.documented[name])


def _written(draft: Draft, point: Point, given: float | str, path: KeyPath) -> float | str | None:
    """A number in inside units, None for the commanded value, SKIP for what cannot be written (and is said)."""
    if given == VALUE:
        return None
    number = _number(draft, point, given, path)
    if number is None or not try_value(draft, point, number, path=path, code="unwritable_value"):
        return SKIP
    return number


def _by_sign(draft: Draft, point: Point, given: Mapping[SignWord, float | str], path: KeyPath) -> BySign:
    """`charge`, `import`, `consumption` mean above zero inside, their opposites below."""
    chosen: dict[float, float | str | None] = {}
    for word, value in given.items():
        chosen[SIGNS.get(word, 0.0)] = _written(draft, point, value, (*path, word))
    return BySign(chosen.get(1.0, SKIP), chosen.get(-1.0, SKIP), chosen.get(0.0, SKIP))


def _until(draft: Draft, form: UntilForm, *, within_s: float | None, path: KeyPath) -> Until | None:
    point = draft.points.get(form.point)
    if point is None:
        unknown_point(draft, form.point, (*path, "until", "point"))
        return None
    if within_s is None:
        draft.refuse(path, "missing_key", say("problem.missing_within"), remedy=say("remedy.add_within"))
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
        draft.refuse(path, "unknown_name", say("problem.no_name", code=given, point=point.name), nearest=near)
        return None
    return codes[given] * point.factor + point.offset


def _writable(draft: Draft, name: str, path: KeyPath) -> Point | None:
    point = draft.points.get(name)
    if point is None:
        unknown_point(draft, name, path)
    elif point.is_virtual:
        _naming(draft, path)(path, "virtual", say("problem.no_register", point=name), remedy=say("remedy.stands_for"))
        return None
    elif not point.writable:
        _naming(draft, path)(
            path, "not_writable", say("problem.read_only", point=name), remedy=say("remedy.add_access")
        )
    return point if point is not None and point.writable else None


def unknown_point(draft: Draft, name: str, path: KeyPath) -> None:
    """Say that there is no such point, and which is the nearest."""
    near = nearest(name, list(draft.points))
    _naming(draft, path)(path, "unknown_point", say("problem.no_point", point=name), nearest=near)


def _naming(draft: Draft, path: KeyPath) -> Callable[..., None]:
    """Where a point is named: by the value of `point`, by a key of `set`."""
    return draft.refuse if path[-1] == "point" else draft.refuse_key


def try_value(draft: Draft, point: Point, value: float, *, path: KeyPath, code: str) -> bool:
    """Whether the point can carry this value; if not, it is said."""
    if point.scale_params or point.sunspec:
        return True  # known when the device is
    try:
        encode_value(point, value)
    except ProfileError as error:
        draft.refuse(path, code, error.said)
        return False
    return True
