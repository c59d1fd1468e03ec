"""Water and gas of a building: a day's amount by the hour of an office, and what runs all the time besides."""

from emulators.events import Reading, Setter
from emulators.spec import FlowsSpec

DAY_S, HOUR_S = 86_400.0, 3600.0
WATER = (0, 0, 0, 0, 0, 1, 2, 4, 6, 7, 7, 8, 10, 8, 6, 6, 6, 7, 6, 4, 3, 2, 1, 0)
GAS = (0, 0, 0, 0, 0, 2, 6, 8, 6, 4, 6, 12, 14, 10, 4, 2, 2, 8, 10, 6, 2, 0, 0, 0)
"""Parts of a day's amount by hour; assumed: washrooms and a canteen that opens at noon and in the evening."""


class Flow:
    """One pipe; the time it takes is of the building's clock, s since some midnight, and may be negative."""

    def __init__(self, day_m3: float, always_m3_h: float, shape: tuple[int, ...]) -> None:
        whole = sum(shape)
        self._hourly = [day_m3 * part / whole for part in shape]
        self._day_m3 = day_m3
        self._always_m3_h = always_m3_h

    def rate_m3_h(self, clock_s: float) -> float:
        """What flows at an instant."""
        return self._hourly[min(int(clock_s % DAY_S // HOUR_S), 23)] + self._always_m3_h

    def between_m3(self, begin_s: float, end_s: float) -> float:
        """What flowed between two instants."""
        return self._since(end_s) - self._since(begin_s) + self._always_m3_h * (end_s - begin_s) / HOUR_S

    def _since(self, clock_s: float) -> float:
        days, rest_s = divmod(clock_s, DAY_S)
        hour = min(int(rest_s // HOUR_S), 23)  # just before midnight the rest may round up to the whole day
        return days * self._day_m3 + sum(self._hourly[:hour]) + self._hourly[hour] * (rest_s / HOUR_S - hour)


def flows_of(spec: FlowsSpec) -> dict[str, tuple[Flow, float]]:
    """By carrier: the flow, and what its meter had counted at the run's begin."""
    return {
        "water": (Flow(spec.water_m3_day, spec.leak_m3_h, WATER), spec.water_counted_m3),
        "gas": (Flow(spec.gas_m3_day, 0.0, GAS), spec.gas_counted_m3),
    }


class FlowPlant:
    """The pulse counter of both; `clock_s` is the building's clock at the run's begin."""

    def __init__(self, spec: FlowsSpec, *, clock_s: float) -> None:
        self.controls: dict[str, Setter] = {}
        self.registers: dict[str, Setter] = {}
        self.readings: dict[str, Reading] = {}
        for carrier, (flow, counted) in flows_of(spec).items():
            self._connect(carrier, flow, counted, clock_s)

    def _connect(self, carrier: str, flow: Flow, counted_m3: float, clock_s: float) -> None:
        self.readings[f"{carrier}.volume"] = lambda now_s: counted_m3 + flow.between_m3(clock_s, clock_s + now_s)
        self.readings[f"{carrier}.flow"] = lambda now_s: flow.rate_m3_h(clock_s + now_s)
