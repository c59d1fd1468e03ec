"""One read or one write that a person asks for, over whatever owns the lines: the daemon, or a command by itself.

A read answers from the image. A write passes the profile's range and, where the device belongs to an asset, the guard;
what the guard would change is refused instead. It is written once, not refreshed, read back, and kept in the audit
chain before it is answered: a device with a reversion timer falls back when that runs out, the others keep the value.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from gateway.clock import Clock
from gateway.control import guard
from gateway.control.kinds import ENABLE, control_of
from gateway.errors import GatewayError
from gateway.field.points import member_of
from gateway.field.writer import Writer
from gateway.model.command import Command, Fate, Outcome
from gateway.model.image import Image
from gateway.model.point import PointId, point_id, quantity_of
from gateway.model.reading import Quality
from gateway.model.site import Asset, Chiller, Site
from gateway.profiles.schema import Profile
from gateway.texts import say

WITHIN_S = 8.0
"""A value that has not reached the device by then is not written any more."""
READ_BACK_S = 6.0
GONE = (Fate.CONFIRMED, Fate.DIFFERS, Fate.REFUSED, Fate.EXPIRED, Fate.SHADOW)
GOOD = (Fate.CONFIRMED, Fate.WRITTEN)

Record = Callable[[str, dict[str, object]], Awaitable[None]]
"""Puts one record into the audit chain; returns when it is on the disk."""


class Unasked(GatewayError):
    """What was asked is not done; `code` is the reason's code."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Row:
    """One point as read: `value` None exactly when INVALID; `name` of the value where it is one of a list."""

    point: str
    value: float | None
    unit: str
    quality: str
    cause: str
    age_s: float | None
    name: str = ""


@dataclass(frozen=True, slots=True)
class Written:
    """What became of a write; `value` as the device's steps allow it, None: given back to the device."""

    point: str
    value: float | None
    unit: str
    fate: str
    detail: str
    reverts_s: float | None
    """After how long the device falls back by itself."""

    @property
    def good(self) -> bool:
        """The device has it."""
        return self.fate in GOOD


class OneShot:
    """Reads and writes by name; one per owner of lines."""

    def __init__(
        self,
        site: Site,
        profiles: Mapping[str, Profile],
        image: Image,
        writer: Writer,
        clock: Clock,
        *,
        record: Record,
        steering: bool,
    ) -> None:
        """`steering`: control runs here, and what it moves is not anybody else's to write."""
        self._site = site
        self._profiles = profiles
        self._image = image
        self._writer = writer
        self._clock = clock
        self._record = record
        self._steering = steering
        self._waiting: dict[tuple[str, str], asyncio.Future[Outcome]] = {}

    def adopt(self, site: Site, profiles: Mapping[str, Profile]) -> None:
        """Take another site over."""
        self._site, self._profiles = site, profiles

    def read(self, device: str, names: Sequence[str] = ()) -> list[Row]:
        """The newest reading of these points, of all when none is named; Unasked for a name that is not there."""
        texts = texts_of(self._site, self._profiles, device, names)
        points = points_of(self._site, self._profiles, device, names)
        now_s = self._clock.boot_s()
        snapshot, profile = self._image.snapshot(now_s), self._profile(device)
        rows = []
        for point in points:
            found = snapshot.reading(point)
            spec = profile.points[quantity_of(point)]
            whole = found.value is not None and found.value.is_integer()
            name = spec.enum.get(int(found.value), "") if found.value is not None and whole else ""
            age_s = None if found.value is None else round(now_s - found.measured_s, 3)
            unit = spec.unit.value
            quality, cause = found.quality.name.lower(), found.cause.name.lower()
            rows.append(Row(point, found.value, unit, quality, "" if cause == "none" else cause, age_s, name))
        return rows + [self._said(point) for point in texts]

    def _said(self, point: PointId) -> Row:
        """What a device says in words; it is read once and has no age."""
        said = self._image.texts.get(point)
        if said is None:
            return Row(point, None, "", Quality.INVALID.name.lower(), "never_read", None)
        return Row(point, None, "", Quality.GOOD.name.lower(), "", None, said)

    def lines(self) -> list[dict[str, str]]:
        """The lines that are owned here: what else asks on one of them meets our own requests."""
        owned = self._site.connections.values()
        return [{"id": one.id, "transport": one.transport.value, "address": one.address} for one in owned]

    async def write(self, device: str, control: str, value: float | None, *, user: int) -> Written:
        """Write one control once (None: give it back to the device); Unasked when it must not be written."""
        self._check(device, control, value)
        key = (device, control)
        if key in self._waiting:
            raise Unasked("busy", say("refused.busy", device=device, control=control))
        asked = {"device": device, "control": control, "value": value, "user": user}
        now_s = self._clock.boot_s()
        future = self._waiting[key] = asyncio.get_running_loop().create_future()
        try:
            self._writer.post([Command(device, control, value, "one_shot", now_s, now_s + WITHIN_S)], now_s)
            try:
                async with asyncio.timeout(WITHIN_S + READ_BACK_S):
                    outcome = await future
            except TimeoutError:
                outcome = Outcome(
                    device, control, value, Fate.UNKNOWN, self._clock.boot_s(), say("refused.not_read_back")
                )
        finally:
            del self._waiting[key]
            self._writer.forget(device, control)
        await self._record("one_shot_write", {**asked, "fate": outcome.fate.value, "detail": outcome.detail})
        facts = self._profile(device).controls[control]
        reverts_s = None if value is None or facts.keepalive is None else facts.keepalive.timeout_s
        return Written(
            point_id(device, control), outcome.value, facts.unit.value, outcome.fate.value, outcome.detail, reverts_s
        )

    def hear(self, outcome: Outcome) -> None:
        """An outcome of the writer; those nobody waits for are passed over."""
        future = self._waiting.get((outcome.device, outcome.control))
        if future is None or future.done():
            return
        read_back = self._profile(outcome.device).points[outcome.control].readable and outcome.value is not None
        if outcome.fate in GONE or (outcome.fate is Fate.WRITTEN and not read_back):
            future.set_result(outcome)

    def _check(self, device: str, control: str, value: float | None) -> None:
        check_control(self._site, self._profiles, device, control)
        asset = asset_of(self._site, device)
        if asset is None:
            return
        if self._steering and control in moved_by(asset):
            raise Unasked("asset_steered", say("refused.steered", device=device, control=control, asset=asset.id))
        if control not in moved_by(asset):
            return
        now_s = self._clock.boot_s()
        asked = Command(device, control, value, "one_shot", now_s, now_s + WITHIN_S)
        allowed = guard.clamp(asked, asset, self._image.snapshot(now_s))
        if allowed.value != value:
            shown = "release" if allowed.value is None else f"{allowed.value:g}"
            raise Unasked(
                allowed.reason,
                say(
                    "refused.guard_of_asset",
                    device=device,
                    control=control,
                    asset=asset.id,
                    shown=shown,
                    reason=allowed.reason,
                ),
            )

    def _profile(self, device: str) -> Profile:
        return _profile_of(self._site, self._profiles, device)


