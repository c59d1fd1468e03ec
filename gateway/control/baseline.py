"""What the site would do if nobody asked: the base points it declares, block by block, at least 5 min ahead.

B = load forecast + operating points + EV plan + bias; the bias leans against a drifting SOC and zone temperature, and
works through the base point only, so that the service is never mixed with it.
"""

from collections.abc import Mapping

from gateway.control import fleet
from gateway.control.headroom import Band
from gateway.control.kinds import SOC, ZONE
from gateway.control.observer import forecast_w
from gateway.control.state import Block, Declared, Load
from gateway.model.image import Snapshot
from gateway.model.plan import Interval, Plan
from gateway.model.point import point_id
from gateway.model.site import Battery, Chiller, EvFleet, Site

BLOCK_S = 300.0
NOTICE_S = 300.0
EARLY_S = 10.0
"""A plan is sent this much before its five minutes, so that it has arrived in time."""
SOC_GAIN_PER_H = 1.5
ZONE_GAIN_W_PER_K = 20_000.0
KEPT_S = 600.0


def roll(
    plan: Declared, load: Load, site: Site, snapshot: Snapshot, bands: Mapping[str, Band], *, now_s: float, utc_ms: int
) -> bool:
    """Forget blocks long past, declare the ones whose time has come; True when the plan changed.

    A site that starts without a plan declares the block it is in and the next at once: too late to count, but it is
    what regulation follows until the first block that was declared in time.
    """
    if site.services.regulation is None or load.now_w is None:
        return False
    kept = tuple(block for block in plan.blocks if block.end_s > now_s - KEPT_S)
    end_s = kept[-1].end_s if kept else _raster_start(now_s, utc_ms)
    if end_s <= now_s - BLOCK_S:  # nothing declared for long: begin anew on the raster
        end_s = _raster_start(now_s, utc_ms)
    fresh: list[Block] = []
    while end_s < now_s + NOTICE_S + EARLY_S:
        fresh.append(_declare(load, site, snapshot, bands, start_s=end_s, now_s=now_s))
        end_s += BLOCK_S
    if not fresh:
        plan.blocks = kept
        return False
    plan.blocks = (*kept, *fresh)
    plan.seq += 1
    return True


def publish(plan: Declared, *, now_s: float, utc_ms: int) -> Plan:
    """The plan in UTC, as the upstream is told."""

    def to_ms(at_s: float) -> int:
        return round(utc_ms + (at_s - now_s) * 1000.0)

    return Plan(
        seq=plan.seq,
        made_ms=utc_ms,
        intervals=tuple(
            Interval(to_ms(block.start_s), to_ms(block.end_s), block.basepoint_w, block.up_w, block.down_w)
            for block in plan.blocks
            if block.end_s > now_s
        ),
    )


def _declare(
    load: Load, site: Site, snapshot: Snapshot, bands: Mapping[str, Band], *, start_s: float, now_s: float
) -> Block:
    forecast = forecast_w(load, start_s + BLOCK_S / 2.0 - now_s) if start_s > now_s else load.now_w or 0.0
    operating = sum(_rest_w(site, bands, name) for name in site.assets)
    up_w = sum(band.rest_w - band.lo_w for band in bands.values())
    down_w = sum(band.hi_w - band.rest_w for band in bands.values())
    basepoint = forecast + operating + _bias_w(site, snapshot)
    return Block(start_s, start_s + BLOCK_S, float(round(basepoint)), float(round(up_w)), float(round(down_w)))


def _rest_w(site: Site, bands: Mapping[str, Band], name: str) -> float:
    asset = site.assets[name]
    if isinstance(asset.detail, EvFleet):
        planned = fleet.plan_w(asset.detail, bands[name].cars)
        return min(max(planned, asset.min_w), asset.max_w) if planned > 0.0 else 0.0
    return bands[name].rest_w


def _bias_w(site: Site, snapshot: Snapshot) -> float:
    regulation = site.services.regulation
    if regulation is None:
        return 0.0
    bias = 0.0
    spare = -regulation.capacity_w
    for asset in site.assets.values():
        spare += (asset.max_w - asset.min_w) / 2.0
        match asset.detail:
            case Battery() as battery:
                soc = snapshot.usable(point_id(asset.devices[0], SOC))
                middle = (battery.soc_min_pct + battery.soc_max_pct) / 2.0
                if soc is not None:
                    bias += SOC_GAIN_PER_H * (middle - soc) / 100.0 * battery.energy_wh
            case Chiller(zone=str(zone), comfort_c=comfort_c):
                zone_c = snapshot.usable(point_id(zone, ZONE))
                if zone_c is not None:
                    bias += ZONE_GAIN_W_PER_K * (zone_c - comfort_c)
            case _:
                pass
    most = min(max(0.6 * spare, 0.1 * regulation.capacity_w), 0.4 * regulation.capacity_w)
    return min(max(bias, -most), most)


def _raster_start(now_s: float, utc_ms: int) -> float:
    """The begin, on the boot clock, of the UTC block of five minutes that is running."""
    into_s = (utc_ms / 1000.0) % BLOCK_S
    return now_s - into_s


def blocks_from(basepoints_w: list[float], *, origin_s: float) -> tuple[Block, ...]:
    """Blocks that were declared before the run, the first beginning at `origin_s`."""
    return tuple(
        Block(origin_s + at * BLOCK_S, origin_s + (at + 1) * BLOCK_S, watts, 0.0, 0.0)
        for at, watts in enumerate(basepoints_w)
    )
