"""The control state: all that one step hands to the next; plain data, written to disk and to the decision log as JSON.

A step never changes the state it was given: it works on a copy (`control.copies`).
"""

from dataclasses import dataclass, field

from pydantic import ConfigDict, with_config

from gateway.model.mode import Mode
from gateway.model.request import Request, Verdict


@dataclass(frozen=True, slots=True)
class Held:
    """A request that was accepted, its times anchored to the boot clock (I-20); `heard_s` renews with each signal."""

    request: Request
    begin_s: float
    end_s: float | None
    heard_s: float
    issued_s: float = 0.0
    """When it was issued, on the boot clock, by its age at arrival."""
    waits: bool = False
    """Its begin has not come: it has had no effect yet."""
    reference_w: float | None = None
    """What the shed counts from, fixed when the request begins, where no declared base point or curve serves."""
    curve: tuple[float, ...] | None = None
    """Contractual baseline of a demand-response event: W, one value a `curve_step_s` from `curve_from_s` on."""
    curve_step_s: float = 900.0
    closes_s: float | None = None
    """When the hours of its service are over; whatever it is, it then ends."""
    curve_from_s: float | None = None
    """When the curve begins; None: with the event."""


@dataclass(slots=True)
class Book:
    """Requests in force or to come, and what has been answered."""

    entries: tuple[Held, ...] = ()
    answered: dict[str, tuple[Verdict, ...]] = field(default_factory=dict)
    """`issuer>id` -> the answers already given; a repeated id gets them again."""
    last: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Newest (issued_ms, seq) accepted of `issuer>target` (I-19)."""
    heard: dict[str, float] = field(default_factory=dict)
    """Issuer -> boot time of its last command or heartbeat."""
    latched: dict[str, bool] = field(default_factory=dict)
    """Interlock that has tripped -> whether its input is clear again."""
    trips: int = 0
    """Interlocks that ever tripped; numbers their requests."""


@dataclass(slots=True)
class Twin:
    """One asset as its own commands explain it: a dead time, then a first-order lag.

    `x` is the drive (W; fans: % speed) that has arrived; `pending` are drives still on their way, (effect_s, drive);
    `trail` is the recent past, (t_s, W), for comparison with values that were measured a moment ago.
    """

    x: float
    at_s: float
    drive: float
    pending: tuple[tuple[float, float], ...] = ()
    trail: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Charger:
    """One charger of a fleet: what it draws, and the answer that is due."""

    watts: float = 0.0
    amps: float | None = None
    """Last commanded."""
    sent_s: float = -1e9
    due_w: float | None = None
    """What it will draw when the last command takes effect; None when it has."""


@dataclass(frozen=True, slots=True)
class Sent:
    """The last command of one actuator: its value (None: released) and when its lease was last renewed."""

    value: float | None
    at_s: float
    renewed_s: float


@dataclass(frozen=True, slots=True)
class Rival:
    """A model of an asset with another dead time or lag (`control.timing`): drive x at an instant, W² of error so far."""

    x: float
    at_s: float
    error: float


@dataclass(frozen=True, slots=True)
class Timing:
    """What was learned of an asset's dead time and lag; `orders`: (when a command was sent, its drive)."""

    dead_s: float
    lag_s: float
    moved: bool = False
    begun_s: float = 0.0
    read_s: float = -1e9
    readings: int = 0
    orders: tuple[tuple[float, float], ...] = ()
    rivals: tuple[Rival, ...] = ()


@dataclass(frozen=True, slots=True)
class Relay:
    """One switched load: whether it was last seen or told on, since when, and when it was started of late."""

    on: bool
    since_s: float
    starts_s: tuple[float, ...] = ()
    read_s: float = -1e9


@dataclass(frozen=True, slots=True)
class Inverter:
    """One inverter: what it gave when nothing but the sun bound it last, and the limits that may be in force, W."""

    sun_w: float
    least_w: float
    most_w: float
    gives_w: float = 0.0
    read_s: float = -1e9
    """When it was read last."""


