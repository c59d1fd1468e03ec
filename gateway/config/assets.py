"""What one asset of a site file must satisfy: its bounds, and what the profiles of its devices must offer."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from gateway.config.build import bounds_kw, devices_of
from gateway.config.form import AnyAsset, BatteryForm, ChillerForm, EvFleetForm, FansForm
from gateway.config.kind_checks import Found, kind_problems, pace_problem
from gateway.profiles.places import places_of
from gateway.profiles.schema import Profile
from gateway.texts import listed, say
from gateway.yamltext import KeyPath

NEEDS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "battery": (("battery.power", "battery.soc"), ("battery.power.setpoint",)),
    "ev_fleet": (("ev.power", "ev.state", "ev.current.limit"), ("ev.current.limit",)),
    "fans": (("fan.power", "fan.speed"), ("fan.speed.setpoint",)),
    "chiller": (("chiller.power", "chiller.running"), ("chiller.demand.limit",)),
    "dimmer": (("light.power",), ("light.level.setpoint",)),
    "pv": (("pv.power",), ("pv.power.limit.percent",)),
    "switched": (("switch.power", "switch.on"), ("switch.on",)),
    "zones": (("zone.temperature", "zone.temperature.setpoint"), ("zone.temperature.setpoint",)),
}
"""Kind of asset -> points and controls that the profile of each of its devices must have."""


@dataclass(frozen=True, slots=True)
class AssetProblem:
    """Something wrong with an asset; the path is in the site file."""

    path: KeyPath
    code: str
    message: str
    remedy: str = ""


def asset_problems(key: str, form: AnyAsset, profiles: Mapping[str, Profile]) -> Iterator[AssetProblem]:
    """Everything wrong with one asset; `profiles` are by device, those that could be loaded."""
    path: KeyPath = ("assets", key)
    yield from _bounds(form, path)
    yield from (_of_kind(found, path) for found in kind_problems(form))
    points, controls = NEEDS[form.kind]
    for number, device in enumerate(devices_of(form)):
        profile = profiles.get(device)
        if profile is None:
            continue
        lacking = [name for name in points if name not in profile.points]
        lacking += [say("word.control", name=name) for name in controls if name not in profile.controls]
        if lacking:
            where = (*path, "device") if isinstance(form, BatteryForm) else (*path, "devices", number)
            message = say("problem.asset_lacks", profile=profile.name, lacking=listed(lacking), kind=form.kind)
            yield AssetProblem(where, "profile_lacks", message, _instead(profile, points))
        else:
            yield from _beyond(form, profile, path)
            yield from (_of_kind(found, path) for found in pace_problem(form, profile))
    yield from _helpers(form, profiles, path)


def _of_kind(found: Found, path: KeyPath) -> AssetProblem:
    key, code, message, remedy = found
    return AssetProblem((*path, key), code, message, remedy)


def _instead(profile: Profile, points: tuple[str, ...]) -> str:
    """What to do with a device that cannot be an asset of this kind: one of its places, or what its profile says."""
    for place in places_of(profile):
        if all(f"{place}.{name}" in profile.points for name in points):
            return say("remedy.device_of_place", profile=profile.name, place=place)
    return profile.no_asset or say("remedy.other_device")


def _beyond(form: AnyAsset, profile: Profile, path: KeyPath) -> Iterator[AssetProblem]:
    """What the site wants of a device against what its control can do."""
    wanted: dict[str, tuple[str, float]] = {}
    if isinstance(form, BatteryForm):
        wanted["max_charge_kw"] = "battery.power.setpoint", form.max_charge_kw * 1000
        wanted["max_discharge_kw"] = "battery.power.setpoint", -form.max_discharge_kw * 1000
    elif isinstance(form, EvFleetForm):
        wanted["max_current_a"] = "ev.current.limit", form.max_current_a
        if form.safe_current_a <= form.max_current_a:
            wanted["safe_current_a"] = "ev.current.limit", form.safe_current_a
    for key, (name, value) in wanted.items():
        control = profile.controls[name]
        if not control.low <= value <= control.high:
            message = say(
                "problem.beyond_device",
                profile=profile.name,
                low=control.low,
                high=control.high,
                unit=control.unit,
                value=value,
            )
            end = abs(control.high if value > control.high else control.low) / (1000.0 if key.endswith("_kw") else 1.0)
            less = value > control.high or key == "max_discharge_kw"
            remedy = say("remedy.or_less", most=end) if less else say("remedy.or_larger", least=end)
            yield AssetProblem((*path, key), "beyond_device", message, remedy)


def _helpers(form: AnyAsset, profiles: Mapping[str, Profile], path: KeyPath) -> Iterator[AssetProblem]:
    """The devices an asset is helped by must have what they are named for."""
    for key, point in (("bookings", "ev.energy.owed"), ("zone", "zone.temperature"), ("meter", "power.active")):
        profile = profiles.get(getattr(form, key, None) or "")
        if profile is not None and not any(name.endswith(point) for name in profile.points):
            yield AssetProblem(
                (*path, key), "profile_lacks", say("problem.profile_lacks", profile=profile.name, point=point)
            )


def _bounds(form: AnyAsset, path: KeyPath) -> Iterator[AssetProblem]:
    low, high = bounds_kw(form)
    if low > high:
        key = "min_kw" if form.min_kw is not None else "max_kw"
        yield AssetProblem(
            (*path, key), "min_above_max", say("problem.min_kw_above", low=low, high=high), say("remedy.swap")
        )
    elif form.safe_kw is not None and not low <= form.safe_kw <= high:
        message = say("problem.safe_outside", safe=form.safe_kw, low=low, high=high)
        yield AssetProblem((*path, "safe_kw"), "out_of_range", message)
    elif form.operating_kw is not None and not low <= form.operating_kw <= high:
        message = say("problem.operating_outside", operating=form.operating_kw, low=low, high=high)
        yield AssetProblem((*path, "operating_kw"), "out_of_range", message)
    if isinstance(form, BatteryForm):
        yield from _ordered(form, "soc_min_pct", "soc_max_pct", path=path)
        if low < -form.max_discharge_kw or high > form.max_charge_kw:
            key = "min_kw" if low < -form.max_discharge_kw else "max_kw"
            yield AssetProblem((*path, key), "out_of_range", say("problem.beyond_battery"))
    if isinstance(form, EvFleetForm):
        yield from _ordered(form, "min_current_a", "max_current_a", path=path)
        if not 0 <= form.safe_current_a <= form.max_current_a:
            message = say("problem.safe_current", safe=form.safe_current_a, most=form.max_current_a)
            yield AssetProblem((*path, "safe_current_a"), "out_of_range", message)
    if isinstance(form, FansForm):
        yield from _ordered(form, "min_speed_pct", "max_speed_pct", path=path)
    if isinstance(form, ChillerForm) and form.min_part_pct >= 100:
        yield AssetProblem(
            (*path, "min_part_pct"), "out_of_range", say("problem.nothing_to_steer"), say("remedy.less_than_100")
        )


def _ordered(form: AnyAsset, low: str, high: str, *, path: KeyPath) -> Iterator[AssetProblem]:
    first, last = getattr(form, low), getattr(form, high)
    if first >= last:
        key = low if low in form.model_fields_set else high
        yield AssetProblem(
            (*path, key), "min_above_max", say("problem.not_less", low=low, first=first, high=high, last=last)
        )
