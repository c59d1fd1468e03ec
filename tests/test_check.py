"""`gateway check`: kinds of files, exit codes, the bus-time plan."""

import json

import pytest
import typer
from typer.testing import CliRunner

from gateway.cli.check import check, problems_of
from gateway.shipped import shipped
from tests.spoken import in_both_languages

SITE = """\
site: {id: tower, timezone: Asia/Shanghai, meter: pcc}
connections: {line: {modbus_rtu: /dev/ttyUSB0, baud: 9600}}
devices:
  pcc: {profile: meter/eastron_sdm630, on: line, unit_id: 1}
"""

app = typer.Typer()
app.command()(check)


def run(*arguments):
    return CliRunner().invoke(app, [str(a) for a in arguments])


def write(tmp_path, text, name="site.yaml"):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_sound_site_file_gets_the_plan_of_its_lines(tmp_path):
    result = run(write(tmp_path, SITE))
    assert result.exit_code == 0
    assert "line: 1 device, 2 requests a pass" in result.output
    assert "a pass with one dead unit" in result.output


def test_every_shipped_profile_is_sound():
    files = list(shipped("device_profiles").glob("*/*.yaml"))
    result = run(*files)
    assert result.exit_code == 0, result.output


@pytest.mark.fault("A-019")
def test_problems_are_lines_with_their_place_and_exit_code_2(tmp_path):
    path = write(tmp_path, SITE + "limits: {max_imprt_kw: 5}\n")
    result = run(path)
    assert result.exit_code == 2
    assert result.output == f"{path}:5:10: limits.max_imprt_kw: is not a key known here; write max_import_kw\n"


def test_problems_of_all_files_come_as_json(tmp_path):
    one = write(tmp_path, SITE.replace("unit_id: 1", "unit_id: 0"))
    two = write(tmp_path, "a: 01\n", "two.yaml")
    result = run(one, two, "--json")
    assert result.exit_code == 2
    problems = json.loads(result.output)
    assert [(p["file"], p["line"], p["column"], p["code"]) for p in problems] == [
        (str(one), 4, 59, "out_of_range"), (str(two), 1, 4, "leading_zero"),
    ]  # fmt: skip
    assert set(problems[0]) == {"file", "line", "column", "key", "code", "message", "remedy", "nearest", "see"}


def test_problems_are_told_in_the_readers_language_and_stay_english_for_programs(tmp_path, monkeypatch):
    path = write(tmp_path, SITE + "limits: {max_imprt_kw: 5}\n")
    english = run(path, "--json").output
    monkeypatch.setenv("GATEWAY_LANG", "zh")
    assert run(path).output == f"{path}:5:10: limits.max_imprt_kw: 不是此处可用的键; 请写 max_import_kw\n"
    assert run(path, "--json").output == english


def test_a_sound_file_is_an_empty_list_in_json(tmp_path):
    result = run(write(tmp_path, SITE), "--json")
    assert (result.exit_code, json.loads(result.output)) == (0, [])


@pytest.mark.parametrize("text", ["5\n", "a: 1\n", "[]\n"])
def test_a_file_of_no_known_kind_is_refused(tmp_path, text):
    assert run(write(tmp_path, text)).exit_code == 2


def test_no_file_and_an_unknown_schema_are_refused():
    assert run().exit_code == 2
    assert run("--schema", "nonsense").exit_code == 2


def test_a_schema_is_printed_as_json():
    assert json.loads(run("--schema", "site").output)["$schema"].startswith("https://json-schema.org/")


SCENARIOS = shipped("device_profiles").parent / "emulators" / "scenarios"


@pytest.mark.parametrize("name", ["demo_tower", "battery_full", "battery_half", "no_battery"])
def test_a_shipped_scenario_and_its_site_file_are_sound(name):
    result = run(SCENARIOS / f"{name}.yaml", SCENARIOS / f"{name}.site.yaml")
    assert result.exit_code == 0, result.output


