"""YAML text -> Profile: find the file, lay families over each other, fit the form, build, check; all problems at once."""

import re
from collections.abc import Iterable
from pathlib import Path
from types import MappingProxyType

from gateway.errors import ConfigError, Problem
from gateway.profiles.checks import check_functions, check_points
from gateway.profiles.contact import CONTACT, is_switch
from gateway.profiles.contact import PARAM as CONTACT_PARAM
from gateway.profiles.controls import build_controls
from gateway.profiles.draft import Draft
from gateway.profiles.family import inherited, laid_over, part
from gateway.profiles.form import LinkForm, ParamForm, ProfileForm, VariantForm
from gateway.profiles.mounting import MOUNTING, is_reversible
from gateway.profiles.mounting import PARAM as MOUNTING_PARAM
from gateway.profiles.places import at_place, places_of
from gateway.profiles.points import build_points
from gateway.profiles.schema import (
    MAX_READ,
    Every,
    Param,
    Pauses,
    Profile,
    Protocol,
    ReadLimits,
    Span,
    Table,
    Variant,
)
from gateway.profiles.steps import build_steps
from gateway.profiles.traits import build_traits
from gateway.shipped import shipped
from gateway.texts import say
from gateway.yamltext import Document, KeyPath, read_file
from gateway.yamltext.form import fit, nearest

_FAMILY_DEPTH = 5
_NAME = re.compile(r"[A-Za-z0-9_-]+/[A-Za-z0-9_-]+")


def load_profile(name: str, extra_folders: Iterable[Path] = ()) -> Profile:
    """The profile `<class>/<maker>_<model>` from the site's own folders or those shipped; ConfigError if broken.

    `<class>/<maker>_<model>@<variant>` is a relative of it that the file describes under `variants`; with a place of a
    repeated block in the variant's stead (`@connector02`) it is that place alone.
    """
    folders = (*extra_folders, shipped("device_profiles"))
    base, _, variant = name.partition("@")
    document = _family(find(base, folders), folders)
    if variant and variant not in _variants(document):
        return _at_place(_built(document, base), variant)
    return _built(_relative(document, variant), name)


def load_profile_file(path: Path, extra_folders: Iterable[Path] = ()) -> Profile:
    """The profile in this file, its variants checked too; its name is that of its folder and file."""
    folders = (*extra_folders, path.parent.parent, shipped("device_profiles"))
    document, name = _family(path, folders), f"{path.parent.name}/{path.stem}"
    profile = _built(document, name)
    for variant in profile.variants:
        _built(_relative(document, variant), f"{name}@{variant}")
    return profile


def find(name: str, folders: Iterable[Path]) -> Path:
    """The file of a profile; ConfigError naming the nearest profile there is."""
    folders = tuple(folders)
    for folder in folders if _NAME.fullmatch(name) else ():
        if (path := folder / f"{name}.yaml").is_file():
            return path
    known = profile_names(folders)
    near = nearest(name, known)
    remedy = say("remedy.nearest", near=near) if near else say("remedy.known", known=", ".join(known))
    problem = Problem(name, 1, 1, "(file)", "unknown_profile", say("problem.no_profile", name=name), remedy, near)
    raise ConfigError([problem])


def profile_names(folders: Iterable[Path] = ()) -> list[str]:
    """Every profile in these folders, or the shipped ones."""
    places = tuple(folders) or (shipped("device_profiles"),)
    files = (path for folder in places if folder.is_dir() for path in folder.glob("*/*.yaml"))
    return sorted({f"{p.parent.name}/{p.stem}" for p in files if not p.name.endswith(".vectors.yaml")})


def _at_place(profile: Profile, place: str) -> Profile:
    """One place of a box that serves several; ConfigError when there is none of this name."""
    places = places_of(profile)
    if place in places:
        return at_place(profile, place)
    there = [*profile.variants, *places]
    near = nearest(place, there)
    remedy = (
        say("remedy.write_place", profile=profile.name, place=near)
        if near
        else say("remedy.known", known=", ".join(there) or say("word.none"))
    )
    message = say("problem.no_place", profile=profile.name, place=place)
    raise ConfigError([Problem(f"{profile.name}@{place}", 1, 1, "(file)", "unknown_profile", message, remedy, near)])


def _variants(document: Document) -> list[str]:
    known = document.data.get("variants") if isinstance(document.data, dict) else None
    return list(known) if isinstance(known, dict) else []


def _relative(document: Document, variant: str) -> Document:
    """The document with what one of its variants says laid over it."""
    if not variant:
        return document
    return laid_over(part(document, ("variants", variant), leave=("when", "doc")), document)


def _family(path: Path, folders: tuple[Path, ...], depth: int = 0) -> Document:
    """The file laid over the profile it extends."""
    document = read_file(path)
    parent = document.data.get("extends") if isinstance(document.data, dict) else None
    if not isinstance(parent, str):
        return document
    if depth >= _FAMILY_DEPTH:
        raise ConfigError(
            [document.problem(("extends",), "too_deep", say("problem.family_depth", depth=_FAMILY_DEPTH))]
        )
    try:
        path = find(parent, folders)
    except ConfigError as error:
        wrong = error.problems[0]
        more = {"remedy": wrong.remedy, "nearest": wrong.nearest}
        raise ConfigError([document.problem(("extends",), wrong.code, wrong.message, **more)]) from error
    return laid_over(document, inherited(_family(path, folders, depth + 1)))


