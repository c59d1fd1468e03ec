"""Inverters, switched loads and rooms of a site file: what becomes of them, what is refused, how a channel is named."""

import pytest

from gateway.clock import SystemClock
from gateway.config import check_site, load_site, profiles_of
from gateway.field.points import member_of
from gateway.handback import hand_back
from gateway.model.local import When
from gateway.model.site import Pv, Switched, Zones
from gateway.profiles.load import load_profile

HEAD = """\
site: {id: works, timezone: Asia/Shanghai, meter: pcc}
connections: {a: {modbus_tcp: "127.0.0.1:5020"}, b: {modbus_tcp: "127.0.0.1:5021"}, c: {modbus_tcp: "127.0.0.1:5022"}}
devices:
  pcc: {profile: meter/abb_b23, on: a}
  roof: {profile: pv/sma_tripower, on: b, unit_id: 3}
  slow: {profile: pv/huawei_sun2000, on: b, unit_id: 4}
  one: {profile: io/waveshare_relay_8ch@relay01, on: c}
  two: {profile: io/waveshare_relay_8ch@relay02, on: c}
  same: {profile: io/waveshare_relay_8ch@relay02, on: c, unit_id: 9}
  sub: {profile: meter/abb_b23, on: a, unit_id: 2}
  hall: {profile: hvac/onokom_vrf@unit00, on: b}
  mute: {profile: hvac/siemens_rdf302, on: b, unit_id: 7}
"""
ROOMS = "kind: zones, devices: [hall], meter: sub, max_kw: 9, kw_per_k: 4, kwh_per_k: 3"
BOILERS = "kind: switched, devices: [one, two], rated_kw: 3"


def written(tmp_path, assets, devices=""):
    path = tmp_path / "site.yaml"
    path.write_text(f"{HEAD}{devices}assets:\n  {assets}\n", encoding="utf-8")
    return path


def test_what_may_be_left_out_follows_from_the_rating(tmp_path):
    roof = "roof: {kind: pv, devices: [roof], rated_kw: 75}"
    boilers = f"boilers: {{{BOILERS}, operating_kw: 6, longest_off_s: 900}}"
    found = load_site(written(tmp_path, f"{roof}\n  {boilers}")).assets
    assert found["roof"].detail == Pv(75_000.0)
    assert (found["roof"].min_w, found["roof"].max_w, found["roof"].operating_w) == (-75_000.0, 0.0, None)
    assert (found["roof"].dead_time_s, found["roof"].lag_s, found["roof"].safe_w) == (1.0, 1.0, None)
    assert found["boilers"].detail == Switched(3_000.0, longest_off_s=900.0)
    assert (found["boilers"].min_w, found["boilers"].max_w, found["boilers"].operating_w) == (0.0, 6_000.0, 6_000.0)


def test_rooms_have_two_bands_hours_and_a_meter_and_tell_their_thermostats_what_to_fall_back_to(tmp_path):
    hours = 'occupied: [{days: [mon], hours: ["08:00-18:00"]}]'
    site = load_site(written(tmp_path, f"z: {{{ROOMS}, setpoint_c: 24, occupied_c: [22, 26], {hours}}}"))
    band, monday = (22.0, 26.0), When(days=frozenset({0}), spans=((480, 1080),))
    assert site.assets["z"].detail == Zones("sub", 24.0, band, band, 4_000.0, 3_000.0, occupied=(monday,))
    assert (site.assets["z"].dead_time_s, site.assets["z"].lag_s, site.assets["z"].command_period_s) == (60, 180, 60)
    control = member_of(site.devices["hall"], profiles_of(site)).profile.controls["zone.temperature.setpoint"]
    assert control.release[0].writes == (("zone.temperature.setpoint", 24.0),)


@pytest.mark.parametrize(
    ("contact", "released"),
    [("normally_open", 0.0), ("normally_closed", 1.0)],
)
def test_the_load_behind_a_relay_is_told_to_its_box(tmp_path, contact, released):
    site = load_site(written(tmp_path, f"b: {{{BOILERS}, operating_kw: 3, contact: {contact}}}"))
    profile = member_of(site.devices["one"], profiles_of(site)).profile
    on, power, control = profile.points["switch.on"], profile.points["switch.power"], profile.controls["switch.on"]
    assert power.factor == 3_000.0
    assert on.offset == released  # what it shows while the coil is off
    assert control.release[0].writes == (("switch.on", released),)  # the relay drops
    bare = member_of(site.devices["same"], profiles_of(site)).profile  # no asset says what hangs on it
    assert "switch.power" not in bare.points


