"""How long a line is busy: the reads of its devices against their periods. Pure.

Times are estimates: bytes on the wire (RTU: 11 bits each, 3.5 characters of silence around a frame, Modbus over Serial
Line V1.02, 2.5.1.1), a turn-around of the device, the pauses the line and the profile ask for.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from gateway.model.site import Connection, Device, Transport
from gateway.profiles.readplan import plan
from gateway.profiles.schema import Block, Every, Profile

TURNAROUND_S: Mapping[Transport, float] = {
    Transport.MODBUS_TCP: 0.010,
    Transport.MODBUS_RTU: 0.015,
    Transport.MODBUS_RTU_TCP: 0.030,
    Transport.MODBUS_TLS: 0.010,
    Transport.OPCUA: 0.010,
}
"""What a device and the way to it take for an answer, without the bytes."""
Blocks = tuple[Block, ...]
Planned = Mapping[str, Blocks]
"""Profile, as devices name it -> its reads."""
_BITS_A_CHARACTER = 11
_SILENCE_CHARACTERS = 3.5
_ASKED_BYTES = 8
_ANSWER_OVERHEAD_BYTES = 5


@dataclass(frozen=True, slots=True)
class BusTime:
    """One line: requests in a full pass, seconds of the pass, share of the time it is busy, worst pass, remarks."""

    connection: str
    devices: int
    requests: int
    pass_s: float
    load: float
    worst_pass_s: float
    """With the device that costs most not answering: each of its reads waits for the deadline once."""

    @property
    def overloaded(self) -> bool:
        """More is asked of the line than it can carry."""
        return self.load > 1.0


def bus_time(
    connection: Connection, devices: Iterable[tuple[Device, Profile]], *, planned: Planned | None = None
) -> BusTime:
    """The plan of one line; `devices` are those on it, each with its profile; `planned`: blocks that are known already."""
    pass_s = load = 0.0
    requests = count = 0
    lost_s = [0.0]
    for device, profile in devices:
        count += 1
        cyclic = [
            (every, s)
            for every, s in _reads(connection, profile, (planned or {}).get(device.profile))
            if every is not Every.ONCE
        ]
        pass_s += sum(s for _, s in cyclic)
        requests += len(cyclic)
        load += sum(s / period_s(device, profile, every) for every, s in cyclic)
        lost_s.append(len(cyclic) and connection.timeout_s)  # the breaker asks a silent unit one read a pass
    return BusTime(connection.id, count, requests, pass_s, load, pass_s + max(lost_s))


def blocks_of(profile: Profile) -> Blocks:
    """The reads of a Modbus profile; none of another."""
    return plan(profile.points.values(), profile.limits)


def period_s(device: Device, profile: Profile, every: Every) -> float:
    """How often points of this class are read on this device."""
    return device.poll_s if every is Every.FAST and device.poll_s is not None else profile.poll_s[every]


def _reads(connection: Connection, profile: Profile, blocks: Blocks | None) -> list[tuple[Every, float]]:
    if connection.transport is Transport.OPCUA:
        classes = {point.every for point in profile.points.values() if point.readable}
        return [(every, TURNAROUND_S[connection.transport]) for every in sorted(classes)]
    pause_s = max(connection.min_gap_s, profile.pauses.request_s)
    blocks = blocks_of(profile) if blocks is None else blocks
    return [(block.every, _seconds(connection, block) + pause_s) for block in blocks]


def _seconds(connection: Connection, block: Block) -> float:
    busy_s = TURNAROUND_S[connection.transport]
    if connection.transport is not Transport.MODBUS_RTU:
        return busy_s
    data = (block.count + 7) // 8 if block.table.of_bits else 2 * block.count
    characters = _ASKED_BYTES + _ANSWER_OVERHEAD_BYTES + data + 2 * _SILENCE_CHARACTERS
    return busy_s + characters * _BITS_A_CHARACTER / connection.baud
