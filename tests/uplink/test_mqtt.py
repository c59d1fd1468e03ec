"""The MQTT link on real sockets: what goes, what comes, and what happens when the broker misbehaves."""

import asyncio
import json
import socket
import time
from contextlib import suppress
from pathlib import Path

import aiomqtt
import pytest
import uvloop

from emulators.broker import embedded
from gateway.clock import EARLIEST_UTC_MS, SystemClock, VirtualClock
from gateway.errors import LinkError
from gateway.model.command import Alarm
from gateway.model.mode import Mode
from gateway.model.plan import Plan
from gateway.model.request import Result, Verdict
from gateway.model.site import Link
from gateway.tasks import ended
from gateway.uplink.mqtt import MqttLink
from gateway.uplink.mqtt_session import address_of
from gateway.wire.messages import Status
from tests.uplink.gateway_side import QUICK, Peer, Side, uplink
from tests.uplink.parts import ScriptedBroker, ignore, make_outbox, taken, until
from tests.wire.test_command import SETPOINT

VERDICT = Verdict("r-1", "vpp", Result.ACCEPTED, "ok", 1)


async def all_stored(side, peer, count: int) -> None:
    await until(lambda: peer.sink.samples >= count)
    assert peer.sink.samples == count
    async with asyncio.timeout(5):
        while await side.outbox.pending("vpp"):  # noqa: ASYNC110  # the disk has no event
            await asyncio.sleep(0.01)


async def test_samples_reach_the_head_end_once_and_leave_the_outbox_by_its_receipt(tmp_path, broker):
    async with (
        Peer(broker.port).running() as peer,
        uplink(tmp_path / "state", broker.port, version=broker.version) as side,
    ):
        await until(lambda: side.link.connected)
        for _ in range(5):
            side.outbox.add(taken(300, at_s=SystemClock().boot_s()))
            await asyncio.sleep(0.03)
        await all_stored(side, peer, 1500)
        assert peer.sink.summary()["unexplained"] == 0
        assert peer.sink.duplicates == 0


async def test_status_is_retained_and_a_clean_stop_says_so(tmp_path, broker):
    async with Peer(broker.port).running() as peer:
        async with uplink(tmp_path / "state", broker.port, version=broker.version) as side:
            side.link.tell(Status(online=True, mode=Mode.LOCAL, cause="start", at_ms=1))
            await until(lambda: bool(peer.of("status")))
        await until(lambda: len(peer.of("status")) == 2)
        assert [one["online"] for one in peer.of("status")] == [True, False]
        assert peer.of("status")[1]["cause"] == "stopped"
    async with aiomqtt.Client("127.0.0.1", broker.port) as late:
        await late.subscribe("vpp/v1/tower/status")
        message = await asyncio.wait_for(anext(aiter(late.messages)), 5)
        assert message.retain
        assert json.loads(message.payload)["online"] is False


async def test_letters_told_before_there_is_a_session_go_when_there_is_one(tmp_path, broker):
    async with (
        Peer(broker.port).running() as peer,
        uplink(tmp_path / "state", broker.port, version=broker.version) as side,
    ):
        side.link.tell(VERDICT)
        side.link.tell(Plan(1, 5, ()))
        await until(lambda: bool(peer.of("ack")) and bool(peer.of("plan")))
        assert peer.of("ack") == [{"id": "r-1", "result": "accepted", "reason": "ok", "text": "", "at": 1}]


@pytest.mark.fault("F-058")
async def test_every_copy_of_a_command_is_passed_on(tmp_path, broker):
    async with (
        Peer(broker.port).running() as peer,
        uplink(tmp_path / "state", broker.port, version=broker.version) as side,
    ):
        await until(lambda: side.link.connected)
        for _ in range(5):
            await peer.command(SETPOINT)
        await until(lambda: len(side.arrivals) == 5)
        assert {one.request.id for one in side.arrivals if one.request} == {"r-1"}


