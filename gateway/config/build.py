"""A site file's form -> `Site`: units of the keys become inside units. What is wrong has been said before."""

from collections.abc import Callable
from dataclasses import fields
from math import inf
from pathlib import Path
from types import MappingProxyType

from gateway.config.build_safety import PHASES, failsafe_of, feeders_of, interlocks_of
from gateway.config.build_services import services_of, when_of
from gateway.config.callers import packet
from gateway.config.dashboard import listen_of
from gateway.config.energy_form import energy_of
from gateway.config.form import (
    AnyAsset,
    BatteryForm,
    ChillerForm,
    ConnectionForm,
    DimmerForm,
    EvFleetForm,
    FansForm,
    LinkForm,
    PvForm,
    SiteForm,
    SwitchedForm,
    ZonesForm,
)
from gateway.model.site import (
    Asset,
    Battery,
    Chiller,
    Connection,
    Control,
    Detail,
    Device,
    Dimmer,
    EvFleet,
    Fans,
    Limits,
    Link,
    Pv,
    Site,
    Switched,
    Transport,
    Zones,
)

_KILO = 1000.0
_PLAIN = (
    "baud", "parity", "stop_bits", "timeout_s", "connect_timeout_s", "connect_delay_s", "min_gap_s",
    "check_transaction_id", "pipeline", "release_after_poll", "dials_in", "server_name",
    "security_mode", "user", "subscribe", "deadband_pct",
)  # fmt: skip


def site_of(form: SiteForm, folder: Path) -> Site:
    """The site; `folder` is the site file's, to which the paths in it are relative."""
    limits = form.limits
    return Site(
        id=form.site.id,
        timezone=form.site.timezone,
        meter=form.site.meter,
        connections=MappingProxyType({key: _connection(key, line, folder) for key, line in form.connections.items()}),
        devices=MappingProxyType({key: _device(form, key) for key in form.devices}),
        assets=MappingProxyType({key: _asset(key, asset) for key, asset in form.assets.items()}),
        limits=Limits(
            max_import_w=_or_inf(limits.max_import_kw),
            max_export_w=_or_inf(limits.max_export_kw),
            failsafe_import_w=_watts(limits.failsafe_import_kw),
            most_load_w=_watts(limits.most_load_kw),
            least_load_w=limits.least_load_kw * _KILO,
        ),
        services=services_of(form.services, folder),
        links=MappingProxyType({key: _link(key, link, folder) for key, link in form.links.items()}),
        control=Control(**{item.name: getattr(form.control, item.name) for item in fields(Control)}),
        interlocks=MappingProxyType(interlocks_of(form)),
        feeders=MappingProxyType(feeders_of(form)),
        failsafe=failsafe_of(form.failsafe),
        dashboard=listen_of(form.dashboard, folder),
        audit_seal=form.audit.seal,
        energy=energy_of(form.energy, form.site.meter),
        folder=folder,
    )


def transport_of(form: ConnectionForm) -> list[tuple[Transport, str]]:
    """The ways to speak that a connection names; exactly one is right."""
    found = [(transport, getattr(form, transport.value)) for transport in Transport]
    return [(transport, address) for transport, address in found if address is not None]


def devices_of(asset: AnyAsset) -> tuple[str, ...]:
    """The devices an asset is made of."""
    return (asset.device,) if isinstance(asset, BatteryForm) else tuple(asset.devices)


def bounds_kw(asset: AnyAsset) -> tuple[float, float]:
    """Least and most consumption while a service uses the asset; where it may be left out: what the asset can do."""
    match asset:
        case BatteryForm():
            low, high = -asset.max_discharge_kw, asset.max_charge_kw
        case PvForm():
            low, high = -asset.rated_kw * len(asset.devices), 0.0
        case SwitchedForm():
            low, high = 0.0, asset.rated_kw * len(asset.devices)
        case _:
            return asset.min_kw, asset.max_kw
    return low if asset.min_kw is None else asset.min_kw, high if asset.max_kw is None else asset.max_kw


def params_of(form: SiteForm, device: str) -> dict[str, float | str]:
    """What the site says of a device: its parameters, and what its asset says of a relay's load or a room's set-point."""
    found: dict[str, float | str] = {}
    for asset in form.assets.values():
        if isinstance(asset, SwitchedForm) and device in asset.devices:
            found |= {"load_kw": asset.rated_kw, "contact": asset.contact}
        if isinstance(asset, ZonesForm) and device in asset.devices:
            found |= {"setpoint_c": asset.setpoint_c}
    return {**found, **form.devices[device].params}


def _watts(kw: float | None) -> float | None:
    return None if kw is None else kw * _KILO


def _or_inf(kw: float | None) -> float:
    return inf if kw is None else kw * _KILO


def _connection(key: str, form: ConnectionForm, folder: Path) -> Connection:
    transport, address = transport_of(form)[0]
    return Connection(
        key,
        transport,
        address,
        registration=_bytes(form.registration),
        heartbeat=_bytes(form.heartbeat),
        peer=form.peer or "",
        ca_file=_path(folder, form.ca_file),
        cert_file=_path(folder, form.cert_file),
        key_file=_path(folder, form.key_file),
        security_policy=form.security_policy or "",
        password_file=_path(folder, form.password_file),
        user_cert_file=_path(folder, form.user_cert_file),
        user_key_file=_path(folder, form.user_key_file),
        trust_dir=_path(folder, form.trust_dir),
        **{name: getattr(form, name) for name in _PLAIN},
    )


