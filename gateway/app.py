"""Builds everything from the Site; owns the one TaskGroup and the order of shutdown.

Start: lock, stores, control state, lines, control, links. Stop: take nothing more, hand the assets back, wait until
the devices have it, then lines, links, outbox, state, audit. The control task alone may end the process.
"""

import asyncio
import os
import random
import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from gateway import health, history, oneshot, statefile, statelock
from gateway.clock import Clock
from gateway.control import guard
from gateway.control.decision import Decision, Inputs
from gateway.control.kinds import control_of
from gateway.control.state import ControlState
from gateway.control.step import begin, meter_point
from gateway.decisions import DecisionLog
from gateway.edges import keep_running
from gateway.errors import ControlLost, StoreError
from gateway.field.breaker import PACING, Pacing
from gateway.field.open import open_bus
from gateway.field.points import members_of, specs_of
from gateway.field.poller import Poller
from gateway.field.writer import Writer
from gateway.keeper import Keeper
from gateway.localsocket import LocalSocket
from gateway.log import get_logger
from gateway.loop import Loop
from gateway.model.command import Alarm, Command, Fate, Outcome
from gateway.model.image import Image
from gateway.model.mode import Mode
from gateway.model.plan import Plan
from gateway.model.request import Arrival, Request, Service, Verdict
from gateway.model.site import Asset, Site
from gateway.notify import Notifier
from gateway.profiles.schema import Profile
from gateway.tasks import ended
from gateway.trace import TraceWriter, go_on
from gateway.uplink.mqtt import MqttLink
from gateway.uplink.mqtt_session import Times
from gateway.uplink.outbox import Outbox
from gateway.uplink.sampler import Sampler
from gateway.wire.command import Refusal
from gateway.wire.messages import Status

log = get_logger("app")

HEALTH_S = 1.0
WATCHDOG_S = 1.0
DRAIN_S = 3.0
HAND_BACK_S = 4.0
"""How long a stop waits for the devices to take what they are handed back."""
SETTLED_S = 0.3
"""Nothing left to write for this long: the devices have it."""
LEAVE_S = 20.0
TAKING = ("sampler", "health")
"""Edges that make samples; they end before the last are delivered."""


@dataclass(frozen=True, slots=True)
class Options:
    """How one process runs a site."""

    state: Path
    shadow: bool = False
    trace: Path | None = None
    decisions: Path | None = None
    """A second, plain copy of the decision log, for demonstrations."""
    origin_s: float | None = None
    """Boot time that `t_s` of the trace counts from."""
    times: Times = field(default_factory=Times)
    pacing: Pacing = PACING
    """How links and lines are lost and found again; tests compress them."""


