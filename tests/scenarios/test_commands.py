"""Hostile and mistaken commands over a real broker: refused with the reason on `ack`, the devices never notice."""

import asyncio
from typing import Any

import pytest

from gateway import localsocket
from tests.scenarios.rig import bench, inside, outside, settled, until
from tests.scenarios.universal import u2_writes, u9_audit, usual

BAD: dict[str, tuple[dict[str, Any], str]] = {
    "A-038 1e308": ({"power_w": 1e308}, "out_of_range"),
    "A-038 -1e308": ({"power_w": -1e308}, "out_of_range"),
    "A-038 huge limit": ({"service": "limit", "kind": "limit", "max_import_w": 1e308, "for_s": None}, "out_of_range"),
    "A-038 negative limit": ({"service": "limit", "kind": "limit", "max_import_w": -1, "for_s": None}, "out_of_range"),
    "A-038 shed": ({"kind": "event", "shed_w": 1e9}, "out_of_range"),
    "A-038 signal": ({"service": "reg", "signal": 1.01}, "out_of_range"),
    "A-039 kW for W": ({"kind": "event", "shed_w": 150_000_000}, "out_of_range"),
    "A-039 unit": ({"power_kw": 600}, "malformed"),
    "A-039 no value": ({}, "malformed"),
    "A-039 two values": ({"power_w": 1.0, "shed_w": 1.0}, "malformed"),
    "A-039 true": ({"power_w": True}, "malformed"),
    "A-039 text": ({"power_w": "12"}, "malformed"),
    "A-039 underscore": ({"power_w": "1_000"}, "malformed"),
    "A-039 digits": ({"power_w": "١٢"}, "malformed"),
    "A-039 null": ({"power_w": None}, "malformed"),
    "A-039 list": ({"power_w": [600_000]}, "malformed"),
    "A-039 seq": ({"power_w": 600_000, "seq": True}, "malformed"),
    "A-041 expired": ({"power_w": 600_000, "for_s": 1.0, "in_s": -3.0}, "expired"),
    "A-041 no end": ({"power_w": 600_000, "for_s": None}, "malformed"),
    "A-041 event without end": ({"kind": "event", "shed_w": 1000, "for_s": None}, "malformed"),
    "A-041 limit with end": ({"service": "limit", "kind": "limit", "max_import_w": 5, "for_s": 9.0}, "malformed"),
    "A-041 horizon": ({"kind": "event", "shed_w": 1000, "in_s": 3 * 86400.0}, "beyond_horizon"),
    "other target": ({"power_w": 1.0, "target": "nobody"}, "unknown_target"),
    "unknown event": ({"kind": "cancel", "ref": "nobody", "for_s": None}, "unknown_reference"),
}
SKEW = {
    "A-041 early": (6.0, "from_the_future"),
    "A-041 ahead": (600.0, "from_the_future"),
    "A-041 late": (-600.0, "too_old"),
}
UNREADABLE = {
    "A-038 NaN": (b'{"id": "x1", "issuer": "vpp", "power_w": NaN}', "non_finite"),
    "A-038 Infinity": (b'{"id": "x2", "issuer": "vpp", "power_w": -Infinity}', "non_finite"),
    "A-038 1e999": (b'{"id": "x3", "issuer": "vpp", "power_w": 1e999}', "non_finite"),
    "A-038 digits": (b'{"id": "x4", "issuer": "vpp", "power_w": ' + b"9" * 400 + b"}", "out_of_range"),
    "A-039 twice": (b'{"id": "x5", "power_w": 1, "power_w": 900000}', "malformed"),
    "A-046 large": (b'{"id": "' + b"x" * 9000 + b'"}', "too_large"),
    "deep": (b"[" * 5000, "malformed"),
    "not UTF-8": (b"\xff\xfe", "malformed"),
}


@pytest.fixture
async def rig(tmp_path):
    async with bench(tmp_path) as found:
        yield found


def settings(house):
    """What the devices hold."""
    return {name: value for (_, name), value in house.held.items()}


@pytest.mark.fault("A-038", "A-039", "A-041", "A-042", "U2", "U9")
async def test_a_bad_command_is_refused_with_its_reason_and_moves_nothing(rig):
    async with inside(rig) as gateway:
        await gateway.ready()
        await rig.vpp.ask("good", power_w=620_000.0, for_s=60.0)
        await settled(rig.house, 620_000.0)
        ids = {}
        for n, (name, (given, reason)) in enumerate(BAD.items()):
            ids[name] = f"b{n}", reason
            await rig.vpp.ask(f"b{n}", **given)
        for n, (name, (ahead_s, reason)) in enumerate(SKEW.items()):
            ids[name] = f"c{n}", reason
            rig.vpp.offset_ms = round(ahead_s * 1000)
            await rig.vpp.ask(f"c{n}", power_w=700_000.0, for_s=1200.0)
            rig.vpp.offset_ms = 0
        late = rig.vpp.make("d1", power_w=700_000.0, seq=0)
        ids["A-042"] = "d1", "out_of_order"
        await rig.vpp.say(late)
        for payload, _ in UNREADABLE.values():
            await rig.vpp.say(payload)
        for name, (id_, reason) in ids.items():
            assert await rig.vpp.answered(id_, within_s=2) == [("refused", reason)], name
        await until(lambda: len(rig.audit("refusal")) >= len(UNREADABLE), within_s=3)
        assert [one["target_w"] for one in (line["out"] for line in rig.log()[-5:])] == [620_000.0] * 5
        assert abs(rig.house.site_w() - 620_000.0) < 4000.0
    reasons = [one["reason"] for one in rig.audit("refusal") if one["id"] is None]
    assert reasons == [reason for _, reason in UNREADABLE.values()]
    usual(rig)


