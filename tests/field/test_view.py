"""How lines do, as points and as answers; and the bytes of a line, switched on while it runs."""

from gateway.cli.lines import shown, table
from gateway.clock import SystemClock
from gateway.field import tap as taps
from gateway.field.tap import Tap
from gateway.fieldview import FieldView, specs
from gateway.model.image import Image
from gateway.model.point import PointId
from gateway.model.site import Device, Limits, Services, Site
from tests.field.peers import tcp_peer
from tests.field.rig import polling, until
from tests.field.test_faults_poller import fast, line


def site_of(connection, member) -> Site:
    device = Device(member.id, "test/thing", "plant")
    return Site(
        id="tower", timezone="UTC", meter=member.id, connections={"plant": connection}, devices={member.id: device},
        assets={}, limits=Limits(), services=Services(), links={},
    )  # fmt: skip


async def test_the_health_of_lines_and_devices_is_points_and_answers():
    member, clock = fast("thing"), SystemClock()
    async with tcp_peer() as peer, polling((line(peer), [member])) as rig:
        site = site_of(line(peer), member)
        image = Image(specs(site))
        view = FieldView(site, {"test/thing": member.profile}, {"plant": rig.pollers[0]}, image, clock)
        view.post(clock.boot_s())
        assert image.newest(PointId("gateway/device.thing.since_good")).value is None
        await until(lambda: len(peer.ledger) > 10, within_s=3.0)
        view.post(clock.boot_s())
        values = {point: image.newest(point).value for point in image.specs}
        assert values["gateway/device.thing.availability"] == 1.0
        assert 0.0 < values["gateway/device.thing.latency_p99"] < 0.5
        assert 0.0 <= values["gateway/device.thing.since_good"] < 1.0
        assert 0.0 < values["gateway/line.plant.load"] < 1.0
        assert values["gateway/line.plant.planned_load"] > 0.0
        assert values["gateway/line.plant.online"] == 1.0
        assert values["gateway/line.plant.availability"] == 1.0
        assert values["gateway/line.plant.errors_timeout"] == 0.0
        peer.script = lambda asked: [(0.0, asked.frame(b"\x83\x04"))]
        await until(lambda: rig.pollers[0].figures(clock.boot_s()).line["errors_refused"] >= 3.0, within_s=3.0)
        view.post(clock.boot_s())
        refused = image.newest(PointId("gateway/line.plant.errors_refused")).value
        assert refused is not None
        assert refused >= 3.0
        assert image.newest(PointId("gateway/line.plant.errors_down")).value == 0.0
        told = view.answer({"do": "health"})
        assert told is not None
        assert told["lines"]["plant"]["devices"]["thing"]["reads"] > 5
        assert "thing" in table(told["lines"])
        assert view.answer({"do": "read"}) is None


async def test_the_bytes_of_a_line_are_shown_from_when_somebody_looks_until_nobody_does(monkeypatch):
    member, clock = fast("thing"), SystemClock()
    async with tcp_peer() as peer, polling((line(peer), [member])) as rig:
        site = site_of(line(peer), member)
        pollers = {"plant": rig.pollers[0]}
        view = FieldView(site, {"test/thing": member.profile}, pollers, Image(specs(site)), clock)

        def frames(after: int = 0):
            told = view.answer({"do": "trace", "line": "plant", "after": after})
            assert told is not None
            return told["frames"]

        await until(lambda: len(peer.ledger) > 3, within_s=3.0)
        assert frames() == []
        await until(lambda: len(frames()) >= 4, within_s=3.0)
        asked, answered = frames()[:2]
        assert asked[2] == "out"
        assert answered[2] == "in"
        assert asked[3][:4] == answered[3][:4], "the same transaction id"
        assert asked[3].endswith(peer.ledger[-1].pdu.hex()) or asked[3][14:16] == "03"
        assert frames(frames()[-1][0]) == []
        for transport in list(peer.open):
            transport.abort()
        await until(lambda: any(way == "note" for _, _, way, _ in frames()), within_s=3.0)
        monkeypatch.setattr(taps, "LOOKED_S", -1.0)
        await until(lambda: rig.pollers[0]._tap is None, within_s=3.0)
        told = view.answer({"do": "trace", "line": "attic", "after": 0})
        assert told is not None
        assert told["error"] == "unknown_line"


def test_a_tap_keeps_the_newest_frames_and_their_numbers():
    tap = Tap(SystemClock())
    for at in range(taps.KEPT + 10):
        tap.out(bytes([at % 256]))
    kept = tap.since(0)
    assert (kept[0].number, kept[-1].number, len(kept)) == (11, taps.KEPT + 10, taps.KEPT)


def test_a_frame_is_shown_with_its_time_its_way_and_its_bytes():
    assert shown(1_700_000_000_123, "out", "0103") == "22:13:20.123 > 01 03"
    assert shown(1_700_000_000_123, "note", "closed by the device") == "22:13:20.123 # closed by the device"
