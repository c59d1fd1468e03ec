"""Broken profiles: every mistake at its place, with a code and what to write."""

from math import inf

import pytest

from gateway.errors import ConfigError
from gateway.profiles.load import load_profile, load_profile_file
from gateway.profiles.schema import Every, Kind, Mask, Order, Set, Table, Until, Wait
from tests.marked import marked
from tests.spoken import in_both_languages

HEAD = """\
schema: 1
profile: {id: my.meter, version: 1.0.0, class: meter, vendor: V, models: [M], confidence: A, evidence: [doc]}"""
RW = """\
HEAD
points:
  fan.speed.setpoint: {at: 1, type: u16, unit: "%", access: rw, range: [0, 100]}
  x.word: {at: 2, type: u16, unit: "1", access: rw, wear: stored, enum: {1: run}}
  x.long: {at: 4, type: u32, unit: "1", access: rw}
  x.read: {at: 6, type: u16, unit: "1"}
params: {t_s: {unit: s, default: 60}, t: {default: abc}}
controls:"""
SHORT = {
    "CONFIDENCE_C": RW.replace("HEAD", HEAD.replace("confidence: A", "confidence: C")),
    "RW": RW,
    "HEAD": HEAD,
    "APPLY": "apply: [{set: {fan.speed.setpoint: value}}]",
    "RELEASE": "release: [{set: {fan.speed.setpoint: 0}}]",
    "LOST": "lost: {then: keeps_last}",
}


def spelt_out(text):
    for word, meaning in SHORT.items():
        text = text.replace(word, meaning)
    return text


def write(tmp_path, text, name="meter/my_meter"):
    path = tmp_path / f"{name}.yaml"
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_text(text, encoding="utf-8")
    return path


def check(tmp_path, text):
    broken, expected = marked(spelt_out(text))
    with pytest.raises(ConfigError) as caught:
        load_profile_file(write(tmp_path, broken))
    assert [(p.line, p.column, p.code) for p in caught.value.problems] == expected
    in_both_languages(caught.value.problems)


POINTS = [
    "«unknown_point»power.activ: {at: 0, type: i32, unit: W, sign: import}",
    "power.active: {at: 0, «unknown_key»typ: i32, unit: W, sign: import}",
    "«missing_key»power.active: {type: i32, unit: W, sign: import}",
    "«missing_key»power.active: {at: 0, unit: W, sign: import}",
    "power.active: {at: 0, type: «not_a_choice»i33, unit: W, sign: import}",
    "«missing_unit»power.active: {at: 0, type: i32, sign: import}",
    "power.active: {at: 0, type: i32, unit: «wrong_unit»kV, sign: import}",
    "power.active: {at: 0, type: i32, unit: «unknown_unit»kw, sign: import}",
    "«missing_sign»power.active: {at: 0, type: i32, unit: W}",
    "power.active: {at: 0, type: i32, unit: W, sign: import, scale: «negative_scale»-0.1}",
    "power.active: {at: 0, type: i32, unit: W, sign: import, scale: «wrong_type»'1'}",
    "power.active: {at: 0, type: i32, unit: W, sign: import, «missing_key»scale: {«unknown_key»pow: x}}",
    "power.active: {at: 0, type: i32, unit: W, sign: import, scale: {pow10: «unknown_point»x.sf}}",
    "power.active: {at: «out_of_range»65536, type: i32, unit: W, sign: import}",
    "power.active: {at: «beyond_table»65535, type: i32, unit: W, sign: import}",
    "power.active: {at: 0, type: i32, words: «wrong_length»1, unit: W, sign: import}",
    "frequency: {at: 0, type: u16, unit: Hz, range: «min_above_max»[65, 45]}",
    "frequency: {at: 0, type: u16, unit: Hz, range: «wrong_length»[45]}",
    "frequency: {at: 0, type: u16, unit: Hz, invalid: «sentinel_outside_type»0x10000}",
    "frequency: {at: 0, type: u16, unit: Hz, bits: «bad_bits»3..20}",
    "frequency: {at: 0, type: f32, unit: Hz, bits: «bad_bits»3}",
    "frequency: {at: 0, type: «wrong_table»u16, unit: Hz, table: coil}",
    "frequency: {at: 0, type: u16, unit: Hz, table: input, access: «not_writable»rw}",
    "frequency: {at: 0, path: «wrong_protocol»['a:B'], type: u16, unit: Hz}",
    "«missing_key»device.model: {at: 0, type: text}",
    "x.a: {at: 0, type: u32, unit: '1'}\n  x.b: {at: «overlap»1, type: u16, unit: '1'}",
    "x.a: {at: 0, type: u16, bits: 0..3}\n  x.b: {at: «overlap»0, type: u16, bits: 3}",
    "x.a: {at: 0, type: u16, unit: '1', enum: {1: «wrong_type»5}}",
    "frequency: {at: 0, type: u16, unit: Hz, scale: «scale_against_unit»0.0001}",
    "frequency: {at: 0, type: u16, unit: Hz, scale: «scale_against_unit»100}",
    "«scale_against_unit»power_factor: {at: 0, type: i16, unit: '1'}",
    "«scale_against_unit»voltage.l1-n: {at: 0, type: u16, unit: kV}",
    "battery.soc: {at: 0, type: u16, unit: '%', scale: «scale_against_unit»100}",
    "x.a: {at: 0, type: u16, unit: W, scale: «scale_against_unit»0.01, range: [1000, 5000]}",
    "ev.state: {at: 0, type: u16, codes: {1: «unknown_name»B3}}",
    "ev.state: {at: 0, type: u16, codes: {'1': «wrong_type»A}}",
    "ev.state: {at: 0, type: text, words: 1, codes: {1: «wrong_type»A}}",
    "x.a: {at: 0, type: u16, codes: {1: «unknown_name»A}}",
    "ev.state: {at: 0, type: u16, codes: {1: A}, access: «not_writable»rw}",
]


