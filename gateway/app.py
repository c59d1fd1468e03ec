"""Builds everything from the Site; owns the one TaskGroup and the order of shutdown.

Start: lock, stores, control state, lines, control, links. Stop: take nothing more, hand the assets back, wait until
the devices have it, then lines, links, outbox, state, audit. The control task alone may end the process.
"""

import asyncio
import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

from gateway import oneshot, statefile, statelock
from gateway.clock import Clock
from gateway.config.read import Configured
from gateway.control.decision import Decision, Inputs
from gateway.control.state import ControlState
from gateway.control.step import begin
from gateway.control.watched import meter_point
from gateway.decisions import DecisionLog
from gateway.edges import keep_running
from gateway.errors import ControlLost
from gateway.field.points import members_of
from gateway.field.writer import Writer
from gateway.fieldview import FieldView
from gateway.front import FACING, Front
from gateway.handback import hand_back
from gateway.health_watch import HealthWatch
from gateway.keeper import Keeper
from gateway.lines import Lines
from gateway.localsocket import LocalSocket
from gateway.log import get_logger
from gateway.loop import Loop
from gateway.model.command import Alarm, Fate, Outcome
from gateway.model.image import Image
from gateway.model.mode import Mode
from gateway.model.site import Site
from gateway.notify import Notifier
from gateway.options import Options
from gateway.profiles.schema import Profile
from gateway.reload import Reload
from gateway.takeover import Takeover, points_of
from gateway.tasks import ended
from gateway.texts import words
from gateway.trace import TraceWriter, go_on
from gateway.uplink.outbox import Outbox
from gateway.upstream import Message, Upstream

log = get_logger("app")

WATCHDOG_S = 1.0
TAKING = ("sampler", "health")
"""Edges that make samples; they end before the last are delivered."""


