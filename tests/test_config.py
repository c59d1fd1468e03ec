"""The site file: what becomes of it, and every mistake at its place."""

import json
from math import inf
from pathlib import Path

import pytest

from gateway.config import check_site, load_site, profiles_of, schema_of
from gateway.errors import ConfigError
from gateway.model.site import Battery, Chiller, Dimmer, EvFleet, Fans, Transport
from gateway.shipped import shipped
from gateway.yamltext import read_file
from tests.marked import marked
from tests.spoken import in_both_languages

HEAD = """\
site: {id: tower, timezone: Asia/Shanghai, meter: pcc}
connections: {plant: {modbus_tcp: "192.168.1.20:502"}, ua: {opcua: "opc.tcp://10.0.0.5:4840/x"}}
"""
DEVICES = """\
devices:
  pcc: {profile: meter/abb_b23, on: plant, unit_id: 1}
  battery: {profile: battery/acme_200, on: plant, unit_id: 2}
"""
BATTERY = "kind: battery, device: battery, max_charge_kw: 200, max_discharge_kw: 200, energy_kwh: 400"
EV = """\
  e: {profile: ev_charger/alfen_ng9xx, on: plant, unit_id: 3}
assets: {ev: {kind: ev_fleet, devices: [e], min_kw: 1, max_kw: 2"""
VICTRON = """\
  x: {profile: ev_charger/victron_evcs, on: plant, unit_id: 9}
assets: {ev: {kind: ev_fleet, devices: [x], min_kw: 0, max_kw: 22, max_current_a: 32, safe_current_a: 6}}
"""
CHARX = """\
  x: {profile: ev_charger/phoenix_charx, on: plant, unit_id: 9}
assets: {ev: {kind: ev_fleet, devices: [x], min_kw: 0, max_kw: 22}}
"""
GX = "  gx: {profile: battery/victron_gx, on: plant, unit_id: 98}\n"
FEEDER = "feeders: {f: {devices: [x], max_import_kw: 9, other_load_kw: 1}}\n"
CHILLER = """\
  c: {profile: hvac/acme_chiller_opcua, on: ua}
assets: {c: {kind: chiller, devices: [c], min_kw: 1, max_kw: 2, rated_kw: 2"""
SMALL = """\
site: {id: tower, timezone: Asia/Shanghai, meter: pcc}
connections: {plant: {modbus_tcp: "192.168.1.20:502"}}
devices:
  pcc:     {profile: meter/abb_b23, on: plant, unit_id: 1}
  battery: {profile: battery/acme_200, on: plant, unit_id: 2}
assets:  {battery: {kind: battery, device: battery, max_charge_kw: 200, max_discharge_kw: 200, energy_kwh: 400, safe_kw: 0}}
limits:  {max_import_kw: 1000, max_export_kw: 0}
services: {regulation: {capacity_kw: 200, signal_period_s: 2}}
links:   {vpp: {mqtt: "mqtts://vpp.example:8883", user: tower, password_file: secrets/vpp, signers: {vpp: secrets/cert}}}
"""
WHOLE = """\
# yaml-language-server: $schema=site.schema.json
site: {id: tower, timezone: Asia/Shanghai, meter: pcc}
connections:
  plant: {modbus_tcp: "192.168.1.20:502", timeout_s: 0.8, connect_delay_s: 0.2, min_gap_s: 0.01, check_transaction_id: false}
  fans: {modbus_rtu: /dev/serial/by-id/usb-1, baud: 19200, parity: E}
  far: {modbus_rtu_tcp: "serial-server.local:4001"}
  chillers: {opcua: "opc.tcp://127.0.0.1:4840"}
devices:
  pcc: {profile: meter/abb_b23, on: plant, unit_id: 1, poll_s: 0.5}
  battery: {profile: battery/acme_200, on: plant, unit_id: 2}
  ev01: {profile: ev_charger/alfen_ng9xx, on: plant, unit_id: 3, params: {valid_time_s: 90}}
  books: {profile: ev_charger/depot_bookings, on: plant, unit_id: 4}
  ahu01: {profile: hvac/abb_acs580, on: fans, unit_id: 1}
  zone: {profile: sensor/xy_md02, on: fans, unit_id: 2}
  chiller1: {profile: hvac/acme_chiller_opcua, on: chillers}
  chiller2: {profile: hvac/acme_chiller_opcua, on: chillers, params: {instance: Chiller2}}
  lights: {profile: lighting/acme_dimmer, on: far}
assets:
  battery: {kind: battery, device: battery, max_charge_kw: 200, max_discharge_kw: 150, energy_kwh: 400, safe_kw: 0, ramp_kw_per_s: 50, wear_cost_per_kwh: 0.3, rebound_cost_per_kwh: 0.1}
  ev: {kind: ev_fleet, devices: [ev01], bookings: books, min_kw: 33, max_kw: 93, safe_current_a: 8}
  fans: {kind: fans, devices: [ahu01], rated_kw: 25, operating_kw: 102.4, min_kw: 42.4, max_kw: 162.4, min_speed_pct: 55}
  chiller: {kind: chiller, devices: [chiller1, chiller2], rated_kw: 150, operating_kw: 160, min_kw: 80, max_kw: 240, zone: zone}
  lighting: {kind: dimmer, devices: [lights], rated_kw: 60, min_kw: 20, max_kw: 60, min_level_pct: 30}
services:
  demand_response: {max_shed_kw: 200, history_file: history.csv}
  automatic_response: {max_shed_kw: 100}
"""


