"""The section `energy` of a site file: its form and checks, and the `Energy` that is meant."""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from gateway.config.build_services import when_of
from gateway.config.services_form import WhenForm
from gateway.config.words import Id, NotNegative
from gateway.model.energy import USUAL, CarbonFactor, Carrier, Energy, Metered, Price, Tariff
from gateway.model.point import Unit
from gateway.texts import say
from gateway.yamltext import KeyPath
from gateway.yamltext.form import Form

if TYPE_CHECKING:
    from gateway.config.checks import Checking

CarrierWord = Literal["electricity", "heat", "gas", "water"]
Source = Annotated[str, Field(min_length=3, max_length=200)]
UNITS = {"kWh": Unit.WATT_HOUR, "m3": Unit.CUBIC_METRE}


class MeteredForm(Form):
    """One meter: which device, and its counter where it is not the usual one."""

    carrier: CarrierWord
    device: str
    point: str | None = None
    export_point: str | None = None
    part_of: str | None = None


class BandForm(Form):
    """A price that holds in a window; the first of the list whose window is open."""

    name: Id
    price: NotNegative
    when: Annotated[list[WhenForm], Field(min_length=1)]


class TariffForm(Form):
    """What one kWh or m³ costs; `price` outside every band."""

    source: Source
    price: NotNegative | None = None
    export_price: NotNegative | None = None
    bands: list[BandForm] = Field(default_factory=list)


class CarbonForm(Form):
    """kg CO2 a kWh or m³."""

    kg: NotNegative
    source: Source


class EnergyForm(Form):
    """What is metered, what it costs, what it emits."""

    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$", examples=["CNY"])] | None = None
    meters: dict[Id, MeteredForm] = Field(default_factory=dict)
    tariffs: dict[CarrierWord, TariffForm] = Field(default_factory=dict)
    carbon: dict[CarrierWord, CarbonForm] = Field(default_factory=dict)


def energy_of(form: EnergyForm, meter: str) -> Energy:
    """What the section means; without meters the site's own (`meter`) counts, if it counts at all."""
    meters = form.meters or {meter: MeteredForm(carrier="electricity", device=meter)}
    return Energy(
        currency=form.currency or "",
        meters={key: _metered(key, one) for key, one in meters.items()},
        tariffs={Carrier(key): _tariff(one) for key, one in form.tariffs.items()},
        carbon={Carrier(key): CarbonFactor(one.kg, one.source) for key, one in form.carbon.items()},
    )


def energy_problems(checking: "Checking") -> None:
    """Say what is wrong with the section."""
    form = checking.form.energy
    for key, meter in form.meters.items():
        path: KeyPath = ("energy", "meters", key)
        if checking.known(meter.device, checking.form.devices, path=(*path, "device"), what="device"):
            _counter_problems(checking, meter, path)
        if meter.part_of is not None:
            _part_problems(checking, key, path)
    if form.tariffs and form.currency is None:
        problem = checking.document.key_problem(("energy",), "missing_key", say("problem.no_currency"))
        checking.problems.append(problem)
    for carrier, tariff in form.tariffs.items():
        if tariff.price is None and not tariff.bands:
            message = say("problem.no_price")
            problem = checking.document.key_problem(("energy", "tariffs", carrier), "missing_key", message)
            checking.problems.append(problem)


def _counter_problems(checking: "Checking", meter: MeteredForm, path: KeyPath) -> None:
    profile = checking.profiles.get(meter.device)
    if profile is None:
        return
    carrier = Carrier(meter.carrier)
    name = _metered("", meter).counter(profile.points)
    if name is None:
        message = say("problem.no_counter", profile=profile.name, points=", ".join(USUAL[carrier]))
        checking.refuse((*path, "device"), "profile_lacks", message, remedy=say("remedy.name_counter"))
        return
    for key, quantity in (("point", name), ("export_point", meter.export_point)):
        if quantity is None:
            continue
        if quantity not in profile.points:
            checking.refuse(
                (*path, key), "profile_lacks", say("problem.profile_lacks", profile=profile.name, point=quantity)
            )
        elif profile.points[quantity].unit is not UNITS[carrier.unit]:
            unit = profile.points[quantity].unit.value or say("word.no_unit")
            checking.refuse(
                (*path, key),
                "wrong_unit",
                say("problem.counts_unit", point=quantity, unit=unit, carrier=carrier.value, carrier_unit=carrier.unit),
            )


def _part_problems(checking: "Checking", key: str, path: KeyPath) -> None:
    meters = checking.form.energy.meters
    above = meters[key].part_of
    if above is None or not checking.known(above, meters, path=(*path, "part_of"), what="meter"):
        return
    if meters[above].carrier != meters[key].carrier:
        message = say(
            "problem.counts_carrier", above=above, its=meters[above].carrier, meter=key, own=meters[key].carrier
        )
        checking.refuse((*path, "part_of"), "wrong_carrier", message, see=checking.see(("energy", "meters", above)))
    seen = {key}
    while above is not None and above in meters:
        if above in seen:
            checking.refuse((*path, "part_of"), "circle", say("problem.part_of_itself", meter=key))
            return
        seen.add(above)
        above = meters[above].part_of


def _metered(key: str, form: MeteredForm) -> Metered:
    return Metered(key, Carrier(form.carrier), form.device, form.point, form.export_point, form.part_of)


def _tariff(form: TariffForm) -> Tariff:
    return Tariff(
        form.source,
        form.price,
        form.export_price,
        tuple(Price(band.name, band.price, when_of(band.when)) for band in form.bands),
    )
