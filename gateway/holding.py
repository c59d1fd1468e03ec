"""Holds over the local socket: who may open it may take an asset over for a while, as a person at the dashboard may.

Requests `{do: hold, asset, power_w, for_s, why}` -> `{hold}`, `{do: unhold, hold, why}` -> `{done}`. A hold is a Request
in the book like any other: control, its limits and its guard decide what comes of it, and it ends by itself.
"""

from math import isfinite
from typing import Any

from gateway.people import People
from gateway.texts import say

LONGEST_S = 1800.0
ACCEPTED = "accepted"


async def answer(people: People, request: dict[str, Any], user: int) -> dict[str, Any]:
    """What such a request is answered with; `user` is the asker's user id."""
    match request:
        case {"do": "hold", "asset": str(asset), "power_w": power_w, "for_s": for_s, "why": str(why), **rest} if (
            not rest
        ):
            if not (_is_number(power_w) and _is_number(for_s) and 0.0 < for_s <= LONGEST_S):
                return {"error": "malformed", "text": say("refused.hold_numbers", most=LONGEST_S)}
            done = await people.override(_name(user), asset, power_w=float(power_w), for_s=float(for_s), why=why)
            if done.result != ACCEPTED:
                return {"error": done.reason, "text": f"{asset}: {done.reason}"}
            return {"hold": done.id}
        case {"do": "unhold", "hold": str(hold), "why": str(why), **rest} if not rest:
            done = await people.cancel(_name(user), hold, why=why)
            return {"done": done.reason}
    return {"error": "malformed", "text": say("refused.no_request")}


def _name(user: int) -> str:
    return f"uid{user}"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
