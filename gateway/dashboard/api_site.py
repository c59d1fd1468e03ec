"""Routes that only look: the site now, points, devices, history, events, alarms, audit, configuration, health."""

import asyncio

from gateway.dashboard import answers, energy_records, metrics, records
from gateway.dashboard.csvtext import csv_of
from gateway.dashboard.jsontext import dump
from gateway.dashboard.roles import Role
from gateway.dashboard.route import Asked, Failure, Query, Room, Route, Text
from gateway.model.point import PointId, point_id

LONGEST_MS = 5 * 366 * 86_400_000
LONGEST_REPORT_MS = 400 * 86_400_000
MOST_ROWS = 100_000
POINT = Query("point", "`device/quantity`", kind=str, required=True, pattern=r"^[^/\s]{1,80}/[^/\s]{1,120}$")
NAMED = r"^[^\x00-\x1f]{1,200}$"
FROM = Query("from", "UTC ms, inclusive", required=True)
TO = Query("to", "UTC ms, exclusive; after `from`, five years at most", required=True)


async def now(room: Room, asked: Asked) -> object:  # noqa: ARG001 - every handler has this shape
    """The site at this moment."""
    return room.site.now()


async def points(room: Room, asked: Asked) -> object:
    """Every point, or one device's."""
    try:
        return room.site.points(asked.query.get("device"))
    except LookupError as exc:
        raise Failure(404, "unknown_device", "there is no such device") from exc


async def point(room: Room, asked: Asked) -> object:
    """One point."""
    try:
        return room.site.point(point_id(asked.path["device"], asked.path["quantity"]))
    except LookupError as exc:
        raise Failure(404, "unknown_point", "there is no such point") from exc


async def devices(room: Room, asked: Asked) -> object:  # noqa: ARG001
    """Lines and devices."""
    return room.site.devices()


async def history(room: Room, asked: Asked) -> records.Series:
    """A stretch of one point."""
    from_ms, to_ms = asked.query["from"], asked.query["to"]
    if not from_ms < to_ms <= from_ms + LONGEST_MS:
        raise Failure(400, "bad_window", "`to` is after `from`, by five years at most")
    try:
        return await room.history.series(
            PointId(asked.query["point"]), from_ms=from_ms, to_ms=to_ms, most=asked.query["max_points"]
        )
    except LookupError as exc:
        raise Failure(404, "unknown_point", "nothing is kept of such a point") from exc


async def history_csv(room: Room, asked: Asked) -> object:
    """The same as CSV."""
    found = await history(room, asked)
    name = f"{found.point.replace('/', '_')}.csv"
    return Text(csv_of(found).encode(), "text/csv; charset=utf-8", file_name=name)


async def energy(room: Room, asked: Asked) -> energy_records.Energy:
    """What a period used, cost and emitted."""
    from_ms, to_ms = asked.query["from"], asked.query["to"]
    if not from_ms < to_ms <= from_ms + LONGEST_REPORT_MS:
        raise Failure(400, "bad_window", "`to` is after `from`, by 400 days at most")
    return await room.energies.energy(from_ms=from_ms, to_ms=to_ms)


async def events(room: Room, asked: Asked) -> object:  # noqa: ARG001
    """Running, coming, past."""
    return room.site.events()


async def evidence(room: Room, asked: Asked) -> energy_records.EventEvidence:
    """What the history says of an event that is over."""
    wanted = asked.query["issuer"], asked.query["id"]
    event = next((one for one in room.site.events().past if (one.issuer, one.id) == wanted), None)
    if event is None:
        raise Failure(404, "unknown_event", "there is no such event")
    try:
        return await room.energies.evidence(event)
    except LookupError as exc:
        raise Failure(404, "no_evidence", "nothing of it can be settled") from exc


async def alarms(room: Room, asked: Asked) -> object:  # noqa: ARG001
    """What stands and what has cleared."""
    return room.site.alarms()


async def audit(room: Room, asked: Asked) -> object:
    """The chain's records."""
    return await room.audit.page(
        before=asked.query.get("before"), limit=asked.query["limit"], kind=asked.query.get("kind")
    )


