"""The history in a backup: its coarser tiers, complete, and back again."""

from pathlib import Path

import numpy as np
import pytest

from gateway import backup
from gateway.model.point import Unit
from gateway.store import archive
from gateway.store.history_copy import copy_tiers
from gateway.store.history_file import HistoryFile
from gateway.store.past import Means, put_past
from gateway.store.reading import Kept
from gateway.store.tiers import MINUTE, QUARTER

SITE = """site: {id: tower, timezone: Asia/Shanghai, meter: pcc}
connections: {plant: {modbus_tcp: "192.0.2.20:502"}}
devices: {pcc: {profile: meter/abb_b23, on: plant, unit_id: 1}}
"""
T0_MS = 1_784_000_000_000 // 86_400_000 * 86_400_000
WATTS = np.arange(300.0)
STRETCH = {"from_ms": T0_MS, "to_ms": T0_MS + 300 * 900_000, "most": 300}


@pytest.fixture
def box(tmp_path: Path) -> Path:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/site.yaml").write_text(SITE)
    put_past(tmp_path / "state", {"pcc/power.active": Means(Unit.WATT, WATTS, WATTS, WATTS)}, begin_ms=T0_MS)
    return tmp_path


@pytest.mark.parametrize("held", [64 * 2**20, 1000], ids=["in memory", "streamed"])
@pytest.mark.parametrize("history", ["quarter", "all"])
def test_a_backup_brings_the_history_back(box: Path, history: str, held: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MOST_HELD", held)
    out = box / "tower.backup"
    manifest, key = backup.make(box / "etc/site.yaml", box / "state", out, utc_ms=T0_MS, history=history)
    assert "state/history.sqlite" in manifest.files
    backup.restore(out, box / "new", box / "etc2", trust=frozenset({key}), older=False, utc_ms=T0_MS)
    with Kept(box / "new") as kept:
        found = kept.find("pcc/power.active", **STRETCH)
    assert found.columns.mean.tolist() == WATTS.tolist()
    assert not list(box.glob(".backup-*"))


def test_a_backup_without_history_has_none(box: Path) -> None:
    manifest, _ = backup.make(box / "etc/site.yaml", box / "state", box / "b", utc_ms=T0_MS, history="none")
    assert "state/history.sqlite" not in manifest.files


def test_a_copy_is_taken_while_the_history_is_written(box: Path) -> None:
    live = HistoryFile(box / "state")
    try:
        live.put(MINUTE, T0_MS, [(1, b"x" * 1000)])
        assert copy_tiers(box / "state", box / "copy.sqlite", (QUARTER,))
    finally:
        live.close()
    assert not copy_tiers(box / "nothing", box / "other.sqlite", (QUARTER,))
    copied = HistoryFile.__new__(HistoryFile)
    copied._open(box / "copy.sqlite")
    try:
        assert copied.oldest_ms(MINUTE) is None
        assert copied.oldest_ms(QUARTER) == T0_MS
    finally:
        copied.close()
