"""What a vector reads, the emulators' own encoder turns back into words that read the same: two hands, one document."""

from functools import cache

import pytest

from emulators.registers import RegisterMap
from gateway.model.reading import Quality
from gateway.profiles.codec import compile_block
from gateway.profiles.derive import Derivations
from gateway.profiles.frames import for_device
from gateway.profiles.load import load_profile, profile_names
from gateway.profiles.readplan import plan
from gateway.profiles.schema import Protocol
from gateway.profiles.vectors import VectorsForm
from gateway.shipped import shipped
from gateway.yamltext import read_file
from gateway.yamltext.form import fit

NAMES = [
    name
    for name in profile_names()
    if load_profile(name).protocol is Protocol.MODBUS and not load_profile(name).sunspec_bases
]
"""OPC UA values come with their type; a SunSpec chain is served in test_sunspec."""


@cache
def device_of(name, params):
    """A profile for a device with these parameters, its registers, and the decoders of its planned reads."""
    profile = for_device(load_profile(name), dict(params))
    blocks = plan(profile.points.values(), profile.limits)
    return profile, RegisterMap(profile), [(block, compile_block(profile.points, block)) for block in blocks]


def read_through(profile, registers, planned, values):
    """Every planned read of a device that has these values, put together."""
    reads, decoded = [], []
    for block, decoder in planned:
        serve = registers.bits if block.table.of_bits else registers.words
        reads.append(decoder.names)
        decoded.append(list(zip(*decoder(serve(block.table, block.address, block.count, values.get)), strict=True)))
    derivations = Derivations(profile.points, reads, period_s={})
    for _ in range(2):  # what one read needs of a later one is there the second time
        found = {}
        for number, names in enumerate(reads):
            finished = derivations.finish(number, names, decoded[number], 0.0)
            found |= dict(zip((*names, *derivations.extra[number]), finished, strict=True))
    return found


def needs(point, points):
    """The points that must be known for this one to have its value."""
    others = {condition.point for condition in point.valid_when} | {factor.point for factor in point.scale_by}
    others |= {point.sign_from.point} if point.sign_from else set()
    others |= {point.pow10} if point.pow10 else set()
    others |= set(point.derived.inputs) if point.derived else set()
    return others.union(*(needs(points[other], points) for other in others))


@pytest.mark.parametrize("name", NAMES)
def test_what_a_vector_reads_is_served_and_read_again(name):
    form, _ = fit(read_file(shipped("device_profiles") / f"{name}.vectors.yaml"), VectorsForm)
    assert form is not None
    for row in form.decode:
        relative = f"{name}@{row.variant}" if row.variant else name
        profile, registers, planned = device_of(relative, tuple(row.params.items()))
        values = {point: value for point, value in row.expect.items() if isinstance(value, float | int)}
        found = read_through(profile, registers, planned, values)
        for point, value in values.items():
            spec = profile.points[point]
            if point not in found or spec.bits is not None or not needs(spec, profile.points) <= set(values):
                continue
            number, quality, cause = found[point]
            step = 1e-6 * abs(value) + (0 if spec.kind.is_float else abs(spec.factor) * (0.5 + 1e-9))
            assert quality is Quality.GOOD, (point, value, cause)
            assert number == pytest.approx(value, abs=step), point
