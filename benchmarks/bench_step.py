"""Time of one control step: the site of plant battery_full, and a site of 500 batteries; floor: copying the snapshot.

Points are posted once a second with values of an ordinary day, a setpoint of changing size comes every two seconds.
"""

from math import inf
from timeit import default_timer

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
from gateway.model.site import Asset, AutomaticResponse, Battery, Connection, Device, Limits, Services, Site, Transport

ASSETS = 500
STEPS = 120
UTC_MS = 1_800_000_000_000
VALUES = {
    "power.active": 600_000.0, "battery.power": 0.0, "battery.soc": 50.0, "ev.power": 9_000.0, "ev.state": 2.0,
    "fan.power": 12_800.0, "chiller.power": 80_000.0, "chiller.running": 1.0, "zone.temperature": 24.0,
    "ev.energy.owed": 20_000.0, "ev.departure": 7_200.0, "ev.plugged": 1.0,
}  # fmt: skip


def many(count: int) -> Site:
    """A site of batteries."""
    devices = {"pcc": Device("pcc", "meter/abb_b23", "line")}
    assets = {}
    for number in range(count):
        name = f"b{number:03d}"
        devices[name] = Device(name, "battery/acme_200", "line")
        assets[name] = Asset(name, (name,), -1e4, 1e4, 0.0, 0.0, dead_time_s=0.45, lag_s=0.3, detail=Battery(2e4))
    line = Connection("line", Transport.MODBUS_TCP, "127.0.0.1:502")
    services = Services(automatic_response=AutomaticResponse(1e6))
    return Site("many", "UTC", "pcc", {"line": line}, devices, assets, Limits(1e7, 1e7), services, {})


def run(site: Site) -> tuple[list[float], list[float]]:
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
        arrivals = (arrival(number, now_s),) if number % 8 == 4 else ()
        before_s = default_timer()
        snapshot = image.snapshot(now_s)
        copied_s = default_timer()
        inputs = Inputs(
            now_s=now_s, utc_ms=UTC_MS + 250 * number, snapshot=snapshot, arrivals=arrivals, outcomes=(), curves=()
        )
        copied.append(copied_s - before_s)
        before_s = default_timer()
        state, decision = step(site, state, inputs)
        took.append(default_timer() - before_s)
        assert number < STEPS // 4 or decision.target_w is not None, "a setpoint is in force"
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
    sites = {"battery_full": load_site(load_scenario("battery_full").site), f"{ASSETS}_assets": many(ASSETS)}
    for name, site in sites.items():
        took, copied = run(site)
        ours, floors = percentiles(took, scale=1000.0), percentiles(copied, scale=1000.0)
        target = "<= 10 ms" if name == "battery_full" else "<= 250 ms"
        for at, which in ((0, "p50"), (1, "p99")):
            how = f"{len(site.assets)} assets, {len(took)} steps; floor: Image.snapshot of the same points"
            figure(f"step_{name}_{which}", ours[at], "ms", floor=floors[at], target=target, method=how)


if __name__ == "__main__":
    main()