@pytest.fixture
def folder(tmp_path):
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    for name, mode in (("vpp", 0o600), ("open", 0o644), ("key", 0o600), ("cert", 0o644)):
        (secrets / name).write_text("x")
        (secrets / name).chmod(mode)
    (tmp_path / "history.csv").write_text("t_s,load_w\n")
    return tmp_path


def write(folder: Path, text: str) -> Path:
    path = folder / "site.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def check(folder, text):
    broken, expected = marked(text)
    problems = check_site(write(folder, broken))[1]
    assert [(p.line, p.column, p.code) for p in problems] == expected
    in_both_languages(problems)
    return problems


def test_the_small_site_of_the_contract_is_read_into_inside_units(folder):
    site = load_site(write(folder, SMALL))
    assert (site.id, site.meter, site.timezone) == ("tower", "pcc", "Asia/Shanghai")
    assert (site.limits.max_import_w, site.limits.max_export_w) == (1_000_000, 0)
    battery = site.assets["battery"]
    assert (battery.min_w, battery.max_w, battery.operating_w, battery.safe_w) == (-200_000, 200_000, 0, 0)
    assert battery.detail == Battery(400_000)
    assert battery.ramp_w_per_s == inf
    assert site.services.regulation is not None
    assert site.services.regulation.capacity_w == 200_000
    assert site.links["vpp"].password_file == folder / "secrets/vpp"
    assert site.links["vpp"].signers == {"vpp": folder / "secrets/cert"}
    assert set(profiles_of(site)) == {"meter/abb_b23", "battery/acme_200"}


def test_a_whole_site_is_read_with_every_kind_of_line_and_asset(folder):
    site = load_site(write(folder, WHOLE))
    assert [line.transport for line in site.connections.values()] == [
        Transport.MODBUS_TCP, Transport.MODBUS_RTU, Transport.MODBUS_RTU_TCP, Transport.OPCUA,
    ]  # fmt: skip
    plant = site.connections["plant"]
    assert (plant.timeout_s, plant.connect_delay_s, plant.min_gap_s, plant.check_transaction_id) == (
        0.8,
        0.2,
        0.01,
        False,
    )
    assert (site.connections["fans"].baud, site.connections["fans"].parity) == (19200, "E")
    assert [type(a.detail) for a in site.assets.values()] == [Battery, EvFleet, Fans, Chiller, Dimmer]
    assert site.assets["battery"].min_w == -150_000
    assert site.assets["battery"].ramp_w_per_s == 50_000
    assert site.assets["battery"].cost_per_wh == pytest.approx(4e-4)
    assert site.assets["ev"].command_period_s == 3.5
    assert site.assets["lighting"].operating_w is None
    assert site.assets["chiller"].devices == ("chiller1", "chiller2")
    assert site.devices["pcc"].poll_s == 0.5
    assert site.services.demand_response is not None
    assert site.services.demand_response.history == folder / "history.csv"


