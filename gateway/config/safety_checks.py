"""What interlocks, feeders and services of a site file must satisfy together with the rest of it."""

from typing import TYPE_CHECKING

from gateway.config.build import bounds_kw, devices_of
from gateway.config.build_safety import tree_below
from gateway.config.form import EvFleetForm
from gateway.config.safety_form import FeederForm
from gateway.texts import say
from gateway.yamltext import KeyPath

if TYPE_CHECKING:
    from gateway.config.checks import Checking


def safety_problems(checking: "Checking") -> None:
    """Every problem of `interlocks`, `feeders`, the phases of assets and the services' assets."""
    _interlocks(checking)
    _feeders(checking)
    _phases(checking)
    _services(checking)


def _interlocks(checking: "Checking") -> None:
    form = checking.form
    for key, lock in form.interlocks.items():
        path: KeyPath = ("interlocks", key)
        _point(checking, lock.device, lock.point, path=path)
        for number, asset in enumerate(lock.assets or []):
            checking.known(asset, form.assets, path=(*path, "assets", number), what="asset")


def _feeders(checking: "Checking") -> None:
    form = checking.form
    steered = [device for asset in form.assets.values() for device in devices_of(asset)]
    owners: dict[str, str] = {}
    for key, feeder in form.feeders.items():
        path: KeyPath = ("feeders", key)
        if feeder.parent is not None:
            checking.known(feeder.parent, form.feeders, path=(*path, "parent"), what="feeder")
            if feeder.parent in tree_below(key, form.feeders):
                checking.refuse((*path, "parent"), "cycle", say("problem.hangs", what=feeder.parent, on=key))
        if feeder.max_import_kw is None and feeder.max_export_kw is None and feeder.max_phase_a is None:
            checking.problems.append(
                checking.document.key_problem(
                    path, "missing_key", say("problem.limits_nothing"), remedy=say("remedy.write_max_import")
                )
            )
        if feeder.meter is not None:
            _point(checking, feeder.meter, "power.active", path=path, key="meter")
        _ratings(checking, key, feeder)
        for number, device in enumerate(feeder.devices):
            where: KeyPath = (*path, "devices", number)
            if not checking.known(device, steered, path=where, what="device"):
                continue
            if (other := owners.setdefault(device, key)) != key:
                message = say("problem.hangs", what=device, on=other)
                checking.refuse(where, "same_device", message, see=checking.see(("feeders", other)))


def _ratings(checking: "Checking", key: str, feeder: FeederForm) -> None:
    """A feeder's limits against what hangs on it, and against what it hangs on."""
    path: KeyPath = ("feeders", key)
    limit_kw = feeder.max_import_kw
    above = checking.form.feeders.get(feeder.parent or "")
    if (
        above is not None
        and above.max_import_kw is not None
        and limit_kw is not None
        and limit_kw > above.max_import_kw
    ):
        message = say("problem.carries", feeder=feeder.parent, kw=above.max_import_kw)
        see = checking.see(("feeders", feeder.parent or "", "max_import_kw"))
        checking.refuse((*path, "max_import_kw"), "above_parent", message, see=see)
    if limit_kw is not None and feeder.meter is None and feeder.other_load_kw > limit_kw:
        message = say("problem.other_load", kw=feeder.other_load_kw)
        checking.refuse((*path, "max_import_kw"), "below_least", message)
    for asset in checking.form.assets.values():
        if not isinstance(asset, EvFleetForm):
            continue
        least_kw = asset.min_current_a * asset.volts * asset.phases / 1000.0
        for device in set(asset.devices) & set(feeder.devices):
            if feeder.max_phase_a is not None and feeder.max_phase_a < asset.min_current_a:
                message = say("problem.least_current", device=device, amperes=asset.min_current_a)
                checking.refuse((*path, "max_phase_a"), "below_least", message)
            elif limit_kw is not None and limit_kw < least_kw:
                message = say("problem.least_power", device=device, kw=least_kw)
                checking.refuse((*path, "max_import_kw"), "below_least", message)


def _phases(checking: "Checking") -> None:
    for key, asset in checking.form.assets.items():
        for device in asset.phase_of:
            path: KeyPath = ("assets", key, "phase_of", device)
            checking.known(device, devices_of(asset), path=path, what="device", key=True)


def _services(checking: "Checking") -> None:
    services, assets = checking.form.services, checking.form.assets
    claimed: dict[str, float] = {}
    for service in ("regulation", "demand_response", "automatic_response"):
        sold = getattr(services, service)
        for name, kw in ({} if sold is None else sold.claims_kw).items():
            path: KeyPath = ("services", service, "claims_kw", name)
            if not checking.known(name, assets, path=path, what="asset", key=True):
                continue
            low, high = bounds_kw(assets[name])
            claimed[name] = claimed.get(name, 0.0) + kw
            if claimed[name] > (high - low) / 2.0 + 1e-9:
                message = say("problem.claims", asset=name, can=(high - low) / 2.0, claimed=claimed[name])
                checking.refuse(path, "out_of_range", message)
    if services.tariff is not None:
        path = ("services", "tariff", "asset")
        if checking.known(services.tariff.asset, assets, path=path, what="asset"):
            _battery(checking, services.tariff.asset, path=path)
    if services.frequency is not None:
        path = ("services", "frequency", "asset")
        if checking.known(services.frequency.asset, assets, path=path, what="asset"):
            _battery(checking, services.frequency.asset, path=path)
        _point(checking, services.frequency.device, services.frequency.point, path=path[:-1])


def _battery(checking: "Checking", name: str, *, path: KeyPath) -> None:
    if checking.form.assets[name].kind != "battery":
        checking.refuse(path, "wrong_kind", say("problem.no_battery", name=name), remedy=say("remedy.name_battery"))


def _point(checking: "Checking", device: str, point: str, *, path: KeyPath, key: str = "device") -> None:
    if not checking.known(device, checking.form.devices, path=(*path, key), what="device"):
        return
    profile = checking.profiles.get(device)
    if profile is not None and (point not in profile.points or not profile.points[point].readable):
        where: KeyPath = path if key == "meter" else (*path, "point")
        checking.refuse(
            (*where, key) if key == "meter" else where,
            "profile_lacks",
            say("problem.profile_lacks", profile=profile.name, point=point),
        )
