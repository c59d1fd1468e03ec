"""The points of a profile's form -> `Point`s, in every place where their block stands."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from gateway.profiles.draft import Draft, Instance
from gateway.profiles.form import BlockForm
from gateway.profiles.onepoint import Building
from gateway.profiles.pointform import PointForm
from gateway.profiles.related import relate
from gateway.texts import say
from gateway.yamltext import KeyPath

_NO_BLOCK = BlockForm.model_construct(points={})
_HERE = Instance()


def build_points(draft: Draft) -> None:
    """Fill `draft.points` and `draft.places`; a point that cannot be built is left out and said."""
    for number, block in enumerate(draft.form.blocks):
        path: KeyPath = ("blocks", number, "points")
        for place in _places(block):
            for name, form in block.points.items():
                _add(draft, form, name=place.prefix + name, block=block, path=(*path, name), place=place, number=number)
    for name, form in draft.form.points.items():
        _add(draft, form, name=name, block=_NO_BLOCK, path=("points", name), place=_HERE, number=0)
    relate(draft)


def _places(block: BlockForm) -> Iterator[Instance]:
    repeat = block.repeat
    if repeat is None:
        yield _HERE
        return
    for number in range(repeat.count if repeat.at is None else min(repeat.count, len(repeat.at))):
        stride = repeat.stride
        shift: Mapping[str, int] | int
        if repeat.at is not None:
            shift = repeat.at[number]
        else:
            shift = number * stride if isinstance(stride, int) else {t: number * by for t, by in stride.items()}
        prefix = f"{repeat.prefix}{repeat.first + number:02d}."
        yield Instance(prefix, shift, number * repeat.unit_id_step, repeat.counted_by, number + 1)


def _add(
    draft: Draft, form: PointForm, *, name: str, block: BlockForm, path: KeyPath, place: Instance, number: int
) -> None:
    if name in draft.points:
        see = draft.document.key_at(draft.places[name])
        draft.refuse_key(
            path,
            "duplicate_point",
            say("problem.duplicate_point", point=name),
            see=f"{see.file}:{see.line}:{see.column}",
        )
        return
    before = len(draft.problems)
    point = Building(draft, form, block, path, name).point()
    if point is None or len(draft.problems) > before:
        return
    if shift := place.shift_in(point.table):
        point = replace(point, address=point.address + shift)
    if place.unit_ids and point.unit_id is not None:
        point = replace(point, unit_id=point.unit_id + place.unit_ids)
    if block.atomic and point.table is not None:
        point = replace(point, atomic=f"{number}{place.prefix}")
    draft.points[name] = point
    draft.places[name] = path
    draft.instances[name] = place
    draft.forms[name] = form, block
