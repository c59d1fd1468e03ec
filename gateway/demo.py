"""The demonstration: devices, head-end and an ordinary `gateway run` as three processes over real sockets.

Everything each of them does is written down by somebody else: the plant process writes the true power, the head-end
what it sent and received, the outbox file how many samples were taken. The report is made from those records.
"""

import asyncio
import ctypes
import json
import signal
import sqlite3
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from emulators.plant import Plant
from emulators.scenario import Scenario
from gateway import demo_past, localsocket, statefile
from gateway.clock import Clock
from gateway.config import load_site
from gateway.control.baseline import blocks_from
from gateway.control.step import begin
from gateway.errors import GatewayError, StoreError
from gateway.model.site import Site

LEAD_S = 12.0
"""From the devices being up to the run's begin, more where they took long; the time line's first entry comes ten seconds later."""
START_S = 120.0
RESTART_S = 1.0
"""RestartSec of the service."""
STOP_S = 15.0
BLOCK_S = 300.0
DAY_S = 86400.0
RECORDS = ("*.csv", "*.jsonl", "*.log", "*.json", "*.site.yaml")
TAKEN = "SELECT id / 1099511627776, max(last) FROM batch GROUP BY 1"
CONFIRMED = "SELECT epoch, max(seq) FROM cursor GROUP BY 1"


class DemoFailed(GatewayError):
    """A process of the demonstration did not start or ended by itself."""


@dataclass(slots=True)
class Part:
    """One process and where its output goes."""

    name: str
    process: asyncio.subprocess.Process
    log: Path


@dataclass(slots=True)
class Demo:
    """One demonstration under way."""

    scenario: Scenario
    folder: Path
    origin_s: float
    seed: int
    run_s: float | None
    port: int = 8080
    """First one tried for the dashboard."""
    site: Site | None = None
    site_file: Path = Path()
    parts: list[Part] = field(default_factory=list)

    @property
    def gateway(self) -> Part:
        """The gateway's process."""
        return next(part for part in self.parts if part.name == "gateway")


async def start(
    scenario: Scenario, folder: Path, clock: Clock, *, run_s: float | None, seed: int, port: int = 8080
) -> Demo:
    """Start the three processes; DemoFailed names the one that does not come up, and its log."""
    _clear(folder)
    demo = Demo(scenario, folder, clock.boot_s(), seed, run_s, port=port)
    zone = ZoneInfo(load_site(scenario.site).timezone)
    today = datetime.fromtimestamp(clock.utc_ms() / 1000.0, zone)
    load_start_s = like_today(scenario.load_start_s, today.weekday())
    plant = Plant(scenario.plant, scenario.load(start_s=load_start_s), seed=seed)
    (folder / "timeline.json").write_text(
        json.dumps(timeline(scenario, plant, load_start_s=load_start_s, run_s=run_s), indent=1)
    )
    try:
        devices = await _spawn(
            demo, "devices", "emulators.run", str(scenario.file), "--out", str(folder),
            "--begin-in", f"{LEAD_S:g}", "--seed", str(seed), "--load-start", f"{load_start_s:.0f}", "--plant-csv", "--ledger",
        )  # fmt: skip
        site_file = Path(await _next_line(devices))  # by then history.csv is written, which the head-end reads
        demo.origin_s = float((await _next_line(devices)).split()[-1])
        head_end = await _spawn(
            demo, "head-end", "emulators.vpp", "--site", scenario.id, "--origin", f"{demo.origin_s:.6f}", "--out", str(folder),
            "--timeline", str(folder / "timeline.json"), "--port", "0",
        )  # fmt: skip
        broker = (await _next_line(head_end)).split()[-1]
        _connect(site_file, broker)
        demo.site = load_site(site_file)
        state = _fresh(folder / "state")
        demo_past.put(state, scenario, demo.site, load_start_s=load_start_s, utc_ms=clock.utc_ms(), seed=seed)
        control = begin(demo.site, now_s=clock.boot_s())
        declared = plant.declared_basepoints(scenario.upstream.declared_blocks)
        control.plan = replace(control.plan, blocks=blocks_from(declared, origin_s=demo.origin_s))
        statefile.save(state, control, boot=statefile.boot_id(), now_s=clock.boot_s(), utc_ms=clock.utc_ms())
        demo.site_file = site_file
        await _spawn_gateway(demo, site_file)
    except BaseException:
        await stop(demo)
        raise
    return demo


