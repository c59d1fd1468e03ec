"""The universal checks U1 … U9 as functions: device ledgers, the head-end's sink and the decision log against each other.

Each raises AssertionError. U6 is checked by the rig when a gateway ends.
"""

import asyncio
import itertools
import math
import sqlite3
import sys
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gateway.demo import taken_samples
from gateway.store.audit import verify
from tests.scenarios.headend import HeadEnd
from tests.scenarios.house import ALLOWED, House
from tests.scenarios.rig import PERIOD_S, POLL_S, STALE_S, Bench

Stall = tuple[float, float]


@dataclass
class Canary:
    """What an idle process on the same machine saw; nobody is blamed for that."""

    stalls: list[Stall] = field(default_factory=list)

    def excuses(self, from_s: float, to_s: float) -> bool:
        """Whether the machine itself stood still somewhere in this time."""
        return any(began_s < to_s and end_s > from_s for began_s, end_s in self.stalls)


@asynccontextmanager
async def watched() -> AsyncIterator[Canary]:
    """A canary for the time of the block."""
    canary = Canary()
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(Path(__file__).with_name("canary.py")), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    reading = asyncio.create_task(_read(process.stdout, canary), name="canary")
    try:
        yield canary
    finally:
        process.kill()
        await process.wait()
        await reading


async def _read(stream: asyncio.StreamReader, canary: Canary) -> None:
    async for line in stream:
        began_s, end_s = line.split()
        canary.stalls.append((float(began_s), float(end_s)))


def u1_ledger(vpp: HeadEnd, state: Path) -> None:
    """Every number the outbox gave away is in the sink once or explained; after an orderly stop."""
    summary = vpp.sink.summary()
    assert summary["unexplained"] == 0
    assert summary["dropped_by_policy"] == 0
    assert sum(epoch["contiguous"] for epoch in summary["epochs"]) == taken_samples(state / "outbox" / "outbox.sqlite")
    numbers = Counter((epoch, seq) for epoch, seq, *_ in vpp.samples)
    assert max(numbers.values(), default=1) == 1
    assert integrity(state / "outbox" / "outbox.sqlite") == "ok"


def integrity(file: Path) -> str:
    """What SQLite thinks of a database file."""
    with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as database:
        return str(database.execute("PRAGMA integrity_check").fetchone()[0])


def u2_writes(house: House) -> None:
    """Nothing was written but what may be, and nothing outside its limits."""
    assert [one for one in house.asked if one.writes and not one.note.startswith("applied")] == []
    for one in house.applied:
        assert (one.device, one.quantity) in ALLOWED, one
        least, most = ALLOWED[one.device, one.quantity]
        assert least <= one.value <= most, one


def u3_isolation(house: House, others: Iterable[str], *, during: tuple[float, float], canary: Canary) -> None:
    """The other devices were polled as ever."""
    for device in others:
        polls = [one.at_s for one in house.asked if one.device == device and not one.writes]
        polls = [at_s for at_s in _fast(polls) if during[0] <= at_s <= during[1]]
        gaps = [b - a for a, b in itertools.pairwise(polls) if not canary.excuses(a, b)]
        assert len(gaps) >= 5, f"{device} was hardly polled"
        assert percentile(gaps, 0.99) <= max(1.2 * POLL_S, POLL_S + 0.05), device
        assert max(gaps) <= 2 * POLL_S, device


def _fast(polls: Sequence[float]) -> list[float]:
    """One time a pass: requests of one turn follow each other at once."""
    found: list[float] = []
    for at_s in polls:
        if not found or at_s - found[-1] > POLL_S / 4:
            found.append(at_s)
    return found


def u4_control(log: Sequence[dict[str, Any]], *, canary: Canary, period_s: float = PERIOD_S) -> None:
    """Control kept its time; steps between ticks only make gaps shorter. The fifth of T_c (50 ms) is not compressed."""
    times = [line["t_s"] for line in log]
    gaps = [b - a for a, b in itertools.pairwise(times) if not canary.excuses(a, b)]
    assert len(gaps) >= 10
    p99_s = percentile(gaps, 0.99)
    assert p99_s <= max(1.2 * period_s, period_s + 0.05)
    assert max(gaps) < 3 * period_s, "two ticks in a row were missed"


def u5_freshness(log: Iterable[dict[str, Any]], *, stale_s: float = STALE_S) -> None:
    """Control used the meter, the battery's charge and the power of its assets only while good and young."""
    readings: dict[str, list[Any]] = {}

    def good(point: str, at_s: float) -> bool:
        value, quality, _, measured_s = readings[point]
        return bool(quality == 0 and value is not None and at_s - measured_s <= stale_s)

    for line in log:
        readings |= line["in"]["readings"]
        now_s, out = line["t_s"], line["out"]
        assert out["site_w"] is None or good("pcc/power.active", now_s), line
        for device, control, value, *_ in out.get("commands", ()):
            if control == "battery.power.setpoint" and value not in (0.0, None):
                assert good("battery/battery.soc", now_s), line
                assert good("battery/battery.power", now_s), line
            if control == "light.level.setpoint":
                assert value is None or good(f"{device}/light.power", now_s), line


def u7_alarms(
    vpp: HeadEnd, *, once: Iterable[str] = (), lines: Iterable[dict[str, Any]] = (), run_s: float = 60
) -> None:
    """Every cause is raised and cleared in turn, the named ones exactly once; no log line repeats all the time."""
    told: dict[str, list[bool]] = defaultdict(list)
    for alarm in vpp.of("alarm"):
        told[alarm["key"]].append(alarm["raised"])
    for key, turns in told.items():
        assert turns == [at % 2 == 0 for at in range(len(turns))], (key, turns)
    for key in once:
        assert told[key] == [True, False], (key, told[key])
    said = Counter((line["event"], line.get("key"), line.get("device"), line.get("edge")) for line in lines)
    for cause, count in said.items():
        assert count <= 10 * max(1.0, run_s / 60.0), (cause, count)


def u9_audit(state: Path) -> None:
    """The audit chain verifies."""
    assert verify(state / "audit") is None


def usual(rig: Bench, *, canary: Canary | None = None) -> None:
    """What holds at the end of every test whose gateway stopped in order."""
    u1_ledger(rig.vpp, rig.state)
    u2_writes(rig.house)
    u5_freshness(rig.log())
    u7_alarms(rig.vpp)
    u9_audit(rig.state)
    if canary is not None:
        u4_control(rig.log(), canary=canary)


def percentile(values: Iterable[float], part: float) -> float:
    """The value below which so much of them lies; of few values the largest but the rounding."""
    ordered = sorted(values)
    return ordered[math.floor(part * (len(ordered) - 1))]
