"""What happens in the building unasked: white noise held for each second, and loads that switch on and off."""

from emulators.events import Events, stream
from emulators.load import Load
from emulators.spec import BuildingSpec


class Building:
    """The uncontrolled load: curve + step loads about their mean + noise."""

    def __init__(
        self, spec: BuildingSpec, load: Load, events: Events, *, seed: int, noise: bool, load_steps: bool
    ) -> None:
        self._load = load
        self._events = events
        self._sigma_w = spec.noise_share * spec.capacity_w if noise else 0.0
        self._noise_random = stream(seed, "noise")
        self._noise: list[float] = []
        self._wait_s = spec.step_wait_s
        self._steps_w = 0.0
        if load_steps:
            for number in range(spec.step_loads):
                self._add_step(spec, number, seed)

    def power_w(self, now_s: float) -> float:
        """Watts at an instant."""
        return self.calm_w(now_s) + self.noise_w(now_s)

    def calm_w(self, now_s: float) -> float:
        """Watts without the noise."""
        return self._load.at(now_s) + self._steps_w

    def noise_w(self, now_s: float) -> float:
        """The noise of the second that `now_s` lies in."""
        if self._sigma_w == 0.0:
            return 0.0
        second = int(now_s)
        while second >= len(self._noise):
            gauss, sigma = self._noise_random.gauss, self._sigma_w
            self._noise.extend(gauss(0.0, sigma) for _ in range(1024))
        return self._noise[second]

    def _add_step(self, spec: BuildingSpec, number: int, seed: int) -> None:
        random = stream(seed, f"step/{number}")
        half_w = spec.capacity_w * random.uniform(*spec.step_share) / 2.0
        state = [half_w if random.random() < 0.5 else -half_w]
        self._steps_w += state[0]

        def toggle(now_s: float) -> None:
            state[0] = -state[0]
            self._steps_w += 2.0 * state[0]
            self._events.at(now_s + random.expovariate(1.0 / self._wait_s), toggle)

        self._events.at(random.expovariate(1.0 / self._wait_s), toggle)
