"""The whole gateway, 50 meters of 60 points at 1 s, MQTT QoS 1, all stores on: beside the floor and one assembled from libraries.

CPU per point that reached the subscriber, from a meter's answer to the message that holds it, and how many points a
second a second of processor time is good for under load. The floor does the same input and output by hand: uvloop, polls in
five groups a second, one Struct, one message a meter; nothing checked or kept. `make bench-peers` measures the same beside
other gateways.
"""

import asyncio
from statistics import median

from benchmarks.peers.runs import Run, run
from benchmarks.rig import Child, child, figure, progress
from emulators.broker import embedded, mosquitto, mosquitto_program

METERS, ROUNDS = 50, 3
WINDOW_S, LOAD_WINDOW_S = 8.0, 4.0
LOAD_PERIODS_S = {"ours": (0.2, 0.1, 0.05), "assembled": (0.2, 0.1)}
"""15,000, 30,000 and 60,000 points a second."""


def measure(world: Child, port: int) -> tuple[dict[str, list[Run]], dict[str, list[Run]]]:
    """Steady runs by turns, then runs under ever more load until one does not keep up."""
    steady: dict[str, list[Run]] = {"floor": [], "ours": []}
    for number in range(ROUNDS):
        for name, found in steady.items():
            progress(f"round {number + 1} of {ROUNDS}: {name}")
            found.append(run(name, world, mqtt_port=port, period_s=1.0, window_s=WINDOW_S))
    loaded: dict[str, list[Run]] = {name: [] for name in LOAD_PERIODS_S}
    for name, periods in LOAD_PERIODS_S.items():
        for period_s in periods:
            progress(f"{name}, a poll every {period_s:g} s")
            loaded[name].append(run(name, world, mqtt_port=port, period_s=period_s, window_s=LOAD_WINDOW_S))
            if not loaded[name][-1].kept_up:
                break
    return steady, loaded


async def main() -> None:
    """Measure and print."""
    program = mosquitto_program()
    async with mosquitto(0) if program else embedded(0) as port:
        with child("benchmarks.peers.world", {"meters": METERS, "mqtt_port": port}) as world:
            steady, loaded = await asyncio.to_thread(measure, world, port)
    how = f"{METERS} meters x 60 points, 1 s, {'mosquitto' if program else 'amqtt'}, QoS 1"
    cpu, late = ({name: median([getattr(one, key) for one in found]) for name, found in steady.items()} for key in ("cpu_us", "late_ms"))  # fmt: skip
    figure("whole_cpu", cpu["ours"], "us/point", floor=cpu["floor"], target="<= 3 x floor", method=how)
    figure(
        "whole_late", late["ours"], "ms", floor=late["floor"], target="<= 1.5 x floor",
        method=f"{how}; from the meter's answer to the subscriber, p50",
    )  # fmt: skip
    held = {name: [1e6 / one.cpu_us for one in found if one.kept_up] for name, found in loaded.items()}
    if held["ours"] and held["assembled"]:
        most = {name: max(found) for name, found in held.items()}
        figure(
            "whole_sustained", most["ours"], "points per CPU second", floor=most["assembled"],
            target=">= 2 x assembled", method=f"{METERS} meters x 60 points under load; floor: assembled",
        )  # fmt: skip


if __name__ == "__main__":
    asyncio.run(main())
