"""What a device type is known by: form -> `Trait`s, and how sure what was seen of a device makes us. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from gateway.profiles.draft import Draft
from gateway.profiles.pointform import AlsoForm, TraitForm
from gateway.profiles.relations import Sure, Trait
from gateway.profiles.schema import Profile
from gateway.texts import say
from gateway.yamltext import KeyPath
from gateway.yamltext.form import nearest

_WAYS = ("point", "fc43", "sunspec", "ua_type")


@dataclass(frozen=True, slots=True)
class Seen:
    """What was learnt of a device: values and texts by point, FC43/14 objects, the SunSpec common model, its OPC UA type."""

    values: Mapping[str, float | str | None] = field(default_factory=dict)
    fc43: Mapping[str, str] = field(default_factory=dict)
    sunspec: Mapping[str, str] = field(default_factory=dict)
    ua_type: str = ""


def build_traits(draft: Draft, forms: Sequence[TraitForm], path: KeyPath) -> tuple[Trait, ...]:
    """The traits of a form; what is wrong is in `draft.problems`."""
    places = [(*path, number) if (*path, number) in draft.document.values else path for number in range(len(forms))]
    made = [_trait(draft, form, place) for form, place in zip(forms, places, strict=True)]
    return tuple(trait for trait in made if trait is not None)


def sureness(profile: Profile, seen: Seen) -> Sure | None:
    """How sure the strongest trait that was met makes us that the device is of this type; None: no trait was met."""
    return _strongest(profile.identify, seen)


def variant_of(profile: Profile, seen: Seen) -> str | None:
    """The variant whose traits were met."""
    return next((v.name for v in profile.variants.values() if _strongest(v.when, seen) is not None), None)


def met(trait: Trait, seen: Seen) -> bool:
    """Whether what was seen shows this trait, and what must be so besides."""
    return begun(trait, seen) and (trait.also is None or begun(trait.also, seen))


def begun(trait: Trait, seen: Seen) -> bool:
    """Whether what was seen shows this trait, whatever must be so besides."""
    if trait.source == "ua_type":
        return bool(trait.ua_type) and seen.ua_type == trait.ua_type
    if trait.source in ("fc43", "sunspec"):
        shown = seen.fc43 if trait.source == "fc43" else seen.sunspec
        return bool(shown) and all(
            shown.get(name, "").lower().startswith(begin.lower()) for name, begin in trait.objects
        )
    value = seen.values.get(trait.point or "")
    if isinstance(value, str):
        return value.startswith(trait.starts) if trait.starts else False
    if value is None or trait.starts:
        return False
    if trait.values:
        return value in trait.values
    return (trait.low is None or value >= trait.low) and (trait.high is None or value <= trait.high)


def _strongest(traits: Iterable[Trait], seen: Seen) -> Sure | None:
    found = {trait.sure for trait in traits if met(trait, seen)}
    return next((sure for sure in Sure if sure in found), None)


def _trait(draft: Draft, form: TraitForm, path: KeyPath) -> Trait | None:
    given = [way for way in _WAYS if getattr(form, way) is not None]
    if len(given) != 1:
        draft.refuse(path, "bad_trait", say("problem.bad_trait"))
        return None
    sure = Sure(form.sure) if form.sure else None
    made = _alone(draft, form, given[0], sure=sure, path=path)
    if made is None or form.also is None:
        return made
    also = _of_point(draft, form.also, sure=sure, path=path)
    return None if also is None else replace(made, also=also)


def _alone(draft: Draft, form: TraitForm, way: str, *, sure: Sure | None, path: KeyPath) -> Trait | None:
    """The trait without what must be so besides."""
    if form.point is not None:
        return _of_point(draft, form, sure=sure, path=path)
    objects = form.fc43 or form.sunspec or {}
    pairs = tuple((str(name), begin) for name, begin in objects.items())
    return Trait(sure or Sure.CERTAIN, objects=pairs, source=way, ua_type=form.ua_type or "")


def _of_point(draft: Draft, form: TraitForm | AlsoForm, *, sure: Sure | None, path: KeyPath) -> Trait | None:
    point = draft.points.get(form.point or "")
    if point is None:
        near = nearest(form.point or "", list(draft.points))
        draft.refuse(path, "unknown_point", say("problem.no_point", point=form.point), nearest=near)
        return None
    codes = form.equals if isinstance(form.equals, list) else [] if form.equals is None else [form.equals]
    starts = [form.starts] if isinstance(form.starts, str) else list(form.starts or ())
    names = {text: float(code) for code, text in point.enum.items()}
    values: list[float] = []
    for code in codes:
        if point.is_text:
            starts.append(str(code))
        elif isinstance(code, str) and code not in names:
            draft.refuse(
                path,
                "unknown_name",
                say("problem.no_name", code=code, point=point.name),
                nearest=nearest(code, list(names)),
            )
        else:
            values.append(names[code] if isinstance(code, str) else code)
    if not (values or starts or form.range):
        draft.refuse(
            path, "bad_trait", say("problem.trait_nothing", point=point.name), remedy=say("remedy.trait_nothing")
        )
    low, high = sorted(form.range) if form.range else (None, None)
    if sure is None:
        sure = Sure.CERTAIN if starts else Sure.LIKELY if values else Sure.MAYBE
    return Trait(sure, point.name, tuple(values), tuple(starts), low, high)
