"""The running gateway as the dashboard sees it: the newest decision, the image and the lines turned into its answers.

Everything is read from memory on the event loop; nothing here changes anything.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from math import isfinite

from gateway import __version__, health
from gateway.alarms import AlarmList
from gateway.clock import Clock
from gateway.control import book
from gateway.control.decision import Decision, Share
from gateway.control.kinds import SOC
from gateway.control.state import ControlState, Held
from gateway.control.watched import meter_point
from gateway.dashboard import answers, records
from gateway.field.poller import Poller
from gateway.health_watch import Connected
from gateway.instruments import Instruments, age, rounded, word
from gateway.loop import Loop
from gateway.model.image import Image, Snapshot
from gateway.model.mode import Mode
from gateway.model.point import PointId, point_id
from gateway.model.request import Source
from gateway.model.site import KINDS, Asset, Battery, Site
from gateway.past_events import PastEvents
from gateway.profiles.schema import Profile
from gateway.requests_view import hold_of, requests_of
from gateway.texts import told

LAGS = 3.0
"""After so many lags a change has settled."""
LATE_S = 1.0
"""Later than this, control is not in time."""
FRESH_S = 5.0
"""Older than this, the site meter is not fresh."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What the panel looks at."""

    site: Site
    profiles: Mapping[str, Profile]
    image: Image
    clock: Clock
    loop: Loop
    pollers: Mapping[str, Poller]
    links: Mapping[str, Connected]
    alarms: AlarmList
    past: PastEvents
    shadow: bool
    config: records.Config
    heard_s: Mapping[str, float]
    """Link -> boot time of what came last."""