def _bytes(text: str | None) -> bytes:
    return b"" if text is None else packet(text)


def _path(folder: Path, name: str | None) -> Path | None:
    return None if name is None else folder / name


def _device(site: SiteForm, key: str) -> Device:
    form = site.devices[key]
    return Device(
        id=key,
        profile=form.profile,
        connection=form.on,
        unit_id=form.unit_id,
        params=MappingProxyType(params_of(site, key)),
        poll_s=form.poll_s,
    )


def _asset(key: str, form: AnyAsset) -> Asset:
    low, high = bounds_kw(form)
    operating = 0.0 if form.operating_kw is None and isinstance(form, BatteryForm) else form.operating_kw
    return Asset(
        id=key,
        devices=devices_of(form),
        min_w=low * _KILO,
        max_w=high * _KILO,
        operating_w=_watts(operating),
        safe_w=_watts(form.safe_kw),
        dead_time_s=form.dead_time_s,
        lag_s=form.lag_s,
        detail=_DETAIL[type(form)](form),
        ramp_w_per_s=_or_inf(form.ramp_kw_per_s),
        priority=form.priority,
        cost_per_wh=(form.wear_cost_per_kwh + form.rebound_cost_per_kwh) / _KILO,
        command_period_s=form.command_s,
        phase_of=MappingProxyType({device: PHASES.index(phase) for device, phase in form.phase_of.items()}),
    )


def _battery(form: BatteryForm) -> Battery:
    return Battery(
        form.energy_kwh * _KILO, form.soc_min_pct, form.soc_max_pct, form.round_trip_pct, form.cycles_per_day
    )


def _ev_fleet(form: EvFleetForm) -> EvFleet:
    return EvFleet(
        max_current_a=form.max_current_a,
        min_current_a=form.min_current_a,
        safe_current_a=form.safe_current_a,
        volts=form.volts,
        phases=form.phases,
        command_s=form.command_s,
        bookings=form.bookings,
    )


def _fans(form: FansForm) -> Fans:
    return Fans(form.rated_kw * _KILO, form.min_speed_pct, form.max_speed_pct)


def _chiller(form: ChillerForm) -> Chiller:
    return Chiller(
        rated_w=form.rated_kw * _KILO,
        min_part_pct=form.min_part_pct,
        min_on_s=form.min_on_s,
        min_off_s=form.min_off_s,
        max_starts_per_h=form.max_starts_per_h,
        zone=form.zone,
        comfort_c=form.comfort_c,
        comfort_band_k=form.comfort_band_k,
        wh_per_k=None if form.kwh_per_k is None else form.kwh_per_k * _KILO,
    )


def _dimmer(form: DimmerForm) -> Dimmer:
    return Dimmer(form.rated_kw * _KILO, form.min_level_pct)


def _pv(form: PvForm) -> Pv:
    return Pv(form.rated_kw * _KILO)


def _switched(form: SwitchedForm) -> Switched:
    return Switched(
        rated_w=form.rated_kw * _KILO,
        min_on_s=form.min_on_s,
        min_off_s=form.min_off_s,
        max_starts_per_h=form.max_starts_per_h,
        longest_off_s=form.longest_off_s,
    )


def _zones(form: ZonesForm) -> Zones:
    occupied_c = form.occupied_c[0], form.occupied_c[1]
    return Zones(
        meter=form.meter,
        setpoint_c=form.setpoint_c,
        occupied_c=occupied_c,
        unoccupied_c=occupied_c if form.unoccupied_c is None else (form.unoccupied_c[0], form.unoccupied_c[1]),
        w_per_k=form.kw_per_k * _KILO,
        wh_per_k=form.kwh_per_k * _KILO,
        occupied=when_of(form.occupied),
        early_s=form.early_s,
        step_k=form.step_k,
        rebound_w=form.rebound_kw * _KILO,
        heats=form.heats,
    )


_DETAIL: dict[type, Callable[..., Detail]] = {
    BatteryForm: _battery,
    EvFleetForm: _ev_fleet,
    FansForm: _fans,
    ChillerForm: _chiller,
    DimmerForm: _dimmer,
    PvForm: _pv,
    SwitchedForm: _switched,
    ZonesForm: _zones,
}


def _link(key: str, form: LinkForm, folder: Path) -> Link:
    return Link(
        id=key,
        url=form.mqtt,
        user=form.user,
        password_file=_path(folder, form.password_file),
        ca_file=_path(folder, form.ca_file),
        cert_file=_path(folder, form.cert_file),
        key_file=_path(folder, form.key_file),
        telemetry_s=form.telemetry_s,
        receipts=form.receipts,
        version=form.version,
        signers=MappingProxyType({issuer: folder / file for issuer, file in form.signers.items()}),
    )
