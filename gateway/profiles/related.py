"""What the points of a form have to do with each other -> relations of the built points; names of the same place first."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from gateway.profiles.derive import fastest, order_of
from gateway.profiles.draft import Draft
from gateway.profiles.pointform import FactorForm, PickForm, PointForm, SignFromForm, WhenForm
from gateway.profiles.relations import Condition, Derivation, Multiplier, Op, SignFrom
from gateway.profiles.schema import Point
from gateway.texts import listed, say
from gateway.yamltext import KeyPath
from gateway.yamltext.form import nearest

_DERIVED = ("sum_of", "minus", "mean_of", "first_of", "pick")


def relate(draft: Draft) -> None:
    """Add their relations to `draft.points`; what is wrong is in `draft.problems`."""
    for name in list(draft.points):
        _Relating(draft, name).relate()
    order = order_of(draft.points)
    if order is None:
        circular = next(p for p in draft.points.values() if p.derived is not None)
        draft.refuse_key(draft.places[circular.name], "circular", say("problem.circular"))
    for name in order or ():
        point = draft.points[name]
        inputs = [draft.points[other] for other in point.derived.inputs] if point.derived else []
        draft.points[name] = replace(point, every=fastest([one.every for one in inputs]))


class _Relating:
    """One point and what its form says of others."""

    def __init__(self, draft: Draft, name: str) -> None:
        self.draft = draft
        self.name = name
        self.path: KeyPath = draft.places[name]
        self.form, self.block = draft.forms[name]
        self.place = draft.instances[name]

    def relate(self) -> None:
        form, point, factors = self.form, self.draft.points[self.name], self._factors()
        if point.pow10 is not None:
            point = replace(point, pow10=self.resolved(point.pow10))
        point = replace(
            point,
            scale_by=tuple(self.multipliers(factors)),
            scale_params=tuple(self.params(factors)),
            sign_from=self.sign_from(form.sign_from),
            valid_when=tuple(self.conditions(point)),
            derived=self.derived(form),
        )
        self.draft.points[self.name] = point

    def _factors(self) -> list[FactorForm]:
        scale = self.form.scale
        return [one for one in scale if isinstance(one, FactorForm)] if isinstance(scale, list) else []

    @staticmethod
    def _is_param(factor: FactorForm) -> bool:
        return factor.param is not None

    def resolved(self, name: str) -> str:
        """The name as seen from this place: that of the same place, else the device's."""
        near = self.place.prefix + name
        return near if near in self.draft.points else name

    def known(self, name: str, path: KeyPath) -> str | None:
        found = self.resolved(name)
        if found in self.draft.points and not self.draft.points[found].is_text:
            return found
        near = nearest(name, list(self.draft.points))
        self.draft.refuse(path, "unknown_point", say("problem.no_such_number", name=name), nearest=near)
        return None

    def multipliers(self, factors: Iterable[FactorForm]) -> Iterable[Multiplier]:
        for at, factor in enumerate(factors):
            path = (*self.path, "scale")
            if (factor.of is None) == (factor.param is None):
                self.draft.refuse(path, "bad_scale", say("problem.factor", number=at + 1))
            elif factor.of is not None and (name := self.known(factor.of, path)) is not None:
                yield Multiplier(name, factor.inverse)

    def params(self, factors: Iterable[FactorForm]) -> Iterable[Multiplier]:
        for factor in factors:
            if factor.param is None:
                continue
            if factor.param not in self.draft.form.params:
                message = say("problem.no_parameter", name=factor.param)
                self.draft.refuse((*self.path, "scale"), "unknown_param", message, remedy=say("remedy.add_param"))
            else:
                yield Multiplier(factor.param, factor.inverse)

    def sign_from(self, form: SignFromForm | None) -> SignFrom | None:
        if form is None:
            return None
        path = (*self.path, "sign_from")
        name = self.known(form.point, (*path, "point"))
        if name is None:
            return None
        other, point = self.draft.points[name], self.draft.points[self.name]
        if other.table is not None and (point.atomic is None or other.atomic != point.atomic):
            remedy = say("remedy.atomic")
            self.draft.refuse(path, "sign_elsewhere", say("problem.sign_elsewhere"), remedy=remedy)
        negative, zero = (tuple(self.codes(other, codes, path)) for codes in (form.negative, form.zero))
        return SignFrom(name, negative, zero)

    def conditions(self, point: Point) -> Iterable[Condition]:
        for given, path in ((self.block.valid_when, self.path[:2]), (self.form.valid_when, self.path)):
            for form in given if isinstance(given, list) else [given] if given else []:
                name = self.known(form.point, (*path, "valid_when"))
                if name is not None and name != point.name:
                    yield self.condition(form, name, (*path, "valid_when"))
        if self.place.counted_by is not None:
            name = self.known(self.place.counted_by, (*self.path[:2], "repeat", "counted_by"))
            if name is not None:
                yield Condition(name, low=self.place.ordinal)

    def condition(self, form: WhenForm, name: str, path: KeyPath) -> Condition:
        other = self.draft.points[name]
        if form.equals is not None:
            codes = form.equals if isinstance(form.equals, list) else [form.equals]
            return Condition(name, tuple(self.codes(other, codes, path)))
        factor, offset = self.draft.documented[name]
        low, high = (end if end is None else end * factor + offset for end in (form.at_least, form.at_most))
        return Condition(name, (), *((low, high) if factor > 0 else (high, low)))

    def derived(self, form: PointForm) -> Derivation | None:
        given = [key for key in _DERIVED if getattr(form, key)]
        if not given:
            return None
        if len(given) > 1 and given != ["sum_of", "minus"]:
            self.draft.refuse_key(self.path, "bad_derived", say("problem.not_both", keys=listed(given, "word.and")))
            return None
        if form.pick is not None:
            return self.picked(form.pick)
        op = {"mean_of": Op.MEAN, "first_of": Op.FIRST}.get(given[0], Op.SUM)
        terms = [(name, 1.0) for key in given if key != "minus" for name in self.terms(key, getattr(form, key))]
        terms += [(name, -1.0) for name in self.terms("minus", form.minus or [])]
        return Derivation(op, tuple(terms))

    def picked(self, form: PickForm) -> Derivation | None:
        path = (*self.path, "pick")
        selector = self.known(form.by, (*path, "by"))
        if selector is None:
            return None
        picks: list[tuple[float, str | float]] = []
        for code, taken in form.codes.items():
            found = self.known(taken, (*path, "codes", code)) if isinstance(taken, str) else taken
            if found is not None:
                picks.append((float(code), found))
        return Derivation(Op.PICK, (), selector, tuple(picks))

    def terms(self, key: str, names: Sequence[str]) -> Iterable[str]:
        point = self.draft.points[self.name]
        unit, made_of_it = point.unit, any(map(self._is_param, self._factors()))
        for at, name in enumerate(names):
            path = (*self.path, key, at)
            found = self.known(name, path)
            if found is None:
                continue
            other = self.draft.points[found].unit
            if other is not unit and not made_of_it:  # what the site says may make another quantity of it
                self.draft.refuse(
                    path,
                    "wrong_unit",
                    say("problem.different_units", name=name, unit=other.value, point=self.name, own=unit.value),
                )
            yield found

    def codes(self, point: Point, given: Sequence[float | str], path: KeyPath) -> Iterable[float]:
        """Codes as numbers, or their names among the enum of the point."""
        named = {text: code for code, text in point.enum.items()}
        for code in given:
            if not isinstance(code, str):
                yield float(code)
            elif code in named:
                yield float(named[code])
            elif code in point.codes:
                yield point.codes[code]
            else:
                near = nearest(code, [*named, *map(str, point.codes)])
                self.draft.refuse(
                    path, "unknown_name", say("problem.no_name", code=code, point=point.name), nearest=near
                )
