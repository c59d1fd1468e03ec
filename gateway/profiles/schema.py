"""What a profile says: points, controls and reading limits of one device type, in inside units and signs, places gone.

`Point.factor` and `Point.offset` carry scale, unit and sign together: value = raw * factor * 10^exponent + offset.
Bounds, steps and tolerances stand in inside units with the inside sign (consumption and charging positive).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from gateway.model.point import Unit
from gateway.profiles.actions import Confirm, Control, Count, Keepalive, Lost, Mask, Set, Step, Until, Wait
from gateway.profiles.kinds import Every, Kind, Order, Protocol, Table, Then, Wear, Zero
from gateway.profiles.relations import BySign, Condition, Derivation, ModelPoint, Multiplier, SignFrom, Trait

__all__ = [
    "MAX_READ",
    "Block",
    "BySign",
    "Condition",
    "Confirm",
    "Control",
    "Count",
    "Counter",
    "Derivation",
    "Every",
    "Keepalive",
    "Kind",
    "Lost",
    "Mask",
    "ModelPoint",
    "Multiplier",
    "Order",
    "Param",
    "PathStep",
    "Pauses",
    "Point",
    "Profile",
    "Protocol",
    "ReadLimits",
    "Set",
    "SignFrom",
    "Span",
    "Step",
    "Table",
    "Then",
    "Trait",
    "Until",
    "Variant",
    "Wait",
    "Wear",
    "Zero",
]


@dataclass(frozen=True, slots=True)
class PathStep:
    """One step of an OPC UA browse path; with `param` the name is that of the device parameter that holds it.

    With `namespace_param` the namespace is that of a parameter too. With `node` the name is a node's identifier (`i=42`,
    `s=Line1.Power`, `g=…`, `b=…`), and the path begins at that node.
    """

    namespace: str
    name: str
    param: bool = False
    namespace_param: bool = False
    node: bool = False


@dataclass(frozen=True, slots=True)
class MethodCall:
    """A method that sets a point: with the value as its only argument, or without one where it stands for the raw value `when`."""

    path: tuple[PathStep, ...]
    when: float | None = None

    @property
    def name(self) -> str:
        """The method's."""
        return self.path[-1].name


@dataclass(frozen=True, slots=True)
class Counter:
    """A quantity that only rises; `wraps` is the raw value it falls back to 0 at.

    `coarse`: its steps are so large (inside units) that energy is better integrated from power.
    """

    wraps: int | None = None
    resets: bool = False
    coarse: float | None = None


@dataclass(frozen=True, slots=True)
class Point:
    """One quantity of the device type: where it is, how it is coded, when it is valid."""

    name: str
    unit: Unit
    kind: Kind
    table: Table | None = None
    """None: an OPC UA node at `path`."""
    address: int = 0
    words: int = 1
    order: Order = Order.ABCD
    unit_id: int | None = None
    """None: the device's own."""
    path: tuple[PathStep, ...] = ()
    calls: tuple[MethodCall, ...] = ()
    """The methods of an OPC UA device that set it; none: its node is written."""
    member: str = ""
    """The member of the structure that the node at `path` holds."""
    factor: float = 1.0
    offset: float = 0.0
    pow10: str | None = None
    """The point of the same block whose raw value is the decimal exponent; times `pow10_times`, plus `pow10_plus`."""
    pow10_plus: int = 0
    pow10_times: int = 1
    codec: str | None = None
    """The named codec (`profiles.named`) that gives the raw number its value before factor and offset."""
    utf16: bool = False
    """Text of one UTF-16 character a register."""
    derived: Derivation | None = None
    """Worked out of other points of the device; it has no register of its own."""
    sunspec: tuple[ModelPoint, ...] = ()
    """Where it is in the device's model chain: the first of these that is there; its address is found at run time."""
    sign_from: SignFrom | None = None
    scale_by: tuple[Multiplier, ...] = ()
    scale_params: tuple[Multiplier, ...] = ()
    """Device parameters that `factor` still has to be multiplied by, or divided (`frames.for_device`)."""
    valid_when: tuple[Condition, ...] = ()
    """All must hold, else the value means nothing."""
    bits: tuple[int, int] | None = None
    """First and last bit of a bit field, 0 the least significant."""
    enum: Mapping[int, str] = field(default_factory=dict)
    codes: Mapping[int | str, float] = field(default_factory=dict)
    """The device's own text or number -> what it means; anything else is not a value."""
    invalid: tuple[float, ...] = ()
    """Raw values (of the type, so signed where it is) that mean "not available"."""
    invalid_below: float | None = None
    invalid_above: float | None = None
    """Raw values beyond these are codes of the device, not values."""
    low: float | None = None
    high: float | None = None
    every: Every = Every.FAST
    readable: bool = True
    writable: bool = False
    wear: Wear = Wear.VOLATILE
    counter: Counter | None = None
    expect_change_s: float | None = None
    atomic: str | None = None
    """Points with the same mark come from one request."""
    doc: str = ""

    @property
    def is_text(self) -> bool:
        """Identity, not a number: it never becomes a reading."""
        return self.kind is Kind.TEXT and not self.codes

    @property
    def has_relations(self) -> bool:
        """Its value depends on other points."""
        return bool(self.derived or self.sign_from or self.scale_by or self.valid_when)

    @property
    def is_virtual(self) -> bool:
        """It stands for something that is set, and has neither register nor node."""
        placed = self.path or self.calls or self.sunspec
        return self.table is None and not placed and self.derived is None

    @property
    def end(self) -> int:
        """The address after its last one."""
        return self.address + self.words


