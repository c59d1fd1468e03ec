"""The YAML form of a profile: which keys there are and what type each has. What they mean together is `checks`."""

from typing import Annotated, Any, Literal

from pydantic import Field

from gateway.profiles.controlform import ControlForm, StepForm
from gateway.profiles.formwords import (
    AccessName,
    Address,
    EveryName,
    KindName,
    NotNegative,
    OrderName,
    Positive,
    Range,
    Raw,
    Spans,
    TableName,
    UnitId,
    WriteFunction,
)
from gateway.profiles.pointform import NodeStepForm, ParamStepForm, PointForm, TraitForm, WhenForm
from gateway.profiles.vocabulary import PlaceName
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
    pause: PauseForm = PauseForm.model_construct()


class UaForm(Form):
    """Where an OPC UA device's nodes hang: namespaces by URI, and the path from Objects to the device."""

    namespaces: dict[str, str]
    root: list[str | ParamStepForm | NodeStepForm] = Field(default_factory=list)


class PollForm(Form):
    """Periods of the poll classes."""

    fast: Positive = 1.0
    normal: Positive = 5.0
    slow: Positive = 60.0


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

    prefix: PlaceName
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
    link: LinkForm = LinkForm.model_construct()
    ua: UaForm | None = None
    poll_s: PollForm = PollForm.model_construct()
    defaults: DefaultsForm = DefaultsForm.model_construct()
    blocks: list[BlockForm] = Field(default_factory=list)
    points: dict[str, PointForm] = Field(default_factory=dict)
    controls: dict[str, ControlForm] = Field(default_factory=dict)
    sunspec: SunSpecForm | None = None
    identify: list[TraitForm] = Field(default_factory=list)
    prepare: list[StepForm] = Field(default_factory=list)
    variants: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", examples=["timeout_s"])], VariantForm] = Field(
        default_factory=dict
    )
