"""From starting the process to its first published value, and the memory it takes then: 50 devices of 60 points, MQTT.

Beside it in the same run a gateway assembled from pymodbus and aiomqtt. Anchors measured elsewhere: ThingsBoard gateway
2.9 s and 69 MB, Node-RED 3.0 s and 150 to 190 MB, Python floor 0.1 s and 21 to 23 MB.
"""

import asyncio
import json
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path
from statistics import median

from benchmarks.rawmqtt import connect
from benchmarks.rig import Child, child, figure, gateway, now_s, progress, rss_mb, write_site
from emulators.broker import embedded, mosquitto, mosquitto_program

METERS, POINTS = 50, 60
ROUNDS, WITHIN_S, LATER_S = 3, 15.0, 4.0


class First:
    """When the first telemetry and the first other message came."""

    def __init__(self) -> None:
        self.value: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self.word: asyncio.Future[float] = asyncio.get_running_loop().create_future()

    def on_message(self, topic: str, payload: bytes) -> None:
        """Note the first of each."""
        if not self.word.done():
            self.word.set_result(now_s())
        if topic.endswith("/telemetry") and not self.value.done() and _has_value(payload):
            self.value.set_result(now_s())


def _has_value(payload: bytes) -> bool:
    """A value of a device, not of the gateway itself."""
    message = json.loads(payload)
    if "samples" not in message:
        return True
    return any(sample[2] is not None and not sample[1].startswith("gateway/") for sample in message["samples"])


async def main() -> None:
    """Measure and print."""
    program = mosquitto_program()
    took: dict[str, list[float]] = {"gateway": [], "assembled": [], "word": []}
    memory: dict[str, list[float]] = {"gateway": [], "assembled": []}
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        port = await stack.enter_async_context(mosquitto(0) if program else embedded(0))
        devices = stack.enter_context(child("benchmarks.devices", {"meters": METERS}))
        site = write_site(folder, devices.ready, points=POINTS, poll_s=1.0, mqtt_port=port)
        spec = {"ports": devices.ready["ports"], "points": POINTS, "mqtt_port": port}
        for number in range(ROUNDS):
            progress(f"start {number + 1} of {ROUNDS}")
            for name in took.keys() - {"word"}:
                first = First()
                client = await connect(
                    port, f"start-{name}", ["vpp/v1/bench/telemetry", "vpp/v1/bench/status"], first.on_message
                )
                await asyncio.sleep(0.3)  # what is retained of the round before
                first = First()
                client.listen(first.on_message)
                begin_s = now_s()
                running = gateway(site) if name == "gateway" else child("benchmarks.assembled", spec)
                with running as process:
                    async with asyncio.timeout(WITHIN_S):
                        took[name].append(await first.value - begin_s)
                    if name == "gateway":
                        took["word"].append(await first.word - begin_s)
                    await asyncio.sleep(LATER_S if number == 0 else 0.0)
                    if number == 0:
                        memory[name].append(rss_mb(process.process.pid if isinstance(process, Child) else process.pid))
                client.close()
    how = f"{METERS} devices x {POINTS} points, MQTT; floor: pymodbus + aiomqtt"
    anchors = {"anchor_thingsboard": 2.9, "anchor_node_red": 3.0}
    value, floor = median(took["gateway"]), median(took["assembled"])
    figure("start_first_value", value, "s", floor=floor, target="<= 2 x assembled", method=how, **anchors)
    figure("start_first_word", median(took["word"]), "s", method="the same, first status or telemetry")
    anchors = {"anchor_thingsboard": 69, "anchor_node_red": 150}
    target = "<= 0.9 x ThingsBoard, <= 0.4 x Node-RED: about 60 MB"
    figure("start_rss", memory["gateway"][0], "MB", floor=memory["assembled"][0], target=target, method=how, **anchors)


if __name__ == "__main__":
    asyncio.run(main())
