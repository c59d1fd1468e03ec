"""A gateway assembled from libraries the obvious way, as a yardstick of start and memory: pymodbus, aiomqtt, no checks.

`python -m benchmarks.assembled '{"ports": …, "points": 60, "mqtt_port": …}'` reads each meter once in `poll_s` (1) and
publishes its values with `qos` (0) under `topic`, to which the meter's name is added when it ends with a slash.
"""

import asyncio
import json
import sys
import time
from typing import Any

import aiomqtt
from pymodbus.client import AsyncModbusTcpClient


async def poll(port: int, name: str, broker: aiomqtt.Client, spec: dict[str, Any]) -> None:
    """One meter."""
    topic, qos, period_s = spec.get("topic", "vpp/v1/bench/telemetry"), spec.get("qos", 0), spec.get("poll_s", 1.0)
    topic += name if topic.endswith("/") else ""
    due_s = time.monotonic()
    client = AsyncModbusTcpClient("127.0.0.1", port=port)
    await client.connect()
    while True:
        answer = await client.read_holding_registers(0, count=2 * spec["points"], device_id=1)
        values = client.convert_from_registers(answer.registers, client.DATATYPE.FLOAT32)
        await broker.publish(topic, json.dumps({"device": name, "values": values}), qos=qos)
        due_s = max(due_s + period_s, time.monotonic())
        await asyncio.sleep(due_s - time.monotonic())


async def main(spec: dict[str, Any]) -> None:
    """Run until killed."""
    async with aiomqtt.Client("127.0.0.1", port=spec["mqtt_port"]) as broker, asyncio.TaskGroup() as group:
        for name, port in spec["ports"].items():
            if name not in ("pcc", "battery"):
                group.create_task(poll(port, name, broker, spec))
        print(json.dumps({"ready": True}), flush=True)


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))
