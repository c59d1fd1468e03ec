"""Configurations as values: written out and read again, told apart, and chosen at a start."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from gateway import applied
from gateway.cli.check import check
from gateway.clock import SystemClock
from gateway.config.changes import line_of
from gateway.config.difference import LIVE, difference
from gateway.config.dump import dump
from gateway.config.form import SiteForm
from gateway.config.read import Configured, load_whole
from gateway.control.carry import carried
from gateway.control.state import Sent
from gateway.control.step import begin
from gateway.errors import ConfigError
from gateway.field.open import open_bus
from gateway.field.points import members_of
from gateway.model.image import Image
from gateway.takeover import points_of
from gateway.texts import LANGUAGES, english, words

PROFILE = """\
schema: 1
profile: {id: own.meter, version: 1.0.0, class: meter, vendor: Own, models: [Meter], confidence: A, evidence: [own]}
link: {tcp: {port: 502}, unit_id: 1}
blocks:
  - every: fast
    points:
      power.active: {at: 0, table: holding, type: i32, unit: W, sign: import}
"""
SITE = """\
site: {id: tower, timezone: Asia/Shanghai, meter: pcc}
connections:
  plant: {modbus_tcp: "192.168.1.20:502"}
  roof:
    modbus_rtu_tcp: "192.168.1.21:4001"
devices:
  pcc: {profile: meter/own_meter, on: plant, unit_id: 1}
  battery: {profile: battery/acme_200, on: plant, unit_id: 2}
  light1: {profile: lighting/acme_dimmer, on: plant, unit_id: 3}
  light2: {profile: lighting/acme_dimmer, on: plant, unit_id: 4}
  ahu3:
    profile: lighting/acme_dimmer
    on: roof
    unit_id: 4
assets:
  battery: {kind: battery, device: battery, max_charge_kw: 200, max_discharge_kw: 200, energy_kwh: 400, safe_kw: 0}
  lighting:
    {kind: dimmer, devices: [light1, light2], rated_kw: 9, min_kw: 3, max_kw: 9, operating_kw: 9, min_level_pct: 30}
limits: {max_import_kw: 900, max_export_kw: 0}
services: {regulation: {capacity_kw: 100, signal_period_s: 2}}
"""


METERS = """\
site: {id: tower, timezone: Asia/Shanghai, meter: pcc}
connections:
  plant: {modbus_tcp: "192.168.1.20:502"}
  roof: {modbus_rtu_tcp: "192.168.1.21:4001"}
devices:
  pcc:
    profile: meter/own_meter
    on: plant
    unit_id: 1
  floor1: {profile: meter/own_meter, on: plant, unit_id: 2}
  floor2: {profile: meter/own_meter, on: roof, unit_id: 10}
  floor3: {profile: meter/own_meter, on: roof, unit_id: 11}
limits:
  max_import_kw: 900
  max_export_kw: 100
