"""The types that the keys of a site file share."""

from typing import Annotated, Literal

from pydantic import Field

ID_PATTERN = r"^[a-z][a-z0-9_]{0,31}$"
MQTT_PATTERN = r"^mqtts?://[^\s/@]+$"
Id = Annotated[str, Field(pattern=ID_PATTERN, examples=["battery_2"])]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Percent = Annotated[float, Field(ge=0, le=100)]
Period = Annotated[float, Field(gt=0, le=86400)]
Phase = Literal["l1", "l2", "l3"]