BROKEN = [
    # keys
    HEAD + DEVICES + "limits: {«unknown_key»max_pwoer_kw: 5}\n",
    HEAD + DEVICES + "«unknown_key»limit: {max_import_kw: 5}\n",
    HEAD + DEVICES + "assets: {battery: {" + BATTERY + ", «unknown_key»safe_w: 0}}\n",
    HEAD + DEVICES + "assets: {«missing_key»battery: {" + BATTERY.replace(", energy_kwh: 400", "") + "}}\n",
    HEAD + DEVICES + "assets: {«missing_key»battery: {device: battery}}\n",
    HEAD + DEVICES + "assets: {battery: {" + BATTERY.replace("kind: battery", "kind: «not_a_choice»batery") + "}}\n",
    "«missing_key»" + HEAD.replace("site: {id: tower, timezone: Asia/Shanghai, meter: pcc}", "") + DEVICES,
    HEAD.replace("site:", "«missing_key»site:").replace(", meter: pcc", "") + DEVICES,
    HEAD + DEVICES + "limits: {max_import_kw: 1, «duplicate_key»max_import_kw: 2}\n",
    # types
    HEAD + DEVICES + "limits: {max_import_kw: «wrong_type»5kW}\n",
    HEAD + DEVICES + "limits: {max_import_kw: «wrong_type»'5'}\n",
    HEAD + DEVICES + "limits: {max_import_kw: «wrong_type»true}\n",
    HEAD + DEVICES + "limits: {max_import_kw: «wrong_type»1_000}\n",
    HEAD + DEVICES + "limits: {max_import_kw: «wrong_type»1:30}\n",
    HEAD + DEVICES + "limits: {max_import_kw: «leading_zero»012}\n",
    HEAD + DEVICES + "limits: {max_import_kw: «not_finite».nan}\n",
    HEAD + DEVICES + "limits: {max_import_kw: «not_finite»-.inf}\n",
    HEAD + DEVICES + "limits: {max_import_kw: «number_too_large»" + "9" * 5000 + "}\n",
    HEAD + DEVICES + "limits: {max_import_kw: «wrong_type»2026-02-31}\n",
    HEAD + DEVICES + "limits: {max_import_kw: «wrong_type»[5]}\n",
    HEAD + DEVICES + "limits: {max_import_kw: «out_of_range»-5}\n",
    HEAD + DEVICES + "limits: «wrong_type»5\n",
    HEAD.replace('{opcua: "opc.tcp://10.0.0.5:4840/x"}', '{opcua: "opc.tcp://10.0.0.5:4840", check_transaction_id: «wrong_type»no}') + DEVICES,
    HEAD + DEVICES.replace("unit_id: 1", "unit_id: «wrong_type»1.5"),
    # conflicts
    HEAD + DEVICES.replace("unit_id: 2", "unit_id: «out_of_range»0"),
    HEAD + DEVICES.replace("unit_id: 2", "unit_id: «out_of_range»256"),
    HEAD + DEVICES.replace("unit_id: 2", "unit_id: «same_unit»1"),
    HEAD + DEVICES + "  «same_unit»third: {profile: meter/abb_b23, on: plant}\n",
    HEAD + DEVICES.replace("acme_200, on: plant", "acme_200, on: «unknown_connection»plan"),
    HEAD + DEVICES.replace("acme_200, on: plant", "acme_200, on: «wrong_protocol»ua"),
    HEAD + DEVICES.replace("battery/acme_200", "«unknown_profile»battery/acme_20"),
    HEAD.replace("pcc", "«unknown_device»pc") + DEVICES,
    HEAD.replace("Asia/Shanghai", "«unknown_timezone»Asia/Shangai") + DEVICES,
    HEAD.replace("Asia/Shanghai", "«unknown_timezone»../../etc/passwd") + DEVICES,
    HEAD.replace('"192.168.1.20:502"', "«bad_address»192.168.1.20") + DEVICES,
    HEAD.replace('"192.168.1.20:502"', '«bad_address»"192.168.1.20:70000"') + DEVICES,
    HEAD.replace('"opc.tcp://10.0.0.5:4840/x"', "«bad_address»http://10.0.0.5") + DEVICES,
    HEAD.replace("plant: {modbus_tcp", "«bad_connection»plant: {modbus_rtu: /dev/ttyS0, modbus_tcp") + DEVICES,
    HEAD.replace("plant: {modbus_tcp", 'b: {modbus_tcp: "192.168.1.20:502"}, plant: {modbus_tcp').replace('plant: {modbus_tcp: "', 'plant: {modbus_tcp: «same_line»"') + DEVICES,
    HEAD + DEVICES + "assets: {b: {" + BATTERY.replace("device: battery", "device: «unknown_device»batery") + "}}\n",
    HEAD + DEVICES + "assets: {b: {" + BATTERY.replace("device: battery", "device: «profile_lacks»pcc") + "}}\n",
    HEAD + DEVICES + "assets: {a: {" + BATTERY + "}, b: {" + BATTERY.replace("device: battery", "device: «same_device»battery") + "}}\n",
    HEAD + DEVICES + "assets: {b: {" + BATTERY + ", safe_kw: «out_of_range»300}}\n",
    HEAD + DEVICES + "assets: {b: {" + BATTERY + ", operating_kw: «out_of_range»300}}\n",
    HEAD + DEVICES + "assets: {b: {" + BATTERY + ", min_kw: «min_above_max»50, max_kw: 20}}\n",
    HEAD + DEVICES + "assets: {b: {" + BATTERY + ", max_kw: «out_of_range»250}}\n",
    HEAD + DEVICES + "assets: {b: {" + BATTERY + ", ramp_kw_per_s: «out_of_range»0}}\n",
    HEAD + DEVICES + "assets: {b: {" + BATTERY + ", soc_min_pct: «min_above_max»95}}\n",
    HEAD.replace("pcc", "«profile_lacks»battery") + DEVICES,
    HEAD + DEVICES + "assets: {b: {" + BATTERY.replace("charge_kw: 200, max_d", "charge_kw: «beyond_device»250, max_d") + "}}\n",
    HEAD + DEVICES + EV + ", safe_current_a: «out_of_range»40}}\n",
    HEAD + DEVICES + EV + ", max_current_a: «beyond_device»63}}\n",
    HEAD + DEVICES + EV + ", min_current_a: «min_above_max»40}}\n",
    HEAD + DEVICES + EV + ", bookings: «profile_lacks»pcc}}\n",
    HEAD + DEVICES + CHILLER + ", zone: «profile_lacks»pcc}}\n",
    HEAD + DEVICES + CHILLER + ", min_part_pct: «out_of_range»100}}\n",
    HEAD + DEVICES + 'links: {v: {mqtt: "mqtt://h:1", ca_file: «unseen_character»"a\\0b"}}\n',
    HEAD + DEVICES + "limits: {max_import_kw: 5, failsafe_import_kw: «min_above_max»6}\n",
    HEAD + DEVICES + "services: {demand_response: {max_shed_kw: 1, adjust_begin_s: 5, adjust_end_s: «min_above_max»5}}\n",
    HEAD + DEVICES.replace("unit_id: 2", "unit_id: 2, params: {«unknown_key»time: 5}"),
    HEAD + DEVICES + "  ev: {profile: ev_charger/alfen_ng9xx, on: plant, unit_id: 3, params: «bad_param»{valid_time_s: 30}}\n",
    HEAD + DEVICES + "  ev: {profile: ev_charger/alfen_ng9xx, on: plant, unit_id: 3, params: {valid_time_s: «bad_param»5}}\n",
    HEAD + DEVICES + "  c: {profile: hvac/acme_chiller_opcua, on: ua, params: {instance: «bad_param»Chiller9}}\n",
    # paths and templates
    HEAD + DEVICES + "links: {v: {mqtt: 'mqtt://h:1', password_file: «outside_folder»../../etc/passwd}}\n",
    HEAD + DEVICES + "links: {v: {mqtt: 'mqtt://h:1', ca_file: «outside_folder»/etc/passwd}}\n",
    HEAD + DEVICES + "links: {v: {mqtt: 'mqtt://h:1', password_file: «unreadable»secrets/none}}\n",
    HEAD + DEVICES + "links: {v: {mqtt: 'mqtt://h:1', password_file: «secret_mode»secrets/open}}\n",
    HEAD + DEVICES + "links: {v: {mqtt: 'mqtt://h:1', password_file: «not_a_file»secrets}}\n",
    HEAD + DEVICES + "links: {v: {mqtt: 'mqtt://h:1', signers: {vpp: «unreadable»secrets/none}}}\n",
    HEAD + DEVICES + "links: {v: {mqtt: 'mqtt://h:1', signers: {«bad_form»a/b: secrets/cert}}}\n",
    HEAD + DEVICES + "links: {«missing_key»v: {mqtt: 'mqtt://h:1', cert_file: secrets/cert}}\n",
    HEAD + DEVICES + "links: {v: {mqtt: «bad_form»'http://h:1'}}\n",
    HEAD + DEVICES + "links: {v: {mqtt: «bad_form»'mqtt://u:p@h:1'}}\n",
    HEAD + DEVICES + "links: {v: {mqtt: 'mqtt://h:1', user: «template»'${USER}'}}\n",
    HEAD.replace("id: tower", "id: «bad_form»'{{ name }}'") + DEVICES,
    HEAD + DEVICES + "services: {demand_response: {max_shed_kw: 1, history_file: «unreadable»other.csv}}\n",
    # what the device can take and what must be safe
    HEAD + DEVICES + VICTRON.replace("safe_current_a: 6", "safe_current_a: «beyond_device»0"),
    HEAD + DEVICES + VICTRON.replace("max_current_a: 32", "max_current_a: «beyond_device»40"),
    HEAD + DEVICES + CHARX.replace("devices: [x]", "devices: [«profile_lacks»x]"),
    HEAD + DEVICES + CHARX.replace("charx, on", "charx@connector05, on").replace("ev_charger/phoenix", "«unknown_profile»ev_charger/phoenix"),
    HEAD + DEVICES + CHARX.replace("charx, on", "charx@connector01, on") + "«unknown_key»place: 1\n",
    # two writers of one register
    HEAD + DEVICES + GX + "  «two_writers»other: {profile: battery/victron_gx, on: plant, unit_id: 99}\n",
    # feeders against what hangs on them
    HEAD + DEVICES + VICTRON + FEEDER.replace("max_import_kw: 9", "max_import_kw: «below_least»4"),
    HEAD + DEVICES + VICTRON + FEEDER.replace("max_import_kw: 9", "max_phase_a: «below_least»5"),
    HEAD + DEVICES + VICTRON + FEEDER.replace("max_import_kw: 9", "max_import_kw: «below_least»0.5"),
    HEAD + DEVICES + VICTRON + "feeders: {a: {max_import_kw: 5, other_load_kw: 1}, b: {parent: a, max_import_kw: «above_parent»6, other_load_kw: 1}}\n",
    HEAD + DEVICES + VICTRON + FEEDER.replace("max_import_kw: 9", "max_phase_a: «out_of_range»0"),
    HEAD + DEVICES + VICTRON + FEEDER.replace("devices: [x]", "devices: [«unknown_device»y]"),
]  # fmt: skip


