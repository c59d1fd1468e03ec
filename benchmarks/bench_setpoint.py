"""Setpoint published on MQTT -> register written at the battery, through book, step, guard and writer, beside a floor.

50 devices and the site meter are polled ten times a second meanwhile. Times: the publisher's clock before the message goes out, the
battery's own ledger when function 16 arrives, the publisher's clock when the ack comes. The floor process polls the same
and writes each setpoint at once, without any step; floor, gateway and floor again run one after the other, the waits
between setpoints are random. They are `ar` setpoints in W; a `reg` signal goes the same way through the same step.
"""

import asyncio
import json
import random
import struct
import tempfile
import time
from collections.abc import Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from benchmarks.rawmqtt import connect
from benchmarks.rig import Child, child, figure, gateway, now_s, percentiles, progress, wait_polled, write_site
from emulators.broker import embedded, mosquitto, mosquitto_program

METERS, POINTS, PERIOD_S = 50, 20, 0.1
FLOOR_SETPOINTS, SETPOINTS = 60, 150
GAP_S = (0.10, 0.22)
LOAD_W = 300_000
STEP_W = 20_000
"""Setpoints change sign by turns, at least 40 kW apart; corrections after a meter value are smaller."""
LATE_S = 0.1 + GAP_S[0]
SITE = "vpp/v1/bench/"


@dataclass(slots=True)
class Sent:
    """Setpoints as sent: time and battery power wanted, by id; acks as they came."""

    at_s: dict[str, float] = field(default_factory=dict)
    wanted_w: dict[str, int] = field(default_factory=dict)
    acked_s: dict[str, float] = field(default_factory=dict)

    def on_ack(self, _topic: str, payload: bytes) -> None:
        """The first answer to an id."""
        now = now_s()
        ack = json.loads(payload)
        if ack["result"] != "accepted" and ack["id"] not in self.acked_s:
            progress(f"ack: {ack}")
        self.acked_s.setdefault(ack["id"], now)


async def send(port: int, name: str, count: int) -> Sent:
    """Send setpoints of changing sign and size at random times."""
    sent = Sent()
    client = await connect(port, name, [SITE + "ack"], sent.on_ack)
    dice = random.Random(name)
    await asyncio.sleep(0.2)
    for number in range(count):
        utc_ms = time.time_ns() // 1_000_000
        watts = dice.randint(20, 90) * 1000 * (-1) ** number
        command = {
            "id": f"{name}-{number}", "issuer": "bench", "seq": utc_ms, "kind": "setpoint", "target": "site",
            "service": "ar", "power_w": LOAD_W + watts,
            "issued_at": utc_ms, "not_before": utc_ms, "valid_until": utc_ms + 10_000,
        }  # fmt: skip
        payload = json.dumps(command).encode()
        sent.wanted_w[command["id"]] = watts
        sent.at_s[command["id"]] = now_s()
        client.publish(SITE + "command", payload)
        await asyncio.sleep(dice.uniform(*GAP_S))
    await asyncio.sleep(0.5)
    client.close()
    return sent


def latencies(sent: Sent, writes: Iterable[tuple[float, str]]) -> tuple[list[float], int]:
    """From sending to the first big step of the battery in the wanted direction, s; and how many had none in LATE_S."""
    powers = [(t, -struct.unpack(">i", bytes.fromhex(pdu)[6:10])[0]) for t, pdu in writes if pdu.startswith("1000c8")]
    steps = [(t, watts - before) for (_, before), (t, watts) in pairwise(powers) if abs(watts - before) > STEP_W]
    found, lost = [], 0
    for name, at_s in sent.at_s.items():
        up = sent.wanted_w[name] > 0
        hit = next((t - at_s for t, step_w in steps if 0.0 < t - at_s < LATE_S and (step_w > 0) == up), None)
        if hit is None:
            lost += 1
        else:
            found.append(hit)
    return found, lost


async def measure(
    port: int, devices: Child, folder: Path
) -> tuple[dict[str, list[float]], dict[str, list[float]], int]:
    """Latencies and ack latencies of `floor` and `gateway`, and setpoints of the gateway that never arrived."""
    site = write_site(folder, devices.ready, points=POINTS, poll_s=PERIOD_S, meter_poll_s=PERIOD_S, mqtt_port=port)
    ports = {name: one for name, one in devices.ready["ports"].items() if name != "pcc"}
    spec = {"ports": ports, "points": POINTS, "poll_s": PERIOD_S, "mqtt_port": port}
    took: dict[str, list[float]] = {"floor": [], "gateway": []}
    acks: dict[str, list[float]] = {"floor": [], "gateway": []}
    lost = 0
    for name in ("floor", "gateway", "floor"):
        progress(f"{name}, {METERS} devices at {1 / PERIOD_S:g} Hz")
        count = SETPOINTS if name == "gateway" else FLOOR_SETPOINTS
        running = gateway(site) if name == "gateway" else child("benchmarks.floor", spec)
        with running:
            await asyncio.to_thread(wait_polled, devices, METERS)
            sent = await send(port, f"{name}{len(took[name])}", count)
            writes = (await asyncio.to_thread(devices.report))["writes"]
        found, missing = latencies(sent, writes)
        took[name] += found
        lost += missing if name == "gateway" else 0
        acks[name] += [sent.acked_s[one] - at_s for one, at_s in sent.at_s.items() if one in sent.acked_s]
    return took, acks, lost


async def main() -> None:
    """Measure and print."""
    program = mosquitto_program()
    broker = "mosquitto" if program else "amqtt"
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        port = await stack.enter_async_context(mosquitto(0) if program else embedded(0))
        devices = stack.enter_context(child("benchmarks.devices", {"meters": METERS}))
        took, acks, lost = await measure(port, devices, folder)
    how = f"{broker}, {METERS} devices polled at {1 / PERIOD_S:g} Hz; publish to FC16 in the battery's ledger"
    for what, values, note in (("setpoint", took, how), ("setpoint_ack", acks, f"{broker}; publish to ack received")):
        ours, theirs = (percentiles(values[name], scale=1000.0) for name in ("gateway", "floor"))
        for at, name, goal, beyond in ((0, "p50", 20, 3), (1, "p99", 100, 15)):
            target = f"<= {goal} and <= floor + {beyond}"
            over = round(ours[at] - theirs[at], 3)
            figure(f"{what}_{name}", ours[at], "ms", floor=theirs[at], target=target, method=note, over_floor_ms=over)
    figure("setpoint_lost", float(lost), "setpoints", target="0", method=f"of {SETPOINTS}, not written in {LATE_S:g} s")


if __name__ == "__main__":
    asyncio.run(main())
