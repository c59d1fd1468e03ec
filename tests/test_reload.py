"""A running gateway takes another configuration over, device by device, or goes back; nobody else notices."""

import asyncio
import gzip
import io
import os
import re
import signal

import pytest
import typer

from emulators.modbus_device import TcpServer
from gateway import applied
from gateway.cli.apply import apply
from gateway.cli.check import check
from gateway.config import load_site
from gateway.decisions import replay
from gateway.errors import StoreError
from gateway.texts import told
from tests.reloading import LIGHT, POLL_S, Bench
from tests.scenarios.universal import percentile, watched

pytestmark = pytest.mark.flaky(reruns=2)  # sockets in real time


@pytest.fixture
async def bench(tmp_path):
    made = Bench(tmp_path)
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def sixteen(tmp_path):
    made = Bench(tmp_path, lines=4)
    await made.start()
    yield made
    await made.stop()


def swap(tree):
    """Add 1, change 1, remove 1 of 16."""
    del tree["devices"]["battery"], tree["assets"]["battery"]
    tree["devices"]["light08"]["unit_id"] = 5
    tree["devices"]["new"] = {"profile": "lighting/acme_dimmer", "on": "line3", "unit_id": 6, "poll_s": POLL_S}


@pytest.mark.fault("F-080")
async def test_adding_changing_and_removing_one_of_sixteen_leaves_the_others_alone(sixteen):
    bench = sixteen
    async with watched() as canary, bench.gateway() as app:
        await bench.take_over(20_000.0)
        began_s = bench.clock.boot_s()
        await bench.until(lambda: bench.clock.boot_s() > began_s + 2.0)
        changing_s = bench.clock.boot_s()
        links = [set(server.connections) for server in bench.servers]
        outcome = await bench.apply(bench.write(swap))
        assert outcome == {"result": "applied", "reason": "", "problems": []}
        ended_s = changing_s + 2.5
        await bench.until(lambda: bench.clock.boot_s() > ended_s)

        assert [set(server.connections) for server in bench.servers] == links, "nobody reconnects"
        assert all(poller.health()["dialled"] == 1 for poller in app.lines.pollers.values())
        others = bench.tree["devices"].keys() - {"battery", "light08"}
        before, after = (
            [gap for name in others for gap in bench.book.periods(name, from_s=from_s, to_s=to_s, canary=canary)]
            for from_s, to_s in ((began_s, changing_s), (changing_s, ended_s))
        )
        assert min(len(before), len(after)) > 5 * len(others)
        assert percentile(after, 0.99) <= max(1.2 * percentile(before, 0.99), percentile(before, 0.99) + 0.05)
        assert bench.setpoint_w == 0.0
        last_s, *_ = bench.book.since("battery", 0.0)[-1]
        assert last_s - changing_s <= 5.0, "given back, and not asked again"
        assert bench.answers("new")
        assert {name for _, name, *_ in bench.book.rows if name.startswith("spare")} == {"spare25", "spare36"}
        assert set(app.loop.state.assets) == {"lighting"}
        assert "battery" not in bench.saved()["devices"]
        assert bench.recorded()[0]["result"] == "applied"


@pytest.mark.fault("F-080")
async def test_a_changed_device_that_does_not_answer_takes_everything_back(bench):
    def away(tree):
        tree["devices"]["battery"]["unit_id"] = 9  # nobody there
        del tree["devices"]["light07"]
        tree["limits"]["max_import_kw"] = 1000

    async with bench.gateway(return_s=1.0) as app:
        await bench.take_over(20_000.0)
        changing_s = bench.clock.boot_s()
        outcome = await bench.apply(bench.write(away))
        assert (outcome["result"], outcome["reason"]) == ("rolled_back", "no_answer")
        (problem,) = outcome["problems"]
        assert re.search(r"没有应答（.+）; 请检查它的线路", told(problem, "zh")), "in the language of who asked"
        line = next(
            at for at, text in enumerate(bench.file.read_text().splitlines(), 1) if text.startswith("  battery:")
        )
        assert problem.startswith(f"{bench.file}:{line}:3: devices.battery: does not answer within 1 s")
        assert app.site.limits.max_import_w == 900_000.0
        assert app.site.devices["battery"].unit_id == 2
        await bench.until(lambda: bench.answers("battery") and bench.answers("light07"))
        await bench.until(lambda: abs(bench.setpoint_w) == 20_000.0), "who had taken it over has it again"
        gap_s = max(bench.book.periods("light05", from_s=changing_s, to_s=bench.clock.boot_s()))
        assert gap_s < 1.0, "a device of another line notices nothing"
        assert bench.saved()["devices"]["battery"]["unit_id"] == 2
        record = bench.recorded()[0]
        assert (record["result"], record["user"]) == ("rolled_back", os.getuid())
        assert "device battery: unit_id 2 → 9 (reconnects)" in record["changes"]

        assert (await bench.apply(keep=True))["result"] == "applied", "whoever says so has it all the same"
        assert app.site.devices["battery"].unit_id == 9


