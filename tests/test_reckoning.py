"""`gateway report`: a period from a state directory, on the terminal, for a program, as a page."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
import typer
from click.testing import Result
from typer.testing import CliRunner

from gateway.cli.report import report
from gateway.cli.report_lines import lines_of
from gateway.clock import VirtualClock
from gateway.insight.page.usage import usage_page
from gateway.model.point import Unit
from gateway.store.audit import Audit
from gateway.store.past import Means, put_past

SITE = """
site: {id: tower, timezone: Asia/Shanghai, meter: pcc}
connections: {plant: {modbus_tcp: "127.0.0.1:5020"}, pipes: {modbus_rtu: /dev/ttyUSB0}}
devices:
  pcc: {profile: meter/abb_b23, on: plant, unit_id: 1}
  water: {profile: sensor/dynaflox_ultrad, on: pipes, unit_id: 2}
limits: {max_import_kw: 1000}
energy:
  currency: CNY
  meters:
    supply: {carrier: electricity, device: pcc}
    mains: {carrier: water, device: water}
  tariffs:
    electricity:
      source: "the contract of 2026"
      price: 0.7
      bands: [{name: peak, price: 1.2, when: [{hours: ["08:00-11:00"]}]}]
    water: {source: "the water works", price: 5.9}
  carbon: {electricity: {kg: 0.5737, source: "MEE and NBS, Shanghai, 2023"}}
"""
SHANGHAI = ZoneInfo("Asia/Shanghai")
FROM_MS = round(datetime(2026, 7, 13, tzinfo=SHANGHAI).timestamp() * 1000.0)
DAYS = 3
EVENT_MS = FROM_MS + 14 * 3_600_000
QUARTERS = 96 * DAYS
EVENT = {
    "id": "e1", "issuer": "vpp", "source": "remote", "service": "dr", "kind": "event", "target": "site",
    "begin_ms": EVENT_MS, "end_ms": EVENT_MS + 3_600_000, "shed_w": 20_000.0, "power_w": None, "result": "done",
    "reason": "ok", "over_ms": EVENT_MS + 3_600_000, "delivery": 0.98,
}  # fmt: skip


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three days of 100 kW, 20 kW less in an event, 40 L of water a quarter, an hour that nobody measured."""
    folder = tmp_path_factory.mktemp("state")
    at = FROM_MS + 900_000 * np.arange(QUARTERS)
    watts = np.where((at >= EVENT_MS) & (at < EVENT_MS + 3_600_000), 80_000.0, 100_000.0)
    ends = 5e8 + np.cumsum(watts / 4.0)
    begins = ends - watts / 4.0
    dark = slice(120, 124)
    litres = 700.0 + 0.04 * np.arange(QUARTERS)
    points = {
        "pcc/power.active": Means(Unit.WATT, watts.copy(), watts.copy(), watts.copy()),
        "pcc/energy.active.import": Means(Unit.WATT_HOUR, (begins + ends) / 2.0, begins, ends - 1.0),
        "water/x.volume.forward": Means(Unit.CUBIC_METRE, litres + 0.02, litres, litres + 0.039),
        "gateway/baseline.power": Means(Unit.WATT, *(np.full(QUARTERS, 100_000.0) for _ in range(3))),
    }
    for one in points.values():
        for column in (one.mean, one.low, one.high):
            column[dark] = np.nan
    put_past(folder, points, begin_ms=FROM_MS)
    audit = Audit(folder / "audit", VirtualClock(1000.0, EVENT_MS + 3_600_000))
    audit.append("event", EVENT)
    audit.close()
    (folder / "site.yaml").write_text(SITE)
    (folder / "site-file").write_text(f"{folder / 'site.yaml'}\n")
    return folder


def run(state: Path, *arguments: str, lang: str = "en") -> Result:
    app = typer.Typer(add_completion=False)
    app.command()(report)
    window = ["--from", "2026-07-13", "--to", "2026-07-15"]
    return CliRunner().invoke(app, [*window, "--state", str(state), *arguments], env={"GATEWAY_LANG": lang})


def test_a_period_is_reported_by_meter_with_cost_and_carbon(state: Path) -> None:
    found = json.loads(run(state, "--json").stdout)
    electricity, water = found["energy"]["carriers"]
    assert electricity["total"] == pytest.approx(3 * 2400.0 - 20.0, rel=1e-3)
    assert electricity["carbon_kg"] == pytest.approx(electricity["total"] * 0.5737)
    assert water["total"] == pytest.approx(0.04 * QUARTERS, rel=0.01)
    assert water["cost"]["total"] == pytest.approx(water["total"] * 5.9)
    by_band = {band["name"]: band for band in electricity["cost"]["bands"]}
    assert by_band["peak"]["used"] == pytest.approx(DAYS * 300.0, rel=1e-3)
    assert electricity["cost"]["estimated"] == pytest.approx(100.0 * 0.7, rel=0.05)
    assert sum(band["cost"] for band in by_band.values()) < electricity["cost"]["total"]


