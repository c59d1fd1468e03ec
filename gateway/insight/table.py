"""CSV -> columns of numbers and words, strictly: every problem at once with its file, line and column."""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from gateway.errors import ConfigError, Problem
from gateway.insight.held import Floats, Held

MOST_PROBLEMS = 20


@dataclass(frozen=True, slots=True)
class Table:
    """A file's columns; empty number cells are NaN, times never fall, the last row holds as long as the one before it."""

    file: str
    t_s: Floats
    end_s: float
    numbers: Mapping[str, Floats]
    words: Mapping[str, Sequence[str]]

    def held(self, name: str, *, until_s: float | None = None) -> Held:
        """A column as a step function; a column the file lacks has no value anywhere."""
        value = self.numbers.get(name, np.full(self.t_s.size, np.nan))
        return Held(self.t_s, value, self.end_s if until_s is None else until_s)

    def has(self, name: str) -> bool:
        """Whether the column holds any number."""
        return bool(np.isfinite(self.numbers.get(name, np.empty(0))).any())


def number(cell: str) -> float:
    """A finite decimal number, NaN for an empty cell; ValueError for anything else."""
    if not cell:
        return np.nan
    value = float(cell)
    if not np.isfinite(value) or "_" in cell:
        raise ValueError(cell)
    return value


def parse_table(
    text: str, file: str, *, required: Sequence[str], is_word: Callable[[str], bool], is_known: Callable[[str], bool]
) -> Table:
    """Columns by header name; ConfigError with every problem (the first 20)."""
    rows = list(csv.reader(io.StringIO(text)))
    header = rows[0] if rows else []
    problems = header_problems(header, file, required=required, is_known=is_known)
    body = [(line, row) for line, row in enumerate(rows[1:], start=2) if row]
    if not body:
        problems.append(Problem(file, 1, 1, "", "empty", "no rows", "write at least one row below the header"))
    for line, row in body:
        if len(row) != len(header):
            problems.append(Problem(file, line, 1, "", "width", f"{len(row)} cells, the header has {len(header)}"))
    if problems:
        raise ConfigError(problems[:MOST_PROBLEMS])
    numbers: dict[str, Floats] = {}
    words: dict[str, Sequence[str]] = {}
    for index, name in enumerate(header):
        cells = [row[index] for _, row in body]
        if is_word(name):
            words[name] = cells
            continue
        try:
            numbers[name] = np.array([number(cell) for cell in cells])
        except ValueError:
            problems += cell_problems(body, index, name, file)
    if problems:
        raise ConfigError(problems[:MOST_PROBLEMS])
    t_s = numbers.pop("t_s")
    lines = [line for line, _ in body]
    if problems := time_problems(t_s, lines, file):
        raise ConfigError(problems[:MOST_PROBLEMS])
    return Table(file, t_s, float(t_s[-1] + (t_s[-1] - t_s[-2] if t_s.size > 1 else 0.0)), numbers, words)


def header_problems(
    header: Sequence[str], file: str, *, required: Sequence[str], is_known: Callable[[str], bool]
) -> list[Problem]:
    """Columns that are missing, twice there, or of no meaning."""
    found = [
        Problem(file, 1, 1, name, "missing", "this column is missing", f"the header needs {','.join(required)}")
        for name in required
        if name not in header
    ]
    for index, name in enumerate(header):
        column = 1 + sum(len(earlier) + 1 for earlier in header[:index])
        if name in header[:index]:
            found.append(Problem(file, 1, column, name, "duplicate", "this column stands here twice"))
        elif not is_known(name):
            found.append(Problem(file, 1, column, name, "unknown", "no such column"))
    return found


def cell_problems(body: Sequence[tuple[int, list[str]]], index: int, name: str, file: str) -> list[Problem]:
    """Every cell of a column that is no number."""
    found = []
    for line, row in body:
        try:
            number(row[index])
        except ValueError:
            column = 1 + sum(len(cell) + 1 for cell in row[:index])
            message, remedy = f"{row[index][:40]!r} is no finite number", "write a decimal number, or nothing"
            found.append(Problem(file, line, column, name, "number", message, remedy))
    return found


def time_problems(t_s: Floats, lines: Sequence[int], file: str) -> list[Problem]:
    """Rows without a time, or with one before that of the row above."""
    missing = [
        Problem(file, lines[row], 1, "t_s", "missing", "this row has no time")
        for row in np.flatnonzero(np.isnan(t_s)).tolist()
    ]
    back: list[int] = (np.flatnonzero(np.diff(t_s) < 0) + 1).tolist()
    return missing + [
        Problem(file, lines[row], 1, "t_s", "order", f"{t_s[row]:g} s comes after {t_s[row - 1]:g} s") for row in back
    ]
