"""What faces people: alarm list, past events, history, audit view and, when asked for, the dashboard; one object to the app.

It is told every decision and every alarm and gives the app its tasks; nothing here can hold control up.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from gateway import holding
from gateway.alarms import AlarmList
from gateway.audit_view import AuditView
from gateway.clock import Clock
from gateway.control.decision import Decision, Inputs
from gateway.control.state import ControlState
from gateway.energies import EnergyView
from gateway.field.poller import Poller
from gateway.history_view import HistoryView
from gateway.keeper import Keeper
from gateway.loop import Loop
from gateway.model.command import Alarm
from gateway.model.image import Image
from gateway.model.listen import Listen
from gateway.model.mode import Mode
from gateway.model.request import Kind
from gateway.model.site import Site
from gateway.panel import Panel, Parts
from gateway.past_events import KIND, MOST, PastEvents
from gateway.people import People
from gateway.profiles.schema import Profile
from gateway.screen import Screen
from gateway.site_words import config_of, remember
from gateway.store import audit_page
from gateway.store.history import History
from gateway.upstream import Upstream

FACING = frozenset({"dashboard", "link", "users", "put_user", "drop_user"}) | holding.HOLDING
"""What the local socket is asked that is answered here."""
SHOWN_S = 0.95
"""How often open pages are told, at the next step."""
Edge = tuple[str, Callable[[], Awaitable[None]]]


class Front:
    """One per gateway."""

    def __init__(
        self,
        site: Site,
        profiles: Mapping[str, Profile],
        image: Image,
        clock: Clock,
        *,
        loop: Loop,
        pollers: Mapping[str, Poller],
        upstream: Upstream,
        keeper: Keeper,
        state: Path,
        shadow: bool,
        listen: Listen | None,
        site_file: Path | None,
        on_url: Callable[[str], None],
    ) -> None:
        self._mode: Mode | None = None
        self._state = state
        self._remembers = False
        self._keeper = keeper
        self._shown_s = 0.0
        self._site_file = site_file
        self.alarms = AlarmList()
        self.past = PastEvents()
        if site_file is not None:
            remember(state, site_file)
        self.history = History(state, image, clock, on_alarm=keeper.alarm)
        self.energies = EnergyView(site, profiles, self.history, clock, on_alarm=keeper.alarm)
        self.audit = AuditView(state, site.audit_seal)
        self.people = People(loop, keeper, self.alarms, clock, state=lambda: loop.state)
        self.panel = Panel(
            Parts(
                site,
                profiles,
                image,
                clock,
                loop,
                pollers,
                upstream.links,
                self.alarms,
                self.past,
                shadow,
                config_of(site, site_file),
                upstream.heard_s,
            )
        )
        self.screen = None
        if listen is not None:
            self.screen = Screen(
                listen,
                state,
                clock,
                site=self.panel,
                ask=self.people,
                history=HistoryView(self.history),
                energies=self.energies,
                audit=self.audit,
                on_url=on_url,
            )

    def adopt(self, site: Site, profiles: Mapping[str, Profile], raw: bytes) -> None:
        """Take another site over, its points in the image already."""
        self.panel.adopt(site, profiles, config_of(site, self._site_file, raw=raw))
        self.energies.adopt(site, profiles)

    def edges(self) -> list[Edge]:
        """Its tasks by name."""
        found: list[Edge] = [("history", self.history.run), ("energy", self.energies.run)]
        if self.screen is not None:
            found.append(("dashboard", self._serve))
        return found

    async def _serve(self) -> None:
        """Know the past again, then serve."""
        assert self.screen is not None
        if not self._remembers:
            self._remembers = True
            folder = self._state / "audit"
            records = await asyncio.to_thread(audit_page.page, folder, before=None, limit=MOST, kind=KIND)
            self.past.remember(records[0])
        await self.screen.run()

    def hear(self, before: ControlState, inputs: Inputs, decision: Decision, after: ControlState) -> None:
        """Take over what a step decided."""
        self.panel.hear(decision)
        self.past.follow(decision, after)
        if decision.verdicts:
            self.people.hear(decision.verdicts)
            for event in self.past.hear(before, inputs, decision.verdicts):
                if event.kind == Kind.EVENT.value:  # a setpoint every few seconds has its answers in the chain already
                    self._keeper.note(KIND, asdict(event))
        for key in self.alarms.over(inputs.now_s):
            self._keeper.note("alarm_unshelved", {"key": key, "why": "its time is over"})
        due = inputs.now_s - self._shown_s >= SHOWN_S
        if self.screen is not None and (due or decision.verdicts or decision.mode is not self._mode):
            self._shown_s = inputs.now_s
            self.screen.hurry()  # pages are served right behind a step, when the next is furthest away
        self._mode = decision.mode

    def values(self) -> dict[str, float | None]:
        """Its part of the points of device `gateway`."""
        return self.panel.values() | {"history.bytes": float(self.history.used_bytes)}

    def alarm(self, alarm: Alarm) -> None:
        """Take over an alarm."""
        self.alarms.hear(alarm)
        if self.screen is not None:
            self.screen.hurry()

    async def answer(self, asked: dict[str, Any], user: int) -> dict[str, Any]:
        """A request of the local socket, one of `FACING`; `user` is the asker's user id."""
        if str(asked.get("do")) in holding.HOLDING:
            return await holding.answer(self.people, asked, user)
        from gateway import local_access  # access is loaded only where there is a dashboard

        return await local_access.answer(self.screen, self._keeper, asked, user)

    async def close(self) -> None:
        """Keep the rest of the history, end the threads."""
        await self.history.close()
        self.audit.close()
