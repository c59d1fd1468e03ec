"""The lock of a state directory: one daemon, or one command that works the devices by itself, at a time."""

import fcntl
import os
from pathlib import Path

from gateway.errors import StoreError
from gateway.texts import say
from gateway.texts.causes import cause

NAME = "lock"


def take(folder: Path) -> int:
    """Lock the directory, made when missing; closing the handle returned unlocks it. StoreError when held or unusable."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder / NAME, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as exc:
        raise StoreError(say("refused.not_writable", folder=folder, why=cause(exc))) from exc
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as exc:
        os.close(handle)
        raise StoreError(say("refused.held", folder=folder)) from exc
    return handle


def is_held(folder: Path) -> bool:
    """Whether somebody holds it now; nothing is made. StoreError when it cannot be told."""
    try:
        handle = os.open(folder / NAME, os.O_RDONLY)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as exc:
        raise StoreError(say("refused.other_user", folder=folder, why=cause(exc))) from exc
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False
