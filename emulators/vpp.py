"""The VPP's head-end for the demo and for tests: sends what a time line says, stores telemetry, writes down everything.

`python -m emulators.vpp --site tower --origin BOOT_S --out DIR --timeline FILE.json` starts an MQTT broker in this
process (or uses another) and prints `listening PORT`. Written to DIR: headend.csv; sent.jsonl, acks.jsonl, sink.jsonl,
received.jsonl (status, plan, alarm); at the end headend.json. All `t_s` count from `--origin`, seconds of the boot clock.
It has its own JSON and its own rules: nothing of the gateway it is there to check.
"""

import argparse
import asyncio
import json
import random
import signal
import sys
from base64 import b64encode
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from statistics import quantiles
from typing import Any

import aiomqtt
import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from emulators.broker import embedded, mosquitto
from emulators.vpp_baseline import Baseline, History, baseline
from emulators.vpp_record import Declared, HeadendCsv, Ledger
from emulators.vpp_sink import Malformed, Sink
from emulators.vpp_timeline import Act, Timeline, read_timeline
from gateway.clock import Clock, SystemClock
from gateway.tasks import ended

RESEND_S = 5.0
"""An event or a limit nobody answered is sent again, same id, after this long."""
RETRY_S = 0.5
TICK_S = 1.0
SLOT_S = 900.0


