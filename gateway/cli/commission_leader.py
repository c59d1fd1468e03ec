"""The asset whose setpoint is followed and then lost in a drill: which, how far, and what its devices show of it.

A register that can be read tells whether its setpoint is in force; where it is only written, the device's power does.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gateway.cli.capability import plan
from gateway.cli.commission_alone import ARRIVES_S
from gateway.cli.commission_blind import blind, powers, slow_s
from gateway.cli.commission_guard import watts_of
from gateway.cli.commission_lines import Lines
from gateway.cli.commission_station import Station, Times
from gateway.cli.commission_trial import probe_w, registers, room_now
from gateway.cli.proving import Unsafe, value_of
from gateway.commission.acceptance import Check
from gateway.commission.drawn import Drawn, judge_followed
from gateway.commission.trials import LEAST_SHARE, tolerance_of
from gateway.control import guard
from gateway.control.kinds import control_of
from gateway.model.mode import Mode
from gateway.model.point import point_id
from gateway.model.site import Asset, Battery
from gateway.texts import say

NEAR = 0.01


@dataclass(frozen=True, slots=True)
class Leader:
    """The asset, the devices of it that take part, and the power it is asked for."""

    asset: Asset
    devices: tuple[str, ...]
    power_w: float
    unread: frozenset[str]
    """Devices whose setpoint is only written."""
    rest_w: Mapping[str, float | None]
    """What those drew before."""

    @property
    def read(self) -> tuple[str, ...]:
        """Devices whose setpoint can be read."""
        return tuple(device for device in self.devices if device not in self.unread)

    @property
    def near(self) -> float:
        """How near to a decision that still moves a little a register must be."""
        return NEAR * (self.asset.max_w - self.asset.min_w) / len(self.devices)

    @property
    def safe_value(self) -> float | None:
        """What a setpoint reads at the asset's safe value; None: the device is released."""
        return safe_value(self.asset, len(self.devices))


@dataclass(frozen=True, slots=True)
class Followed:
    """What there was to see while the setpoint was followed."""

    register: float | None
    """What the first register that can be read did; None: there is none."""
    held_w: Mapping[str, float | None]
    """What the devices drew whose register cannot be read."""


async def leader_of(assets: Sequence[Asset], lines: Lines) -> Leader:
    """The quickest asset with room, one that can be read back and a battery first; Unsafe when none has room."""

    def order(asset: Asset) -> tuple[bool, bool, float]:
        unread = blind(asset, asset.devices, lines.members)
        return bool(unread), not isinstance(asset.detail, Battery), asset.dead_time_s + asset.lag_s

    why: Unsafe | None = None
    for asset in sorted(assets, key=order):
        try:
            room = await room_now(asset, lines)
        except Unsafe as exc:
            why = why or exc
            continue
        steps = plan(
            least_w=room.least_w, rest_w=room.rest_w, most_w=room.most_w, dead_s=0.0, lag_s=0.0, hold_s=ARRIVES_S
        )
        if steps:
            unread = blind(asset, room.devices, lines.members)
            return Leader(asset, room.devices, probe_w(room), unread, powers(asset, unread, lines.snapshot()))
    raise why or Unsafe("no_room", say("refused.nobody_has_room"))


async def followed(lines: Lines, station: Station, leader: Leader, times: Times) -> Followed:
    """Let it follow a setpoint; what its devices then show. Unsafe when they do not."""
    asset = leader.asset
    before = registers(asset, lines.snapshot())
    settle_s = times.settle_s + (slow_s(asset) if leader.unread else 0.0)
    station.ask(asset.id, leader.power_w)

    def moved() -> bool:
        if not leader.read:
            return _power_moved(lines, leader)
        point = point_id(leader.read[0], control_of(asset))
        value, rest = lines.snapshot().usable(point), before[point]
        return value is not None and (rest is None or abs(value - rest) > tolerance(lines, leader))

    within_s = ARRIVES_S + settle_s
    if await station.until(lambda: station.is_in(Mode.REMOTE) and moved(), within_s=within_s, beat=True) is None:
        raise Unsafe("not_following", say("refused.setpoint_not_taken", asset=asset.id, kw=leader.power_w / 1000.0))
    await station.until(lambda: False, within_s=settle_s, beat=True)
    snapshot = lines.snapshot()
    held_w = powers(asset, leader.unread, snapshot)
    if not leader.read:
        return Followed(None, held_w)
    point = point_id(leader.read[0], control_of(asset))
    held = snapshot.usable(point)
    if held is None:
        raise Unsafe("power_unknown", say("refused.point_unread", point=point))
    return Followed(held, held_w)


def tolerance(lines: Lines, leader: Leader) -> float:
    """Within this its registers read as written."""
    return tolerance_of(lines.members[leader.devices[0]].profile.controls[control_of(leader.asset)])


def judge_powers(lines: Lines, leader: Leader, seen: Followed, drill: str, *, asked: float | None) -> list[Check]:
    """One row for each device that only its power tells of; `asked` is what control asks for, None: given back."""
    now_w = powers(leader.asset, leader.unread, lines.snapshot())
    asked_w = None if asked is None else watts_of(leader.asset, asked, 1)
    return [
        judge_followed(Drawn(device, leader.rest_w[device], seen.held_w[device], now_w[device]), drill, asked_w=asked_w)
        for device in leader.devices
        if device in leader.unread
    ]


def decided(station: Station, leader: Leader) -> float | None:
    """What control asks for now that something is lost: worst-case limits may want more than the safe value. None: released."""
    asset = leader.asset
    if not isinstance(asset.detail, Battery):
        return station.told.get((leader.devices[0], control_of(asset)), leader.safe_value)
    shares = () if station.last is None else station.last.shares
    share = next((one for one in shares if one.asset == asset.id), None)
    return leader.safe_value if share is None else value_of(asset, share.command_w, len(leader.devices))[0]


def within(lines: Lines, leader: Leader) -> float:
    """How near to what control asks for a register must be; a battery's aim still moves a little."""
    return leader.near if isinstance(leader.asset.detail, Battery) else tolerance(lines, leader)


def safe_value(asset: Asset, count: int) -> float | None:
    """What a setpoint reads at the asset's safe value; None: the device is released."""
    found = guard.failsafe(asset)
    if isinstance(asset.detail, Battery) or found is None:
        return None if asset.safe_w is None else value_of(asset, asset.safe_w, count)[0]
    return found


def _power_moved(lines: Lines, leader: Leader) -> bool:
    """Whether the devices together went the way they were asked to."""
    now, rest = powers(leader.asset, leader.devices, lines.snapshot()).values(), leader.rest_w.values()
    known_now, known_rest = [one for one in now if one is not None], [one for one in rest if one is not None]
    if len(known_now) < len(leader.devices) or len(known_rest) < len(leader.devices):
        return False
    asked_w = leader.power_w - sum(known_rest)
    return asked_w != 0.0 and (sum(known_now) - sum(known_rest)) / asked_w >= LEAST_SHARE
