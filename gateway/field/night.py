"""Night: a device that may fall silent when it is dark is asleep then, not lost: when to look whether it woke. Pure.

Theory (F-038). A solar inverter goes silent, or says "not available", from dusk to dawn. Looking once a minute would find
it a minute late in the morning, looking twice a minute is too often for a whole night. So it is looked at every minute
while it dozes off, seldom in the depth of the night, and often from the time on at which it might wake: as long as that
makes no more than one look a minute since it fell asleep. When it woke last is remembered.
A device that was giving power just before is not asleep but lost; so is one that is silent for longer than any night.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf

from gateway.model.point import PointId

DOZE_S, SELDOM_S, OFTEN_S, MEAN_S = 60.0, 300.0, 25.0, 60.0
DUSK_S = 1800.0
FIRST_NIGHT_S = 8.5 * 3600.0
"""How long a night is taken to be before one was seen."""
BEFORE_DAWN_S = 1.5 * 3600.0
LONGEST_S = 20.0 * 3600.0
BRIGHT_W = 200.0
"""Nobody who gives this falls asleep."""
GLOW = ("pv.power", "inverter.power")


@dataclass(slots=True)
class Night:
    """One device's."""

    glow: tuple[PointId, ...] = ()
    """Its powers, by which one sees that it is day."""
    scale: float = 1.0
    """What every time is multiplied with."""
    began_s: float | None = None
    """Since when it is asleep; None: it is awake."""
    _looks: int = 0
    _usual_s: float = field(default=FIRST_NIGHT_S)

    def fall(self, now_s: float) -> None:
        """It went silent."""
        if self.began_s is None:
            self.began_s, self._looks = now_s, 0

    def wake(self, now_s: float) -> None:
        """It answers again."""
        if self.began_s is not None:
            slept_s = (now_s - self.began_s) / self.scale
            self._usual_s = slept_s if slept_s > BEFORE_DAWN_S else self._usual_s
        self.began_s = None

    def give_up(self) -> None:
        """It is lost, not asleep."""
        self.began_s = None

    def over(self, now_s: float) -> bool:
        """It is silent for longer than any night."""
        return self.began_s is not None and now_s - self.began_s > LONGEST_S * self.scale

    def next_look_s(self, now_s: float) -> float:
        """When to look whether it woke; it has just been looked at, or fell asleep."""
        if self.began_s is None:
            return inf
        self._looks += 1
        slept_s = (now_s - self.began_s) / self.scale
        if slept_s < DUSK_S:
            wait_s = DOZE_S
        elif slept_s < self._usual_s - BEFORE_DAWN_S:
            wait_s = SELDOM_S
        else:
            wait_s = OFTEN_S if self._looks * MEAN_S < slept_s else MEAN_S
        return now_s + wait_s * self.scale


def eyes_of(names: Sequence[str]) -> tuple[int, ...]:
    """Which of these points show that it is day."""
    return tuple(at for at, name in enumerate(names) if name in GLOW)