@pytest.mark.fault("A-017", "A-019", "A-020", "A-021", "A-023", "A-024")
@pytest.mark.parametrize("text", BROKEN, ids=lambda text: "".join(text.split("«")[1:])[:40])
def test_a_mistake_in_a_site_file_is_named_at_its_place(folder, text):
    check(folder, text)


@pytest.mark.fault("A-045")
@pytest.mark.parametrize("name", ["a/b", "a+", "#", "$SYS", "a b", "A", "9a", "a" * 33, "é", ""])
@pytest.mark.parametrize("where", ["site: {id: «bad_form»NAME,", "  «bad_form»NAME: {profile: battery"])
def test_a_name_that_could_reach_another_topic_is_refused(folder, name, where):
    old = where.replace("«bad_form»NAME", "tower" if "site" in where else "battery")
    check(folder, (HEAD + DEVICES).replace(old, where.replace("NAME", f"'{name}'")))


@pytest.mark.fault("A-023")
def test_a_conflict_names_the_other_place(folder):
    (problem,) = check(folder, HEAD + DEVICES.replace("unit_id: 2", "unit_id: «same_unit»1"))
    assert problem.see == f"{folder}/site.yaml:4:3"


@pytest.mark.fault("A-019")
def test_an_unknown_key_names_the_nearest_right_one(folder):
    (problem,) = check(folder, HEAD + DEVICES + "limits: {«unknown_key»max_imprt_kw: 5}\n")
    assert problem.nearest == "max_import_kw"
    assert str(problem).endswith("limits.max_imprt_kw: is not a key known here; write max_import_kw")


