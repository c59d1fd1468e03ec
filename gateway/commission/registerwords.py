"""The words that tables of registers use, in English and Chinese, and ours for them."""

from collections.abc import Mapping, Sequence

HEADINGS: Mapping[str, tuple[str, ...]] = {
    "name": ("name", "point", "parameter", "signal", "quantity", "variable", "description", "名称", "参数", "信号", "点名", "描述"),
    "at": ("address", "register", "addr", "reg", "offset", "modbus address", "地址", "寄存器", "寄存器地址"),
    "type": ("type", "data type", "datatype", "format", "数据类型", "类型", "格式"),
    "unit": ("unit", "units", "uom", "单位"),
    "scale": ("scale", "factor", "multiplier", "gain", "resolution", "ratio", "系数", "倍率", "比例", "精度"),
    "table": ("table", "function", "fc", "function code", "register type", "registertype", "space", "功能码", "寄存器类型"),
    "words": ("words", "length", "size", "count", "quantity of registers", "registers", "长度", "寄存器数量", "数量"),
    "order": ("order", "word order", "byte order", "endian", "字序", "字节序"),
    "sign": ("sign", "direction", "符号", "方向"),
    "note": ("note", "notes", "remark", "remarks", "comment", "备注", "说明"),
}  # fmt: skip
"""Our word -> the headings that mean it, most usual first; a heading matches when it begins with one of them."""
TYPES: Mapping[str, str] = {
    "uint16": "u16", "u16": "u16", "word": "u16", "ushort": "u16", "unsigned16": "u16", "unsigned": "u16", "uint": "u16",
    "enum16": "u16", "bitfield16": "u16", "int16": "i16", "i16": "i16", "s16": "i16", "short": "i16", "signed": "i16",
    "int": "i16", "signed16": "i16", "uint32": "u32", "u32": "u32", "dword": "u32", "ulong": "u32", "unsigned32": "u32",
    "udint": "u32", "int32": "i32", "i32": "i32", "s32": "i32", "long": "i32", "signed32": "i32", "dint": "i32",
    "uint64": "u64", "u64": "u64", "int64": "i64", "i64": "i64", "float": "f32", "float32": "f32", "f32": "f32",
    "real": "f32", "single": "f32", "ieee754": "f32", "double": "f64", "float64": "f64", "f64": "f64", "lreal": "f64",
    "bool": "bool", "boolean": "bool", "bit": "bool", "string": "text", "text": "text", "ascii": "text", "char": "text",
}  # fmt: skip
TABLES: Mapping[str, str] = {
    "1": "coil", "01": "coil", "fc1": "coil", "fc01": "coil", "coil": "coil", "coils": "coil",
    "2": "discrete", "02": "discrete", "fc2": "discrete", "fc02": "discrete", "discrete": "discrete",
    "3": "holding", "03": "holding", "fc3": "holding", "fc03": "holding", "holding": "holding", "6": "holding",
    "16": "holding", "4": "input", "04": "input", "fc4": "input", "fc04": "input", "input": "input",
    "保持": "holding", "输入": "input", "线圈": "coil", "离散": "discrete",
}  # fmt: skip
ORDERS = {"abcd": "abcd", "big": "abcd", "msw": "abcd", "be": "abcd", "cdab": "cdab", "lsw": "cdab", "ws": "cdab", "swapped": "cdab", "badc": "badc", "dcba": "dcba", "little": "dcba", "le": "dcba"}  # fmt: skip
UNITS = {"℃": "degC", "°C": "degC", "C": "degC", "°F": "degF", "℉": "degF", "kvar": "kvar", "KWH": "kWh", "kwh": "kWh", "KW": "kW", "m³": "m3", "m³/h": "m3/h", "-": "1", "": "1"}  # fmt: skip
SIGNED = ("i16", "i32", "i64", "f32", "f64")
WORDS = {"u32": 2, "i32": 2, "f32": 2, "u64": 4, "i64": 4, "f64": 4}
PATTERNS: Sequence[tuple[str, str]] = (
    (r"volt(age)?.*(l1.?-?l2|ab)\b|线电压.*ab", "voltage.l1-l2"), (r"volt(age)?.*(l2.?-?l3|bc)\b", "voltage.l2-l3"),
    (r"volt(age)?.*(l3.?-?l1|ca)\b", "voltage.l3-l1"),
    (r"(volt(age)?|phase).*\b(l1|a)\b.*volt|volt(age)?.*\b(l1|a|r)\b|(a相|l1).*电压", "voltage.l1-n"),
    (r"volt(age)?.*\b(l2|b|s)\b|(b相|l2).*电压", "voltage.l2-n"), (r"volt(age)?.*\b(l3|c|t)\b|(c相|l3).*电压", "voltage.l3-n"),
    (r"current.*\b(l1|a|r)\b|(a相|l1).*电流", "current.l1"), (r"current.*\b(l2|b|s)\b|(b相|l2).*电流", "current.l2"),
    (r"current.*\b(l3|c|t)\b|(c相|l3).*电流", "current.l3"), (r"freq|频率", "frequency"),
    (r"power factor|功率因数", "power_factor"), (r"reactive power|无功功率", "power.reactive"),
    (r"apparent power|视在功率", "power.apparent"),
    (r"(active )?power.*\b(l1|a)\b", "power.active.l1"), (r"(active )?power.*\b(l2|b)\b", "power.active.l2"),
    (r"(active )?power.*\b(l3|c)\b", "power.active.l3"),
    (r"(active )?energy.*(import|consum|forward|positive|\+)|正向有功电能", "energy.active.import"),
    (r"(active )?energy.*(export|deliver|reverse|negative)|反向有功电能", "energy.active.export"),
    (r"\bsoc\b|state of charge", "battery.soc"), (r"battery power|电池功率", "battery.power"),
    (r"(total )?(active )?power( total)?$|有功功率", "power.active"),
)  # fmt: skip
