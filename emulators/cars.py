"""Cars that come and go: every vehicle alternates between a stay at a free bay and a trip, on a stream of its own."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from emulators.events import Events, stream
from emulators.spec import FleetSpec


@dataclass(slots=True)
class Session:
    """One stay: what the car still needs, and when it leaves."""

    arrived_s: float
    departs_s: float
    owed_wh: float
    """Energy owed at arrival."""


class Traffic:
    """Arrivals and departures at the bays; `plug` and `unplug` are called with bay number and instant."""

    def __init__(
        self,
        spec: FleetSpec,
        events: Events,
        *,
        seed: int,
        plug: Callable[[int, Session, float], None],
        unplug: Callable[[int, float], None],
    ) -> None:
        self._spec = spec
        self._events = events
        self._plug = plug
        self._unplug = unplug
        mean_stay_s = sum(spec.stay_s) / 2.0
        self._trip_s = mean_stay_s * (spec.vehicles / spec.cars - 1.0)
        self._present = 0
        self._free = list(range(len(spec.devices)))
        stream(seed, "bays").shuffle(self._free)
        present = round(spec.cars)
        for number in range(spec.vehicles):
            random = stream(seed, f"vehicle/{number}")
            if number < present:
                self._found(random)
            else:
                self._leave(random, 0.0)

    def _found(self, random: Random) -> None:
        """A car that stands there already at the begin, somewhere in its stay."""
        stay_s = random.uniform(*self._spec.stay_s)
        gone = random.random()
        left_s = max(stay_s * (1.0 - gone), 300.0)
        self._park(random, 0.0, left_s)

    def _arrive(self, random: Random, now_s: float) -> None:
        self._park(random, now_s, random.uniform(*self._spec.stay_s))

    def _park(self, random: Random, now_s: float, stay_s: float) -> None:
        spec = self._spec
        power_w = spec.mean_w * random.uniform(1.0 - spec.spread, 1.0 + spec.spread)
        bay = self._free.pop(0)
        self._present += 1
        self._plug(bay, Session(now_s, now_s + stay_s, power_w * stay_s / 3600.0), now_s)

        def depart(t_s: float) -> None:
            self._unplug(bay, t_s)
            self._free.append(bay)
            self._present -= 1
            self._leave(random, t_s)

        self._events.at(now_s + stay_s, depart)

    def _leave(self, random: Random, now_s: float) -> None:
        trip_s = random.expovariate(1.0) * self._trip_s
        if self._present < self._spec.least_cars:
            trip_s = 0.0  # a depot with a queue: the next car waits already
        self._events.at(now_s + trip_s, lambda t_s: self._arrive(random, t_s))
