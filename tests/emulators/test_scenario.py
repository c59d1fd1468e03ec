"""Scenario files: what ships, and errors at their place."""

import csv
import re
from dataclasses import replace

import pytest

from emulators import scenario as module
from emulators.plant import Plant
from emulators.scenario import load_scenario, scenario_names
from emulators.upstream import Window
from gateway.config import load_site, profiles_of
from gateway.errors import ConfigError

FOLDER = load_scenario("demo_tower").file.parent
REFERENCE = ("battery_full", "battery_half", "no_battery")


def changed(folder, replace, by):
    text = (FOLDER / "battery_full.yaml").read_text()
    assert replace in text
    (folder / "battery_full.site.yaml").write_text("site: {}\n")
    path = folder / "mine.yaml"
    path.write_text(text.replace(replace, by, 1))
    return path


def problems(path):
    with pytest.raises(ConfigError) as caught:
        load_scenario(path)
    return caught.value.problems


def test_the_shipped_scenarios_are_there():
    assert set(scenario_names()) >= {*REFERENCE, "demo_tower"}


@pytest.mark.parametrize("name", scenario_names())
def test_a_shipped_scenario_and_its_site_file_name_the_same_devices(name):
    scenario = load_scenario(name)
    site = load_site(scenario.site)
    assert set(scenario.groups()) == set(site.devices)
    assert {scenario.group_of(device) for device in site.devices} == set(scenario.lines)


@pytest.mark.parametrize("name", scenario_names())
def test_every_control_of_a_profile_is_one_the_plant_takes(name):
    scenario = load_scenario(name)
    plant = Plant(scenario.plant, scenario.load(), seed=1)
    site = load_site(scenario.site)
    profiles = profiles_of(site)
    for device, profile in ((one.id, profiles[one.profile]) for one in site.devices.values()):
        for control in profile.controls:
            assert (device, control) in plant.parts.controls
        for point in profile.points.values():
            wanted = not point.is_text and not point.name.startswith(("x.comm_loss", "device."))
            if wanted and point.name != "power.reactive":
                assert plant.read(device, point.name) is not None, f"{device}/{point.name}"


@pytest.mark.parametrize("name", scenario_names())
def test_every_plant_parameter_carries_its_source(name):
    text = (FOLDER / f"{name}.yaml").read_text()
    plant = text[text.index("\nplant:") : text.index("\nlines:")]
    for line in plant.splitlines():
        if re.match(r"    \w+: ", line) and not re.match(r"    (device|devices|bookings|zone): ", line):
            assert re.search(r"# (reference|nameplate|assumed)", line), line


def test_the_roof_of_solar_works_can_break_its_export_limit_and_its_loads_rest_as_the_site_file_says():
    scenario = load_scenario("solar_works")
    plant, site = scenario.plant, load_site(scenario.site)
    roof, boilers = site.assets["roof"], site.assets["boilers"]
    assert roof.min_w == -plant.pv.rated_w * len(plant.pv.devices) < -3.0 * site.limits.max_export_w
    assert boilers.operating_w == plant.relays.running * plant.relays.rated_w == plant.operating_w
    assert boilers.max_w == plant.relays.rated_w * len(plant.relays.devices)


@pytest.mark.parametrize("name", [*REFERENCE, "demo_tower"])
def test_each_asset_has_the_room_its_site_file_states(name):
    scenario = load_scenario(name)
    plant, site = scenario.plant, load_site(scenario.site)
    assets = {asset.detail.__class__.__name__: asset for asset in site.assets.values()}
    assert plant.operating_w == pytest.approx(
        plant.fleet.cars * plant.fleet.mean_w
        + sum(asset.operating_w for kind, asset in assets.items() if kind in {"Fans", "Chiller", "Dimmer"})
    )
    room_w = sum((asset.max_w - asset.min_w) / 2.0 for asset in site.assets.values())
    assert room_w >= scenario.upstream.regulation.capacity_w
    fans = assets["Fans"]
    top_w = len(plant.fans.devices) * plant.fans.rated_w
    assert fans.max_w <= top_w
    assert fans.min_w >= top_w * (plant.fans.min_speed_pct / 100.0) ** 3


def test_the_demo_has_the_plant_of_battery_full_and_pipes_besides():
    plant, full = load_scenario("demo_tower").plant, load_scenario("battery_full").plant
    assert plant.flows is not None
    assert replace(plant, flows=None, meter=replace(plant.meter, counted_wh=0.0)) == full


