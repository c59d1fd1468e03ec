"""A first-order lag solved exactly: x(t) = target + (x0 - target) exp(-(t - t0) / tau)."""

from math import exp


class Lag:
    """A quantity on its way to `target`; asking never changes it, only `move` and `jump` do."""

    __slots__ = ("_gap", "_t0_s", "_tau_s", "target")

    def __init__(self, value: float, tau_s: float) -> None:
        self.target = value
        self._gap = 0.0
        self._t0_s = 0.0
        self._tau_s = tau_s

    def at(self, t_s: float) -> float:
        """The value at an instant not before the last move."""
        gap = self._gap
        if gap == 0.0:
            return self.target
        gap *= exp((self._t0_s - t_s) / self._tau_s)
        return self.target + gap

    def move(self, t_s: float, target: float) -> None:
        """From now on go to another target."""
        self._gap = self.at(t_s) - target
        if abs(self._gap) < 1e-9:
            self._gap = 0.0
        self._t0_s = t_s
        self.target = target

    def jump(self, t_s: float, value: float) -> None:
        """Be there at once, and stay."""
        self._gap = 0.0
        self._t0_s = t_s
        self.target = value

    def gap(self, t_s: float) -> float:
        """How far the value still is from its target."""
        return self.at(t_s) - self.target

    @property
    def tau_s(self) -> float:
        """The time constant."""
        return self._tau_s
