"""Brokers for the uplink's socket tests."""

import asyncio
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from emulators.broker import embedded, free_port, listening
from tests.needs import program


class Mosquitto:
    """mosquitto without a session store, that can be killed and started again on the same port."""

    def __init__(self, program_path: str, folder: Path) -> None:
        self._program = program_path
        self.port = free_port()
        self._config = folder / "mosquitto.conf"
        self._config.write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous true\nset_tcp_nodelay true\npersistence false\nlog_type none\n"
        )
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(self._program, "-c", str(self._config))
        await listening(self.port)

    async def kill(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(signal.SIGCONT)
            self._process.kill()
            await self._process.wait()

    def freeze(self, *, frozen: bool = True) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP if frozen else signal.SIGCONT)


@pytest.fixture
async def mosquitto(tmp_path: Path) -> AsyncIterator[Mosquitto]:
    """A running mosquitto; skipped with the package's name where there is none."""
    broker = Mosquitto(program("mosquitto"), tmp_path)
    await broker.start()
    yield broker
    await broker.kill()


@dataclass(frozen=True)
class Broker:
    """Where a broker listens and which version to speak to it."""

    port: int
    version: str


@pytest.fixture(params=["mosquitto", "amqtt"])
async def broker(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Broker]:
    """MQTT 5 (mosquitto) and 3.1.1 (amqtt)."""
    if request.param == "mosquitto":
        process = Mosquitto(program("mosquitto"), tmp_path)
        await process.start()
        yield Broker(process.port, "5")
        await process.kill()
    else:
        pytest.importorskip("amqtt", reason="needs the Python package amqtt: pip install 'vpp-gateway[demo]'")
        async with embedded(0) as port:
            yield Broker(port, "3.1.1")
