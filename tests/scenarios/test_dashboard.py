"""A person at the dashboard of a whole gateway: what is asked there reaches the devices, and everything is on record."""

import asyncio
import json
import logging
from contextlib import asynccontextmanager

import pytest
import structlog
from aiohttp import ClientSession, CookieJar
from prometheus_client.parser import text_string_to_metric_families

from gateway import localsocket
from gateway.log import configure
from gateway.model.listen import Listen
from gateway.past_events import event_of
from tests.scenarios.rig import bench, inside, settled, until

MARK = "S3CR3T"


@pytest.fixture
async def rig(tmp_path):
    async with bench(tmp_path) as found:
        yield found


class Person:
    def __init__(self, session, base, token):
        self.session, self.base, self.token = session, base, token

    async def get(self, path):
        async with self.session.get(self.base + path) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def post(self, path, **body):
        headers = {"Origin": self.base, "X-Gateway-Token": self.token}
        async with self.session.post(self.base + path, json=body, headers=headers) as answer:
            return answer.status, await answer.json()


@asynccontextmanager
async def person(rig, gateway, role="operator"):
    """Somebody who opened the link of the local socket."""
    await until(lambda: gateway.app.front.screen.url, within_s=30)
    told = await asyncio.to_thread(localsocket.ask, rig.state, {"do": "link", "user": "li", "role": role})
    base, _, link = told["url"].partition("/#enter=")
    async with ClientSession(cookie_jar=CookieJar(unsafe=True)) as session:
        found = Person(session, base, "")
        status, entered = await found.post("/api/v1/enter", link=link)
        assert status == 200
        assert (await found.post("/api/v1/enter", link=link))[0] == 401  # once
        found.token = entered["token"]
        yield found


@pytest.mark.fault("U9")
async def test_an_override_and_a_stop_reach_the_devices_and_end_and_are_on_record(rig):
    async with inside(rig, dashboard=Listen(port=0)) as gateway:
        await gateway.ready()
        async with person(rig, gateway) as li:
            status, done = await li.post(
                "/api/v1/override", asset="battery", power_w=-50_000.0, for_s=600.0, why="test"
            )
            assert (status, done["result"]) == (200, "accepted")
            await settled(rig.house, 610_000.0)
            now = await li.get("/api/v1/now")
            battery = next(asset for asset in now["assets"] if asset["id"] == "battery")
            assert (battery["reason"], battery["hold"]["issuer"]) == ("manual", "operator:li")
            assert battery["hold"]["ends_ms"] == pytest.approx(now["at_ms"] + 600_000, abs=60_000)
            refused = await li.post("/api/v1/override", asset="battery", power_w=-9e6, for_s=600.0, why="test")
            assert (refused[0], refused[1]["error"]) == (409, "out_of_range")
            assert (await li.post("/api/v1/stop", why="smoke in the hall"))[0] == 200
            await settled(rig.house, 660_000.0)
            assert (await li.get("/api/v1/now"))["stopped"] is True
            await until(lambda: any(entry.key == "emergency_stop:site" for entry in gateway.app.front.alarms.entries()))
            alarms = (await li.get("/api/v1/alarms"))["alarms"]
            assert ("emergency_stop:site", "high", True) in [(a["key"], a["severity"], a["active"]) for a in alarms]
            assert (await li.post("/api/v1/alarms/acknowledge", key="emergency_stop:site"))[0] == 200
            assert (await li.post("/api/v1/stop/release", why="only toast"))[0] == 200
            assert (await li.post("/api/v1/stop/release", why="only toast"))[1]["error"] == "not_stopped"
            assert (await li.post("/api/v1/cancel", id=done["id"], why="enough"))[0] == 200
            await until(lambda: not gateway.app.loop.state.book.entries)
            found = (await li.get("/api/v1/audit?kind=person"))["records"]
            assert [(one["actor"], one["data"]["did"], one["data"]["result"]) for one in reversed(found)] == [
                ("li", "override", "accepted"), ("li", "override", "refused"), ("li", "stop", "accepted"),
                ("li", "release", "accepted"), ("li", "cancel", "accepted"),
            ]  # fmt: skip
            past = (await li.get("/api/v1/events"))["past"]
            assert {(one["result"], one["source"]) for one in past} >= {("refused", "manual"), ("done", "interlock")}
            end_ms = now["at_ms"] + 60_000
            series = await li.get(f"/api/v1/history?point=pcc/power.active&from={now['at_ms'] - 60_000}&to={end_ms}")
            assert len([value for value in series["mean"] if value is not None]) >= 1
            async with li.session.get(li.base + "/metrics") as answer:
                names = {family.name for family in text_string_to_metric_families(await answer.text())}
            assert {"gateway_control_steps", "gateway_asset_asked_watts", "gateway_alarms_active"} <= names, sorted(
                names
            )
            async with li.session.get(li.base + "/readyz") as answer:
                assert answer.status == 200
        assert await gateway.stop() < 8.0


