"""A gateway assembled from libraries the obvious way, as a yardstick of start and memory: pymodbus, aiomqtt, no checks.

`python -m benchmarks.assembled '{"ports": …, "points": 60, "mqtt_port": …}'` reads each meter once a second and
publishes its values.
"""

import asyncio
import json
import sys
from typing import Any

import aiomqtt
from pymodbus.client import AsyncModbusTcpClient


async def poll(port: int, points: int, broker: aiomqtt.Client, name: str) -> None:
    """One meter."""
    client = AsyncModbusTcpClient("127.0.0.1", port=port)
    await client.connect()
    while True:
        answer = await client.read_holding_registers(0, count=2 * points, device_id=1)
        values = client.convert_from_registers(answer.registers, client.DATATYPE.FLOAT32)
        await broker.publish("vpp/v1/bench/telemetry", json.dumps({"device": name, "values": values}), qos=0)
        await asyncio.sleep(1.0)


async def main(spec: dict[str, Any]) -> None:
    """Run until killed."""
    async with aiomqtt.Client("127.0.0.1", port=spec["mqtt_port"]) as broker, asyncio.TaskGroup() as group:
        for name, port in spec["ports"].items():
            if name not in ("pcc", "battery"):
                group.create_task(poll(port, spec["points"], broker, name))
        print(json.dumps({"ready": True}), flush=True)


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))