@pytest.mark.fault("A-019", "A-020", "A-023")
@pytest.mark.parametrize("point", POINTS)
def test_a_mistake_in_a_point_is_named_at_its_place(tmp_path, point):
    check(tmp_path, f"HEAD\npoints:\n  {point}\n")


def test_what_is_said_once_for_a_block_or_the_device_holds_for_its_points(tmp_path):
    text = """\
HEAD
defaults: {order: cdab, invalid: {i16: [0x8000, -1], f32: 9999}}
blocks:
  - {table: coil, points: {fan.running: {at: 5}}}
  - {table: input, type: i16, every: slow, unit_id: 3, points: {x.a: {at: 1, unit: degF}, x.b: {at: 2, unit: K.abs, invalid: []}}}
points:
  x.c: {at: 1, type: f32, unit: L/s}
"""
    points = load_profile_file(write(tmp_path, spelt_out(text))).points
    assert (points["fan.running"].kind, points["fan.running"].table) == (Kind.BOOL, Table.COIL)
    a = points["x.a"]
    assert (a.table, a.every, a.unit_id, a.order, a.invalid) == (Table.INPUT, Every.SLOW, 3, Order.CDAB, (-32768, -1))
    assert a.factor * 212 + a.offset == pytest.approx(100)
    assert (points["x.b"].invalid, points["x.b"].offset) == ((), -273.15)
    assert (points["x.c"].invalid, points["x.c"].factor) == ((9999.0,), 3.6)


def test_steps_of_every_kind_are_read_in_the_points_own_unit_and_sign(tmp_path):
    text = """\
HEAD
points:
  battery.power.setpoint: {at: 1, type: i16, unit: kW, sign: discharge, access: rw}
  battery.power: {at: 2, type: i16, unit: kW, sign: discharge}
  x.word: {at: 3, type: u16, unit: "1", access: rw, enum: {3: ready}}
controls:
  battery.power.setpoint:
    unit: kW
    sign: charge
    range: [-10, 20]
    apply:
      - mask: {point: x.word, set: 1, clear: 6}
      - wait_s: 2
      - {until: {point: x.word, equals: ready}, within_s: 5}
      - {until: {point: battery.power, at_least: -3}, within_s: 5}
      - set: {battery.power.setpoint: value}
    release: [{set: {battery.power.setpoint: 5}}]
    lost: {then: fallback, value: 2, after_s: 9}
    confirm: {point: battery.power, tolerance: 0.5, within_s: 3}
"""
    control = load_profile_file(write(tmp_path, spelt_out(text))).controls["battery.power.setpoint"]
    assert (control.low, control.high, control.step) == (-10_000, 20_000, 1000)
    assert control.apply == (
        Mask("x.word", 1, 6), Wait(2.0), Until("x.word", 3.0, 3.0, 5.0), Until("battery.power", -inf, 3000.0, 5.0),
        Set((("battery.power.setpoint", None),)),
    )  # fmt: skip
    assert control.release == (Set((("battery.power.setpoint", -5000.0),)),)
    assert (control.lost.value, control.lost.after_s) == (2000, 9)
    assert control.confirm is not None
    assert control.confirm.tolerance == 500


