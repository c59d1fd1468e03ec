"""The section `energy` of a site file: what it means, and what is said of its mistakes."""

from pathlib import Path

import pytest

from gateway.config import check_site, load_site
from gateway.model.energy import Carrier

HEAD = """site: {id: tower, timezone: Asia/Shanghai, meter: pcc}
connections: {plant: {modbus_tcp: "127.0.0.1:5020"}, pulses: {modbus_tcp: "127.0.0.1:5021"}}
devices:
  pcc: {profile: meter/abb_b23, on: plant, unit_id: 1}
  sub: {profile: meter/abb_b23, on: plant, unit_id: 2}
  pulses: {profile: meter/acme_pulse, on: pulses}
"""
WHOLE = """energy:
  currency: CNY
  meters:
    supply: {carrier: electricity, device: pcc}
    floor: {carrier: electricity, device: sub, part_of: supply}
    gas: {carrier: gas, device: pulses}
  tariffs:
    electricity: {source: the contract, price: 0.68, bands: [{name: night, price: 0.3, when: [{hours: ["22:00-06:00"]}]}]}
  carbon: {gas: {kg: 2.162, source: a guideline}}
"""


def site(folder: Path, section: str) -> Path:
    file = folder / "site.yaml"
    file.write_text(HEAD + section)
    return file


def test_a_whole_section_is_what_it_says(tmp_path: Path) -> None:
    energy = load_site(site(tmp_path, WHOLE)).energy
    assert {name: (one.carrier, one.part_of) for name, one in energy.meters.items()} == {
        "supply": (Carrier.ELECTRICITY, None),
        "floor": (Carrier.ELECTRICITY, "supply"),
        "gas": (Carrier.GAS, None),
    }
    assert energy.meters["gas"].counter(["water.volume", "gas.volume"]) == "gas.volume"
    assert energy.tariffs[Carrier.ELECTRICITY].bands[0].when[0].spans == ((1320, 1800),)
    assert energy.carbon[Carrier.GAS].kg_each == 2.162


def test_without_the_section_the_site_meter_counts(tmp_path: Path) -> None:
    energy = load_site(site(tmp_path, "")).energy
    assert [(one.id, one.device) for one in energy.meters.values()] == [("pcc", "pcc")]
    assert not energy.tariffs


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ("energy: {meters: {m: {carrier: water, device: pcc}}}", "profile_lacks"),
        ("energy: {meters: {m: {carrier: water, device: pcd}}}", "unknown_device"),
        ("energy: {meters: {m: {carrier: water, device: pulses, point: water.flow}}}", "wrong_unit"),
        ("energy: {meters: {m: {carrier: water, device: pulses, point: water.level}}}", "profile_lacks"),
        ("energy: {meters: {m: {carrier: gas, device: pulses, part_of: n}}}", "unknown_meter"),
        ("energy: {meters: {m: {carrier: gas, device: pulses, part_of: m}}}", "circle"),
        (
            "energy: {meters: {m: {carrier: gas, device: pulses, part_of: n}, n: {carrier: electricity, device: pcc}}}",
            "wrong_carrier",
        ),
        ("energy: {tariffs: {electricity: {source: abc, price: 1}}}", "missing_key"),
        ("energy: {currency: CNY, tariffs: {electricity: {source: abc}}}", "missing_key"),
    ],
)
def test_a_mistake_is_said_with_its_place(tmp_path: Path, wrong: str, code: str) -> None:
    _, problems = check_site(site(tmp_path, wrong + "\n"))
    assert code in [problem.code for problem in problems]
    assert all(problem.line == HEAD.count("\n") + 1 for problem in problems)
