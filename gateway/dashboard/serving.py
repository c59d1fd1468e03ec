"""From an HTTP request to a route's handler and back: let in, who asks, may they, what do they say, what is answered."""

import asyncio
import re
from collections.abc import Mapping
from typing import Any

from aiohttp import web
from pydantic import ValidationError

from gateway.dashboard import rights
from gateway.dashboard.access import Refused
from gateway.dashboard.door import Door
from gateway.dashboard.gate import HEADERS, SAFE_METHODS, Gate
from gateway.dashboard.jsontext import adapter, dump
from gateway.dashboard.roles import Role
from gateway.dashboard.route import Asked, Failure, Query, Reply, Room, Route, Text
from gateway.errors import StoreError
from gateway.log import get_logger

log = get_logger("dashboard")

MOST_BODY = 64 * 1024
MOST_QUERY = 16
ANSWER_S = 30.0
TOKEN_HEADER = "X-Gateway-Token"  # noqa: S105 - the header's name
STATUS = {
    "wrong_login": 401,
    "wrong_link": 401,
    "wrong_code": 401,
    "too_many_tries": 429,
    "busy": 429,
    "set_up_already": 409,
    "last_admin": 409,
    "too_many_users": 409,
    "too_many_tokens": 409,
}


class Serving:
    """Serves routes behind one gate."""

    def __init__(self, room: Room, gate: Gate, *, cookie: str, open_machines: bool) -> None:
        self.room = room
        self.cookie = cookie
        self._gate = gate
        self._open_machines = open_machines

    def handler(self, route: Route) -> Any:
        """The aiohttp handler of a route."""

        async def handle(request: web.Request) -> web.StreamResponse:
            asked = await self.asked(request, route)
            async with asyncio.timeout(ANSWER_S):
                found = await route.handler(self.room, asked)
            return self._response(route, found)

        return handle

    @web.middleware
    async def middleware(self, request: web.Request, handler: Any) -> web.StreamResponse:
        """Everything passes here: the gate before, errors as problems and the headers after."""
        try:
            response: web.StreamResponse = await self._let_in(request, handler)
        except Failure as exc:
            response = _problem(exc.status, exc.code, str(exc), wait_s=exc.wait_s)
        except Refused as exc:
            response = _problem(STATUS.get(exc.code, 422), exc.code, str(exc), wait_s=exc.wait_s)
        except web.HTTPRequestEntityTooLarge:
            response = _problem(413, "too_long", f"a body has {MOST_BODY} bytes at most")
        except web.HTTPException as exc:
            response = _problem(
                exc.status, exc.reason.lower().replace(" ", "_"), exc.reason, allow=exc.headers.get("Allow")
            )
        except StoreError as exc:
            log.warning("store_refuses", error=str(exc))
            response = _problem(503, "store", "the disk refuses; nothing was changed")
        except TimeoutError:
            response = _problem(503, "too_late", "no answer in time")
        if not response.prepared:
            response.headers.update(HEADERS)
        return response

    async def _let_in(self, request: web.Request, handler: Any) -> web.StreamResponse:
        if not self._gate.knows(request.headers.get("Host")):
            raise Failure(421, "unknown_host", "this gateway answers to its own names only")
        response: web.StreamResponse = await handler(request)
        return response

    async def asked(self, request: web.Request, route: Route) -> Asked:
        """One request, let in and checked; Failure."""
        if self._gate.is_foreign(request.headers):
            raise Failure(403, "foreign_origin", "another site's page may not ask")
        user, role, cookie = self._who(request, route)
        if route.role is not None and not (route.machine and self._open_machines):
            if role is None:
                raise Failure(401, "not_logged_in", "log in first")
            if role < route.role:
                raise Failure(403, "role", f"this needs the role {route.role.word}")
        path = dict(request.match_info)
        query = _query(route, request.query)
        body = None if request.method in SAFE_METHODS else await _body(request, route)
        return Asked(user, role, request.remote or "", cookie, path, query, body)

    def _who(self, request: web.Request, route: Route) -> tuple[str, Role | None, str]:
        scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            machine = self.room.access.machine(secret.strip())
            if machine is None:
                raise Failure(401, "wrong_token", "no such token")
            return f"token:{machine.name}", machine.role, ""
        cookie = request.cookies.get(self.cookie, "")
        session = self.room.access.session(cookie) if cookie else None
        if request.method not in SAFE_METHODS:
            if not self._gate.is_ours(request.headers):
                raise Failure(403, "foreign_origin", "a change comes from our own page, or with a bearer token")
            if session is not None and route.role is not None and request.headers.get(TOKEN_HEADER) != session.token:
                raise Failure(403, "no_token", f"a change carries the session's token in {TOKEN_HEADER}")
        return ("", None, "") if session is None else (session.user, session.role, cookie)

    def _response(self, route: Route, found: object) -> web.Response:
        if isinstance(found, Text):
            response = web.Response(body=found.body, headers={"Content-Type": found.content_type})
            if found.file_name:
                response.headers["Content-Disposition"] = f'attachment; filename="{found.file_name}"'
        else:
            answer = found.answer if isinstance(found, Reply) else found
            response = web.Response(body=dump(route.answer, answer), content_type="application/json")
        response.headers["Cache-Control"] = "no-store"
        if isinstance(found, Reply):
            self._set_cookie(response, found.cookie)
        return response

    def _set_cookie(self, response: web.Response, secret: str) -> None:
        secure = self._gate.scheme == "https"
        if secret:
            response.set_cookie(self.cookie, secret, httponly=True, samesite="Strict", secure=secure, path="/")
        else:
            response.del_cookie(self.cookie, path="/", httponly=True, samesite="Strict", secure=secure)


