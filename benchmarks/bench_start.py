"""From starting the process to its first published value, and the memory it takes then: 50 devices of 60 points, MQTT.

Beside it in turns a gateway assembled from pymodbus and aiomqtt; `make bench-peers` sets ThingsBoard's and Node-RED
beside it as well. Anchors measured elsewhere: ThingsBoard 2.9 s and 69 MB, Node-RED 3.0 s and 150 to 190 MB.
"""

import asyncio
from statistics import median

from benchmarks.peers.runs import POINTS, Run, run
from benchmarks.rig import child, figure, progress
from emulators.broker import embedded, mosquitto, mosquitto_program

METERS, ROUNDS, WINDOW_S = 50, 3, 2.0


async def main() -> None:
    """Measure and print."""
    runs: dict[str, list[Run]] = {"assembled": [], "ours": []}
    async with mosquitto(0) if mosquitto_program() else embedded(0) as port:
        with child("benchmarks.peers.world", {"meters": METERS, "mqtt_port": port}) as world:
            for number in range(ROUNDS):
                for name, found in runs.items():
                    progress(f"start {number + 1} of {ROUNDS}: {name}")
                    found.append(
                        await asyncio.to_thread(run, name, world, mqtt_port=port, period_s=1.0, window_s=WINDOW_S)
                    )

    def both(key: str) -> tuple[float, float]:
        ours, assembled = (median([getattr(one, key) for one in runs[name]]) for name in ("ours", "assembled"))
        return ours, assembled

    how = f"{METERS} devices x {POINTS} points, MQTT; floor: pymodbus + aiomqtt"
    value, floor = both("start_s")
    anchors = {"anchor_thingsboard": 2.9, "anchor_node_red": 3.0}
    figure("start_first_value", value, "s", floor=floor, target="<= 2 x assembled", method=how, **anchors)
    value, floor = both("start_cpu_s")
    figure(
        "start_cpu", value, "s", floor=floor, method="processor time until then: what a busy machine does not change"
    )
    value, floor = both("rss_mb")
    target = "<= 0.9 x ThingsBoard, <= 0.4 x Node-RED: about 60 MB"
    anchors = {"anchor_thingsboard": 69, "anchor_node_red": 150}
    figure("start_rss", value, "MB", floor=floor, target=target, method=how, **anchors)


if __name__ == "__main__":
    asyncio.run(main())
