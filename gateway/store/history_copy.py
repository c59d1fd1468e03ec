"""A copy of the history's coarser tiers, for a backup: taken beside a gateway that is writing it. Blocks: commands only."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from gateway.errors import StoreError
from gateway.store.history_file import FORMAT, NAME, SCHEMA
from gateway.store.tiers import Tier


def copy_tiers(state: Path, to: Path, tiers: Sequence[Tier]) -> bool:
    """Write a history file that holds these tiers alone; False when there is no history. StoreError."""
    source = state / NAME
    if not source.is_file():
        return False
    names = ", ".join(f"'{tier.name}'" for tier in tiers)
    try:
        with closing(sqlite3.connect(f"{to.resolve().as_uri()}?mode=rwc", uri=True)) as base:
            base.executescript(SCHEMA)
            base.execute("ATTACH ? AS old", (f"{source.resolve().as_uri()}?mode=ro",))
            with base:
                base.execute("INSERT INTO series SELECT * FROM old.series")
                base.execute(f"INSERT INTO size SELECT * FROM old.size WHERE tier IN ({names})")  # noqa: S608 - ours
                for tier in tiers:
                    base.execute(f"INSERT INTO {tier.name} SELECT * FROM old.{tier.name}")  # noqa: S608 - ours
            base.execute("DETACH old")
            base.execute(f"PRAGMA user_version={FORMAT}")
    except sqlite3.Error as exc:
        raise StoreError(f"{source}: {exc}") from exc
    return True