async def _spawn_gateway(demo: Demo, site_file: Path) -> None:
    folder = demo.folder
    await _spawn(
        demo, "gateway", "gateway", "run", str(site_file), "--state", str(folder / "state"),
        "--trace", str(folder / "trace.csv"), "--decisions", str(folder / "decisions.jsonl"),
        "--origin", f"{demo.origin_s:.6f}", "--port", str(demo.port),
    )  # fmt: skip


async def dashboard_link(demo: Demo) -> str | None:
    """A link that opens the dashboard and logs its holder in once as operator; None while there is none."""
    asked = {"do": "link", "user": "visitor", "role": "operator"}
    try:
        answer = await asyncio.to_thread(localsocket.ask, demo.folder / "state", asked, timeout_s=2.0)
    except StoreError:  # it does not listen yet
        return None
    return None if "error" in answer else str(answer["url"])


async def stop(demo: Demo) -> None:
    """Stop the gateway first, so that it hands its assets back, then the head-end and the devices."""
    for part in reversed(demo.parts):
        if part.process.returncode is None:
            part.process.terminate()
            try:
                async with asyncio.timeout(STOP_S):
                    await part.process.wait()
            except TimeoutError:
                part.process.kill()
                await part.process.wait()


def ended(demo: Demo) -> Part | None:
    """A process that ended by itself."""
    return next((part for part in demo.parts if part.process.returncode is not None), None)


async def start_again(demo: Demo, part: Part) -> bool:
    """Start a gateway that was killed anew, as its supervisor would; False for anything else that ended."""
    code = part.process.returncode
    if part.name != "gateway" or code is None or code >= 0:
        return False
    demo.parts.remove(part)
    await asyncio.sleep(RESTART_S)
    await _spawn_gateway(demo, demo.site_file)
    return True


def write_records(demo: Demo) -> None:
    """What the report needs besides the records: the events asked for, the seed, the counts of samples and violations."""
    folder = demo.folder
    events = [
        {
            "id": event.id,
            "service": event.service,
            "start_s": event.start_s,
            "for_s": event.for_s,
            "shed_w": event.shed_w,
        }
        for event in demo.scenario.upstream.events
        if demo.run_s is None or event.start_s + event.for_s <= demo.run_s
    ]
    (folder / "events.json").write_text(json.dumps(events))
    (folder / "run.json").write_text(json.dumps({"seed": demo.seed}))
    counted = {
        "taken": taken_samples(folder / "state" / "outbox" / "outbox.sqlite"),
        "limit_violations": limit_violations(folder / "plant.csv", demo.scenario),
    }
    (folder / "demo.ledger.json").write_text(json.dumps(counted))


def taken_samples(file: Path) -> int:
    """How many samples the outbox numbered, in all its epochs, read from its file."""
    with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as database:
        highest: dict[int, int] = {}
        for query in (TAKEN, CONFIRMED):
            for epoch, last in database.execute(query):
                highest[epoch] = max(highest.get(epoch, 0), last)
    return sum(highest.values())


def limit_violations(plant_csv: Path, scenario: Scenario) -> int:
    """How often the true power at the connection left the site's limits."""
    count, outside = 0, False
    for row in plant_csv.read_text().splitlines()[1:]:
        watts = float(row.split(",")[1])
        now = watts > scenario.plant.max_import_w or -watts > scenario.plant.max_export_w
        count += now and not outside
        outside = now
    return count