def _query(route: Route, given: Mapping[str, str]) -> dict[str, Any]:
    known = {query.name: query for query in route.query}
    if len(given) > MOST_QUERY or any(name not in known for name in given):
        raise Failure(400, "unknown_parameter", f"this takes {', '.join(known) or 'no parameters'}")
    found: dict[str, Any] = {}
    for name, query in known.items():
        if name in given:
            found[name] = _value(query, given[name])
        elif query.required:
            raise Failure(400, "missing_parameter", f"{name} is missing: {query.summary}")
        else:
            found[name] = query.default
    return found


def _value(query: Query, text: str) -> int | str:
    if query.kind is str:
        if re.fullmatch(query.pattern.strip("^$"), text) is None:
            raise Failure(400, "bad_parameter", f"{query.name}: {query.summary}")
        return text
    if not (text.isascii() and text.isdigit() and len(text) <= 16 and query.least <= int(text) <= query.most):
        raise Failure(400, "bad_parameter", f"{query.name} is a whole number from {query.least} to {query.most}")
    return int(text)


async def _body(request: web.Request, route: Route) -> Any:
    if request.content_type != "application/json" or request.headers.get("Content-Encoding", "identity") != "identity":
        raise Failure(415, "not_json", "a change has a body of application/json, as it is")
    if request.content_length is not None and request.content_length > MOST_BODY:
        raise Failure(413, "too_long", f"a body has {MOST_BODY} bytes at most")
    raw = await request.read()
    protocol = None if request.transport is None else request.transport.get_protocol()
    if isinstance(protocol, Door):
        protocol.head_is_there()
    try:
        return adapter(route.body).validate_json(raw)
    except ValidationError as exc:
        first = exc.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(str(part)[:40] for part in first["loc"]) or "body"
        raise Failure(400, "malformed", f"{place}: {first['msg'][:200]}") from None


def _problem(status: int, code: str, text: str, *, wait_s: float = 0.0, allow: str | None = None) -> web.Response:
    response = web.Response(
        status=status, body=dump(rights.Problem, rights.Problem(code, text)), content_type="application/json"
    )
    response.headers["Cache-Control"] = "no-store"
    if wait_s > 0.0:
        response.headers["Retry-After"] = str(max(1, round(wait_s)))
    if status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    if allow:
        response.headers["Allow"] = allow
    return response
