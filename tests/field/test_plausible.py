"""What a value's own past says against it: frozen values, counters that fall, words of two different samples."""

import random

import pytest

from gateway.field.bus import Fetched
from gateway.field.plausible import Counting, Frozen, Torn, plausibility
from gateway.model.point import Unit
from gateway.model.reading import Cause, Quality
from gateway.profiles.codec import compile_block
from gateway.profiles.readplan import plan
from gateway.profiles.schema import Counter, Kind, ReadLimits
from tests.field import things

NONE, DOUBT = Cause.NONE, Cause.OUT_OF_RANGE


def looks(check, values, *, every_s: float = 1.0):
    return [check.look(value, at * every_s) for at, value in enumerate(values)]


def counting(**more) -> Counting:
    given = {"span": 65536.0, "most_per_s": 10.0, "quantum": 1.0}
    return Counting(**(given | more))


@pytest.mark.fault("F-033")
def test_a_point_that_must_change_is_frozen_after_its_time_and_good_again_when_it_moves():
    said = looks(Frozen(600.0), [5.0] * 700 + [6.0])
    assert said.index(Cause.FROZEN) == 600
    assert said[700] is NONE


@pytest.mark.fault("F-028")
@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([100, 101, 0, 1, 2, 3], [NONE, NONE, DOUBT, DOUBT, NONE, NONE]),  # a new meter
        ([100, 0, 0, 0, 1, 1, 2], [NONE, DOUBT, DOUBT, DOUBT, DOUBT, DOUBT, NONE]),  # it starts slowly
        ([100, 0, 1, 0, 1, 2], [NONE, DOUBT, DOUBT, DOUBT, DOUBT, NONE]),  # rises begin again after a fall
    ],
)
def test_a_counter_that_fell_is_believed_after_two_reads_that_rise(values, said):
    assert looks(counting(), values) == said


@pytest.mark.fault("F-029")
def test_a_small_step_over_the_end_of_the_register_is_a_roll_over():
    assert looks(counting(), [65530, 65534, 3, 8]) == [NONE] * 4
    assert looks(counting(), [65530, 30000, 30001]) == [NONE, DOUBT, DOUBT]
    assert looks(counting(span=None), [65534, 3]) == [NONE, DOUBT]


@pytest.mark.fault("F-030")
def test_a_zero_that_comes_and_goes_at_reconnect_is_never_believed():
    values, energy, last = [], 0.0, None
    for bounce in range(11):
        values += [30.1 + bounce, 0.0, 30.1 + bounce]
    check = counting(quantum=0.1, most_per_s=1.0)
    for value, cause in zip(values, looks(check, values), strict=True):
        assert (cause is NONE) == (value > 0.0)
        if cause is NONE:
            energy += 0.0 if last is None else value - last
            last = value
    assert energy == pytest.approx(10.0)


def test_a_counter_does_not_rise_faster_than_the_devices_power_allows():
    assert looks(counting(), [100, 65636, 101, 111]) == [NONE, DOUBT, NONE, NONE]
    assert looks(counting(), [100, 700], every_s=60.0) == [NONE, NONE]


def meter(**power):
    points = [
        things.register("power", 0, kind=Kind.I32, **power),
        things.register("energy", 2, kind=Kind.U32, unit=Unit.WATT_HOUR, counter=Counter(), high=1e9),
    ]
    return things.thing().__class__(things.thing().device, things.profile(points))


@pytest.mark.fault("F-031")
def test_torn_words_are_read_again_and_never_good():
    """A power that drifts; one reading in a hundred has one word of the sample before it."""
    rng = random.Random(31)
    past = plausibility(meter(), ("power", "energy"))
    assert past is not None
    raw = before = 700_000
    flagged = torn_reads = 0
    for at in range(5000):
        before, raw = raw, raw + rng.randint(-9000, 9000)

        def fetched(value: int, at=at) -> Fetched:
            return Fetched([float(value), float(at)], [Quality.GOOD] * 2, [Cause.NONE] * 2, float(at))

        shown = (before & ~0xFFFF | raw & 0xFFFF) if rng.random() < 0.5 else (raw & ~0xFFFF | before & 0xFFFF)
        torn = at > 0 and rng.random() < 0.05 and raw >> 16 != before >> 16
        first, second = fetched(shown if torn else raw), None
        if past.suspicious(first):
            flagged += torn
            second = fetched(raw + rng.randint(-50, 50))
        torn_reads += torn
        counted = past.judged(second or first, float(at), first=first if second else None)
        if counted.qualities[0] is Quality.GOOD:
            assert abs(counted.values[0] - raw) <= 50, "a spike in the store"
    assert torn_reads >= 5
    assert flagged >= 0.99 * torn_reads


def test_an_honest_jump_is_confirmed_by_the_second_reading():
    torn = Torn(things.register("power", 0, kind=Kind.I32))
    torn.accept(1000.0)
    assert not torn.suspects(40000.0)
    assert torn.suspects(65536.0 - 500.0)
    assert torn.settle(65536.0 - 400.0, 65536.0 - 500.0) is NONE
    assert torn.suspects(65136.0 + 65536.0)
    assert torn.settle(9e6, 65136.0 + 65536.0) is Cause.SOURCE


@pytest.mark.fault("F-032")
def test_a_scale_that_changes_between_reads_never_gives_a_value_of_the_other_scale():
    points = [
        things.register("power", 0, kind=Kind.I16, pow10="scale", atomic="sunspec"),
        things.register("scale", 1, kind=Kind.I16, unit=Unit.NONE, atomic="sunspec", invalid=(-32768.0,)),
    ]
    named = {point.name: point for point in points}
    (block,) = plan(points, ReadLimits())
    decode = compile_block(named, block)
    rng = random.Random(32)
    for _ in range(1000):
        scale, true_w = rng.choice([-1, 0, 1]), rng.randint(1, 300) * 10
        raw = round(true_w / 10**scale)
        values, qualities, _ = decode(raw.to_bytes(2, "big", signed=True) + scale.to_bytes(2, "big", signed=True))
        assert values[decode.names.index("power")] == pytest.approx(true_w)
    values, qualities, _ = decode(b"\x00\x64\x80\x00")
    at = decode.names.index("power")
    assert (values[at], qualities[at]) == (None, Quality.INVALID)


def test_points_without_a_past_cost_nothing():
    assert plausibility(things.thing(), ("power", "state")) is None