def timeline(scenario: Scenario, plant: Plant, *, load_start_s: float, run_s: float | None) -> dict[str, Any]:
    """The head-end's time line, from the scenario's upstream."""
    upstream = scenario.upstream
    entries: list[dict[str, Any]] = [
        {"kind": "reg", "id": f"reg{at}", "at_s": window.start_s, "for_s": _length(window.start_s, window.end_s)}
        for at, window in enumerate(upstream.windows(run_s))
    ]
    entries += [
        {"kind": e.service, "id": e.id, "at_s": e.start_s, "for_s": e.for_s, "shed_w": e.shed_w, "notice_s": e.notice_s}
        for e in upstream.events
    ]
    regulation = upstream.regulation
    declared = plant.declared_basepoints(upstream.declared_blocks)
    made: dict[str, Any] = {
        "entries": entries,
        "meter": f"{scenario.plant.meter.device}/power.active",
        "history": {"file": "history.csv", "start_s": load_start_s},
        "declared": [
            {"start_s": at * BLOCK_S, "end_s": (at + 1) * BLOCK_S, "basepoint_w": watts}
            for at, watts in enumerate(declared)
        ],
    }
    if run_s is None:
        made["repeat_s"] = upstream.repeat_s
    if regulation is not None:
        made["capacity_w"] = regulation.capacity_w
        made["signal"] = {
            "file": str(regulation.signal),
            "start_s": regulation.signal_start_s,
            "delay_s": list(regulation.delay_s),
        }
    return made


def like_today(start_s: float, weekday: int) -> float:
    """The load's start moved within its week (the file begins on a Sunday) to the weekday it is today at the site.

    So the history's working days are working days of the calendar the gateway looks at.
    """
    day = int(start_s // DAY_S)
    its_weekday = (day + 6) % 7
    return start_s + (weekday - its_weekday) * DAY_S


def _length(start_s: float, end_s: float | None) -> float | None:
    return None if end_s is None else end_s - start_s


def _clear(folder: Path) -> None:
    """Away with the records of an earlier run, so that no report is made from two."""
    folder.mkdir(parents=True, exist_ok=True)
    for pattern in RECORDS:
        for old in folder.glob(pattern):
            old.unlink()


def _connect(site_file: Path, port: str) -> None:
    """Point the site's link at the head-end's broker."""
    site_file.write_text(site_file.read_text().replace("127.0.0.1:1883", f"127.0.0.1:{port}"))


def _fresh(state: Path) -> Path:
    """An empty state directory; an older run's is put aside by name."""
    if state.exists():
        number = 1
        while (aside := state.with_name(f"{state.name}.{number}")).exists():
            number += 1
        state.rename(aside)
    state.mkdir(parents=True)
    return state


async def _spawn(demo: Demo, name: str, module: str, *arguments: str) -> Part:
    log = demo.folder / f"{name}.log"
    with log.open("ab") as file:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", module, *arguments, stdout=asyncio.subprocess.PIPE, stderr=file,
            preexec_fn=_with_parent,
        )  # fmt: skip
    part = Part(name, process, log)
    demo.parts.append(part)
    return part


_PRCTL = getattr(ctypes.CDLL(None), "prctl", None)
_PR_SET_PDEATHSIG = 1


def _with_parent() -> None:
    """In a child, before its program: end when the demo ends, however it ends (Linux; prctl(2))."""
    if _PRCTL is not None:
        _PRCTL(_PR_SET_PDEATHSIG, signal.SIGTERM)


async def _next_line(part: Part) -> str:
    assert part.process.stdout is not None
    try:
        async with asyncio.timeout(START_S):
            line = await part.process.stdout.readline()
    except TimeoutError as exc:
        raise DemoFailed(f"{part.name} said nothing for {START_S:.0f} s; see {part.log}") from exc
    if not line:
        raise DemoFailed(f"{part.name} did not start; see {part.log}:\n{tail(part.log)}")
    return line.decode().strip()


def tail(log: Path, lines: int = 8) -> str:
    """The end of a log."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])


def last_row(trace: Path, columns: Sequence[str], row: Mapping[str, str]) -> tuple[Sequence[str], dict[str, str]]:
    """The newest whole row of a growing trace; empty cells keep what they had."""
    try:
        with trace.open("rb") as file:
            if not columns:
                columns = file.readline().decode().strip().split(",")
            file.seek(0, 2)
            size = file.tell()
            file.seek(max(0, size - 20_000))
            text = file.read().decode(errors="replace")
    except FileNotFoundError:
        return columns, dict(row)
    merged = dict(row)
    for line in text.split("\n")[1:-1]:
        cells = line.split(",")
        if len(cells) == len(columns):
            for name, cell in zip(columns, cells, strict=True):
                if cell or "." not in name:
                    merged[name] = cell
    return columns, merged