@pytest.mark.fault("A-044")
async def test_a_retained_command_is_refused_at_every_subscribe(tmp_path, broker):
    async with Peer(broker.port).running() as peer:
        await peer.command(SETPOINT, retain=True)
        for n in range(5):
            async with uplink(tmp_path / f"state{n}", broker.port, version=broker.version) as side:
                await until(lambda: bool(side.refusals))
                assert {one.reason for one in side.refusals} == {"retained"}
                assert side.arrivals == []


@pytest.mark.fault("A-045")
async def test_only_our_own_tree_is_listened_to(tmp_path, broker):
    async with (
        Peer(broker.port).running() as peer,
        uplink(tmp_path / "state", broker.port, version=broker.version) as side,
    ):
        await until(lambda: side.link.connected)
        for site in ("other", "tower/x", "towers"):
            await peer.command(SETPOINT, site=site)
        await peer.command({**SETPOINT, "id": "last"})
        await until(lambda: bool(side.arrivals))
        assert [one.request.id for one in side.arrivals if one.request] == ["last"]
        assert side.refusals == []


@pytest.mark.fault("A-045")
@pytest.mark.parametrize("site", ["+", "#", "a/b", "$SYS", "a\0b", ""])
def test_a_site_id_that_leaves_the_tree_makes_no_link(tmp_path, site):
    with pytest.raises(ValueError, match="does not match"):
        MqttLink(Link("vpp", "mqtt://x"), site, make_outbox(tmp_path), SystemClock(),
                 on_arrival=print, on_refusal=print, on_alarm=ignore)  # fmt: skip


async def test_garbage_on_any_topic_is_refused_and_the_session_lives(tmp_path, broker):
    async with (
        Peer(broker.port).running() as peer,
        uplink(tmp_path / "state", broker.port, version=broker.version) as side,
    ):
        await until(lambda: side.link.connected)
        assert peer.client is not None
        for name in ("command", "receipt", "heartbeat"):
            await peer.client.publish(f"vpp/v1/tower/{name}", b"\xff{[", qos=1)
        await peer.client.publish("vpp/v1/tower/heartbeat", b'{"issuer": "vpp", "t": 1}')
        await until(lambda: len(side.refusals) == 3 and len(side.arrivals) == 1)
        assert side.arrivals[0].request is None
        assert side.link.sessions == 1


async def test_a_qos_1_round_trip_is_not_held_back_by_nagle(tmp_path, mosquitto):
    """With Nagle's algorithm on, each takes 40 ms and more; median of an interleaved run on a busy machine."""
    times_s = []
    async with Peer(mosquitto.port).running() as peer, uplink(tmp_path / "state", mosquitto.port) as side:
        await until(lambda: side.link.connected)
        for n in range(40):
            began = time.perf_counter()
            side.link.tell(Verdict(f"r-{n}", "vpp", Result.DONE, "", 1))
            await until_fast(lambda n=n: len(peer.of("ack")) > n)
            times_s.append(time.perf_counter() - began)
            while side.link.letters[0]:  # noqa: ASYNC110  # the acknowledgement of the broker
                await asyncio.sleep(0)
        assert sorted(times_s)[20] < 0.015
        sockets = sockets_to(mosquitto.port)
        assert any(one.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) for one in sockets)
        for one in sockets:
            one.close()


async def until_fast(true) -> None:
    async with asyncio.timeout(5):
        while not true():  # noqa: ASYNC110  # what is waited for is of another task
            await asyncio.sleep(0)


def sockets_to(port: int) -> list[socket.socket]:
    """Copies of every socket of this process that is connected to a port of this machine."""
    found = []
    for entry in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            if "socket:" in str(entry.readlink()):
                copy = socket.fromfd(int(entry.name), socket.AF_INET, socket.SOCK_STREAM)
                with suppress(OSError):
                    if copy.getpeername()[1:2] == (port,):
                        found.append(copy)
                        continue
                copy.close()
    return found


