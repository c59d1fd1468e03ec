"""The site meter, which the market settles on: a fixed gain error, a sample each second, a coarse resolution."""

from collections.abc import Callable

from emulators.events import Events, Reading, stream
from emulators.spec import MeterSpec


class SiteMeter:
    """Samples `site_w` by its own second; `watch` is told every sample."""

    def __init__(
        self,
        spec: MeterSpec,
        events: Events,
        site_w: Reading,
        *,
        seed: int,
        watch: Callable[[float], None],
    ) -> None:
        self.spec = spec
        self.gain = 1.0 + stream(seed, "meter").uniform(-1.0, 1.0) * spec.gain_error_pct / 100.0
        self._events = events
        self._site_w = site_w
        self._watch = watch
        self.sampled_w = 0.0
        self._import_wh = spec.counted_wh
        self.readings: dict[str, Reading] = {
            "power.active": lambda _: self.sampled_w,
            "energy.active.import": lambda _: float(int(self._import_wh / 10.0) * 10),
            "energy.active.export": lambda _: 0.0,
            "frequency": lambda _: 50.0,
            "power_factor": lambda _: 1.0,
            "power.reactive": lambda _: 0.0,
            **{f"voltage.l{phase}-n": lambda _: 230.0 for phase in (1, 2, 3)},
            **{f"current.l{phase}": lambda _: round(self.sampled_w / 690.0, 2) for phase in (1, 2, 3)},
            **{f"power.active.l{phase}": lambda _: round(self.sampled_w / 3.0, 2) for phase in (1, 2, 3)},
        }
        self._sample(0.0)

    def _sample(self, now_s: float) -> None:
        spec = self.spec
        power_w = self._site_w(now_s) * self.gain
        self.sampled_w = round(power_w / spec.resolution_w) * spec.resolution_w
        self._import_wh += max(power_w, 0.0) * spec.sample_s / 3600.0
        self._watch(power_w)
        self._events.at(now_s + spec.sample_s, self._sample)
