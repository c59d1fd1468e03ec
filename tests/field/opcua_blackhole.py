"""Run inside a network namespace of its own: an OPC UA server behind another, whose answers vanish while a client connects.

Arguments: a Unix socket that leads to the server, the folder of its papers, our own folder. Prints one JSON line: how long every attempt took that met the black hole, the seconds back to a value after it was
healed, and what of the attempts was left behind.
"""

import asyncio
import json
import subprocess
import sys
import time
from pathlib import Path

from gateway.clock import SystemClock
from gateway.errors import BusError
from gateway.field import opcua_session
from gateway.field.opcua import OpcUaBus
from gateway.field.opcua_guard import GuardedClient
from gateway.model.site import Connection, Device, Transport
from gateway.profiles.schema import Kind
from tests.field import things
from tests.footprint import footprint

OURS, THEIRS, PORT = "10.9.9.1", "10.9.9.2", 4840
TIMEOUT_S, CONNECT_S = 0.5, 1.0
PHASES = ("connect_socket", "open_secure_channel", "create_session")
"""Steps of connecting; the hole opens just before one of them."""
opcua_session.GOODBYE_S = 0.2


def sh(command: str) -> None:
    subprocess.run(command.split(), check=True)


class Hole:
    """The server's namespace forgets the way to us, and finds it again."""

    def __init__(self, pid: int) -> None:
        self._there = f"nsenter --target {pid} --net ip"

    def join(self) -> None:
        sh("ip link add v0 type veth peer name v1")
        sh(f"ip link set v1 netns {self._there.split()[2]}")
        for command in ("link set lo up", f"addr add {THEIRS}/24 dev v1", "link set v1 up"):
            sh(f"{self._there} {command}")
        sh(f"ip addr add {OURS}/24 dev v0")
        sh("ip link set v0 up")

    def open(self) -> None:
        sh(f"{self._there} route add blackhole {OURS}/32")

    def close(self) -> None:
        sh(f"{self._there} route del blackhole {OURS}/32")


async def swallowed(bus: OpcUaBus, hole: Hole, phase: str) -> tuple[list[float], float]:
    """Two attempts that meet the hole, and how long it takes to a value once it is healed."""
    step = getattr(GuardedClient, phase)

    async def swallowing(client: GuardedClient, *args: object) -> object:
        setattr(GuardedClient, phase, step)
        await asyncio.to_thread(hole.open)
        return await step(client, *args)

    setattr(GuardedClient, phase, swallowing)
    took = []
    for _ in range(2):
        began_s = time.monotonic()
        try:
            await bus.read("thing", 0)
            raise SystemExit(f"an attempt came through the hole before {phase}")
        except BusError:
            took.append(time.monotonic() - began_s)
    await asyncio.to_thread(hole.close)
    return took, await back(bus)


async def back(bus: OpcUaBus) -> float:
    """Seconds until a value comes."""
    began_s = time.monotonic()
    while True:
        try:
            await bus.read("thing", 0)
        except BusError:
            await asyncio.sleep(0.1)
        else:
            return time.monotonic() - began_s


async def main(hole: Hole, server: Path, own: Path) -> None:
    points = [things.node("power", "Power", Kind.F64)]
    member = things.Member(Device("thing", "test/thing", "line"), things.profile(points))
    line = Connection(
        "line", Transport.OPCUA, f"opc.tcp://{THEIRS}:{PORT}/", timeout_s=TIMEOUT_S, connect_timeout_s=CONNECT_S,
        security_policy="Basic256Sha256", server_name="127.0.0.1", user="tower", password_file=server / "password",
    )  # fmt: skip
    bus = OpcUaBus(line, [member], clock=SystemClock(), papers=own)
    await back(bus)
    await bus.close()
    before = footprint()
    took, healed = [], []
    for phase in PHASES:
        attempts, back_s = await swallowed(bus, hole, phase)
        await bus.close()
        took += attempts
        healed.append(back_s)
    after = footprint()
    left = {"tasks": after.tasks - before.tasks, "descriptors": after.descriptors - before.descriptors}
    deadline_s = max(CONNECT_S, TIMEOUT_S) + opcua_session.GOODBYE_S
    print(json.dumps({"took": took, "back": healed, "deadline": deadline_s, **left}))


if __name__ == "__main__":
    way, papers, folder = sys.argv[1:]
    sh("ip link set lo up")
    relay = ["unshare", "--net", "socat", f"TCP-LISTEN:{PORT},fork,reuseaddr", f"UNIX-CONNECT:{way}"]
    with subprocess.Popen(relay) as far:
        try:
            while Path(f"/proc/{far.pid}/ns/net").readlink() == Path("/proc/self/ns/net").readlink():
                time.sleep(0.01)
            hole = Hole(far.pid)
            hole.join()
            asyncio.run(main(hole, Path(papers), Path(folder)))
        finally:
            far.kill()
