"""What points say together: sums, signs, factors, conditions, choices; unknown is never zero."""

import pytest

from gateway.errors import ConfigError, ProfileError
from gateway.model.reading import Cause, Quality
from gateway.profiles.derive import Derivations
from gateway.profiles.frames import for_device
from gateway.profiles.load import load_profile
from gateway.profiles.schema import Every
from tests.profiles.made import made

GOOD = (Quality.GOOD, Cause.NONE)
OFFLINE = (None, Quality.INVALID, Cause.OFFLINE)

POINTS = """\
points:
  x.in:  {at: 1, type: u16, unit: W}
  x.out: {at: 2, type: u16, unit: W}
  x.ct:  {at: 3, type: u16, unit: "1", every: slow}
  x.mode: {at: 4, type: u16, enum: {0: idle, 1: run}}
  x.counted: {at: 5, type: u16, unit: "1"}
  power.active: {sum_of: [x.in], minus: [x.out], range: [-500, 500]}
  x.mean: {mean_of: [x.in, x.out], unit: W}
  x.first: {first_of: [x.in, x.out], unit: W}
  x.picked: {pick: {by: x.mode, codes: {0: 0, 1: x.out}}, unit: W}
  x.scaled: {at: 6, type: u16, scale: [0.1, {of: x.ct}], unit: A, range: [0, 100]}
  x.rate: {at: 7, type: u16, scale: [{of: x.counted, inverse: true}], unit: m3}
  x.when: {at: 8, type: u16, unit: "1", valid_when: [{point: x.mode, equals: run}, {point: x.ct, at_least: 2}]}
"""
READS = [("x.in", "x.out", "x.mode", "x.counted", "x.scaled", "x.rate", "x.when"), ("x.ct",)]


def fresh(tmp_path):
    profile = made(tmp_path, POINTS)
    return Derivations(profile.points, READS, period_s={Every.FAST: 1.0, Every.NORMAL: 5.0, Every.SLOW: 60.0})


def finished(derivations, at_s=0.0, *, read=0, **values):
    names = READS[read]
    given = {name.removeprefix("x."): name for name in names}
    decoded = [(float(values[short]), *GOOD) if values.get(short) is not None else OFFLINE for short in given]
    made_of = derivations.finish(read, names, decoded, at_s)
    return {
        name.removeprefix("x."): value[0]
        for name, value in zip((*names, *derivations.extra[read]), made_of, strict=True)
    }


ALL = {"in": 300, "out": 100, "mode": 1, "counted": 4, "scaled": 5, "rate": 10, "when": 7}


def test_a_read_brings_what_is_made_of_it(tmp_path):
    derivations = fresh(tmp_path)
    finished(derivations, read=1, ct=20)
    values = finished(derivations, **ALL)
    assert (values["power.active"], values["mean"], values["first"], values["picked"]) == (200, 200, 300, 100)
    assert (values["scaled"], values["rate"], values["when"]) == (100, 2.5, 7)


@pytest.mark.parametrize(
    ("change", "unknown"),
    [
        ({"in": None}, {"power.active", "mean"}),  # `first` has the other
        ({"in": None, "out": None}, {"power.active", "mean", "first", "picked"}),
        ({"mode": None}, {"picked", "when"}),
        ({"mode": 2}, {"picked", "when"}),  # a code nobody named
        ({"mode": 0}, {"when"}),
        ({"counted": 0}, {"rate"}),  # nothing to divide by
        ({"counted": None}, {"rate"}),
        ({"scaled": 6}, {"scaled"}),  # 6 x 20 is beyond its range, 6 alone is not
        ({"in": 700, "out": 0}, {"power.active"}),
    ],
)
def test_what_is_not_known_makes_nothing_known(tmp_path, change, unknown):
    derivations = fresh(tmp_path)
    finished(derivations, read=1, ct=20)
    values = finished(derivations, **(ALL | change))
    given = {name for name, value in change.items() if value is None}
    assert {name for name, value in values.items() if value is None} - given == unknown


def test_a_factor_that_was_never_read_or_is_too_old_is_not_one(tmp_path):
    derivations = fresh(tmp_path)
    assert finished(derivations, **ALL)["scaled"] is None
    finished(derivations, read=1, ct=2)
    assert finished(derivations, 180.0, **ALL)["scaled"] == 10
    assert finished(derivations, 180.5, **ALL)["scaled"] is None


def test_a_derived_point_is_as_fast_as_its_fastest_input_and_comes_with_the_last_of_them(tmp_path):
    text = """\
points:
  x.a: {at: 1, type: u16, unit: W, every: slow}
  x.b: {at: 2, type: u16, unit: W}
  x.c: {at: 3, type: u16, unit: W}
  x.sum: {sum_of: [x.a, x.b, x.c], unit: W}
  x.twice: {sum_of: [x.sum, x.sum], unit: W}
"""
    profile = made(tmp_path, text)
    assert profile.points["x.sum"].every is profile.points["x.twice"].every is Every.FAST
    derivations = Derivations(profile.points, [("x.a",), ("x.b",), ("x.c",)], period_s={})
    assert derivations.extra == [(), (), ("x.sum", "x.twice")]


