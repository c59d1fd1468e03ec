"""The form of `services` -> `Services`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from gateway.config.services_form import (
    AutomaticResponseForm,
    DemandResponseForm,
    FrequencyForm,
    PeakLimitForm,
    RegulationForm,
    ServicesForm,
    TariffForm,
    WhenForm,
)
from gateway.model.local import EVERY_DAY, EVERY_MONTH, WHOLE_DAY, FrequencyResponse, PeakLimit, Tariff, When
from gateway.model.point import point_id
from gateway.model.site import AutomaticResponse, DemandResponse, Regulation, Services

_KILO = 1000.0
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def services_of(form: ServicesForm, folder: Path) -> Services:
    """What the site sells and does; `folder` is the site file's."""
    return Services(
        regulation=None if form.regulation is None else _regulation(form.regulation),
        demand_response=None if form.demand_response is None else _demand_response(form.demand_response, folder),
        automatic_response=None if form.automatic_response is None else _automatic(form.automatic_response),
        peak_limit=None if form.peak_limit is None else _peak_limit(form.peak_limit),
        tariff=None if form.tariff is None else _tariff(form.tariff),
        frequency=None if form.frequency is None else _frequency(form.frequency),
    )


def _regulation(form: RegulationForm) -> Regulation:
    return Regulation(
        form.capacity_kw * _KILO, form.signal_period_s, when=when_of(form.when), claims=_claims(form.claims_kw)
    )


def _demand_response(form: DemandResponseForm, folder: Path) -> DemandResponse:
    return DemandResponse(
        max_shed_w=form.max_shed_kw * _KILO,
        history=None if form.history_file is None else folder / form.history_file,
        baseline_days=form.baseline_days,
        adjust_begin_s=form.adjust_begin_s,
        adjust_end_s=form.adjust_end_s,
        adjust_cap=form.adjust_cap,
        when=when_of(form.when),
        claims=_claims(form.claims_kw),
    )


def _automatic(form: AutomaticResponseForm) -> AutomaticResponse:
    return AutomaticResponse(form.max_shed_kw * _KILO, when=when_of(form.when), claims=_claims(form.claims_kw))


def _peak_limit(form: PeakLimitForm) -> PeakLimit:
    return PeakLimit(form.max_import_kw * _KILO, form.window_s, when_of(form.when))


def _tariff(form: TariffForm) -> Tariff:
    return Tariff(
        form.asset, form.charge_kw * _KILO, form.discharge_kw * _KILO, when_of(form.charge), when_of(form.discharge)
    )


def _frequency(form: FrequencyForm) -> FrequencyResponse:
    return FrequencyResponse(
        asset=form.asset,
        point=point_id(form.device, form.point),
        max_w=form.max_kw * _KILO,
        nominal_hz=float(form.nominal_hz),
        dead_band_hz=form.dead_band_hz,
        droop_pct=form.droop_pct,
        when=when_of(form.when),
    )


def _claims(claims_kw: Mapping[str, float]) -> Mapping[str, float]:
    return MappingProxyType({asset: kw * _KILO for asset, kw in claims_kw.items()})


def when_of(forms: Sequence[WhenForm]) -> tuple[When, ...]:
    """Windows of local time."""
    return tuple(
        When(
            EVERY_MONTH if form.months is None else frozenset(form.months),
            EVERY_DAY if form.days is None else frozenset(DAYS.index(day) for day in form.days),
            WHOLE_DAY if form.hours is None else tuple(_span(span) for span in form.hours),
        )
        for form in forms
    )


def _span(text: str) -> tuple[int, int]:
    begin, end = (int(clock[:2]) * 60 + int(clock[3:]) for clock in text.split("-"))
    return begin, end if end > begin else end + 1440
