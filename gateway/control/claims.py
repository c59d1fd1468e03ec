"""The exclusivity ledger: which kW of which asset serves which service; never the same kW twice.

A claim gives a service so much of an asset each way, around its rest; no other service may use it while it is offered.
What nobody claims is used by the service in force, in the order of authority. `ledger` accounts for it: of each asset
and way the entries together are never more than there is room.
"""

from collections.abc import Mapping

from gateway.control.decision import Use
from gateway.control.headroom import Band
from gateway.model.request import Service
from gateway.model.site import Site

FREE, LOCAL = "free", "local"


def claims(site: Site) -> dict[str, Mapping[str, float]]:
    """Service -> asset -> claimed W; services without claims are left out."""
    services = site.services
    sold = {
        Service.REG: services.regulation,
        Service.AR: services.automatic_response,
        Service.DR: services.demand_response,
    }
    return {service.value: one.claims for service, one in sold.items() if one is not None and one.claims}


def narrowed(site: Site, bands: Mapping[str, Band], service: str) -> dict[str, Band]:
    """The bands without what others than this service have claimed."""
    taken: dict[str, float] = {}
    for owner, own in claims(site).items():
        if owner != service:
            for name, watts in own.items():
                taken[name] = taken.get(name, 0.0) + watts
    return {name: _less(band, taken[name]) if name in taken else band for name, band in bands.items()}


def ledger(site: Site, bands: Mapping[str, Band], aims: Mapping[str, float], service: str) -> tuple[Use, ...]:
    """Every asset's room each way, split over claims, what the service in force uses beyond its own, and the rest."""
    claimed = claims(site)
    found: list[Use] = []
    for name, band in bands.items():
        up_w, down_w = max(0.0, band.rest_w - band.lo_w), max(0.0, band.hi_w - band.rest_w)
        for owner, own in claimed.items():
            part_up, part_down = min(up_w, own.get(name, 0.0)), min(down_w, own.get(name, 0.0))
            if part_up or part_down:
                found.append(Use(name, owner, part_up, part_down))
            up_w, down_w = up_w - part_up, down_w - part_down
            if owner == service:  # what it uses, it takes from its claim first
                aims = {**aims, name: _beyond(aims.get(name, band.rest_w), band.rest_w, own.get(name, 0.0))}
        moved_w = aims.get(name, band.rest_w) - band.rest_w
        used_up, used_down = min(up_w, max(0.0, -moved_w)), min(down_w, max(0.0, moved_w))
        if used_up or used_down:
            found.append(Use(name, service or LOCAL, used_up, used_down))
        up_w, down_w = up_w - used_up, down_w - used_down
        if up_w or down_w:
            found.append(Use(name, FREE, up_w, down_w))
    return tuple(found)


def _less(band: Band, watts: float) -> Band:
    lo_w, hi_w = min(band.lo_w + watts, band.rest_w), max(band.hi_w - watts, band.rest_w)
    return band._replace(lo_w=lo_w, hi_w=hi_w, lo_reason="claimed", hi_reason="claimed")


def _beyond(aim_w: float, rest_w: float, own_w: float) -> float:
    """The aim less what the claim covers."""
    moved_w = aim_w - rest_w
    return rest_w + (max(0.0, moved_w - own_w) if moved_w >= 0.0 else min(0.0, moved_w + own_w))