async def test_limits_change_without_touching_a_device(bench):
    async with bench.gateway() as app:
        await bench.until(lambda: app.loop.pace.steps > 5)
        before = app.loop.state.assets["battery"]
        bench.write(lambda tree: tree["limits"].update(max_import_kw=500))
        assert (await bench.apply())["result"] == "applied"
        await bench.until(lambda: app.loop.site.limits.max_import_w == 500_000.0)
        assert app.loop.state.assets["battery"].aim_w == before.aim_w
        assert all(poller.health()["dialled"] == 1 for poller in app.lines.pollers.values())
        assert app.front.panel.now().limits.max_import_w == 500_000.0
        assert "max_import_kw: 500" in app.front.panel.config().file
        former, now = site_of(bench, 900), site_of(bench, 500)
        steps = app.loop.pace.steps
        await bench.until(lambda: app.loop.pace.steps > steps + 5)
    first, second = sorted((bench.state / "decisions").iterdir(), key=lambda piece: int(piece.name.split(".")[0][10:]))
    for piece, site in ((gzip.decompress(first.read_bytes()), former), (second.read_bytes(), now)):
        lines = piece.decode().splitlines()
        assert len(lines) > 3
        assert list(replay(lines, site)) == [], "each piece of the decision log is of one site"


def site_of(bench, kw):
    """The site with this import limit."""
    file = bench.write(lambda tree: tree["limits"].update(max_import_kw=kw), file=bench.folder / f"{kw}.yaml")
    return load_site(file)


async def test_a_new_line_opens_and_an_old_one_closes_with_its_alarms(bench):
    other = TcpServer(bench.servers[1].units)
    port = await other.start()
    async with bench.gateway() as app:
        await bench.servers[1].stop()
        await bench.until(lambda: any(one.key == "line_offline:line1" for one in app.front.alarms.entries()))

        def fewer(tree):
            del tree["connections"]["line1"]
            for name in [name for name, device in tree["devices"].items() if device["on"] == "line1"]:
                del tree["devices"][name]
            tree["connections"]["other"] = {"modbus_tcp": f"127.0.0.1:{port}"}
            tree["devices"]["other"] = {"profile": LIGHT, "on": "other", "unit_id": 6}

        bench.write(fewer)
        assert (await bench.apply())["result"] == "applied"
        assert set(app.lines.pollers) == {"line0", "other"}
        assert not any(one.active for one in app.front.alarms.entries() if one.key == "line_offline:line1")
        assert len(other.connections) == 1
    await other.stop()


async def test_what_hangs_on_the_whole_box_is_refused_by_name(bench):
    async with bench.gateway() as app:
        before = app.site
        bench.write(lambda tree: tree["site"].update(id="other"))
        outcome = await bench.apply()
        assert (outcome["result"], outcome["problems"]) == ("refused", [])
        assert outcome["reason"] == "only a restart takes this over: site id tower → other (only with a restart)"
        assert app.site is before
        assert bench.recorded()[0]["result"] == "refused"


OWN = """\
schema: 1
profile: {id: own.thing, version: 1.0.0, class: lighting, vendor: Own, models: [Thing], confidence: A, evidence: [own]}
link: {tcp: {port: 502}, unit_id: 1}
blocks:
  - every: fast
    points:
      light.power: {at: 70000, type: u16, unit: W}
"""


@pytest.mark.fault("F-078", "I-32")
@pytest.mark.parametrize(
    ("spoil", "code", "place"),
    [
        (lambda tree: tree["limits"].update(max_imprt_kw=1), "refused", "limits.max_imprt_kw: is not a key"),
        (
            lambda tree: tree["devices"]["light07"].update(profile="lighting/own_thing"),
            "refused",
            "devices.light07.profile: lighting/own_thing",
        ),
        (lambda tree: tree["connections"]["line1"].update(modbus_tcp="127.0.0.1:1"), "rolled_back", "devices.light"),
    ],
    ids=["schema error", "forbidden register", "unreachable host"],
)
async def test_a_bad_configuration_at_reload_changes_nothing(bench, spoil, code, place):
    (bench.folder / "device_profiles" / "lighting").mkdir(parents=True)
    (bench.folder / "device_profiles" / "lighting" / "own_thing.yaml").write_text(OWN)
    async with bench.gateway(return_s=0.7) as app:
        before, began_s = app.site, bench.clock.boot_s()
        outcome = await bench.apply(bench.write(spoil))
        assert outcome["result"] == code
        assert place in outcome["problems"][0]
        assert int(outcome["problems"][0].split(":")[1]) > 1, "with its line"
        assert app.site == before
        await bench.until(lambda: all(map(bench.answers, before.devices)))
        now_s = bench.clock.boot_s()
        untouched = [name for name, device in before.devices.items() if device.connection != "line1"]
        assert max(max(bench.book.periods(name, from_s=began_s, to_s=now_s), default=0.0) for name in untouched) < 1.0
        assert all(app.lines.pollers[f"line{at}"].health()["dialled"] == 1 for at in range(1))
    if code == "refused":
        with pytest.raises(typer.Exit) as left:
            check([bench.file])
        assert left.value.exit_code == 2