CONTROLS = [
    '«missing_key»fan.speed.setpoint: {unit: "%", «unknown_key»rang: [0, 100], APPLY, RELEASE, LOST}',
    '«missing_key»fan.speed.setpoint: {unit: "%", range: [0, 100], APPLY, «unknown_key»releas: [{set: {fan.speed.setpoint: 0}}], LOST}',
    '«missing_key»fan.speed.setpoint: {unit: "%", range: [0, 100], APPLY, RELEASE}',
    'fan.speed.setpoint: {unit: "%", range: [0, 100], APPLY, RELEASE,  «missing_key»lost: {then: fallback}}',
    'fan.speed.setpoint: {unit: "%", range: «range_beyond_point»[0, 120], APPLY, RELEASE, LOST}',
    'fan.speed.setpoint: {unit: "%", range: «min_above_max»[100, 0], APPLY, RELEASE, LOST}',
    "fan.speed.setpoint: {unit: «wrong_unit»kW, range: [0, 100], APPLY, RELEASE, LOST}",
    'fan.speed.setpoint: {unit: "%", range: [0, 100], «value_unused»apply: [{set: {fan.speed.setpoint: 5}}], RELEASE, LOST}',
    'fan.speed.setpoint: {unit: "%", range: [0, 100], APPLY, release: [{set: {fan.speed.setpoint: «unwritable_value»200}}], LOST}',
    'fan.speed.setpoint: {unit: "%", range: [0, 100], APPLY, release: [{set: {«unknown_point»fan.speed.setpiont: 0}}], LOST}',
    'fan.speed.setpoint: {unit: "%", range: [0, 100], APPLY, release: [{set: {«not_writable»x.read: 0}}], LOST}',
    'fan.speed.setpoint: {unit: "%", range: [0, 100], APPLY, release: [{set: {x.word: «unknown_name»rum}}], LOST}',
    'fan.speed.setpoint: {unit: "%", range: [0, 100], APPLY, release: «wrong_length»[], LOST}',
    'fan.speed.setpoint: {unit: "%", range: [0, 100], APPLY, release: [«bad_step»{wait_s: 1, set: {fan.speed.setpoint: 0}}], LOST}',
    'fan.speed.setpoint: {unit: "%", range: [0, 100], APPLY, release: [«missing_key»{until: {point: x.read}}], LOST}',
    'fan.speed.setpoint: {unit: "%", range: [0, 100], APPLY, release: [{until: {point: «unknown_point»x.raed}, within_s: 1}], LOST}',
    'fan.speed.setpoint: {unit: "%", range: [0, 100], APPLY, release: [{mask: {point: «not_writable»x.read, set: 1}}], LOST}',
    'fan.speed.setpoint: {unit: "%", range: [0, 100], APPLY, RELEASE, LOST, keepalive: {every_s: «keepalive_slow»25, timeout_s: 60, steps: [{wait_s: 1}]}}',
    'fan.speed.setpoint: {unit: "%", range: [0, 100], APPLY, RELEASE, LOST, keepalive: {every_s: 5, timeout_s: 60, steps: [{set: {«stored_keepalive»x.word: run}}]}}',
    'fan.speed.setpoint: {unit: "%", range: [0, 100], APPLY, RELEASE, LOST, keepalive: {every_s: 5, timeout_s: {param: «unknown_param»t}, steps: [{wait_s: 1}]}}',
    'fan.speed.setpoint: {unit: "%", range: [0, 100], APPLY, RELEASE, LOST, confirm: {point: «unknown_point»fan.sped, tolerance: 1, within_s: 1}}',
    '«missing_key»fan.speed.setpoint: {unit: "%", range: [0, 100], APPLY, RELEASE, LOST, wear: stored}',
    'fan.speed.setpoint: {unit: "%", range: [0, 100], APPLY, release: [{set: {fan.speed.setpoint: {param: «unknown_param»speed}}}], LOST}',
    'fan.speed.setpoint: {unit: "%", range: [0, 100], APPLY, release: [{set: {fan.speed.setpoint: {param: «unknown_param»t}}}], LOST}',
    '«write_function»fan.speed.setpoint: {unit: "%", range: [0, 100], APPLY, release: [{set: {x.long: 0}}], LOST, write_function: 6}',
]


