"""The YAML form of a profile: which keys there are and what type each has. What they mean together is `checks`."""

from typing import Annotated, Literal

from pydantic import Field

from gateway.yamltext.form import Form

Raw = int | float
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Address = Annotated[int, Field(ge=0, le=65535)]
Spans = list[int | Annotated[str, Field(pattern=r"^(0x[0-9A-Fa-f]+|\d+)\.\.(0x[0-9A-Fa-f]+|\d+)$")]]
TableName = Literal["holding", "input", "coil", "discrete"]
KindName = Literal["u16", "i16", "u32", "i32", "u64", "i64", "f32", "f64", "bool", "text"]
OrderName = Literal["abcd", "cdab", "badc", "dcba"]
EveryName = Literal["fast", "normal", "slow", "once"]
SignName = Literal["import", "export", "charge", "discharge", "generation", "consumption"]
AccessName = Literal["r", "w", "rw"]
WearName = Literal["volatile", "stored"]
Range = Annotated[list[float], Field(min_length=2, max_length=2)]
WriteFunction = Literal[6, 16, "any"]
UnitId = Annotated[int, Field(ge=1, le=247)]


class Head(Form):
    """Who wrote what about which device."""

    id: Annotated[str, Field(pattern=r"^[a-z0-9]+(\.[a-z0-9]+)+$")]
    version: Annotated[str, Field(pattern=r"^\d+\.\d+\.\d+$")]
    device_class: Annotated[str, Field(pattern=r"^[a-z][a-z_]*$", alias="class")]
    vendor: str
    models: Annotated[list[str], Field(min_length=1)]
    confidence: Literal["A", "B", "C"]
    evidence: Annotated[list[str], Field(min_length=1)]
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
    frame: Annotated[str, Field(pattern=r"^[78][NEO][12]$")] = "8N1"
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
    write_function: WriteFunction = "any"
    pause: PauseForm = PauseForm()


class ParamStepForm(Form):
    """A step of the path that the site names."""

    namespace: str
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
    """Scale from a register: raw * 10^(exponent + plus)."""

    pow10: str
    plus: int = 0


class CounterForm(Form):
    """A total."""

    wraps: Annotated[int, Field(gt=0)] | None = None
    resets: bool = False


class PointForm(Form):
    """One quantity."""

    at: Address | None = None
    path: list[str] | None = None
    table: TableName | None = None
    type: KindName | None = None
    words: Annotated[int, Field(ge=1, le=125)] | None = None
    order: OrderName | None = None
    unit_id: UnitId | None = None
    unit: str | None = None
    sign: SignName | None = None
    scale: float | ScaleForm = 1
    offset: float = 0
    bits: Annotated[int, Field(ge=0, le=63)] | Annotated[str, Field(pattern=r"^\d+\.\.\d+$")] | None = None
    enum: dict[int, str] = Field(default_factory=dict)
    codes: dict[str, float] = Field(default_factory=dict)
    invalid: Raw | list[Raw] | None = None
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


class RepeatForm(Form):
    """The block stands there `count` times; its points are named `<prefix>NN.<point>`."""

    prefix: Annotated[str, Field(pattern=r"^[a-z]+$")]
    count: Annotated[int, Field(ge=1, le=99)]
    stride: Annotated[int, Field(ge=1)]
    first: Annotated[int, Field(ge=0)] = 1


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
    doc: str = ""
    points: dict[str, PointForm]


class UntilForm(Form):
    """Wait for a reading."""

    point: str
    equals: float | str | None = None
    at_least: float | None = None
    at_most: float | None = None


class MaskForm(Form):
    """Change bits of a word."""

    point: str
    set: Annotated[int, Field(ge=0, le=65535)] = 0
    clear: Annotated[int, Field(ge=0, le=65535)] = 0


class StepForm(Form):
    """Exactly one of set, wait_s, until, mask."""

    set: dict[str, float | str] | None = None
    together: bool = False
    wait_s: Positive | None = None
    until: UntilForm | None = None
    within_s: Positive | None = None
    mask: MaskForm | None = None


class TimeoutParam(Form):
    """A time-out that is set in the device: the site says it."""

    param: str


class KeepaliveForm(Form):
    """What holds the reversion timer off."""

    every_s: Positive
    timeout_s: Positive | TimeoutParam
    steps: Annotated[list[StepForm], Field(min_length=1)]


class LostForm(Form):
    """What the device does without us."""

    then: Literal["fallback", "keeps_last", "own_control", "stops"]
    value: float | None = None
    after_s: NotNegative | None = None
    doc: str = ""


class ConfirmForm(Form):
    """How the effect shows."""

    point: str
    tolerance: NotNegative
    within_s: Positive


class ControlForm(Form):
    """One thing that may be set."""

    unit: str
    range: Range
    release: Annotated[list[StepForm], Field(min_length=1)]
    lost: LostForm
    apply: Annotated[list[StepForm], Field(min_length=1)]
    sign: SignName | None = None
    step: Positive = 1.0
    zero: Literal["allowed", "refused", "stops"] = "allowed"
    keepalive: KeepaliveForm | None = None
    confirm: ConfirmForm | None = None
    interval_s: NotNegative = 0.0
    write_function: WriteFunction | None = None
    wear: WearName = "volatile"
    daily_writes: Annotated[int, Field(ge=1)] | None = None
    doc: str = ""


class ProfileForm(Form):
    """The whole file."""

    version_of_form: Literal[1] = Field(alias="schema")
    extends: str | None = None
    without: list[str] = Field(default_factory=list)
    profile: Head
    params: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")], ParamForm] = Field(default_factory=dict)
    link: LinkForm = LinkForm()
    ua: UaForm | None = None
    poll_s: PollForm = PollForm()
    defaults: DefaultsForm = DefaultsForm()
    blocks: list[BlockForm] = Field(default_factory=list)
    points: dict[str, PointForm] = Field(default_factory=dict)
    controls: dict[str, ControlForm] = Field(default_factory=dict)
