"""`gateway read` and `gateway write` over emulated devices, alone and through the daemon's local socket."""

import asyncio
import json
import os
import socket
import stat
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import typer

from emulators.modbus_device import TcpServer
from emulators.unit import Stored, Unit
from gateway import localsocket, statelock
from gateway.app import App, Options
from gateway.cli.scan import not_owned
from gateway.clock import SystemClock
from gateway.commission.target import parse_target
from gateway.config.read import load_site, profiles_of
from gateway.direct import alone
from gateway.errors import StoreError
from gateway.model.point import point_id
from gateway.notify import Notifier
from gateway.oneshot import Unasked, answer, points_of
from gateway.profiles.load import load_profile
from gateway.store.audit import verify

ROOT = Path(__file__).parents[1]
METER, BATTERY, LIGHTS = (load_profile(name) for name in ("meter/abb_b23", "battery/acme_200", "lighting/acme_dimmer"))
SITE = """
site: {{id: tower, timezone: Asia/Shanghai, meter: pcc}}
connections: {{plant: {{modbus_tcp: "127.0.0.1:{port}", timeout_s: 0.3}}}}
devices:
  pcc:     {{profile: meter/abb_b23, on: plant, unit_id: 1}}
  battery: {{profile: battery/acme_200, on: plant, unit_id: 2}}
  lights:  {{profile: lighting/acme_dimmer, on: plant, unit_id: 3}}
  absent:  {{profile: lighting/acme_dimmer, on: plant, unit_id: 9}}
assets: {{battery: {{kind: battery, device: battery, max_charge_kw: 100, max_discharge_kw: 100, energy_kwh: 400, safe_kw: 0}}}}
limits: {{max_import_kw: 1000, max_export_kw: 0}}
"""
VALUES = {
    ("pcc", "power.active"): 683_400.0,
    ("battery", "battery.power"): 50_000.0,
    ("battery", "battery.soc"): 50.5,
    ("battery", "battery.state"): 2.0,
    ("battery", "battery.power.setpoint"): 0.0,
    ("battery", "battery.enable"): 0.0,
    ("battery", "battery.power.setpoint.timeout"): 15.0,
    ("battery", "battery.power.fallback"): 0.0,
    ("lights", "light.level.setpoint"): 80.0,
}


async def there(path: Path) -> None:
    """Wait for a socket somebody listens on."""
    while not path.exists():  # noqa: ASYNC110, ASYNC240 - a file tells no event
        await asyncio.sleep(0.02)
    await asyncio.sleep(0.02)