@pytest.mark.fault("A-019", "A-023")
@pytest.mark.parametrize("control", CONTROLS)
def test_a_mistake_in_a_control_is_named_at_its_place(tmp_path, control):
    check(tmp_path, f"RW\n  {control}\n")


def test_the_control_that_the_mistakes_are_made_in_is_sound(tmp_path):
    text = spelt_out('RW\n  fan.speed.setpoint: {unit: "%", range: [0, 100], APPLY, RELEASE, LOST}\n')
    assert load_profile_file(write(tmp_path, text)).controls["fan.speed.setpoint"].high == 100


WHOLE = [
    "«missing_key»HEAD\n",
    "schema: 1\nprofile: {id: «wrong_name»our.meter, version: 1.0.0, class: meter, vendor: V, models: [M], confidence: A, evidence: [doc]}\npoints: {frequency: {at: 0, type: u16, unit: Hz}}",
    "schema: «not_a_choice»2\nprofile: {id: my.meter, version: 1.0.0, class: meter, vendor: V, models: [M], confidence: A, evidence: [doc]}\npoints: {frequency: {at: 0, type: u16, unit: Hz}}",
    'CONFIDENCE_C\n  «confidence»fan.speed.setpoint: {unit: "%", range: [0, 100], APPLY, RELEASE, LOST}\n',
    'RW\n  «unknown_point»fan.speed: {unit: "%", range: [0, 100], APPLY, RELEASE, LOST}\n',
    "HEAD\nlink: {forbid: [«bad_form»5..3x]}\npoints: {frequency: {at: 0, type: u16, unit: Hz}}",
    "HEAD\nlink: {forbid: [0..3]}\npoints: {frequency: {at: «forbidden»3, type: u16, unit: Hz}}",
    "HEAD\nlink: {even: true}\npoints: {frequency: {at: «odd_address»2, type: u16, unit: Hz}}",
    "HEAD\nlink: {max_read: 2}\npoints: {«unreadable_piece»energy.active.import: {at: 2, type: u64, unit: Wh}}",
    "HEAD\nblocks: [«atomic_mixed»{atomic: true, points: {frequency: {at: 0, type: u16, unit: Hz}, x.a: {at: 1, type: u16, unit: '1', every: slow}}}]",
    "HEAD\nblocks: [{points: {frequency: {at: 0, type: u16, unit: Hz}}}, {points: {«duplicate_point»frequency: {at: 1, type: u16, unit: Hz}}}]",
    "HEAD\npoints: {x.a: {at: 0, type: u16, unit: '1', scale: {pow10: «exponent_elsewhere»x.sf}}, x.sf: {at: 1, type: i16, unit: '1'}}",
    "HEAD\nparams: {n: {choices: [a, b], default: «bad_param»c}}\npoints: {frequency: {at: 0, type: u16, unit: Hz}}",
    "HEAD\nua: {namespaces: {a: 'urn:a'}}\npoints: {frequency: {path: [«unknown_namespace»'b:F'], type: f64, unit: Hz}}",
    "HEAD\nua: {namespaces: {a: 'urn:a'}}\npoints: {frequency: {path: [«bad_form»F], type: f64, unit: Hz}}",
    "HEAD\nua: {namespaces: {a: 'urn:a'}}\npoints: {«missing_key»frequency: {at: «wrong_protocol»1, type: f64, unit: Hz}}",
    "HEAD\nua: {namespaces: {a: 'urn:a'}, root: [«unknown_param»{namespace: a, param: n}]}\npoints: {frequency: {path: ['a:F'], type: f64, unit: Hz}}",
    "HEAD\nua: {namespaces: {a: 'urn:a'}}\npoints: {frequency: {path: [«bad_form»{node: 'a:x=1'}], type: f64, unit: Hz}}",
    "HEAD\nua: {namespaces: {a: 'urn:a'}}\npoints: {frequency: {path: [«unknown_namespace»{node: 'b:i=1'}], type: f64, unit: Hz}}",
    "HEAD\nua: {namespaces: {a: 'urn:a'}}\npoints: {frequency: {path: «bad_form»['a:F', {node: 'a:i=1'}], type: f64, unit: Hz}}",
    "HEAD\npoints: {motor.speed: {at: 0, type: u16, unit: rpm, call: «wrong_protocol»['a:F']}}",
    "HEAD\nua: {namespaces: {a: 'urn:a'}}\npoints: {motor.speed: {path: ['a:F'], type: f64, unit: rpm, access: «bad_form»r, call: ['a:T', 'a:F']}}",
    "HEAD\nua: {namespaces: {a: 'urn:a'}}\npoints: {motor.speed: {path: ['a:F'], type: f64, unit: rpm, call: «bad_form»['a:F']}}",
    "HEAD\nua: {namespaces: {a: 'urn:a'}}\npoints: {motor.speed: {type: f64, unit: rpm, call: {0: ['a:T', «unknown_namespace»'b:F']}}}",
    "extends: «unknown_profile»meter/abb_b32\nHEAD\n",
    "HEAD\nlink: {max_read: «block_too_large»126}\npoints: {frequency: {at: 0, type: u16, unit: Hz}}",
    "HEAD\nlink: {max_read: {input: «block_too_large»200}}\npoints: {frequency: {at: 0, type: u16, unit: Hz}}",
    "HEAD\nlink: {max_read: {holding: 10}}\nblocks: [{atomic: true, points: {«unreadable_piece»x.a: {at: 0, type: u16, unit: '1'}, x.b: {at: 10, type: u16, unit: '1'}}}]",
    "HEAD\nblocks: [{repeat: {prefix: «not_a_choice»Bay1, count: 2}, points: {x.a: {at: 0, type: u16, unit: '1'}}}]",
    "«wrong_type»- 1\n",
    "HEAD\npoints: «wrong_type»5\nlink: «wrong_type»[]\n",
]


