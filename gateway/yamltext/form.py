"""A document against a typed form (a pydantic model): every problem at once, each at its place, with what to write."""

import types
from collections.abc import Iterator, Mapping, Sequence
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


def _chosen(found: dict[KeyPath, list[tuple[bool, Problem]]]) -> Iterator[Problem]:
    """One problem for each place: a choice of types complains once for each; a mapping meant as one says what it lacks."""
    for path, problems in found.items():
        apt = [problem for beside, problem in problems if not beside]
        deeper = any(other[: len(path)] == path and other != path for other in found)
        missing = [problem for problem in apt if problem.code == "missing_key"]
        if missing:
            yield from missing
        elif apt:
            yield apt[0]
        elif not deeper:
            yield problems[0][1]


def nearest(word: str, known: Sequence[str]) -> str:
    """The known word most like `word`, or ''."""
    return next(iter(get_close_matches(word, known, n=1, cutoff=0.6)), "")


def _problem(document: Document, form: type[Form], path: KeyPath, detail: ErrorDetails) -> Problem:
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "extra_forbidden":
        known = sorted(set(_keys_at(form, path[:-1])))
        near = nearest(str(path[-1]), known)
        remedy = f"write {near}" if near else f"known here: {', '.join(known)}"
        return document.key_problem(path, "unknown_key", "is not a key known here", nearest=near, remedy=remedy)
    if kind == "missing":
        key = str(detail["loc"][-1])
        return document.key_problem(path, "missing_key", f"lacks the key {key!r}", remedy=f"add {key}: …")
    if kind in _WRONG_TYPE:
        message, remedy = _WRONG_TYPE[kind]
        return document.problem(path, "wrong_type", f"{_shown(detail['input'])} {message}", remedy=remedy)
    if kind in _BOUNDS:
        name, words = _BOUNDS[kind]
        return document.problem(path, "out_of_range", f"{_shown(detail['input'])} must be {words} {context[name]}")
    if kind in {"literal_error", "enum"}:
        expected = str(context["expected"]).replace(" or ", ", ").replace("'", "")
        near = nearest(str(detail["input"]), expected.split(", "))
        message = f"{_shown(detail['input'])} is not one of {expected}"
        return document.problem(path, "not_a_choice", message, nearest=near, remedy=f"write {near}" if near else "")
    if kind == "string_pattern_mismatch":
        message = f"{_shown(detail['input'])} does not have the form {context['pattern']}"
        return document.problem(path, "bad_form", message)
    if kind in {"too_short", "too_long", "string_too_short", "string_too_long"}:
        return document.problem(path, "wrong_length", detail["msg"].lower())
    return document.problem(path, kind, detail["msg"], remedy=str(context.get("remedy", "")))


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


def _keys_at(form: Any, path: KeyPath) -> Iterator[str]:
    """Every key that `form` knows in the mapping at `path`."""
    if isinstance(form, type) and issubclass(form, BaseModel):
        fields = {info.alias or name: info.annotation for name, info in form.model_fields.items()}
        if not path:
            yield from fields
        elif path[0] in fields:
            yield from _keys_at(fields[str(path[0])], path[1:])
        return
    origin = get_origin(form)
    if origin in (Annotated, Union, types.UnionType):
        for choice in get_args(form)[: 1 if origin is Annotated else None]:
            yield from _keys_at(choice, path)
    elif path and origin is not None and origin is not Literal:
        if issubclass(origin, Mapping):
            yield from _keys_at(get_args(form)[1], path[1:])
        elif issubclass(origin, Sequence):
            yield from _keys_at(get_args(form)[0], path[1:])
