"""What `--help` prints: usage, what a command does, its arguments, options and commands, in the reader's language.

Summaries are texts below `about.`, options below `option.`; nothing of it is loaded before somebody asks.
"""

import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from unicodedata import east_asian_width

from gateway.texts import text

MOST_COLUMNS = 100
NAMES_COLUMNS = 30
"""Names longer than this stand on a line of their own."""
WIDE = "\u2e80-\uffef"
_WORDS = re.compile(rf"(?:[{WIDE}]|[^\s{WIDE}]+)[，。；：、）]*")
"""What a line may be broken between: words, and the letters of a script without blanks."""


@dataclass(frozen=True, slots=True)
class Row:
    """An argument, option or command: its names as they are typed, and what it is."""

    names: str
    says: str


@dataclass(frozen=True, slots=True)
class Sheet:
    """One page of help; `about` is the key of what the command does."""

    usage: str
    about: str
    arguments: Sequence[Row] = ()
    options: Sequence[Row] = field(default_factory=tuple)
    commands: Sequence[Row] = ()


def page(sheet: Sheet) -> str:
    """All of it, as wide as the terminal."""
    width = min(MOST_COLUMNS, shutil.get_terminal_size().columns)
    parts = [[text("help.usage_of", usage=sheet.usage)]]
    parts += [list(wrapped(part, width)) for part in text(sheet.about).split("\n\n")]
    for heading, rows in (("arguments", sheet.arguments), ("options", sheet.options), ("commands", sheet.commands)):
        if rows:
            parts.append([text(f"help.{heading}"), *_table(rows, width)])
    return "\n\n".join("\n".join(part) for part in parts) + "\n"


def wrapped(words: str, width: int) -> Iterator[str]:
    """The text in lines of at most so many columns of a terminal."""
    line, end = "", 0
    for found in _WORDS.finditer(words):
        blank = words[end : found.start()] if line else ""
        if line and columns(line) + columns(blank) + columns(found[0]) > width:
            yield line
            line, blank = "", ""
        line, end = line + blank + found[0], found.end()
    if line:
        yield line


def columns(of: str) -> int:
    """How many columns of a terminal a text takes."""
    return sum(2 if east_asian_width(letter) in "WF" else 1 for letter in of)


def _table(rows: Sequence[Row], width: int) -> Iterator[str]:
    names = min(NAMES_COLUMNS, max(columns(row.names) for row in rows))
    for row in rows:
        lines = list(wrapped(row.says, max(20, width - names - 4))) or [""]
        if columns(row.names) > names:
            yield f"  {row.names}"
        else:
            yield f"  {row.names}{' ' * (names - columns(row.names))}  {lines.pop(0)}".rstrip()
        yield from (f"{' ' * (names + 4)}{line}" for line in lines)
