"""CSV -> columns of numbers and words, strictly: every problem at once with its file, line and column."""

import csv
import io
from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from gateway.errors import ConfigError, Problem
from gateway.insight.held import Floats, Held
from gateway.texts import say

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


class Place(NamedTuple):
    """A line of a file."""

    file: str
    line: int


def number(cell: str) -> float:
    """A finite decimal number, NaN for an empty cell; ValueError for anything else."""
    if not cell:
        return np.nan
    value = float(cell)
    if not np.isfinite(value) or "_" in cell:
        raise ValueError(cell)
    return value


def parse_table(
    text: str,
    file: str,
    *,
    required: Sequence[str],
    is_known: Callable[[str], bool],
    is_word: Callable[[str], bool] = lambda _: False,
    is_wanted: Callable[[str], bool] = lambda _: True,
) -> Table:
    """The wanted columns by header name; ConfigError with every problem (the first 20)."""
    rows = csv.reader(io.StringIO(text))
    header = next(rows, [])
    problems = header_problems(header, file, required=required, is_known=is_known)
    numbers = {name: array("d") for name in header if is_wanted(name) and not is_word(name)}
    words: dict[str, list[str]] = {name: [] for name in header if is_wanted(name) and is_word(name)}
    number_cells = [(header.index(name), name, column) for name, column in numbers.items()]
    word_cells = [(header.index(name), column) for name, column in words.items()]
    lines = array("q")
    for row in filter(None, rows):
        lines.append(rows.line_num)
        if len(row) != len(header):
            message = say("problem.row_width", cells=len(row), header=len(header))
            problems.append(Problem(file, rows.line_num, 1, "", "width", message))
        else:
            problems += take_row(row, number_cells, word_cells, Place(file, rows.line_num))
        if len(problems) >= MOST_PROBLEMS:
            break
    if not lines:
        problems.append(Problem(file, 1, 1, "", "empty", say("problem.no_rows"), say("remedy.write_row")))
    if not problems:
        problems = time_problems(np.array(numbers["t_s"]), lines, file)
    if problems:
        raise ConfigError(problems[:MOST_PROBLEMS])
    t_s = np.array(numbers.pop("t_s"))
    step_s = t_s[-1] - t_s[-2] if t_s.size > 1 else 0.0
    return Table(
        file, t_s, float(t_s[-1] + step_s), {name: np.array(column) for name, column in numbers.items()}, words
    )


def header_problems(
    header: Sequence[str], file: str, *, required: Sequence[str], is_known: Callable[[str], bool]
) -> list[Problem]:
    """Columns that are missing, twice there, or of no meaning."""
    found = [
        Problem(
            file, 1, 1, name, "missing", say("problem.column_missing"), say("remedy.header", columns=",".join(required))
        )
        for name in required
        if name not in header
    ]
    for index, name in enumerate(header):
        column = 1 + sum(len(earlier) + 1 for earlier in header[:index])
        if name in header[:index]:
            found.append(Problem(file, 1, column, name, "duplicate", say("problem.column_twice")))
        elif not is_known(name):
            found.append(Problem(file, 1, column, name, "unknown", say("problem.no_column")))
    return found


def take_row(
    row: Sequence[str],
    number_cells: Sequence[tuple[int, str, "array[float]"]],
    word_cells: Sequence[tuple[int, list[str]]],
    place: Place,
) -> list[Problem]:
    """Append a row's cells to their columns; the cells that are no numbers."""
    problems = []
    for index, name, column in number_cells:
        try:
            column.append(number(row[index]))
        except ValueError:
            at = 1 + sum(len(cell) + 1 for cell in row[:index])
            message, remedy = say("problem.no_finite_number", given=row[index][:40]), say("remedy.decimal")
            problems.append(Problem(place.file, place.line, at, name, "number", message, remedy))
    for index, texts in word_cells:
        texts.append(row[index])
    return problems


def time_problems(t_s: Floats, lines: Sequence[int], file: str) -> list[Problem]:
    """Rows without a time, or with one before that of the row above."""
    missing = [
        Problem(file, lines[row], 1, "t_s", "missing", say("problem.no_time"))
        for row in np.flatnonzero(np.isnan(t_s)).tolist()
    ]
    back: list[int] = (np.flatnonzero(np.diff(t_s) < 0) + 1).tolist()
    return missing + [
        Problem(file, lines[row], 1, "t_s", "order", say("problem.time_order", now=t_s[row], before=t_s[row - 1]))
        for row in back
    ]
