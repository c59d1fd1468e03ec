"""Tables of registers as manuals and spreadsheets have them, and profiles tried on a live device."""

import zipfile
from pathlib import Path

import pytest
from typer.testing import CliRunner

from emulators.modbus_device import TcpServer
from gateway.cli.profile import app
from gateway.clock import SystemClock
from gateway.commission.registertable import Head, profile_of
from gateway.commission.spreadsheet import read_cells
from gateway.commission.trial import try_live
from gateway.errors import ProfileError
from gateway.model.site import Connection, Transport
from gateway.profiles.load import load_profile_file
from gateway.profiles.schema import Kind, Table
from tests.commission.places import READS, load_profile, units_of

HEAD = Head("acme.m9", "meter", "Acme", "M9", "M9 registers 1.2")
ROWS = """Register,Parameter,Data type,Unit,Scale,Function,Remarks
40001,Voltage L1,UINT16,V,0.1,3,
40004,Current L1,INT16,A,1/100,3,
40011,Total active power,INT32,kW,0.001,3,
40013,Total energy import,UINT32,kWh,0.01,3,
40021,Firmware,STRING 8,,,3,
30001,Coil temp,INT16,℃,0.1,4,behind the filter
"""


def made(text: str, folder: Path, head: Head = HEAD):
    table = folder / "map.csv"
    table.write_text(text, encoding="utf-8")
    imported = profile_of(read_cells(table), head)
    file = folder / head.device_class / f"{head.id.replace('.', '_')}.yaml"
    file.parent.mkdir(exist_ok=True)
    file.write_text(imported.text, encoding="utf-8")
    return imported, load_profile_file(file)


def test_a_csv_becomes_a_profile_that_loads(tmp_path):
    imported, profile = made(ROWS, tmp_path)
    assert (imported.taken, list(imported.left)) == (6, [])
    power = profile.points["power.active"]
    assert (power.address, power.kind, power.factor) == (10, Kind.I32, pytest.approx(1.0))
    assert profile.points["voltage.l1-n"].factor == pytest.approx(0.1)
    assert profile.points["current.l1"].factor == pytest.approx(0.01)
    assert profile.points["energy.active.import"].factor == pytest.approx(10.0)
    coil = profile.points["x.coil_temp"]
    assert (coil.table, coil.address) == (Table.INPUT, 0)
    assert profile.confidence == "C"


def test_what_the_table_cannot_say_is_marked(tmp_path):
    imported, _ = made(ROWS, tmp_path)
    assert "check: what does + mean?" in imported.text


@pytest.mark.parametrize(
    ("text", "point", "address"),
    [
        ("地址;名称;数据类型;单位;系数\n0x0010;A相电压;uint16;V;0.1\n", "voltage.l1-n", 16),
        ("addr\tname\ttype\tunit\n5B14h\tFrequency\tfloat\tHz\n", "frequency", 0x5B14),
        (
            "Register,Registertype,Datatype,Name,Unit\n31082 (1081) <br /> 31083 (1082),Input,Float32,Frequency,Hz (Hertz)\n",
            "frequency",
            1081,
        ),
        ("Modbus map of 2024,,,\nName,Address,Type,Units\nFrequency,100-101,REAL,Hz\n", "frequency", 100),
    ],
)
def test_headings_are_found_in_two_languages_and_behind_a_title(tmp_path, text, point, address):
    _, profile = made(text, tmp_path)
    assert profile.points[point].address == address


def test_a_row_that_cannot_be_taken_is_told_with_its_number(tmp_path):
    imported, _ = made(ROWS + "40030,Mystery,blob,,,3,\nnowhere,Mystery,u16,,,3,\n", tmp_path)
    assert [number for number, _ in imported.left] == [8, 9]
    assert "row 8 was left out" in imported.text


def test_a_table_without_headings_is_refused(tmp_path):
    with pytest.raises(ProfileError):
        made("1,2,3\n4,5,6\n", tmp_path)