def _built(document: Document, name: str) -> Profile:
    form, problems = fit(document, ProfileForm)
    if form is None:
        raise ConfigError(problems)
    draft = Draft(form, document)
    _check_head(draft, name)
    build_points(draft)
    limits = _limits(draft, form.link)
    check_points(draft, limits)
    controls = build_controls(draft)
    check_functions(draft, controls.values())
    identify = build_traits(draft, form.identify, ("identify",))
    prepare = build_steps(draft, form.prepare, ("prepare",))
    variants = {key: _variant(draft, key, given) for key, given in form.variants.items()}
    params = {key: _param(draft, key, value) for key, value in form.params.items()}
    if form.profile.device_class == "meter" and is_reversible(draft.points):
        params.setdefault(MOUNTING, MOUNTING_PARAM)
    if is_switch(draft.points):
        params.setdefault(CONTACT, CONTACT_PARAM)
    if draft.problems:
        unique = {(p.file, p.line, p.column, p.code): p for p in draft.problems}  # a repeated block says it once
        raise ConfigError(sorted(unique.values(), key=lambda p: (p.file, p.line, p.column)))
    poll = form.poll_s
    return Profile(
        name=name,
        id=form.profile.id,
        version=form.profile.version,
        device_class=form.profile.device_class,
        vendor=form.profile.vendor,
        models=tuple(form.profile.models),
        confidence=form.profile.confidence,
        evidence=tuple(form.profile.evidence),
        no_asset=form.profile.no_asset,
        protocol=Protocol.MODBUS if form.ua is None else Protocol.OPCUA,
        points=MappingProxyType(draft.points),
        controls=MappingProxyType(controls),
        params=MappingProxyType(params),
        limits=limits,
        pauses=Pauses(form.link.pause.connect_s, form.link.pause.request_s, form.link.pause.write_s),
        poll_s=MappingProxyType({Every.FAST: poll.fast, Every.NORMAL: poll.normal, Every.SLOW: poll.slow}),
        doc=form.profile.doc,
        identify=identify,
        prepare=prepare,
        variants=MappingProxyType(variants),
        sunspec_bases=tuple(form.sunspec.bases) if form.sunspec else (),
        sleeps=form.link.sleeps,
    )


def _variant(draft: Draft, name: str, form: VariantForm) -> Variant:
    when = [] if form.when is None else form.when if isinstance(form.when, list) else [form.when]
    return Variant(name, build_traits(draft, when, ("variants", name, "when")), form.doc)


def _check_head(draft: Draft, name: str) -> None:
    head = draft.form.profile
    expected = f"{head.device_class}/{head.id.replace('.', '_')}"
    if expected != name.partition("@")[0]:
        message = say("problem.wrong_name", name=name, expected=expected)
        draft.refuse(("profile", "id"), "wrong_name", message, remedy=say("remedy.file_name"))
    if not draft.form.blocks and not draft.form.points:
        draft.refuse((), "missing_key", say("problem.no_points"), remedy=say("remedy.add_points"))


def _limits(draft: Draft, link: LinkForm) -> ReadLimits:
    most = link.max_read
    read = dict.fromkeys((Table.HOLDING, Table.INPUT), most) if isinstance(most, int) else most
    for table, count in read.items():
        if count > (allow := MAX_READ[Table(table)]):
            path: KeyPath = ("link", "max_read") if isinstance(most, int) else ("link", "max_read", str(table))
            message = say("problem.block_too_large", most=allow, table=table)
            draft.refuse(path, "block_too_large", message, remedy=say("remedy.or_less_count", most=allow))
    allowed = {Table(table): min(count, MAX_READ[Table(table)]) for table, count in read.items()}
    return ReadLimits(
        MappingProxyType({**MAX_READ, **allowed}), link.max_gap, _spans(link.forbid), _spans(link.single), link.even
    )


def _spans(given: Iterable[int | str]) -> tuple[Span, ...]:
    ends = [str(span).partition("..") for span in given]
    return tuple(Span(int(first, 0), int(last or first, 0)) for first, _, last in ends)


def _param(draft: Draft, name: str, form: ParamForm) -> Param:
    low, high = form.range or (None, None)
    param = Param(name, form.default, form.unit, low, high, tuple(form.choices), form.doc)
    if form.default is not None and (wrong := param_problem(param, form.default)):
        draft.refuse(("params", name, "default"), "bad_param", wrong)
    return param


def param_problem(param: Param, value: float | str) -> str:
    """What is wrong with a value for this parameter, or ''."""
    if param.choices:
        return (
            "" if value in param.choices else say("problem.not_one_of", value=value, choices=", ".join(param.choices))
        )
    if isinstance(value, str):
        return "" if isinstance(param.default, str) else say("problem.no_number", value=value)
    if isinstance(param.default, str):
        return say("problem.no_text", value=value)
    low, high = param.low, param.high
    if (low is not None and value < low) or (high is not None and value > high):
        unit = f" {param.unit}" if param.unit else ""
        return say("problem.param_outside", value=value, low=low, high=high, unit=unit)
    return ""