def points_of(site: Site, profiles: Mapping[str, Profile], device: str, names: Sequence[str]) -> list[PointId]:
    """The ids of a device's readable numbers: those named, or all; Unasked for an unknown name."""
    points = {p.name: p for p in _profile_of(site, profiles, device).points.values() if p.readable}
    for name in names:
        if name not in points:
            raise Unasked(
                "unknown_point", say("refused.no_point", device=device, point=name, there=", ".join(sorted(points)))
            )
    return [point_id(device, name) for name in names or sorted(points) if not points[name].is_text]


def texts_of(site: Site, profiles: Mapping[str, Profile], device: str, names: Sequence[str]) -> list[PointId]:
    """The ids of what a device says in words: those named, or all."""
    texts = [p.name for p in _profile_of(site, profiles, device).points.values() if p.readable and p.is_text]
    return [point_id(device, name) for name in sorted(texts) if not names or name in names]


def check_control(site: Site, profiles: Mapping[str, Profile], device: str, control: str) -> None:
    """Unasked when the device has no such control."""
    controls = _profile_of(site, profiles, device).controls
    if control not in controls:
        there = ", ".join(controls) or "none"
        raise Unasked("unknown_control", say("refused.no_control", device=device, control=control, there=there))


def asset_of(site: Site, device: str) -> Asset | None:
    """The asset a device belongs to."""
    return next((asset for asset in site.assets.values() if device in asset.devices), None)


def moved_by(asset: Asset) -> tuple[str, ...]:
    """The controls of its devices that control writes."""
    return (control_of(asset), ENABLE) if isinstance(asset.detail, Chiller) else (control_of(asset),)


async def answer(one_shot: OneShot, request: dict[str, Any], user: int) -> dict[str, Any]:
    """A request of the local socket: `{do: read, device, points}`, `{do: write, device, control, value}`, `{do: lines}`."""
    try:
        match request:
            case {"do": "read", "device": str(device), "points": list(names), **rest} if not rest:
                return {"rows": [asdict(row) for row in one_shot.read(device, [str(name) for name in names])]}
            case {"do": "lines", **rest} if not rest:
                return {"lines": one_shot.lines()}
            case {"do": "write", "device": str(device), "control": str(control), "value": value, **rest} if not rest:
                return {"written": asdict(await one_shot.write(device, control, _number(value), user=user))}
    except Unasked as exc:
        return {"error": exc.code, "text": exc.said}
    return {"error": "malformed", "text": say("refused.no_request")}


def _number(value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Unasked("malformed", say("refused.no_number"))
    return float(value)


def is_usable(row: Row) -> bool:
    """Whether a row says something of now."""
    return row.quality in (Quality.GOOD.name.lower(), Quality.UNCERTAIN.name.lower())


def _profile_of(site: Site, profiles: Mapping[str, Profile], device: str) -> Profile:
    """As this very device has it: some points are there only with a parameter."""
    if device not in site.devices:
        raise Unasked("unknown_device", say("refused.no_device", device=device, there=", ".join(site.devices)))
    return member_of(site.devices[device], profiles).profile
