"""The record of one commissioning, and the same as the tree of `commission.json`. Pure."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from gateway.commission.acceptance import Check, Picture, count, whole

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Circumstances:
    """When, where, with what and how it was done."""

    site: str
    timezone: str
    version: str
    began_ms: int
    ended_ms: int
    began: str
    """Wall clock of the site, for people."""
    ended: str
    by: str
    """Who ran it, as the machine knows the person."""
    host: str
    manner: str
    """`direct`, `daemon` or `read_only`."""
    site_digest: str
    """SHA-256 of the site file."""
    interrupted: bool = False


@dataclass(frozen=True, slots=True)
class DeviceLine:
    """One device as the report's table of devices has it."""

    id: str
    profile: str
    vendor: str
    model: str
    serial: str
    where: str
    points: int
    evidence: str
    """Where the profile's registers come from."""


@dataclass(frozen=True, slots=True)
class AssetLine:
    """One asset as the report heads it; its range as the site file states it."""

    id: str
    kind: str
    devices: tuple[str, ...]
    min_w: float
    max_w: float


@dataclass(frozen=True, slots=True)
class Record:
    """Everything a report says."""

    about: Circumstances
    assets: Sequence[AssetLine]
    devices: Sequence[DeviceLine]
    checks: Sequence[Check]
    pictures: Sequence[Picture]


def tree(record: Record) -> dict[str, Any]:
    """What `commission.json` holds: stable names, inside units, codes in English."""
    return {
        "format": FORMAT,
        "result": whole(record.checks).value,
        "counts": {verdict.value: number for verdict, number in count(record.checks).items()},
        "about": asdict(record.about),
        "assets": [asdict(one) for one in record.assets],
        "devices": [asdict(one) for one in record.devices],
        "checks": [_check(one) for one in record.checks],
        "pictures": [_picture(one) for one in record.pictures],
    }


def _check(check: Check) -> dict[str, Any]:
    return {
        "part": check.part.value,
        "owner": check.owner,
        "subject": check.subject,
        "verdict": check.verdict.value,
        "reason": check.reason,
        "facts": {name: _rounded(value) for name, value in check.facts.items()},
    }


def _picture(one: Picture) -> dict[str, Any]:
    curves = [{"name": c.name, "t_s": list(c.t_s), "values": list(c.values)} for c in one.curves]
    return {
        "part": one.part.value,
        "owner": one.owner,
        "subject": one.subject,
        "unit": one.unit,
        "span_s": round(one.span_s, 2),
        "curves": curves,
        "marks": [list(mark) for mark in one.marks],
    }


def _rounded(value: Any) -> Any:
    return float(f"{value:.6g}") if isinstance(value, float) else value