class Panel:
    """One per gateway; `dashboard.ports.Site`."""

    def __init__(self, parts: Parts) -> None:
        self._of = parts
        self._instruments = Instruments(parts.site, parts.profiles, parts.image, parts.clock, parts.pollers)
        self._decision: Decision | None = None
        self._alarms: tuple[int, tuple[records.AlarmNow, ...]] = (-1, ())
        """The serial of the alarm list, and its rows then."""

    def adopt(self, site: Site, profiles: Mapping[str, Profile], config: records.Config) -> None:
        """Take another site over, its points in the image already."""
        of = self._of = replace(self._of, site=site, profiles=profiles, config=config)
        self._instruments = Instruments(site, profiles, of.image, of.clock, of.pollers)

    def hear(self, decision: Decision) -> None:
        """Take over what a step decided."""
        self._decision = decision

    def now(self) -> answers.Now:
        """The site at this moment."""
        of, decision, state = self._of, self._decision, self._of.loop.state
        site, now_s, utc_ms = of.site, of.clock.boot_s(), of.clock.utc_ms()
        snapshot = of.image.snapshot(now_s)
        import_w, export_w = book.limits(state.book, site, now_s)
        meter = snapshot.reading(meter_point(site))
        hold_until_s = state.mode.hold_until_s if state.mode.mode is Mode.HOLD else None
        held = book.holds(state.book, now_s, site.assets)
        regulation, dr, ar = (
            site.services.regulation,
            site.services.demand_response,
            site.services.automatic_response,
        )
        shares = {share.asset: share for share in decision.shares} if decision is not None else {}
        return answers.Now(
            at_ms=utc_ms,
            site=site.id,
            timezone=site.timezone,
            version=__version__,
            shadow=of.shadow,
            mode=state.mode.mode.value,
            cause=state.mode.cause,
            mode_since_ms=self._utc(state.mode.since_s),
            mode_until_ms=None if hold_until_s is None else self._utc(hold_until_s),
            stopped=any(
                entry.request.target == "site" and entry.request.source is Source.INTERLOCK
                for entry in state.book.entries
            ),
            service="" if decision is None else decision.service,
            power=answers.Power(
                meter.value,
                meter.quality.name.lower(),
                word(meter.cause.name),
                age(meter.value, meter.measured_s, now_s),
            ),
            target_w=None if decision is None else decision.target_w,
            baseline_w=None if decision is None else decision.baseline_w,
            basepoint_w=None if decision is None else decision.basepoint_w,
            signal=None if decision is None else decision.signal,
            capacity_w=None if decision is None else decision.capacity_w,
            shortfall_w=0.0 if decision is None else decision.shortfall_w,
            limits=answers.Limits(
                _finite(import_w),
                _finite(export_w),
                _finite(site.limits.max_import_w),
                _finite(site.limits.max_export_w),
            ),
            offered=answers.Offered(
                None if regulation is None else regulation.capacity_w,
                None if dr is None else dr.max_shed_w,
                None if ar is None else ar.max_shed_w,
            ),
            assets=tuple(
                self._asset(asset, shares.get(name), held.get(name), snapshot) for name, asset in site.assets.items()
            ),
            requests=self._requests(state),
            plan=tuple(
                answers.BlockNow(
                    self._utc(block.start_s), self._utc(block.end_s), block.basepoint_w, block.up_w, block.down_w
                )
                for block in state.plan.blocks
                if block.end_s > now_s
            ),
            inputs=self._inputs(snapshot),
            alarms=self._alarm_count(),
        )

    def points(self, device: str | None = None) -> answers.Points:
        """Every point, or one device's; LookupError for a device that is not there."""
        return self._instruments.points(device)

    def point(self, point: PointId) -> answers.PointNow:
        """One point; LookupError for one that is not there."""
        return self._instruments.point(point)

    def metrics(self) -> Iterator[str]:
        """The points of the device `gateway` as Prometheus reads them, in pieces."""
        return self._instruments.metrics()

    def devices(self) -> answers.Devices:
        """Lines and devices."""
        return self._instruments.devices()

    def events(self) -> records.Events:
        """What runs, comes and is over."""
        requests = self._requests(self._of.loop.state)
        return records.Events(
            self._of.clock.utc_ms(),
            tuple(request for request in requests if not request.waits),
            tuple(request for request in requests if request.waits),
            self._of.past.newest(),
        )

    def alarms(self) -> records.Alarms:
        """What stands and what has cleared."""
        serial = self._of.alarms.serial
        if self._alarms[0] != serial:
            self._alarms = serial, self._alarm_rows()
        return records.Alarms(self._of.clock.utc_ms(), self._alarms[1])

    def _alarm_rows(self) -> tuple[records.AlarmNow, ...]:
        return tuple(
            records.AlarmNow(
                entry.key,
                entry.cause,
                entry.place,
                entry.severity,
                active=entry.active,
                raised_ms=entry.raised_ms,
                cleared_ms=entry.cleared_ms,
                count=entry.count,
                detail=str(entry.detail),
                acknowledged_by=entry.by,
                acknowledged_ms=entry.by_ms,
                shelved_by=None if entry.shelf is None else entry.shelf.by,
                shelved_why=None if entry.shelf is None else entry.shelf.why,
                shelved_until_ms=None if entry.shelf is None else entry.shelf.until_ms,
                detail_zh=told(entry.detail, "zh"),
            )
            for entry in self._of.alarms.entries()
        )

    def config(self) -> records.Config:
        """What the owner configured."""
        return self._of.config

    def ready(self) -> answers.Ready:
        """Control in time, inputs fresh."""
        of, decision, now_s = self._of, self._decision, self._of.clock.boot_s()
        meter = of.image.snapshot(now_s).reading(meter_point(of.site))
        reasons = [
            reason
            for reason, holds in (
                ("starting", decision is None or decision.mode is Mode.BOOT),
                ("control_late", decision is not None and now_s - decision.now_s > LATE_S + of.site.control.period_s),
                ("site_meter", meter.usable is None),
                ("fault", decision is not None and decision.mode is Mode.FAULT),
            )
            if holds
        ]
        return answers.Ready(not reasons, tuple(reasons))

    # -- parts of an answer ----------------------------------------------------------------------------------------

    def _asset(self, asset: Asset, share: Share | None, held: Held | None, snapshot: Snapshot) -> answers.AssetNow:
        online = sum(self._instruments.online(device) for device in asset.devices)
        socs = [snapshot.usable(point_id(device, SOC)) for device in asset.devices if isinstance(asset.detail, Battery)]
        known = [soc for soc in socs if soc is not None]
        return answers.AssetNow(
            id=asset.id,
            name=asset.id,
            kind=KINDS[type(asset.detail)],
            asked_w=None if share is None else share.command_w,
            does_w=None if share is None else share.power_w,
            headroom_w=None if share is None else share.headroom_w,
            footroom_w=None if share is None else share.footroom_w,
            reason="" if share is None else share.reason,
            min_w=asset.min_w,
            max_w=asset.max_w,
            operating_w=asset.operating_w,
            safe_w=asset.safe_w,
            settles_s=asset.dead_time_s + LAGS * asset.lag_s,
            soc_pct=sum(known) / len(known) if known and len(known) == len(socs) else None,
            devices=asset.devices,
            answering=online,
            hold=None if held is None else hold_of(held, self._utc),
        )

    def _requests(self, state: ControlState) -> tuple[answers.RequestNow, ...]:
        return requests_of(state.book, state.plan, self._utc, now_s=self._of.clock.boot_s())

    def _inputs(self, snapshot: Snapshot) -> answers.Inputs:
        of = self._of
        late = snapshot.usable(point_id(health.DEVICE, "control.late.p99"))
        return answers.Inputs(
            links=tuple(
                answers.LinkNow(
                    name,
                    link.connected,
                    rounded(snapshot.now_s - of.heard_s[name]) if name in of.heard_s else None,
                )
                for name, link in of.links.items()
            ),
            devices_answering=sum(self._instruments.online(device) for device in of.site.devices),
            devices=len(of.site.devices),
            control_late_s=late,
            control_steps=of.loop.pace.steps,
        )

    def _alarm_count(self) -> answers.AlarmCount:
        entries = [entry for entry in self._of.alarms.entries() if entry.active and entry.shelf is None]
        found = Counter(entry.severity for entry in entries)
        return answers.AlarmCount(
            found["high"], found["medium"], found["low"], sum(entry.by is None for entry in entries)
        )

    def _utc(self, at_s: float) -> int:
        """A boot time as UTC ms, by how the two clocks stand now."""
        return round(self._of.clock.utc_ms() + (at_s - self._of.clock.boot_s()) * 1000.0)


def _finite(watts: float) -> float | None:
    return watts if isfinite(watts) else None