@pytest.mark.fault("F-049")
async def test_a_broker_that_is_killed_and_comes_back_empty_costs_nothing(tmp_path, mosquitto):
    async with Peer(mosquitto.port).running() as peer, uplink(tmp_path / "state", mosquitto.port) as side:
        side.link.tell(Status(online=True, mode=Mode.LOCAL, cause="start", at_ms=1))
        await until(lambda: side.link.connected)
        total = 0
        for _ in range(5):
            for _ in range(3):
                side.outbox.add(taken(100, at_s=SystemClock().boot_s()))
                total += 100
                await asyncio.sleep(0.03)
            await mosquitto.kill()
            side.outbox.add(taken(50, at_s=SystemClock().boot_s()))
            total += 50
            await asyncio.sleep(0.1)
            await until(lambda: not side.link.connected)
            await mosquitto.start()
            await until(lambda: side.link.connected)
        await all_stored(side, peer, total)
        assert peer.sink.summary()["unexplained"] == 0
        heard = len(side.arrivals)
        async with asyncio.timeout(5):
            while len(side.arrivals) == heard:
                assert peer.client is not None
                try:
                    await peer.command({**SETPOINT, "id": "after"})
                except aiomqtt.MqttError:
                    await asyncio.sleep(0.05)
                await asyncio.sleep(0.02)


async def test_auto_falls_back_to_a_broker_of_3_1_1_and_stays_with_it(tmp_path):
    pytest.importorskip("amqtt", reason="needs the Python package amqtt: pip install 'vpp-gateway[demo]'")
    async with embedded(0) as port, Peer(port).running() as peer, uplink(tmp_path / "state", port) as side:
        side.link.tell(VERDICT)
        await until(lambda: bool(peer.of("ack")))


async def connected(side: Side) -> None:
    await until(lambda: side.link.connected)


async def test_a_link_cancelled_at_any_moment_ends(tmp_path, mosquitto):
    """A task group that fails while it is cancelled must not swallow the cancellation."""
    for n in range(12):
        async with uplink(tmp_path / f"state{n}", mosquitto.port) as side:
            if n % 2:
                await connected(side)
            if n % 4 == 1:
                await mosquitto.kill()
                await asyncio.sleep(0.001 * n)
        if n % 4 == 1:
            await mosquitto.start()


async def test_a_frozen_broker_is_noticed_and_left(tmp_path, mosquitto):
    async with uplink(tmp_path / "state", mosquitto.port) as side:
        await until(lambda: side.link.connected)
        mosquitto.freeze()
        side.outbox.add(taken(10, at_s=SystemClock().boot_s()))
        await until(lambda: not side.link.connected, within_s=3 * QUICK.answer_s)
        mosquitto.freeze(frozen=False)
        await until(lambda: side.link.connected)
        assert await side.outbox.pending("vpp"), "nothing is deleted before a receipt"


@pytest.mark.fault("F-047")
async def test_a_broker_that_never_acknowledges_keeps_few_in_flight_and_deletes_nothing(tmp_path):
    async with (
        ScriptedBroker(puback=lambda _n: False).serving() as broker,
        uplink(tmp_path / "state", broker.port, version="3.1.1", receipts=False) as side,
    ):
        for _ in range(30):
            side.outbox.add(taken(300, at_s=SystemClock().boot_s()))
            await side.outbox.commit()
        await until(lambda: len(broker.connects) >= 3, within_s=20)
        assert sum(span.last - span.first + 1 for span in await side.outbox.pending("vpp")) == 9000
        assert broker.most_unanswered <= 12


