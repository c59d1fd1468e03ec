"""Every point, device and line of the running gateway as the dashboard is told of them, out of image and pollers."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import isfinite

import numpy as np
from numpy.typing import NDArray

from gateway import health
from gateway.clock import Clock
from gateway.dashboard import answers
from gateway.dashboard.metrics import Page
from gateway.field.poller import Poller
from gateway.model.columns import Layout
from gateway.model.image import Image, Snapshot
from gateway.model.point import PointId, device_of, quantity_of
from gateway.model.reading import Quality
from gateway.model.site import Site
from gateway.profiles.schema import Profile


@dataclass(frozen=True, slots=True)
class _Own:
    """Where the gateway's own points lie in the image, and the page they make."""

    layout: Layout
    columns: NDArray[np.intp]
    page: Page


class Instruments:
    """What is measured, and by what; one per gateway."""

    def __init__(
        self,
        site: Site,
        profiles: Mapping[str, Profile],
        image: Image,
        clock: Clock,
        pollers: Mapping[str, Poller],
    ) -> None:
        self._site, self._profiles, self._image, self._clock, self._pollers = site, profiles, image, clock, pollers
        self._own: _Own | None = None

    def points(self, device: str | None = None) -> answers.Points:
        """Every point, or one device's; LookupError for a device that is not there."""
        if device is not None and device != health.DEVICE and device not in self._site.devices:
            raise LookupError(device)
        now_s = self._clock.boot_s()
        snapshot = self._image.snapshot(now_s)
        return answers.Points(
            self._clock.utc_ms(),
            tuple(self._point(point, snapshot) for point in self._image.specs if device in (None, device_of(point))),
        )

    def point(self, point: PointId) -> answers.PointNow:
        """One point; LookupError for one that is not there."""
        if point not in self._image.specs:
            raise LookupError(point)
        return self._point(point, self._image.snapshot(self._clock.boot_s()))

    def metrics(self) -> Iterator[str]:
        """The points of the device `gateway` as Prometheus reads them, in pieces; what is stale is not known."""
        snapshot = self._image.snapshot(self._clock.boot_s())
        if self._own is None or self._own.layout is not snapshot.layout:
            self._own = _own(snapshot.layout, self._image)
        values, qualities, _ = snapshot.arrays()
        columns = self._own.columns
        found: list[float | None] = values[columns].tolist()
        for at in np.flatnonzero((qualities[columns] >= Quality.STALE) | ~np.isfinite(values[columns])).tolist():
            found[at] = None
        return self._own.page.families(found)

    def devices(self) -> answers.Devices:
        """Lines and devices."""
        now_s = self._clock.boot_s()
        counts: dict[str, Counter[Quality]] = {}
        ages: dict[str, list[float]] = {}
        for point, value, quality, measured_s in self._image.snapshot(now_s).rows():
            device = device_of(point)
            counts.setdefault(device, Counter())[quality] += 1
            if value is not None:
                ages.setdefault(device, []).append(now_s - measured_s)
        assets = {device: asset.id for asset in self._site.assets.values() for device in asset.devices}
        found = [
            answers.DeviceNow(
                device.id,
                device.profile,
                device.connection,
                device.unit_id,
                assets.get(device.id),
                online=self.online(device.id),
                points=answers.Counts(*(counts.get(device.id, Counter())[quality] for quality in Quality)),
                newest_s=rounded(min(ages.get(device.id, ()), default=None)),
                oldest_s=rounded(max(ages.get(device.id, ()), default=None)),
            )
            for device in self._site.devices.values()
        ]
        lines = tuple(
            answers.LineNow(
                line.id,
                line.transport.value,
                line.address,
                sum(device.line == line.id for device in found),
                sum(device.line == line.id and device.online for device in found),
                dict(self._pollers[line.id].health()) if line.id in self._pollers else {},
            )
            for line in self._site.connections.values()
        )
        return answers.Devices(self._clock.utc_ms(), lines, tuple(found))

    def _point(self, point: PointId, snapshot: Snapshot) -> answers.PointNow:
        spec, found = self._image.specs[point], snapshot.reading(point)
        return answers.PointNow(
            id=point,
            device=device_of(point),
            quantity=quantity_of(point),
            unit=spec.unit.value,
            value=found.value if found.value is None or isfinite(found.value) else None,
            name=self._name(point, found.value),
            quality=found.quality.name.lower(),
            cause=word(found.cause.name),
            age_s=age(found.value, found.measured_s, snapshot.now_s),
            stale_after_s=spec.stale_after_s,
        )

    def _name(self, point: PointId, value: float | None) -> str:
        device = self._site.devices.get(device_of(point))
        if device is None or value is None or not value.is_integer():
            return ""
        spec = self._profiles[device.profile].points.get(quantity_of(point))
        return "" if spec is None else spec.enum.get(int(value), "")

    def online(self, device: str) -> bool:
        """Whether a device answers."""
        poller = self._pollers.get(self._site.devices[device].connection)
        return poller is not None and poller.online(device)


def _own(layout: Layout, image: Image) -> _Own:
    columns = [at for at, name in enumerate(layout.names) if device_of(name) == health.DEVICE]
    return _Own(layout, np.array(columns, np.intp), Page(image.specs[layout.names[at]] for at in columns))


def rounded(seconds: float | None) -> float | None:
    """Milliseconds are enough for people."""
    return None if seconds is None else round(seconds, 3)


def age(value: float | None, measured_s: float, now_s: float) -> float | None:
    """How old a value is; None: there is none."""
    return None if value is None else round(now_s - measured_s, 3)


def word(name: str) -> str:
    """A cause as it goes over the wire; empty: none."""
    return "" if name == "NONE" else name.lower()