class Plant:
    """Emulated devices that keep what is written, the site file that belongs to them, and a state directory."""

    def __init__(self, folder: Path) -> None:
        self.values = Stored(VALUES)
        self.site, self.state = folder / "tower.yaml", folder / "state"

    def held(self, device: str, quantity: str) -> float:
        return self.values.values[device, quantity]

    async def gateway(self, command: str, *arguments: str, said: str = "") -> tuple[int, str, str]:
        """Run the command in a process of its own: exit code, output, errors."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "gateway", command, str(self.site), *arguments, "--state", str(self.state),
            cwd=ROOT, env={**os.environ, "GATEWAY_LANG": "en"},
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, err = await process.communicate(said.encode())
        return process.returncode or 0, out.decode(), err.decode()

    def audited(self) -> list[dict[str, Any]]:
        """What the chain says of one-shot writes, after checking it."""
        assert verify(self.state / "audit") is None
        records = [
            json.loads(line)
            for path in (self.state / "audit").glob("*.jsonl")
            for line in path.read_text().splitlines()
        ]
        return [record["data"] for record in records if record["kind"] == "one_shot_write"]

    @asynccontextmanager
    async def daemon(self, *, shadow: bool = False):
        """A gateway that runs on the state directory, in this process, its socket open."""
        site = load_site(self.site)
        app = App(site, profiles_of(site), SystemClock(), Options(self.state, shadow=shadow), Notifier(None))
        running = asyncio.create_task(app.run())
        async with asyncio.timeout(10.0):
            await there(self.state / localsocket.NAME)
            asked = {"do": "read", "device": "battery", "points": ["battery.soc"]}
            while (await self.ask(asked))["rows"][0]["value"] is None:  # noqa: ASYNC110 - another process would look too
                await asyncio.sleep(0.02)
        try:
            yield app
        finally:
            app.stopping.set()
            await running

    async def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        return await asyncio.to_thread(localsocket.ask, self.state, request)


@pytest.fixture
async def plant(tmp_path):
    made = Plant(tmp_path)
    units = {
        number: Unit(name, profile, made.values, lambda: 0.0)
        for number, (name, profile) in enumerate((("pcc", METER), ("battery", BATTERY), ("lights", LIGHTS)), start=1)
    }
    server = TcpServer(units)
    made.site.write_text(SITE.format(port=await server.start()))
    yield made
    await server.stop()


async def test_a_read_shows_value_unit_quality_and_age_and_leaves_no_trace(plant):
    code, out, err = await plant.gateway("read", "battery", "battery.power", "battery.state")
    assert (code, err) == (0, "")
    first, second = (line.split("  ") for line in out.splitlines())
    assert [cell.strip() for cell in first if cell.strip()][:3] == ["battery/battery.power", "50000 W", "good"]
    assert "2 (running)" in "  ".join(second)
    assert out.splitlines()[0].endswith(" s")
    assert not plant.state.exists()


async def test_a_read_as_json_holds_every_point_of_the_device(plant):
    code, out, _ = await plant.gateway("read", "pcc", "--json")
    rows = {row["point"]: row for row in json.loads(out)}
    assert rows["pcc/power.active"]["value"] == 683_400.0
    assert rows["pcc/power.active"]["unit"] == "W"
    assert 0.0 <= rows["pcc/power.active"]["age_s"] < 6.0
    assert {"pcc/frequency", "pcc/energy.active.import"} <= set(rows)
    assert code == 1, "the emulated meter has no frequency: 0 Hz is out of its range"
    assert (rows["pcc/frequency"]["value"], rows["pcc/frequency"]["quality"]) == (None, "invalid")


async def test_a_device_that_does_not_answer_is_said_to_have_no_value(plant):
    code, out, _ = await plant.gateway("read", "absent", "light.power")
    assert code == 1
    assert "–" in out
    assert "invalid" in out


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("read", "batery"), "batery"),
        (("read", "battery", "battery.powr"), "battery.powr"),
        (("write", "battery", "battery.soc", "50", "--yes"), "battery.power.setpoint"),
        (("write", "battery", "battery.power.setpoint", "much", "--yes"), "much"),
        (("write", "battery", "battery.power.setpoint", "nan", "--yes"), "nan"),
    ],
)
async def test_a_name_that_is_not_there_or_no_number_ends_with_two(plant, arguments, word):
    code, _, err = await plant.gateway(*arguments)
    assert code == 2
    assert word in err
    assert "Traceback" not in err
    assert plant.held("battery", "battery.power.setpoint") == 0.0


async def test_a_write_asks_is_read_back_and_audited(plant):
    code, out, err = await plant.gateway("write", "battery", "battery.power.setpoint", "-60000", said="y\n")
    assert code == 0, err
    assert "is 0 W now; write -60000 W?" in err
    assert "confirmed" in out
    assert "15 s" in out, "it says that the device falls back"
    assert plant.held("battery", "battery.power.setpoint") == -60_000.0
    assert plant.held("battery", "battery.enable") == 1.0
    (record,) = plant.audited()
    assert (record["value"], record["fate"], record["user"]) == (-60_000.0, "confirmed", os.getuid())


@pytest.mark.parametrize("said", ["n\n", "\n", ""])
async def test_without_a_yes_nothing_is_written(plant, said):
    code, _, err = await plant.gateway("write", "lights", "light.level.setpoint", "50", said=said)
    assert code == 1
    assert "nothing was written" in err
    assert plant.held("lights", "light.level.setpoint") == 80.0
    assert plant.audited() == []


async def test_a_release_gives_the_device_back(plant):
    plant.values.values["battery", "battery.enable"] = 1.0
    code, out, _ = await plant.gateway("write", "battery", "battery.power.setpoint", "release", "--yes")
    assert (code, plant.held("battery", "battery.enable")) == (0, 0.0)
    assert "release" in out


@asynccontextmanager
async def served(plant: Plant, device: str):
    """The device served in this process, and the records it leaves."""
    site = load_site(plant.site)
    profiles = profiles_of(site)
    records = []

    async def record(kind, data):
        records.append((kind, data))

    wanted = points_of(site, profiles, device, ())
    async with alone(site, profiles, device, SystemClock(), wanted=wanted, record=record) as one_shot:
        yield one_shot, records


@pytest.mark.parametrize(
    ("value", "soc_pct", "code"),
    [
        (150_000.0, 50.0, "guard:range"),
        (250_000.0, 50.0, "guard:range"),
        (-1000.0, 9.0, "guard:soc"),
        (1000.0, 95.0, "guard:soc"),
        (1000.0, None, "guard:soc"),
    ],
)
async def test_what_the_guard_of_an_asset_would_change_is_refused(plant, value, soc_pct, code):
    plant.values.values["battery", "battery.soc"] = soc_pct
    async with served(plant, "battery") as (one_shot, _):
        with pytest.raises(Unasked) as refused:
            await one_shot.write("battery", "battery.power.setpoint", value, user=0)
    assert refused.value.code == code
    assert plant.held("battery", "battery.power.setpoint") == 0.0
    assert plant.held("battery", "battery.enable") == 0.0


async def test_what_the_profile_does_not_allow_is_refused_and_audited(plant):
    async with served(plant, "lights") as (one_shot, records):
        written = await one_shot.write("lights", "light.level.setpoint", 120.0, user=7)
    assert (written.fate, written.good) == ("refused", False)
    assert "0 … 100" in written.detail
    assert plant.held("lights", "light.level.setpoint") == 80.0
    ((kind, data),) = records
    assert (kind, data["fate"], data["user"]) == ("one_shot_write", "refused", 7)


async def test_a_refusal_of_the_guard_ends_the_command_with_one(plant):
    code, _, err = await plant.gateway("write", "battery", "battery.power.setpoint", "150000", "--yes")
    assert code == 1
    assert "guard:range" in err
    assert "Traceback" not in err


async def test_two_writes_of_one_control_do_not_mix(plant):
    async with served(plant, "lights") as (one_shot, _):
        first = asyncio.create_task(one_shot.write("lights", "light.level.setpoint", 40.0, user=0))
        await asyncio.sleep(0)
        with pytest.raises(Unasked, match="being written"):
            await one_shot.write("lights", "light.level.setpoint", 60.0, user=0)
        assert (await first).good
    assert plant.held("lights", "light.level.setpoint") == 40.0


async def test_a_written_value_is_not_refreshed(plant):
    async with served(plant, "lights") as (one_shot, _):
        await one_shot.write("lights", "light.level.setpoint", 40.0, user=0)
        plant.values.values["lights", "light.level.setpoint"] = 100.0  # the device fell back
        await asyncio.sleep(1.2)
        assert plant.held("lights", "light.level.setpoint") == 100.0
        assert one_shot.read("lights", ["light.level.setpoint"])[0].value == 100.0


async def test_a_write_that_the_device_ignores_is_told_as_such(plant):
    plant.values.write_point = lambda _device, _quantity, _value: True  # answered, not applied (F-024)
    code, out, _ = await plant.gateway("write", "lights", "light.level.setpoint", "50", "--yes")
    assert code == 1
    assert "differs" in out
    assert plant.audited()[0]["fate"] == "differs"


async def test_beside_a_daemon_both_go_through_its_socket(plant):
    async with plant.daemon():
        code, out, err = await plant.gateway("read", "battery", "battery.soc")
        assert (code, err) == (0, "")
        assert "50.5 %" in out
        code, out, err = await plant.gateway("write", "lights", "light.level.setpoint", "50", "--yes", "--json")
        assert code == 0, err
        assert json.loads(out)["fate"] == "confirmed"
        assert plant.held("lights", "light.level.setpoint") == 50.0
    assert plant.audited()[0]["value"] == 50.0


async def test_what_control_steers_is_refused_with_that_reason(plant):
    async with plant.daemon():
        code, _, err = await plant.gateway("write", "battery", "battery.power.setpoint", "1000", "--yes")
        assert code == 1
        assert "asset battery" in err
        answer = await plant.ask(
            {"do": "write", "device": "battery", "control": "battery.power.setpoint", "value": 1000}
        )
        assert answer["error"] == "asset_steered"
    assert plant.audited() == []


async def test_direct_is_refused_while_a_daemon_runs(plant):
    async with plant.daemon():
        for arguments in (("read", "lights"), ("write", "lights", "light.level.setpoint", "50", "--yes")):
            code, _, err = await plant.gateway(*arguments, "--direct")
            assert code == 3
            assert "--direct" in err
    assert plant.held("lights", "light.level.setpoint") == 80.0


async def test_a_daemon_that_only_watches_writes_nothing(plant):
    async with plant.daemon(shadow=True):
        code, out, _ = await plant.gateway("write", "lights", "light.level.setpoint", "50", "--yes")
    assert code == 1
    assert "shadow" in out
    assert plant.held("lights", "light.level.setpoint") == 80.0


async def test_the_socket_is_for_its_user_alone_and_goes_with_the_daemon(plant):
    async with plant.daemon():
        mode = (plant.state / localsocket.NAME).stat().st_mode
        assert stat.S_ISSOCK(mode)
        assert stat.S_IMODE(mode) == 0o600
    assert not (plant.state / localsocket.NAME).exists()


@pytest.mark.parametrize(
    ("line", "error"),
    [
        (b"hello\n", "malformed"),
        (b"[]\n", "malformed"),
        (b'{"do":"open"}\n', "malformed"),
        (b'{"do":"read","device":"lights","points":[],"more":1}\n', "malformed"),
        (b'{"do":"write","device":"lights","control":"light.level.setpoint","value":NaN}\n', "non_finite"),
        (b'{"do":"write","device":"lights","control":"light.level.setpoint","value":true}\n', "malformed"),
        (b'{"do":"write","device":"lights","control":"light.level.setpoint","value":"1"}\n', "malformed"),
        (b'{"do":"read","device":"nobody","points":[]}\n', "unknown_device"),
        (b"[" * 60_000 + b"\n", "malformed"),
        (b"x" * 200_000 + b"\n", None),
        (b"", None),
    ],
)
async def test_nonsense_on_the_socket_is_answered_or_dropped_and_harms_nobody(plant, monkeypatch, line, error):
    monkeypatch.setattr(localsocket, "LINE_S", 0.2)

    def talk() -> bytes:
        with socket.socket(socket.AF_UNIX) as peer:
            peer.settimeout(3.0)
            peer.connect(str(plant.state / localsocket.NAME))
            try:
                peer.sendall(line)
                return peer.recv(65536)
            except (ConnectionError, BrokenPipeError):
                return b""

    async with served(plant, "lights") as (one_shot, _):
        local = localsocket.LocalSocket(plant.state, lambda asked, user: answer(one_shot, asked, user))
        plant.state.mkdir()
        serving = asyncio.create_task(local.run())
        await there(plant.state / localsocket.NAME)
        said = await asyncio.to_thread(talk)
        assert (json.loads(said)["error"] if said else None) == error
        assert (await plant.ask({"do": "read", "device": "lights", "points": []}))["rows"]
        serving.cancel()


async def test_askers_who_say_nothing_cannot_lock_others_out_for_long(plant, monkeypatch):
    monkeypatch.setattr(localsocket, "LINE_S", 0.3)
    async with plant.daemon():
        idle = [socket.socket(socket.AF_UNIX) for _ in range(localsocket.MOST_ASKERS)]
        for one in idle:
            one.connect(str(plant.state / localsocket.NAME))
        await asyncio.sleep(0.1)
        with pytest.raises(StoreError, match="does not answer"):
            await plant.ask({"do": "read", "device": "pcc", "points": []})
        await asyncio.sleep(0.5)
        assert (await plant.ask({"do": "read", "device": "pcc", "points": ["power.active"]}))["rows"]
        for one in idle:
            one.close()


async def test_a_state_directory_with_a_long_path_has_its_socket_too(tmp_path):
    folder = tmp_path / ("deep" * 40)
    folder.mkdir()

    async def echo(request, user):
        return {"request": request, "user": user}

    task = asyncio.create_task(localsocket.LocalSocket(folder, echo).run())
    await there(folder / localsocket.NAME)
    assert await asyncio.to_thread(localsocket.ask, folder, {"a": 1}) == {"request": {"a": 1}, "user": os.getuid()}
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_a_lock_is_one_holder_s_and_looking_makes_nothing(tmp_path):
    state = tmp_path / "state"
    assert not statelock.is_held(state)
    assert not state.exists()
    handle = statelock.take(state)
    assert statelock.is_held(state)
    with pytest.raises(StoreError, match="another gateway"):
        statelock.take(state)
    os.close(handle)
    assert not statelock.is_held(state)


async def test_a_lock_without_anybody_at_the_socket_ends_with_three(plant):
    handle = statelock.take(plant.state)
    code, _, err = await plant.gateway("read", "pcc")
    os.close(handle)
    assert code == 3
    assert "does not answer" in err


async def test_a_line_that_the_daemon_owns_is_not_scanned(plant, capsys):
    address = load_site(plant.site).connections["plant"].address
    async with plant.daemon():
        assert await plant.ask({"do": "lines"}) == {
            "lines": [{"id": "plant", "transport": "modbus_tcp", "address": address}]
        }
        with pytest.raises(typer.Exit):
            await asyncio.to_thread(not_owned, [parse_target(address)], plant.state)
    assert address in capsys.readouterr().err
    assert not_owned([parse_target(address)], plant.state) == [parse_target(address)]


RELAYS = """
site: {id: tower, timezone: Asia/Shanghai, meter: pcc}
connections: {plant: {modbus_tcp: "127.0.0.1:502"}}
devices:
  pcc: {profile: meter/abb_b23, on: plant, unit_id: 1}
  spare: {profile: io/waveshare_relay_8ch@relay01, on: plant, unit_id: 2}
  pump: {profile: io/waveshare_relay_8ch@relay02, on: plant, unit_id: 2}
assets: {pump: {kind: switched, devices: [pump], rated_kw: 3, operating_kw: 3}}
limits: {max_import_kw: 100}
"""


def test_a_device_is_asked_for_the_points_that_it_has_with_its_own_parameters(tmp_path):
    file = tmp_path / "tower.yaml"
    file.write_text(RELAYS)
    site = load_site(file)
    profiles = profiles_of(site)
    assert point_id("pump", "switch.power") in points_of(site, profiles, "pump", [])
    assert point_id("spare", "switch.power") not in points_of(site, profiles, "spare", [])
    with pytest.raises(Unasked):
        points_of(site, profiles, "spare", ["switch.power"])