ASSET = DEVICES + "assets: {battery: {" + BATTERY + "}}\n"
UNSAFE = [
    "interlocks: {fire: {device: «unknown_device»panel, point: x}}\n",
    "interlocks: {fire: {device: pcc, point: «profile_lacks»smoke}}\n",
    "interlocks: {fire: {device: pcc, point: frequency, assets: [«unknown_asset»fans]}}\n",
    "interlocks: {fire: {device: pcc, point: frequency, action: «not_a_choice»stop}}\n",
    "interlocks: {fire: {device: pcc, point: frequency, clear: «not_a_choice»2}}\n",
    "feeders: {«missing_key»f: {devices: [battery], other_load_kw: 0}}\n",
    "feeders: {«missing_key»f: {devices: [battery], max_import_kw: 5}}\n",
    "feeders: {f: {devices: [«unknown_device»pcc], max_import_kw: 5, other_load_kw: 0}}\n",
    "feeders: {f: {parent: «unknown_feeder»g, max_import_kw: 5, other_load_kw: 0}}\n",
    "feeders: {f: {meter: «unknown_device»sub, max_import_kw: 5, other_load_kw: 0}}\n",
    "feeders: {f: {meter: «profile_lacks»battery, max_import_kw: 5, other_load_kw: 0}}\n",
    (
        "feeders:\n  f: {devices: [battery], max_import_kw: 5, other_load_kw: 0}\n"
        "  g: {devices: [«same_device»battery], max_import_kw: 5, other_load_kw: 0}\n"
    ),
    (
        "feeders:\n  f: {parent: «cycle»g, max_import_kw: 5, other_load_kw: 0}\n"
        "  g: {parent: «cycle»f, max_import_kw: 5, other_load_kw: 0}\n"
    ),
    "failsafe: {site_meter: {then: «not_a_choice»guess}}\n",
    "services: {regulation: {capacity_kw: 5, claims_kw: {«unknown_asset»fans: 5}}}\n",
    (
        "services: {regulation: {capacity_kw: 5, claims_kw: {battery: 150}},"
        " demand_response: {max_shed_kw: 5, claims_kw: {battery: «out_of_range»51}}}\n"
    ),
    "services: {regulation: {capacity_kw: 5, when: [{hours: [«bad_form»'9:00-10:00']}]}}\n",
    "services: {tariff: {asset: «unknown_asset»x, charge_kw: 1, discharge_kw: 1, charge: [], discharge: []}}\n",
    "services: {frequency: {asset: battery, device: pcc, point: «profile_lacks»hz, max_kw: 5}}\n",
]