class App:
    """One running gateway."""

    def __init__(
        self, site: Site, profiles: Mapping[str, Profile], clock: Clock, options: Options, notifier: Notifier
    ) -> None:
        words("en")  # read before anything runs in time: what a line or a device refuses is said with it
        self.site = site
        self._clock = clock
        self._options = options
        self._notifier = notifier
        self._lock = statelock.take(options.state)
        self._boot = statefile.boot_id()
        self.stopping = asyncio.Event()
        self.image = Image(points_of(site, profiles))
        self._keeper = Keeper(options.state, clock, tell=self._tell, boot=self._boot, seal=site.audit_seal)
        self.outbox = Outbox(
            options.state / "outbox", clock, links=tuple(site.links), on_alarm=self._keeper.alarm, boot_id=self._boot
        )
        self.upstream = Upstream(site, self.image, self.outbox, self._keeper, clock, state=options.state)
        members = members_of(site, profiles)
        self._writer = Writer(
            [member for line in members.values() for member in line], tell=self._outcome, shadow=options.shadow
        )
        self.lines = Lines(
            self._writer,
            self.image,
            clock,
            on_alarm=self._keeper.alarm,
            on_answered=self.upstream.polled,
            pacing=options.pacing,
            papers=options.state / "opcua",
        )
        for name, line in members.items():
            self.lines.open(site.connections[name], line)
        self.loop = Loop(site, self.image, clock, self._restore(), on_step=self._on_step)
        self._one_shot = oneshot.OneShot(
            site, profiles, self.image, self._writer, clock, record=self._keeper.kept, steering=True
        )
        self._local = LocalSocket(options.state, self._answer)
        self._view = FieldView(site, profiles, self.lines.pollers, self.image, clock)
        self._log = DecisionLog(site, self.image)
        self.front = Front(
            site,
            profiles,
            self.image,
            clock,
            loop=self.loop,
            pollers=self.lines.pollers,
            upstream=self.upstream,
            keeper=self._keeper,
            state=options.state,
            shadow=options.shadow,
            listen=options.dashboard,
            site_file=options.site_file,
            on_url=options.on_url,
        )
        self._health = HealthWatch(
            site,
            self.image,
            clock,
            loop=self.loop,
            keeper=self._keeper,
            outbox=self.outbox,
            pollers=self.lines.pollers,
            links=self.upstream.links,
            more=self.front.values,
        )
        self._reload: Reload | None = None
        if options.configured is not None and options.site_file is not None:
            self._reload = self._reloading(options.configured, options.site_file)
        self._trace_file: TextIO | None = None
        self._decisions_file: TextIO | None = None
        self._trace: TraceWriter | None = None
        self._ready = False
        self._fed_s = 0.0
        self._told_mode: Mode | None = None
        self._fates: dict[tuple[str, str], Fate] = {}

    async def run(self) -> None:
        """Run until `stopping` is set; raises ControlLost when the control task fails, StoreError when a store does."""
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self.stopping.set)
        if self._reload is not None:
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._reload.again)
        await self.outbox.open()
        self._open_traces()
        self._keeper.record("start", {"site": self.site.id, "box": self.outbox.box, "epoch": self.outbox.epoch})
        self.upstream.connect(self.loop, self._options.times)
        try:
            async with asyncio.TaskGroup() as group:
                self.lines.begin(group)
                self.upstream.begin(group)
                edges = [
                    group.create_task(self._edge(name, work), name=name)
                    for name, work in (
                        ("outbox", self.outbox.run),
                        ("keeper", self._keeper.run),
                        ("sampler", self.upstream.sample),
                        ("health", self._health.run),
                        ("field", self._view.run),
                        ("local", self._local.run),
                        *self.front.edges(),
                    )
                ]
                control = group.create_task(self._control(), name="control")
                if self._reload is not None:
                    await self._reload.begin(group, not_used=self._options.not_used)
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
        self.image.doubt((meter_point(self.site),) if after.load.mirrored else ())
        self._keeper.hear(before, inputs, decision, after)
        line = self._log.line(before, inputs, decision)
        self._keeper.line(line)
        if self._trace is not None:
            self._trace.row(decision)
        if self._decisions_file is not None:
            self._decisions_file.write(line + "\n")
        self.upstream.judged(decision.verdicts, inputs)
        self.front.hear(before, inputs, decision, after)
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

    def _tell(self, message: Message) -> None:
        if isinstance(message, Alarm):
            self.front.alarm(message)
        self.upstream.tell(message)

    async def _answer(self, asked: dict[str, Any], user: int) -> dict[str, Any]:
        if str(asked.get("do")) in FACING:
            return await self.front.answer(asked, user)
        if (told := self._view.answer(asked)) is not None:
            return told
        if self._reload is not None and (told := await self._reload.answer(asked, user)) is not None:
            return told
        return await oneshot.answer(self._one_shot, asked, user)

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

    def _reloading(self, configured: Configured, file: Path) -> Reload:
        takeover = Takeover(
            self.lines,
            self._writer,
            self.image,
            self.loop,
            self._clock,
            papers=self._options.state / "opcua",
            let_go=self.upstream.let_go,
            adopt=self._adopt,
            kept=self.upstream.kept,
        )
        return Reload(
            configured,
            file,
            takeover,
            self._clock,
            folder=self._options.state,
            record=self._keeper.kept,
            on_alarm=self._keeper.alarm,
            return_s=self._options.return_s,
        )

    def _adopt(self, then: Configured) -> None:
        """Every part that keeps something of the site; image, lines and loop have it already."""
        self.site = then.site
        self._one_shot.adopt(then.site, then.profiles)
        self._view.adopt(then.site, then.profiles)
        self._health.adopt(then.site)
        self.upstream.adopt(then.site)
        self.front.adopt(then.site, then.profiles, then.raw)
        self._log = DecisionLog(then.site, self.image)
        self._keeper.part()

    async def _edge(self, name: str, work: object) -> None:
        await keep_running(name, work, self._clock, on_alarm=self._keeper.alarm)  # type: ignore[arg-type]  # a coroutine function

    async def _stop(self, control: asyncio.Task[None], edges: list[asyncio.Task[None]]) -> None:
        log.info("stopping")
        self._notifier.stopping()
        self.loop.deaf = True
        control.cancel()
        if self._reload is not None:
            await self._reload.end()
        await hand_back(self.site, self.site.assets, self._writer, self.lines.pollers, self._clock)
        for edge in edges:
            if edge.get_name() in TAKING:
                edge.cancel()
        await self.upstream.drain()
        await ended(control, *edges, *self.upstream.tasks, *self.lines.tasks)

    async def _close(self) -> None:
        await self.outbox.close()
        await self.front.close()
        self._keeper.last("stop", {"site": self.site.id})
        await self._keeper.close()
        for file in (self._trace_file, self._decisions_file):
            if file is not None:
                file.close()
        self._notifier.close()
        self.lines.leave()
        os.close(self._lock)

    def _open_traces(self) -> None:
        options = self._options
        origin_s = self._clock.boot_s() if options.origin_s is None else options.origin_s
        if options.trace is not None:
            self._trace_file = go_on(options.trace)
            self._trace = TraceWriter(self._trace_file, self.site, origin_s=origin_s)
        if options.decisions is not None:
            self._decisions_file = go_on(options.decisions)
