"""Routes by which a person changes something of the site; each ends in the audit chain with who and why."""

from gateway.dashboard import bodies, rights
from gateway.dashboard.roles import Role
from gateway.dashboard.route import Asked, Failure, Room, Route


async def override(room: Room, asked: Asked) -> object:
    """Take an asset over."""
    body: bodies.Override = asked.body
    return _told(
        room, await room.ask.override(asked.user, body.asset, power_w=body.power_w, for_s=body.for_s, why=body.why)
    )


async def stop(room: Room, asked: Asked) -> object:
    """Emergency stop."""
    return _told(room, await room.ask.stop(asked.user, why=asked.body.why))


async def release(room: Room, asked: Asked) -> object:
    """End the emergency stop."""
    return _told(room, await room.ask.release(asked.user, why=asked.body.why))


async def cancel(room: Room, asked: Asked) -> object:
    """End a request."""
    return _told(room, await room.ask.cancel(asked.user, asked.body.id, why=asked.body.why))


async def acknowledge(room: Room, asked: Asked) -> object:
    """Say that an alarm was seen."""
    try:
        return _told(room, await room.ask.acknowledge(asked.user, asked.body.key))
    except LookupError as exc:
        raise Failure(404, "unknown_alarm", "there is no such alarm") from exc


async def shelve(room: Room, asked: Asked) -> object:
    """Put an alarm out of the way for a while."""
    body: bodies.Shelve = asked.body
    try:
        return _told(room, await room.ask.shelve(asked.user, body.key, for_s=body.for_s, why=body.why))
    except LookupError as exc:
        raise Failure(404, "unknown_alarm", "no such alarm stands") from exc


async def unshelve(room: Room, asked: Asked) -> object:
    """Take an alarm back before its time."""
    try:
        return _told(room, await room.ask.unshelve(asked.user, asked.body.key))
    except LookupError as exc:
        raise Failure(404, "unknown_alarm", "no such alarm is shelved") from exc


def _told(room: Room, done: rights.Done) -> rights.Done:
    room.hub.hurry()
    if done.result == "refused":
        raise Failure(409, done.reason, f"refused: {done.reason}")
    return done


def _route(path: str, handler: object, summary: str, body: type[bodies.Body], *fails: int) -> Route:
    return Route("POST", path, handler, summary, rights.Done, role=Role.OPERATOR, body=body, fails=(409, *fails))  # type: ignore[arg-type]  # each of them is a Handler


ROUTES = (
    _route("/api/v1/override", override, "Take an asset over for a while", bodies.Override),
    _route("/api/v1/stop", stop, "Emergency stop: let go of every asset", bodies.Reason),
    _route("/api/v1/stop/release", release, "End the emergency stop", bodies.Reason),
    _route("/api/v1/cancel", cancel, "End a request in force or to come", bodies.Cancel),
    _route("/api/v1/alarms/acknowledge", acknowledge, "Say that an alarm was seen", bodies.Acknowledge, 404),
    _route("/api/v1/alarms/shelve", shelve, "Put an alarm out of the way for a while", bodies.Shelve, 404),
    _route("/api/v1/alarms/unshelve", unshelve, "Take an alarm back before its time", bodies.Acknowledge, 404),
)