def test_names_inside_a_repeated_block_mean_the_same_place(tmp_path):
    text = """\
blocks:
  - points: {x.boxes: {at: 0, type: u16, unit: "1"}}
  - repeat: {prefix: unit, count: 3, stride: {holding: 10, input: 5}, counted_by: x.boxes}
    atomic: true
    points:
      x.power: {at: 100, type: u16, unit: W, scale: {pow10: x.exp, times: -1, plus: 1}}
      x.exp:   {at: 101, type: i16, unit: "1"}
  - repeat: {prefix: pack, count: 3, at: [0, 256, 768], unit_id_step: 2}
    unit_id: 10
    points: {battery.soc: {at: 50, type: u16, unit: "%"}}
  - repeat: {prefix: zone, count: 2, stride: {input: 7}}
    points: {x.t: {at: 1, type: u16, table: input, unit: degC}, x.s: {at: 200, type: u16, unit: "1"}}
"""
    with pytest.raises(ConfigError):  # the same register twice: no stride for holding registers
        made(tmp_path, text)
    points = made(tmp_path, text.replace("stride: {input: 7}", "stride: {input: 7, holding: 1}")).points
    third = points["unit03.x.power"]
    assert (third.address, third.pow10, third.pow10_times, third.pow10_plus) == (120, "unit03.x.exp", -1, 1)
    assert (third.valid_when[0].point, third.valid_when[0].low) == ("x.boxes", 3)
    assert [(points[f"pack0{n}.battery.soc"].address, points[f"pack0{n}.battery.soc"].unit_id) for n in (1, 2, 3)] == [
        (50, 10), (306, 12), (818, 14),
    ]  # fmt: skip
    assert (points["zone02.x.t"].address, points["zone02.x.s"].address) == (8, 201)


def test_a_documents_own_counting_becomes_addresses(tmp_path):
    text = """\
defaults: {first: {holding: 40001, input: 30001}}
points:
  x.a: {at: 40001, type: u16, unit: "1"}
  x.b: {at: 30011, type: u16, table: input, unit: "1"}
"""
    points = made(tmp_path, text).points
    assert (points["x.a"].address, points["x.b"].address) == (0, 10)
    parameters = made(tmp_path, 'defaults: {first: 1, times: 10}\npoints: {x.p: {at: 16, type: u16, unit: "1"}}\n')
    assert parameters.points["x.p"].address == 159
    with pytest.raises(ConfigError) as caught:
        made(tmp_path, 'defaults: {first: 40001}\npoints: {x.a: {at: 39999, type: u16, unit: "1"}}\n')
    assert caught.value.problems[0].code == "out_of_range"


def test_a_meter_mounted_reversed_says_export_where_it_said_import():
    meter = load_profile("meter/abb_b23")
    turned = for_device(meter, {"mounting": "reversed"}).points
    assert turned["power.active"].factor == -meter.points["power.active"].factor
    assert turned["voltage.l1-n"] == meter.points["voltage.l1-n"]
    assert turned["energy.active.export"].address == meter.points["energy.active.import"].address
    assert turned["energy.active.import"].address == meter.points["energy.active.export"].address
    with pytest.raises(ProfileError, match="cannot be mounted reversed"):
        for_device(load_profile("meter/peacefair_pzem016"), {"mounting": "reversed"})


def test_a_difference_is_turned_once_when_its_parts_are():
    meter = load_profile("meter/sma_home_manager2")
    turned = for_device(meter, {"mounting": "reversed"}).points
    assert turned["power.active"].factor == -1
    assert turned["x.power.import"] == meter.points["x.power.import"]


def test_a_variant_differs_in_what_it_says_and_in_nothing_else(tmp_path):
    low, high = load_profile("battery/deye_hybrid_3p"), load_profile("battery/deye_hybrid_3p@high_voltage")
    assert high.name == "battery/deye_hybrid_3p@high_voltage"
    assert high.points["battery.power"].factor == 10 * low.points["battery.power"].factor
    assert high.points["battery.soc"] == low.points["battery.soc"]
    with pytest.raises(ConfigError) as caught:
        load_profile("battery/deye_hybrid_3p@high_voltag")
    assert caught.value.problems[0].remedy == "write battery/deye_hybrid_3p@high_voltage"
    with pytest.raises(ConfigError) as caught:  # a variant's mistake stands at its own line
        made(
            tmp_path, 'points: {x.a: {at: 1, type: u16, unit: "1"}}\nvariants:\n  b:\n    points: {x.a: {scale: -1}}\n'
        )
    (problem,) = caught.value.problems
    assert (problem.line, problem.code) == (6, "negative_scale")
