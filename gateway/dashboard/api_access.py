"""Routes of access: log in and out, set up, users, tokens; every change of rights ends in the audit chain."""

from gateway.dashboard import bodies, rights
from gateway.dashboard.accessfile import Machine
from gateway.dashboard.roles import WORDS, Role
from gateway.dashboard.route import Asked, Failure, Reply, Room, Route


async def session(room: Room, asked: Asked) -> object:
    """Who asks."""
    return _session(room, asked.cookie)


async def login(room: Room, asked: Asked) -> object:
    """Log in by password."""
    body: bodies.Login = asked.body
    secret = await room.access.login(body.user, body.password, asked.address)
    await room.ask.record("login", {"user": body.user, "by": "password", "address": asked.address})
    return Reply(_session(room, secret), secret)


async def enter(room: Room, asked: Asked) -> object:
    """Log in by a link that works once."""
    secret = room.access.enter(asked.body.link, asked.address)
    found = _session(room, secret)
    await room.ask.record("login", {"user": found.user, "by": "link", "address": asked.address})
    return Reply(found, secret)


async def set_up(room: Room, asked: Asked) -> object:
    """Make the first user."""
    body: bodies.SetUp = asked.body
    secret = await room.access.set_up(body.code, body.user, body.password, asked.address)
    await room.ask.record("set_up", {"user": body.user, "address": asked.address})
    return Reply(_session(room, secret), secret)


async def logout(room: Room, asked: Asked) -> object:
    """End one's own session."""
    room.access.logout(asked.cookie)
    room.hub.hurry()
    if asked.user:
        await room.ask.record("logout", {"user": asked.user})
    return Reply(_session(room, ""), "")


async def own_password(room: Room, asked: Asked) -> object:
    """Change one's own password; ends all of one's sessions but begins a new one."""
    body: bodies.OwnPassword = asked.body
    if not asked.cookie or asked.role is None:
        raise Failure(403, "no_person", "a machine has no password")
    await room.access.login(asked.user, body.old, asked.address)
    await room.access.put_user(asked.user, asked.role, body.password)
    await room.ask.record("user_changed", {"user": asked.user, "by": asked.user, "what": "password"})
    room.hub.hurry()
    secret = await room.access.login(asked.user, body.password, asked.address)
    return Reply(_session(room, secret), secret)


async def access(room: Room, asked: Asked) -> object:  # noqa: ARG001 - every handler has this shape
    """Users and tokens."""
    return _access(room)


async def put_user(room: Room, asked: Asked) -> object:
    """Make or change a user."""
    body: bodies.PutUser = asked.body
    await room.access.put_user(body.user, WORDS[body.role], body.password)
    await room.ask.record("user_changed", {"user": body.user, "role": body.role, "by": asked.user})
    room.hub.hurry()
    return _access(room)


async def drop_user(room: Room, asked: Asked) -> object:
    """Remove a user."""
    try:
        await room.access.drop_user(asked.body.user)
    except LookupError as exc:
        raise Failure(404, "unknown_user", "there is no such user") from exc
    await room.ask.record("user_dropped", {"user": asked.body.user, "by": asked.user})
    room.hub.hurry()
    return _access(room)


async def make_token(room: Room, asked: Asked) -> object:
    """Make a bearer token."""
    body: bodies.MakeToken = asked.body
    made, secret = await room.access.make_token(body.name, WORDS[body.role])
    await room.ask.record("token_made", {"id": made.id, "name": made.name, "role": body.role, "by": asked.user})
    return _token(made, secret)


async def drop_token(room: Room, asked: Asked) -> object:
    """Take a token back."""
    try:
        await room.access.drop_token(asked.body.id)
    except LookupError as exc:
        raise Failure(404, "unknown_token", "there is no such token") from exc
    await room.ask.record("token_dropped", {"id": asked.body.id, "by": asked.user})
    return _access(room)


def _session(room: Room, cookie: str) -> rights.Session:
    found = room.access.session(cookie) if cookie else None
    if found is None:
        return rights.Session(None, None, None, room.access.needs_setup, room.site.now().site, None)
    left_s = found.ends_s - room.clock.boot_s()
    return rights.Session(
        found.user,
        found.role.word,
        found.token,
        setup=False,
        site=room.site.now().site,
        ends_ms=round(room.clock.utc_ms() + left_s * 1000.0),
    )


def _access(room: Room) -> rights.Access:
    return rights.Access(
        tuple(rights.User(one.name, one.role.word, locked, count) for one, locked, count in room.access.users()),
        tuple(_token(one) for one in room.access.tokens()),
    )


def _token(machine: Machine, secret: str | None = None) -> rights.Token:
    return rights.Token(machine.id, machine.role.word, machine.name, machine.made_ms, secret)


ADMIN = Role.ADMIN
ROUTES = (
    Route("GET", "/api/v1/session", session, "Who asks", rights.Session, role=None),
    Route(
        "POST", "/api/v1/login", login, "Log in", rights.Session, role=None, body=bodies.Login, fails=(401, 429)
    ),
    Route(
        "POST", "/api/v1/enter", enter, "Log in by a link that works once", rights.Session, role=None,
        body=bodies.Enter, fails=(401, 429),
    ),
    Route(
        "POST", "/api/v1/setup", set_up, "Make the first user", rights.Session, role=None, body=bodies.SetUp,
        fails=(401, 409, 422, 429),
    ),
    Route("POST", "/api/v1/logout", logout, "End one's session", rights.Session, role=Role.VIEWER),
    Route(
        "POST", "/api/v1/password", own_password, "Change one's password", rights.Session, body=bodies.OwnPassword,
        fails=(422, 429),
    ),
    Route("GET", "/api/v1/access", access, "Users and tokens", rights.Access, role=ADMIN),
    Route(
        "POST", "/api/v1/users", put_user, "Make or change a user", rights.Access, role=ADMIN, body=bodies.PutUser,
        fails=(409, 422, 429),
    ),
    Route(
        "POST", "/api/v1/users/drop", drop_user, "Remove a user", rights.Access, role=ADMIN, body=bodies.DropUser,
        fails=(404, 409),
    ),
    Route(
        "POST", "/api/v1/tokens", make_token, "Make a bearer token", rights.Token, role=ADMIN, body=bodies.MakeToken,
        fails=(409,),
    ),
    Route(
        "POST", "/api/v1/tokens/drop", drop_token, "Take a bearer token back", rights.Access, role=ADMIN,
        body=bodies.DropToken, fails=(404,),
    ),
)  # fmt: skip
