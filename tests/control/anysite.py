"""Sites drawn at random: assets of every kind at the edges of what a site file may say, with limits, feeders and locks."""

from math import inf
from random import Random
from typing import Any

from gateway.model.local import FrequencyResponse, PeakLimit, Tariff, When
from gateway.model.point import PointId
from gateway.model.request import Action
from gateway.model.safety import Failsafe, Feeder, Interlock, Loss, MeterLoss
from gateway.model.site import (
    Asset,
    AutomaticResponse,
    Battery,
    Chiller,
    Control,
    DemandResponse,
    Detail,
    Dimmer,
    EvFleet,
    Fans,
    Limits,
    Pv,
    Regulation,
    Services,
    Site,
    Switched,
    Zones,
)
from tests.control.fakes import site

KINDS = (Battery, EvFleet, Fans, Chiller, Dimmer, Pv, Switched, Zones)
NEVER = When(months=frozenset({1}), days=frozenset({0}), spans=((0, 1),))
WHEN = ((), (), (When(),), (NEVER,))


def any_site(draw: Random) -> Site:
    """One of at most six assets."""
    of = draw.choice
    assets = [_asset(draw, of(KINDS), at) for at in range(of((0, 1, 1, 2, 3, 6)))]
    return site(
        *assets,
        limits=Limits(
            of((inf, 1e6, 0.0, 5e4)), of((inf, 0.0, 5e4)), of((None, 0.0, 3e5)), of((None, 8e5)), of((0.0, -1e5))
        ),
        services=_services(draw, assets),
        control=Control(
            hold_s=of((5.0, 300.0)),
            ramp_s=of((4.0, 60.0)),
            link_lost_s=of((6.0, 120.0)),
            input_return_s=of((0.0, 1.0)),
        ),
        feeders=_feeders(draw, assets),
        interlocks=_interlocks(draw, [asset.id for asset in assets]),
        failsafe=Failsafe(
            MeterLoss(of((*Loss,)), of((0.0, 5.0, 30.0)), of((1.0, 60.0))), of((0.0, 0.0, 5.0)), of((inf, 10.0))
        ),
    )


def _asset(draw: Random, kind: type[Detail], number: int) -> Asset:
    name = f"{kind.__name__.lower()}{number}"
    count = 1 if kind is Battery else draw.choice((1, 1, 2, 5))
    devices = tuple(f"{name}_{at}" for at in range(count))
    detail, least_w, most_w, own = _detail(draw, kind, name, count)
    of = draw.choice
    given: dict[str, Any] = {
        "operating_w": of((least_w, most_w, (least_w + most_w) / 3.0)),
        "safe_w": of((None, None, least_w, most_w)),
        "dead_time_s": _time(draw),
        "lag_s": _time(draw),
        "ramp_w_per_s": of((inf, inf, 1.0, 5e3)),
        "priority": of((5, 5, 1, 9)),
        "cost_per_wh": of((0.0, 0.0, 1e-4, 3e-4)),
        "command_period_s": of((0.0, 0.0, 2.0, 60.0)),
        "phase_of": {device: draw.randrange(3) for device in devices} if draw.random() < 0.3 else {},
    }
    return Asset(name, devices, least_w, most_w, detail=detail, **(given | own))


def _time(draw: Random) -> float:
    return draw.choice((0.0, 0.0, 0.1, 1.0, 30.0, 300.0))


