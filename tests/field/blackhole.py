"""Run inside a network namespace of its own: a line to an address that swallows every packet, beside a healthy one.

Prints one JSON line: how long the attempts to connect took, how many were under way at a time, the healthy line's gaps.
"""

import asyncio
import json
import subprocess
import sys
import time
from dataclasses import replace

from gateway.field import tcp as dialling
from tests.field import things
from tests.field.peers import tcp_peer
from tests.field.rig import polling
from tests.field.test_faults_poller import T_POLL, T_TO, fast, holes, line, polls_of

SWALLOWED = "10.9.9.2:502"
CONNECT_S = 3.0 / 20.0


async def main() -> None:
    under_way = most = 0
    took: list[float] = []
    connect = dialling._connected

    async def watched(addresses):
        nonlocal under_way, most
        if all(where != "10.9.9.2" for _, (where, _) in addresses):
            return await connect(addresses)
        under_way += 1
        most = max(most, under_way)
        began_s = time.monotonic()
        try:
            return await connect(addresses)
        finally:
            under_way -= 1
            took.append(time.monotonic() - began_s)

    async with tcp_peer() as peer:
        swallowed = replace(things.tcp(SWALLOWED, timeout_s=T_TO), connect_timeout_s=CONNECT_S)
        async with polling((line(peer), [fast("good")])):
            await asyncio.sleep(1.0)
            well = holes(polls_of(peer))
        dialling._connected = watched
        began = len(polls_of(peer))
        async with polling((line(peer), [fast("good")]), (swallowed, [fast("gone")])) as rig:
            await asyncio.sleep(2.0)
            offline = rig.reading("gone", "power").cause.name
        ill = holes(polls_of(peer)[began:])
    print(
        json.dumps({"took": took, "most": most, "offline": offline, "well": well[-1], "ill": ill[-1], "poll": T_POLL})
    )


if __name__ == "__main__":
    for command in sys.argv[1:]:
        subprocess.run(command.split(), check=True)
    asyncio.run(main())