@pytest.mark.fault("A-019", "A-023")
@pytest.mark.parametrize("text", WHOLE)
def test_a_mistake_in_the_file_as_a_whole_is_named_at_its_place(tmp_path, text):
    check(tmp_path, text)


def test_a_child_says_only_what_differs_and_its_mistakes_are_in_the_right_file(tmp_path):
    child = """\
extends: meter/abb_b23
profile: {id: my.meter, models: [B21]}
without: [voltage.l2-n, voltage.l3-n]
points:
  frequency: {scale: 0.1}
  x.extra: {at: 1, type: u16, unit: "1"}
"""
    write(tmp_path, child)
    profile = load_profile("meter/my_meter", [tmp_path])
    assert profile.models == ("B21",)
    assert profile.vendor == "ABB"
    assert profile.points["frequency"].factor == 0.1
    assert profile.points["frequency"].address == 0x5B2C
    assert {"x.extra", "voltage.l1-n"} <= set(profile.points)
    assert "voltage.l2-n" not in profile.points
    with pytest.raises(ConfigError) as caught:
        load_profile_file(write(tmp_path, child.replace("scale: 0.1", "scale: -1")))
    (problem,) = caught.value.problems
    assert (problem.file.endswith("my_meter.yaml"), problem.line, problem.column) == (True, 5, 22)


