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


class Room(NamedTuple):
    """One asset's part in the allocation, absolute consumption in W.

    `rest_w` is what it draws unasked, `share` how much of the remaining deviation it wants (1 = all),
    `horizon_s` when a command given now has its effect, `then_w(t_s)` what its twin will draw at that time; `order`:
    the lower is asked first.
    """

    asset: str
    lo_w: float
    hi_w: float
    rest_w: float
    horizon_s: float
    share: float
    then_w: Callable[[float], float]
    order: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Allocation:
    """Aim of every asset, in the order of the rooms given, and what the target wants beyond them."""

    aims: dict[str, float]
    shortfall_w: float
    eased: frozenset[str] = frozenset()
    """Assets that need not hurry: the faster ones could carry the whole demand for a while."""


def fill(amount_w: float, rooms: Sequence[tuple[float, float]]) -> list[float]:
    """Split a deviation over (down_w <= 0, up_w >= 0) rooms in proportion to the room; clips to their sum.

    Proportional to headroom is water-filling with 1/weight = headroom: one level for all, every asset within its room.
    """
    if amount_w >= 0.0:
        total = sum(up for _, up in rooms)
        part = 0.0 if total <= 0.0 else min(1.0, amount_w / total)
        return [up * part for _, up in rooms]
    total = sum(down for down, _ in rooms)
    part = 0.0 if total >= 0.0 else min(1.0, amount_w / total)
    return [down * part for down, _ in rooms]


def cascade(now_s: float, demand_w: Callable[[float], float], rooms: Sequence[Room]) -> Allocation:
    """Share the demand on all assets together, `demand_w(horizon_s)` in W, slowest first.

    A tier is the assets of one horizon. In it those are asked first who are said to be, then those who want all; who are
    asked together split their part by `fill`.
    """
    groups: dict[tuple[float, tuple[float, ...], float], list[Room]] = {}
    for room in rooms:
        key = (-room.horizon_s, room.order, -room.share)
        if key in groups:
            groups[key].append(room)
        else:
            groups[key] = [room]
    sums = {key: _sums(group) for key, group in groups.items()}
    rest_w, up_w, down_w = (sum(part) for part in zip(*sums.values(), strict=True)) if sums else (0.0, 0.0, 0.0)
    aims = dict.fromkeys([room.asset for room in rooms], 0.0)  # in the order of the rooms
    eased: list[str] = []
    slower: list[Room] = []
    tier: list[Room] = []
    at_s: float | None = None
    wanted = 0.0
    for key in sorted(groups):
        group, horizon_s = groups[key], -key[0]
        if horizon_s != at_s:  # the next tier: what the slower ones will draw then is known
            slower += tier
            tier, at_s = [], horizon_s
            wanted = demand_w(horizon_s) - sum([room.then_w(now_s + horizon_s) for room in slower]) - rest_w
        rest_w, up_w, down_w = (whole - own for whole, own in zip((rest_w, up_w, down_w), sums[key], strict=True))
        # what those that follow cannot give must come from here, whatever share these would like
        least, most = wanted - up_w, wanted - down_w
        wished = group[0].share * _beyond(wanted, rooms, group[0])
        part = min(max(wished, least), most)
        if EASE * down_w <= wanted <= EASE * up_w:
            eased += [room.asset for room in group]
        wanted -= _fill(part, group, aims)
        tier += group
    return Allocation(aims, wanted if rooms else demand_w(0.0), frozenset(eased))


def _sums(group: Sequence[Room]) -> tuple[float, float, float]:
    """What they draw unasked together, and how far they can move up and down from there."""
    rest_w = sum([room.rest_w for room in group])
    return rest_w, sum([room.hi_w for room in group]) - rest_w, sum([room.lo_w for room in group]) - rest_w


def _beyond(amount_w: float, rooms: Sequence[Room], own: Room) -> float:
    """What is left of a deviation when the faster ones that are to be asked before `own` give all they can."""
    earlier = [room for room in rooms if room.order < own.order and room.horizon_s < own.horizon_s]
    if amount_w >= 0.0:
        return max(0.0, amount_w - sum(room.hi_w - room.rest_w for room in earlier))
    return min(0.0, amount_w - sum(room.lo_w - room.rest_w for room in earlier))


def _fill(amount_w: float, group: Sequence[Room], aims: dict[str, float]) -> float:
    """Give every room of a group its part of a deviation by `fill`, inside its bounds; the sum of what they take."""
    if amount_w >= 0.0:  # only the side it goes to counts
        rooms = [(0.0, max(0.0, room.hi_w - room.rest_w)) for room in group]
    else:
        rooms = [(min(0.0, room.lo_w - room.rest_w), 0.0) for room in group]
    taken_w = 0.0
    for room, moved_w in zip(group, fill(amount_w, rooms), strict=True):
        rest_w, aim_w = room.rest_w, room.rest_w + moved_w
        if aim_w < room.lo_w:
            aim_w = room.lo_w
        elif aim_w > room.hi_w:
            aim_w = room.hi_w
        aims[room.asset] = aim_w
        taken_w += aim_w - rest_w
    return taken_w
