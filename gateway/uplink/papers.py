"""Papers: looks at a link's certificates while it works: told before one ends, taken over when its file is renewed."""

import asyncio
from datetime import UTC, datetime
from typing import Protocol

from gateway.clock import EARLIEST_UTC_MS, Clock
from gateway.errors import LinkError
from gateway.log import get_logger
from gateway.model.site import Link
from gateway.texts import say
from gateway.uplink.credentials import Credentials, read, stage_of, stamp_of
from gateway.uplink.mqtt_session import SessionEnded, address_of

log = get_logger("papers")


class Raise(Protocol):
    """Raises an alarm of the link, once."""

    def __call__(self, cause: str, *, detail: str) -> None:
        """By its cause."""


class Clear(Protocol):
    """Clears one."""

    def __call__(self, cause: str) -> None:
        """By its cause."""


class Papers:
    """The credentials of one link."""

    def __init__(self, link: Link, clock: Clock, *, every_s: float, alarm: Raise, clear: Clear) -> None:
        self._link = link
        self._clock = clock
        self._every_s = every_s
        self._alarm = alarm
        self._clear = clear
        self._stage: int | None = None
        self._peer_ends_s: float | None = None
        self._unusable: object = None

    async def read(self) -> Credentials:
        """As the files are now; SessionEnded when they cannot be used."""
        address = address_of(self._link.url)
        try:
            found = await asyncio.to_thread(read, self._link, server_name=address.host if address.tls else None)
        except LinkError as exc:
            raise SessionEnded(exc.said) from exc
        self._judge(found.ends_s)
        self._unusable = None
        self._clear("credentials_unusable")
        return found

    async def watch(self, used: Credentials) -> None:
        """While a session lasts; SessionEnded when there are new credentials, or the broker's certificate has ended."""
        peer_ends_s = None if used.context is None else used.context.peer_ends_s()
        self._peer_ends_s = peer_ends_s
        while True:
            self._judge(used.ends_s)
            if peer_ends_s is not None and peer_ends_s <= self._now_s():
                raise SessionEnded(say("alarm.broker_ended"))
            await asyncio.sleep(self._every_s)
            if await self._renewed(used):
                raise SessionEnded("new credentials", renewed=True)

    async def _renewed(self, used: Credentials) -> bool:
        """Whether the files have changed to something that can be used; a half-written one is left alone."""
        try:
            stamp = await asyncio.to_thread(stamp_of, self._link)
            if stamp in (used.stamp, self._unusable):
                return False
            self._unusable = stamp
            await self.read()
        except (OSError, LinkError) as exc:
            self._alarm("credentials_unusable", detail=exc.said if isinstance(exc, LinkError) else str(exc))
            return False
        return True

    def _judge(self, ours_s: float | None) -> None:
        """Tell how near the end of a certificate is, once a stage."""
        ends = [
            (end_s, who)
            for end_s, who in ((ours_s, "alarm.ends.ours"), (self._peer_ends_s, "alarm.ends.broker"))
            if end_s is not None
        ]
        if not ends or self._clock.utc_ms() < EARLIEST_UTC_MS:
            return
        end_s, who = min(ends)
        stage = stage_of(end_s, now_s=self._now_s())
        if stage == self._stage:
            return
        self._stage = stage
        self._clear("certificate_ends")
        if stage is not None:
            day = datetime.fromtimestamp(end_s, UTC).isoformat(timespec="minutes")
            self._alarm("certificate_ends", detail=say(who, day=day))

    def _now_s(self) -> float:
        return self._clock.utc_ms() / 1000.0
