"""The EV fleet: who charges, how much is owed, what the chargers will draw, and which of them to ask.

A charger answers some seconds after a command and takes one at a time; below its minimum current a car does not
charge (IEC 61851-1: 6 A). Cars that must leave soon are not in the pool.
"""

from collections.abc import Mapping
from math import ceil, inf

from gateway.control.facts import Facts, Kept, Tracked
from gateway.control.headroom import Band, Car
from gateway.control.kinds import power_points
from gateway.control.state import AssetState, Charger
from gateway.model.image import Snapshot
from gateway.model.site import Asset, EvFleet

URGENT = 0.85
"""A car that needs this part of its full power until it leaves is charged at full power."""
URGENCY_WEIGHT = 0.15
DEADBAND_W = 2_500.0
EASED_W = 4_000.0
"""Most that is on its way at a time while nobody waits for it."""
LEAST_STEP_A = 0.5
UNBOOKED_S = 120.0
"""So long a car whose booking cannot be read goes on as it is, then it is charged as if it left at once."""
ANSWER_LATE_S = 1.5
"""So much after its usual time an answer counts as given, whatever the charger draws."""
ANSWERED_W = 400.0
"""A charger that draws what was asked to within this has answered."""
CONNECTED, LAST_CONNECTED = 1.0, 6.0
"""`ev.state` of a connected car: 1 B1, 2 B2, 3 C1, 4 C2, 5 D1, 6 D2; 7 and 8 (E, F) are faults of the charger."""

Values = tuple[float | None, ...]


def cars(
    asset: Asset, fleet: EvFleet, powers: Values, shown: Values, kept: Mapping[str, Charger] | None = None
) -> tuple[Car, ...]:
    """The cars that take part: connected, owed energy, their charger answering.

    With `kept` a car whose booking cannot be read goes on as its charger was asked; else it is charged as if it left
    at once.
    """
    found = []
    volt = fleet.volts * fleet.phases
    devices = asset.devices
    bays = shown[len(devices) :]
    for at, device in enumerate(devices):
        state = shown[at]
        if state is None or not CONNECTED <= state <= LAST_CONNECTED or powers[at] is None:
            continue
        booked = (None, None) if fleet.bookings is None else (bays[2 * at], bays[2 * at + 1])
        if kept is not None and fleet.bookings is not None and None in booked:
            charger = kept.get(device) or Charger()
            amps = charger.amps if charger.amps is not None else charger.watts / volt
            found.append(Car(device, amps, urgent=False, kept_a=amps))
            continue
        need_a, urgent, left_s = _need(fleet, booked, volt)
        if need_a > 0.0:
            found.append(Car(device, need_a, urgent, left_s))
    return tuple(found)


def _need(fleet: EvFleet, booked: tuple[float | None, float | None], volt: float) -> tuple[float, bool, float | None]:
    """What a car needs, by (energy owed, time until it leaves) of its bay."""
    if fleet.bookings is None:
        return fleet.max_current_a, False, None
    owed_wh, left_s = booked
    if owed_wh is None or left_s is None:  # what is owed is unknown: charge it as if it left at once
        return fleet.max_current_a, True, None
    if owed_wh <= 0.0:
        return 0.0, False, left_s
    need_a = owed_wh * 3600.0 / max(left_s, 60.0) / volt
    return min(need_a, fleet.max_current_a), need_a > URGENT * fleet.max_current_a, left_s


def room(known: Facts, fleet: EvFleet, state: AssetState, powers: Values, shown: Values, *, now_s: float) -> Band:
    """The fleet's band: every car between its minimum and maximum, urgent cars at full power."""
    asset = known.asset
    answering = None if None not in powers else tuple(watts is None for watts in powers)
    waits = fleet.bookings is not None and _is_unbooked(asset, state, shown, now_s=now_s)
    kept = state.chargers if waits else None
    key = (answering, shown, now_s < state.shunned_until_s, kept)
    if known.kept.key == key:
        return known.kept.band  # type: ignore[no-any-return]  # what was kept of this asset is a band
    found = _band(asset, fleet, cars(asset, fleet, powers, shown, kept), shunned=now_s < state.shunned_until_s)
    known.kept = Kept(key, -inf, inf, found)
    return found


def _is_unbooked(asset: Asset, state: AssetState, shown: tuple[float | None, ...], *, now_s: float) -> bool:
    """Whether a booking cannot be read, and not for long: nobody's departure moves because of a lost reply."""
    count = len(asset.devices)
    bays = shown[count : 3 * count]
    lost = None in bays and any(
        CONNECTED <= (shown[at] or 0.0) <= LAST_CONNECTED and None in bays[2 * at : 2 * at + 2] for at in range(count)
    )
    if not lost:
        state.unbooked_s = None
        return False
    if state.unbooked_s is None:
        state.unbooked_s = now_s
    return now_s - state.unbooked_s < UNBOOKED_S


def bounds_a(fleet: EvFleet, car: Car) -> tuple[float, float]:
    """The least and the most a car may be asked for, A."""
    if car.kept_a is not None:
        return car.kept_a, car.kept_a
    if car.urgent:
        return fleet.max_current_a, fleet.max_current_a
    return max(fleet.min_current_a, car.least_a), fleet.max_current_a


