"""Test vectors of a profile: raw words and the readings they must give, commands and the frames they must become."""

import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from math import isclose
from typing import Annotated, Literal

from pydantic import Field

from gateway.errors import ConfigError, Problem, ProfileError
from gateway.model.reading import Cause, Quality
from gateway.profiles.codec import Decoded, compile_block, decode_value, encode_value
from gateway.profiles.derive import Derivations
from gateway.profiles.frames import assignments, for_device, frames, steps_of
from gateway.profiles.schema import Block, Control, Point, Profile, Protocol, Set, Table
from gateway.profiles.sunspec import Chain, bind, settled, walk
from gateway.texts import say
from gateway.yamltext import Document, KeyPath
from gateway.yamltext.form import Form, fit, nearest

FAILS = "vector_fails"
"""Code of a problem that is not one of the file: the profile does not do what the vector says."""
CAUSES: Mapping[str, Cause] = {"sentinel": Cause.SENTINEL, "out_of_range": Cause.OUT_OF_RANGE}

Word = Annotated[int, Field(ge=0, le=0xFFFF)]


class DecodeForm(Form):
    """Words by their first address (or node values by point) and what the points must read: a value or a cause.

    `invalid` is any cause. `words` are of `table`; words of other tables stand under the table's own name. Words of coils are 0 or 1.
    """

    variant: str = ""
    params: dict[str, float | str] = Field(default_factory=dict)
    table: Table | None = Field(default=None, strict=False)
    words: dict[int, list[Word]] = Field(default_factory=dict)
    holding: dict[int, list[Word]] = Field(default_factory=dict)
    input: dict[int, list[Word]] = Field(default_factory=dict)
    coil: dict[int, list[Word]] = Field(default_factory=dict)
    discrete: dict[int, list[Word]] = Field(default_factory=dict)
    nodes: dict[str, bool | float | str | None] = Field(default_factory=dict)
    expect: dict[str, float | str]


class FrameForm(Form):
    """One request of a write."""

    function: int
    at: int
    words: list[Word]


class WriteForm(Form):
    """A command and the frames (or node values) it must become."""

    control: str
    variant: str = ""
    params: dict[str, float | str] = Field(default_factory=dict)
    phase: Literal["apply", "keepalive", "release"] = "apply"
    value: float | None = None
    words: dict[int, list[Word]] = Field(default_factory=dict)
    """The chain of a SunSpec device, and the scale factors it has."""
    frames: list[FrameForm] | None = None
    nodes: list[dict[str, bool | float]] | None = None


class VectorsForm(Form):
    """A vectors file."""

    decode: list[DecodeForm]
    write: list[WriteForm] = Field(default_factory=list)


Relatives = Callable[[str], Profile]
"""From the name of a variant to its profile; '' is the profile itself."""


def check_vectors(document: Document, relatives: Relatives) -> list[Problem]:
    """Everything wrong with the file, and every vector that the profile does not keep, each at its place."""
    form, problems = fit(document, VectorsForm)
    if form is None:
        return problems
    for at, decode_row in enumerate(form.decode):
        profile, wrong = _profile_of(document, ("decode", at), decode_row, relatives)
        problems += wrong if profile is None else _decoded(document, profile, at, decode_row)
    for at, write_row in enumerate(form.write):
        profile, wrong = _profile_of(document, ("write", at), write_row, relatives)
        problems += wrong if profile is None else _written(document, profile, at, write_row)
    return problems


def _profile_of(
    document: Document, path: KeyPath, row: DecodeForm | WriteForm, relatives: Relatives
) -> tuple[Profile | None, list[Problem]]:
    """The profile a row is about: that of its variant, with its parameters."""
    try:
        return for_device(relatives(row.variant), row.params), []
    except ConfigError as error:
        wrong = error.problems[0]
        return None, [document.problem((*path, "variant"), wrong.code, wrong.message, remedy=wrong.remedy)]
    except ProfileError as error:
        return None, [document.problem((*path, "params"), "bad_param", error.said)]


def readings(profile: Profile, row: DecodeForm) -> dict[str, Decoded | str]:
    """What the profile makes of a row: every point that lies whole in its words, its nodes, and what is derived of them."""
    if profile.sunspec_bases:
        profile = _bound(profile, row.words)
    numbers: dict[str, Decoded] = {}
    texts: dict[str, str] = {}
    for table, words in _tables(row):
        for at, part in words.items():
            found, said = _block(profile, table, at, part)
            numbers |= found
            texts |= said
    for name, raw in row.nodes.items():
        point = profile.points.get(name)
        if point is not None and point.is_text:
            texts[name] = str(raw)
        elif point is not None:
            numbers[name] = decode_value(point, raw)
    derivations = Derivations(profile.points, [tuple(numbers)], period_s={})
    finished = derivations.finish(0, tuple(numbers), list(numbers.values()), 0.0)
    return dict(zip((*numbers, *derivations.extra[0]), finished, strict=True)) | texts


def _tables(row: DecodeForm) -> Iterator[tuple[Table, Mapping[int, list[int]]]]:
    if row.table is not None:
        yield row.table, row.words
    for table in Table:
        if words := getattr(row, table.value):
            yield table, words