async def test_the_command_shows_what_changes_asks_and_tells_what_became_of_it(bench, capsys, monkeypatch):
    monkeypatch.setenv("GATEWAY_LANG", "en")

    async def command(work, files, **options):
        """Exit code, output without the gateway's own log, errors."""
        capsys.readouterr()
        code = 0
        try:
            await asyncio.to_thread(work, files, state=bench.state, **options)
        except typer.Exit as left:
            code = left.exit_code
        out, err = capsys.readouterr()
        return code, [line for line in out.splitlines() if not line.startswith("20")], err

    async with bench.gateway(return_s=0.5):
        bench.write(
            lambda tree: (tree["limits"].update(max_import_kw=500), tree["devices"]["light07"].update(unit_id=9))
        )
        changes = ["device light07: unit_id 4 → 9 (reconnects)", "limit max_import 900 → 500 kW"]
        monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
        code, out, err = await command(apply, bench.file)
        assert (code, out, err.splitlines()[-1]) == (
            1,
            changes,
            "apply this to the running gateway? [y/N] nothing was changed",
        )
        code, out, _ = await command(check, [bench.file], running=True)
        assert (code, out[-2:]) == (0, changes)
        code, _, err = await command(apply, bench.file, yes=True)
        assert code == 1
        assert "the former configuration is in force again:\n" in err
        assert "devices.light07: does not answer within 0.5 s" in err
        bench.write(lambda tree: tree["limits"].update(max_import_kw=500))
        code, out, _ = await command(apply, bench.file, yes=True)
        assert (code, out[-1]) == (0, "applied; a restart starts with it")
    code, out, _ = await command(check, [bench.file], running=True)
    assert (code, out[-1]) == (0, "nothing changes")
    code, _, err = await command(apply, bench.file, yes=True)
    assert (code, err) == (3, f"no gateway runs with the state directory {bench.state}\n")


async def test_a_hang_up_signal_applies_the_gateways_own_site_file(bench):
    async with bench.gateway() as app:
        bench.write(lambda tree: tree["limits"].update(max_import_kw=400))
        os.kill(os.getpid(), signal.SIGHUP)
        await bench.until(lambda: app.site.limits.max_import_w == 400_000.0)
        assert (await bench.outcome())["result"] == "applied"
        assert bench.recorded()[0]["user"] == "signal"
    async with bench.gateway() as app:
        assert app.site.limits.max_import_w == 400_000.0


async def test_a_site_file_that_went_bad_starts_what_ran_before_and_says_so(bench):
    async with bench.gateway():
        pass
    bench.file.write_bytes(bench.file.read_bytes()[:900])
    async with bench.gateway() as app:
        assert set(app.site.devices) == set(bench.tree["devices"])
        raised = {one.key: one.detail for one in app.front.alarms.entries() if one.active}
        assert str(bench.file) in raised["site_file_not_used:site"]
        bench.write()
        assert (await bench.apply())["result"] == "unchanged"
        assert not any(one.active for one in app.front.alarms.entries() if one.key == "site_file_not_used:site")


async def test_a_stop_in_the_middle_keeps_what_was_in_force_for_the_next_start(bench):
    def away(tree):
        tree["limits"]["max_import_kw"] = 100
        tree["devices"]["light07"]["unit_id"] = 9

    async with bench.gateway(return_s=60.0) as app:
        path = bench.write(away, file=bench.folder / "new.yaml")
        asked = {"do": "apply", "file": str(path), "sha256": applied.digest(path.read_bytes()), "keep": False}
        assert await bench.ask(asked) == {"begun": True}
        assert (await bench.ask(asked))["error"] == "busy"
        await bench.until(lambda: app.site.limits.max_import_w == 100_000.0)
    assert [record["result"] for record in bench.recorded()] == ["begun"]
    assert bench.saved()["limits"]["max_import_kw"] == 900


async def test_a_disk_that_refuses_does_not_hold_a_change_up(bench, monkeypatch):
    monkeypatch.setattr("gateway.reload.RECORD_S", 0.1)
    async with bench.gateway() as app:
        with monkeypatch.context() as refusing:
            refusing.setattr("gateway.statefile.save", full)
            refusing.setattr("gateway.applied.save", full)
            bench.write(lambda tree: tree["limits"].update(max_import_kw=300))
            outcome = await bench.apply()
            assert outcome["result"] == "applied"
            assert outcome["reason"].startswith("until the next start only: disk full")
            assert app.site.limits.max_import_w == 300_000.0
    assert [record["result"] for record in bench.recorded()] == ["applied", "begun"], "recorded when it could be"


def full(*_args, **_more):
    raise StoreError("disk full")