@dataclass(frozen=True, slots=True)
class Answer:
    """How much of what set-points were meant to do came (`control.zones`): the open window, and what closed ones say.

    `gain` is the part that came; a window has what was measured and what the twin did by commands alone, W.
    """

    begun_s: float = -1e9
    measured_w: float = 0.0
    modelled_w: float = 0.0
    shifted_w: float = 0.0
    """What the twin was moved by readings, in all."""
    square: float = 0.0
    product: float = 0.0
    ignored: int = 0
    """Windows on end in which next to nothing came."""


@dataclass(frozen=True, slots=True)
class Rooms:
    """Rooms of one group: the set-points they had, those they were given and not yet seen without, what they draw unasked, W."""

    own_c: dict[str, float] = field(default_factory=dict)
    given_c: dict[str, float] = field(default_factory=dict)
    rest_w: float | None = None
    slow_c: float | None = None
    """Their mean temperature, smoothed."""
    occupied: bool = True
    hours_s: float = -1e9
    """When the hours were looked at."""
    answer: Answer = Answer()


@dataclass(slots=True)
class AssetState:
    """One asset between two steps; its dicts are replaced, never changed: the step before shares them."""

    twin: Twin
    aim_w: float
    chargers: dict[str, Charger] = field(default_factory=dict)
    sent: dict[str, Sent] = field(default_factory=dict)
    polled_s: float = -1e9
    """Measurement time of the newest power reading the twin was corrected with."""
    doubt_s: float | None = None
    """Since when the measured power contradicts the twin."""
    shunned_until_s: float = -1e9
    """Not followed: no share until then."""
    running: dict[str, bool] = field(default_factory=dict)
    switched_s: dict[str, float] = field(default_factory=dict)
    starts_s: tuple[float, ...] = ()
    whole_s: float | None = None
    """Since when all its devices answer; kept where the site file asks for a return delay."""
    timing: Timing | None = None
    inverters: dict[str, Inverter] = field(default_factory=dict)
    relays: dict[str, Relay] = field(default_factory=dict)
    cycled_wh: float = 0.0
    """What it moved on `cycled_day` (a day's ordinal), out and in together; kept where the site file has a budget."""
    cycled_day: int = 0
    unbooked_s: float | None = None
    """Since when the booking of some connected car cannot be read."""
    rooms: Rooms | None = None


@dataclass(frozen=True, slots=True)
class Age:
    """What was learned of how old a meter value is (`control.age`): running means n, x, z and sums about them."""

    age_s: float = 0.2
    n: float = 0.0
    x: float = 0.0
    z: float = 0.0
    nn: float = 0.0
    zz: float = 0.0
    zn: float = 0.0
    zx: float = 0.0
    weight: float = 0.0


@dataclass(frozen=True, slots=True)
class Wary:
    """Whether corrections of the load are followed by their effect (`control.age`): the last innovation, running means
    of its square and of its product with the one before, and since when the observer is careful."""

    last_w: float = 0.0
    square: float = 0.0
    product: float = 0.0
    since_s: float | None = None


@dataclass(frozen=True, slots=True)
class Fall:
    """How far the load falls at once (`control.falls`): the newest value of the meter, what the assets drew then, the most."""

    at_s: float = -1e9
    meter_w: float = 0.0
    drawn_w: float = 0.0
    most_w: float = 0.0
    bound: bool = False
    """Every inverter was at its limit then."""


@dataclass(slots=True)
class Load:
    """The load nobody controls, seen through the site meter less the twins."""

    now_w: float | None = None
    measured_s: float = -1e9
    slow_w: float = 0.0
    slower_w: float = 0.0
    recent: tuple[tuple[float, float], ...] = ()
    """Site meter of the last 60 s: (measured_s, W)."""
    age: Age = Age()
    trail: tuple[tuple[float, float, float], ...] = ()
    """The last seconds: (t_s, W the assets drew, W that was asked of the site)."""
    asked_w: float | None = None
    """Target of the last step; None without one."""
    wary: Wary = Wary()
    taken_s: float = -1e9
    """When the value was measured that `now_w` last took over."""
    mirrored: bool = False
    """The site meter seems to have lost its sign (`control.balance`)."""
    doubted_w: float | None = None
    """`now_w` when that began, on a site whose inverters may be what swung it."""
    doubted_drawn_w: float = 0.0
    """What the assets drew then."""
    fall: Fall = Fall()


