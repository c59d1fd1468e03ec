"""The forms of `interlocks`, `feeders` and `failsafe` -> what the site knows of them."""

from collections.abc import Iterator
from math import inf
from typing import TYPE_CHECKING

from gateway.config.safety_form import FailsafeForm, FeederForm
from gateway.model.point import point_id
from gateway.model.request import Action
from gateway.model.safety import Failsafe, Feeder, Interlock, Loss, MeterLoss

if TYPE_CHECKING:
    from gateway.config.form import SiteForm

_KILO = 1000.0
PHASES = ("l1", "l2", "l3")


def interlocks_of(form: "SiteForm") -> dict[str, Interlock]:
    """The interlocks; one that names no assets has them all."""
    return {
        key: Interlock(
            id=key,
            point=point_id(lock.device, lock.point),
            assets=tuple(form.assets if lock.assets is None else lock.assets),
            action=Action(lock.action),
            clear=float(lock.clear),
        )
        for key, lock in form.interlocks.items()
    }


def feeders_of(form: "SiteForm") -> dict[str, Feeder]:
    """The feeders, each with all devices below it; what its children carry besides counts on it as well."""
    return {key: _feeder(key, form) for key in form.feeders}


def _feeder(key: str, form: "SiteForm") -> Feeder:
    own = form.feeders[key]
    below = [form.feeders[name] for name in tree_below(key, form.feeders)]
    return Feeder(
        id=key,
        devices=frozenset(device for feeder in below for device in feeder.devices),
        max_import_w=inf if own.max_import_kw is None else own.max_import_kw * _KILO,
        max_export_w=inf if own.max_export_kw is None else own.max_export_kw * _KILO,
        max_phase_w=inf if own.max_phase_a is None else own.max_phase_a * own.volts,
        volts=own.volts,
        meter=own.meter,
        other_import_w=sum(feeder.other_load_kw for feeder in below) * _KILO,
        other_export_w=sum(feeder.other_export_kw for feeder in below) * _KILO,
    )


def tree_below(key: str, feeders: dict[str, FeederForm]) -> Iterator[str]:
    """A feeder and all below it; a feeder that is its own ancestor comes once."""
    seen, due = set(), [key]
    while due:
        name = due.pop()
        if name in seen:
            continue
        seen.add(name)
        yield name
        due += [child for child, form in feeders.items() if form.parent == name]


def failsafe_of(form: FailsafeForm) -> Failsafe:
    """What is done about each interface that is lost."""
    meter = form.site_meter
    longest_s = form.operator.longest_hold_s
    return Failsafe(
        meter=MeterLoss(Loss(meter.then), meter.hold_s, meter.ramp_s),
        device_return_s=form.device.return_s,
        longest_hold_s=inf if longest_s is None else longest_s,
    )
