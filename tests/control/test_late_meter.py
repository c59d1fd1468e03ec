"""A site meter that is late: the loop neither hunts nor wanders."""

import itertools

import pytest

from gateway.model.reading import Cause, Quality, Reading
from gateway.model.request import Service
from tests.control.fakes import Toy, battery, site


class LateToy(Toy):
    """A toy whose meter shows what was drawn some seconds ago and says that it is new."""

    delay_s = 4.0

    def step(self, dt_s=0.25):
        past = self.__dict__.setdefault("past", [])
        past.append((self.now_s, self.site_w))
        late = next((watts for at_s, watts in reversed(past) if at_s <= self.now_s - self.delay_s), past[0][1])
        if len(past) % 4 == 0 or "pcc/power.active" not in self.shown:  # a value a second
            self.shown["pcc/power.active"] = Reading(late, Quality.GOOD, Cause.NONE, self.now_s + dt_s)
        return super().step(dt_s)


def signal(one, for_s, *, told=True):
    """Regulation at signal 0, sent every two seconds."""
    for _ in range(max(1, round(for_s / 2.0))):
        if told:
            one.ask(service=Service.REG, signal=0.0, end_ms=one.utc_ms + 10_000)
        one.run(min(for_s, 2.0))


@pytest.mark.fault("F-082")
def test_a_meter_four_seconds_late_makes_nobody_hunt():
    one = LateToy(site(battery()), load_w=600_000.0)
    one.run(60.0)
    signal(one, 60.0)
    target_w = one.site_w
    one.load_w += 50_000.0
    powers, values, settled_s = [], [0.0], 0.0
    for at in range(480):
        signal(one, 0.0, told=at % 8 == 0)
        before = one.power_w("battery")
        decision = one.step()
        moved = one.power_w("battery") - before
        powers.append(moved if abs(moved) > 100.0 else 0.0)
        values += [one.value for one in decision.commands if one.device == "battery" and one.value != values[-1]]
        if abs(one.site_w - target_w) > 0.02 * target_w:
            settled_s = 0.25 * at
    moves = [move for move in powers if move]
    reversals = sum(first * second < 0.0 for first, second in itertools.pairwise(moves))
    assert reversals <= 3
    assert one.site_w == pytest.approx(target_w, abs=0.02 * 50_000.0 + 1_000.0)
    assert settled_s <= 30.0
    assert len(values) - 1 <= 12