@dataclass(frozen=True, slots=True)
class Peak:
    """What the site drew in the window of its peak limit: (begin_s, mean W) of each bin, and the bin that is open."""

    recent: tuple[tuple[float, float], ...] = ()
    open_s: float | None = None
    area_j: float = 0.0
    held_w: float = 0.0
    last_s: float = -1e9


@dataclass(slots=True)
class ModeState:
    """The site's mode, why, since when, and what HOLD and RAMP start from."""

    mode: Mode = Mode.BOOT
    cause: str = "start"
    since_s: float = 0.0
    lost_s: float | None = None
    """When the loss was seen: only a command issued later ends HOLD, RAMP or SAFE (I-11)."""
    held_signal: float | None = None
    held_target_w: float | None = None
    hold_until_s: float | None = None
    held_aims: dict[str, float] = field(default_factory=dict)
    inputs_back_s: float | None = None
    unlinked: bool = False
    """The upstream was lost before or while the inputs were: their return leads to SAFE."""


@dataclass(frozen=True, slots=True)
class Block:
    """One declared block on the boot clock, so that no wall-clock step moves it (I-27)."""

    start_s: float
    end_s: float
    basepoint_w: float
    up_w: float
    down_w: float


@dataclass(slots=True)
class Declared:
    """The plan: base points declared for blocks of five minutes."""

    seq: int = 0
    blocks: tuple[Block, ...] = ()


@dataclass(slots=True)
class Forecast:
    """What was learned of the regulation signal (`control.forecast`); shapes: gram (F, F), cross and weights (H, F),
    errors (H, 2) ours and persistence's, path (H,), F features and H horizons."""

    at_s: float = -1e9
    samples: tuple[float, ...] = ()
    gram: tuple[tuple[float, ...], ...] = ()
    cross: tuple[tuple[float, ...], ...] = ()
    weights: tuple[tuple[float, ...], ...] = ()
    errors: tuple[tuple[float, float], ...] = ()
    path: tuple[float, ...] = ()
    count: int = 0


@dataclass(frozen=True, slots=True)
class Rates:
    """Watts that hold from now on: what the site draws, would draw unasked, and is asked to draw."""

    drawn_w: float
    unasked_w: float
    asked_w: float


@dataclass(frozen=True, slots=True)
class Quarter:
    """A settlement quarter: when it began, since when it is counted, until when, and the energy so far, Ws."""

    begin_s: float
    since_s: float
    at_s: float
    rates: Rates
    drawn_ws: float = 0.0
    unasked_ws: float = 0.0
    asked_ws: float = 0.0


@dataclass(frozen=True, slots=True)
class Rebound:
    """The demand-response event that is followed or was last, and what its recovery is measured by."""

    held: Held
    ended_s: float | None = None
    """When it ended or was withdrawn; None while it is followed."""
    aims: dict[str, float] = field(default_factory=dict)
    """What each EV fleet was to draw before the event, W."""
    quarter: Quarter | None = None


@with_config(ConfigDict(ser_json_inf_nan="strings"))
@dataclass(slots=True)
class ControlState:
    """Everything one step hands to the next."""

    started_s: float
    stepped_s: float
    book: Book
    assets: dict[str, AssetState]
    load: Load
    mode: ModeState
    plan: Declared
    alarms: tuple[str, ...] = ()
    forecast: Forecast = field(default_factory=Forecast)
    peak: Peak = field(default_factory=Peak)
    rebound: Rebound | None = None
