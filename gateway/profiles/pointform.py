"""The YAML form of a point: where it is, how it is coded, when it is valid; and what a device type is known by."""

from typing import Annotated, Literal

from pydantic import Field

from gateway.profiles.formwords import (
    AccessName,
    Address,
    CodecName,
    EveryName,
    KindName,
    OrderName,
    Positive,
    Range,
    Raw,
    SignName,
    SureName,
    TableName,
    UnitId,
    WearName,
)
from gateway.yamltext.form import Form


class ParamStepForm(Form):
    """A step of the path that the site names; its namespace is one of `ua.namespaces`, or named by the site too."""

    namespace: str | None = None
    namespace_param: str | None = None
    param: str
    node: bool = False
    """The parameter holds a node id, where the path begins, and no name."""


class NodeStepForm(Form):
    """Where a path begins that does not begin at Objects: `prefix:i=42`, `prefix:s=Line1.Power`."""

    node: str


class ScaleForm(Form):
    """Scale from a register: raw * 10^(exponent * times + plus)."""

    pow10: str
    plus: int = 0
    times: Literal[1, -1] = 1


class FactorForm(Form):
    """One factor of a scale: what a point of the device says, or a parameter of the site; `inverse`: one over it."""

    of: str | None = None
    param: str | None = None
    inverse: bool = False


class SignFromForm(Form):
    """The point is a magnitude; it is negative (in the sense of `sign`) while the other point has one of these codes."""

    point: str
    negative: list[int | str]
    zero: list[int | str] = Field(default_factory=list)


class WhenForm(Form):
    """Another point must have one of these values, or lie between these bounds."""

    point: str
    equals: list[float | str] | float | str | None = None
    at_least: float | None = None
    at_most: float | None = None


class PickForm(Form):
    """By the code of the point `by`: the point whose value it is, or a number."""

    by: str
    codes: dict[int, str | float]


class BeyondForm(Form):
    """Raw values that are codes of the device."""

    values: list[Raw] = Field(default_factory=list)
    below: Raw | None = None
    above: Raw | None = None


class AlsoForm(Form):
    """What must be so besides: a point of the device."""

    point: str
    equals: list[float | str] | float | str | None = None
    starts: list[str] | str | None = None
    range: Range | None = None


class TraitForm(Form):
    """Something the device type is known by: exactly one of point, fc43, sunspec, ua_type; `also`: only with this."""

    point: str | None = None
    equals: list[float | str] | float | str | None = None
    starts: list[str] | str | None = None
    range: Range | None = None
    fc43: dict[Literal["vendor", "product", "revision", "name", "model"], str] | None = None
    sunspec: dict[Literal["manufacturer", "model", "options", "version"], str] | None = None
    ua_type: str | None = None
    sure: SureName | None = None
    also: AlsoForm | None = None


class CounterForm(Form):
    """A total."""

    wraps: Annotated[int, Field(gt=0)] | None = None
    resets: bool = False
    coarse: Positive | None = None


class PointForm(Form):
    """One quantity."""

    at: Address | None = None
    path: list[str | ParamStepForm | NodeStepForm] | None = None
    call: list[str | ParamStepForm | NodeStepForm] | dict[int, list[str | ParamStepForm | NodeStepForm]] | None = None
    """The path of the OPC UA method that sets it, its value the argument; or by raw value the method without arguments."""
    field: str | None = None
    table: TableName | None = None
    type: KindName | None = None
    words: Annotated[int, Field(ge=1, le=125)] | None = None
    order: OrderName | None = None
    unit_id: UnitId | None = None
    unit: str | None = None
    sign: SignName | None = None
    scale: float | ScaleForm | list[float | FactorForm] = 1
    offset: float = 0
    bits: (
        Annotated[int, Field(ge=0, le=63)] | Annotated[str, Field(pattern=r"^\d+\.\.\d+$", examples=["0..7"])] | None
    ) = None
    enum: dict[int, str] = Field(default_factory=dict)
    codes: dict[int | str, float | str] = Field(default_factory=dict)
    """The device's own code or text -> what it means: a number, or a name of the published state."""
    invalid: Raw | list[Raw] | BeyondForm | None = None
    codec: CodecName | None = None
    encoding: Literal["ascii", "utf16"] = "ascii"
    sunspec: str | list[str] | None = None
    sum_of: list[str] | None = None
    minus: list[str] | None = None
    mean_of: list[str] | None = None
    first_of: list[str] | None = None
    pick: PickForm | None = None
    virtual: bool = False
    sign_from: SignFromForm | None = None
    valid_when: WhenForm | list[WhenForm] | None = None
    range: Range | None = None
    every: EveryName | None = None
    access: AccessName | None = None
    wear: WearName = "volatile"
    counter: CounterForm | None = None
    expect_change_s: Positive | None = None
    doc: str = ""
