"""What `gateway watch` shows, and what its keys do."""

import asyncio
import http.server
import io
import json
import os
import pty
import threading
from dataclasses import asdict
from pathlib import Path

import pytest
from rich.console import Console

from gateway import statelock
from gateway.cli import keys as terminal
from gateway.cli.asking import Place
from gateway.cli.watch import Watching
from gateway.cli.watch_source import HttpSource, SocketSource
from gateway.commission.trend import sparkline
from gateway.commission.watching import Cell, View, Watched, changes
from gateway.config.read import load_site, profiles_of
from gateway.dashboard.answers import PointNow
from gateway.errors import StoreError
from gateway.localsocket import NAME, LocalSocket

SITE = """
site: {id: tower, timezone: Asia/Shanghai, meter: pcc}
connections: {plant: {modbus_tcp: "127.0.0.1:502"}}
devices:
  pcc:    {profile: meter/abb_b23, on: plant, unit_id: 1}
  sensor: {profile: sensor/xy_md02, on: plant, unit_id: 2}
"""


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.0, 1.0], "▁█"),
        ([0.0, 5.0, 10.0, None], "▁▅█·"),
        ([230.0, 230.01, 230.0], "▃▃▃"),
        ([None, None], "··"),
        ([], ""),
        ([-4.0, 4.0, -4.0], "▁█▁"),
    ],
)
def test_a_trend_is_a_line_of_blocks_and_unknown_is_a_gap(values, expected):
    assert sparkline(values) == expected


def test_a_trend_shows_the_newest():
    assert sparkline([100.0, 0.0, 1.0], width=2) == "▁█"


@pytest.mark.parametrize(
    ("pressed", "page"),
    [
        (["\t"], 1),
        (["n", "n"], 2),
        (["n", "n", "n"], 0),
        (["b"], 2),
        (["2"], 2),
        (["2", "0"], 0),
        (["9"], 0),
        (["x"], 0),
    ],
)
def test_keys_turn_the_pages(pressed, page):
    view = View(("pcc", "sensor"))
    for key in pressed:
        view = view.pressed(key)
    assert view.page == page


def test_keys_pause_filter_and_end():
    view = View(("pcc",)).pressed(" ").pressed("t").pressed("q")
    assert (view.paused, view.trouble_only, view.leaving) == (True, True, True)
    assert not view.pressed(" ").paused


def cell(point: str, value: float | None = 1.0, quality: str = "good", cause: str = "") -> Cell:
    return Cell(point, value, "W", quality, cause, 0.5)


def test_the_overview_takes_the_point_that_tells_most_and_the_worst_quality():
    watched = Watched()
    watched.take(
        "battery",
        [
            cell("battery/x.mode"),
            cell("battery/battery.soc"),
            cell("battery/battery.power", None, "invalid", "offline"),
        ],
    )
    told = watched.telling("battery")
    assert told is not None
    assert (told.quantity, watched.worst("battery")) == ("battery.power", "invalid")


def test_only_what_changed_is_a_line():
    before = {"a/b": cell("a/b"), "a/c": cell("a/c")}
    assert changes(before, [cell("a/b"), cell("a/c", 2.0), cell("a/d")]) == [cell("a/c", 2.0), cell("a/d")]


class Gateway:
    """A local socket that answers reads, and the lock a daemon holds."""

    def __init__(self, folder: Path) -> None:
        (folder / "site.yaml").write_text(SITE, encoding="utf-8")
        site = load_site(folder / "site.yaml")
        self.place = Place(site, profiles_of(site), folder / "state", daemon=True)
        self.rows = {
            "pcc": [cell("pcc/power.active", 5000.0)],
            "sensor": [cell("sensor/zone.temperature", None, "invalid", "offline")],
        }

    async def handle(self, request, _user):
        return {"rows": [asdict(one) for one in self.rows[request["device"]]]}


@pytest.fixture
async def gateway(tmp_path):
    made = Gateway(tmp_path)
    handle = statelock.take(made.place.state)
    serving = asyncio.create_task(LocalSocket(made.place.state, made.handle).run())
    async with asyncio.timeout(10.0):
        while not (made.place.state / NAME).exists():  # noqa: ASYNC110 - a file tells no event
            await asyncio.sleep(0.01)
    yield made
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)
    os.close(handle)


async def test_where_there_is_no_terminal_every_change_is_a_line(gateway, capsys, monkeypatch):
    monkeypatch.setenv("GATEWAY_LANG", "en")
    watching = Watching(SocketSource(gateway.place, ("pcc", "sensor")))
    await asyncio.to_thread(watching.lines, 0.01, 2)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert lines[0].endswith("pcc/power.active  5000 W  good")
    assert lines[1].endswith("sensor/zone.temperature  –  invalid (offline)")


async def test_the_picture_says_qualities_in_words_and_draws_trends(gateway, monkeypatch):
    monkeypatch.setenv("GATEWAY_LANG", "en")
    watching = Watching(SocketSource(gateway.place, ("pcc", "sensor")))
    for watts in (1000.0, 3000.0, 9000.0):
        gateway.rows["pcc"] = [cell("pcc/power.active", watts)]
        await asyncio.to_thread(watching.look)
    console = Console(width=110, record=True, file=io.StringIO())
    console.print(watching.shown(30))
    watching.view = watching.view.pressed("2")
    console.print(watching.shown(30))
    shown = console.export_text()
    assert "▁▃█" in shown
    assert "9000 W" in shown
    assert "invalid (1)" in shown
    assert "invalid (offline)" in shown


async def test_a_gateway_that_went_away_is_told_and_leaves_gaps(gateway):
    watching = Watching(SocketSource(gateway.place, ("pcc",)))
    await asyncio.to_thread(watching.look)
    (gateway.place.state / NAME).unlink()
    await asyncio.to_thread(watching.look)
    assert "does not answer" in watching.shown(30).renderables[0].plain
    assert list(watching.watched.trends["pcc/power.active"].values) == [5000.0, None]


class Points(http.server.BaseHTTPRequestHandler):
    """The part of the HTTP interface that is looked at."""

    def do_GET(self) -> None:
        if self.headers["Authorization"] != "Bearer gw.look" or self.path != "/api/v1/points":
            self.send_error(401)
            return
        row = asdict(PointNow("pcc/power.active", "pcc", "power.active", "W", 5000.0, "", "good", "", 0.2, 3.0))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({"at_ms": 0, "points": [row]}).encode())

    def log_message(self, *_arguments: object) -> None:
        pass


def test_a_dashboard_elsewhere_is_watched_with_a_token():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Points) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}"
        source = HttpSource(url, token="gw.look")
        assert source.devices == ("pcc",)
        assert [cell.value for cell in source.look("pcc")] == [5000.0]
        with pytest.raises(StoreError, match="401"):
            HttpSource(url, token="")
        server.shutdown()
    with pytest.raises(StoreError):
        source.look("pcc")


def test_keys_come_one_by_one_without_enter(monkeypatch):
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "r", encoding="utf-8") as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        with terminal.keys() as key:
            assert key(0.01) == ""
            os.write(ours, b"t")
            assert key(5.0) == "t"
    os.close(ours)
