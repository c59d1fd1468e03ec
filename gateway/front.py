"""What faces people: alarm list, past events, history, audit view and, when asked for, the dashboard; one object to the app.

It is told every decision and every alarm and gives the app its tasks; nothing here can hold control up. What only a page,
a chart or a report shows is loaded when it is first asked for: a gateway without a dashboard does not carry it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gateway.alarms import AlarmList
from gateway.clock import Clock
from gateway.control.decision import Decision, Inputs
from gateway.control.state import ControlState
from gateway.field.poller import Poller
from gateway.keeper import Keeper
from gateway.lastsite import remember
from gateway.loop import Loop
from gateway.model.command import Alarm
from gateway.model.image import Image
from gateway.model.listen import Listen
from gateway.model.mode import Mode
from gateway.model.request import Kind
from gateway.model.site import Site
from gateway.past_events import KIND, MOST, REGULATION, PastEvents
from gateway.profiles.schema import Profile
from gateway.store.history import History
from gateway.texts import say
from gateway.upstream import Upstream

if TYPE_CHECKING:
    from gateway.audit_view import AuditView
    from gateway.energies import EnergyView
    from gateway.panel import Panel
    from gateway.people import People
    from gateway.screen import Screen

HOLDING = frozenset({"hold", "unhold"})
FACING = frozenset({"dashboard", "link", "users", "put_user", "drop_user"}) | HOLDING
"""What the local socket is asked that is answered here."""
SHOWN_S = 0.95
"""How often open pages are told, at the next step."""
ENERGY_S = 30.0
"""After the start the meters are looked at for the first time."""
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
        self._site, self._profiles, self._image, self._clock = site, profiles, image, clock
        self._loop, self._pollers, self._upstream, self._keeper = loop, pollers, upstream, keeper
        self._state, self._shadow, self._site_file = state, shadow, site_file
        self._raw: bytes | None = None
        self._decision: Decision | None = None
        self._mode: Mode | None = None
        self._remembers = False
        self._shown_s = 0.0
        self.alarms = AlarmList()
        self.past = PastEvents()
        if site_file is not None:
            remember(state, site_file)
        self.history = History(state, image, clock, on_alarm=keeper.alarm)
        self._people: People | None = None
        self._panel: Panel | None = None
        self._energies: EnergyView | None = None
        self._audit: AuditView | None = None
        self.screen = None if listen is None else self._made_screen(listen, on_url)

    @property
    def people(self) -> "People":
        """Where people ask."""
        if self._people is None:
            from gateway.people import People  # for a page, and for a hold over the local socket

            self._people = People(self._loop, self._keeper, self.alarms, self._clock, state=lambda: self._loop.state)
        return self._people

    @property
    def panel(self) -> "Panel":
        """The site as pages show it."""
        if self._panel is None:
            from gateway.panel import Panel, Parts  # with every answer of the API: only where there is a page
            from gateway.site_words import config_of

            self._panel = Panel(
                Parts(
                    self._site,
                    self._profiles,
                    self._image,
                    self._clock,
                    self._loop,
                    self._pollers,
                    self._upstream.links,
                    self.alarms,
                    self.past,
                    self._shadow,
                    config_of(self._site, self._site_file, raw=self._raw),
                    self._upstream.heard_s,
                )
            )
            if self._decision is not None:
                self._panel.hear(self._decision)
        return self._panel

    @property
    def energies(self) -> "EnergyView":
        """Energy and evidence."""
        if self._energies is None:
            from gateway.energies import EnergyView  # the reports: for a page, and for the first look at the meters

            self._energies = EnergyView(
                self._site, self._profiles, self.history, self._clock, on_alarm=self._keeper.alarm
            )
        return self._energies

    @property
    def audit(self) -> "AuditView":
        """The audit chain."""
        if self._audit is None:
            from gateway.audit_view import AuditView  # answers of the API

            self._audit = AuditView(self._state, self._site.audit_seal)
        return self._audit

    def _made_screen(self, listen: Listen, on_url: Callable[[str], None]) -> "Screen":
        from gateway.history_view import HistoryView  # the dashboard's own rooms
        from gateway.screen import Screen

        return Screen(
            listen,
            self._state,
            self._clock,
            site=self.panel,
            ask=self.people,
            history=HistoryView(self.history),
            energies=self.energies,
            audit=self.audit,
            on_url=on_url,
        )

    def adopt(self, site: Site, profiles: Mapping[str, Profile], raw: bytes) -> None:
        """Take another site over, its points in the image already."""
        self._site, self._profiles, self._raw = site, profiles, raw
        if self._panel is not None:
            from gateway.site_words import config_of  # loaded with the panel

            self._panel.adopt(site, profiles, config_of(site, self._site_file, raw=raw))
        if self._energies is not None:
            self._energies.adopt(site, profiles)

    def edges(self) -> list[Edge]:
        """Its tasks by name."""
        found: list[Edge] = [("history", self.history.run), ("energy", self._look)]
        if self.screen is not None:
            found.append(("dashboard", self._serve))
        return found

    async def _look(self) -> None:
        """Look at the meters once an hour."""
        await asyncio.sleep(ENERGY_S)
        energies = await asyncio.to_thread(lambda: self.energies)
        await energies.run()

    async def _serve(self) -> None:
        """Know the past again, then serve."""
        assert self.screen is not None
        if not self._remembers:
            from gateway.store import audit_page  # the past is shown by pages

            self._remembers = True
            folder = self._state / "audit"
            pages = [
                await asyncio.to_thread(audit_page.page, folder, before=None, limit=MOST, kind=kind)
                for kind in (KIND, REGULATION)
            ]
            self.past.remember([record for records, _ in pages for record in records])
        await self.screen.run()

    def hear(self, before: ControlState, inputs: Inputs, decision: Decision, after: ControlState) -> None:
        """Take over what a step decided."""
        self._decision = decision
        if self._panel is not None:
            self._panel.hear(decision)
        if (regulated := self.past.follow(decision, after)) is not None:
            self._keeper.note(REGULATION, asdict(regulated))
        if decision.verdicts:
            if self._people is not None:
                self._people.hear(decision.verdicts)
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
        """Its part of the points of device `gateway`: what is asked and done, None where there is none."""
        decision = self._decision
        active = sum(entry.active for entry in self.alarms.entries())
        found: dict[str, float | None] = {
            "alarms.active": float(active),
            "history.bytes": float(self.history.used_bytes),
        }
        if decision is None:
            return found
        found |= {
            "target.power": decision.target_w,
            "baseline.power": decision.baseline_w,
            "basepoint.power": decision.basepoint_w,
        }
        for share in decision.shares:
            found |= {f"asset.{share.asset}.asked": share.command_w, f"asset.{share.asset}.does": share.power_w}
        return found

    def alarm(self, alarm: Alarm) -> None:
        """Take over an alarm."""
        self.alarms.hear(alarm)
        if self.screen is not None:
            self.screen.hurry()

    async def answer(self, asked: dict[str, Any], user: int) -> dict[str, Any]:
        """A request of the local socket, one of `FACING`; `user` is the asker's user id."""
        if str(asked.get("do")) in HOLDING:
            from gateway import holding  # seldom asked

            if self._shadow:  # the book would have it, the devices would not
                return {"error": "shadow", "text": say("refused.shadow")}
            return await holding.answer(self.people, asked, user)
        from gateway import local_access  # access is loaded only where there is a dashboard

        return await local_access.answer(self.screen, self._keeper, asked, user)

    async def close(self) -> None:
        """Keep the rest of the history, end the threads."""
        await self.history.close()
        if self._audit is not None:
            self._audit.close()
