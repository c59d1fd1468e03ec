"""Time of one control step: the site of plant battery_full, and sites of 500 assets; floor: copying the snapshot.

Points are posted once a second with values of an ordinary day, a setpoint of changing size comes every two seconds.
`idle`: nobody asks for anything. What is measured is the processor's time of the step, without what others on the same
machine take of it; the collector runs as it does in `gateway run`.
"""

import gc
from dataclasses import replace
from math import inf
from time import thread_time
from typing import Any

from benchmarks.rig import figure, percentiles
from emulators.scenario import load_scenario
from gateway.config import load_site
from gateway.control.decision import Inputs
from gateway.control.kinds import inputs_of
from gateway.control.state import ControlState
from gateway.control.step import begin, step
from gateway.control.watched import meter_point
from gateway.model.image import Image
from gateway.model.point import PointSpec, Unit, quantity_of
from gateway.model.reading import Cause, Quality, Reading
from gateway.model.request import Arrival, Kind, Request, Service, Source
from gateway.model.site import (
    Asset,
    AutomaticResponse,
    Battery,
    Chiller,
    Connection,
    Detail,
    Device,
    Dimmer,
    EvFleet,
    Fans,
    Limits,
    Services,
    Site,
    Transport,
)

ASSETS = 500
STEPS = 240
UTC_MS = 1_800_000_000_000
VALUES = {
    "power.active": 600_000.0, "battery.power": 0.0, "battery.soc": 50.0, "ev.power": 9_000.0, "ev.state": 2.0,
    "light.power": 40_000.0, "fan.power": 12_800.0, "chiller.power": 80_000.0, "chiller.running": 1.0, "zone.temperature": 24.0,
    "ev.energy.owed": 20_000.0, "ev.departure": 7_200.0, "ev.plugged": 1.0,
}  # fmt: skip


Recipe = tuple[int, Detail, dict[str, Any]]
"""(devices, what only this kind has, its bounds and times)."""
BATTERY: Recipe = (1, Battery(2e4), {"min_w": -1e4, "max_w": 1e4, "dead_time_s": 0.45, "lag_s": 0.3})
MIXED: tuple[Recipe, ...] = (
    BATTERY,
    (2, Fans(25e3, 55.0), {"min_w": 1e4, "max_w": 4e4, "operating_w": 25_600.0, "dead_time_s": 10.0, "lag_s": 30.0}),
    (2, Chiller(15e4), {"min_w": 8e4, "max_w": 24e4, "operating_w": 16e4, "dead_time_s": 30.0, "lag_s": 120.0}),
    (1, Dimmer(6e4, 30.0), {"min_w": 2e4, "max_w": 6e4, "operating_w": 4e4, "dead_time_s": 0.5, "lag_s": 0.5}),
    (2, EvFleet(), {"min_w": 0.0, "max_w": 44_160.0, "operating_w": None, "dead_time_s": 0.0, "lag_s": 0.0}),
)


def many(count: int, kinds: tuple[Recipe, ...]) -> Site:
    """A site of assets of these kinds in turn, every chiller with a zone and every fleet with bookings of its own."""
    devices = {"pcc": Device("pcc", "meter/abb_b23", "line")}
    assets = {}
    for number in range(count):
        each, detail, bounds = kinds[number % len(kinds)]
        name = f"a{number:03d}"
        names = tuple(f"{name}.{at}" for at in range(each))
        devices |= {one: Device(one, "battery/acme_200", "line") for one in names}
        if isinstance(detail, Chiller):
            detail = replace(detail, zone=f"{name}.zone")
        elif isinstance(detail, EvFleet):
            detail = replace(detail, bookings=f"{name}.bookings")
        given = {"operating_w": 0.0, "safe_w": 0.0 if isinstance(detail, Battery) else None, **bounds}
        assets[name] = Asset(name, names, detail=detail, **given)
    line = Connection("line", Transport.MODBUS_TCP, "127.0.0.1:502")
    services = Services(automatic_response=AutomaticResponse(1e6))
    return Site("many", "UTC", "pcc", {"line": line}, devices, assets, Limits(1e7, 1e7), services, {})


def run(site: Site, *, asked: bool = True) -> tuple[list[float], list[float]]:
    """Seconds of each step, and of each copy of the image, while a setpoint is in force."""
    points = [meter_point(site), *(point for asset in site.assets.values() for point in inputs_of(asset))]
    image = Image(PointSpec(point, Unit.NONE, inf) for point in dict.fromkeys(points))
    state: ControlState = begin(site, now_s=0.0)
    took, copied = [], []
    for number in range(STEPS):
        now_s = 0.25 * number
        if number % 4 == 0:
            for point in image.specs:
                name = quantity_of(point)
                value = VALUES[name[name.index("ev.") :] if name.startswith("bay") else name]
                image.post(point, Reading(value, Quality.GOOD, Cause.NONE, now_s))
        arrivals = (arrival(number, now_s),) if asked and number % 8 == 4 else ()
        before_s = thread_time()
        snapshot = image.snapshot(now_s)
        copied_s = thread_time()
        inputs = Inputs(
            now_s=now_s, utc_ms=UTC_MS + 250 * number, snapshot=snapshot, arrivals=arrivals, outcomes=(), curves=()
        )
        copied.append(copied_s - before_s)
        before_s = thread_time()
        state, decision = step(site, state, inputs)
        took.append(thread_time() - before_s)
        assert not asked or number < STEPS // 4 or decision.target_w is not None, "a setpoint is in force"
    return took[STEPS // 4 :], copied[STEPS // 4 :]


def arrival(number: int, now_s: float) -> Arrival:
    """A setpoint that changes."""
    now_ms = UTC_MS + 250 * number
    request = Request(
        id=f"r{number}", issuer="bench", source=Source.REMOTE, seq=number, service=Service.AR, kind=Kind.SETPOINT,
        target="site", issued_ms=now_ms, begin_ms=now_ms, end_ms=now_ms + 60_000,
        power_w=600_000.0 + 50_000.0 * (-1) ** (number // 8),
    )  # fmt: skip
    return Arrival("bench", now_s, now_ms, request)


def main() -> None:
    """Measure and print."""
    plant = load_site(load_scenario("battery_full").site)
    batteries, mixed = many(ASSETS, (BATTERY,)), many(ASSETS, MIXED)
    runs = (
        ("battery_full", plant, True),
        ("battery_full_idle", plant, False),
        (f"{ASSETS}_batteries", batteries, True),
        (f"{ASSETS}_mixed", mixed, True),
        (f"{ASSETS}_mixed_idle", mixed, False),
    )
    gc.collect()  # as `gateway run` sets it: what was built lives for ever, the collector need not look
    gc.freeze()
    gc.set_threshold(10_000, 20, 100)
    for name, site, asked in runs:
        took, copied = run(site, asked=asked)
        ours, floors = percentiles(took, scale=1000.0), percentiles(copied, scale=1000.0)
        target = "<= 1 ms" if site is plant else "<= 5 ms"
        for at, which in ((0, "p50"), (1, "p99")):
            how = f"{len(site.assets)} assets, {len(took)} steps; floor: Image.snapshot of the same points"
            figure(f"step_{name}_{which}", ours[at], "ms", floor=floors[at], target=target, method=how)


if __name__ == "__main__":
    main()