async def test_an_event_that_is_over_says_what_it_delivered(rig):
    async with inside(rig) as gateway:
        await gateway.ready()
        await rig.vpp.ask("e1", kind="event", shed_w=60_000.0, for_s=2.5)
        await rig.vpp.answered("e1", count=2)
        await until(gateway.app.front.past.newest)
        event = gateway.app.front.panel.events().past[0]
        assert (event.id, event.result, event.reason) == ("e1", "done", "ended")
        assert event.delivery == pytest.approx(0.9, abs=0.25)
        chain = gateway.app.front.audit
        sealed = []
        while not sealed:  # the chain is written within a second
            sealed = list((await chain.page(before=None, limit=10, kind="event")).records)
            await asyncio.sleep(0.1)
        assert [event_of({"kind": one.kind, "data": one.data}) for one in sealed] == [event]
        verdicts = (await chain.page(before=None, limit=10, kind="verdict")).records
        over, first = (one.data for one in verdicts if one.data["id"] == "e1")
        assert (first["result"], first["service"], first["shed_w"]) == ("accepted", "dr", 60_000.0)
        assert "shed_w" not in over  # what was asked stands with the first answer


@pytest.mark.fault("A-051", "A-052")
async def test_no_secret_is_told_by_log_or_api_and_one_event_is_one_line(rig, capsys):
    (rig.folder / "secrets").mkdir()
    (rig.folder / "secrets" / "vpp").write_text(f"{MARK}-link")
    (rig.folder / "secrets" / "vpp").chmod(0o600)
    site = rig.site(
        links={"vpp": {"mqtt": f"mqtt://127.0.0.1:{rig.uplink.port}", "user": "tower", "password_file": "secrets/vpp"}}
    )
    kept = structlog.get_config()
    async with inside(rig, site=site, dashboard=Listen(port=0)) as gateway:
        configure(level="debug", json=True)
        try:
            async with person(rig, gateway, role="admin") as owner:
                body = {"user": "zhang", "role": "viewer", "password": f"{MARK}-password"}
                assert (await owner.post("/api/v1/users", **body))[0] == 200
                _, made = await owner.post("/api/v1/tokens", name="scraper", role="viewer")
                wrong = {"user": "x\n\x1b[31m{}\0", "password": f"{MARK}-guess"}
                assert (await owner.post("/api/v1/login", **wrong))[0] == 401
                pages = ("now", "points", "devices", "config", "alarms", "events", "audit", "access")
                told = json.dumps([await owner.get(f"/api/v1/{page}") for page in pages])
                logging.getLogger("aiohttp").error("odd\nline")
                structlog.get_logger().warning("odd", name="a\nb\x1b[31m\0")
        finally:
            structlog.configure(**kept)
        await gateway.stop()
    logged = capsys.readouterr().err + json.dumps(gateway.lines, default=str)
    secret = made["secret"].partition(".")[2]
    chain = b"".join(path.read_bytes() for path in (rig.state / "audit").glob("*"))
    for where in (told, logged, chain.decode()):
        assert MARK not in where
        assert secret not in where
    assert "\x1b" not in chain.decode()
    for path in (*rig.state.glob("access.json"), *rig.state.glob("*.key"), *rig.state.glob("setup-code")):
        assert path.stat().st_mode & 0o077 == 0, path
