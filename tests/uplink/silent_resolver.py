"""Run inside network and mount namespaces of its own: a link whose broker has a name, and a resolver that falls silent.

Argument: an empty folder. Prints one JSON line: seconds to a new session in each state of the resolver, threads, the
worst lateness of the event loop, and what a link was told that never learned an address.
"""

import asyncio
import json
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

from gateway.uplink.resolve import THREAD
from tests.uplink.gateway_side import QUICK, uplink
from tests.uplink.parts import ScriptedBroker, until

NAME = "broker.test"
NOERROR, SERVFAIL, NXDOMAIN = 0, 2, 3
TIMES = replace(QUICK, resolve_s=0.2)


class Resolver(asyncio.DatagramProtocol):
    """A name server (RFC 1035, 4.1): one address for every name, an error, or nothing at all."""

    def __init__(self) -> None:
        self.code: int | None = NOERROR
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr) -> None:
        if self.code is None or self._transport is None:
            return
        end = data.index(b"\0", 12) + 5
        kind = int.from_bytes(data[end - 4 : end - 2], "big")
        answer = b""
        if self.code == NOERROR and kind == 1:
            answer = b"\xc0\x0c\0\x01\0\x01\0\0\0\x01\0\x04\x7f\0\0\x01"
        head = data[:2] + bytes((0x81, 0x80 | self.code)) + b"\0\x01\0" + bytes((1 if answer else 0,)) + b"\0\0\0\0"
        self._transport.sendto(head + data[12:end] + answer, addr)


async def main(folder: Path) -> None:
    loop = asyncio.get_running_loop()
    _, resolver = await loop.create_datagram_endpoint(Resolver, ("127.0.0.1", 53))
    most = worst = 0.0

    async def watch() -> None:
        nonlocal most, worst
        while True:
            began_s = time.monotonic()
            await asyncio.sleep(0.01)
            worst = max(worst, time.monotonic() - began_s - 0.01)
            most = max(most, sum(1 for one in threading.enumerate() if one.name == THREAD))

    watching = asyncio.create_task(watch())
    back = {}
    async with ScriptedBroker().serving() as broker:
        url = f"mqtt://{NAME}:{broker.port}"
        async with uplink(folder / "known", broker.port, version="3.1.1", url=url, times=TIMES) as side:
            await until(lambda: side.link.connected)
            for state, code in (("silent", None), ("nxdomain", NXDOMAIN), ("servfail", SERVFAIL)):
                resolver.code = code
                for _ in range(2):
                    sessions = side.link.sessions
                    broker.writers[-1].close()
                    began_s = time.monotonic()
                    await until(lambda: side.link.sessions > sessions and side.link.connected)  # noqa: B023 - awaited here
                    back[state] = max(back.get(state, 0.0), time.monotonic() - began_s)
        resolver.code = None
        async with uplink(folder / "new", broker.port, version="3.1.1", url=url, times=TIMES) as side:
            await until(lambda: bool(side.alarms))
            told = side.alarms[0].detail
            resolver.code = NOERROR
            began_s = time.monotonic()
            await until(lambda: side.link.connected)
            back["healed"] = time.monotonic() - began_s
    watching.cancel()
    print(json.dumps({"back": back, "threads": most, "late": worst, "told": told}))


if __name__ == "__main__":
    own = Path(sys.argv[1])
    (own / "resolv.conf").write_text("nameserver 127.0.0.1\noptions timeout:1 attempts:2\n")
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    subprocess.run(["mount", "--bind", str(own / "resolv.conf"), "/etc/resolv.conf"], check=True)
    asyncio.run(main(own))
