"""Laws over all profiles: what can be commanded can be an asset of its class's kind, or its profile says why not."""

import re

import pytest

from emulators.bench import Bench, Manner
from emulators.profile_bench import wiring_of_profiles
from gateway.clock import SystemClock
from gateway.config import check_site
from gateway.config.assets import NEEDS
from gateway.errors import ConfigError
from gateway.field.bus import Member
from gateway.field.open import open_bus
from gateway.model.site import Connection, Device, Transport
from gateway.profiles.codec import decode_value, encode_value
from gateway.profiles.load import load_profile, profile_names
from gateway.profiles.places import at_place, places_of
from gateway.profiles.schema import Every, Protocol, Set
from gateway.profiles.vocabulary import states_of
from gateway.shipped import shipped
from tests.profiles.made import made
from tests.test_profiles import profile_of

KINDS = {
    "battery": ["battery"], "ev_charger": ["ev_fleet"], "hvac": ["fans", "chiller", "zones"], "lighting": ["dimmer"],
    "pv": ["pv"], "io": ["switched"],
}  # fmt: skip
"""Class of device -> the kinds of asset it can be; other classes have none."""
NUMBERS = {
    "battery": "max_charge_kw: 1, max_discharge_kw: 1, energy_kwh: 2, safe_kw: 0",
    "ev_fleet": "min_kw: 0, max_kw: 7, min_current_a: 6, max_current_a: 10, safe_current_a: 6",
    "fans": "min_kw: 0, max_kw: 5, rated_kw: 5, min_speed_pct: 30",
    "chiller": "min_kw: 0, max_kw: 50, rated_kw: 50",
    "dimmer": "min_kw: 0, max_kw: 5, rated_kw: 5, min_level_pct: 30",
    "pv": "rated_kw: 10, command_s: 60",
    "switched": "rated_kw: 3, operating_kw: 3",
    "zones": "meter: sub, max_kw: 9, setpoint_c: 24, occupied_c: [22, 26], kw_per_k: 4, kwh_per_k: 3",
}


def steered() -> list[str]:
    """Profiles that say how something is commanded, themselves or by the one they extend; nothing is loaded for that."""
    texts = {
        name: (shipped("device_profiles") / f"{name}.yaml").read_text(encoding="utf-8") for name in profile_names()
    }
    parents = {name: _EXTENDS.search(text) for name, text in texts.items()}
    own = {name for name, text in texts.items() if "\ncontrols:" in text}
    return sorted(own | {name for name, parent in parents.items() if parent is not None and parent[1] in own})


_EXTENDS = re.compile(r"^extends: (\S+)", re.MULTILINE)
STEERED = steered()
CHARGERS = [name for name in STEERED if name.startswith("ev_charger/")]


def kinds_of(profile):
    """The kinds of asset whose points and control it has."""
    return [
        kind
        for kind in KINDS.get(profile.device_class, [])
        if set(NEEDS[kind][0]) <= set(profile.points) and set(NEEDS[kind][1]) <= set(profile.controls)
    ]


def relatives(name):
    """The profile, its variants, its places."""
    profile = profile_of(name)
    return [profile_of(f"{name}@{part}") for part in (*profile.variants, *places_of(profile))] or [profile]


def site(folder, *assets):
    """A site file with an asset of one kind for each of (profile, kind, unit ids of its devices)."""
    members, owners = ["pcc: {profile: meter/abb_b23, on: m}", "sub: {profile: meter/abb_b23, on: m, unit_id: 2}"], []
    for number, (profile, kind, units) in enumerate(assets):
        line = "ua" if profile.protocol is Protocol.OPCUA else f"l{number}"
        params = ", ".join(
            f"{p.name}: {p.default or 'X'}" for p in profile.params.values() if p.default is None and not p.unit
        )
        names = [f"d{number}_{at}" for at in range(len(units))]
        members += [
            f"{name}: {{profile: {profile.name}, on: {line}, unit_id: {unit}, params: {{{params}}}}}"
            for name, unit in zip(names, units, strict=True)
        ]
        owner = f"device: {names[0]}" if kind == "battery" else f"devices: [{', '.join(names)}]"
        owners.append(f"a{number}: {{kind: {kind}, {owner}, {NUMBERS[kind]}}}")
    lines = [f'l{number}: {{modbus_tcp: "127.0.0.1:{5021 + number}"}}' for number in range(len(assets))]
    lines += ['m: {modbus_tcp: "127.0.0.1:5020"}', 'ua: {opcua: "opc.tcp://127.0.0.1:4840"}']
    parts = {"connections": lines, "devices": members, "assets": owners}
    text = "site: {id: s, timezone: Asia/Shanghai, meter: pcc}\n"
    text += "".join(f"{name}:\n" + "".join(f"  {row}\n" for row in rows) for name, rows in parts.items())
    path = folder / "site.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def able_of(name):
    """(profile, kind) of everything this profile can be."""
    return [(one, kind) for one in (profile_of(name), *relatives(name)) for kind in kinds_of(one)]


@pytest.mark.parametrize("name", STEERED)
def test_what_can_be_commanded_can_be_an_asset_or_its_profile_says_why_not(name):
    profile = profile_of(name)
    assert profile.controls
    assert bool(able_of(name)) != bool(profile.no_asset), profile.no_asset or "neither an asset nor a reason"


def test_a_site_with_an_asset_of_every_such_profile_is_sound(tmp_path):
    everything = {one.name: (one, kind, (1,)) for name in STEERED for one, kind in able_of(name)}
    assert len(everything) >= 40
    made_of, problems = check_site(site(tmp_path, *everything.values()))
    assert problems == []
    assert made_of is not None
    assert len(made_of.assets) == len(everything)


