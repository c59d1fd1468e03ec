"""Control state and accepted requests on disk: saved atomically, restored at start.

The file holds the state with both clocks and the machine's boot id at the time. Times in the state are boot time; after
a reboot every one of them is shifted by how the boot clock now stands against UTC.
"""

import json
import os
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from gateway.control.copies import from_json, to_json
from gateway.control.state import AssetState, Charger, ControlState, Timing, Twin
from gateway.errors import StoreError
from gateway.model.mode import Mode
from gateway.texts import say
from gateway.texts.causes import cause

T = TypeVar("T")

FORMAT = 1
NAME = "control.json"
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
NOT_TIMES = frozenset({"curve_step_s", "age_s", "dead_s", "lag_s"})
RESUMED = (Mode.HOLD, Mode.RAMP, Mode.SAFE)
"""Modes a restart does not end (I-11)."""


def boot_id() -> str:
    """This boot of the machine."""
    try:
        return BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return "unknown"


def save(folder: Path, state: ControlState, *, boot: str, now_s: float, utc_ms: int) -> None:
    """Write the state so that after a power cut either the old or the new file is there, whole. Blocks: use a thread."""
    head = json.dumps({"format": FORMAT, "boot_id": boot, "boot_s": now_s, "utc_ms": utc_ms})
    put(folder / NAME, head.encode() + b"\n" + to_json(state) + b"\n")


def put(path: Path, data: bytes) -> None:
    """Write a file so that after a power cut either the old or the new one is there, whole. Blocks. StoreError."""
    fresh = path.with_name(path.name + ".new")
    try:
        with fresh.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
        descriptor = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as exc:
        raise StoreError(say("refused.not_written", file=path, why=cause(exc))) from exc


def load(folder: Path, *, boot: str, now_s: float, utc_ms: int) -> ControlState | None:
    """The state as saved, its times on today's boot clock; None when there is none.

    Raises StoreError when the file was written by a newer version; a damaged file is set aside and counts as none.
    """
    path = folder / NAME
    try:
        head_line, _, body = path.read_bytes().partition(b"\n")
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise StoreError(say("refused.unreadable", file=path, why=cause(exc))) from exc
    try:
        head = json.loads(head_line)
        if head["format"] > FORMAT:
            raise StoreError(say("refused.newer", file=path, format=head["format"]))
        state = from_json(body)
    except (ValueError, KeyError, TypeError, ValidationError):
        path.replace(path.with_suffix(f".damaged-{utc_ms}"))
        return None
    if head["boot_id"] != boot or now_s < head["boot_s"]:
        passed_s = max(0.0, (utc_ms - head["utc_ms"]) / 1000.0)  # a clock that was not set yet says less than nothing
        state = shifted(state, now_s - head["boot_s"] - passed_s)
    return state


def resume(state: ControlState, *, now_s: float) -> ControlState:
    """A saved state made ready for a new process: requests, plan and timers stay, what was known of devices goes."""
    mode = state.mode
    kept = mode.mode in RESUMED
    if not kept:
        mode = replace(mode, mode=Mode.BOOT, cause="restart", since_s=now_s, inputs_back_s=None)
    return replace(
        state,
        started_s=now_s,
        stepped_s=now_s,
        mode=mode,
        assets={name: _forget(asset, now_s) for name, asset in state.assets.items()},
        load=replace(state.load, recent=()),
        alarms=(),
    )


def shifted(item: T, by_s: float) -> T:
    """Every boot time in a state (fields that end in `_s`) moved by the same amount."""
    if not is_dataclass(item) or isinstance(item, type):
        return item
    changes: dict[str, Any] = {}
    for entry in fields(item):
        value = getattr(item, entry.name)
        if entry.name in ("pending", "trail", "recent", "orders"):
            changes[entry.name] = tuple((at_s + by_s, *others) for at_s, *others in value)
        elif entry.name in ("heard", "switched_s"):
            changes[entry.name] = {key: at_s + by_s for key, at_s in value.items()}
        elif entry.name == "starts_s":
            changes[entry.name] = tuple(at_s + by_s for at_s in value)
        elif entry.name.endswith("_s") and isinstance(value, float) and entry.name not in NOT_TIMES:
            changes[entry.name] = value + by_s
        elif isinstance(value, tuple):
            changes[entry.name] = tuple(shifted(one, by_s) for one in value)
        elif isinstance(value, dict):
            changes[entry.name] = {key: shifted(one, by_s) for key, one in value.items()}
        else:
            changes[entry.name] = shifted(value, by_s)
    return replace(item, **changes)


def _forget(asset: AssetState, now_s: float) -> AssetState:
    return replace(
        asset,
        twin=Twin(x=asset.twin.x, at_s=now_s, drive=asset.twin.drive),
        chargers={name: Charger(watts=charger.watts) for name, charger in asset.chargers.items()},
        sent={},
        polled_s=-1e9,
        doubt_s=None,
        inverters={},
        timing=None if (found := asset.timing) is None else Timing(found.dead_s, found.lag_s, found.moved),
    )
