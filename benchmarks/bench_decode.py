"""Decoding one reply into values with quality, ns per point: ours beside a compiled struct alone and pymodbus's converter.

Rows: 60 plain floats; 60 scaled 16-bit values with a sentinel and a range; the fast block of a real meter's profile.
The floor unpacks the same bytes with one compiled Struct and does nothing with them.
"""

import struct
from collections.abc import Callable
from timeit import Timer

from pymodbus.client.mixin import ModbusClientMixin

from benchmarks.rig import figure
from gateway.model.point import Unit
from gateway.profiles.codec import BlockDecoder, compile_block
from gateway.profiles.load import load_profile
from gateway.profiles.readplan import plan
from gateway.profiles.schema import Every, Kind, Point, ReadLimits, Table

COUNT, ROUNDS, CALLS = 60, 300, 50
LETTERS = {Kind.F32: "f", Kind.U16: "H", Kind.I16: "h", Kind.U32: "I", Kind.I32: "i"}
CONVERT = ModbusClientMixin.convert_from_registers
TYPES = {
    Kind.F32: ModbusClientMixin.DATATYPE.FLOAT32,
    Kind.U16: ModbusClientMixin.DATATYPE.UINT16,
    Kind.I16: ModbusClientMixin.DATATYPE.INT16,
    Kind.U32: ModbusClientMixin.DATATYPE.UINT32,
    Kind.I32: ModbusClientMixin.DATATYPE.INT32,
}


def ns(call: Callable[[], object], points: int) -> float:
    """Nanoseconds a point: the least of many short rounds, which nothing else on the machine disturbed."""
    return min(Timer(call).repeat(ROUNDS, CALLS)) / CALLS / points * 1e9


def measure(name: str, points: list[Point], limits: ReadLimits) -> None:
    """One row."""
    block = plan(points, limits)[0]
    named = {point.name: point for point in points}
    members = [named[one] for one in block.points]
    decode: BlockDecoder = compile_block(named, block)
    form, at = ">", block.address
    for point in members:
        form += f"{2 * (point.address - at)}x{LETTERS[point.kind]}"
        at = point.end
    packed = struct.Struct(form)
    payload = packed.pack(*(230.0 if point.kind.is_float else 2300 for point in members)).ljust(2 * block.count, b"\0")
    unpack = struct.Struct(form + f"{2 * block.count - packed.size}x").unpack
    assert None not in decode(payload)[0], "the fast way is meant"
    registers = list(struct.unpack(f">{block.count}H", payload))
    cuts = [(slice(p.address - block.address, p.end - block.address), TYPES[p.kind]) for p in members]

    def theirs() -> list[object]:
        if len({point.kind for point in members}) == 1:
            return [CONVERT(registers, cuts[0][1])]
        return [CONVERT(registers[cut], kind) for cut, kind in cuts]

    ours_ns, floor_ns, pymodbus_ns = (
        ns(call, len(members)) for call in (lambda: decode.decode(payload), lambda: unpack(payload), theirs)
    )
    figure(
        f"decode_{name}", ours_ns, "ns/point", floor=floor_ns, target="<= 3 x floor, <= 0.1 x pymodbus",
        method=f"{len(members)} points a block, quality and range included", pymodbus=round(pymodbus_ns, 1),
        ratio_pymodbus=round(ours_ns / pymodbus_ns, 4),
    )  # fmt: skip


def main() -> None:
    """Measure and print."""
    floats = [Point(f"x.f{at}", Unit.VOLT, Kind.F32, Table.HOLDING, 2 * at, 2) for at in range(COUNT)]
    words = [
        Point(
            f"x.w{at}", Unit.VOLT, Kind.U16, Table.HOLDING, at, factor=0.1, invalid=(0xFFFF,), low=0.0, high=500.0
        )
        for at in range(COUNT)
    ]  # fmt: skip
    meter = [point for point in load_profile("meter/abb_b23").points.values() if point.every is Every.FAST]
    measure("floats", floats, ReadLimits())
    measure("scaled_words", words, ReadLimits())
    measure(
        "abb_b23", [p for p in meter if not p.name.startswith(("frequency", "power_factor"))], ReadLimits(max_gap=8)
    )


if __name__ == "__main__":
    main()
