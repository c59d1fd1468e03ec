"""What `--params` may say for each way to score."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal, TypeVar, get_args

import numpy as np
from pydantic import Field, ValidationInfo, field_validator

from gateway.errors import ConfigError
from gateway.insight.held import Held
from gateway.insight.regions import REGIONS, Region
from gateway.insight.trace import parse_plain, read
from gateway.yamltext.form import Form, fit
from gateway.yamltext.text import read_file

Positive = Annotated[float, Field(gt=0)]


class PjmParams(Form):
    """The buyer's variant."""

    variant: Literal["strict", "allowance", "correlation"] = "strict"


class RegionParams(Form):
    """A region, and numbers of one's own in place of its; without a region Hunan's for storage."""

    region: Literal["hunan_2025", "guangdong", "north_china", "north_china_older", "jiangsu"] = "hunan_2025"
    rate_std: Positive | None = None
    t0_s: Positive | None = None
    e0: Positive | None = None
    cap: Positive | None = None

    def rules(self) -> Region:
        """The region with these numbers."""
        return replace(REGIONS[self.region], **self.model_dump(exclude_none=True, exclude={"region"}))


class DrParams(Form):
    """One event; `baseline` is a constant in W or a CSV `t_s,baseline_w` beside the file, else the record's own column."""

    committed_w: Positive
    start_s: float
    end_s: float
    baseline: float | str | None = None
    rules: Literal["usual", "provincial", "zhejiang"] = "usual"

    @field_validator("end_s")
    @classmethod
    def after_the_start(cls, end_s: float, info: ValidationInfo) -> float:
        """An event has a length."""
        if end_s <= info.data.get("start_s", -np.inf):
            raise ValueError("end_s must be after start_s")
        return end_s


P = TypeVar("P", bound=Form)
SETS: dict[type[Form], str] = {PjmParams: "variant", RegionParams: "region"}
"""The key that `--params NAME` means."""


def read_params(file: Path | None, form: type[P]) -> P:
    """The file, or the named set, as its form; without either every key has its default. ConfigError."""
    if file is None:
        return form()
    key = SETS.get(form)
    if key is not None and str(file) in get_args(form.model_fields[key].annotation):
        return form.model_validate({key: str(file)})
    params, problems = fit(read_file(file), form)
    if params is None:
        raise ConfigError(problems)
    return params


def read_baseline(file: Path, params: DrParams) -> Held | None:
    """The baseline the parameters hand in; None when they leave it to the record. ConfigError."""
    if params.baseline is None:
        return None
    if isinstance(params.baseline, str):
        path = file.parent / params.baseline
        return parse_plain(read(path), str(path), ("t_s", "baseline_w")).held("baseline_w")
    return Held(np.array([-np.inf]), np.array([params.baseline]), np.inf)