def _block(profile: Profile, table: Table, at: int, words: list[int]) -> tuple[dict[str, Decoded], dict[str, str]]:
    """One run of words through the decoder of one great block."""
    inside = [
        point.name
        for point in profile.points.values()
        if _inside(point, table, at, len(words))
        and (point.pow10 is None or _inside(profile.points[point.pow10], table, at, len(words)))
    ]
    decoder = compile_block(profile.points, Block(table, at, len(words), tuple(inside)))
    if table.of_bits:
        packed = sum(bool(word) << index for index, word in enumerate(words))
        payload = packed.to_bytes((len(words) + 7) // 8, "little")
    else:
        payload = struct.pack(f">{len(words)}H", *words)
    return dict(zip(decoder.names, zip(*decoder(payload), strict=True), strict=True)), decoder.texts(payload)


def _inside(point: Point, table: Table, at: int, count: int) -> bool:
    return point.table is table and at <= point.address and point.end <= at + count


def _bound(profile: Profile, words: Mapping[int, list[int]]) -> Profile:
    """A SunSpec profile bound to the chain that these words show; ProfileError when they show none."""
    image = {at + index: word for at, part in words.items() for index, word in enumerate(part)}
    chain = _chain(profile, image)
    if chain is None:
        raise ProfileError(say("problem.no_marker"))
    bound = bind(profile, chain)
    exponents = {
        point.name: (image[point.address] ^ 0x8000) - 0x8000
        for point in bound.points.values()
        if point.name.startswith("~") and point.address in image
    }
    written = {
        name: settled(point, exponents[point.pow10]) if point.writable and point.pow10 in exponents else point
        for name, point in bound.points.items()
    }
    return replace(bound, points=written)


def _chain(profile: Profile, image: Mapping[int, int]) -> Chain | None:
    steps = walk(profile.sunspec_bases)
    try:
        asked = next(steps)
        while True:
            found = [image.get(asked[0] + index) for index in range(asked[1])]
            whole = tuple(word for word in found if word is not None)
            asked = steps.send(whole if len(whole) == len(found) else None)
    except StopIteration as done:
        chain: Chain | None = done.value
        return chain


def _decoded(document: Document, profile: Profile, at: int, row: DecodeForm) -> Iterator[Problem]:
    try:
        values = readings(profile, row)
    except ProfileError as error:
        yield document.problem(("decode", at), FAILS, error.said)
        return
    for name, expected in row.expect.items():
        path = ("decode", at, "expect", name)
        if name not in profile.points:
            near = nearest(name, list(profile.points))
            remedy = say("remedy.nearest", near=near) if near else ""
            yield document.key_problem(
                path, "unknown_point", say("problem.no_point_of", profile=profile.name), nearest=near, remedy=remedy
            )
        elif name not in values:
            yield document.key_problem(path, "not_shown", say("problem.not_shown"))
        elif not _as_expected(values[name], expected):
            message = say("problem.profile_reads", expected=expected, shown=_shown(values[name]))
            yield document.problem(path, FAILS, message)


def _as_expected(value: Decoded | str, expected: float | str) -> bool:
    if expected == "invalid":
        return not isinstance(value, str) and value[1] is Quality.INVALID
    if isinstance(expected, str) and expected in CAUSES:
        return value == (None, Quality.INVALID, CAUSES[expected])
    if isinstance(expected, str) or isinstance(value, str):
        return value == expected
    number, quality, _ = value
    return quality is Quality.GOOD and number is not None and isclose(number, expected, rel_tol=1e-6, abs_tol=1e-9)


def _shown(value: Decoded | str) -> str:
    if isinstance(value, str):
        return repr(value)
    number, _, cause = value
    return cause.name.lower() if number is None else f"{number:g}"


def _written(document: Document, profile: Profile, at: int, row: WriteForm) -> Iterator[Problem]:
    control = profile.controls.get(row.control)
    if control is None:
        near = nearest(row.control, list(profile.controls))
        remedy = (
            say("remedy.nearest", near=near)
            if near
            else say("remedy.known", known=", ".join(profile.controls) or say("word.none"))
        )
        path = ("write", at, "control")
        yield document.problem(
            path, "unknown_control", say("problem.no_control_of", profile=profile.name), nearest=near, remedy=remedy
        )
        return
    place = "nodes" if profile.protocol is Protocol.OPCUA else "frames"
    wanted = [dict(one) for one in row.nodes or ()] if place == "nodes" else [
        (one.function, one.at, one.words) for one in row.frames or ()
    ]  # fmt: skip
    try:
        if profile.sunspec_bases:
            profile = _bound(profile, row.words)
        sent = _nodes(profile, control, row) if place == "nodes" else _frames(profile, control, row)
    except ProfileError as error:
        yield document.problem(("write", at), FAILS, error.said)
        return
    if sent != wanted:
        yield document.problem(("write", at, place), FAILS, say("problem.profile_makes", sent=sent))


def _frames(profile: Profile, control: Control, row: WriteForm) -> list[tuple[int, int, list[int]]]:
    made = [
        frame
        for step in steps_of(control, row.phase)
        if isinstance(step, Set)
        for frame in frames(profile.points, step, value=row.value, control=control)
    ]
    return [(frame.function, frame.address, list(frame.words)) for frame in made]


def _nodes(profile: Profile, control: Control, row: WriteForm) -> list[dict[str, int | float]]:
    return [
        {point: encode_value(profile.points[point], value) for point, value in assignments(step, row.value)}
        for step in steps_of(control, row.phase)
        if isinstance(step, Set)
    ]
