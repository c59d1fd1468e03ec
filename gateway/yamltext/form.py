"""A document against a typed form (a pydantic model): every problem at once, each at its place, with what to write."""

import types
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from difflib import get_close_matches
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from gateway.errors import Problem
from gateway.texts import say
from gateway.yamltext.text import Document, KeyPath


class Form(BaseModel):
    """What a mapping may say: strict types, no unknown keys, no infinities."""

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, allow_inf_nan=False, populate_by_name=False, defer_build=True
    )


F = TypeVar("F", bound=Form)


def refused(code: str, said: str, remedy: str = "") -> PydanticCustomError:
    """What a check of a form's own raises about a value: a problem of this code."""
    return PydanticCustomError(code, "{said}", {"said": said, "remedy": remedy})


_WRONG_TYPE = {
    "int_type": "whole",
    "float_type": "number",
    "bool_type": "bool",
    "string_type": "text",
    "list_type": "list",
    "dict_type": "mapping",
    "model_type": "mapping",
    "int_from_float": "rounded",
}
_BOUNDS = {
    "greater_than": "gt",
    "greater_than_equal": "ge",
    "less_than": "lt",
    "less_than_equal": "le",
}
_LENGTHS = {"too_short": "min_length", "too_long": "max_length"}
_TEXT_LENGTHS = {"string_too_short": "min_length", "string_too_long": "max_length"}


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
            if detail["type"] != "extra_forbidden" or path[-1:] != detail["loc"][-1:]:
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
        near = nearest(str(detail["loc"][-1]), known)
        remedy = say("remedy.nearest", near=near) if near else say("remedy.known_here", known=", ".join(known))
        return document.key_problem(path, "unknown_key", say("problem.unknown_key"), nearest=near, remedy=remedy)
    if kind == "missing":
        key = str(detail["loc"][-1])
        return document.key_problem(
            path, "missing_key", say("problem.missing_key", key=key), remedy=say("remedy.add_key_value", key=key)
        )
    if kind == "union_tag_not_found":
        return document.key_problem(path, "missing_key", say("problem.missing_kind"), remedy=say("remedy.add_kind"))
    if kind == "union_tag_invalid":
        path = (*path, str(context["discriminator"]).strip("'"))
        return _choice(document, path, value=context["tag"], expected=str(context["expected_tags"]))
    if kind in _WRONG_TYPE:
        wanted = _WRONG_TYPE[kind]
        message = say(f"problem.type.{wanted}", shown=_shown(detail["input"]))
        return here(path, "wrong_type", message, remedy=say(f"remedy.type.{wanted}"))
    if kind in _BOUNDS:
        name = _BOUNDS[kind]
        bound = say(f"word.{name}", bound=context[name])
        message = say("problem.bound", shown=_shown(detail["input"]), bound=bound)
        return here(path, "out_of_range", message, remedy=say("remedy.bound", bound=bound))
    if kind in {"literal_error", "enum"}:
        expected = str(context["expected"]).replace(" or ", ", ")
        return _choice(document, path, value=detail["input"], expected=expected)
    if kind == "string_pattern_mismatch":
        message = say("problem.bad_form", shown=_shown(detail["input"]), pattern=context["pattern"])
        shown = next(_examples(form, (*path, *detail["loc"][-1:]) if here == document.key_problem else path), "")
        return here(path, "bad_form", message, remedy=say("remedy.for_example", shown=shown) if shown else "")
    if kind in _LENGTHS or kind in _TEXT_LENGTHS:
        return here(path, "wrong_length", _length(kind, context), remedy=_other_length(context))
    return here(path, kind, context.get("said", detail["msg"]), remedy=context.get("remedy", ""))


def _length(kind: str, context: Mapping[str, Any]) -> str:
    """What is said of a list, a mapping or a text that is too short or too long."""
    of_text = kind in _TEXT_LENGTHS
    number = context[_TEXT_LENGTHS[kind] if of_text else _LENGTHS[kind]]
    some = say(f"word.{'character' if of_text else 'item'}.{'one' if number == 1 else 'many'}", number=number)
    if of_text:
        return say(f"problem.{kind}", some=some)
    what = say(f"word.kind.{context['field_type'].lower()}")
    return say(f"problem.{kind}", what=what, some=some, there=context["actual_length"])


def _other_length(context: Mapping[str, Any]) -> str:
    least, most = context.get("min_length"), context.get("max_length")
    if most is None:
        return say("remedy.or_more", least=least)
    return say("remedy.or_fewer", most=most) if least is None else ""


def _choice(document: Document, path: KeyPath, *, value: object, expected: str) -> Problem:
    expected = expected.replace("'", "")
    near = nearest(str(value), expected.split(", "))
    message = say("problem.not_a_choice", shown=_shown(value), expected=expected)
    remedy = (
        say("remedy.nearest", near=near)
        if near
        else say("remedy.one_of", expected=expected)
        if ", " in expected
        else say("remedy.write", what=expected)
    )
    return document.problem(path, "not_a_choice", message, nearest=near, remedy=remedy)


def _shown(value: object) -> str:
    if isinstance(value, dict | list):
        return say("word.mapping" if isinstance(value, dict) else "word.list")
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
