"""The keeper: what must be on the disk before it is told, in the order in which control decided it.

Accepted events, limits and cancellations, the plan and the mode are saved (state file, audit chain) before the upstream
hears of them; a setpoint's answers are not kept waiting. The disk is worked by one thread; control never waits
for it. While the disk refuses, answers wait here, bounded, and an alarm says so.
"""

import asyncio
import gzip
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from itertools import groupby
from pathlib import Path

from gateway import statefile
from gateway.clock import Clock
from gateway.control.decision import Decision, Inputs
from gateway.control.state import ControlState
from gateway.errors import StoreError
from gateway.history import NAME as QUARTERS
from gateway.log import get_logger
from gateway.model.command import Alarm
from gateway.model.plan import Plan
from gateway.model.request import Kind, Request, Result, Service, Source, Verdict
from gateway.store.audit import Audit
from gateway.wire.command import Refusal
from gateway.wire.messages import Status

log = get_logger("keeper")

SAVE_S = 10.0
"""The state is saved at least this often."""
WRITE_S = 1.0
RETRY_S = 1.0
MOST_WAITING = 2000
PIECE_BYTES = 4 * 2**20
"""A piece of the decision log, before it is compressed."""

FIRST_ANSWERS = frozenset({Result.ACCEPTED, Result.REFUSED})
ASKED = (
    "service", "kind", "target", "begin_ms", "end_ms",
    "signal", "power_w", "shed_w", "max_import_w", "max_export_w", "withdraws", "ref", "replaces",
)  # fmt: skip
"""Of a request, in the record of its first answer."""

Message = Verdict | Status | Plan | Alarm
Tell = Callable[[Message], None]


@dataclass(slots=True)
class _Word:
    """Something to keep, then to tell."""

    kind: str
    message: Message | dict[str, object]
    """A dict is only for the chain."""
    kept: asyncio.Future[None] | None = None
    """Done when it is on the disk."""
    chained: bool = False
    """In the audit chain already: a disk that refuses later is tried again without it."""
    asked: dict[str, object] = field(default_factory=dict)
    """For the chain: what a first answer was an answer to."""


