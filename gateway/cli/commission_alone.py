"""The drill device_lost: one device of each asset is asked nothing while control and the others go on, then asked again."""

from collections.abc import Sequence

from gateway.cli.commission_lines import Lines
from gateway.cli.commission_station import Station
from gateway.commission.acceptance import Check
from gateway.commission.drills import Loss, judge_loss, left_out
from gateway.control.kinds import inputs_of, power_point
from gateway.control.watched import meter_point
from gateway.model.point import PointId, device_of
from gateway.model.site import Asset, Site

ARRIVES_S = 15.0
BACK_S = 10.0
"""How long a device that answers again may take to be in use (FAULTS T_back)."""
GONE_S = 60.0
"""How long it is waited for at all."""


async def alone(site: Site, lines: Lines, station: Station, assets: Sequence[Asset]) -> list[Check]:
    """One device of each asset left alone, one after the other."""
    rows = []
    for asset in assets:
        device = next(
            (one for one in asset.devices if lines.snapshot().usable(power_point(asset, one)) is not None), None
        )
        if device is None:
            rows.append(left_out(asset.id, "device_lost", "takes_no_part"))
            continue
        point = power_point(asset, device)
        stale_s = lines.image.specs[point].stale_after_s
        watched = _elsewhere(site, lines, device)
        late: set[str] = set()

        def unused(point: PointId = point, watched: Sequence[PointId] = watched, late: set[str] = late) -> bool:
            snapshot = lines.snapshot()
            late.update(device_of(one) for one in watched if snapshot.usable(one) is None)
            return snapshot.usable(point) is None

        await lines.silence([device])
        unused_s = await station.until(unused, within_s=stale_s + ARRIVES_S, beat=True)
        again_s = lines.now_s()
        await lines.resume([device])
        back_s = await station.until(
            lambda point=point, again_s=again_s: read_since(lines, point, again_s),  # type: ignore[misc]  # bound now
            within_s=GONE_S,
            beat=True,
        )
        rows.append(judge_loss(Loss(device, stale_s, unused_s, BACK_S, back_s, tuple(sorted(late)))))
    return rows


def _elsewhere(site: Site, lines: Lines, device: str) -> list[PointId]:
    """What control looks at on other lines, and knows now."""
    line, snapshot = site.devices[device].connection, lines.snapshot()
    points = [meter_point(site), *(point for asset in site.assets.values() for point in inputs_of(asset))]
    return [
        point
        for point in points
        if site.devices[device_of(point)].connection != line and snapshot.usable(point) is not None
    ]


def read_since(lines: Lines, point: PointId, since_s: float) -> bool:
    """Whether a point was read after an instant."""
    value, measured_s = lines.snapshot().timed(point)
    return value is not None and measured_s >= since_s
