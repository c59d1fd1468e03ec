"""A document against a typed form (a pydantic model): every problem at once, each at its place, with what to write."""

import types
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from difflib import get_close_matches
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from gateway.errors import Problem
from gateway.yamltext.text import Document, KeyPath


class Form(BaseModel):
    """What a mapping may say: strict types, no unknown keys, no infinities."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False, populate_by_name=False)


F = TypeVar("F", bound=Form)

_WRONG_TYPE = {
    "int_type": ("is not a whole number", "write a whole number without quotes or a unit"),
    "float_type": ("is not a number", "write a number without quotes or a unit; the unit stands in the key"),
    "bool_type": ("is not true or false", "write true or false"),
    "string_type": ("is not text", "put it in quotes"),
    "list_type": ("is not a list", "write [ … ]"),
    "dict_type": ("is not a mapping", "write { key: value }"),
    "model_type": ("is not a mapping", "write { key: value }"),
    "int_from_float": ("is not a whole number", "write a whole number"),
}
_BOUNDS = {
    "greater_than": ("gt", "more than"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "less than"),
    "less_than_equal": ("le", "at most"),
}


def fit(document: Document, form: type[F]) -> tuple[F | None, list[Problem]]:
    """The document as `form`, or None and everything that is wrong with it."""
    try:
        return form.model_validate(document.data), []
    except ValidationError as error:
        found: dict[KeyPath, list[tuple[bool, Problem]]] = {}
        for detail in error.errors(include_url=False):
            path = _path(document, detail["loc"])
            beside = detail["type"] in _WRONG_TYPE and isinstance(detail["input"], dict | list)
            found.setdefault(path, []).append((beside, _problem(document, form, path, detail)))
        return None, sorted(_chosen(found), key=lambda p: (p.file, p.line, p.column))


def fit_known(document: Document, form: type[F]) -> F | None:
    """The document as `form` once the keys nobody knows are left out, so that the rest can be checked too; else None."""
    data = deepcopy(document.data)
    try:
        return form.model_validate(data)
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            path = _path(document, detail["loc"])
            if detail["type"] != "extra_forbidden" or not path:
                return None
            holder: Any = data
            for step in path[:-1]:
                holder = holder[step]
            del holder[path[-1]]
    try:
        return form.model_validate(data)
    except ValidationError:
        return None


def _chosen(found: dict[KeyPath, list[tuple[bool, Problem]]]) -> Iterator[Problem]:
    """One problem for each place: a choice of types complains once for each; a mapping meant as one says what it lacks."""
    for path, problems in found.items():
        apt = [problem for beside, problem in problems if not beside]
        deeper = any(other[: len(path)] == path and other != path for other in found)
        missing = [problem for problem in apt if problem.code == "missing_key"]
        if missing:
            yield from missing
        elif apt:
            yield next((problem for problem in apt if problem.code != "wrong_type"), apt[0])
        elif not deeper:
            yield problems[0][1]


def nearest(word: str, known: Sequence[str]) -> str:
    """The known word most like `word`, or ''."""
    return next(iter(get_close_matches(word, known, n=1, cutoff=0.6)), "")


def _problem(document: Document, form: type[Form], path: KeyPath, detail: ErrorDetails) -> Problem:
    kind, context = detail["type"], detail.get("ctx", {})
    here = document.key_problem if detail["loc"] and detail["loc"][-1] == "[key]" else document.problem
    if kind == "extra_forbidden":
        known = sorted(set(_keys_at(form, path[:-1], document.data)))
        near = nearest(str(path[-1]), known)
        remedy = f"write {near}" if near else f"known here: {', '.join(known)}"
        return document.key_problem(path, "unknown_key", "is not a key known here", nearest=near, remedy=remedy)
    if kind == "missing":
        key = str(detail["loc"][-1])
        return document.key_problem(path, "missing_key", f"lacks the key {key!r}", remedy=f"add {key}: …")
    if kind == "union_tag_not_found":
        return document.key_problem(path, "missing_key", "lacks the key 'kind'", remedy="add kind: …")
    if kind == "union_tag_invalid":
        path = (*path, str(context["discriminator"]).strip("'"))
        return _choice(document, path, value=context["tag"], expected=str(context["expected_tags"]))
    if kind in _WRONG_TYPE:
        message, remedy = _WRONG_TYPE[kind]
        return here(path, "wrong_type", f"{_shown(detail['input'])} {message}", remedy=remedy)
    if kind in _BOUNDS:
        name, words = _BOUNDS[kind]
        bound = f"{words} {context[name]:g}"
        return here(path, "out_of_range", f"{_shown(detail['input'])} must be {bound}", remedy=f"write {bound}")
    if kind in {"literal_error", "enum"}:
        expected = str(context["expected"]).replace(" or ", ", ")
        return _choice(document, path, value=detail["input"], expected=expected)
    if kind == "string_pattern_mismatch":
        message = f"{_shown(detail['input'])} does not have the form {context['pattern']}"
        shown = next(_examples(form, (*path, *detail["loc"][-1:]) if here == document.key_problem else path), "")
        return here(path, "bad_form", message, remedy=f"write for example {shown}" if shown else "")
    if kind in {"too_short", "too_long", "string_too_short", "string_too_long"}:
        least, most = context.get("min_length"), context.get("max_length")
        remedy = f"write {least} or more" if most is None else f"write {most} or fewer" if least is None else ""
        return here(path, "wrong_length", detail["msg"].lower(), remedy=remedy)
    return here(path, kind, detail["msg"], remedy=str(context.get("remedy", "")))


def _choice(document: Document, path: KeyPath, *, value: object, expected: str) -> Problem:
    expected = expected.replace("'", "")
    near = nearest(str(value), expected.split(", "))
    message = f"{_shown(value)} is not one of {expected}"
    remedy = f"write {near}" if near else f"write one of {expected}" if ", " in expected else f"write {expected}"
    return document.problem(path, "not_a_choice", message, nearest=near, remedy=remedy)


def _shown(value: object) -> str:
    if isinstance(value, dict | list):
        return "a mapping" if isinstance(value, dict) else "a list"
    return repr(value)[:60]


def _path(document: Document, loc: tuple[int | str, ...]) -> KeyPath:
    """The part of pydantic's `loc` that exists in the document: union tags are left out, so is a missing key."""
    path: KeyPath = ()
    for step in loc:
        if (*path, step) in document.values:
            path = (*path, step)
    return path