class Keeper:
    """One per gateway; `hear` is called by every step, `run` is its task."""

    def __init__(
        self, folder: Path, clock: Clock, *, tell: Tell, boot: str, decision_log_mb: float = 200.0, seal: str = "sha256"
    ) -> None:
        self._folder = folder
        self._clock = clock
        self._tell = tell
        self._boot = boot
        self._most_bytes = decision_log_mb * 1e6
        self._audit = Audit(folder / "audit", clock, seal=seal)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="keeper")
        self._due = asyncio.Event()
        self._words: deque[_Word] = deque(maxlen=MOST_WAITING)
        self._lines: list[str] = []
        self._quarters: list[str] = []
        self._state: ControlState | None = None
        self._saved_s = clock.boot_s()
        self._pressing = False
        """Devices have what only the state tells how to take back."""
        self._piece: Path | None = None
        self.failing = False
        """The disk refuses; nothing that waits has been told."""

    def record(self, kind: str, data: dict[str, object]) -> None:
        """Put something into the audit chain now; at the start, before the keeper's thread works."""
        self._audit.append(kind, data)

    async def kept(self, kind: str, data: dict[str, object]) -> None:
        """Put something into the chain; returns when it is on the disk."""
        future = asyncio.get_running_loop().create_future()
        self._words.append(_Word(kind, data, future))
        self._due.set()
        await future

    def note(self, kind: str, data: dict[str, object]) -> None:
        """Put something into the chain with the next write; nobody waits for it."""
        self._keep(kind, data)

    def last(self, kind: str, data: dict[str, object]) -> None:
        """What `close` shall put at the end of the chain."""
        self._words.append(_Word(kind, data))

    def refused(self, refusal: Refusal) -> None:
        """A message that was no command: into the chain, nothing to tell."""
        self._words.append(_Word("refusal", {"id": refusal.id, "reason": refusal.reason, "text": refusal.text[:200]}))
        self._due.set()

    def hear(self, before: ControlState, inputs: Inputs, decision: Decision, after: ControlState) -> None:
        """Take over what a step decided."""
        self._state = after
        if decision.verdicts:
            requests = _requests(before, inputs)
            for verdict in decision.verdicts:
                request = requests.get((verdict.issuer, verdict.id))
                if _is_setpoint(request):
                    self._tell(verdict)
                    if request is not None and request.service is not Service.REG:
                        self._keep("verdict", asdict(verdict) | _asked(request, verdict))
                else:
                    self._keep("verdict", verdict, _asked(request, verdict))
        for alarm in decision.alarms:
            self._keep("alarm", alarm)
        if decision.plan is not None:
            self._keep("plan", decision.plan)
        if _given(before) != _given(after):
            self._pressing = True
            self._due.set()
        if decision.mode is not before.mode.mode:
            self._keep("mode", Status(True, decision.mode, decision.cause, decision.utc_ms))

    def alarm(self, alarm: Alarm) -> None:
        """An alarm of an edge."""
        self._keep("alarm", alarm)

    def line(self, text: str) -> None:
        """A line of the decision log."""
        self._lines.append(text)

    def part(self) -> None:
        """The lines from here on belong to another site: they go into a piece of their own."""
        self._lines.append("")

    def quarter(self, slot_ms: int, watts: float) -> None:
        """A measured quarter hour."""
        self._quarters.append(f"{slot_ms},{watts:.1f}\n")

    async def run(self) -> None:
        """Keep and tell until cancelled."""
        while True:
            try:
                async with asyncio.timeout(WRITE_S):
                    await self._due.wait()
            except TimeoutError:
                pass
            self._due.clear()
            await self.flush()
            if self.failing:
                await asyncio.sleep(RETRY_S)

    async def flush(self, *, final: bool = False) -> None:
        """Everything that waits to the disk, then told."""
        words, lines, quarters = list(self._words), self._lines, self._quarters
        self._lines, self._quarters = [], []
        now_s = self._clock.boot_s()
        due = bool(words) or final or self._pressing or now_s - self._saved_s >= SAVE_S
        self._pressing = False
        state = self._state if due else None
        if not (words or lines or quarters or state):
            return
        try:
            await asyncio.get_running_loop().run_in_executor(
                self._thread, self._store, words, lines, quarters, state, now_s
            )
        except (StoreError, OSError) as exc:
            self._quarters = quarters + self._quarters
            if not self.failing:
                self.failing = True
                log.warning("disk_refuses", error=str(exc))
                self._tell(
                    Alarm(
                        "disk_refuses:state",
                        raised=True,
                        at_ms=self._clock.utc_ms(),
                        detail=exc.said if isinstance(exc, StoreError) else str(exc),
                    )
                )
            return
        if self.failing:
            self.failing = False
            log.info("disk_back")
            self._tell(Alarm("disk_refuses:state", raised=False, at_ms=self._clock.utc_ms()))
        if state is not None:
            self._saved_s = now_s
        for word in words:
            if self._words and self._words[0] is word:
                self._words.popleft()
            if not isinstance(word.message, dict):
                self._tell(word.message)
            if word.kept is not None and not word.kept.done():
                word.kept.set_result(None)

    async def close(self) -> None:
        """The last of everything, and the files closed."""
        await self.flush(final=True)
        try:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._audit.close)
        except OSError:
            log.exception("audit_not_closed")
        self._thread.shutdown()

    def _keep(self, kind: str, message: Message | dict[str, object], asked: dict[str, object] | None = None) -> None:
        self._words.append(_Word(kind, message, asked=asked or {}))
        self._due.set()

    def _store(
        self, words: list[_Word], lines: list[str], quarters: list[str], state: ControlState | None, now_s: float
    ) -> None:
        if state is not None:
            statefile.save(self._folder, state, boot=self._boot, now_s=now_s, utc_ms=self._clock.utc_ms())
        due = [word for word in words if word.kind != "plan" and not word.chained]
        for word in due:
            data = word.message if isinstance(word.message, dict) else asdict(word.message) | word.asked
            self._audit.append(word.kind, data, durable=word is due[-1])
            word.chained = True
        if quarters:
            with (self._folder / QUARTERS).open("a", encoding="ascii") as file:
                file.write("".join(quarters))
        for are_lines, some in groupby(lines, key=bool):
            if are_lines:
                self._write_lines(list(some))
            elif self._piece is not None:
                _compress(self._piece)
                self._piece = None

    def _write_lines(self, lines: list[str]) -> None:
        folder = self._folder / "decisions"
        folder.mkdir(exist_ok=True)
        if self._piece is None or self._piece.stat().st_size > PIECE_BYTES:
            if self._piece is not None:
                _compress(self._piece)
            self._piece = folder / f"decisions-{self._clock.utc_ms()}.jsonl"
            _drop_oldest(folder, self._most_bytes)
        with self._piece.open("a", encoding="utf-8") as file:
            file.writelines(line + "\n" for line in lines)


def _requests(before: ControlState, inputs: Inputs) -> dict[tuple[str, str], Request]:
    found = {(held.request.issuer, held.request.id): held.request for held in before.book.entries}
    for arrival in inputs.arrivals:
        if arrival.request is not None:
            found[arrival.request.issuer, arrival.request.id] = arrival.request
    return found


def _given(state: ControlState) -> list[dict[str, float]]:
    """The set-points rooms have of us; a thermostat keeps them when this machine loses its power."""
    return [own.rooms.given_c for own in state.assets.values() if own.rooms is not None]


def _asked(request: Request | None, verdict: Verdict) -> dict[str, object]:
    """What was asked, for the record of the first answer to it; what was not given is left out."""
    if request is None or verdict.result not in FIRST_ANSWERS:
        return {}
    return {name: value for name in ASKED if (value := getattr(request, name)) is not None}


def _is_setpoint(request: Request | None) -> bool:
    """A setpoint is over before it could be restored: its answers need not wait for the disk (T_commit)."""
    return request is not None and request.kind is Kind.SETPOINT and request.source is Source.REMOTE


def _compress(piece: Path) -> None:
    with gzip.open(piece.with_suffix(".jsonl.gz"), "wb") as file:
        file.write(piece.read_bytes())
    piece.unlink()


def _drop_oldest(folder: Path, most_bytes: float) -> None:
    pieces = sorted(folder.glob("decisions-*"))
    total = sum(piece.stat().st_size for piece in pieces)
    while pieces and total > most_bytes:
        total -= pieces[0].stat().st_size
        pieces.pop(0).unlink()
