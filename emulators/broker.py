"""An MQTT broker for the demo and tests: the one in the box (amqtt, in this process) or mosquitto where it is installed."""

import asyncio
import os
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

READY_S = 10.0


def mosquitto_program() -> str | None:
    """Where mosquitto is; it sits in an sbin folder that is not in everybody's PATH."""
    places = os.pathsep.join([os.environ.get("PATH", ""), "/usr/local/sbin", "/usr/sbin", "/sbin"])
    return shutil.which("mosquitto", path=places)


def free_port() -> int:
    """A TCP port of 127.0.0.1 nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def embedded(port: int) -> AsyncIterator[int]:
    """Amqtt in this process, MQTT 3.1.1, loopback only; for demonstrations, not for production."""
    from amqtt.broker import Broker

    port = port or free_port()
    broker = Broker(
        {
            "listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{port}", "max_connections": 100}},
            "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
        }
    )
    await broker.start()
    try:
        yield port
    finally:
        await broker.shutdown()


@asynccontextmanager
async def mosquitto(port: int, *, program: str | None = None) -> AsyncIterator[int]:
    """Mosquitto as a child process without a session store, loopback only; ends with the block."""
    program = program or mosquitto_program()
    if program is None:
        raise FileNotFoundError("mosquitto is not installed; install the package mosquitto")
    port = port or free_port()
    with tempfile.TemporaryDirectory(prefix="mosquitto-") as folder:
        config = Path(folder) / "mosquitto.conf"
        config.write_text(
            f"listener {port} 127.0.0.1\nallow_anonymous true\nset_tcp_nodelay true\npersistence false\nlog_type none\n"
        )
        process = await asyncio.create_subprocess_exec(program, "-c", str(config))
        try:
            await listening(port)
            yield port
        finally:
            with suppress(ProcessLookupError):
                process.terminate()
            await process.wait()


async def listening(port: int, *, within_s: float = READY_S) -> None:
    """Wait until somebody listens on a port of 127.0.0.1; TimeoutError when nobody does."""
    async with asyncio.timeout(within_s):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.02)
                continue
            writer.close()
            return