def scenario(tmp_path, replace="", by=""):
    (tmp_path / "battery_full.site.yaml").write_text((SCENARIOS / "battery_full.site.yaml").read_text())
    return write(tmp_path, (SCENARIOS / "battery_full.yaml").read_text().replace(replace, by, 1), "mine.yaml")


@pytest.mark.parametrize(
    ("replace", "by", "expected"),
    [
        ("noise_share", "noise_shar", "write noise_share"),
        ("\nupstream:", "\nfaults: [{device: battery, fault: hung, start: 1s}]\nupstream:", "write hang"),
        ("soc_min_pct: 10", "soc_min_pct: 95", "must be more than soc_min_pct"),
    ],
)
def test_a_scenario_says_where_it_is_wrong(tmp_path, replace, by, expected):
    path = scenario(tmp_path, replace, by)
    in_both_languages(problems_of(path)[0])
    result = run(path)
    assert result.exit_code == 2
    assert expected in result.output
    assert result.output.startswith(f"{path}:")


def test_a_scenario_is_only_as_sound_as_its_site_file(tmp_path):
    path = scenario(tmp_path)
    site = tmp_path / "battery_full.site.yaml"
    site.write_text(site.read_text().replace("meter: pcc", "meter: pc"))
    assert run(path).output.startswith(f"{site}:")


VECTORS = """\
decode:
  - table: holding
    words: {100: [0xFFFE, 0x7960], 102: [505]}
    expect: {battery.power: 100000, battery.soc: 50.5}
write:
  - control: battery.power.setpoint
    phase: release
    frames:
      - {function: 16, at: 200, words: [0, 0]}
      - {function: 6, at: 202, words: [0]}
"""


def vectors(tmp_path, replace="", by=""):
    folder = tmp_path / "battery"
    folder.mkdir()
    (folder / "acme_200.yaml").write_text((shipped("device_profiles") / "battery/acme_200.yaml").read_text())
    return write(folder, VECTORS.replace(replace, by, 1), "acme_200.vectors.yaml")


@pytest.mark.parametrize(
    ("replace", "by", "code", "place", "expected"),
    [
        ("", "", 0, "", "ok: "),
        ("battery.soc: 50.5", "battery.soc: 51", 1, "4:50", "51.0 is expected, the profile reads 50.5"),
        ("102: [505]", "102: [1001]", 1, "4:50", "the profile reads out_of_range"),
        ("battery.soc: 50.5", "battery.soc: sentinel", 1, "4:50", "the profile reads 50.5"),
        ("at: 202, words: [0]", "at: 202, words: [1]", 1, "9:7", "the profile makes"),
        ("battery.soc: 50.5", "battery.sox: 50.5", 2, "4:37", "write battery.soc"),
        ("battery.soc: 50.5", "battery.state: 1", 2, "4:37", "no words of this row"),
        ("control: battery.power.setpoint", "control: battery.setpoint", 2, "6:14", "write battery.power.setpoint"),
        ("words: {100: [0xFFFE", "words: {100: [0x1FFFE", 2, "3:19", "at most 65535"),
        ("expect:", "expekt:", 2, "4:5", "write expect"),
    ],
)
def test_vectors_are_run_against_the_profile_beside_them(tmp_path, replace, by, code, place, expected):
    path = vectors(tmp_path, replace, by)
    result = run(path)
    assert result.exit_code == code, result.output
    assert expected in result.output
    if code:
        assert any(line.startswith(f"{path}:{place}: ") for line in result.output.splitlines()), result.output


def test_one_device_is_one_and_texts_come_in_chinese(tmp_path, monkeypatch):
    path = write(tmp_path, SITE)
    assert "line: 1 device, 2 requests a pass" in run(path).output
    monkeypatch.setenv("GATEWAY_LANG", "zh")
    assert "1 台设备" in run(path).output


def test_a_file_that_begins_with_a_misspelt_key_gets_the_nearest_kind(tmp_path):
    result = run(write(tmp_path, "senario: {id: x}\n"))
    assert result.output.rstrip().endswith("write scenario")
