"""SunSpec: the chain is found wherever it is, read through a real socket, and written by the scale factor of the moment."""

import asyncio

import pytest

from gateway.clock import SystemClock
from gateway.errors import BusRefused
from gateway.field.bus import Member
from gateway.field.open import open_bus
from gateway.model.reading import Quality
from gateway.model.site import Connection, Device, Transport
from gateway.profiles.frames import for_device
from gateway.profiles.kinds import Every
from gateway.profiles.load import load_profile
from gateway.profiles.models import models
from gateway.profiles.sunspec import Chain, bind, parse, walk
from tests.profiles.made import made
from tests.profiles.words import Words, serving

MARKER = (0x5375, 0x6E53)


def chained(base, *contents):
    """Words of a chain: (number, words after the header) each."""
    words, address = Words({}), base
    words.put(address, *MARKER)
    address += 2
    for number, content in contents:
        words.put(address, number, len(content), *content)
        address += 2 + len(content)
    words.put(address, 0xFFFF, 0)
    return words


def inverter(power=4956, exponent=0):
    """Model 103: watts, hertz, energy and their factors (json/model_103.json)."""
    content = [0] * 50
    content[12:16] = [power & 0xFFFF, exponent & 0xFFFF, 5001, 0xFFFE]
    content[22:25] = [0x0012, 0xD687, 0]
    return 103, content


def controls(exponent=-2):
    """Model 123: the limit's factor is its last but two (json/model_123.json)."""
    content = [0] * 24
    content[3], content[21] = 10_000, exponent & 0xFFFF
    return 123, content


def walked(words, bases=(40000, 50000, 0)):
    steps = walk(bases)
    try:
        address, count = next(steps)
        while True:
            found = [words.words.get(address + index) for index in range(count)]
            address, count = steps.send(None if None in found else tuple(found))
    except StopIteration as done:
        return done.value


@pytest.mark.parametrize("base", [40000, 50000, 0])
def test_the_marker_is_looked_for_at_each_base(base):
    chain = walked(chained(base, (1, [0] * 65), inverter()))
    assert chain == Chain(base, {1: ((base + 2, 65),), 103: ((base + 69, 50),)})


def test_a_device_without_a_marker_has_no_chain_and_one_that_breaks_off_keeps_what_was_found():
    assert walked(Words({40000: 1, 40001: 2})) is None
    broken = chained(40000, inverter())
    del broken.words[40054]
    assert walked(broken).models == {103: ((40002, 50),)}


def test_a_chain_that_goes_in_a_circle_ends():
    endless = Words(dict.fromkeys(range(65536), 0))
    endless.put(0, *MARKER)
    endless.words |= dict.fromkeys(range(2, 65536), 1)  # model 1 of length 1, for ever
    assert len(walked(endless, (0,)).models[1]) == 100


def test_alternatives_are_tried_in_their_order_and_a_model_too_short_is_passed_over(tmp_path):
    text = "sunspec: {bases: [0]}\npoints: {pv.power: {sunspec: ['113/W', '101..103/W'], sign: generation}}\n"
    profile = made(tmp_path, text)
    assert [one.model for one in profile.points["pv.power"].sunspec] == [113, 101, 102, 103]
    both = Chain(0, {113: ((2, 60),), 103: ((64, 50),)})
    assert bind(profile, both).points["pv.power"].address == 2 + models()[113].fields["W"].offset
    short = Chain(0, {113: ((2, 10),), 103: ((14, 50),)})
    assert bind(profile, short).points["pv.power"].address == 14 + 14
    assert "pv.power" not in bind(profile, Chain(0, {1: ((2, 66),)})).points


def test_the_second_meter_behind_one_unit_id_is_the_second_of_its_model():
    meter = load_profile("meter/sunspec_meter")
    chain = Chain(40000, {203: ((40070, 105), (40245, 105))})
    assert bind(meter, chain).points["power.active"].address == 40070 + 18
    assert bind(meter, chain, instance=2).points["power.active"].address == 40245 + 18


