"""Site target -> watts per asset: water-filling within a tier of equal speed, a cascade from slow to fast between them.

`fill` is the law (nearest feasible point, shares in proportion to the room, I-01 … I-03, I-28). `cascade` gives every
asset its own horizon: the slow ones aim first at what will be needed when they arrive, the faster ones take what is
left at the instant their own command takes effect. Where some are to be asked before others, whatever their speed,
the later ones get what the earlier ones cannot give.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
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
    order: int = 0


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

    A tier is the assets of one horizon. Those of a tier that are asked together split their part by `fill`.
    """
    tiers: dict[float, list[Room]] = {}
    rest_w = up_w = down_w = 0.0
    for room in rooms:
        rest_w += room.rest_w
        up_w += room.hi_w - room.rest_w
        down_w += room.lo_w - room.rest_w
        tier = tiers.get(room.horizon_s)
        if tier is None:
            tiers[room.horizon_s] = [room]
        else:
            tier.append(room)
    aims = dict.fromkeys([room.asset for room in rooms], 0.0)  # in the order of the rooms
    eased: list[str] = []
    slower: list[Room] = []
    rest = 0.0
    for horizon_s in sorted(tiers, reverse=True):
        tier = tiers[horizon_s]
        arrived_w = 0.0
        for room in slower:
            arrived_w += room.then_w(now_s + horizon_s)
        wanted = demand_w(horizon_s) - arrived_w - rest_w
        for _, group in groupby(sorted(tier, key=_order), key=_order):
            alike = list(group)
            for room in alike:
                rest_w -= room.rest_w
                up_w -= room.hi_w - room.rest_w
                down_w -= room.lo_w - room.rest_w
            # what those that follow cannot give must come from here, whatever share these would like
            least, most = wanted - up_w, wanted - down_w
            wished = alike[0].share * _beyond(wanted, rooms, alike[0])
            part = min(max(wished, least), most)
            if EASE * down_w <= wanted <= EASE * up_w:
                eased += [room.asset for room in alike]
            rest = wanted = wanted - _fill(part, alike, aims)
        slower += tier
    return Allocation(aims, rest if rooms else demand_w(0.0), frozenset(eased))


def _order(room: Room) -> tuple[int, float]:
    """Who is asked first of a tier: who is said to be, then who wants all."""
    return room.order, -room.share


def _beyond(amount_w: float, rooms: Sequence[Room], own: Room) -> float:
    """What is left of a deviation when the faster ones that are to be asked before `own` give all they can."""
    earlier = [room for room in rooms if room.order < own.order and room.horizon_s < own.horizon_s]
    if amount_w >= 0.0:
        return max(0.0, amount_w - sum(room.hi_w - room.rest_w for room in earlier))
    return min(0.0, amount_w - sum(room.lo_w - room.rest_w for room in earlier))


def _fill(amount_w: float, tier: Sequence[Room], aims: dict[str, float]) -> float:
    """Give every room of a tier its part of a deviation by `fill`, inside its bounds; the sum of what they take."""
    if amount_w >= 0.0:  # only the side it goes to counts
        rooms = [(0.0, max(0.0, room.hi_w - room.rest_w)) for room in tier]
    else:
        rooms = [(min(0.0, room.lo_w - room.rest_w), 0.0) for room in tier]
    moves = fill(amount_w, rooms)
    taken_w = 0.0
    for room, moved_w in zip(tier, moves, strict=True):
        aim_w = room.rest_w + moved_w
        aim_w = max(aim_w, room.lo_w)
        aim_w = min(aim_w, room.hi_w)
        aims[room.asset] = aim_w
        taken_w += aim_w - room.rest_w
    return taken_w