@pytest.mark.fault("F-048")
async def test_lines_cut_between_publish_and_puback_lose_and_double_nothing(tmp_path, soak):
    cuts = 1000 if soak else 50
    broker = ScriptedBroker(cut=lambda n: n % 7 == 3)
    sink = Peer(0).sink
    async with broker.serving():
        times = type(QUICK)(keepalive_s=2, answer_s=2.0, receipt_s=1.5, first_s=0.002, cap_s=0.004, look_s=0.01)
        async with uplink(tmp_path / "state", broker.port, times=times, version="3.1.1") as side:
            total = taken_in = 0
            async with asyncio.timeout(50):
                while len(broker.connects) < cuts:
                    if total < 40 * 50:
                        side.outbox.add(taken(40, at_s=SystemClock().boot_s(), first=float(total)))
                        total += 40
                        await side.outbox.commit()
                    await asyncio.sleep(0.005)
                    taken_in = deliver(broker, sink, taken_in)
                broker.cut = lambda _n: False
                while sink.samples < total:
                    await asyncio.sleep(0.02)
                    taken_in = deliver(broker, sink, taken_in)
    assert sink.samples == total
    assert sink.summary()["unexplained"] == 0
    assert sink.duplicates > 0, "the cuts did make it send again"


def deliver(broker: ScriptedBroker, sink, taken_in: int) -> int:
    for full_topic, payload in broker.published[taken_in:]:
        if full_topic.endswith("telemetry"):
            sink.take(json.loads(payload))
    return len(broker.published)


async def test_without_receipts_the_brokers_acknowledgement_deletes_by_setting(tmp_path, mosquitto):
    async with (
        Peer(mosquitto.port, receipts=False).running() as peer,
        uplink(tmp_path / "state", mosquitto.port, receipts=False) as side,
    ):
        await until(lambda: side.link.connected)
        for _ in range(4):
            side.outbox.add(taken(600, at_s=SystemClock().boot_s()))
            await asyncio.sleep(0.03)
        await all_stored(side, peer, 2400)


async def test_without_a_receipt_nothing_is_deleted_and_all_is_sent_again(tmp_path, mosquitto):
    async with (
        Peer(mosquitto.port, receipts=False).running() as peer,
        uplink(tmp_path / "state", mosquitto.port) as side,
    ):
        await until(lambda: side.link.connected)
        side.outbox.add(taken(100, at_s=SystemClock().boot_s()))
        await until(lambda: peer.sink.samples == 100)
        await until(lambda: peer.sink.duplicates >= 100, within_s=4 * QUICK.receipt_s)
        assert await side.outbox.pending("vpp")


async def test_live_samples_pass_a_backlog_and_are_told_apart(tmp_path, mosquitto):
    state = tmp_path / "state"
    outbox = make_outbox(state, SystemClock())
    await outbox.open()
    for _ in range(60):
        outbox.add(taken(500, at_s=SystemClock().boot_s()))
        await outbox.commit()
    await outbox.close()
    async with Peer(mosquitto.port).running() as peer, uplink(state, mosquitto.port) as side:
        await until(lambda: bool(peer.of("telemetry")))
        side.outbox.add(taken(7, at_s=SystemClock().boot_s()))
        await all_stored(side, peer, 30_007)
        messages = peer.of("telemetry")
        live = next(at for at, one in enumerate(messages) if not one["samples"][0][5])
        assert live < len(messages) / 2, "the live batch did not wait for the backlog"
        old = [one["samples"][0][0] for one in messages if one["samples"][0][5]]
        assert old == sorted(old), "oldest first"


@pytest.mark.fault("F-069")
async def test_nothing_is_dated_before_the_clock_is_set(tmp_path, mosquitto):
    clock = VirtualClock(100.0, 5_000)
    async with Peer(mosquitto.port).running() as peer, uplink(tmp_path / "state", mosquitto.port, clock=clock) as side:
        await until(lambda: side.link.connected)
        side.outbox.add(taken(10, at_s=100.0))
        await asyncio.sleep(0.3)
        assert peer.of("telemetry") == []
        clock.now_s = 280.0
        clock.step_utc(EARLIEST_UTC_MS + 10**9)
        await all_stored(side, peer, 10)
        dates = [row[4] for one in peer.of("telemetry") for row in one["samples"]]
        assert dates == [clock.utc_ms() - 180_000] * 10


