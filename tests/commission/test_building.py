"""The technician's day: from an empty folder to a site that runs, for twelve devices on three kinds of lines."""

import asyncio
import csv
import os
import sys
from pathlib import Path

import pytest

from gateway.clock import SystemClock
from gateway.config.read import load_site
from tests.commission.building import CHILLERS, READS, SERIAL, TCP, alive

ROOT = Path(__file__).parents[2]
RELAYS, CHANNELS = "io/waveshare_relay_8ch", 8
"""A device a channel."""


async def gateway(*arguments: str) -> tuple[int, str]:
    """One command in a process of its own."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway", *arguments, cwd=ROOT, env={**os.environ, "GATEWAY_LANG": "en", "COLUMNS": "120"},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        out, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()
    return process.returncode or 0, out.decode()


@pytest.mark.tier_s
@pytest.mark.timeout(300)
async def test_three_commands_lead_from_an_empty_folder_to_a_running_site(tmp_path):
    site, state = tmp_path / "tower.yaml", tmp_path / "state"
    clock = SystemClock()
    async with alive(tmp_path, clock.boot_s) as (addresses, asked):
        code, out = await gateway(
            "new", str(site), "--scan", addresses["plant"], "--scan", addresses["rtu"], "--scan", addresses["cooling"],
            "--units", "1-6", "--asset", "battery=200/200/400", "--max-import-kw", "1000", "--yes",
        )  # fmt: skip
        print(out)
        assert code == 0, out
        rows = csv.DictReader(asked.read_text(encoding="utf-8").splitlines())
        assert {row["request"][:2] for row in rows} <= set(READS)
        made = load_site(site)
        assert sorted(device.profile.partition("@")[0] for device in made.devices.values()) == sorted(
            [*TCP, *SERIAL, *[RELAYS] * (CHANNELS - 1), *["hvac/acme_chiller_opcua"] * len(CHILLERS)]
        )
        print(site.read_text())
        code, out = await gateway("check", str(site))
        print(out)
        assert code == 0, out
        running = asyncio.create_task(gateway("run", str(site), "--state", str(state), "--shadow"))
        try:
            async with asyncio.timeout(120):
                while not (state / "gateway.sock").exists():  # noqa: ASYNC110 - a file tells no event
                    await asyncio.sleep(0.5)
                while (await gateway("read", str(site), "battery", "battery.soc", "--state", str(state)))[0]:  # noqa: ASYNC110
                    await asyncio.sleep(1.0)
            code, out = await gateway("watch", str(site), "--state", str(state), "--looks", "1")
            print(out)
            assert code == 0
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
