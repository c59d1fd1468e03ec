"""A roof of solar inverters: a clear day's curve, clouds that come and go, and limits that the inverters keep.

The sun is shared by all inverters of a roof, the clouds too: generation is rated_w x peak_share x sin(day)^1.3 x what the
clouds let through. A cloud's edge passes over the roof with a lag of its own. An inverter gives the least of the sun and
of its limit, which follows a command by a dead time and a lag; a limit nobody refreshes is lifted.
"""

from math import pi, sin

from emulators.events import Events, Expiry, Reading, Setter, factor, stream
from emulators.lag import Lag
from emulators.spec import PvSpec

DAY_S = 86_400.0
RISE = 1.3
"""Exponent of the sine: a tilted roof's day is narrower than half a wave."""
FREE_PCT = 100.0
OK, SOLAR, STRING_V = 307.0, 8001.0, 600.0
"""State and class as the inverters of the scenario say them, and the voltage of a string."""


class Sky:
    """What the sun gives on one roof, as a share of its rating."""

    def __init__(self, spec: PvSpec, events: Events, *, seed: int, clock_s: float) -> None:
        """`clock_s` is the time of the day, or of a longer file, at the run's begin."""
        self.spec = spec
        self._events = events
        self._clock_s = clock_s
        self._random = stream(seed, "clouds")
        self.clear = Lag(1.0, spec.edge_s)
        """What the clouds let through, 0 to 1."""
        if spec.cloud_s > 0.0:
            self._events.at(self._random.expovariate(1.0 / spec.clear_s), self._cover)

    def share(self, now_s: float) -> float:
        """Of the rating, at an instant."""
        spec = self.spec
        hour_s = (self._clock_s + now_s) % DAY_S
        day = (hour_s - spec.sunrise_s) / (spec.sunset_s - spec.sunrise_s)
        if not 0.0 < day < 1.0:
            return 0.0
        return float(spec.peak_share * sin(pi * day) ** RISE * self.clear.at(now_s))

    def _cover(self, now_s: float) -> None:
        self.clear.move(now_s, 1.0 - self.spec.cloud_depth * self._random.uniform(0.5, 1.0))
        self._events.at(now_s + self._random.expovariate(1.0 / self.spec.cloud_s), self._uncover)

    def _uncover(self, now_s: float) -> None:
        self.clear.move(now_s, 1.0)
        self._events.at(now_s + self._random.expovariate(1.0 / self.spec.clear_s), self._cover)


class PvPlant:
    """One inverter; powers are negative: it generates."""

    def __init__(self, spec: PvSpec, sky: Sky, events: Events, *, seed: int, perturb: float) -> None:
        self.spec = spec
        self._sky = sky
        self._events = events
        self._dead_s = spec.dead_time_s * factor(seed, "pv.dead_time", perturb)
        self._bound = Lag(FREE_PCT, spec.lag_s * factor(seed, "pv.lag", perturb))
        self.limit_pct = FREE_PCT
        """As written."""
        self.controls: dict[str, Setter] = {"pv.power.limit.percent": self.set_limit}
        self.registers = self.controls
        self._counted_wh = 0.0
        self._counted_s = 0.0
        self.readings: dict[str, Reading] = {
            "pv.power": lambda now_s: float(round(self.power_w(now_s))),
            "pv.energy": self.energy_wh,
            "pv.energy.day": self.energy_wh,
            "pv.state": lambda _: OK,
            "pv.power.limit.percent": lambda _: self.limit_pct,
            "inverter.power.rated": lambda _: spec.rated_w,
            "frequency": lambda _: 50.0,
            "power.reactive": lambda _: 0.0,
            "device.temperature": lambda now_s: 35.0 + 20.0 * self._sky.share(now_s),
            "x.device_class": lambda _: SOLAR,
        }
        for phase in ("l1", "l2", "l3"):
            self.readings[f"voltage.{phase}-n"] = lambda _: 230.0
            self.readings[f"power.active.{phase}"] = lambda now_s: self.power_w(now_s) / 3.0
        for string in ("pv.string1", "pv.string2"):
            self.readings[f"{string}.voltage"] = lambda _: STRING_V
            self.readings[f"{string}.power"] = lambda now_s: self.power_w(now_s) / 2.0
            self.readings[f"{string}.current"] = lambda now_s: -self.power_w(now_s) / 2.0 / STRING_V
        self._expiry = Expiry(events, spec.reversion_s, lambda now_s: self._aim(FREE_PCT, now_s))

    def sun_w(self, now_s: float) -> float:
        """What the sun would let it give."""
        return self.spec.rated_w * self._sky.share(now_s)

    def power_w(self, now_s: float) -> float:
        """The least of the sun and of the limit."""
        return -min(self.sun_w(now_s), self.spec.rated_w * self._bound.at(now_s) / 100.0)

    def energy_wh(self, now_s: float) -> float:
        """What it has generated since the begin, counted whenever it is asked."""
        self._counted_wh -= self.power_w(now_s) * (now_s - self._counted_s) / 3600.0
        self._counted_s = now_s
        return float(round(self._counted_wh))

    def set_limit(self, value: float | None, now_s: float) -> bool:
        """Take a limit, % of the rating; None lifts it."""
        if value is None:
            self._expiry.stop()
            self._aim(FREE_PCT, now_s)
            return True
        if not 0.0 <= value <= FREE_PCT:
            return False
        self._expiry.refresh(now_s)
        self._aim(value, now_s)
        return True

    def _aim(self, limit_pct: float, now_s: float) -> None:
        if limit_pct != self.limit_pct:
            self.limit_pct = limit_pct
            self._events.at(now_s + self._dead_s, lambda t_s: self._bound.move(t_s, limit_pct))