@pytest.mark.parametrize("text", ["W", "103", "103/", "a/W", "103/W/x", "160/module[x]/DCW"])
def test_what_names_no_model_point_is_refused(text):
    with pytest.raises(ValueError, match="is not models/point"):
        parse(text)


async def bus_on(port, profile="pv/sunspec_inverter"):
    connection = Connection("line", Transport.MODBUS_TCP, f"127.0.0.1:{port}", timeout_s=2.0)
    member = Member(Device("pv", profile, "line", 1), for_device(load_profile(profile), {}))
    return open_bus(connection, [member], clock=SystemClock())


async def read_all(bus):
    values = {}
    for number, batch in enumerate(bus.batches("pv")):
        fetched = await bus.read("pv", number)
        values |= dict(zip(batch.points, zip(fetched.values, fetched.qualities, strict=True), strict=True))
    return values


async def test_an_inverter_is_read_over_a_real_socket_whatever_it_has():
    device = chained(50000, (1, [0] * 66), inverter(power=-5, exponent=2), controls())
    async with serving(device) as port:
        bus = await bus_on(port)
        values = await read_all(bus)
        assert values["pv.power"] == (500, Quality.GOOD)
        assert values["frequency"][0] == pytest.approx(50.01)
        assert values["pv.power.limit.percent"][0] == pytest.approx(100)
        assert values["inverter.power.rated"] == (None, Quality.INVALID)  # there is no model 120
        assert len(values) == sum(len(batch.points) for batch in bus.batches("pv"))
        await bus.close()


async def test_a_limit_is_written_by_the_factor_the_device_has_at_that_moment():
    device = chained(40000, inverter(), controls(exponent=-2))
    limit = 40000 + 2 + 52 + 5
    async with serving(device) as port:
        bus = await bus_on(port)
        await bus.write("pv", {"pv.power.limit.percent": 55.5})
        device.put(40000 + 2 + 52 + 23, 0)  # the factor changes at run time
        await bus.write("pv", {"pv.power.limit.percent": 55.0})
        device.put(40000 + 2 + 52 + 23, 0x8000)
        with pytest.raises(BusRefused, match="scale factor"):
            await bus.write("pv", {"pv.power.limit.percent": 55.0})
        await bus.close()
    assert device.written == [(6, limit, [5550]), (6, limit, [55])]


async def test_a_device_whose_models_change_is_walked_again():
    device = chained(40000, inverter(power=1000), controls())
    async with serving(device) as port:
        bus = await bus_on(port)
        assert (await read_all(bus))["pv.power"][0] == -1000
        content = [0] * 60
        content[20:22] = [0x44FA, 0x0000]  # 2000.0 in model 113
        device.words = chained(40000, (113, content)).words
        reads = range(4)
        for _ in reads:  # the old addresses are refused once, then the chain is walked again
            try:
                values = await read_all(bus)
            except BusRefused:
                await asyncio.sleep(0)
            else:
                if values["pv.power"][0] == -2000:
                    break
        assert values["pv.power"][0] == -2000
        assert values["pv.power.limit.percent"] == (None, Quality.INVALID)
        await bus.close()


async def test_a_device_that_is_no_sunspec_device_is_refused_not_guessed():
    async with serving(Words(dict.fromkeys(range(40000, 40200), 7))) as port:
        bus = await bus_on(port)
        with pytest.raises(BusRefused, match="no SunSpec marker"):
            await bus.read("pv", 0)
        with pytest.raises(BusRefused, match="no SunSpec marker"):
            await bus.write("pv", {"pv.power.limit.percent": 50})
        await bus.close()


async def test_what_a_device_says_of_itself_comes_with_the_read(tmp_path):
    common = [0] * 66
    common[0:3] = [0x4163, 0x6D65, 0]  # "Acme"
    common[48:50] = [0x3437, 0x3131]  # "4711"
    async with serving(chained(40000, (1, common), inverter())) as port:
        bus = await bus_on(port)
        (once,) = [number for number, batch in enumerate(bus.batches("pv")) if batch.every is Every.ONCE]
        texts = (await bus.read("pv", once)).texts
        assert (texts["device.vendor"], texts["device.serial"]) == ("Acme", "4711")
        await bus.close()
