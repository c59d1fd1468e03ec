"""Whether a device speaks SunSpec: the marker "SunS" at the usual places, its common model, the ids of its other models."""

import struct
from dataclasses import dataclass

from gateway.commission.asker import Asker
from gateway.field.identity import printable

BASES = (40000, 0, 50000)
"""SunSpec Device Information Model Specification, section 6.1: where the marker may stand."""
MARKER = (0x5375, 0x6E53)
COMMON, END = 1, 0xFFFF
COMMON_WORDS = 64
PARTS = {"manufacturer": (0, 16), "model": (16, 16), "options": (32, 8), "version": (40, 8), "serial": (48, 16)}
MOST_MODELS = 40


@dataclass(frozen=True, slots=True)
class SunSpec:
    """What the chain of models says."""

    base: int
    common: dict[str, str]
    models: tuple[int, ...]


async def look(asker: Asker, unit: int) -> SunSpec | None:
    """The device's models, or None when there is no marker."""
    for base in BASES:
        if await asker.registers(unit, base, count=2) == MARKER:
            return await _walk(asker, unit, base)
    return None


async def _walk(asker: Asker, unit: int, base: int) -> SunSpec:
    common: dict[str, str] = {}
    models: list[int] = []
    at = base + 2
    while len(models) < MOST_MODELS and at <= 0xFFFD:
        head = await asker.registers(unit, at, count=2)
        if head is None or head[0] == END:
            break
        model, length = head
        if model == COMMON and not common and length >= COMMON_WORDS:
            common = await _common(asker, unit, at + 2)
        models.append(model)
        at += 2 + length
    return SunSpec(base, common, tuple(models))


async def _common(asker: Asker, unit: int, at: int) -> dict[str, str]:
    words = await asker.registers(unit, at, count=COMMON_WORDS)
    if words is None:
        return {}
    data = struct.pack(f">{COMMON_WORDS}H", *words)
    texts = {name: data[2 * first : 2 * (first + count)] for name, (first, count) in PARTS.items()}
    return {name: printable(text.partition(b"\0")[0]) for name, text in texts.items() if text.strip(b"\0 ")}
