"""What must be asked for an asset: which devices can be one, which numbers only a nameplate knows. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from gateway.commission.proposal import Placed, free_name, profile_of
from gateway.profiles.schema import Profile


@dataclass(frozen=True, slots=True)
class Needed:
    """One kind of asset: the points and controls its devices must have, the numbers to ask for, whether it is a group."""

    points: tuple[str, ...]
    control: str
    asked: tuple[str, ...]
    group: bool
    bounded: bool = True
    """Its bounds must be written; those of the others follow from what is asked."""


KINDS: Mapping[str, Needed] = {
    "battery": Needed(
        ("battery.power", "battery.soc"),
        "battery.power.setpoint",
        ("max_charge_kw", "max_discharge_kw", "energy_kwh"),
        group=False,
    ),
    "ev_fleet": Needed(("ev.power", "ev.state", "ev.current.limit"), "ev.current.limit", ("max_kw",), group=True),
    "fans": Needed(("fan.power", "fan.speed"), "fan.speed.setpoint", ("rated_kw", "min_speed_pct"), group=True),
    "chiller": Needed(("chiller.power", "chiller.running"), "chiller.demand.limit", ("rated_kw",), group=True),
    "dimmer": Needed(("light.power",), "light.level.setpoint", ("rated_kw", "min_level_pct"), group=True),
    "pv": Needed(("pv.power",), "pv.power.limit.percent", ("rated_kw",), group=True, bounded=False),
    "switched": Needed(
        ("switch.power", "switch.on"), "switch.on", ("rated_kw", "operating_kw"), group=True, bounded=False
    ),
    "zones": Needed(  # its meter and its comfort band are no numbers: `gateway check` asks for them
        ("zone.temperature", "zone.temperature.setpoint"),
        "zone.temperature.setpoint",
        ("max_kw", "setpoint_c", "kw_per_k", "kwh_per_k"),
        group=True,
    ),
}


@dataclass(frozen=True, slots=True)
class Possible:
    """An asset that some devices could be."""

    id: str
    kind: str
    devices: tuple[str, ...]

    @property
    def asked(self) -> tuple[str, ...]:
        """The numbers that only a person knows; of a group, of all its devices together."""
        return KINDS[self.kind].asked


def possible_assets(devices: Iterable[Placed], profiles: Mapping[str, Profile]) -> list[Possible]:
    """What the devices could be as assets: each battery by itself, the others as groups of their kind."""
    placed = list(devices)
    found: list[Possible] = []
    for kind, needed in KINDS.items():
        able = [one.id for one in placed if _can_be(profile_of(one, profiles), needed)]
        groups = [tuple(able)] if needed.group and able else [(one,) for one in able]
        for members in groups:
            taken = [one.id for one in found]
            found.append(Possible(free_name(kind if needed.group else members[0], taken), kind, members))
    return found


def _can_be(profile: Profile, needed: Needed) -> bool:
    return set(needed.points) <= set(profile.points) and needed.control in profile.controls


def asset_lines(asset: Possible, numbers: Sequence[float]) -> str:
    """The asset as a line of a site file, from the numbers in the order of `asked`."""
    given = dict(zip(asset.asked, numbers, strict=True))
    said = [f"kind: {asset.kind}"]
    if KINDS[asset.kind].group:
        said.append(f"devices: [{', '.join(asset.devices)}]")
        if KINDS[asset.kind].bounded:
            said += ["min_kw: 0", f"max_kw: {given.get('max_kw', given.get('rated_kw', 0.0)):g}"]
        given.pop("max_kw", None)
    else:
        said.append(f"device: {asset.devices[0]}")
    said += [f"{name}: {value:g}" for name, value in given.items()]
    said += ["safe_kw: 0"] if asset.kind == "battery" else []
    return f"  {asset.id}: {{{', '.join(said)}}}"
