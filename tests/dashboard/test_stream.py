"""Server-sent events: everything at the begin, changes as they come, nobody held up by who does not read."""

import asyncio
import contextlib
import itertools
import json
import socket

import pytest

from gateway.dashboard import stream as streaming
from gateway.dashboard.records import AlarmNow
from gateway.dashboard.roles import Role
from tests.dashboard.rig import T0_MS, now, serving


async def events(answer, count):
    found = []
    while len(found) < count:
        name = (await answer.content.readline()).decode().removeprefix("event: ").strip()
        data = json.loads((await answer.content.readline()).decode().removeprefix("data: "))
        assert await answer.content.readline() == b"\n"
        found.append((name, data))
    return found


async def test_a_page_is_told_everything_once_then_what_changes(tmp_path, monkeypatch):
    monkeypatch.setattr(streaming, "EVERY_S", 0.05)
    async with serving(tmp_path) as bench:
        client = await bench.user("li", Role.VIEWER)
        async with client.session.get(bench.base + "/api/v1/stream") as answer, asyncio.timeout(20):
            assert answer.content_type == "text/event-stream"
            first = await events(answer, 3)
            assert [name for name, _ in first] == ["now", "alarms", "events"]
            assert first[0][1]["power"]["w"] == 600_000.0
            alarm = AlarmNow(
                "device_offline:battery", "device_offline", "battery", "medium", active=True, raised_ms=T0_MS,
                cleared_ms=None, count=1, detail="", acknowledged_by=None, acknowledged_ms=None,
            )  # fmt: skip
            bench.site.raised.append(alarm)
            while True:
                ((name, data),) = await events(answer, 1)
                if name == "alarms" and data["alarms"]:
                    break
            assert data["alarms"][0]["key"] == alarm.key


async def test_what_is_told_to_all_pages_is_made_once(tmp_path, monkeypatch):
    monkeypatch.setattr(streaming, "EVERY_S", 0.05)
    numbers = itertools.count()
    async with serving(tmp_path) as bench, contextlib.AsyncExitStack() as stack:
        monkeypatch.setattr(bench.site, "now", lambda: now(at_ms=next(numbers)))
        client = await bench.user("li", Role.VIEWER)
        pages = [
            await stack.enter_async_context(client.session.get(bench.base + "/api/v1/stream"))
            for _ in range(7)  # one address may have eight connections
        ]
        async with asyncio.timeout(20):
            for page in pages:
                await events(page, 3)
            last = next(numbers)  # everybody is there
            for page in pages:
                told = []
                while len(told) < 5:
                    ((name, data),) = await events(page, 1)
                    if name == "now" and data["at_ms"] > last:
                        told.append(data["at_ms"])
                assert told == [last + 1, last + 2, last + 3, last + 4, last + 5]


@pytest.mark.fault("F-091")
async def test_a_client_that_stops_reading_is_dropped_and_holds_nobody_up(tmp_path, monkeypatch):
    monkeypatch.setattr(streaming, "EVERY_S", 0.02)
    async with serving(tmp_path) as bench:
        bench.site.wide = 60_000
        li = await bench.user("li", Role.VIEWER)
        cookie = "; ".join(f"{one.key}={one.value}" for one in li.session.cookie_jar)
        with socket.socket() as stalled:
            stalled.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            stalled.setblocking(False)
            loop = asyncio.get_running_loop()
            await loop.sock_connect(stalled, ("127.0.0.1", bench.port))
            head = f"GET /api/v1/stream HTTP/1.1\r\nHost: 127.0.0.1:{bench.port}\r\nCookie: {cookie}\r\n\r\n"
            await loop.sock_sendall(stalled, head.encode())
            hub = bench.server._room.hub
            most = 0
            async with li.session.get(bench.base + "/api/v1/stream") as reader, asyncio.timeout(30):
                taken = 0
                while not hub.dropped or taken < 30:
                    if (await reader.content.readline()).startswith(b"event: now"):
                        taken += 1
                        most = max([most, *(one.behind for one in hub._clients)])
            assert most <= streaming.MOST_BYTES < 2**20
            assert hub.dropped == 1
            async with asyncio.timeout(10):
                while bench.server.keeper.by_address.total() > 2:  # noqa: ASYNC110 - of the server
                    await asyncio.sleep(0.01)


async def test_a_stop_with_open_streams_takes_no_time(tmp_path):
    async with serving(tmp_path) as bench:
        client = await bench.user("li", Role.VIEWER)
        streams = [await client.session.get(bench.base + "/api/v1/stream") for _ in range(5)]
        began_s = asyncio.get_running_loop().time()
        bench.task.cancel()
        await asyncio.wait([bench.task])
        assert asyncio.get_running_loop().time() - began_s < 3.0
        for answer in streams:
            answer.close()
