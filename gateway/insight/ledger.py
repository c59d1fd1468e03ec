"""What the others of a run wrote down: the events they asked for, and what each process counted.

A run's folder may hold `events.json`, a list of `{id, service, start_s, for_s, shed_w}`; `run.json`, how it was made (`Run`);
`headend.json`, the head-end's summary; and one `<who>.ledger.json` for any other process that counted (`Ledger`). Each
figure stands in one place only, and a figure in none is null in the report.
"""

from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from gateway.errors import ConfigError, Problem
from gateway.insight.events import Event
from gateway.insight.trace import read

T = TypeVar("T")
Number = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0)]


class Form(BaseModel):
    """Unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class EventForm(Form):
    """One event as it was asked for."""

    id: str
    service: Literal["dr", "ar"]
    start_s: Number
    for_s: Positive
    shed_w: Positive

    def event(self) -> Event:
        """The same, as the scores take it."""
        return Event(self.id, self.service, self.start_s, self.for_s, self.shed_w)


class Run(Form):
    """How the run was made, and the limits of its site: import and export, both as positive watts."""

    seed: int | None = None
    tick_s: Positive = 0.25
    steps: Count | None = None
    max_import_w: Number | None = None
    max_export_w: Number | None = None


class Ledger(Form):
    """What one process counted. Samples: taken into an outbox; at the sink, each id once; lost on the way, as far as the
    sink can see it; extra: at the sink without ever having been taken.
    """

    taken: Count | None = None
    at_sink: Count | None = None
    lost: Count | None = None
    extra: Count | None = None
    limit_violations: Count | None = None
    latency_ms: list[Number] | None = None
    jitter_ms: list[Number] | None = None


class Telemetry(BaseModel):
    """What the report takes from the head-end's store."""

    samples: Count
    unexplained: Count
    dropped_by_policy: Count


class HeadEnd(BaseModel):
    """What the report takes from the head-end's summary."""

    telemetry: Telemetry

    def ledger(self) -> Ledger:
        """The same as a ledger; what was dropped by policy is lost as well."""
        stored = self.telemetry
        return Ledger(at_sink=stored.samples, lost=stored.unexplained + stored.dropped_by_policy)


def parse(text: str, file: str, of: TypeAdapter[T]) -> T:
    """JSON against its form; ConfigError with every problem."""
    try:
        return of.validate_json(text)
    except ValidationError as exc:
        problems = [
            Problem(file, 1, 1, ".".join(map(str, error["loc"])), error["type"], error["msg"]) for error in exc.errors()
        ]
        raise ConfigError(problems) from exc


def read_events(folder: Path) -> list[Event]:
    """events.json, oldest first; none when there is no such file. ConfigError."""
    file = folder / "events.json"
    forms = parse(read(file), str(file), TypeAdapter(list[EventForm])) if file.exists() else []
    return sorted((form.event() for form in forms), key=lambda event: event.start_s)


def read_run(folder: Path) -> Run:
    """run.json. ConfigError."""
    file = folder / "run.json"
    return parse(read(file), str(file), TypeAdapter(Run)) if file.exists() else Run()


def read_ledgers(folder: Path) -> Ledger:
    """Every ledger of the folder as one; ConfigError also when two of them claim the same figure."""
    ledgers = {file: parse(read(file), str(file), TypeAdapter(Ledger)) for file in sorted(folder.glob("*.ledger.json"))}
    if (file := folder / "headend.json").exists():
        ledgers[file] = parse(read(file), str(file), TypeAdapter(HeadEnd)).ledger()
    merged: dict[str, object] = {}
    problems = []
    for file, ledger in ledgers.items():
        for key, value in ledger.model_dump(exclude_none=True).items():
            if key in merged:
                problems.append(
                    Problem(str(file), 1, 1, key, "duplicate", "another ledger of this folder counts it too")
                )
            merged[key] = value
    if problems:
        raise ConfigError(problems)
    return Ledger.model_validate(merged)
