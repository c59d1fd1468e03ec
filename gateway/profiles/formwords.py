"""The words and bounds that the forms of a profile share."""

from typing import Annotated, Literal

from pydantic import Field

Raw = int | float
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Address = Annotated[int, Field(ge=0, le=999_999)]
"""As the document counts; on the wire it is 0 … 65535 (`defaults.first`)."""
Spans = list[
    int | Annotated[str, Field(pattern=r"^(0x[0-9A-Fa-f]+|\d+)\.\.(0x[0-9A-Fa-f]+|\d+)$", examples=["40000..40009"])]
]
TableName = Literal["holding", "input", "coil", "discrete"]
KindName = Literal["u16", "i16", "u32", "i32", "u64", "i64", "f32", "f64", "bool", "text"]
OrderName = Literal["abcd", "cdab", "badc", "dcba"]
EveryName = Literal["fast", "normal", "slow", "once"]
SignName = Literal["import", "export", "charge", "discharge", "generation", "consumption"]
AccessName = Literal["r", "w", "rw"]
WearName = Literal["volatile", "stored"]
Range = Annotated[list[float], Field(min_length=2, max_length=2)]
WriteFunction = Literal[6, 16, 22, 23, "any"]
"""22: bits are changed in the device itself (mask write); values are written as with `any`."""
UnitId = Annotated[int, Field(ge=0, le=255)]
SignWord = Literal["import", "export", "charge", "discharge", "generation", "consumption", "zero"]
CodecName = Literal["bcd", "sign_magnitude", "m10k", "pf4q", "decade", "packed_time"]
SureName = Literal["certain", "likely", "maybe"]
