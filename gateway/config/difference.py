"""Difference: from one configuration to another: what changes, and which lines, devices and assets it touches. Pure.

A running gateway takes a difference over device by device and link by link: what is not named here goes on without a
pause. What hangs on the whole of a box (its name, where it listens, how it seals) is a change for a restart.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain

from gateway.config.changes import Change, changes
from gateway.config.read import Configured
from gateway.model.site import Asset, Connection, Device, Site, Transport
from gateway.profiles.schema import Profile

RESTART, RECONNECTS, RELEASED = "restart", "reconnects", "released"
"""What a change does besides changing."""
LIVE = frozenset(
    {
        "connections", "devices", "assets", "limits", "services", "feeders", "interlocks", "failsafe", "control",
        "links", "energy",
    }
)  # fmt: skip
"""Sections that a running gateway takes over."""
ENDPOINT = ("transport", "address", "registration", "peer")
"""Who is reached over a connection; the rest says how."""


@dataclass(frozen=True, slots=True)
class Difference:
    """From one configuration to another; names of either."""

    changes: tuple[Change, ...]
    lines: frozenset[str]
    """Connections that are closed, opened, or closed and opened again."""
    devices: frozenset[str]
    """Devices that go, come, or are asked in another way."""
    moved: frozenset[str]
    """Devices of the old site that we no longer reach as we did: what we wrote there is given back first."""
    released: tuple[str, ...]
    """Assets of the old site that are gone or stand on those."""

    @property
    def touches_nothing(self) -> bool:
        """The same site, in other words at most."""
        return not (self.changes or self.devices or self.lines)

    @property
    def for_restart(self) -> tuple[Change, ...]:
        """What a running gateway cannot take over."""
        return tuple(change for change in self.changes if change.effect == RESTART)


def difference(old: Configured, new: Configured) -> Difference:
    """What it takes to come from one to the other."""
    devices = frozenset(name for name in {*old.site.devices, *new.site.devices} if not _same_device(name, old, new))
    moved = frozenset(_moved(old, new))
    names = {*old.site.connections, *new.site.connections}
    lines = frozenset(name for name in names if not _stays_open(name, old, new, devices))
    released = tuple(
        name for name, asset in old.site.assets.items() if _lets_go(asset, new.site.assets.get(name), moved)
    )
    found = [_with_effect(change) for change in changes(old.words, new.words)]
    found += _implied(found, old.site, new.site, devices, lines, released)
    return Difference(tuple(found), lines, devices, moved, released)


def _with_effect(change: Change) -> Change:
    match change:
        case Change(section="connections" | "devices" | "links", kind="changed"):
            return change.with_effect(RECONNECTS)
        case Change(section="assets", kind="removed"):
            return change.with_effect(RELEASED)
        case Change(section="services", key="history"):
            return change.with_effect(RESTART)
    return change if change.section in LIVE else change.with_effect(RESTART)


def _implied(
    told: Iterable[Change],
    old: Site,
    new: Site,
    devices: frozenset[str],
    lines: frozenset[str],
    released: tuple[str, ...],
) -> Iterator[Change]:
    """What is touched without a key of its own having changed: by its profile's file, by what it hangs on."""
    named = {(change.section, change.name) for change in told}
    for section, names, effect in (
        ("connections", sorted(lines & old.connections.keys() & new.connections.keys()), RECONNECTS),
        ("devices", sorted(devices & old.devices.keys() & new.devices.keys()), RECONNECTS),
        ("assets", [name for name in released if name in new.assets], RELEASED),
    ):
        for name in names:
            if effect == RELEASED or (section, name) not in named:
                yield Change(section, name, "again", effect=effect)


def _lets_go(asset: Asset, then: Asset | None, moved: frozenset[str]) -> bool:
    """An asset that is gone, is another kind of thing, or loses a device."""
    gone = then is None or type(asset.detail) is not type(then.detail) or bool(set(asset.devices) - set(then.devices))
    return gone or bool(moved.intersection(asset.devices))


def _same_device(name: str, old: Configured, new: Configured) -> bool:
    one, other = old.site.devices.get(name), new.site.devices.get(name)
    return one is not None and one == other and old.profiles[one.profile] == new.profiles[one.profile]


def _moved(old: Configured, new: Configured) -> Iterator[str]:
    for name, device in old.site.devices.items():
        there, then = old.site.connections[device.connection], new.site.connections.get(device.connection)
        elsewhere = then is None or _endpoint(there) != _endpoint(then)
        if elsewhere or not _stays(device, new.site.devices.get(name), old.profiles, new.profiles):
            yield name


def _stays(device: Device, then: Device | None, before: Mapping[str, Profile], after: Mapping[str, Profile]) -> bool:
    """The same box at the same address, spoken to in the same words, however often."""
    if then is None or (device.connection, device.unit_id) != (then.connection, then.unit_id):
        return False
    return device.params == then.params and before[device.profile] == after[then.profile]


def _endpoint(line: Connection) -> tuple[object, ...]:
    return tuple(getattr(line, name) for name in ENDPOINT)


def _stays_open(line: str, old: Configured, new: Configured, devices: frozenset[str]) -> bool:
    """A line stays open when it is spoken as before and one of its devices stays on it untouched."""
    one, other = old.site.connections.get(line), new.site.connections.get(line)
    if one is None or one != other:
        return False
    there, then = _on(line, old.site), _on(line, new.site)
    if not devices.intersection(chain(there, then)):
        return True
    if not (there.keys() & then.keys()) - devices:
        return False
    return one.transport is Transport.OPCUA or _manners(there.values(), old.profiles) == _manners(
        then.values(), new.profiles
    )


def _on(line: str, site: Site) -> dict[str, Device]:
    return {name: device for name, device in site.devices.items() if device.connection == line}


def _manners(devices: Iterable[Device], profiles: Mapping[str, Profile]) -> tuple[float, float, bool]:
    """What a line keeps to because of who is on it: its pauses, and its patience when several share it."""
    devices = tuple(devices)
    pauses = [profiles[device.profile].pauses for device in devices]
    alone = len({device.unit_id for device in devices}) == 1
    return max(p.connect_s for p in pauses), max(p.request_s for p in pauses), alone
