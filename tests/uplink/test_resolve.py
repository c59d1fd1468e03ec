"""Names: a resolver that errs or never answers delays its link a little and nobody else."""

import asyncio
import json
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from gateway.errors import LinkError
from gateway.uplink.resolve import THREAD, Resolver
from tests.needs import program

ROOT = Path(__file__).parents[2]


@pytest.mark.tier_r
@pytest.mark.fault("F-052", "U4")
def test_a_resolver_that_never_answers_or_errs_costs_a_link_that_knows_its_broker_nothing(tmp_path):
    program("ip")
    command = [sys.executable, "-m", "tests.uplink.silent_resolver", str(tmp_path)]
    done = subprocess.run(
        [program("unshare"), "--map-root-user", "--net", "--mount", *command],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=100,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout.splitlines()[-1])
    assert set(seen["back"]) == {"silent", "nxdomain", "servfail", "healed"}
    assert max(seen["back"].values()) <= 60.0 / 10  # times compressed by about ten
    assert seen["threads"] <= 2
    assert seen["late"] <= 1.2 * 0.25
    assert "broker.test" in seen["told"]


@pytest.fixture
def lookups(monkeypatch) -> list[str]:
    """Names asked for; `late…` is answered after a third of a second, `wrong…` is not known."""
    asked: list[str] = []

    def getaddrinfo(host, port, **_):
        asked.append(host)
        if host.startswith("late"):
            time.sleep(0.3)
        if host.startswith("wrong"):
            raise socket.gaierror(-2, "Name or service not known")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (f"10.0.0.{len(asked)}", port))]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return asked


async def test_an_address_needs_no_question(lookups):
    assert await Resolver().address("10.1.2.3", 1) == "10.1.2.3"
    assert await Resolver().address("::1", 1) == "::1"
    assert lookups == []


async def test_an_open_question_is_not_asked_again_and_its_answer_counts_when_it_comes(lookups):
    resolver = Resolver()
    for _ in range(5):
        with pytest.raises(LinkError, match="not answered"):
            await resolver.address("late.test", 1, within_s=0.01)
    assert lookups == ["late.test"]
    assert sum(1 for one in threading.enumerate() if one.name == THREAD) == 1
    async with asyncio.timeout(5):
        while resolver._open is not None:  # noqa: ASYNC110 - of another thread
            await asyncio.sleep(0.01)
    assert await resolver.address("late.test", 1, within_s=0.01) == "10.0.0.1"  # the last one that was found


async def test_a_name_nobody_knows_is_an_error_with_its_reason(lookups):
    with pytest.raises(LinkError, match=r"wrong\.test: Name or service not known"):
        await Resolver().address("wrong.test", 1)