class HeadEnd:
    """One run: `serve` over one broker until cancelled."""

    def __init__(
        self,
        site: str,
        timeline: Timeline,
        out: Path,
        *,
        origin_s: float,
        clock: Clock,
        key: Ed25519PrivateKey | None = None,
    ) -> None:
        """With a `key` every command is signed."""
        out.mkdir(parents=True, exist_ok=True)
        self._root = f"vpp/v1/{site}/"
        self._timeline = timeline
        self._clock = clock
        self._key = key
        self._origin_s = origin_s
        self._origin_ms = clock.utc_ms() - (clock.boot_s() - origin_s) * 1000.0
        self._random = random.Random(timeline.seed)  # network delays
        self._out = out
        self._csv = HeadendCsv(out / "headend.csv", capacity_w=timeline.capacity_w)
        self._ledgers = {name: Ledger(out / f"{name}.jsonl") for name in ("sent", "acks", "sink", "received")}
        self._declared = Declared(timeline.declared, lead_s=timeline.lead_s)
        self._history = _history(timeline, self._measured)
        self._baselines: list[tuple[float, float, Baseline]] = []
        self._slots: dict[int, tuple[float, int]] = {}
        self._signal: float | None = None
        self._last_signal: str | None = None
        self._seq = 0
        self._issued_ms = 0
        self._line = asyncio.Lock()
        """Commands leave one at a time, so that a signal the network delays is never overtaken."""
        self._sent_s: dict[str, float] = {}
        self._answers: dict[str, list[str]] = {}
        self._latencies_s: list[float] = []
        self._malformed: Counter[str] = Counter()
        self.sink = Sink()
        self._note(0.0)

    def now_s(self) -> float:
        """The run's time."""
        return self._clock.boot_s() - self._origin_s

    async def serve(self, host: str, port: int) -> None:
        """Talk to the broker, coming back when it goes; ends by cancellation."""
        acts = self._timeline.acts()
        waiting: list[Act] = []
        while True:
            with suppress(aiomqtt.MqttError):
                async with (
                    aiomqtt.Client(host, port, identifier=f"headend-{self._root[7:-1]}", timeout=10) as client,
                    _tasks() as group,
                ):
                    client.pending_calls_threshold = 100
                    await client.subscribe([(self._root + name, 1) for name in HEARD])
                    group.create_task(self._acting(client, group, acts, waiting))
                    group.create_task(self._beating(client))
                    group.create_task(self._ticking())
                    async for message in client.messages:
                        await self._hear(client, message)
            if (task := asyncio.current_task()) is not None and task.cancelling():
                raise asyncio.CancelledError  # a task group that fails in the same moment reports only its failure
            await asyncio.sleep(RETRY_S)

    def finish(self) -> dict[str, Any]:
        """Write the summary and close the files."""
        results = Counter(answers[0] if answers else "unanswered" for answers in self._answers.values())
        cuts = quantiles(self._latencies_s, n=100) if len(self._latencies_s) > 1 else None
        summary = {
            "sent": len(self._answers),
            "first_answers": dict(results),
            "ack_latency_ms": {"p50": round(cuts[49] * 1e3, 2), "p99": round(cuts[98] * 1e3, 2)} if cuts else None,
            "plan_intervals_too_late": self._declared.late,
            "malformed": dict(self._malformed),
            "telemetry": self.sink.summary(),
        }
        (self._out / "headend.json").write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
        self._csv.close()
        for ledger in self._ledgers.values():
            ledger.close()
        return summary

    # -- sending ---------------------------------------------------------------------------------------------------

    async def _acting(self, client: aiomqtt.Client, group: asyncio.TaskGroup, acts: Any, waiting: list[Act]) -> None:
        """Do what is due; `waiting` keeps the act a lost connection interrupted."""
        while True:
            if not waiting:
                act = next(acts, None)
                if act is None:
                    return
                waiting.append(act)
            act = waiting[0]
            await asyncio.sleep(max(0.0, act.t_s - self.now_s()))
            waiting.clear()
            if act.kind == "reg_over":
                self._signal = None
                self._note(act.t_s)
                if self._last_signal is not None:
                    group.create_task(self._cancel_signal(client, act, self._last_signal))
            elif act.kind == "reg":
                if act.end_s > self.now_s():  # not the ones a broken connection left behind
                    group.create_task(self._send_signal(client, act))
            elif act.end_s > self.now_s():
                self._know_baseline(act)
                group.create_task(self._send_until_answered(client, act))

    async def _send_signal(self, client: aiomqtt.Client, act: Act) -> None:
        """Sent on the raster; the network takes its time."""
        self._signal = act.values["signal"]
        self._note(act.t_s)
        least, most = self._timeline.signal.delay_s if self._timeline.signal else (0.0, 0.0)
        async with self._line:
            message = self._command(act)
            self._last_signal = message["id"]
            await asyncio.sleep(self._random.uniform(least, most))
            await self._publish(client, message, act)

    async def _cancel_signal(self, client: aiomqtt.Client, act: Act, last: str) -> None:
        """Regulation ends here: without a word the gateway would have to take the signal for lost."""
        async with self._line:
            self._seq = max(self._seq + 1, self._clock.utc_ms())
            now_ms = self._clock.utc_ms()
            message = {
                "id": f"{act.id}-{self._seq}",
                "issuer": self._timeline.issuer,
                "seq": self._seq,
                "service": "reg",
                "kind": "cancel",
                "target": "site",
                "issued_at": now_ms,
                "not_before": now_ms,
                "ref": last,
            }
            await self._publish(client, message, act)

    async def _send_until_answered(self, client: aiomqtt.Client, act: Act) -> None:
        name: str | None = None
        while True:
            async with self._line:  # each time with a number of its own, lest a newer command make it a late one
                message = self._command(act)
                name = message["id"] = name or message["id"]
                await self._publish(client, message, act)
            await asyncio.sleep(RESEND_S)
            if self._answers[name] or act.end_s <= self.now_s():
                return

    async def _publish(self, client: aiomqtt.Client, message: dict[str, Any], act: Act) -> None:
        t_s = self.now_s()
        if self._key is not None:
            message = message | {"sig": b64encode(self._key.sign(rfc8785.dumps(message))).decode()}
        self._answers.setdefault(message["id"], [])
        self._sent_s.setdefault(message["id"], t_s)
        self._ledgers["sent"].note({"t_s": round(t_s, 4), "entry": act.id, "raster_s": act.t_s, "command": message})
        await client.publish(self._root + "command", json.dumps(message), qos=1)

    def _command(self, act: Act) -> dict[str, Any]:
        """The message of an act; a sequence number never repeats, not even for the next head-end of this name."""
        self._seq = max(self._seq + 1, self._clock.utc_ms())
        self._issued_ms = max(self._issued_ms, self._utc_ms(act.t_s) if act.kind == "reg" else self._clock.utc_ms())
        message: dict[str, Any] = {
            "id": f"{act.id}-{self._seq}",
            "issuer": self._timeline.issuer,
            "seq": self._seq,
            "service": act.kind,
            "kind": {"reg": "setpoint", "limit": "limit"}.get(act.kind, "event"),
            "target": "site",
            "issued_at": self._issued_ms,
            "not_before": self._utc_ms(act.begin_s),
            **act.values,
        }
        if act.kind != "limit":
            message["valid_until"] = self._utc_ms(act.end_s)
        return message

    async def _beating(self, client: aiomqtt.Client) -> None:
        while True:
            message = {"issuer": self._timeline.issuer, "t": self._clock.utc_ms()}
            await client.publish(self._root + "heartbeat", json.dumps(message))
            await asyncio.sleep(self._timeline.heartbeat_s)

    # -- receiving -------------------------------------------------------------------------------------------------

    async def _hear(self, client: aiomqtt.Client, message: aiomqtt.Message) -> None:
        name = message.topic.value.removeprefix(self._root)
        t_s = self.now_s()
        try:
            tree = json.loads(message.payload, parse_constant=_refuse)
            if name == "telemetry":
                await self._store(client, tree, t_s)
            elif name == "ack":
                self._answered(tree, t_s)
            else:
                if name == "plan":
                    self._planned(tree, t_s)
                self._ledgers["received"].note({"t_s": round(t_s, 4), "topic": name, "message": tree})
        except (ValueError, KeyError, TypeError) as exc:
            self._malformed[name] += 1
            print(f"{name}: {exc!r}", file=sys.stderr)

    async def _store(self, client: aiomqtt.Client, tree: Any, t_s: float) -> None:
        fresh, (box, epoch, seq) = self.sink.take(tree)
        row = {"t_s": round(t_s, 4), "box": box, "epoch": epoch, "received": len(tree["samples"]), "samples": fresh}
        self._ledgers["sink"].note(row)
        for _, point, value, _, t_ms, _ in fresh:
            if point == self._timeline.meter and value is not None:
                slot = int((t_ms - self._origin_ms) / 1000.0 // SLOT_S)
                total, number = self._slots.get(slot, (0.0, 0))
                self._slots[slot] = (total + value, number + 1)
        receipt = {"box": box, "epoch": epoch, "seq": seq}
        await client.publish(self._root + "receipt", json.dumps(receipt), qos=1)

    def _answered(self, tree: Any, t_s: float) -> None:
        self._ledgers["acks"].note({"t_s": round(t_s, 4), **tree})
        answers = self._answers.get(tree["id"])
        if answers is not None:
            if not answers:
                self._latencies_s.append(t_s - self._sent_s[tree["id"]])
            answers.append(tree["result"])

    def _planned(self, tree: Any, t_s: float) -> None:
        intervals = [
            (self._run_s(one["start"]), self._run_s(one["end"]), float(one["basepoint_w"])) for one in tree["intervals"]
        ]
        self._declared.plan(intervals, t_s)

    # -- the record ------------------------------------------------------------------------------------------------

    async def _ticking(self) -> None:
        """Rows where the base point or the baseline changes between signals."""
        while True:
            t_s = self.now_s()
            edges = [edge for begin, end, _ in self._baselines for edge in (begin, end) if edge > t_s]
            wake_s = min([t_s + TICK_S, self._declared.next_edge(t_s), *edges])
            await asyncio.sleep(max(0.0, wake_s - t_s))
            self._note(max(wake_s, 0.0))

    def _note(self, t_s: float) -> None:
        self._csv.note(t_s, signal=self._signal, basepoint_w=self._declared.at(t_s), baseline_w=self._baseline_w(t_s))

    def _know_baseline(self, act: Act) -> None:
        if act.kind == "dr" and self._history is not None:
            curve = baseline(self._history, start_s=act.begin_s, end_s=act.end_s, rules=self._timeline.baseline)
            if curve is not None:
                self._baselines.append((act.begin_s, act.end_s, curve))

    def _baseline_w(self, t_s: float) -> float | None:
        for begin_s, end_s, curve in self._baselines:
            if begin_s <= t_s < end_s:
                return curve.at(t_s)
        return None

    def _measured(self, t_s: float) -> float | None:
        total, number = self._slots.get(int(t_s // SLOT_S), (0.0, 0))
        return total / number if number else None

    def _utc_ms(self, t_s: float) -> int:
        return round(self._origin_ms + t_s * 1000.0)

    def _run_s(self, utc_ms: float) -> float:
        return (utc_ms - self._origin_ms) / 1000.0


HEARD = ("telemetry", "ack", "status", "plan", "alarm")


@asynccontextmanager
async def _tasks() -> AsyncIterator[asyncio.TaskGroup]:
    """A task group whose one broker error comes out as itself."""
    try:
        async with asyncio.TaskGroup() as group:
            yield group
    except* aiomqtt.MqttError as errors:
        raise aiomqtt.MqttError(str(errors.exceptions[0])) from errors


def _history(timeline: Timeline, measured: Any) -> History | None:
    given = timeline.history
    if given is None:
        return None
    start_s, scale, add_w = (
        float(given.get(key, usual)) for key, usual in (("start_s", 0), ("scale", 1), ("add_w", 0))
    )
    return History.from_csv(given["file"], start_s=start_s, scale=scale, add_w=add_w, measured=measured)


def _refuse(word: str) -> float:
    raise Malformed(f"{word} is not JSON")


async def run(options: argparse.Namespace) -> None:
    """Broker and head-end until SIGTERM or SIGINT; then the summary."""
    clock = SystemClock()
    origin_s = clock.boot_s() if options.origin is None else options.origin
    key = None if options.key is None else load_pem_private_key(options.key.read_bytes(), None)
    if key is not None and not isinstance(key, Ed25519PrivateKey):
        raise SystemExit(f"{options.key}: not an Ed25519 key")
    timeline = read_timeline(options.timeline)
    head_end = HeadEnd(options.site, timeline, options.out, origin_s=origin_s, clock=clock, key=key)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with _broker(options.broker, options.port) as (host, port):
        print(f"listening {port}", flush=True)
        serving = asyncio.create_task(head_end.serve(host, port), name="head-end")
        stopping = asyncio.create_task(stop.wait(), name="stop")
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        await ended(stopping, serving)
        if not serving.cancelled():
            serving.result()
        print(json.dumps(head_end.finish()), flush=True)


@asynccontextmanager
async def _broker(wanted: str, port: int) -> AsyncIterator[tuple[str, int]]:
    """`embedded`, `mosquitto`, or host:port of one that runs."""
    if wanted == "embedded":
        async with embedded(port) as given:
            yield "127.0.0.1", given
    elif wanted == "mosquitto":
        async with mosquitto(port) as given:
            yield "127.0.0.1", given
    else:
        host, _, there = wanted.rpartition(":")
        yield host, int(there)


def options_of(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m emulators.vpp", description=__doc__)
    parser.add_argument("--site", required=True, help="the site's id in the topics")
    parser.add_argument("--origin", type=float, help="boot-clock seconds of t_s = 0; now when it is not given")
    parser.add_argument("--out", type=Path, required=True, help="folder of the records")
    parser.add_argument("--port", type=int, default=0, help="the broker's port; 0 takes a free one")
    parser.add_argument("--timeline", type=Path, required=True, help="what to send, JSON")
    parser.add_argument("--broker", default="embedded", help="embedded, mosquitto, or host:port of a running one")
    parser.add_argument("--key", type=Path, help="its private key, Ed25519 PEM: commands are signed")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    asyncio.run(run(options_of()))