@pytest.mark.parametrize(
    "text",
    [
        "points: {x.a: {«unknown_key»kind: 1, at: 9, type: u16, unit: '1'}}",
        "points: {x.a: {at: «wrong_type»nine, type: u16, unit: '1'}}",
        "without: [«unknown_point»{x.relay: 1}, frequency, «unknown_point»frequenzy]",
    ],
)
def test_a_mistake_of_a_child_is_at_its_place_also_where_the_parent_has_nothing_like_it(tmp_path, text):
    whole = "HEAD\nblocks: [{points: {frequency: {at: 0, type: u16, unit: Hz}}}]".replace("HEAD", HEAD)
    write(tmp_path, whole, "meter/parent")
    check(tmp_path, "extends: meter/parent\n" + text)


def test_a_family_that_goes_in_a_circle_ends(tmp_path):
    write(tmp_path, "extends: meter/two\n" + HEAD, "meter/one")
    write(tmp_path, "extends: meter/one\n" + HEAD, "meter/two")
    with pytest.raises(ConfigError) as caught:
        load_profile("meter/one", [tmp_path])
    assert "too_deep" in {p.code for p in caught.value.problems}


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "meter/../meter/abb_b23", "/etc/passwd", "meter/abb_b23.vectors", ""]
)
@pytest.mark.fault("A-024")
def test_the_name_of_a_profile_is_never_a_path(name):
    with pytest.raises(ConfigError):
        load_profile(name)


RELATED = [
    "x.a: {at: 1, type: u16, unit: W}\n  x.b: {sum_of: [x.a, «unknown_point»x.c], unit: W}",
    "x.a: {at: 1, type: u16, unit: V}\n  x.b: {sum_of: [«wrong_unit»x.a], unit: W}",
    "x.a: {at: 1, type: u16, unit: W}\n  «bad_derived»x.b: {sum_of: [x.a], mean_of: [x.a], unit: W}",
    "«circular»x.a: {sum_of: [x.b], unit: W}\n  x.b: {sum_of: [x.a], unit: W}",
    "x.b: {at: «wrong_protocol»1, sum_of: [frequency], unit: Hz}\n  frequency: {at: 2, type: u16, unit: Hz}",
    "x.m: {at: 1, type: u16, enum: {0: a}}\n  x.b: {at: 2, type: u16, unit: W, sign_from: «sign_elsewhere»{point: x.m, negative: [a]}}",
    "x.m: {at: 1, type: u16, enum: {0: a}}\n  x.b: {at: 2, type: u16, unit: W, valid_when: «unknown_name»{point: x.m, equals: b}}",
    "x.b: {at: 2, type: u16, unit: W, valid_when: «unknown_point»{point: x.n, equals: 1}}",
    "x.b: {at: 2, type: u16, unit: W, scale: «unknown_param»[0.1, {param: ct}]}",
    "x.b: {at: 2, type: u16, unit: W, scale: «bad_scale»[0.1, {inverse: true}]}",
    "x.b: {at: 2, type: u16, unit: W, scale: «negative_scale»[0.1, -1]}",
    "x.b: {at: 2, type: f32, unit: '1', codec: «wrong_codec»bcd}",
    "x.b: {at: 2, type: u16, unit: '1', codec: «not_a_choice»bcb}",
    "pv.power: {sunspec: «unknown_model_point»103/Watt, unit: W, sign: generation}",
    "x.a: {at: 1, type: u16, unit: W}\nidentify: [«bad_trait»{range: [0, 1]}]",
    "x.a: {at: 1, type: u16, unit: W}\nidentify: [«unknown_point»{point: x.a, range: [0, 1], also: {point: x.b, range: [0, 1]}}]",
    "x.a: {at: 1, type: u16, unit: W}\nidentify: [«bad_trait»{fc43: {vendor: V}, also: {point: x.a}}]",
    "x.a: {at: 1, type: u16, unit: W}\nprepare: [{set: {«not_writable»x.a: 1}}]",
    "x.a: {at: 1, type: u16, unit: W}\nvariants: {b: {«unknown_key»point: {}}}",
]


@pytest.mark.fault("A-019", "A-023")
@pytest.mark.parametrize("text", RELATED)
def test_a_mistake_between_points_is_named_at_its_place(tmp_path, text):
    check(tmp_path, f"HEAD\npoints:\n  {text}\n")
