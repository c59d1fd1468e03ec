"""What to write instead, by the code of a problem, where who found it has nothing better to say."""

from collections.abc import Mapping
from types import MappingProxyType

REMEDIES: Mapping[str, str] = MappingProxyType(
    {
        "above_parent": "write no more than what it hangs on may carry",
        "atomic_mixed": "give them the same table, unit_id and every, or put them into another block",
        "bad_connection": "keep one of them",
        "bad_derived": "keep one of them",
        "bad_param": "write what the profile allows",
        "bad_scale": "write {of: point} or {param: name}",
        "bad_step": "make a step of each",
        "bad_trait": "write one of them; another way is another entry of the list",
        "below_least": "write more, or leave the device out",
        "beyond_device": "write what the device can do",
        "beyond_table": "write a lower address or a shorter type",
        "circular": "make one of them of points that have registers",
        "cycle": "let one of them hang on something else, or on nothing",
        "duplicate_point": "remove one of the two",
        "forbidden": "write another address, or take it out of link.forbid",
        "min_above_max": "write a lower one",
        "missing_key": "add it",
        "number_too_large": "write a smaller number",
        "odd_address": "write an even address and a type of two registers, or remove link.even",
        "out_of_range": "write a value inside these bounds",
        "overlap": "give one of them the address its document says, or remove it",
        "profile_lacks": "name a device that has it",
        "range_beyond_point": "write a range inside the point's",
        "same_device": "leave it out of one of the two",
        "same_line": "put its devices on that connection",
        "same_unit": "write the unit id that the device is set to",
        "sentinel_outside_type": "write a raw value of the type, such as 0x8000",
        "stored_keepalive": "refresh another point, or leave keepalive: out",
        "two_writers": "leave the control to one of them",
        "unknown_model_point": "write a point of a SunSpec model, such as 103/W",
        "unknown_name": "write one of its names, or the number",
        "unknown_namespace": "add it under ua.namespaces",
        "unknown_point": "name a point of this profile",
        "unknown_unit": "write a unit such as W, kW, V, A, Hz, kWh, degC",
        "unwritable_value": "write a value inside the point's range",
        "wrong_protocol": "put it on a line that speaks as it does",
        "wrong_unit": "write a unit of the same quantity",
    }
)