@pytest.mark.parametrize("text", UNSAFE)
def test_what_is_wrong_with_safety_and_services_is_said_at_its_place(folder, text):
    broken, expected = marked(HEAD + ASSET + text)
    problems = check_site(write(folder, broken))[1]
    assert [(p.line, p.column, p.code) for p in problems] == expected, problems
    in_both_languages(problems)


SAFE = (
    HEAD
    + ASSET
    + """\
limits: {max_import_kw: 500, most_load_kw: 400, least_load_kw: 20}
interlocks: {fire: {device: pcc, point: frequency, clear: 1, action: release}}
feeders:
  wing: {max_import_kw: 250, meter: pcc, other_load_kw: 90, other_export_kw: 5}
  room: {parent: wing, devices: [battery], max_phase_a: 100, other_load_kw: 10}
failsafe: {site_meter: {then: open_loop, hold_s: 5}, device: {return_s: 3}, operator: {longest_hold_s: 60}}
services:
  regulation: {capacity_kw: 50, claims_kw: {battery: 50}, when: [{months: [7], days: [mon, sun], hours: ["22:00-02:00", "08:00-24:00"]}]}
  peak_limit: {max_import_kw: 300}
  tariff: {asset: battery, charge_kw: 10, discharge_kw: 20, charge: [{hours: ["23:00-07:00"]}], discharge: [{}]}
  frequency: {asset: battery, device: pcc, max_kw: 30}
"""
)


