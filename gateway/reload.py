"""Reload: a running gateway takes another configuration over, device by device, or goes back to the one it had.

The order: read and rehearse (nothing is touched) · give back what is no longer ours and wait until the devices have it ·
let the touched devices go · between two steps hand every part the new site · open the new lines · wait for the devices
that were touched to answer. If one does not, the same again backwards. Only then is it kept for the next start.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from gateway import applied
from gateway.clock import Clock
from gateway.config.changes import Change, line_of
from gateway.config.difference import Difference, difference
from gateway.config.read import Configured
from gateway.edges import run_once
from gateway.errors import ConfigError, GatewayError, Problem, StoreError
from gateway.log import get_logger
from gateway.model.command import Alarm
from gateway.tasks import ended
from gateway.texts import english, listed, say
from gateway.yamltext import read_text

log = get_logger("reload")

RETURN_S = 15.0
"""How long a touched device may take to answer before the former configuration is taken back."""
LOOK_S = 0.05
RECORD_S = 3.0
"""How long the audit chain is waited for."""
NOT_USED = "site_file_not_used:site"

Record = Callable[[str, dict[str, object]], Awaitable[None]]


class Running(Protocol):
    """The running gateway, as a reload needs it."""

    async def turn(self, now: Configured, then: Configured, changed: Difference) -> None:
        """Take `then` over from `now`; nothing else is touched than what changed."""
        ...

    def keep(self, then: Configured) -> None:
        """What runs stays: nothing goes back behind it."""
        ...

    def silent(self, devices: frozenset[str]) -> Mapping[str, str]:
        """Those of the devices that have not answered since they were touched, and what came instead."""
        ...

    def online(self, device: str) -> bool:
        """Whether a device is in use."""
        ...


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a configuration: applied, unchanged, refused or rolled_back, and why."""

    result: str
    reason: str = ""
    problems: tuple[Problem, ...] = ()


