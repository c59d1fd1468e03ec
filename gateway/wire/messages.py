"""What we say besides telemetry: acknowledgements, status, plan, alarms; and the peer's heartbeat."""

from dataclasses import dataclass
from typing import Any

from gateway.model.command import Alarm
from gateway.model.mode import Mode
from gateway.model.plan import Plan
from gateway.model.request import Result, Verdict
from gateway.wire.command import Refusal
from gateway.wire.strictjson import BadJson, dumps, loads
from gateway.wire.topics import ID


@dataclass(frozen=True, slots=True)
class Status:
    """Whether we are there, the site's mode and why; `mode` None: nobody can tell."""

    online: bool
    mode: Mode | None
    cause: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class Letter:
    """One message ready to go: the last part of its topic, and how it travels."""

    name: str
    payload: bytes
    retain: bool


Message = Verdict | Refusal | Status | Plan | Alarm


def letter(message: Message, *, now_ms: int) -> Letter:
    """The words for one of our nouns; `now_ms` dates a refusal."""
    match message:
        case Verdict(id=id_, result=result, reason=reason, at_ms=at_ms):
            return Letter("ack", _ack(id_, result, reason, "", at_ms), retain=False)
        case Refusal(id=None):
            raise ValueError("a refusal without an id cannot be acknowledged")
        case Refusal(id=str(id_), reason=reason, text=text):
            return Letter("ack", _ack(id_, Result.REFUSED, reason, text, now_ms), retain=False)
        case Status():
            return Letter("status", status_payload(message), retain=True)
        case Plan():
            return Letter("plan", plan_payload(message), retain=True)
        case Alarm(key=key, raised=raised, at_ms=at_ms, detail=detail):
            tree = {"key": key, "raised": raised, "at": at_ms, "detail": detail}
            return Letter("alarm", dumps(tree), retain=False)
    raise TypeError(f"no words for {type(message).__name__}")


def status_payload(status: Status) -> bytes:
    """The retained status; also the last will, where `online` is false."""
    mode = None if status.mode is None else status.mode.value
    return dumps({"online": status.online, "mode": mode, "cause": status.cause, "at": status.at_ms})


def plan_payload(plan: Plan) -> bytes:
    """Declared base points and what can be offered around them."""
    intervals = [
        {
            "start": one.start_ms,
            "end": one.end_ms,
            "basepoint_w": one.basepoint_w,
            "up_w": one.up_w,
            "down_w": one.down_w,
        }
        for one in plan.intervals
    ]
    return dumps({"seq": plan.seq, "made_at": plan.made_ms, "intervals": intervals})


def parse_heartbeat(payload: bytes, *, retained: bool = False) -> str:
    """The issuer who is alive; raises BadJson when this is no proof of it (a retained one proves nothing)."""
    if retained:
        raise BadJson("retained", "a retained heartbeat proves nothing")
    tree: Any = loads(payload, max_bytes=1024, max_depth=1)
    if not isinstance(tree, dict) or tree.keys() != {"issuer", "t"}:
        raise BadJson("malformed", "a heartbeat is {issuer, t}")
    issuer, t_ms = tree["issuer"], tree["t"]
    if not isinstance(issuer, str) or not ID.fullmatch(issuer):
        raise BadJson("malformed", f"issuer does not match {ID.pattern}")
    if not isinstance(t_ms, int) or isinstance(t_ms, bool):
        raise BadJson("malformed", "t is not a time in ms")
    return issuer


def _ack(id_: str, result: Result, reason: str, text: str, at_ms: int) -> bytes:
    return dumps({"id": id_, "result": result.value, "reason": reason, "text": text, "at": at_ms})