def test_safety_and_services_are_read_into_inside_units(folder):
    site = load_site(write(folder, SAFE))
    fire, wing, room = site.interlocks["fire"], site.feeders["wing"], site.feeders["room"]
    assert (fire.point, fire.assets, fire.action, fire.clear) == ("pcc/frequency", ("battery",), "release", 1.0)
    assert (wing.devices, wing.max_import_w, wing.other_import_w) == ({"battery"}, 250_000.0, 100_000.0)
    assert (room.max_phase_w, room.other_import_w, wing.other_export_w) == (23_000.0, 10_000.0, 5_000.0)
    assert (site.failsafe.meter.then, site.failsafe.device_return_s, site.failsafe.longest_hold_s) == (
        "open_loop",
        3,
        60,
    )
    regulation, tariff, frequency = site.services.regulation, site.services.tariff, site.services.frequency
    assert regulation.when[0].spans == ((1320, 1560), (480, 1440))
    assert (regulation.when[0].days, regulation.claims) == ({0, 6}, {"battery": 50_000.0})
    assert (tariff.charge[0].spans, tariff.discharge[0].spans) == (((1380, 1860),), ((0, 1440),))
    assert (frequency.point, frequency.max_w) == ("pcc/frequency", 30_000.0)
    assert (site.limits.most_load_w, site.limits.least_load_w) == (400_000.0, 20_000.0)
    assert site.services.peak_limit.max_import_w == 300_000.0


def test_all_problems_come_at_once_in_the_order_of_the_file(folder):
    text = HEAD.replace("pcc", "«unknown_device»pc") + DEVICES.replace("unit_id: 2", "unit_id: «same_unit»1")
    check(folder, text + "assets: {b: {" + BATTERY + ", safe_kw: «out_of_range»300}}\n")


