"""SunSpec devices: find the marker, walk the chain of models, and give the points of a profile their addresses. Pure.

Theory. A device has the marker "SunS" at one of a few addresses, then model after model: its number, its length, its
registers, until number 0xFFFF. Which models there are and where differs from device to device, and with a setting of
the device. So a profile names points by model (`103/W`), with alternatives in order, and `bind` makes a profile with
addresses of it once the chain is known. A value and its scale factor are read in one request.
"""

import re
from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from gateway.errors import ProfileError
from gateway.profiles.kinds import Kind, Table
from gateway.profiles.models import Model, ModelField, models
from gateway.profiles.relations import ModelPoint
from gateway.profiles.schema import Point, Profile
from gateway.texts import say

MARKER = (0x5375, 0x6E53)
END = 0xFFFF
MOST_MODELS = 100
_ALTERNATIVE = re.compile(
    r"^(?P<models>\d+(\.\.\d+)?(,\d+(\.\.\d+)?)*)/((?P<group>\w+)\[(?P<index>\d+)\]/)?(?P<name>\w+)$"
)

Asked = tuple[int, int]
"""Address and count of holding registers to read."""
Walk = Generator[Asked, tuple[int, ...] | None, "Chain | None"]
"""Yields what to read, is sent the words (None: refused), returns the chain, or None when there is no marker."""


@dataclass(frozen=True, slots=True)
class Chain:
    """The models of one device: number -> (address of its ID register, length without header), each time it occurs."""

    base: int
    models: Mapping[int, tuple[tuple[int, int], ...]] = field(default_factory=dict)


def parse(text: str) -> list[ModelPoint]:
    """`101..103,113/W` or `160/module[3]/DCW` as model points in this order; ProfileError when it is neither."""
    found = _ALTERNATIVE.match(text.replace(" ", ""))
    if found is None:
        raise ProfileError(say("problem.models_point", text=text))
    numbers: list[int] = []
    for part in found["models"].split(","):
        first, _, last = part.partition("..")
        numbers += range(int(first), int(last or first) + 1)
    group, index = found["group"] or "", int(found["index"] or 0)
    return [ModelPoint(number, found["name"], group, index) for number in numbers]


def field_of(point: ModelPoint) -> tuple[Model, ModelField] | None:
    """What the models say of a point; None when they do not know it."""
    model = models().get(point.model)
    if model is None or (point.group and point.group != model.group):
        return None
    found = (model.group_fields if point.group else model.fields).get(point.name)
    return None if found is None else (model, found)


def walk(bases: Iterable[int]) -> Walk:
    """Look for the marker at each base, then follow the lengths to the end."""
    for base in bases:
        if (yield base, len(MARKER)) != MARKER:
            continue
        found: dict[int, tuple[tuple[int, int], ...]] = {}
        address = base + len(MARKER)
        for _ in range(MOST_MODELS):
            header = yield address, 2
            if header is None or header[0] in (END, 0):
                break
            number, length = header
            found[number] = (*found.get(number, ()), (address, length))
            address += 2 + length
            if address > 0xFFFF - 2:
                break
        return Chain(base, MappingProxyType(found))
    return None


def bind(profile: Profile, chain: Chain, *, instance: int = 1) -> Profile:
    """The profile with addresses; a point whose models are not there is left out.

    `instance` counts the occurrences of a model, where a device has several of a kind behind one unit id.
    """
    points: dict[str, Point] = {}
    for point in profile.points.values():
        if not point.sunspec:
            points[point.name] = point
            continue
        for alternative in point.sunspec:
            made = _placed(point, alternative, chain, instance=instance)
            if made is not None:
                points.update({one.name: one for one in made})
                break
    return replace(profile, points=MappingProxyType(points))


def settled(point: Point, exponent: int) -> Point:
    """A bound point whose exponent is known: what a write needs."""
    return replace(point, pow10=None, factor=point.factor * 10.0**exponent, sunspec=())


def _placed(point: Point, alternative: ModelPoint, chain: Chain, *, instance: int) -> list[Point] | None:
    """The point at its place in one model, and the scale factor it needs; None when the device has not got it."""
    known, there = field_of(alternative), chain.models.get(alternative.model, ())
    if known is None or len(there) < instance:
        return None
    model, facts = known
    address, length = there[instance - 1]
    at = facts.offset
    if alternative.group:
        at += model.group_at + (alternative.index - 1) * model.group_size
    if at + facts.words > length + 2:  # an older edition of the model ends before
        return None
    sentinel = facts.sentinel
    mark = f"{alternative.model}/{instance}/{facts.scale}/{point.every}"
    placed = replace(
        point,
        kind=facts.kind,
        table=Table.HOLDING,
        address=address + at,
        words=facts.words,
        invalid=() if sentinel is None else (sentinel,),
        readable=True,
    )
    if isinstance(facts.scale, int):
        return [replace(placed, factor=placed.factor * 10.0**facts.scale)]
    factor = model.fields.get(facts.scale) if facts.scale else None
    if factor is None:
        return [placed]
    name = f"~{mark}"
    exponent = Point(
        name, point.unit, Kind.I16, table=Table.HOLDING, address=address + factor.offset, words=1,
        invalid=(-0x8000,), every=point.every, atomic=mark, unit_id=point.unit_id,
    )  # fmt: skip
    return [replace(placed, pow10=name, atomic=mark), exponent]


def check(alternatives: Iterable[ModelPoint]) -> tuple[Kind, str]:
    """Kind and unit that the alternatives have in common (the first one's kind); ProfileError naming what is wrong."""
    kinds: list[Kind] = []
    units: set[str] = set()
    for alternative in alternatives:
        known = field_of(alternative)
        if known is None:
            raise ProfileError(say("problem.no_model_point", point=alternative.name, model=alternative.model))
        kinds.append(known[1].kind)
        units.add(known[1].unit)
    if len(units) != 1:
        raise ProfileError(say("problem.alternatives_units", units=", ".join(sorted(units))))
    return kinds[0], units.pop()
