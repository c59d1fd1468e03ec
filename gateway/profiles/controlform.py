"""The YAML form of a profile's controls: steps, keep-alive, what happens without us."""

from typing import Annotated, Literal

from pydantic import Field

from gateway.profiles.formwords import NotNegative, Positive, Range, SignName, SignWord, WearName, WriteFunction
from gateway.yamltext.form import Form


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


class CountForm(Form):
    """A heartbeat: the last value read plus one."""

    point: str
    modulo: Annotated[int, Field(ge=2)] = 65536


class ParamValue(Form):
    """A number that the site gives: a code, a password."""

    param: str


class StepForm(Form):
    """Exactly one of set, wait_s, until, mask, count."""

    set: dict[str, float | str | ParamValue | dict[SignWord, float | str]] | None = None
    together: bool = False
    wait_s: Positive | None = None
    until: UntilForm | None = None
    within_s: Positive | None = None
    mask: MaskForm | None = None
    count: CountForm | None = None


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
    at_most: str | None = None
    at_least: str | None = None
    doc: str = ""