def test_a_workbook_is_read_as_well(tmp_path):
    file = tmp_path / "map.xlsx"
    space = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    strings = (
        f"<sst {space}><si><t>Name</t></si><si><t>Address</t></si><si><r><t>Fre</t></r><r><t>quency</t></r></si></sst>"
    )
    sheet = (
        f"<worksheet {space}><sheetData>"
        '<row><c r="A1" t="s"><v>0</v></c><c r="B1" t="s"><v>1</v></c><c r="D1" t="inlineStr"><is><t>Unit</t></is></c></row>'
        '<row><c r="A2" t="s"><v>2</v></c><c r="B2"><v>100</v></c><c r="D2" t="inlineStr"><is><t>Hz</t></is></c></row>'
        "</sheetData></worksheet>"
    )
    with zipfile.ZipFile(file, "w") as book:
        book.writestr("xl/sharedStrings.xml", strings)
        book.writestr("xl/worksheets/sheet1.xml", sheet)
    assert read_cells(file) == [["Name", "Address", "", "Unit"], ["Frequency", "100", "", "Hz"]]


@pytest.mark.parametrize("data", [b"PK\x03\x04 no workbook", b""])
def test_what_is_no_table_is_refused(tmp_path, data):
    file = tmp_path / "map.xlsx"
    file.write_bytes(data)
    with pytest.raises(ProfileError):
        profile_of(read_cells(file), HEAD)


async def test_a_trial_reads_every_point_of_a_live_device_and_writes_nothing():
    units = units_of(["meter/abb_b23"], speaks_43=True)
    server = TcpServer(units)
    line = Connection("live", Transport.MODBUS_TCP, f"127.0.0.1:{await server.start()}", timeout_s=10.0)
    profile = load_profile("meter/abb_b23")
    try:
        trial = await try_live(line, profile, unit_id=1, params={}, rate_per_s=1e6, clock=SystemClock())
        wrong = await try_live(
            line, load_profile("hvac/abb_acs580"), unit_id=1, params={}, rate_per_s=1e6, clock=SystemClock()
        )
    finally:
        await server.stop()
    assert {one.point.name for one in trial.shown} == {p.name for p in profile.points.values() if p.readable}
    assert not trial.silent
    assert set(units[1].functions) <= READS
    assert wrong.silent


async def test_a_trial_shows_derived_points_and_factors_too():
    units = units_of(["sensor/dynaflox_ultrad", "io/saia_pcd7_h104d"], speaks_43=True)
    server = TcpServer(units)
    line = Connection("live", Transport.MODBUS_TCP, f"127.0.0.1:{await server.start()}", timeout_s=10.0)
    try:
        trials = [
            await try_live(line, load_profile(name), unit_id=unit, params={}, rate_per_s=1e6, clock=SystemClock())
            for unit, name in ((1, "sensor/dynaflox_ultrad"), (2, "io/saia_pcd7_h104d"))
        ]
    finally:
        await server.stop()
    water, pulses = ({one.point.name: one.value for one in trial.shown} for trial in trials)
    assert water["x.volume.forward"] == pytest.approx(water["x.volume.forward.whole"] + water["x.volume.forward.rest"])
    assert pulses["x.counter1"] is not None


def test_the_vectors_of_a_profile_run_by_name():
    result = CliRunner().invoke(app, ["test", "sensor/xy_md02"], env={"GATEWAY_LANG": "en"})
    assert (result.exit_code, "0 fail" in result.output) == (0, True)


def test_a_failing_vector_is_an_exit_of_one(tmp_path):
    for end in (".yaml", ".vectors.yaml"):
        text = Path(f"device_profiles/sensor/xy_md02{end}").read_text(encoding="utf-8")
        (tmp_path / "sensor").mkdir(exist_ok=True)
        (tmp_path / "sensor" / f"xy_md02{end}").write_text(text.replace("23.5", "23.6"), encoding="utf-8")
    result = CliRunner().invoke(app, ["test", str(tmp_path / "sensor/xy_md02.yaml")])
    assert result.exit_code == 1