@pytest.mark.fault("F-050")
async def test_a_broker_that_kicks_everybody_at_once_is_not_stormed(tmp_path):
    async with ScriptedBroker(cut=lambda _n: True).serving() as broker:
        times = type(QUICK)(keepalive_s=2, answer_s=2.0, receipt_s=9.0, first_s=0.2, cap_s=0.8, look_s=0.05)
        async with uplink(tmp_path / "state", broker.port, times=times, version="3.1.1") as side:
            side.link.tell(VERDICT)  # its PUBLISH is what the broker answers with a kick
            await asyncio.sleep(3.0)
            assert 2 <= len(broker.connects) <= 16
            assert broker.open_now <= 1, "never two sockets"
            await until(lambda: any(one.key.startswith("uplink_") and one.raised for one in side.alarms))
            keys = [one.key for one in side.alarms if one.raised]
            assert len(keys) == len(set(keys)), "one raise per cause"


async def test_a_broker_that_takes_the_line_and_says_nothing_is_given_up(tmp_path):
    async with (
        ScriptedBroker(greet=lambda n: n > 1).serving() as broker,
        uplink(tmp_path / "state", broker.port, version="3.1.1") as side,
    ):
        await until(lambda: side.link.connected, within_s=10)
        assert len(broker.connects) == 2


@pytest.mark.parametrize("url", ["http://x", "x:1883", "mqtt://", "mqtt://h:99999", "mqtts:///x", ""])
def test_an_address_nobody_can_dial_is_refused_when_the_link_is_made(url):
    with pytest.raises(LinkError):
        address_of(url)


@pytest.mark.parametrize(
    ("url", "expected"),
    [("mqtt://h", ("h", 1883, False)), ("mqtts://h", ("h", 8883, True)), ("mqtts://[::1]:1", ("::1", 1, True))],
)
def test_an_address_has_its_usual_port(url, expected):
    found = address_of(url)
    assert (found.host, found.port, found.tls) == expected


@pytest.mark.filterwarnings("ignore:multiple unraisable", "ignore::pytest.PytestUnraisableExceptionWarning")
async def test_an_encrypted_link_never_falls_back_to_plain_text(tmp_path, mosquitto):
    """The broker speaks plain MQTT on this port: the only right answer is no session.

    paho leaves the socket of a failed handshake to the garbage collector.
    """
    outbox = make_outbox(tmp_path / "state", SystemClock())
    await outbox.open()
    alarms: list[Alarm] = []
    link = MqttLink(Link("vpp", f"mqtts://127.0.0.1:{mosquitto.port}"), "tower", outbox, SystemClock(),
                    on_arrival=print, on_refusal=print, on_alarm=alarms.append, times=QUICK)  # fmt: skip
    running = asyncio.create_task(link.run())
    await until(lambda: bool(alarms), within_s=15)
    assert not link.connected
    assert [one.key for one in alarms] == ["uplink_down:vpp"]
    await ended(running)
    await outbox.close()


async def test_a_missing_password_file_is_told_and_nothing_is_dialled(tmp_path):
    async with (
        ScriptedBroker().serving() as broker,
        uplink(tmp_path / "s", broker.port, version="3.1.1", password_file=tmp_path / "no") as side,
    ):
        await until(lambda: bool(side.alarms))
        assert "no" in side.alarms[0].detail
        assert broker.connects == []


def test_the_same_on_uvloop(tmp_path):
    """The whole way once more on the loop the product runs on."""

    async def way() -> None:
        broker = ScriptedBroker()
        async with broker.serving(), uplink(tmp_path / "state", broker.port) as side:  # `auto`: 5 is refused first
            await until(lambda: side.link.connected)
            side.outbox.add(taken(10, at_s=SystemClock().boot_s()))
            await until(lambda: any(name.endswith("telemetry") for name, _ in broker.published))
            await broker.send("vpp/v1/tower/command", json.dumps(SETPOINT).encode())
            await until(lambda: len(side.arrivals) == 1)
            assert len(broker.connects) == 2

    uvloop.run(way())