@pytest.mark.parametrize(
    ("run_s", "wanted"),
    [
        (None, [Window(10.0, 50.0)]),
        (90.0, [Window(10.0, 50.0)]),
        (30.0, [Window(10.0, 30.0)]),
        (1200.0, [Window(10.0, 50.0), Window(90.0, 1200.0)]),
    ],
)
def test_in_the_demo_regulation_fills_a_run_that_is_longer_than_the_time_line(run_s, wanted):
    assert list(load_scenario("demo_tower").upstream.windows(run_s)) == wanted


def test_the_signal_of_a_scenario_has_the_form_of_a_signal_file():
    with load_scenario("battery_full").upstream.regulation.signal.open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 43_200
    assert all(-1.0 <= float(row["signal"]) <= 1.0 for row in rows)


@pytest.mark.parametrize(
    ("replace", "by", "code", "line_of"),
    [
        ("    lag_s: 0.3", "    lagg_s: 0.3", "unknown_key", "lagg_s"),
        ("    lag_s: 0.3", "    lag_s: fast", "wrong_type", "lag_s: fast"),
        ("    lag_s: 0.3", "    lag_s: -1", "out_of_range", "lag_s: -1"),
        ("[0.3, 0.6]", "[0.6, 0.3]", "range", "[0.6, 0.3]"),
        ("  start: 198d ", "  start: yesterday ", "span", "start: yesterday"),
        ("regd_2020-07-16_2s.csv", "regd_2020-07-18_2s.csv", "no_such_file", "regd_2020-07-18"),
        ("site: battery_full.site.yaml", "site: batery_full.site.yaml", "no_such_file", "batery_full"),
        ("vehicles: 8", "vehicles: 20", "conflict", "vehicles: 20"),
        ("soc_start_pct: 50", "soc_start_pct: 95", "conflict", "soc_start_pct: 95"),
        ("  fans: {poll_s", "  lights: {poll_s", "missing_key", "lines:"),
    ],
)
def test_what_is_wrong_is_named_at_its_place(tmp_path, replace, by, code, line_of):
    path = changed(tmp_path, replace, by)
    found = [one for one in problems(path) if one.code == code]
    assert found, problems(path)
    lines = path.read_text().splitlines()
    assert line_of in lines[found[0].line - 1]
    assert str(found[0]).startswith(f"{path}:{found[0].line}:{found[0].column}: ")


def test_all_problems_come_at_once_and_name_the_right_key(tmp_path):
    path = changed(tmp_path, "    lag_s: 0.3", "    lagg_s: 0.3")
    path.write_text(path.read_text().replace("    noise_share: 0.02", "    noise_share: 2"))
    found = problems(path)
    assert {one.code for one in found} == {"unknown_key", "missing_key", "out_of_range"}
    assert next(one for one in found if one.code == "unknown_key").nearest == "lag_s"


def test_a_fault_of_a_device_the_plant_does_not_have_is_refused(tmp_path):
    path = changed(tmp_path, "upstream:", "faults: [{device: ev33, fault: offline, start: 10s}]\nupstream:")
    (one,) = problems(path)
    assert (one.code, one.nearest) == ("unknown_device", "ev13")


def test_an_unknown_name_is_answered_with_the_nearest_one():
    (one,) = problems("demo_towr")
    assert one.nearest == "demo_tower"


def test_a_file_that_is_not_there_is_said_to_be_unreadable(tmp_path):
    (one,) = problems(tmp_path / "none.yaml")
    assert one.code == "unreadable"


def test_the_room_never_imports_the_gateways_decoder():
    assert "codec" not in vars(module)


@pytest.mark.parametrize(
    ("fault", "code", "near"),
    [
        ("{device: battery, fault: ofline, start: 10s}", "unknown_fault", "offline"),
        ("{device: ahu01, fault: asset_dead, start: 10s}", "conflict", ""),
        ("{device: battery, fault: late, start: ten}", "span", ""),
    ],
)
def test_a_fault_that_does_not_exist_or_does_not_fit_is_refused_where_it_stands(tmp_path, fault, code, near):
    path = changed(tmp_path, "upstream:", f"faults:\n  - {fault}\nupstream:")
    (one,) = problems(path)
    assert (one.code, one.nearest) == (code, near)
    text = path.read_text().splitlines()[one.line - 1]
    assert text[one.column - 1 :].startswith(("ofline", "asset_dead", "ten"))