def _detail(draw: Random, kind: type[Detail], name: str, count: int) -> tuple[Detail, float, float, dict[str, Any]]:
    """What only this kind has, its bounds, and what of an asset is different for it."""
    of, detail = draw.choice, None
    if kind is Battery:
        low = of((0.0, 10.0, 50.0))
        detail = Battery(of((1.0, 4e5)), low, of((low + 1.0, 100.0)), of((1.0, 92.0, 100.0)), of((None, 0.001, 1.0)))
        return detail, -of((1.0, 1e3, 2e5)), of((1.0, 1e3, 2e5)), {"operating_w": 0.0}
    if kind is EvFleet:
        least, safe, volts = of((0.0, 6.0, 10.0)), of((0.0, 6.0, 16.0)), of((1.0, 230.0, 400.0))
        detail = EvFleet(
            of((least + 0.5, 32.0)), least, safe, volts, of((1, 2, 3)), _time(draw), of((None, f"{name}_book"))
        )
        return detail, of((0.0, 2e3)), count * of((22e3, 1e5)), {"operating_w": None}
    if kind is Fans:
        rated_w, low = of((1.0, 25e3)), of((0.0, 30.0, 60.0))
        detail = Fans(rated_w, low, of((low, 100.0)))
        bounds = [count * rated_w * (pct / 100.0) ** 3 for pct in (low, detail.max_speed_pct)]
        return detail, bounds[0], bounds[1], {}
    if kind is Chiller:
        rated_w, part = of((10.0, 15e4)), of((0.0, 25.0, 100.0))
        zone, band = of((None, f"{name}_zone")), of((0.01, 0.95, 5.0))
        detail = Chiller(
            rated_w, part, _time(draw), _time(draw), of((1, 4)), zone, of((24.0, -5.0)), band, of((None, 1.0))
        )
        return detail, of((0.0, rated_w * part / 100.0)), count * rated_w, {}
    if kind is Dimmer:
        rated_w, part = of((1.0, 6e4)), of((0.0, 30.0, 100.0))
        return Dimmer(rated_w, part), count * rated_w * part / 100.0, count * rated_w, {}
    rated_w = of((1.0, 3e3, 1e5))
    if kind is Pv:
        return Pv(rated_w), -count * rated_w, 0.0, {"operating_w": None, "safe_w": of((None, 0.0))}
    if kind is Switched:
        detail = Switched(rated_w, _time(draw), _time(draw), of((1, 6)), of((None, 400.0, 4e3)))
        running_w = rated_w * draw.randint(0, count)
        return (
            detail,
            0.0,
            count * rated_w,
            {"operating_w": running_w, "safe_w": of((None, 0.0, running_w)), "lag_s": 0.0},
        )
    people, nobody = (20.0, 26.0), of(((20.0, 26.0), (15.0, 32.0)))
    detail = Zones(
        f"{name}_meter", of((20.0, 24.0, 26.0)), people, nobody, of((1.0, 2e3)), of((1.0, 3e3)),
        early_s=of((0.0, 3600.0)), step_k=of((0.1, 0.5, 2.0)), rebound_w=of((0.0, 5e3)), heats=of((False, True)),
    )  # fmt: skip
    return detail, 0.0, rated_w, {"operating_w": of((None, rated_w / 2.0)), "command_period_s": of((10.0, 60.0))}


def _services(draw: Random, assets: list[Asset]) -> Services:
    of = draw.choice

    def claims() -> dict[str, float]:
        return {asset.id: of((1.0, 1e4, 1e6)) for asset in assets if draw.random() < 0.1}

    battery = next((asset.id for asset in assets if isinstance(asset.detail, Battery)), None)
    tariff = frequency = None
    if battery is not None and draw.random() < 0.4:
        tariff = Tariff(battery, of((0.0, 1e3, 1e6)), of((0.0, 1e3)), of(WHEN), of(WHEN))
    if battery is not None and draw.random() < 0.4:
        point, droop = PointId("pcc/frequency"), of((0.001, 4.0, 20.0))
        frequency = FrequencyResponse(battery, point, of((1.0, 1e5)), 50.0, of((0.0, 0.5)), droop, of(WHEN))
    return Services(
        of((None, Regulation(of((1.0, 2e5)), of((1.0, 5.0)), of(WHEN), claims()))),
        of((None, DemandResponse(of((1.0, 2e5)), when=of(WHEN), claims=claims()))),
        of((None, AutomaticResponse(of((1.0, 2e5)), of(WHEN), claims()))),
        of((None, PeakLimit(of((1.0, 4e5)), of((60.0, 900.0)), of(WHEN)))),
        tariff,
        frequency,
    )


def _feeders(draw: Random, assets: list[Asset]) -> dict[str, Feeder]:
    of, devices = draw.choice, [device for asset in assets for device in asset.devices if draw.random() < 0.6]
    if not devices or draw.random() < 0.6:
        return {}
    return {
        name: Feeder(
            name, frozenset(part), of((inf, 0.0, 1e4, 2e5)), of((inf, 0.0, 1e4)), of((inf, 2e3, 2e4)),
            meter=of((None, f"{name}_meter")), other_import_w=of((0.0, 1e4)), other_export_w=of((0.0, 1e3)),
        )
        for name, part in (("wing", devices), ("board", devices[: len(devices) // 2]))
        if part
    }  # fmt: skip


def _interlocks(draw: Random, names: list[str]) -> dict[str, Interlock]:
    if draw.random() < 0.6:
        return {}
    some = tuple(name for name in names if draw.random() < 0.7) or tuple(names)
    return {"fire": Interlock("fire", PointId("di/x.in1"), some, draw.choice((*Action,)), draw.choice((0.0, 1.0)))}