@pytest.mark.fault("I-17")
def test_an_hour_that_nobody_measured_is_a_gap_and_no_zero(state: Path) -> None:
    (supply, _) = json.loads(run(state, "--json").stdout)["energy"]["meters"]
    assert supply["known"] == pytest.approx(1.0 - 4 / QUARTERS, abs=0.005)
    assert supply["in_gaps"] == pytest.approx(100.0, rel=0.05)
    day = supply["cells"][1]
    assert day["known"] == pytest.approx(23 / 24, abs=0.01)
    assert day["amount"] == pytest.approx(2300.0, rel=0.01)


def test_an_event_comes_with_its_quarters_its_settlement_and_its_sealed_record(state: Path) -> None:
    found = json.loads(run(state, "--json").stdout)
    (event,) = found["events"]
    evidence = event["evidence"]
    assert [one["shed_w"] for one in evidence["quarters"]] == [20_000.0] * 4
    assert evidence["delivery"]["delivery"] == pytest.approx(1.0)
    assert evidence["energy_wh"] == pytest.approx(20_000.0)
    assert evidence["settlement"]["valid"] is True
    assert (event["record"], len(event["seal"])) == (1, 64)
    assert found["chain"] == ""


def test_the_terminal_says_it_in_both_languages(state: Path) -> None:
    english, chinese = run(state).stdout, run(state, lang="zh").stdout
    for word in ("electricity", "supply", "7,180 kWh", "the contract of 2026", "dr e1", "100.0 %", "valid"):
        assert word in english, word
    assert "look for a leak" in english
    for word in ("电", "7,180 kWh", "审计链完整", "漏水"):
        assert word in chinese


def test_the_page_is_one_file_in_both_languages(state: Path, tmp_path: Path) -> None:
    out = tmp_path / "report.html"
    assert run(state, "--out", str(out)).exit_code == 0
    page = out.read_text(encoding="utf-8")
    assert "tower: energy and events" in page
    assert "tower：能耗与响应事件" in page
    assert 'class="gap"' not in page  # a day of which most is known has a bar
    assert "style=" not in page
    assert "http:" not in page.replace("http://www.w3.org/2000/svg", "")


def test_a_broken_chain_is_said(state: Path, tmp_path: Path) -> None:
    copy = tmp_path / "state"
    copy.mkdir()
    for name in ("history.sqlite", "site-file", "audit/audit-000001.jsonl"):
        (copy / name).parent.mkdir(exist_ok=True)
        (copy / name).write_bytes((state / name).read_bytes())
    chain = copy / "audit/audit-000001.jsonl"
    chain.write_text(chain.read_text().replace('"shed_w":20000.0', '"shed_w":99000.0'))
    assert "record 1" in json.loads(run(copy, "--json").stdout)["chain"]


def test_without_history_or_site_it_says_what_is_missing(tmp_path: Path) -> None:
    nobody = run(tmp_path)
    assert (nobody.exit_code, "--site" in nobody.output) == (2, True)
    file = tmp_path / "site.yaml"
    file.write_text(SITE)
    assert run(tmp_path, "--site", str(file)).exit_code == 3


@pytest.mark.parametrize("given", [("--settlement", "moon"), ("--from", "2031-01-01")])
def test_what_cannot_be_reported_is_refused(state: Path, given: tuple[str, str]) -> None:
    assert run(state, *given).exit_code == 2


def words(state: Path) -> dict[str, Any]:
    """The reckoning with everything odd in it: gaps, marks, parts, no price, an event that was short."""
    found: dict[str, Any] = json.loads(run(state, "--json").stdout)
    supply, mains = found["energy"]["meters"]
    supply["marks"] = [[FROM_MS, "rolled"], [FROM_MS, "exchanged"]]
    supply["cells"][0] |= {"amount": None, "known": 0.0}
    mains |= {"part_of": "supply", "source": "none", "total": None}
    found["energy"]["carriers"][0]["cost"]["unpriced"] = 12.0
    found["energy"]["findings"].append(
        {"kind": "night_base", "meter": "supply", "from_ms": FROM_MS, "value": 0.6, "usual": 0.4}
    )
    short = json.loads(json.dumps(found["events"][0])) | {"reason": "replaced", "result": "superseded", "end_ms": None}
    short["evidence"]["settlement"] |= {"valid": False, "paid": 0.0}
    bare = found["events"][0] | {"evidence": None, "shed_w": None}
    found["events"] += [short, bare]
    found["chain"] = "audit-000001.jsonl:1: record 1: its seal does not fit"
    return found


@pytest.mark.parametrize(
    "said",
    ["rolled over", "its counter jumped", "part of supply", "not read", "12.0 kWh have no price", "60 %", "superseded (replaced)",
     "not valid", "98.0 %", "The audit chain is broken"],
)  # fmt: skip
def test_whatever_is_odd_is_said_on_the_terminal_and_on_the_page(
    state: Path, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATEWAY_LANG", "en")
    found = words(state)
    page = usage_page(found, language="en")
    assert said in page
    assert said in "\n".join(lines_of(found))
    assert 'class="gap"' in page
