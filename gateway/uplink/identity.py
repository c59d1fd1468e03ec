"""Who counts the samples: the box's UUID, the epoch, and whether the last stop was clean; one small file.

The file, not the database, is the witness of the epoch: a torn write-ahead log can take the database back in time,
and numbers that were already sent must never be given again (F-062).
"""

import json
import os
import uuid
from dataclasses import dataclass
from pathlib import Path

from gateway.errors import StoreError

NAME = "outbox.id"


@dataclass(frozen=True, slots=True)
class Identity:
    """`next_seq` is set only by a clean stop: the number the next sample of this epoch gets."""

    box: str
    epoch: int
    next_seq: int | None


def load_identity(folder: Path) -> Identity | None:
    """What the last run left, or None when there is nothing readable: then a new box begins."""
    try:
        tree = json.loads((folder / NAME).read_bytes())
        identity = Identity(str(uuid.UUID(tree["box"])), int(tree["epoch"]), tree["next_seq"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if identity.epoch < 1 or not isinstance(identity.next_seq, int | None):
        return None
    return identity


def new_box() -> str:
    """A UUID for a state directory that never had one."""
    return str(uuid.uuid4())


def save_identity(folder: Path, identity: Identity) -> None:
    """Replace the file and have it on the disk before returning; raises StoreError."""
    text = json.dumps({"box": identity.box, "epoch": identity.epoch, "next_seq": identity.next_seq})
    fresh = folder / f"{NAME}.new"
    try:
        with fresh.open("w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(folder / NAME)
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as exc:
        raise StoreError(f"{folder / NAME} cannot be written: {exc}") from exc
