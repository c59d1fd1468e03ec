"""Which set-points of a group of rooms move, and by how many steps, so that their mean moves as far as wanted.

A thermostat takes whole steps of half a degree or so; a group of them is moved finer by moving some and not others.
A room only ever stands on a rung: a whole step inside its comfort band, or the set-point it had (its own). Who stands
nearest to its own goes out first and comes home last, so that all bear alike.
"""

from math import ceil, floor, inf
from typing import NamedTuple

NEARER = 0.6
"""A step is taken when at least this part of it is wanted: half a step and some, so that noise moves nobody."""
MOST_K = 1.0
"""No room moves further at a time, but for one step and on its way home."""
EPSILON = 1e-6


class Stand(NamedTuple):
    """One room: its set-point in force and its own, its band, and whether it must go home; °C."""

    device: str
    now_c: float
    own_c: float
    low_c: float
    high_c: float
    homeward: bool = False
    moved_s: float = 0.0
    """When its set-point moved last: who rested longest goes first among equals."""


def rung(stand: Stand, step_k: float, way: int) -> float | None:
    """The next set-point above (`way` 1) or below (-1) the one in force; None at the end of its ladder."""
    if way > 0:
        whole = (floor(stand.now_c / step_k + EPSILON) + 1) * step_k
        whole = max(whole, ceil(stand.low_c / step_k - EPSILON) * step_k)
    else:
        whole = (ceil(stand.now_c / step_k - EPSILON) - 1) * step_k
        whole = min(whole, floor(stand.high_c / step_k + EPSILON) * step_k)
    near, found = inf, None
    for one in (stand.own_c, round(whole, 6)):  # its own first: a step that is as near is the same
        inside = one == stand.own_c or stand.low_c - EPSILON <= one <= stand.high_c + EPSILON
        ahead = way * (one - stand.now_c)
        if inside and EPSILON < ahead < near - EPSILON:
            near, found = ahead, one
    return found


def moved(stands: list[Stand], wanted_k: float, *, step_k: float, home: bool = False) -> dict[str, float]:
    """The new set-points of those who move, for `wanted_k` kelvins of all rooms added up.

    Whoever must go home does so first and counts. With `home` nobody leaves or passes its own set-point, and somebody
    makes a step whatever is wanted.
    """
    now, was = {one.device: one for one in stands}, {one.device: one.now_c for one in stands}
    for one in stands:
        if one.homeward and one.now_c != one.own_c:
            wanted_k -= one.own_c - one.now_c
            now[one.device] = one._replace(now_c=one.own_c)
    least = home
    while True:
        way = 1 if wanted_k > 0.0 else -1
        ready = []
        for one in now.values():
            new_c = rung(one, step_k, way)
            if one.homeward or new_c is None or (home and way * (one.own_c - new_c) < -EPSILON):
                continue
            if home or one.now_c == was[one.device] or abs(new_c - was[one.device]) <= MOST_K + EPSILON:
                ready.append((round(way * (one.now_c - one.own_c), 6), one.moved_s, one.device, new_c))
        if not ready:
            break
        _, _, device, new_c = min(ready)
        best = now[device]
        if abs(wanted_k) < NEARER * abs(new_c - best.now_c) and not least:
            break
        wanted_k -= new_c - best.now_c
        now[device] = best._replace(now_c=new_c)
        if least and way * wanted_k <= 0.0:
            break
        least = False
    return {device: one.now_c for device, one in now.items() if one.now_c != was[device]}