class App:
    """One running gateway."""

    def __init__(
        self, site: Site, profiles: Mapping[str, Profile], clock: Clock, options: Options, notifier: Notifier
    ) -> None:
        self.site = site
        self._clock = clock
        self._options = options
        self._notifier = notifier
        self._lock = statelock.take(options.state)
        self._boot = statefile.boot_id()
        self.stopping = asyncio.Event()
        self.image = Image([*specs_of(site, profiles), *health.specs()])
        self._history = _history(site, options.state)
        self._keeper = Keeper(options.state, clock, tell=self._tell, boot=self._boot)
        self.outbox = Outbox(
            options.state / "outbox", clock, links=tuple(site.links), on_alarm=self._keeper.alarm, boot_id=self._boot
        )
        members = members_of(site, profiles)
        self._writer = Writer(
            [member for line in members.values() for member in line], tell=self._outcome, shadow=options.shadow
        )
        self.pollers = {
            name: Poller(
                open_bus(site.connections[name], line, clock=clock),
                line,
                line=name,
                writer=self._writer,
                image=self.image,
                clock=clock,
                on_alarm=self._keeper.alarm,
                pacing=options.pacing,
                rng=random.Random(name),  # noqa: S311 - jitter of back-off
                place=place,
            )
            for place, (name, line) in enumerate(members.items())
            if line
        }
        self.loop = Loop(site, self.image, clock, self._restore(), on_step=self._on_step)
        self._one_shot = oneshot.OneShot(
            site, profiles, self.image, self._writer, clock, record=self._keeper.kept, steering=True
        )
        self._local = LocalSocket(options.state, lambda asked, user: oneshot.answer(self._one_shot, asked, user))
        self._log = DecisionLog(site, self.image)
        self._sampler = Sampler(self.image.specs.values(), every_s=_telemetry_s(site))
        self._links: dict[str, MqttLink] = {}
        self._issuers: dict[str, str] = {}
        self._trace_file: TextIO | None = None
        self._decisions_file: TextIO | None = None
        self._trace: TraceWriter | None = None
        self._ready = False
        self._fed_s = 0.0
        self._told_mode: Mode | None = None
        self._fates: dict[tuple[str, str], Fate] = {}
        self.image.on_post(meter_point(site), lambda _point: self._measure())

    async def run(self) -> None:
        """Run until `stopping` is set; raises ControlLost when the control task fails, StoreError when a store does."""
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self.stopping.set)
        await self.outbox.open()
        self._open_traces()
        self._keeper.record("start", {"site": self.site.id, "box": self.outbox.box, "epoch": self.outbox.epoch})
        for link in self.site.links.values():
            self._links[link.id] = MqttLink(
                link,
                self.site.id,
                self.outbox,
                self._clock,
                on_arrival=lambda arrival, name=link.id: self._arrived(name, arrival),  # type: ignore[misc]  # default binds the name
                on_refusal=lambda refusal, name=link.id: self._refused(name, refusal),  # type: ignore[misc]
                on_alarm=self._keeper.alarm,
                times=self._options.times,
            )
        try:
            async with asyncio.TaskGroup() as group:
                edges = [
                    group.create_task(self._edge(name, work), name=name)
                    for name, work in (
                        *((f"line:{name}", poller.run) for name, poller in self.pollers.items()),
                        *((f"link:{name}", link.run) for name, link in self._links.items()),
                        ("outbox", self.outbox.run),
                        ("keeper", self._keeper.run),
                        ("sampler", self._sample),
                        ("health", self._watch_health),
                        ("local", self._local.run),
                    )
                ]
                control = group.create_task(self._control(), name="control")
                await self.stopping.wait()
                await self._stop(control, edges)
        except* ControlLost as lost:
            raise ControlLost(str(lost.exceptions[0])) from lost
        finally:
            await self._close()

    # -- control ---------------------------------------------------------------------------------------------------

    async def _control(self) -> None:
        try:
            await self.loop.run()
        except Exception as exc:  # the control task ends the process: devices revert, systemd restarts
            log.exception("control_lost")
            raise ControlLost(f"the control step failed: {exc!r}") from exc

    def _on_step(self, before: ControlState, inputs: Inputs, decision: Decision, after: ControlState) -> None:
        self._writer.post(decision.commands, inputs.now_s)
        self._keeper.hear(before, inputs, decision, after)
        line = self._log.line(before, inputs, decision)
        self._keeper.line(line)
        if self._trace is not None:
            self._trace.row(decision)
        if self._decisions_file is not None:
            self._decisions_file.write(line + "\n")
        for verdict in decision.verdicts:
            if verdict.result == "accepted":
                self._baseline(verdict, inputs)
        if decision.mode is not self._told_mode:
            self._told_mode = decision.mode
            log.info("mode", mode=decision.mode.value, cause=decision.cause)
        if not self._ready and decision.mode is not Mode.BOOT:
            self._ready = self._notifier.ready() or True
            log.info("ready", site=self.site.id)
        if inputs.now_s - self._fed_s >= WATCHDOG_S:  # only here: after a step that was finished
            self._fed_s = inputs.now_s
            self._notifier.alive()

    def _outcome(self, outcome: Outcome) -> None:
        self.loop.note(outcome)
        self._one_shot.hear(outcome)
        key = (outcome.device, outcome.control)
        if outcome.fate in (Fate.UNKNOWN, Fate.DIFFERS, Fate.REFUSED) and self._fates.get(key) is not outcome.fate:
            log.warning(
                "write_failed",
                fate=outcome.fate.value,
                device=outcome.device,
                control=outcome.control,
                value=outcome.value,
                detail=outcome.detail,
            )
        self._fates[key] = outcome.fate

    def _baseline(self, verdict: Verdict, inputs: Inputs) -> None:
        """Work out the contractual baseline of an event that was just accepted; milliseconds, once an event."""
        for arrival in inputs.arrivals:
            request = arrival.request
            if request is not None and request.id == verdict.id and request.service is Service.DR:
                self._attach(request, arrival.received_ms)

    def _attach(self, request: Request, notice_ms: int) -> None:
        if (found := history.curve(self._history, request, self.site, notice_ms=notice_ms)) is not None:
            self.loop.attach(found)

    def _measure(self) -> None:
        watts = self.image.newest(meter_point(self.site)).usable
        if watts is not None and (done := self._history.add(self._clock.utc_ms(), watts)) is not None:
            self._keeper.quarter(*done)

    # -- upstream --------------------------------------------------------------------------------------------------

    def _arrived(self, link: str, arrival: Arrival) -> None:
        self._issuers[arrival.issuer] = link
        self.loop.arrive(arrival)

    def _refused(self, link: str, refusal: Refusal) -> None:
        log.warning("command_refused", link=link, id=refusal.id, reason=refusal.reason)
        self._keeper.refused(refusal)
        if refusal.id is not None:
            self._links[link].tell(refusal)

    def _tell(self, message: Verdict | Status | Plan | Alarm) -> None:
        if isinstance(message, Verdict) and (name := self._issuers.get(message.issuer)) in self._links:
            self._links[str(name)].tell(message)
            return
        for link in self._links.values():
            link.tell(message)

    async def _sample(self) -> None:
        every_s = _telemetry_s(self.site)
        due_s = self._clock.boot_s()
        while True:
            now_s = self._clock.boot_s()
            self.outbox.add(self._sampler.take(self.image.snapshot(now_s)))
            due_s = max(due_s + every_s, now_s + 0.1 * every_s)
            await asyncio.sleep(due_s - now_s)

    async def _watch_health(self) -> None:
        lateness = health.Lateness()
        while True:
            now_s = self._clock.boot_s()
            if alarm := lateness.look(self.loop.pace, now_s=now_s, utc_ms=self._clock.utc_ms()):
                self._keeper.alarm(alarm)
            values: dict[str, float | None] = {**health.pace_values(self.loop.pace)}
            values |= health.line_values(poller.health() for poller in self.pollers.values())
            snapshot = self.image.snapshot(now_s)
            values["mode"] = float(health.MODES.index(self.loop.state.mode.mode))
            values["inputs.oldest"] = now_s - snapshot.stored(meter_point(self.site)).measured_s
            values["links.up"] = float(sum(link.connected for link in self._links.values()))
            values["tasks"] = float(len(asyncio.all_tasks()))
            values["fds"] = health.descriptors()
            try:
                outbox = await self.outbox.health()
            except StoreError:
                pass
            else:
                values["outbox.depth"] = float(outbox.waiting + outbox.stored)
                values["outbox.dropped"] = float(outbox.dropped)
                values["outbox.oldest"] = 0.0 if outbox.oldest_s is None else now_s - outbox.oldest_s
            health.post(self.image, values, now_s=now_s)
            await asyncio.sleep(HEALTH_S)

    # -- start and stop --------------------------------------------------------------------------------------------

    def _restore(self) -> ControlState:
        now_s = self._clock.boot_s()
        state = statefile.load(self._options.state, boot=self._boot, now_s=now_s, utc_ms=self._clock.utc_ms())
        fresh = begin(self.site, now_s=now_s)
        if state is None:
            return fresh
        state = statefile.resume(state, now_s=now_s)
        state.assets = {name: state.assets.get(name, asset) for name, asset in fresh.assets.items()}
        log.info("resumed", requests=len(state.book.entries), blocks=len(state.plan.blocks))
        return state

    async def _edge(self, name: str, work: object) -> None:
        await keep_running(name, work, self._clock, on_alarm=self._keeper.alarm)  # type: ignore[arg-type]  # a coroutine function

    async def _stop(self, control: asyncio.Task[None], edges: list[asyncio.Task[None]]) -> None:
        log.info("stopping")
        self._notifier.stopping()
        self.loop.deaf = True
        control.cancel()
        await self._hand_back()
        for edge in edges:
            if edge.get_name() in TAKING:
                edge.cancel()
        await self._drain()
        await ended(control, *edges)

    async def _hand_back(self) -> None:
        """Every asset to its safe value or its own controller; then wait until the devices answered."""
        now_s = self._clock.boot_s()
        commands_end_s = now_s + HAND_BACK_S
        commands = [command for asset in self.site.assets.values() for command in _hand_back(asset, now_s)]
        self._writer.post(commands, now_s)
        online = [d.id for d in self.site.devices.values() if self.pollers[d.connection].online(d.id)]
        idle_s = now_s
        while (now_s := self._clock.boot_s()) < idle_s + SETTLED_S and now_s < commands_end_s:
            if self._writer.next_due_s(online, now_s) <= now_s + SETTLED_S:
                idle_s = now_s
            await asyncio.sleep(0.02)
        if now_s >= commands_end_s:
            log.warning("not_handed_back", within_s=HAND_BACK_S)

    async def _drain(self) -> None:
        """Commit what was sampled and give the links a moment to deliver it."""
        await asyncio.sleep(0)  # the sampler ends first
        await self.outbox.commit()
        end_s = self._clock.boot_s() + DRAIN_S
        try:
            while self._clock.boot_s() < end_s and any(
                [link.connected and await self.outbox.pending(name, limit=1) for name, link in self._links.items()]
            ):
                await asyncio.sleep(0.05)
                await self.outbox.commit()  # takes over the receipts that came
        except StoreError as exc:
            log.warning("not_drained", error=str(exc))

    async def _close(self) -> None:
        await self.outbox.close()
        self._keeper.last("stop", {"site": self.site.id})
        await self._keeper.close()
        for file in (self._trace_file, self._decisions_file):
            if file is not None:
                file.close()
        self._notifier.close()
        os.close(self._lock)

    def _open_traces(self) -> None:
        options = self._options
        origin_s = self._clock.boot_s() if options.origin_s is None else options.origin_s
        if options.trace is not None:
            self._trace_file = go_on(options.trace)
            self._trace = TraceWriter(self._trace_file, self.site, origin_s=origin_s)
        if options.decisions is not None:
            self._decisions_file = go_on(options.decisions)


def _hand_back(asset: Asset, now_s: float) -> list[Command]:
    value = guard.failsafe(asset)
    return [Command(device, control_of(asset), value, "shutdown", now_s, now_s + LEAVE_S) for device in asset.devices]


def _telemetry_s(site: Site) -> float:
    return min((link.telemetry_s for link in site.links.values()), default=1.0)


def _history(site: Site, state: Path) -> history.History:
    service = site.services.demand_response
    found = history.History()
    if service is not None and service.history is not None:
        found = history.read_load(service.history, site.timezone)
    history.read_quarters(state / history.NAME, found)
    return found