class Reload:
    """One per gateway; `answer` is asked over the local socket."""

    def __init__(
        self,
        configured: Configured,
        file: Path,
        running: Running,
        clock: Clock,
        *,
        folder: Path,
        record: Record,
        on_alarm: Callable[[Alarm], None],
        return_s: float = RETURN_S,
    ) -> None:
        """`file` is the site file the gateway runs with, `folder` its state directory."""
        self.now = configured
        self._own, self._running, self._clock, self._folder, self._record = file, running, clock, folder, record
        self._on_alarm, self._return_s = on_alarm, return_s
        self._warned = False
        self._group: asyncio.TaskGroup | None = None
        self._task: asyncio.Task[None] | None = None
        self._stage = ""
        self._outcome: Outcome | None = None

    async def begin(self, group: asyncio.TaskGroup, *, not_used: str = "") -> None:
        """From now on configurations are applied in this group. What runs is what was applied last.

        `not_used`: why the site file is not what runs.
        """
        self._group = group
        if not_used:
            self._warn(not_used)
        else:
            await asyncio.to_thread(self._save, self.now, self._own)

    async def end(self) -> None:
        """The gateway stops: what is under way stays half done, and is not kept."""
        if self._task is not None:
            await ended(self._task)

    async def answer(self, asked: Mapping[str, Any], user: int) -> dict[str, Any] | None:
        """`{do: compare, file, sha256}`, `{do: apply, file, sha256, keep}`, `{do: applying}`; None: for somebody else."""
        match asked:
            case {"do": "compare", "file": str(file), "sha256": str(sha256), **rest} if not rest:
                return await self._compare(Path(file), sha256)
            case {"do": "apply", "file": str(file), "sha256": str(sha256), "keep": bool(keep), **rest} if not rest:
                begun = self.start(Path(file), who=user, sha256=sha256, keep=keep)
                return {"begun": True} if begun else {"error": "busy", "text": say("refused.applying")}
            case {"do": "applying", **rest} if not rest:
                return {"stage": self._stage, "outcome": None if self._outcome is None else _plain(self._outcome)}
        return None

    def again(self) -> None:
        """Apply the gateway's own site file as it is now (SIGHUP)."""
        self.start(self._own, who="signal")

    def start(self, file: Path, *, who: int | str, sha256: str = "", keep: bool = False) -> bool:
        """Begin to apply a file; `sha256`: what its reader saw, '' whatever is in it. False: one is being applied."""
        if self._group is None or (self._task is not None and not self._task.done()):
            return False
        self._stage, self._outcome = "reading", None

        async def work() -> None:
            try:
                await self._apply(file, who=who, sha256=sha256, keep=keep)
            finally:
                self._stage, self._outcome = "", self._outcome or Outcome("failed", say("refused.apply_failed"))

        once = run_once("reload", work, self._clock, on_alarm=self._on_alarm)
        self._task = self._group.create_task(once, name="reload")
        return True

    async def _compare(self, file: Path, sha256: str) -> dict[str, Any]:
        try:
            then = await asyncio.to_thread(_read, file, sha256)
        except ConfigError as exc:
            return {"error": "bad_configuration", "text": str(exc)}
        return {"changes": [asdict(change) for change in difference(self.now, then).changes]}

    async def _apply(self, file: Path, *, who: int | str, sha256: str, keep: bool) -> None:
        told: dict[str, object] = {"file": str(file), "user": who}
        try:
            then = await asyncio.to_thread(_like, await asyncio.to_thread(_read, file, sha256), self.now)
            changed = await asyncio.to_thread(difference, self.now, then)
            lines = await asyncio.to_thread(_said, changed.changes)
            told |= {"sha256": applied.digest(then.raw), "changes": lines}
            outcome = self._refused(changed)
            if outcome is None:
                await self._tell({**told, "result": "begun"})
                outcome = await self._taken(then, changed, file, keep=keep)
        except ConfigError as exc:
            outcome = Outcome("refused", "bad_configuration", tuple(exc.problems))
        except StoreError as exc:
            outcome = Outcome("applied", say("refused.until_start", why=exc.said))
        except GatewayError as exc:
            outcome = Outcome("refused", exc.said)
        why = "; ".join([outcome.reason, *map(str, outcome.problems)]).strip("; ")
        log.info("configuration", result=outcome.result, file=str(file), error=why)
        self._stage = "recording"
        await self._tell({**told, "result": outcome.result, "reason": why})
        self._outcome = outcome

    def _refused(self, changed: Difference) -> Outcome | None:
        if not changed.for_restart:
            return None
        named = listed((line_of(change, say) for change in changed.for_restart), "word.semicolon")
        return Outcome("refused", say("refused.for_restart", changes=named))

    async def _tell(self, data: dict[str, object]) -> None:
        """Into the audit chain; a disk that refuses has it later, and holds nothing up."""
        try:
            async with asyncio.timeout(RECORD_S):
                await self._record("configuration", data)
        except TimeoutError:
            log.warning("not_recorded_yet", within_s=RECORD_S)

    async def _taken(self, then: Configured, changed: Difference, file: Path, *, keep: bool) -> Outcome:
        former = self.now
        if not changed.touches_nothing:
            waited = self._waited(former, then, changed)
            self._stage = "changing"
            await self._turn(former, then, changed)
            self._stage = "waiting"
            silent = await self._silent(waited)
            if silent and not keep:
                self._stage = "going_back"
                await self._turn(then, former, await asyncio.to_thread(difference, then, former))
                self._running.keep(former)
                return Outcome("rolled_back", "no_answer", tuple(_problems(then, file, silent, self._return_s)))
        self.now = then
        self._running.keep(then)
        self._warn("")
        await asyncio.to_thread(self._save, then, file)
        return Outcome("applied" if changed.changes else "unchanged")

    async def _turn(self, now: Configured, then: Configured, changed: Difference) -> None:
        await self._running.turn(now, then, changed)
        self.now = then

    def _waited(self, now: Configured, then: Configured, changed: Difference) -> frozenset[str]:
        """The devices that must answer: new ones, those elsewhere, and the others that were touched and answered before."""
        return frozenset(
            name
            for name, device in then.site.devices.items()
            if (name in changed.devices or device.connection in changed.lines)
            and (name not in now.site.devices or name in changed.moved or self._running.online(name))
            and not then.profiles[device.profile].sleeps
        )

    async def _silent(self, devices: frozenset[str]) -> Mapping[str, str]:
        end_s = self._clock.boot_s() + self._return_s
        while (silent := self._running.silent(devices)) and self._clock.boot_s() < end_s:  # noqa: ASYNC110 - of lines
            await asyncio.sleep(LOOK_S)
        return silent

    def _warn(self, why: str) -> None:
        """Tell that the site file is not what runs; '' takes it back."""
        if bool(why) != self._warned:
            self._warned = bool(why)
            log.warning("site_file_not_used", error=why)
            self._on_alarm(Alarm(NOT_USED, raised=self._warned, at_ms=self._clock.utc_ms(), detail=why))

    def _save(self, configured: Configured, file: Path) -> None:
        applied.save(self._folder, configured, file, own=self._own, utc_ms=self._clock.utc_ms())


def _read(file: Path, sha256: str) -> Configured:
    raw = applied.bytes_of(file)
    if sha256 and applied.digest(raw) != sha256:
        raise ConfigError([Problem(str(file), 1, 1, "(file)", "changed", say("problem.changed"), say("remedy.again"))])
    return applied.read(file, raw)


def _like(then: Configured, now: Configured) -> Configured:
    """With the profiles that are in use, where they are the same: what was made of them serves again."""
    known = {name: now.profiles[name] for name, one in then.profiles.items() if now.profiles.get(name) == one}
    return replace(then, profiles={**then.profiles, **known})


def _said(changes: Iterable[Change]) -> list[str]:
    return [line_of(change, english) for change in changes]


def _problems(then: Configured, file: Path, silent: Mapping[str, str], within_s: float) -> list[Problem]:
    document = read_text(then.raw, str(file))
    remedy = say("remedy.no_answer")
    return [
        document.key_problem(
            ("devices", name), "no_answer", say("problem.no_answer", within=within_s, came=came), remedy=remedy
        )
        for name, came in silent.items()
    ]


def _plain(outcome: Outcome) -> dict[str, Any]:
    return {"result": outcome.result, "reason": outcome.reason, "problems": list(map(_line, outcome.problems))}


def _line(problem: Problem) -> str:
    """`str(problem)`, as a text that can be told in the language of who asked."""
    place = f"{problem.file}:{problem.line}:{problem.column}"
    said = {"place": place, "key": problem.key, "message": problem.message}
    return say("word.problem", **said, remedy=problem.remedy) if problem.remedy else say("word.problem_alone", **said)
