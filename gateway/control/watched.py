"""Every point a step may look at: the site meter, the assets' own, and what the site watches besides them."""

from gateway.control import feeders
from gateway.control.kinds import inputs_of
from gateway.model.point import PointId, point_id
from gateway.model.site import Site


def meter_point(site: Site) -> PointId:
    """The site meter's power."""
    return point_id(site.meter, "power.active")


def control_points(site: Site) -> list[PointId]:
    """Every point a step may look at, once; the decision log records exactly these."""
    points = [meter_point(site)]
    for asset in site.assets.values():
        points += inputs_of(asset)
    points += [lock.point for lock in site.interlocks.values()]
    points += [point for feeder in site.feeders.values() for point in feeders.points(feeder)]
    if site.services.frequency is not None:
        points.append(site.services.frequency.point)
    return list(dict.fromkeys(points))