def _examples(form: Any, path: KeyPath) -> Iterator[str]:
    """What a text at `path` may look like, from the examples its type gives; a path to a mapping's key ends in "[key]"."""
    if isinstance(form, type) and issubclass(form, BaseModel):
        fields = {info.alias or name: info for name, info in form.model_fields.items()}
        info = fields.get(str(path[0])) if path else None
        if info is not None:
            yield from map(str, info.examples or () if len(path) == 1 else ())
            yield from _examples(info.annotation, path[1:])
        return
    origin, inner = get_origin(form), get_args(form)
    if origin is Annotated:
        if not path:
            yield from (str(one) for meta in inner[1:] for one in getattr(meta, "examples", None) or ())
        yield from _examples(inner[0], path)
    elif origin in (Union, types.UnionType):
        for choice in inner:
            yield from _examples(choice, path)
    elif path and origin is not None and origin is not Literal:
        if issubclass(origin, Mapping):
            yield from _examples(inner[0], ()) if path[1:] == ("[key]",) else _examples(inner[1], path[1:])
        else:
            yield from _examples(inner[0], path[1:])


def _keys_at(form: Any, path: KeyPath, data: Any) -> Iterator[str]:
    """Every key that `form` knows in the mapping at `path` of `data`."""
    if isinstance(form, type) and issubclass(form, BaseModel):
        fields = {info.alias or name: info.annotation for name, info in form.model_fields.items()}
        if not path:
            yield from fields
        elif path[0] in fields:
            yield from _keys_at(fields[str(path[0])], path[1:], data[path[0]])
        return
    origin = get_origin(form)
    if origin in (Annotated, Union, types.UnionType):
        for choice in get_args(form)[: 1 if origin is Annotated else None]:
            if _may_be(choice, data):
                yield from _keys_at(choice, path, data)
    elif path and origin is not None and origin is not Literal:
        item = get_args(form)[1 if issubclass(origin, Mapping) else 0]
        yield from _keys_at(item, path[1:], data[path[0]])


def _may_be(form: Any, data: Any) -> bool:
    """Whether the keys that name a kind do not speak against `form`."""
    if not (isinstance(form, type) and issubclass(form, BaseModel) and isinstance(data, dict)):
        return True
    kinds = [(n, info.annotation) for n, info in form.model_fields.items() if get_origin(info.annotation) is Literal]
    return all(data[name] in get_args(kind) for name, kind in kinds if name == "kind" and name in data)
