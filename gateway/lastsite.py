"""Which site file the gateway of a state directory was last started with."""

from contextlib import suppress
from pathlib import Path

LAST = "site-file"
"""In the state directory."""


def remember(state: Path, file: Path) -> None:
    """Let commands that look at a state directory know its site file; a disk that refuses leaves them to ask."""
    with suppress(OSError):
        (state / LAST).write_text(f"{file.resolve()}\n", encoding="utf-8")


def remembered(state: Path) -> Path | None:
    """The site file the gateway of a state directory was last started with; None: nobody knows."""
    try:
        return Path((state / LAST).read_text(encoding="utf-8").strip())
    except (OSError, UnicodeDecodeError):
        return None
