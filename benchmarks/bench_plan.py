"""Time of the plan of a demand-response event for a site of 500 assets: batteries, fans, chillers and EV chargers."""

from timeit import default_timer

from benchmarks.rig import figure, percentiles
from gateway.control.headroom import Band, Car
from gateway.control.kinds import SOC, ZONE
from gateway.control.services.plan import Outlook, charging, make_plan
from gateway.model.image import Image
from gateway.model.point import PointSpec, Unit, point_id
from gateway.model.reading import Cause, Quality, Reading
from gateway.model.site import Asset, Battery, Chiller, Detail, EvFleet, Fans

ASSETS = 500
RUNS = 50
DETAILS: tuple[Detail, ...] = (
    Battery(200_000.0),
    Fans(25_000.0, 55.0),
    Chiller(150_000.0, zone="zone", wh_per_k=60_000.0),
    EvFleet(bookings="bookings"),
)


def main() -> None:
    """Measure and print."""
    assets: dict[str, Asset] = {}
    bands: dict[str, Band] = {}
    specs = [PointSpec(point_id("zone", ZONE), Unit.NONE, 60.0)]
    for number in range(ASSETS):
        name, detail = f"a{number:03d}", DETAILS[number % len(DETAILS)]
        assets[name] = Asset(name, (name,), -1e5, 1e5, 0.0, 0.0, dead_time_s=1.0, lag_s=1.0, detail=detail)
        cars = (Car(name, 12.0, urgent=False, left_s=9000.0),) if isinstance(detail, EvFleet) else ()
        bands[name] = Band(-1e5, 1e5, 0.0, "min", "max", (name,), cars)
        specs.append(PointSpec(point_id(name, SOC), Unit.NONE, 60.0))
    image = Image(specs)
    for spec in specs:
        image.post(spec.id, Reading(24.0 if spec is specs[0] else 50.0, Quality.GOOD, Cause.NONE, 0.0))
    snapshot = image.snapshot(1.0)
    outlook = Outlook(excess_w=1e6, shed_w=3e7, natural_w=6e7, for_s=7200.0, until_s=1500.0)
    took = []
    for _ in range(RUNS):
        before_s = default_timer()
        plan = make_plan(outlook, assets, bands, snapshot)
        charging(outlook, assets, bands, snapshot)
        took.append(default_timer() - before_s)
        assert 0.0 < plan.delivery <= 1.0, "the plan is a real one"
    p50, p99 = percentiles(took, scale=1000.0)
    for which, value in (("p50", p50), ("p99", p99)):
        how = f"{ASSETS} assets, {RUNS} plans, what is delivered and what is stored up"
        figure(f"plan_{ASSETS}_assets_{which}", value, "ms", target="<= 1000 ms", method=how)


if __name__ == "__main__":
    main()
