"""The plant part of a scenario file -> PlantSpec: kW become W, kWh become Wh."""

from math import inf

from emulators.scenario_form import PlantForm, ScenarioForm
from emulators.spec import (
    BatterySpec,
    BuildingSpec,
    ChillersSpec,
    FansSpec,
    FleetSpec,
    FlowsSpec,
    LightsSpec,
    MeterSpec,
    PlantSpec,
    PvSpec,
    Range,
    RelaysSpec,
    RoomsSpec,
)

KILO = 1000.0


def plant_of(form: ScenarioForm) -> PlantSpec:
    """The plant of a well-formed scenario."""
    plant = form.plant
    building, meter = plant.building, plant.meter
    return PlantSpec(
        building=BuildingSpec(
            mean_w=form.load.mean_kw * KILO,
            capacity_w=building.capacity_kw * KILO,
            noise_share=building.noise_share,
            step_loads=building.step_loads,
            step_share=_pair(building.step_share),
            step_wait_s=building.step_wait_s,
        ),
        meter=MeterSpec(
            meter.device, meter.gain_error_pct, meter.resolution_kw * KILO, meter.sample_s, meter.counted_kwh * KILO
        ),
        battery=_battery(plant),
        fleet=_fleet(plant),
        fans=_fans(plant),
        chillers=_chillers(plant),
        lights=_lights(plant),
        flows=None if plant.flows is None else FlowsSpec(**plant.flows.model_dump()),
        pv=_pv(plant),
        relays=_relays(plant),
        rooms=_rooms(plant),
        max_import_w=inf if building.max_import_kw is None else building.max_import_kw * KILO,
        max_export_w=inf if building.max_export_kw is None else building.max_export_kw * KILO,
    )


def _pair(values: list[float]) -> Range:
    return values[0], values[1]


def _battery(plant: PlantForm) -> BatterySpec | None:
    one = plant.battery
    if one is None:
        return None
    return BatterySpec(
        device=one.device,
        max_charge_w=one.max_charge_kw * KILO,
        max_discharge_w=one.max_discharge_kw * KILO,
        energy_wh=one.energy_kwh * KILO,
        soc_min_pct=one.soc_min_pct,
        soc_max_pct=one.soc_max_pct,
        soc_start_pct=one.soc_start_pct,
        round_trip_pct=one.round_trip_pct,
        standby_w=one.standby_kw * KILO,
        dead_time_s=_pair(one.dead_time_s),
        lag_s=one.lag_s,
        reversion_s=one.reversion_s,
    )


def _fleet(plant: PlantForm) -> FleetSpec | None:
    one = plant.chargers
    if one is None:
        return None
    return FleetSpec(
        devices=tuple(one.devices),
        bookings=one.bookings,
        cars=one.cars,
        vehicles=one.vehicles,
        least_cars=one.least_cars,
        mean_w=one.mean_kw * KILO,
        spread=one.spread,
        stay_s=_pair(one.stay_s),
        max_current_a=one.max_current_a,
        min_current_a=one.min_current_a,
        safe_current_a=one.safe_current_a,
        volts=one.volts,
        phases=one.phases,
        command_s=_pair(one.command_s),
        validity_s=one.validity_s,
    )


def _fans(plant: PlantForm) -> FansSpec | None:
    one = plant.fans
    if one is None:
        return None
    return FansSpec(
        devices=tuple(one.devices),
        rated_w=one.rated_kw * KILO,
        natural_speed_pct=one.natural_speed_pct,
        min_speed_pct=one.min_speed_pct,
        dead_time_s=_pair(one.dead_time_s),
        lag_s=_pair(one.lag_s),
        comm_loss_s=one.comm_loss_s,
        power_resolution_w=one.power_resolution_kw * KILO,
    )


def _chillers(plant: PlantForm) -> ChillersSpec | None:
    one = plant.chillers
    if one is None:
        return None
    return ChillersSpec(
        devices=tuple(one.devices),
        rated_w=one.rated_kw * KILO,
        operating_w=one.operating_kw * KILO,
        zone=one.zone,
        min_part_pct=one.min_part_pct,
        dead_time_s=one.dead_time_s,
        lag_s=one.lag_s,
        min_on_s=one.min_on_s,
        min_off_s=one.min_off_s,
        max_starts_per_h=one.max_starts_per_h,
        reversion_s=one.reversion_s,
        zone_wh_per_k=one.zone_kwh_per_k * KILO,
        cop=one.cop,
        leak_s=one.leak_h * 3600.0,
        setpoint_c=one.setpoint_c,
    )


def _lights(plant: PlantForm) -> LightsSpec | None:
    one = plant.lights
    if one is None:
        return None
    return LightsSpec(
        device=one.device,
        rated_w=one.rated_kw * KILO,
        operating_w=one.operating_kw * KILO,
        min_level_pct=one.min_level_pct,
        fallback_pct=one.fallback_pct,
        dead_time_s=one.dead_time_s,
        lag_s=one.lag_s,
        reversion_s=one.reversion_s,
    )


def _pv(plant: PlantForm) -> PvSpec | None:
    one = plant.pv
    if one is None:
        return None
    return PvSpec(
        devices=tuple(one.devices),
        rated_w=one.rated_kw * KILO,
        peak_share=one.peak_share,
        sunrise_s=one.sunrise_h * 3600.0,
        sunset_s=one.sunset_h * 3600.0,
        clear_s=one.clear_s,
        cloud_s=one.cloud_s,
        cloud_depth=one.cloud_depth,
        edge_s=one.edge_s,
        dead_time_s=one.dead_time_s,
        lag_s=one.lag_s,
        reversion_s=one.reversion_s,
    )


def _relays(plant: PlantForm) -> RelaysSpec | None:
    one = plant.relays
    if one is None:
        return None
    return RelaysSpec(tuple(one.devices), one.rated_kw * KILO, one.running, one.spread, one.delay_s)


def _rooms(plant: PlantForm) -> RoomsSpec | None:
    one = plant.rooms
    if one is None:
        return None
    return RoomsSpec(
        devices=tuple(one.devices),
        meter=one.meter,
        rated_w=one.rated_kw * KILO,
        operating_w=one.operating_kw * KILO,
        w_per_k=one.kw_per_k * KILO,
        wh_per_k=one.kwh_per_k * KILO,
        setpoint_c=one.setpoint_c,
        swing=one.swing,
        spread=one.spread,
        integral_s=one.integral_s,
        sample_s=one.sample_s,
        resolution_w=one.resolution_kw * KILO,
        dead_time_s=one.dead_time_s,
        lag_s=one.lag_s,
        cop=one.cop,
        leak_s=one.leak_h * 3600.0,
    )
