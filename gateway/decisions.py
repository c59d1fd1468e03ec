"""The decision log: what every step was given and what it decided, so that anybody can replay it.

One JSON line a step. A full line (at the start, every 60 s and when mode or request change) holds the state before the
step and every input; the lines between hold only what changed. `replay` runs the same steps again and compares lines.
"""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from pydantic_core import to_json

from gateway.control.copies import from_json
from gateway.control.copies import to_json as state_to_json
from gateway.control.decision import Curve, Decision, Inputs, Use
from gateway.control.state import ControlState
from gateway.control.step import step
from gateway.control.watched import control_points
from gateway.model.command import Fate, Outcome
from gateway.model.image import Image
from gateway.model.point import PointId, PointSpec
from gateway.model.reading import Cause, Quality, Reading
from gateway.model.request import Arrival, Kind, Request, Service, Source
from gateway.model.site import Site

FULL_S = 60.0


class DecisionLog:
    """Encodes steps as lines; remembers the line before, to leave out what repeats."""

    def __init__(self, site: Site, image: Image) -> None:
        self._points = [point for point in control_points(site) if point in image.specs]
        self._column = dict(zip(image.columns(self._points), self._points, strict=True))
        self._stale = {point: image.specs[point].stale_after_s for point in self._points}
        self._serial = 0
        self._full_s: float | None = None
        self._told: tuple[str, ...] = ()
        self._shares: dict[str, list[Any]] = {}
        self._ledger: tuple[Use, ...] = ()

    def line(self, before: ControlState, inputs: Inputs, decision: Decision) -> str:
        """The line of one step."""
        told = (decision.mode.value, decision.cause, decision.service)
        full = self._full_s is None or inputs.now_s - self._full_s >= FULL_S or told != self._told
        record: dict[str, Any] = {"t_s": inputs.now_s, "utc_ms": inputs.utc_ms}
        if full:
            self._full_s, self._told, self._shares = inputs.now_s, told, {}
            record["stale_after_s"] = self._stale
            record["state"] = json.loads(state_to_json(before))
        record["in"] = self._inputs(inputs, full=full)
        record["out"] = self._outputs(decision, full=full)
        return to_json(record, inf_nan_mode="strings").decode()

    def _inputs(self, inputs: Inputs, *, full: bool) -> dict[str, Any]:
        if full:
            points: Iterable[PointId] = self._points
        else:
            points = [self._column[at] for at in inputs.snapshot.changed(self._column, self._serial)]
        self._serial = inputs.snapshot.serial
        readings = {}
        for point in points:
            held = inputs.snapshot.stored(point)
            readings[point] = [held.value, held.quality.value, held.cause.value, held.measured_s]
        found: dict[str, Any] = {"readings": readings}
        for name in ("arrivals", "outcomes", "curves"):
            if items := getattr(inputs, name):
                found[name] = [_plain(item) for item in items]
        return found

    def _outputs(self, decision: Decision, *, full: bool) -> dict[str, Any]:
        out: dict[str, Any] = {
            "mode": decision.mode.value,
            "cause": decision.cause,
            "service": decision.service,
            "signal": decision.signal,
            "basepoint_w": decision.basepoint_w,
            "target_w": decision.target_w,
            "site_w": decision.site_w,
            "shortfall_w": decision.shortfall_w,
        }
        shares = {share.asset: [share.command_w, share.power_w, share.reason] for share in decision.shares}
        changed = {name: share for name, share in shares.items() if full or self._shares.get(name) != share}
        self._shares = shares
        if changed:
            out["shares"] = changed
        if decision.ledger and (full or decision.ledger != self._ledger):
            out["ledger"] = [list(use) for use in decision.ledger]
        self._ledger = decision.ledger
        if decision.commands:
            out["commands"] = [
                [command.device, command.control, command.value, command.reason, command.expires_s]
                for command in decision.commands
            ]
        if decision.verdicts:
            out["verdicts"] = [[v.issuer, v.id, v.result.value, v.reason] for v in decision.verdicts]
        if decision.alarms:
            out["alarms"] = [[alarm.key, alarm.raised] for alarm in decision.alarms]
        if decision.plan is not None:
            out["plan"] = [[i.start_ms, i.end_ms, i.basepoint_w] for i in decision.plan.intervals]
        return out


def replay(lines: Iterable[str], site: Site) -> Iterator[tuple[int, str, str]]:
    """Run the recorded steps again: (line number, recorded, replayed) of every line that differs.

    Starts at the first full line; lines before it are passed over.
    """
    image: Image | None = None
    state: ControlState | None = None
    log: DecisionLog | None = None
    for number, line in enumerate(lines, start=1):
        recorded = line.rstrip("\n")
        record = json.loads(recorded)
        if "state" in record:
            if image is None:
                image = Image(
                    PointSpec(PointId(point), "", stale_s)  # type: ignore[arg-type]  # units play no part in a replay
                    for point, stale_s in record["stale_after_s"].items()
                )
                log = DecisionLog(site, image)
            state = from_json(json.dumps(record["state"]))
        if image is None or state is None or log is None:
            continue
        for point, (value, quality, cause, measured_s) in record["in"]["readings"].items():
            image.post(PointId(point), Reading(value, Quality(quality), Cause(cause), measured_s))
        inputs = Inputs(
            now_s=record["t_s"],
            utc_ms=record["utc_ms"],
            snapshot=image.snapshot(record["t_s"]),
            arrivals=tuple(map(_arrival, record["in"].get("arrivals", ()))),
            outcomes=tuple(map(_outcome, record["in"].get("outcomes", ()))),
            curves=tuple(map(_curve, record["in"].get("curves", ()))),
        )
        before = state
        state, decision = step(site, before, inputs)
        again = log.line(before, inputs, decision)
        if again != recorded:
            yield number, recorded, again


def _plain(item: Any) -> dict[str, Any]:
    """A frozen record as a dict, one level deep but for a request inside it; enums are JSON numbers or text already."""
    fields = {name: getattr(item, name) for name in item.__slots__}
    if isinstance(fields.get("request"), Request):
        fields["request"] = {name: getattr(item.request, name) for name in Request.__slots__}
    return fields


def _arrival(record: dict[str, Any]) -> Arrival:
    fields = record["request"]
    request = None
    if fields is not None:
        request = Request(
            **{
                **fields,
                "source": Source(fields["source"]),
                "service": Service(fields["service"]),
                "kind": Kind(fields["kind"]),
            }
        )
    return Arrival(record["issuer"], record["received_s"], record["received_ms"], request)


def _outcome(record: dict[str, Any]) -> Outcome:
    return Outcome(**{**record, "fate": Fate(record["fate"])})


def _curve(record: dict[str, Any]) -> Curve:
    return Curve(record["request"], tuple(record["watts"]), record["step_s"], record.get("lead_s", 0.0))
