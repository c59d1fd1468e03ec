"""The YAML form of what stands above every service: `interlocks`, `feeders`, `failsafe`."""

from typing import Annotated, Literal

from pydantic import Field

from gateway.config.words import Id, NotNegative, Positive
from gateway.yamltext.form import Form


class InterlockForm(Form):
    """A digital input that has its assets (all, when none is named) the moment it leaves its clear value."""

    device: str
    point: str
    assets: Annotated[list[str], Field(min_length=1)] | None = None
    action: Literal["safe", "release", "freeze"] = "safe"
    clear: Literal[0, 1] = 0


class FeederForm(Form):
    """A cable or board with limits of its own; `devices` hang on it directly, children name it as their parent."""

    parent: Id | None = None
    devices: list[str] = Field(default_factory=list)
    max_import_kw: NotNegative | None = None
    max_export_kw: NotNegative | None = None
    max_phase_a: Positive | None = None
    volts: Positive = 230.0
    meter: str | None = None
    other_load_kw: NotNegative
    other_export_kw: NotNegative = 0.0


class SiteMeterForm(Form):
    """What the assets do when the site meter is lost."""

    then: Literal["safe", "hold", "open_loop"] = "safe"
    hold_s: NotNegative = 30.0
    ramp_s: Positive = 60.0


class DeviceLossForm(Form):
    """Devices that were gone."""

    return_s: NotNegative = 0.0


class OperatorForm(Form):
    """The person who set a manual hold may be gone."""

    longest_hold_s: Positive | None = None


class FailsafeForm(Form):
    """What is done about each interface that is lost."""

    site_meter: SiteMeterForm = SiteMeterForm.model_construct()
    device: DeviceLossForm = DeviceLossForm.model_construct()
    operator: OperatorForm = OperatorForm.model_construct()
