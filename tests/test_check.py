"""`gateway check`: kinds of files, exit codes, the bus-time plan."""

import json

import pytest
import typer
from typer.testing import CliRunner

from gateway.cli.check import check
from gateway.shipped import shipped

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