def test_nearly_every_charger_that_can_be_commanded_can_be_in_a_fleet():
    able = [name for name in CHARGERS if able_of(name)]
    assert sorted(set(CHARGERS) - set(able)) == ["ev_charger/chargex_aqueduct"]


@pytest.mark.parametrize("name", CHARGERS)
def test_a_chargers_state_is_one_of_the_published_ones_whatever_its_own_numbers_are(name):
    for profile in relatives(name):
        state = profile.points.get("ev.state")
        if state is None:
            assert profile.no_asset
            continue
        assert list(state.enum.values()) == list(states_of("ev.state"))
        shown = {decode_value(state, code)[0] for code in state.codes if state.bits is None}
        assert shown <= set(map(float, range(9)))


def test_who_makes_an_asset_of_a_device_that_cannot_be_one_is_told_why(tmp_path):
    profile = load_profile("ev_charger/chargex_aqueduct")
    _, (problem,) = check_site(site(tmp_path, (profile, "ev_fleet", (1,))))
    assert (problem.code, problem.remedy) == ("profile_lacks", profile.no_asset)


def test_who_makes_an_asset_of_a_box_of_several_chargers_is_told_to_take_its_places(tmp_path):
    _, (problem,) = check_site(site(tmp_path, (load_profile("ev_charger/phoenix_charx"), "ev_fleet", (1,))))
    assert "ev_charger/phoenix_charx@connector01" in problem.remedy


def test_places_of_one_box_share_its_unit_id_and_nothing_else_does(tmp_path):
    path = site(tmp_path, (load_profile("ev_charger/phoenix_charx@connector01"), "ev_fleet", (1, 1)))
    assert [problem.code for problem in check_site(path)[1]] == ["same_unit"]
    two = path.read_text(encoding="utf-8").replace("connector01", "connector02", 1)
    path.write_text(two, encoding="utf-8")
    assert check_site(path)[1] == []


def test_a_place_has_plain_names_its_own_registers_and_what_the_box_has_once():
    box = load_profile("ev_charger/alpitronic_hyc")
    assert places_of(box) == [f"connector{number:02}" for number in range(1, 5)]
    place = at_place(box, "connector03")
    assert place.points["ev.power"].address == box.points["connector03.ev.power"].address == 304
    assert place.points["ev.power"].valid_when[0].point == "x.station.connectors"
    assert place.points["device.serial"] == box.points["device.serial"]
    assert not any(name.startswith("connector") for name in place.points)
    assert list(place.controls) == ["ev.current.limit"]
    control = place.controls["ev.current.limit"]
    assert control.confirm.point == "ev.current.limit"
    written = {
        n for step in (*control.apply, *control.keepalive.steps) if isinstance(step, Set) for n, _ in step.writes
    }
    assert written == {"ev.current.limit"}


def test_a_place_that_is_not_there_is_named_with_the_nearest():
    with pytest.raises(ConfigError, match="connector04") as caught:
        load_profile("ev_charger/phoenix_charx@connector05")
    assert caught.value.problems[0].code == "unknown_profile"


CODED = """\
points:
  ev.state: {at: 1, type: u16, codes: {65: A, 66: B1, 67: C2}}
  x.level: {at: 2, type: u16, bits: 4..7, codes: {1: 100, 2: 250}, unit: W}
"""


@pytest.mark.parametrize(
    ("point", "raw", "expected"),
    [
        ("ev.state", 65, 0.0),
        ("ev.state", 67, 4.0),
        ("ev.state", 0, None),
        ("ev.state", 68, None),
        ("x.level", 0x0012, 100.0),
        ("x.level", 0xFF2F, 250.0),
        ("x.level", 0x0030, None),
    ],
)
def test_a_code_that_is_not_known_is_no_value(tmp_path, point, raw, expected):
    assert decode_value(made(tmp_path, CODED).points[point], raw)[0] == expected


def test_a_code_is_never_written(tmp_path):
    point = made(tmp_path, CODED).points["ev.state"]
    with pytest.raises(ValueError, match="codes"):
        encode_value(point, 1.0)


async def test_two_places_of_one_box_are_read_and_set_apart_over_one_line():
    wiring, values = wiring_of_profiles(["meter/abb_b23", "ev_charger/phoenix_charx"])
    bench = Bench(wiring, values, lambda: 0.0, manner=Manner())
    await bench.start()
    try:
        box = next(device for line in wiring.lines for device in line.devices if device.profile.startswith("ev_"))
        places = {f"c{n}": load_profile(f"ev_charger/phoenix_charx@connector{n:02}") for n in (1, 2)}
        members = [Member(Device(name, one.name, "l", box.unit_id), one) for name, one in places.items()]
        line = Connection("l", Transport.MODBUS_TCP, bench.addresses["bench"], timeout_s=40.0)
        bus = open_bus(line, members, clock=SystemClock())
        values.write_point(box.id, "connector02.ev.power", 7000.0)
        powers = {}
        for name in places:
            batches = list(enumerate(bus.batches(name)))
            for number, batch in sorted(batches, key=lambda entry: entry[1].every is not Every.ONCE):
                fetched = await bus.read(name, number)  # how many there are comes first
                if "ev.power" in batch.points:
                    powers[name] = fetched.values[batch.points.index("ev.power")]
        assert powers["c2"] == 7000.0 != powers["c1"]
        before = values.read(box.id, "connector01.ev.current.limit")
        await bus.write("c2", {"ev.current.limit": 13.0}, function="16")
        assert values.read(box.id, "connector02.ev.current.limit") == 13.0
        assert values.read(box.id, "connector01.ev.current.limit") == before
        await bus.close()
    finally:
        await bench.stop()