@pytest.mark.parametrize(
    ("assets", "key", "code", "remedy"),
    [
        ("r: {kind: pv, devices: [roof], rated_kw: 75, max_kw: 1}", "max_kw", "out_of_range", ""),
        ("r: {kind: pv, devices: [roof], rated_kw: 75, min_kw: -80}", "min_kw", "out_of_range", ""),
        ("r: {kind: pv, devices: [slow], rated_kw: 75}", "r", "beyond_device", "command_s: 60"),
        ("r: {kind: pv, devices: [slow], rated_kw: 75, command_s: 59}", "command_s", "beyond_device", "60"),
        ("r: {kind: pv, devices: [one], rated_kw: 75}", "devices[0]", "profile_lacks", ""),
        ("r: {kind: pv, devices: [roof]}", "r", "missing_key", "rated_kw"),
        (f"b: {{{BOILERS}}}", "b", "missing_key", "operating_kw"),
        (f"b: {{{BOILERS}, operating_kw: 4}}", "operating_kw", "out_of_range", "write 3 or 6"),
        (f"b: {{{BOILERS}, operating_kw: 3, safe_kw: 1}}", "safe_kw", "out_of_range", "write 0 or 3"),
        (f"b: {{{BOILERS}, operating_kw: 3, max_kw: 9}}", "max_kw", "out_of_range", ""),
        (f"b: {{{BOILERS}, operating_kw: 9}}", "operating_kw", "out_of_range", ""),
        (f"b: {{{BOILERS}, operating_kw: 3, longest_off_s: 200}}", "longest_off_s", "min_above_max", ""),
        (f"b: {{{BOILERS}, operating_kw: 3, contact: closed}}", "contact", "", "normally_closed"),
        (f"b: {{{BOILERS}, operating_kw: 3, max_starts_per_h: 0}}", "max_starts_per_h", "", ""),
        (f"z: {{{ROOMS}, setpoint_c: 24, occupied_c: [26, 22]}}", "occupied_c", "min_above_max", ""),
        (f"z: {{{ROOMS}, setpoint_c: 24, occupied_c: [22]}}", "occupied_c", "", ""),
        (f"z: {{{ROOMS}, setpoint_c: 27, occupied_c: [22, 26]}}", "setpoint_c", "out_of_range", ""),
        (f"z: {{{ROOMS}, setpoint_c: 24}}", "z", "missing_key", "occupied_c"),
        (f"z: {{{ROOMS}, setpoint_c: 24, occupied_c: [22, 26], step_k: 0.3}}", "step_k", "beyond_device", "0.5"),
        (f"z: {{{ROOMS}, setpoint_c: 24, occupied_c: [22, 26], command_s: 30}}", "command_s", "beyond_device", "60"),
        (
            f"z: {{{ROOMS.replace('sub', 'pcc')}, setpoint_c: 24, occupied_c: [22, 26]}}",
            "meter",
            "same_device",
            "outdoor unit",
        ),
        (
            f"z: {{{ROOMS.replace('sub', 'hall')}, setpoint_c: 24, occupied_c: [22, 26]}}",
            "meter",
            "profile_lacks",
            "",
        ),
        (
            f"z: {{{ROOMS.replace('[hall]', '[mute]')}, setpoint_c: 24, occupied_c: [22, 26]}}",
            "devices[0]",
            "profile_lacks",
            "",
        ),
    ],
)
def test_what_is_wrong_with_them_is_said_at_its_place(tmp_path, assets, key, code, remedy):
    _, (problem,) = check_site(written(tmp_path, assets))
    assert problem.key.endswith(key)
    assert problem.code == code or not code
    assert remedy in problem.remedy


@pytest.mark.parametrize(
    ("device", "code"),
    [
        ("again: {profile: io/waveshare_relay_8ch@relay02, on: c}", "same_unit"),  # two writers of one coil
        ("box: {profile: io/waveshare_relay_8ch, on: c}", "same_unit"),
        ("third: {profile: io/waveshare_relay_8ch@relay03, on: c}", ""),  # another channel is another register
        ("ninth: {profile: io/waveshare_relay_8ch@relay09, on: c, unit_id: 7}", "unknown_profile"),
    ],
)
def test_channels_of_one_box_share_its_unit_and_no_register_has_two_writers(tmp_path, device, code):
    _, problems = check_site(written(tmp_path, "r: {kind: pv, devices: [roof], rated_kw: 75}", f"  {device}\n"))
    assert [problem.code for problem in problems] == ([code] if code else [])


def test_a_whole_box_is_told_to_be_named_channel_by_channel(tmp_path):
    path = written(
        tmp_path,
        "b: {kind: switched, devices: [box], rated_kw: 3, operating_kw: 3}",
        "  box: {profile: io/waveshare_relay_8ch, on: c, unit_id: 5}\n",
    )
    _, (problem,) = check_site(path)
    assert "io/waveshare_relay_8ch@relay01" in problem.remedy


def test_a_place_of_a_relay_box_is_a_device_type_of_its_own():
    place = load_profile("io/waveshare_relay_8ch@relay07")
    assert place.points["switch.on"].address == 6
    assert list(place.controls) == ["switch.on"]
    assert place.params["contact"].default == "normally_open"


class Lines:
    """A writer that takes what it is given and has nothing left to do."""

    def __init__(self):
        self.posted, self.held = [], ()

    def holds(self, device, _control):
        return device in self.held

    def post(self, commands, _now_s):
        self.posted += commands

    def close(self, _devices):
        pass

    def next_due_s(self, _devices, _now_s):
        return 1e9


@pytest.mark.fault("F-075")
@pytest.mark.parametrize(
    ("keys", "values"), [("operating_kw: 3", [1.0, 0.0]), ("operating_kw: 3, safe_kw: 0", [0.0, 0.0])]
)
async def test_loads_are_left_as_they_run_at_rest_and_inverters_released(tmp_path, keys, values):
    roof = "roof: {kind: pv, devices: [roof], rated_kw: 75}"
    site, lines = load_site(written(tmp_path, f"b: {{{BOILERS}, {keys}}}\n  {roof}")), Lines()
    await hand_back(site, ["b", "roof"], lines, {}, SystemClock())
    assert [(one.device, one.control, one.value) for one in lines.posted] == [
        ("one", "switch.on", values[0]), ("two", "switch.on", values[1]), ("roof", "pv.power.limit.percent", None),
    ]  # fmt: skip


@pytest.mark.parametrize("held", [(), ("hall",)])
async def test_only_rooms_that_were_told_something_are_handed_back(tmp_path, held):
    site, lines = load_site(written(tmp_path, f"z: {{{ROOMS}, setpoint_c: 24, occupied_c: [22, 26]}}")), Lines()
    lines.held = held
    await hand_back(site, ["z"], lines, {}, SystemClock())
    assert [(one.device, one.value) for one in lines.posted] == [(device, None) for device in held]
