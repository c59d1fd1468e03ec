"""The lines of a site file, as far as emulators need them: which devices answer where, with which profile."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from gateway.model.site import Connection, Device, Transport
from gateway.profiles.load import load_profile
from gateway.profiles.schema import Profile
from gateway.yamltext import read_file


@dataclass(frozen=True, slots=True)
class Line:
    """One connection and the devices on it."""

    connection: Connection
    devices: tuple[Device, ...]


@dataclass(frozen=True, slots=True)
class Wiring:
    """All lines of a site file, and the file's data to write a copy with other addresses."""

    data: Mapping[str, Any]
    lines: tuple[Line, ...]
    profiles: Mapping[str, Profile]
    """By device."""

    def moved(self, addresses: Mapping[str, str], *, history: str | None = None) -> dict[str, Any]:
        """The site file's data with the connections at `addresses`, and a history file for demand response."""
        connections = {}
        for name, given in self.data["connections"].items():
            kind = next(key for key in given if key in set(Transport))
            connections[name] = {**given, kind: addresses[name]}
        data = {**self.data, "connections": connections}
        response = data.get("services", {}).get("demand_response")
        if history is not None and response is not None:
            data["services"] = {**data["services"], "demand_response": {**response, "history_file": history}}
        return data


def wiring_of(site: Path) -> Wiring:
    """Read a well-formed site file; ConfigError when it cannot be read or names an unknown profile."""
    data = read_file(site).data
    connections = {name: _connection(name, given) for name, given in data["connections"].items()}
    devices: dict[str, list[Device]] = {name: [] for name in connections}
    profiles: dict[str, Profile] = {}
    loaded: dict[str, Profile] = {}
    for name, given in data["devices"].items():
        device = Device(name, given["profile"], given["on"], given.get("unit_id", 1), given.get("params", {}))
        devices[device.connection].append(device)
        if device.profile not in loaded:
            loaded[device.profile] = load_profile(device.profile)
        profiles[name] = loaded[device.profile]
    lines = tuple(Line(connection, tuple(devices[name])) for name, connection in connections.items())
    return Wiring(data, lines, profiles)


def _connection(name: str, given: Mapping[str, Any]) -> Connection:
    kind = next(key for key in given if key in set(Transport))
    connection = Connection(name, Transport(kind), str(given[kind]))
    plain = {key: given[key] for key in ("baud", "timeout_s", "dials_in") if key in given}
    return replace(connection, **plain, registration=_packet(str(given.get("registration", ""))))


def _packet(text: str) -> bytes:
    """What a box says first: plain text, or `hex:` and its bytes."""
    return bytes.fromhex(text[4:]) if text.startswith("hex:") else text.encode("ascii")


def write_yaml(path: Path, data: Mapping[str, Any]) -> None:
    """Write a site file; the first line lets editors complete it."""
    text = yaml.safe_dump(dict(data), sort_keys=False, allow_unicode=True, width=120)
    path.write_text("# Written by `gateway emulate`: the site file with the addresses of this run.\n" + text)
