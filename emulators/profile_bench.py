"""Bare profiles -> a site: devices named after their class, one Modbus TCP line and one OPC UA line, an asset a battery.

A site needs a meter at the connection point: without one among the profiles, one is added.
"""

import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emulators.lines import Line, Wiring
from emulators.standalone import StandAlone, start_values
from gateway.errors import ConfigError, Problem
from gateway.model.site import Connection, Device, Transport
from gateway.profiles.load import load_profile, load_profile_file, profile_names
from gateway.profiles.schema import Profile, Protocol
from gateway.shipped import shipped
from gateway.texts import say
from gateway.yamltext import read_file
from gateway.yamltext.form import nearest

METER = "meter/abb_b23"
MAX_UNITS = 247
NOWHERE = {Transport.MODBUS_TCP: "127.0.0.1:502", Transport.OPCUA: "opc.tcp://127.0.0.1:4840/"}
CALLER = b"BENCH"
"""What a box says first that calls the gateway."""
HOURS = 2.0
"""Energy of a battery over its power, which its profile does not say."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One profile and where its vectors lie; `file` None: a shipped one."""

    profile: Profile
    file: Path | None

    @property
    def vectors(self) -> Path:
        """Where its vectors lie, if it has any."""
        file = self.file or shipped("device_profiles") / f"{self.profile.name}.yaml"
        return file.with_name(f"{file.stem}.vectors.yaml")


def is_profile(target: str) -> bool:
    """Whether a target means a profile: the name of one that ships, or a file that says so."""
    if target in profile_names():
        return True
    path = Path(target)
    if not path.is_file() or path.suffix != ".yaml":
        return target.count("/") == 1 and not path.suffix
    data = read_file(path).data
    return isinstance(data, dict) and ("profile" in data or "extends" in data)


def kinds_of(targets: Iterable[str]) -> list[Kind]:
    """The profiles named; ConfigError with every problem of them."""
    kinds: list[Kind] = []
    problems: list[Problem] = []
    for target in targets:
        file = Path(target) if Path(target).is_file() else None
        try:
            kinds.append(Kind(load_profile(target) if file is None else load_profile_file(file), file))
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise ConfigError(problems)
    return kinds


def wiring_of_profiles(targets: Iterable[str], *, dials_in: bool = False) -> tuple[Wiring, StandAlone]:
    """The wiring of these profiles (repeat one for several devices), and the values behind it; ConfigError.

    `dials_in`: those on Modbus are a serial line behind a box that calls the gateway.
    """
    kinds = kinds_of(targets)
    if not any("power.active" in kind.profile.points for kind in kinds):
        kinds.insert(0, Kind(load_profile(METER), None))
    if len(kinds) > MAX_UNITS:
        message = say("problem.many_devices", count=len(kinds))
        raise ConfigError([Problem("PROFILE", 1, 1, "", "too_many", message, say("remedy.at_most", most=MAX_UNITS))])
    values = StandAlone()
    devices: dict[str, list[Device]] = {}
    profiles: dict[str, Profile] = {}
    for kind, name in zip(kinds, _names(kinds), strict=True):
        profile = profiles[name] = kind.profile
        line = "cooling" if profile.protocol is Protocol.OPCUA else "bench"
        here = devices.setdefault(line, [])
        here.append(Device(name, profile.name, line, len(here) + 1, _params(profile, here)))
        values.add(name, profile, start_values(profile, kind.vectors))
    lines = []
    for line, there in devices.items():
        connection = Connection(line, Transport.MODBUS_TCP, NOWHERE[Transport.MODBUS_TCP])
        if line == "cooling":
            connection = Connection(line, Transport.OPCUA, NOWHERE[Transport.OPCUA])
        elif dials_in:
            connection = Connection(line, Transport.MODBUS_RTU_TCP, "", dials_in=True, registration=CALLER)
        lines.append(Line(connection, tuple(there)))
    return Wiring(_site(lines, profiles), tuple(lines), profiles), values


def copy_profiles(targets: Iterable[str], out: Path) -> None:
    """Put the profiles given by path, and what they extend, where a site file in `out` finds them."""
    for file in (Path(target) for target in targets if Path(target).is_file()):
        folder = file.parent.parent
        wanted = f"{file.parent.name}/{file.stem}"
        while wanted and (here := folder / f"{wanted}.yaml").is_file():
            there = out / "device_profiles" / f"{wanted}.yaml"
            there.parent.mkdir(parents=True, exist_ok=True)
            if here.resolve() != there.resolve():
                shutil.copyfile(here, there)
            wanted = str(read_file(here).data.get("extends", ""))


def unknown_target(target: str, scenarios: list[str]) -> Problem:
    """A target that is neither a scenario nor a profile."""
    near = nearest(target, [*scenarios, *profile_names()])
    remedy = (
        say("remedy.nearest", near=near)
        if near
        else say("remedy.targets", scenarios=", ".join(scenarios), profiles=", ".join(profile_names()))
    )
    return Problem(target, 1, 1, "", "unknown_target", say("problem.no_target"), remedy, near)


def _names(kinds: Iterable[Kind]) -> list[str]:
    """`pcc` for the first meter, else the class, numbered where there are several."""
    classes = [kind.profile.device_class for kind in kinds]
    metered = [("power.active" in kind.profile.points) for kind in kinds]
    names: list[str] = []
    for at, name in enumerate(classes):
        if metered[at] and "pcc" not in names:
            names.append("pcc")
        elif classes.count(name) == 1:
            names.append(name)
        else:
            names.append(f"{name}{classes[: at + 1].count(name):02}")
    return names


def _params(profile: Profile, here: list[Device]) -> Mapping[str, Any]:
    """Several machines of one type on one OPC UA server need different names; the n-th takes the n-th choice."""
    before = sum(device.profile == profile.name for device in here)
    chosen: dict[str, Any] = {}
    for name, param in profile.params.items():
        if profile.protocol is Protocol.OPCUA and param.choices:
            chosen[name] = param.choices[min(before, len(param.choices) - 1)]
        elif param.default is None:
            chosen[name] = param.choices[0] if param.choices else (param.low or 1.0)
    return chosen


def _site(lines: list[Line], profiles: Mapping[str, Profile]) -> dict[str, Any]:
    devices = {}
    assets = {}
    for device in (device for line in lines for device in line.devices):
        entry: dict[str, Any] = {"profile": device.profile, "on": device.connection}
        if device.connection == "bench":
            entry["unit_id"] = device.unit_id
        if device.params:
            entry["params"] = dict(device.params)
        devices[device.id] = entry
        if (asset := _asset(device.id, profiles[device.id])) is not None:
            assets[device.id] = asset
    return {
        "site": {"id": "bench", "timezone": "Asia/Shanghai", "meter": "pcc"},
        "connections": {line.connection.id: _connection(line.connection) for line in lines},
        "devices": devices,
        "assets": assets,
    }


def _connection(connection: Connection) -> dict[str, Any]:
    calls = {"dials_in": True, "registration": connection.registration.decode()} if connection.dials_in else {}
    return {connection.transport.value: connection.address, **calls}


def _asset(device: str, profile: Profile) -> dict[str, Any] | None:
    control = profile.controls.get("battery.power.setpoint")
    if control is None or not {"battery.power", "battery.soc"} <= set(profile.points):
        return None
    charge_kw, discharge_kw = control.high / 1000.0, -control.low / 1000.0
    return {
        "kind": "battery",
        "device": device,
        "max_charge_kw": charge_kw,
        "max_discharge_kw": discharge_kw,
        "energy_kwh": HOURS * max(charge_kw, discharge_kw),
        "safe_kw": 0,
    }