def _band(asset: Asset, fleet: EvFleet, present: tuple[Car, ...], *, shunned: bool) -> Band:
    volt = fleet.volts * fleet.phases
    if not present:
        return Band(0.0, 0.0, 0.0, "no_cars", "no_cars", ())
    bounds = [bounds_a(fleet, car) for car in present]
    lo_w, hi_w = volt * sum(least_a for least_a, _ in bounds), volt * sum(most_a for _, most_a in bounds)
    rest_w = plan_w(fleet, present)
    lo_reason, hi_reason = "min_current", "cars"
    if asset.min_w > lo_w:
        lo_w, lo_reason = min(asset.min_w, hi_w), "min"
    if asset.max_w < hi_w:
        hi_w, hi_reason = max(asset.max_w, lo_w), "max"
    rest_w = min(max(rest_w, lo_w), hi_w)
    if shunned:
        lo_w = hi_w = rest_w
        lo_reason = hi_reason = "not_following"
    return Band(lo_w, hi_w, rest_w, lo_reason, hi_reason, tuple(car.device for car in present), present)


def plan_w(fleet: EvFleet, present: tuple[Car, ...]) -> float:
    """What the fleet draws when every car is charged evenly until it leaves."""
    volt = fleet.volts * fleet.phases
    return volt * sum(_rest_a(fleet, car) for car in present)


def _rest_a(fleet: EvFleet, car: Car) -> float:
    return max(car.need_a, fleet.min_current_a) if car.kept_a is None else car.kept_a


def take_over(known: Facts, fleet: EvFleet, state: AssetState, snapshot: Snapshot, powers: Values) -> None:
    """Take over polled powers; an answer that was due counts as given when it shows, or when its time is over."""
    asset = known.asset
    if known.tracked.chargers is state.chargers and known.tracked.powers == powers:
        return
    chargers = dict(state.chargers)
    waiting = False
    for device, point in zip(asset.devices, power_points(asset), strict=True):
        charger = chargers.get(device) or Charger()
        watts, measured_s = snapshot.timed(point)
        due_w = charger.due_w
        if watts is None:
            watts, due_w = 0.0, None
        elif due_w is not None:
            over = measured_s > charger.sent_s + fleet.command_s + ANSWER_LATE_S
            if over or (measured_s > charger.sent_s and abs(watts - due_w) < ANSWERED_W):
                due_w = None
            else:
                watts = charger.watts
                waiting = True
        if watts != charger.watts or due_w != charger.due_w or device not in chargers:
            chargers[device] = Charger(watts, charger.amps, charger.sent_s, due_w)
    state.chargers = chargers
    if not waiting:
        known.tracked = Tracked(powers, chargers)


def then_w(fleet: EvFleet, state: AssetState, at_s: float) -> float:
    """What the fleet will draw at a near instant: each answer counted from when it is due."""
    total = 0.0
    for charger in state.chargers.values():
        due_w = charger.due_w
        total += charger.watts if due_w is None or at_s < charger.sent_s + fleet.command_s else due_w
    return total


def _must_a(fleet: EvFleet, car: Car, charger: Charger, amps: float) -> float | None:
    """The current a charger is due whatever the fleet is asked for; None when it may stay as it is."""
    if car.kept_a is not None:
        return None
    if car.urgent and amps < fleet.max_current_a:
        return fleet.max_current_a
    if charger.amps is None and not car.urgent:
        return float(round(min(max(car.need_a, fleet.min_current_a), fleet.max_current_a)))
    return float(ceil(car.least_a)) if amps < car.least_a - LEAST_STEP_A else None


def ask(
    fleet: EvFleet, state: AssetState, present: tuple[Car, ...], *, aim_w: float, now_s: float, eased: bool = False
) -> dict[str, float]:
    """New currents, A, for as few chargers as will do; one outstanding command each.

    When a charger answers is not known to a second: while something faster can wait for it (`eased`), only little is
    on its way at a time.
    """
    volt = fleet.volts * fleet.phases
    wishes: dict[str, float] = {}
    free: list[tuple[Car, Charger, float]] = []
    expected_w = under_way_w = 0.0
    for car in present:
        charger = state.chargers.get(car.device) or Charger()
        amps = charger.amps if charger.amps is not None else charger.watts / volt
        amps_w = charger.due_w if charger.due_w is not None else charger.watts
        busy = charger.due_w is not None and now_s < charger.sent_s + fleet.command_s + ANSWER_LATE_S
        must_a = None if busy else _must_a(fleet, car, charger, amps)
        if must_a is not None:
            wishes[car.device] = must_a
            amps_w = volt * must_a
        elif not busy and not car.urgent and car.kept_a is None:
            free.append((car, charger, min(max(amps, fleet.min_current_a), fleet.max_current_a)))
        expected_w += amps_w
        under_way_w += abs(amps_w - charger.watts)
    short_w = aim_w - expected_w
    if abs(short_w) < DEADBAND_W:
        return wishes
    up = short_w > 0.0

    def eagerness(entry: tuple[Car, Charger, float]) -> float:
        car, _, amps = entry
        room = fleet.max_current_a - amps if up else amps - max(fleet.min_current_a, car.least_a)
        urgency = car.need_a - amps
        return room + URGENCY_WEIGHT * (urgency if up else -urgency)

    for car, charger, amps in sorted(free, key=eagerness, reverse=True):
        step_a = round(short_w / volt)
        if eased:
            most_a = int((EASED_W - under_way_w) / volt)
            step_a = min(max(step_a, -most_a), most_a) if most_a > 0 else 0
        if step_a == 0:
            break
        wanted = min(max(round(amps) + step_a, fleet.min_current_a, ceil(car.least_a)), fleet.max_current_a)
        moved = wanted - amps
        if abs(moved) < 0.5:
            continue
        wishes[car.device] = float(wanted)
        under_way_w += abs(volt * wanted - charger.watts)
        short_w -= volt * wanted - (charger.due_w if charger.due_w is not None else charger.watts)
    return wishes
