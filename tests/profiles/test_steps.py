"""Steps of every kind carried out by the poller on a real socket: what the device was told, in which order."""

from contextlib import asynccontextmanager

from gateway.field.bus import Member
from gateway.model.command import Fate
from gateway.model.site import Connection, Device, Transport
from gateway.profiles.frames import for_device
from tests.field.rig import polling, until
from tests.profiles.made import made
from tests.profiles.words import Words, serving

MODE, READY, POWER, CHARGE, DISCHARGE, ROOM, BEAT, SHOWN = 10, 11, 12, 20, 21, 30, 40, 50

TEXT = """\
link: {max_gap: 40}
poll_s: {fast: 0.02}
points:
  x.flags:     {at: 10, type: u16, unit: "1", access: rw, range: [0, 65535]}
  x.ready:     {at: 11, type: u16, enum: {0: "no", 1: "yes"}}
  x.mode:      {at: 12, type: u16, access: rw, enum: {0: stop, 1: charge, 2: discharge}}
  x.charge:    {at: 20, type: u16, unit: W, sign: charge, access: rw, range: [0, 5000]}
  x.discharge: {at: 21, type: u16, unit: W, sign: discharge, access: rw, range: [0, 5000]}
  x.room:      {at: 30, type: u16, unit: W}
  x.beat:      {at: 40, type: u16, unit: "1", access: rw, range: [0, 65535]}
  battery.power: {at: 50, type: i16, unit: W, sign: charge}
  battery.power.setpoint: {SETPOINT}
controls:
  battery.power.setpoint:
    unit: W
    sign: charge
    range: [-5000, 5000]
    apply:
      - mask: {point: x.flags, set: 0x0010, clear: 0x0001}
      - until: {point: x.ready, equals: "yes"}
        within_s: 5
      - set: {x.charge: {charge: value}}
      - set: {x.discharge: {discharge: value}}
      - wait_s: 0.02
      - set: {x.mode: {charge: charge, discharge: discharge, zero: stop}}
      - count: {point: x.beat, modulo: 100}
    release: [{set: {x.mode: stop}}]
    lost: {then: keeps_last}
    MORE
"""
PICKED = "pick: {by: x.mode, codes: {0: 0, 1: x.charge, 2: x.discharge}}, access: rw, range: [-5000, 5000]"
BLIND = "virtual: true, unit: W, range: [-5000, 5000]"


def battery(tmp_path, *, setpoint=PICKED, more="", **words):
    text = TEXT.replace("SETPOINT", setpoint).replace("MORE", more)
    profile = for_device(made(tmp_path, text), {})
    device = Words(dict.fromkeys(range(60), 0))
    device.put(MODE, 0x0101)
    device.put(READY, 1)
    device.put(BEAT, 99)
    device.put(ROOM, words.get("room", 5000))
    return profile, device


@asynccontextmanager
async def at_work(profile, device):
    async with serving(device) as port:
        connection = Connection("line", Transport.MODBUS_TCP, f"127.0.0.1:{port}", timeout_s=2.0)
        async with polling((connection, [Member(Device("b", profile.name, "line", 1), profile)])) as rig:
            yield rig


def told(rig):
    return [outcome.fate for outcome in rig.outcomes]


async def test_every_kind_of_step_reaches_the_device_in_its_order(tmp_path):
    profile, device = battery(tmp_path)
    device.put(READY, 0)
    async with at_work(profile, device) as rig:
        await until(lambda: rig.reading("b", "x.beat").value == 99, within_s=10)
        rig.command("b", -1500, control="battery.power.setpoint")
        await until(lambda: bool(device.written), within_s=10)
        assert device.written == [(6, MODE, [0x0110])]  # bit 4 set, bit 0 cleared, bit 8 left alone
        device.put(READY, 1)
        await until(lambda: Fate.CONFIRMED in told(rig), within_s=10)
        assert rig.reading("b", "battery.power.setpoint").value == -1500
    assert device.written[1:] == [(6, DISCHARGE, [1500]), (6, POWER, [2]), (6, BEAT, [0])]


async def test_what_a_step_waits_for_and_does_not_come_fails_the_command(tmp_path):
    profile, device = battery(tmp_path)
    device.put(READY, 0)
    text = "within_s: 5"
    profile = for_device(
        made(tmp_path, TEXT.replace("SETPOINT", PICKED).replace("MORE", "").replace(text, "within_s: 0.1")), {}
    )
    async with at_work(profile, device) as rig:
        rig.command("b", 800, control="battery.power.setpoint")
        await until(lambda: Fate.REFUSED in told(rig), within_s=10)
    assert {address for _, address, _ in device.written} == {MODE}


async def test_zero_writes_what_the_profile_says_of_zero_and_no_power(tmp_path):
    profile, device = battery(tmp_path)
    async with at_work(profile, device) as rig:
        await until(lambda: rig.reading("b", "x.beat").value == 99, within_s=10)
        rig.command("b", 0, control="battery.power.setpoint")
        await until(lambda: Fate.CONFIRMED in told(rig), within_s=10)
    assert device.written == [(6, MODE, [0x0110]), (6, POWER, [0]), (6, BEAT, [0])]


