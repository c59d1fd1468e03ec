"""What people on site ask for becomes a Request in the book, as anybody's wish does; this is the only door for it.

Every change is in the audit chain, with who, why and what came of it, before it is answered.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace

from gateway.alarms import AlarmList, NotShelved, Shelf
from gateway.clock import Clock
from gateway.control.state import ControlState
from gateway.dashboard.rights import Done
from gateway.keeper import Keeper
from gateway.loop import Loop
from gateway.model.request import Arrival, Kind, Request, Service, Source, Verdict

JUDGED_S = 5.0
"""A request that control has not judged by then is told to be lost."""
SITE = "site"


class People:
    """One per gateway; `dashboard.ports.Ask`."""

    def __init__(
        self, loop: Loop, keeper: Keeper, alarms: AlarmList, clock: Clock, *, state: Callable[[], ControlState]
    ) -> None:
        self._loop, self._keeper, self._alarms, self._clock, self._state = loop, keeper, alarms, clock, state
        self._waiting: dict[tuple[str, str], asyncio.Future[Verdict]] = {}
        self._seq = 0

    def hear(self, verdicts: tuple[Verdict, ...]) -> None:
        """Take over what a step answered."""
        for verdict in verdicts:
            future = self._waiting.get((verdict.issuer, verdict.id))
            if future is not None and not future.done():
                future.set_result(verdict)

    async def override(self, user: str, asset: str, *, power_w: float | None, for_s: float, why: str) -> Done:
        """Take an asset over for a while; None: to its safe value."""
        wish = self._wish(user, Source.MANUAL, asset, why)
        return await self._ask("override", replace(wish, power_w=power_w, end_ms=wish.begin_ms + round(for_s * 1000.0)))

    async def stop(self, user: str, *, why: str) -> Done:
        """Emergency stop: every asset to its safe value until a person releases it."""
        return await self._ask("stop", self._wish(user, Source.INTERLOCK, SITE, why))

    async def release(self, user: str, *, why: str) -> Done:
        """End the emergency stop; with several pressed, all of them."""
        pressed = [
            held.request.id
            for held in self._state().book.entries
            if held.request.target == SITE and held.request.source is Source.INTERLOCK
        ]
        done = Done("", "refused", "not_stopped")
        for name in pressed:
            wish = self._wish(user, Source.INTERLOCK, SITE, why)
            done = await self._ask("release", replace(wish, kind=Kind.CANCEL, ref=name))
        return done

    async def cancel(self, user: str, request: str, *, why: str) -> Done:
        """End a request in force or to come, whoever's it is, or reset an interlock by its name."""
        book = self._state().book
        held = next((entry.request for entry in book.entries if entry.request.id == request), None)
        above = request in book.latched or (held is not None and held.source is Source.INTERLOCK)
        wish = self._wish(
            user, Source.INTERLOCK if above else Source.MANUAL, SITE if held is None else held.target, why
        )
        return await self._ask("cancel", replace(wish, kind=Kind.CANCEL, ref=request))

    async def acknowledge(self, user: str, alarm: str) -> Done:
        """Say that an alarm was seen; LookupError when there is none of that key."""
        self._alarms.acknowledge(alarm, user, self._clock.utc_ms())
        await self._keeper.kept("alarm_seen", {"key": alarm, "by": user})
        return Done(alarm, "done", "ok")

    async def shelve(self, user: str, alarm: str, *, for_s: float, why: str) -> Done:
        """Put an alarm out of the way for a while; LookupError when none of that key stands."""
        clock = self._clock
        until_ms = clock.utc_ms() + round(for_s * 1000.0)
        try:
            self._alarms.shelve(alarm, Shelf(user, why, clock.boot_s() + for_s, until_ms))
        except NotShelved:
            return Done(alarm, "refused", "not_shelvable")
        await self._keeper.kept("alarm_shelved", {"key": alarm, "by": user, "why": why, "until_ms": until_ms})
        return Done(alarm, "done", "ok")

    async def unshelve(self, user: str, alarm: str) -> Done:
        """Take it back before its time; LookupError when none of that key is shelved."""
        self._alarms.unshelve(alarm)
        await self._keeper.kept("alarm_unshelved", {"key": alarm, "by": user})
        return Done(alarm, "done", "ok")

    async def record(self, kind: str, data: dict[str, object]) -> None:
        """Put something into the audit chain; returns when it is on the disk."""
        await self._keeper.kept(kind, data)

    def _wish(self, user: str, source: Source, target: str, why: str) -> Request:
        utc_ms = self._clock.utc_ms()
        self._seq = max(self._seq + 1, utc_ms)
        return Request(
            id=f"p{self._seq}",
            issuer=f"operator:{user}",
            source=source,
            seq=self._seq,
            service=Service.LIMIT,
            kind=Kind.SETPOINT,
            target=target,
            issued_ms=utc_ms,
            begin_ms=utc_ms,
            note=why,
        )

    async def _ask(self, what: str, wish: Request) -> Done:
        key = (wish.issuer, wish.id)
        future = self._waiting[key] = asyncio.get_running_loop().create_future()
        try:
            self._loop.arrive(Arrival(wish.issuer, self._clock.boot_s(), self._clock.utc_ms(), wish))
            async with asyncio.timeout(JUDGED_S):
                verdict = await future
            done = Done(wish.id, verdict.result.value, verdict.reason)
        except TimeoutError:
            done = Done(wish.id, "refused", "not_judged")
        finally:
            del self._waiting[key]
        await self._keeper.kept(
            "person",
            {
                "did": what,
                "user": wish.issuer.partition(":")[2],
                "id": wish.id,
                "target": wish.target,
                "power_w": wish.power_w,
                "end_ms": wish.end_ms,
                "ref": wish.ref,
                "why": wish.note,
                "result": done.result,
                "reason": done.reason,
            },
        )
        return done
