"""Access over the local socket: whoever may open it is the owner of this machine's gateway, whatever is locked (A-031).

Requests `{do: dashboard}`, `{do: link, user, role}`, `{do: users}`, `{do: put_user, user, role, password}`,
`{do: drop_user, user}`; each change is in the audit chain.
"""

from typing import Any

from gateway.dashboard.access import Access, Refused
from gateway.dashboard.roles import WORDS
from gateway.keeper import Keeper
from gateway.screen import Screen
from gateway.texts import say


async def answer(screen: Screen | None, keeper: Keeper, request: dict[str, Any], user: int) -> dict[str, Any]:
    """What such a request is answered with."""
    if screen is None or screen.access is None or not screen.url:
        return {"error": "no_dashboard", "text": say("refused.no_dashboard")}
    try:
        return await _answer(screen, screen.access, keeper, request, user)
    except Refused as exc:
        return {"error": exc.code, "text": str(exc)}
    except LookupError:
        return {"error": "unknown_user", "text": say("refused.user_unknown")}


async def _answer(screen: Screen, access: Access, keeper: Keeper, request: dict[str, Any], user: int) -> dict[str, Any]:
    match request:
        case {"do": "dashboard", **rest} if not rest:
            return {"url": screen.url, "setup": access.needs_setup}
        case {"do": "link", "user": str(name), "role": str(role), **rest} if not rest and role in WORDS:
            secret = access.link(name, WORDS[role])
            await keeper.kept("link_made", {"for": name, "role": role, "user": user})
            return {"url": f"{screen.url}#enter={secret}"}
        case {"do": "users", **rest} if not rest:
            return {"users": [{"name": one.name, "role": one.role.word} for one, _, _ in access.users()]}
        case {"do": "put_user", "user": str(name), "role": str(role), "password": str(password), **rest} if (
            not rest and role in WORDS
        ):
            await access.put_user(name, WORDS[role], password)
            await keeper.kept("user_changed", {"name": name, "role": role, "user": user})
            return {"done": name}
        case {"do": "drop_user", "user": str(name), **rest} if not rest:
            await access.drop_user(name)
            await keeper.kept("user_dropped", {"name": name, "user": user})
            return {"done": name}
    return {"error": "malformed", "text": say("refused.no_request")}