@dataclass(frozen=True, slots=True)
class Span:
    """Addresses `first` … `last`, both included, of one table (None: of all)."""

    first: int
    last: int
    table: Table | None = None


MAX_READ: Mapping[Table, int] = MappingProxyType(
    {Table.HOLDING: 125, Table.INPUT: 125, Table.COIL: 2000, Table.DISCRETE: 2000}  # Modbus V1.1b3, 6.1 … 6.4
)


@dataclass(frozen=True, slots=True)
class ReadLimits:
    """How the device wants to be read: most per request, gaps that may be read over, addresses to leave alone."""

    max_read: Mapping[Table, int] = field(default_factory=lambda: MAX_READ)
    max_gap: int = 0
    forbid: tuple[Span, ...] = ()
    single: tuple[Span, ...] = ()
    even: bool = False


@dataclass(frozen=True, slots=True)
class Block:
    """One read: `count` addresses from `address`, and the points in it, by name."""

    table: Table
    address: int
    count: int
    points: tuple[str, ...]
    every: Every = Every.FAST
    unit_id: int | None = None


@dataclass(frozen=True, slots=True)
class Pauses:
    """Politeness: after connecting, between requests, after a write."""

    connect_s: float = 0.0
    request_s: float = 0.0
    write_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Param:
    """What a site says of one device of this type: a number (`unit`, bounds) or one of `choices`."""

    name: str
    default: float | str | None
    unit: str = ""
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    doc: str = ""


@dataclass(frozen=True, slots=True)
class Variant:
    """A relative of the device that differs in some points; its profile is `<name>@<variant>`."""

    name: str
    when: tuple[Trait, ...]
    doc: str = ""


@dataclass(frozen=True, slots=True)
class Profile:
    """A device type."""

    name: str
    """`<class>/<maker>_<model>`, as site files write it."""
    id: str
    version: str
    device_class: str
    vendor: str
    models: tuple[str, ...]
    confidence: str
    evidence: tuple[str, ...]
    protocol: Protocol
    points: Mapping[str, Point]
    controls: Mapping[str, Control]
    params: Mapping[str, Param]
    limits: ReadLimits
    pauses: Pauses
    poll_s: Mapping[Every, float]
    """Period of each class; `once` has none."""
    doc: str = ""
    identify: tuple[Trait, ...] = ()
    """What tells this device type, strongest first."""
    prepare: tuple[Step, ...] = ()
    """What must be set in the device before its values mean anything; each is written only where it differs."""
    variants: Mapping[str, Variant] = field(default_factory=dict)
    sunspec_bases: tuple[int, ...] = ()
    """Where to look for the SunSpec marker; empty: not a SunSpec profile."""
    place: str = ""
    """Which of several places of its box this is; '': the whole box."""
    no_asset: str = ""
    """Why it can be commanded and yet is no asset of the kinds there are."""
    sleeps: bool = False
    """It does not answer at night, and that is no fault."""
