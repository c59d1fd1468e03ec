"""The YAML form of a profile: which keys there are and what type each has. What they mean together is `checks`."""

from typing import Annotated, Any, Literal

from pydantic import Field

from gateway.profiles.controlform import ControlForm, StepForm
from gateway.profiles.formwords import (
    AccessName,
    Address,
    CodecName,
    EveryName,
    KindName,
    NotNegative,
    OrderName,
    Positive,
    Range,
    Raw,
    SignName,
    Spans,
    SureName,
    TableName,
    UnitId,
    WearName,
    WriteFunction,
)
from gateway.yamltext.form import Form


class Head(Form):
    """Who wrote what about which device."""

    id: Annotated[str, Field(pattern=r"^[a-z0-9]+(\.[a-z0-9]+)+$", examples=["acme.meter"])]
    version: Annotated[str, Field(pattern=r"^\d+\.\d+\.\d+$", examples=["1.0.0"])]
    device_class: Annotated[str, Field(pattern=r"^[a-z][a-z_]*$", alias="class", examples=["meter"])]
    vendor: str
    models: Annotated[list[str], Field(min_length=1)]
    confidence: Literal["A", "B", "C"]
    evidence: Annotated[list[str], Field(min_length=1)]
    no_asset: str = ""
    """Why a device that can be commanded is no asset: said to who tries."""
    doc: str = ""


class ParamForm(Form):
    """A value the site gives."""

    unit: str = ""
    default: float | str | None = None
    range: Range | None = None
    choices: list[str] = Field(default_factory=list)
    doc: str = ""


class Serial(Form):
    """How the device leaves the factory on a serial line."""

    baud: int = 9600
    frame: Annotated[str, Field(pattern=r"^[78][NEO][12]$", examples=["8E1"])] = "8N1"
    alternatives: list[int] = Field(default_factory=list)


class Tcp(Form):
    """How it is reached over TCP."""

    port: Annotated[int, Field(ge=1, le=65535)] = 502


class PauseForm(Form):
    """Politeness."""

    connect_s: NotNegative = 0.0
    request_s: NotNegative = 0.0
    write_s: NotNegative = 0.0


class LinkForm(Form):
    """How the device wants to be spoken to."""

    rtu: Serial | None = None
    tcp: Tcp | None = None
    unit_id: UnitId | None = None
    clients: Annotated[int, Field(ge=1)] | None = None
    idle_close_s: Positive | None = None
    max_read: Annotated[int, Field(ge=1, le=2000)] | dict[TableName, Annotated[int, Field(ge=1, le=2000)]] = Field(
        default_factory=dict
    )
    max_gap: Annotated[int, Field(ge=0, le=124)] = 0
    forbid: Spans = Field(default_factory=list)
    single: Spans = Field(default_factory=list)
    even: bool = False
    sleeps: bool = False
    write_function: WriteFunction = "any"
    pause: PauseForm = PauseForm()


class ParamStepForm(Form):
    """A step of the path that the site names; its namespace is one of `ua.namespaces`, or named by the site too."""

    namespace: str | None = None
    namespace_param: str | None = None
    param: str


class UaForm(Form):
    """Where an OPC UA device's nodes hang: namespaces by URI, and the path from Objects to the device."""

    namespaces: dict[str, str]
    root: list[str | ParamStepForm] = Field(default_factory=list)


class PollForm(Form):
    """Periods of the poll classes."""

    fast: Positive = 1.0
    normal: Positive = 5.0
    slow: Positive = 60.0


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
    """By the code of the point `by`: the point whose value it is, or 0."""

    by: str
    codes: dict[int, str | Literal[0]]


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
    path: list[str | ParamStepForm] | None = None
    call: list[str | ParamStepForm] | dict[int, list[str | ParamStepForm]] | None = None
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


class DefaultsForm(Form):
    """What holds for every point unless it says otherwise."""

    table: TableName = "holding"
    type: KindName | None = None
    order: OrderName = "abcd"
    access: AccessName = "r"
    every: EveryName = "fast"
    invalid: dict[KindName, Raw | list[Raw]] = Field(default_factory=dict)
    first: Address | dict[TableName, Address] = 0
    """What the document calls the first address of a table (40001, 1); 0: addresses as on the wire."""
    times: Annotated[int, Field(ge=1)] = 1
    """Wire address = number * times - first, for maps of numbered parameters."""


class RepeatForm(Form):
    """The block stands there `count` times; its points are named `<prefix>NN.<point>`.

    The n-th is shifted by n times `stride` (one for all tables, or one for each), or by the n-th of `at`; its unit id by
    n times `unit_id_step`. `counted_by`: the point that says how many there are.
    """

    prefix: Annotated[str, Field(pattern=r"^[a-z]+$", examples=["connector"])]
    count: Annotated[int, Field(ge=1, le=99)]
    stride: Annotated[int, Field(ge=0)] | dict[TableName, Annotated[int, Field(ge=0)]] = 0
    at: list[int] | None = None
    first: Annotated[int, Field(ge=0)] = 1
    unit_id_step: Annotated[int, Field(ge=0)] = 0
    counted_by: str | None = None


class BlockForm(Form):
    """Points that have something in common; `atomic`: they come from one request."""

    table: TableName | None = None
    type: KindName | None = None
    order: OrderName | None = None
    access: AccessName | None = None
    every: EveryName | None = None
    unit_id: UnitId | None = None
    atomic: bool = False
    repeat: RepeatForm | None = None
    valid_when: WhenForm | list[WhenForm] | None = None
    doc: str = ""
    points: dict[str, PointForm]


class SunSpecForm(Form):
    """Where the marker "SunS" may stand."""

    bases: Annotated[list[Annotated[int, Field(ge=0, le=65533)]], Field(min_length=1)]


class VariantForm(Form):
    """What a relative of the device says otherwise; its parts are read like those of a profile that extends this one."""

    when: TraitForm | list[TraitForm] | None = None
    doc: str = ""
    link: Any = None
    params: Any = None
    poll_s: Any = None
    defaults: Any = None
    blocks: Any = None
    points: Any = None
    controls: Any = None
    prepare: Any = None
    without: Any = None


class ProfileForm(Form):
    """The whole file."""

    version_of_form: Literal[1] = Field(alias="schema")
    extends: str | None = None
    without: list[str] = Field(default_factory=list)
    profile: Head
    params: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", examples=["timeout_s"])], ParamForm] = Field(
        default_factory=dict
    )
    link: LinkForm = LinkForm()
    ua: UaForm | None = None
    poll_s: PollForm = PollForm()
    defaults: DefaultsForm = DefaultsForm()
    blocks: list[BlockForm] = Field(default_factory=list)
    points: dict[str, PointForm] = Field(default_factory=dict)
    controls: dict[str, ControlForm] = Field(default_factory=dict)
    sunspec: SunSpecForm | None = None
    identify: list[TraitForm] = Field(default_factory=list)
    prepare: list[StepForm] = Field(default_factory=list)
    variants: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", examples=["timeout_s"])], VariantForm] = Field(
        default_factory=dict
    )