"""
"""Good YAML wherever it is cut between two lines, and a good site file in many places."""
FLOOR2 = "  floor2: {profile: meter/own_meter, on: roof, unit_id: 10}\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    found = tmp_path_factory.mktemp("site")
    (found / "device_profiles" / "meter").mkdir(parents=True)
    (found / "device_profiles" / "meter" / "own_meter.yaml").write_text(PROFILE)
    return found


@pytest.fixture(scope="module")
def site(folder):
    return load_whole(folder / "site.yaml", SITE.encode())


def other(folder: Path, *changes: tuple[str, str]) -> Configured:
    text = SITE
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return load_whole(folder / "site.yaml", text.encode())


# -- what differs, and what it touches -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "told", "lines", "devices", "moved", "released"),
    [
        ("unit_id: 4\nassets", "unit_id: 5\nassets", ["device ahu3: unit_id 4 → 5 (reconnects)",
          "connection roof (reconnects)"], {"roof"}, {"ahu3"}, {"ahu3"}, ()),
        ("max_import_kw: 900", "max_import_kw: 1000", ["limit max_import 900 → 1000 kW"], set(), set(), set(), ()),
        (SITE[SITE.index("  battery: {kind"):SITE.index("  lighting:")], "", ["asset battery removed (released first)"],
          set(), set(), set(), ("battery",)),
        ("unit_id: 2}", "unit_id: 7}", ["device battery: unit_id 2 → 7 (reconnects)", "asset battery (released first)"],
          set(), {"battery"}, {"battery"}, ("battery",)),
        ("unit_id: 2}", "unit_id: 2, poll_s: 5}", ["device battery: poll – → 5 s (reconnects)"],
          set(), {"battery"}, set(), ()),
        ("[light1, light2]", "[light1]", ["asset lighting: devices [light1, light2] → [light1]",
          "asset lighting (released first)"], set(), set(), set(), ("lighting",)),
        ('20:502"}', '20:502", timeout_s: 2}', ["connection plant: timeout 1 → 2 s (reconnects)"],
          {"plant"}, set(), set(), ()),
        ("192.168.1.20:502", "192.168.1.9:502", [
          "connection plant: modbus_tcp 192.168.1.20:502 → 192.168.1.9:502 (reconnects)", "asset battery (released first)", "asset lighting (released first)"],
          {"plant"}, set(), {"pcc", "battery", "light1", "light2"}, ("battery", "lighting")),
        ("  light1: {", "  lamp: {profile: lighting/acme_dimmer, on: plant, unit_id: 9}\n  light1: {",
          ["device lamp added"], set(), {"lamp"}, set(), ()),
        ("capacity_kw: 100", "capacity_kw: 50", ["service regulation: capacity 100 → 50 kW"], set(), set(), set(), ()),
        ("limits: {", "# a remark\nlimits: {max_import_kw: 900, max_export_kw: 0} #", [], set(), set(), set(), ()),
        ("id: tower", "id: other", ["site id tower → other (only with a restart)"], set(), set(), set(), ()),
        ("services:", "links: {vpp: {mqtt: 'mqtt://vpp'}}\nservices:", ["link vpp added"],
          set(), set(), set(), ()),
    ],
)  # fmt: skip
def test_a_difference_is_told_key_by_key_with_what_it_touches(
    folder, site, old, new, told, lines, devices, moved, released
):
    found = difference(site, other(folder, (old, new)))
    assert [line_of(change, english) for change in found.changes] == told
    assert (found.lines, found.devices, found.moved, found.released) == (lines, devices, moved, released)


def test_a_profile_that_changed_in_its_file_makes_its_devices_anew(folder, site):
    path = folder / "device_profiles" / "meter" / "own_meter.yaml"
    try:
        path.write_text(PROFILE.replace("at: 0", "at: 2"))
        found = difference(site, other(folder))
    finally:
        path.write_text(PROFILE)
    assert [line_of(change, english) for change in found.changes] == ["device pcc (reconnects)"]
    assert found.devices == {"pcc"}


def test_every_section_of_a_site_file_has_a_word_in_every_language():
    for language in LANGUAGES:
        assert {f"change.what.{name}" for name in SiteForm.model_fields} <= words(language).keys()
    assert SiteForm.model_fields.keys() >= LIVE


# -- the control state goes over -------------------------------------------------------------------------------------


def test_an_asset_that_stays_keeps_what_is_known_of_it_and_one_given_back_forgets_what_it_was_told(folder, site):
    state = begin(site.site, now_s=10.0)
    for name, own in state.assets.items():
        own.aim_w, own.sent = 5000.0, {f"{name}/x": Sent(1.0, 9.0, 9.0)}
    state.mode.held_aims = {"battery": 1.0, "lighting": 2.0}
    after = other(folder, ("max_charge_kw: 200", "max_charge_kw: 100")).site
    then = carried(state, site.site, after, released=["battery"], now_s=11.0)
    assert (then.assets["battery"].aim_w, then.assets["battery"].sent) == (5000.0, {})
    assert then.assets["lighting"] == state.assets["lighting"]
    begun, ended = SITE.index("  battery: {kind"), SITE.index("  lighting:")
    gone = carried(state, site.site, other(folder, (SITE[begun:ended], "")).site, released=["battery"], now_s=11.0)
    assert set(gone.assets) == set(gone.mode.held_aims) == {"lighting"}
    assert set(state.assets) == {"battery", "lighting"}, "the state it was made of is as it was"


# -- I-32 --------------------------------------------------------------------------------------------------------------

TRAPS = st.sampled_from(
    ["012", "yes", "1e3", "0x1f", "~", "null", "1:30", "- a", "a: b", "# a", "...", "'", '"', "%", " "]
)
KW = st.one_of(st.integers(0, 10**6), st.floats(0, 1e6, allow_nan=False))


@st.composite
def trees(draw: Any) -> dict[str, Any]:
    """Site files of one device type, with every kind of value; most are in order."""
    names = draw(st.lists(st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True), min_size=1, max_size=4, unique=True))
    line = {"modbus_tcp": f"127.0.0.1:{draw(st.integers(1, 65535))}"}
    if draw(st.booleans()):
        line |= {"dials_in": True, "registration": draw(TRAPS)}
    if draw(st.booleans()):
        line["timeout_s"] = draw(st.floats(0.01, 60))
    devices = {
        name: {"profile": "meter/own_meter", "on": "plant", "unit_id": draw(st.integers(0, 300)) if at else 1}
        for at, name in enumerate(names)
    }
    tree = {
        "site": {"id": draw(st.sampled_from(["tower", "no", "y"])), "timezone": "UTC", "meter": names[0]},
        "connections": {"plant": line},
        "devices": devices,
    }
    if draw(st.booleans()):
        tree["limits"] = {"max_import_kw": draw(KW), "max_export_kw": draw(st.one_of(KW, st.none()))}
    if draw(st.booleans()):
        tree["control"] = {"period_s": draw(st.floats(0.01, 11))}
    return tree


@pytest.mark.fault("I-32")
@given(tree=trees())
def test_what_is_written_out_is_read_as_the_same_and_what_passes_can_be_started(folder, tree):
    path = folder / "site.yaml"
    try:
        found = load_whole(path, yaml.safe_dump(tree).encode())
    except ConfigError as error:
        assert all(problem.line >= 1 and problem.remedy for problem in error.problems)
        return
    again = load_whole(path, dump(found).encode())
    assert (again.site, again.words) == (found.site, found.words)
    assert difference(found, again).touches_nothing
    Image(points_of(found.site, found.profiles))
    for name, members in members_of(found.site, found.profiles).items():
        open_bus(found.site.connections[name], members, clock=SystemClock())


def test_the_command_writes_a_site_file_out_plainly(folder, capsys):
    path = folder / "plain.yaml"
    path.write_text(METERS)
    check([path], plain=True)
    out = capsys.readouterr().out
    assert out.endswith("max_export_kw: 100.0\n...\n")
    assert load_whole(path, out.encode()).words == load_whole(path, METERS.encode()).words


# -- a start -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def state(tmp_path):
    return tmp_path


@pytest.fixture
def own(folder, state):
    """The site file, applied once."""
    path = folder / "own.yaml"
    path.write_bytes(METERS.encode())
    applied.save(state, load_whole(path, METERS.encode()), path, own=path, utc_ms=1)
    return path


@pytest.mark.fault("F-079")
@pytest.mark.parametrize("tenth", range(10))
def test_a_cut_file_starts_what_ran_before(own, state, tenth):
    own.write_bytes(METERS.encode()[: len(METERS) * tenth // 10])
    begun = applied.begin(own, state)
    assert set(begun.configured.site.devices) == {"pcc", "floor1", "floor2", "floor3"}
    assert begun.configured.raw == METERS.encode()
    assert begun.why


@pytest.mark.fault("F-079")
@pytest.mark.parametrize("lines", range(1, METERS.count("\n")))
def test_a_file_cut_between_two_lines_starts_what_ran_before(own, state, lines):
    own.write_text("".join(METERS.splitlines(keepends=True)[:lines]))
    begun = applied.begin(own, state)
    assert begun.configured.raw == METERS.encode()
    assert begun.why


@pytest.mark.fault("F-079")
@pytest.mark.parametrize(
    "raw", [b"\xef\xbb\xbf" + METERS.encode(), METERS.replace("\n", "\r\n").encode()], ids=["BOM", "CRLF"]
)
def test_a_byte_order_mark_and_foreign_line_ends_change_nothing(own, state, raw):
    own.write_bytes(raw)
    begun = applied.begin(own, state)
    assert (begun.why, begun.configured.raw) == ("", raw)
    assert begun.configured.site == load_whole(own, METERS.encode()).site


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (METERS.replace("900", "800"), ""),
        (METERS.replace(FLOOR2, ""), "floor2 is missing"),
        (METERS.replace(FLOOR2, "") + "...\n", ""),
        (METERS.replace(FLOOR2, "").replace("id: tower", "id: house"), ""),
        (METERS.replace("unit_id: 2", "unit_id: two"), "devices.floor1.unit_id"),
    ],
    ids=["changed", "less without a word", "less with an end mark", "another site", "wrong"],
)  # fmt: skip
def test_a_changed_site_file_starts_when_it_is_whole(own, state, raw, why):
    own.write_text(raw)
    begun = applied.begin(own, state)
    assert why in begun.why
    assert (begun.configured.raw == raw.encode()) == (begun.why == "")


def test_what_was_applied_from_another_file_starts_until_the_own_is_touched(folder, own, state):
    new = folder / "new.yaml"
    new.write_text(METERS.replace("900", "700"))
    applied.save(state, load_whole(new, new.read_bytes()), new, own=own, utc_ms=2)
    assert applied.begin(own, state).configured.site.limits.max_import_w == 700_000.0
    own.write_text(METERS.replace("900", "800"))
    assert applied.begin(own, state).configured.site.limits.max_import_w == 800_000.0


@pytest.mark.fault("F-079")
@pytest.mark.parametrize("at", range(1, len(METERS), len(METERS) // 12))
def test_a_first_start_takes_no_file_that_ends_in_the_middle_of_a_line(folder, tmp_path, at):
    path = folder / "first.yaml"
    path.write_text(METERS[:at].rstrip("\n"))
    with pytest.raises(ConfigError):
        applied.begin(path, tmp_path)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\n...", "\n...\n"])
def test_a_first_start_takes_a_file_that_ends_in_a_line_end_or_an_end_mark(folder, tmp_path, end):
    path = folder / "first.yaml"
    path.write_text(METERS.rstrip() + end)
    assert applied.begin(path, tmp_path).why == ""


def test_a_first_start_and_another_file_are_refused_when_they_are_wrong(folder, own, state, tmp_path_factory):
    broken = folder / "broken.yaml"
    broken.write_text(METERS[:300])
    for where in (state, tmp_path_factory.mktemp("fresh")):
        with pytest.raises(ConfigError):
            applied.begin(broken, where)


@pytest.mark.parametrize("cut", [0, 1, 40, -1])
def test_a_record_of_what_was_applied_that_is_not_whole_counts_as_none(own, state, cut):
    path = state / applied.NAME
    path.write_bytes(path.read_bytes()[:cut])
    assert applied.load(state) is None
