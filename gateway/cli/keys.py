"""Single keys from a terminal while a picture is shown; where there is no terminal, only time passes."""

import os
import select
import sys
import termios
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager

MOST_BYTES = 8
Key = Callable[[float], str]
"""Waits so many seconds at most for a key; '' when none came."""


@contextmanager
def keys() -> Iterator[Key]:
    """Keys without echo and without Enter, until the end of the block; the terminal is as before afterwards."""
    if not sys.stdin.isatty():
        yield _only_time
        return
    handle = sys.stdin.fileno()
    before = termios.tcgetattr(handle)
    try:
        tty.setcbreak(handle)
        yield lambda within_s: _key(handle, within_s)
    finally:
        termios.tcsetattr(handle, termios.TCSADRAIN, before)


def _key(handle: int, within_s: float) -> str:
    ready, _, _ = select.select([handle], [], [], max(0.0, within_s))
    return os.read(handle, MOST_BYTES).decode("utf-8", "replace") if ready else ""


def _only_time(within_s: float) -> str:
    select.select([], [], [], max(0.0, within_s))
    return ""
