"""Site target -> watts per asset: water-filling within a tier of equal speed, a cascade from slow to fast between them.

`fill` is the law (nearest feasible point, shares in proportion to the room, I-01 … I-03, I-28). `cascade` gives every
asset its own horizon: the slow ones aim first at what will be needed when they arrive, the faster ones take what is
left at the instant their own command takes effect. Where some are to be asked before others, whatever their speed,
the later ones get what the earlier ones cannot give.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

EASE = 0.85
"""Up to this part of their room the faster assets carry a demand alone while the slower ones take their time."""


class Group(NamedTuple):
    """Assets that are asked together, absolute consumption in W, one after the other.

    `rest_w` is what they draw unasked, `horizon_s` when a command given now has its effect, `order`: the lower is asked
    first, `share` how much of the remaining deviation they want (1 = all), `then_w(t_s)` what their twins will draw then.
    """

    names: Sequence[str]
    lo_w: Sequence[float]
    hi_w: Sequence[float]
    rest_w: Sequence[float]
    horizon_s: float
    order: tuple[float, ...]
    share: float
    then_w: Callable[[float], list[float]]


@dataclass(frozen=True, slots=True)
class Allocation:
    """Aim of every asset, in the order of the groups given, and what the target wants beyond them."""

    aims: dict[str, float]
    shortfall_w: float
    eased: frozenset[str] = frozenset()
    """Assets that need not hurry: the faster ones could carry the whole demand for a while."""


def fill(amount_w: float, rooms: Sequence[tuple[float, float]]) -> list[float]:
    """Split a deviation over (down_w <= 0, up_w >= 0) rooms in proportion to the room; clips to their sum.

    Proportional to headroom is water-filling with 1/weight = headroom: one level for all, every asset within its room.
    """
    return _split(amount_w, [up if amount_w >= 0.0 else down for down, up in rooms])


def _split(amount_w: float, rooms: list[float]) -> list[float]:
    """The same over rooms of its own side only."""
    total = sum(rooms)
    part = min(1.0, amount_w / total) if total else 0.0
    return [room * part for room in rooms]


def cascade(now_s: float, demand_w: Callable[[float], float], groups: Sequence[Group]) -> Allocation:
    """Share the demand on all assets together, `demand_w(horizon_s)` in W, slowest first.

    A tier is the groups of one horizon. In it those are asked first who are said to be, then those who want all; who are
    asked together split their part by `fill`.
    """
    sums = [_sums(group) for group in groups]
    rest_w, up_w, down_w = (sum(part) for part in zip(*sums, strict=True)) if sums else (0.0, 0.0, 0.0)
    aims = {name: 0.0 for group in groups for name in group.names}  # in their order
    eased: list[str] = []
    slower: list[Group] = []
    tier: list[Group] = []
    at_s: float | None = None
    wanted = 0.0
    for group, (own_w, own_up_w, own_down_w) in sorted(zip(groups, sums, strict=True), key=_rank):
        if group.horizon_s != at_s:  # the next tier: what the slower ones will draw then is known
            slower += tier
            tier, at_s = [], group.horizon_s
            drawn = [watts for before in slower for watts in before.then_w(now_s + at_s)]
            wanted = demand_w(at_s) - sum(drawn) - rest_w
        rest_w, up_w, down_w = rest_w - own_w, up_w - own_up_w, down_w - own_down_w
        # what those that follow cannot give must come from here, whatever share these would like
        least, most = wanted - up_w, wanted - down_w
        wished = group.share * _beyond(wanted, groups, group)
        part = min(max(wished, least), most)
        if EASE * down_w <= wanted <= EASE * up_w:
            eased += group.names
        wanted -= _fill(part, group, aims)
        tier.append(group)
    return Allocation(aims, wanted if groups else demand_w(0.0), frozenset(eased))


def _rank(entry: tuple[Group, tuple[float, float, float]]) -> tuple[float, tuple[float, ...], float]:
    group = entry[0]
    return -group.horizon_s, group.order, -group.share


def _sums(group: Group) -> tuple[float, float, float]:
    """What they draw unasked together, and how far they can move up and down from there."""
    rest_w = sum(group.rest_w)
    return rest_w, sum(group.hi_w) - rest_w, sum(group.lo_w) - rest_w


def _beyond(amount_w: float, groups: Sequence[Group], own: Group) -> float:
    """What is left of a deviation when the faster ones that are to be asked before `own` give all they can."""
    earlier = [_sums(group) for group in groups if group.order < own.order and group.horizon_s < own.horizon_s]
    if amount_w >= 0.0:
        return max(0.0, amount_w - sum(up_w for _, up_w, _ in earlier))
    return min(0.0, amount_w - sum(down_w for _, _, down_w in earlier))


def _fill(amount_w: float, group: Group, aims: dict[str, float]) -> float:
    """Give every asset of a group its part of a deviation by `fill`, inside its bounds; the sum of what they take."""
    bounds = group.hi_w if amount_w >= 0.0 else group.lo_w  # only the side it goes to counts
    rooms = [bound - rest for bound, rest in zip(bounds, group.rest_w, strict=True)]
    taken_w = 0.0
    moved = _split(amount_w, rooms)
    for name, least_w, most_w, rest_w, moved_w in zip(
        group.names, group.lo_w, group.hi_w, group.rest_w, moved, strict=True
    ):
        aim_w = rest_w + moved_w
        if aim_w < least_w:
            aim_w = least_w
        elif aim_w > most_w:
            aim_w = most_w
        aims[name] = aim_w
        taken_w += aim_w - rest_w
    return taken_w