@pytest.mark.fault("A-041")
async def test_a_clock_within_the_skew_limit_is_no_reason_to_refuse(rig):
    async with inside(rig) as gateway:
        await gateway.ready()
        for n, ahead_s in enumerate((-4.0, 0.0, 4.0)):
            rig.vpp.offset_ms = round(ahead_s * 1000)
            await rig.vpp.ask(f"a{n}", power_w=640_000.0)
            assert ("accepted", "ok") in await rig.vpp.answered(f"a{n}")


@pytest.mark.fault("F-058", "A-040", "I-18", "I-19", "U1")
async def test_a_repeated_id_gets_the_same_answer_and_is_done_once_after_a_restart_too(rig):
    async with inside(rig) as gateway:
        await gateway.ready()
        first = await rig.vpp.ask("e1", kind="event", shed_w=60_000.0, for_s=120.0)
        await until(lambda: gateway.mode == "remote")
        for _ in range(9):
            await rig.vpp.say(first)
        assert await rig.vpp.answered("e1", count=10) == [("accepted", "ok")] * 10
        assert len(gateway.app.loop.state.book.entries) == 1
        await rig.vpp.say(first | {"id": "e2", "power_w": 900_000.0} | {"shed_w": 1.0})
        await rig.vpp.say(first | {"id": "e3"})
        assert await rig.vpp.answered("e3") == [("refused", "replayed")]
    before = len(rig.vpp.answers("e1"))
    async with inside(rig) as gateway:
        await gateway.ready()
        await until(lambda: gateway.mode == "remote", within_s=5)
        await rig.vpp.say(first)
        assert (await rig.vpp.answered("e1", count=before + 1))[before:] == [("accepted", "ok")]
        await rig.vpp.say(first | {"id": "e4"})
        assert await rig.vpp.answered("e4") == [("refused", "replayed")]
        await rig.vpp.say(first | {"id": "e5", "seq": first["seq"] - 1})
        assert await rig.vpp.answered("e5") == [("refused", "out_of_order")]
        assert [held.request.id for held in gateway.app.loop.state.book.entries] == ["e1"]
    usual(rig)


@pytest.mark.fault("A-044", "A-040")
async def test_a_retained_command_is_refused_at_every_subscribe(rig):
    await rig.vpp.say(rig.vpp.make("r1", power_w=700_000.0, for_s=600.0), retain=True)
    async with inside(rig) as gateway:
        await gateway.ready()
        assert await rig.vpp.answered("r1") == [("refused", "retained")]
        rig.uplink.reset()
        assert await rig.vpp.answered("r1", count=2) == [("refused", "retained")] * 2
        assert gateway.mode == "local"
        assert settings(rig.house)["battery.power.setpoint"] == 0.0
    usual(rig)


@pytest.mark.fault("A-045")
async def test_another_sites_commands_are_not_even_heard(rig):
    async with inside(rig) as gateway:
        await gateway.ready()
        tree = rig.vpp.make("o1", power_w=700_000.0)
        for topic in ("vpp/v1/tower2/command", "vpp/v1/tower/command/x", "vpp/v1/tower/commands", "command"):
            await rig.vpp.say(tree, topic=topic)
        await rig.vpp.ask("mine", power_w=650_000.0)
        assert await rig.vpp.answered("mine") == [("accepted", "ok")]
        assert rig.vpp.answers("o1") == []


@pytest.mark.fault("U2")
async def test_a_gateway_that_only_watches_decides_and_writes_nothing(rig):
    async with inside(rig, shadow=True) as gateway:
        await gateway.ready()
        await rig.vpp.ask("a1", power_w=560_000.0)
        assert await rig.vpp.answered("a1") == [("accepted", "ok")]
        await until(lambda: gateway.mode == "remote")
        await asyncio.sleep(1.0)
        commands = [one for line in rig.log() for one in line["out"].get("commands", ())]
        assert any(control == "battery.power.setpoint" and value != 0.0 for _, control, value, *_ in commands)
        hold = {"do": "hold", "asset": "battery", "power_w": 1000.0, "for_s": 10.0, "why": "test"}
        assert (await asyncio.to_thread(localsocket.ask, rig.state, hold))["error"] == "shadow"
    assert [one for one in rig.house.asked if one.writes] == []
    assert rig.house.applied == []
    u9_audit(rig.state)


async def test_a_bad_site_file_is_exit_2_and_nothing_is_started(rig):
    site = rig.site(limits={"max_import_kw": 1000, "max_imprt_kw": 900})
    async with outside(rig, site=site, ready=False) as gateway:
        assert await gateway.ended() == 2
    assert "max_import_kw" in gateway.stderr.read_text()
    assert not rig.state.exists()
    assert rig.house.asked == []
    assert gateway.told == []


async def test_a_second_daemon_on_the_same_state_is_exit_3_and_the_first_does_not_notice(rig):
    async with inside(rig) as first:
        await first.ready()
        before = [proxy.accepted for proxy in rig.devices.proxies.values()]
        async with outside(rig, ready=False) as second:
            assert await second.ended() == 3
        assert "another gateway" in second.stderr.read_text()
        assert second.told == []
        assert [proxy.accepted for proxy in rig.devices.proxies.values()] == before
        await rig.vpp.ask("a1", power_w=620_000.0)
        assert await rig.vpp.answered("a1") == [("accepted", "ok")]
    u2_writes(rig.house)