async def test_a_command_is_kept_within_what_the_device_takes_now_and_refused_while_that_is_not_known(tmp_path):
    profile, device = battery(tmp_path, more="at_most: x.room", room=700)
    del device.words[ROOM]  # the block is refused: nothing is known
    async with at_work(profile, device) as rig:
        rig.command("b", 2000, control="battery.power.setpoint")
        await until(lambda: told(rig) == [Fate.REFUSED], within_s=10)
        assert "not known" in rig.outcomes[0].detail
    assert device.written == []
    profile, device = battery(tmp_path, more="at_most: x.room", room=700)
    async with at_work(profile, device) as rig:
        await until(lambda: rig.reading("b", "x.room").value == 700, within_s=10)
        rig.command("b", 2000, control="battery.power.setpoint")
        await until(lambda: Fate.CONFIRMED in told(rig), within_s=10)
    assert (6, CHARGE, [700]) in device.written


async def test_the_limit_of_discharging_is_a_magnitude(tmp_path):
    profile, device = battery(tmp_path, more="at_least: x.room", room=400)
    async with at_work(profile, device) as rig:
        await until(lambda: rig.reading("b", "x.room").value == 400, within_s=10)
        rig.command("b", -2000, control="battery.power.setpoint")
        await until(lambda: Fate.CONFIRMED in told(rig), within_s=10)
    assert (6, DISCHARGE, [400]) in device.written


CONFIRM = "confirm: {point: battery.power, tolerance: 50, within_s: 0.2}"


async def test_what_cannot_be_read_back_is_confirmed_by_its_effect(tmp_path):
    profile, device = battery(tmp_path, setpoint=BLIND, more=CONFIRM)
    device.put(SHOWN, 0)
    async with at_work(profile, device) as rig:
        await until(lambda: rig.reading("b", "x.beat").value == 99, within_s=10)
        rig.command("b", 1000, control="battery.power.setpoint")
        await until(lambda: Fate.WRITTEN in told(rig), within_s=10)
        device.put(SHOWN, 990)
        await until(lambda: Fate.CONFIRMED in told(rig), within_s=10)


async def test_a_command_without_effect_is_told_and_one_that_cannot_be_read_back_is_written_again(tmp_path):
    profile, device = battery(tmp_path, setpoint=BLIND, more=CONFIRM)
    async with at_work(profile, device) as rig:
        await until(lambda: rig.reading("b", "x.beat").value == 99, within_s=10)
        rig.command("b", 1000, control="battery.power.setpoint")
        await until(lambda: Fate.DIFFERS in told(rig), within_s=10)
        assert any("no effect: battery.power is 0" in outcome.detail for outcome in rig.outcomes)
        await until(lambda: device.written.count((6, CHARGE, [1000])) >= 2, within_s=10)


async def test_a_command_that_reads_back_but_has_no_effect_is_told_once_and_not_written_again(tmp_path):
    profile, device = battery(tmp_path, more=CONFIRM)
    async with at_work(profile, device) as rig:
        await until(lambda: rig.reading("b", "x.beat").value == 99, within_s=10)
        rig.command("b", 1000, control="battery.power.setpoint")
        await until(lambda: told(rig)[-1:] == [Fate.DIFFERS], within_s=10)
        seen = len(device.asked)
        await until(lambda: len(device.asked) > seen + 20, within_s=10)
        assert told(rig).count(Fate.DIFFERS) == 1
    assert device.written.count((6, CHARGE, [1000])) == 1


PREPARED = """\
poll_s: {fast: 0.02}
points:
  x.application: {at: 10, type: u16, access: rw, wear: stored, enum: {7: H}}
  power.active:  {at: 12, type: i16, unit: W, sign: import, valid_when: {point: x.application, equals: H}}
prepare:
  - set: {x.application: H}
"""


async def test_a_device_is_prepared_before_its_values_are_believed_and_not_written_when_it_is(tmp_path):
    profile = for_device(made(tmp_path, PREPARED), {})
    device = Words(dict.fromkeys(range(20), 0))
    device.put(12, 500)
    async with at_work(profile, device) as rig:
        await until(lambda: rig.reading("b", "power.active").value == 500, within_s=10)
        seen = len(device.asked)
        await until(lambda: len(device.asked) > seen + 20, within_s=10)
    assert device.written == [(6, 10, [7])]


class Locked(Words):
    """Answers a write, and keeps what it had."""

    def put(self, address, *words):
        if not self.asked:
            super().put(address, *words)


async def test_a_device_that_cannot_be_prepared_is_given_up_and_never_believed(tmp_path):
    profile = for_device(made(tmp_path, PREPARED), {})
    device = Locked(dict.fromkeys(range(20), 3))
    async with at_work(profile, device) as rig:
        await until(lambda: len(device.written) == 3, within_s=10)
        seen = len(device.asked)
        await until(lambda: len(device.asked) > seen + 20, within_s=10)
        assert rig.reading("b", "power.active").value is None
    assert device.written == [(6, 10, [7])] * 3
