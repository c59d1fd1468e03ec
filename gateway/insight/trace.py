"""The three records of a run: trace.csv of the gateway, headend.csv of the VPP, plant.csv of the settlement meter."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gateway.errors import ConfigError, Problem
from gateway.insight.held import Floats
from gateway.insight.table import Table, parse_table
from gateway.texts import say
from gateway.texts.causes import cause

NUMBERS = ("signal", "capacity_w", "basepoint_w", "target_w", "site_w", "true_site_w", "baseline_w")
WORDS = ("utc", "mode")
ASSET_NUMBERS = ("command_w", "power_w", "headroom_w", "footroom_w")
ASSET_WORDS = ("reason",)
HEADEND = ("t_s", "signal", "basepoint_w", "capacity_w", "baseline_w")
PLANT = ("t_s", "true_site_w")
LAG_S = 2.0
"""How long a value may travel before the trace has to show it: the signal's period."""


def is_word(name: str) -> bool:
    """Columns of a trace that hold no numbers."""
    return name in WORDS or name.rpartition(".")[2] in ASSET_WORDS


def is_known(name: str) -> bool:
    """Columns a trace may have: those of the site, then five for each asset."""
    asset, dot, quantity = name.rpartition(".")
    return quantity in ASSET_NUMBERS + ASSET_WORDS if dot and asset else name in ("t_s", *NUMBERS, *WORDS)


def repeated(column: Floats) -> Floats:
    """A column whose empty cells repeat the row above."""
    rows = np.where(np.isnan(column), 0, np.arange(column.size))
    filled: Floats = column[np.maximum.accumulate(rows)]
    return filled


def parse_trace(text: str, file: str, *, assets: bool = True) -> Table:
    """trace.csv, the columns of its assets only if wanted; their empty cells repeat the row above. ConfigError."""

    def is_wanted(name: str) -> bool:
        return assets or "." not in name

    table = parse_table(text, file, required=("t_s",), is_word=is_word, is_known=is_known, is_wanted=is_wanted)
    numbers = {name: repeated(column) if "." in name else column for name, column in table.numbers.items()}
    return Table(file, table.t_s, table.end_s, numbers, table.words)


def parse_plain(text: str, file: str, columns: tuple[str, ...]) -> Table:
    """A file of exactly these number columns. ConfigError."""
    return parse_table(text, file, required=columns, is_known=columns.__contains__)


def read(path: Path) -> str:
    """The file's text; ConfigError when it is not to be read."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        reason = cause(exc) if isinstance(exc, OSError) else say("word.not_utf8")
        raise ConfigError(
            [Problem(str(path), 1, 1, "", "unreadable", say("problem.unreadable", reason=reason))]
        ) from exc


@dataclass(frozen=True, slots=True)
class Recording:
    """A run as its judges see it; without a head-end or a plant of its own, the trace's columns stand in for them."""

    trace: Table
    headend: Table | None
    plant: Table | None


def read_recording(trace: Path) -> Recording:
    """The trace, and headend.csv and plant.csv where they lie beside it. ConfigError."""
    headend, plant = trace.with_name("headend.csv"), trace.with_name("plant.csv")
    return Recording(
        parse_trace(read(trace), str(trace), assets=False),
        parse_plain(read(headend), str(headend), HEADEND) if headend.exists() else None,
        parse_plain(read(plant), str(plant), PLANT) if plant.exists() else None,
    )


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A row where the trace says something else than the head-end did."""

    t_s: float
    column: str
    trace: float
    headend: float | None


def disagreements(trace: Table, headend: Table) -> list[Disagreement]:
    """Rows whose value the head-end had not declared at any moment of the last `LAG_S`; an empty cell says nothing.

    A baseline is compared within 2 kW: the gateway's is of its meter's quarter hours, the head-end's of its own.
    """
    found = []
    for column, tolerance in (("signal", 1e-6), ("basepoint_w", 1.0), ("capacity_w", 1.0), ("baseline_w", 2_000.0)):
        said = trace.numbers.get(column)
        if said is None:
            continue
        sent = headend.held(column, until_s=np.inf)
        last = np.searchsorted(headend.t_s, trace.t_s, side="right") - 1
        first = np.maximum(np.searchsorted(headend.t_s, trace.t_s - LAG_S, side="right") - 1, 0)
        for row in np.flatnonzero(np.isfinite(said) & ~(np.abs(said - sent.at(trace.t_s)) <= tolerance)):
            recent = sent.value[first[row] : last[row] + 1]
            if column != "signal" and not np.isfinite(recent).any():
                continue  # the head-end declared none; only a signal nobody sent is an invention
            if not (np.abs(recent - said[row]) <= tolerance).any():
                now = float(recent[-1]) if recent.size and np.isfinite(recent[-1]) else None
                found.append(Disagreement(float(trace.t_s[row]), column, float(said[row]), now))
    return sorted(found, key=lambda one: (one.t_s, one.column))