def test_a_broken_profile_of_the_sites_own_is_named_with_its_own_problems(folder):
    own = folder / "device_profiles" / "meter"
    own.mkdir(parents=True)
    text = (shipped("device_profiles") / "meter/abb_b23.yaml").read_text(encoding="utf-8")
    (own / "abb_b23.yaml").write_text(text.replace("unit: Hz", "unit: hz"), encoding="utf-8")
    problems = check_site(write(folder, HEAD + DEVICES))[1]
    assert [p.code for p in problems] == ["broken_profile", "unknown_unit"]
    assert problems[1].file.endswith("device_profiles/meter/abb_b23.yaml")


def test_a_sites_own_profile_goes_before_the_shipped_one(folder):
    own = folder / "device_profiles" / "meter"
    own.mkdir(parents=True)
    text = (shipped("device_profiles") / "meter/abb_b23.yaml").read_text(encoding="utf-8")
    (own / "abb_b23.yaml").write_text(text.replace("version: 1.0.0", "version: 9.0.0"), encoding="utf-8")
    assert profiles_of(load_site(write(folder, SMALL)))["meter/abb_b23"].version == "9.0.0"


def test_a_secret_may_lie_in_the_services_credentials_directory(folder, tmp_path_factory, monkeypatch):
    place = tmp_path_factory.mktemp("credentials")
    (place / "vpp").write_text("x")
    (place / "vpp").chmod(0o400)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(place))
    site = load_site(write(folder, SMALL.replace("secrets/vpp", str(place / "vpp"))))
    assert site.links["vpp"].password_file == place / "vpp"


@pytest.mark.fault("A-024")
def test_a_link_out_of_the_folder_is_followed_before_it_is_judged(folder):
    (folder / "secrets" / "out").symlink_to("/etc/passwd")
    check(folder, HEAD + DEVICES + "links: {v: {mqtt: 'mqtt://h:1', password_file: «outside_folder»secrets/out}}\n")


def test_a_missing_site_file_is_a_configuration_error(tmp_path):
    with pytest.raises(ConfigError):
        load_site(tmp_path / "none.yaml")


def test_the_schema_beside_the_shipped_profiles_is_that_of_this_version():
    path = shipped("device_profiles") / "profile.schema.json"
    assert json.loads(path.read_text(encoding="utf-8")) == schema_of("profile")


@pytest.mark.parametrize("kind", ["site", "profile"])
def test_the_published_schema_accepts_what_the_gateway_accepts(folder, kind):
    jsonschema = pytest.importorskip("jsonschema")
    validator = jsonschema.Draft202012Validator(schema_of(kind))
    if kind == "site":
        validator.validate(read_file(write(folder, WHOLE)).data)
        assert list(validator.iter_errors({"sit": {}}))
        return
    for path in shipped("device_profiles").glob("*/*.yaml"):
        if not path.name.endswith(".vectors.yaml"):
            validator.validate(_text_keys(read_file(path).data))


def _text_keys(data):
    if isinstance(data, dict):
        return {str(key): _text_keys(value) for key, value in data.items()}
    return [_text_keys(item) for item in data] if isinstance(data, list) else data


def test_a_key_nobody_knows_does_not_hide_what_else_is_wrong(tmp_path):
    file = tmp_path / "site.yaml"
    file.write_text(
        "site: {id: t, timezone: Asia/Shanghai, meter: pccc, nme: x}\n"
        'connections: {plant: {modbus_tcp: "192.0.2.1:502"}}\n'
        "devices:\n"
        "  pcc: {profile: meter/abb_b24, on: plannt, unit_id: 1}\n"
    )
    site, problems = check_site(file)
    assert site is None
    assert [(one.line, one.column, one.key) for one in problems] == [
        (1, 47, "site.meter"),
        (1, 53, "site.nme"),
        (4, 18, "devices.pcc.profile"),
        (4, 37, "devices.pcc.on"),
    ]