async def audit_state(room: Room, asked: Asked) -> object:  # noqa: ARG001
    """Whether the chain is whole."""
    return await room.audit.verify()


async def config(room: Room, asked: Asked) -> object:  # noqa: ARG001
    """What the owner configured."""
    return room.site.config()


async def prometheus(room: Room, asked: Asked) -> object:  # noqa: ARG001
    """The points of device `gateway`."""
    parts = []
    for part in room.site.metrics():
        parts.append(part)
        await asyncio.sleep(0)  # a thousand devices make 6,000 lines, which is milliseconds: control comes between
    return Text("".join(parts).encode(), metrics.CONTENT_TYPE)


async def healthz(room: Room, asked: Asked) -> object:  # noqa: ARG001
    """The process answers."""
    return Text(b"ok\n", "text/plain; charset=utf-8")


async def readyz(room: Room, asked: Asked) -> object:  # noqa: ARG001
    """Control in time, inputs fresh."""
    found = room.site.ready()
    if not found.ready:
        raise Failure(503, "not_ready", dump(answers.Ready, found).decode())
    return found


ROUTES = (
    Route("GET", "/api/v1/now", now, "The site at this moment", answers.Now),
    Route(
        "GET", "/api/v1/points", points, "Every point", answers.Points,
        query=(Query("device", "only this device's", kind=str, pattern=r"^[^\s]{1,80}$"),), fails=(404,),
    ),
    Route("GET", "/api/v1/points/{device}/{quantity}", point, "One point", answers.PointNow, fails=(404,)),
    Route("GET", "/api/v1/devices", devices, "Lines and devices", answers.Devices),
    Route(
        "GET", "/api/v1/history", history, "A stretch of one point, down-sampled", records.Series,
        query=(POINT, FROM, TO, Query("max_points", "most steps", default=1000, least=2, most=10_000)), fails=(404,),
    ),
    Route(
        "GET", "/api/v1/history.csv", history_csv, "The same as CSV", media="text/csv",
        query=(POINT, FROM, TO, Query("max_points", "most rows", default=MOST_ROWS, least=2, most=MOST_ROWS)),
        fails=(404,),
    ),
    Route(
        "GET", "/api/v1/energy", energy, "Energy, water and gas of a period, with cost and carbon", energy_records.Energy,
        query=(FROM, Query("to", "UTC ms, exclusive; after `from`, 400 days at most", required=True)),
    ),
    Route("GET", "/api/v1/events", events, "What runs, comes and is over", records.Events),
    Route(
        "GET", "/api/v1/events/evidence", evidence, "The evidence of an event that is over", energy_records.EventEvidence,
        query=(
            Query("issuer", "who asked", kind=str, required=True, pattern=NAMED),
            Query("id", "the event's id", kind=str, required=True, pattern=NAMED),
        ),
        fails=(404,),
    ),
    Route("GET", "/api/v1/alarms", alarms, "What stands and what has cleared", records.Alarms),
    Route(
        "GET", "/api/v1/audit", audit, "Records of the audit chain, newest first", records.AuditPage,
        role=Role.OPERATOR,
        query=(
            Query("before", "only records with a smaller number", least=1),
            Query("limit", "most records", default=100, least=1, most=500),
            Query("kind", "only this kind", kind=str, pattern=r"^[a-z_]{1,40}$"),
        ),
    ),
    Route(
        "GET", "/api/v1/audit/state", audit_state, "Check every seal of the chain", records.AuditState,
        role=Role.TECHNICIAN,
    ),
    Route("GET", "/api/v1/config", config, "The site as configured, without secrets", records.Config),
    Route("GET", "/metrics", prometheus, "Prometheus metrics", machine=True, media="text/plain"),
    Route("GET", "/healthz", healthz, "The process answers", machine=True, media="text/plain"),
    Route("GET", "/readyz", readyz, "Control in time, inputs fresh", answers.Ready, machine=True, fails=(503,)),
)  # fmt: skip
