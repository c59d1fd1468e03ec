"""The faults an emulated device can have, by name, and when which device has which.

In a scenario file they stand under `faults:`; on the command line as `--fault device=battery,fault=late,start=10s,for=20s`.
"""

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from math import inf
from types import MappingProxyType

from emulators.load import seconds
from gateway.errors import ConfigError, Problem
from gateway.texts import say
from gateway.yamltext.form import nearest

FAULTS: Mapping[str, str] = MappingProxyType(
    {
        "offline": "connections are refused; behind an endpoint or a line shared with healthy units: silence",
        "hang": "requests are taken and never answered",
        "late": "every answer comes after 1.3 times the line's deadline",
        "wrong_tid": "answers carry the transaction id of another request (Modbus TCP)",
        "wrong_unit": "answers carry another unit id (Modbus)",
        "wrong_function": "answers carry another function code (Modbus)",
        "short": "answers lack their last two bytes, and their byte count says so (Modbus)",
        "half_frame": "only the first half of an answer's bytes comes (Modbus)",
        "previous": "answers are those to the request before, with its transaction id (Modbus)",
        "swapped_words": "values of several registers come with their words the other way round (Modbus)",
        "one_client": "a second connection is closed at once (Modbus TCP)",
        "busy": "every request is answered with exception 6",
        "sentinel": "every value that can be is the one that means not available",
        "frozen": "readings stand as they were when the fault began; setpoints can still be written",
        "zero": "every reading is 0, as of a device that says 0 when it is busy",
        "ignore_writes": "writes are acknowledged and not applied",
        "reboot": "silent for 8 s, then with the limits it has after switching on, whatever was written before",
        "own_timer": "10 s after a write it goes back to the limits it has after switching on, whatever its profile says",
        "wears": "every write to an address is counted; after 100 the address takes no more (exception 4) (Modbus)",
        "reverts": "every 7 s it forgets its setpoint and goes back to the limits it has after switching on, however fresh the setpoint is",
        "asset_dead": "writes are acknowledged and read back, the power stays as it is (battery, charger)",
    }
)
"""Name -> behaviour. On OPC UA the node's status says what silence, lateness and exceptions say on Modbus."""
FRAMES = frozenset({"wrong_tid", "wrong_unit", "wrong_function", "short", "half_frame", "previous"})
"""Faults of a Modbus frame that leave no answer a client may use."""
ON_MODBUS = FRAMES | {"swapped_words", "one_client", "wears"}
"""Faults that a device on OPC UA cannot have."""
SILENT = frozenset({"offline", "hang", "reboot"})
"""Faults in which no answer comes at all."""
UNANSWERED = SILENT | FRAMES | {"late", "busy"}
"""Faults in which no answer comes that a client may use."""
REBOOT_S = 8.0
REVERT_S = 7.0
OWN_TIMER_S = 10.0
WRITES = 100
"""How often an address that wears can be written."""
LATE = 1.3
"""Times the line's deadline."""
NONE: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class FaultSpec:
    """A fault of one device; `for_s` None: to the run's end."""

    device: str
    fault: str
    start_s: float
    for_s: float | None

    @property
    def end_s(self) -> float:
        """When it is over; a reboot takes its own time."""
        if self.fault == "reboot":
            return self.start_s + REBOOT_S
        return inf if self.for_s is None else self.start_s + self.for_s


class Timetable:
    """Which device has which faults at an instant."""

    def __init__(self, specs: Iterable[FaultSpec] = ()) -> None:
        self.specs = tuple(specs)
        self._of: dict[str, list[FaultSpec]] = {}
        for spec in self.specs:
            self._of.setdefault(spec.device, []).append(spec)

    def of(self, device: str, now_s: float) -> frozenset[str]:
        """The names of the faults a device has now."""
        specs = self._of.get(device)
        if specs is None:
            return NONE
        return frozenset(spec.fault for spec in specs if spec.start_s <= now_s < spec.end_s)

    def silent(self, device: str, now_s: float) -> bool:
        """Whether a device gives no answer at all now."""
        return device in self._of and not self.of(device, now_s).isdisjoint(SILENT)

    def has(self, device: str, *faults: str) -> bool:
        """Whether a device has one of these faults at any time."""
        return any(spec.fault in faults for spec in self._of.get(device, ()))


def fault_problem(fault: str) -> tuple[str, str, str] | None:
    """What is wrong with the name of a fault: (message, nearest, remedy), or None."""
    if fault in FAULTS:
        return None
    near = nearest(fault, list(FAULTS))
    return (
        say("problem.no_fault", fault=fault),
        near,
        say("remedy.nearest", near=near) if near else say("remedy.known", known=", ".join(FAULTS)),
    )


def parse_fault(text: str) -> FaultSpec:
    """`device=battery,fault=late,start=10s,for=20s`, `start` 0 s and no end unless told; ConfigError says what is wrong."""
    example = say("remedy.fault")
    values: dict[str, str] = {}
    for part in text.replace(" ", "").split(","):
        key, _, value = part.partition("=")
        if key not in ("device", "fault", "start", "for") or not value or key in values:
            raise _refusal(text, say("problem.fault_part", part=part), example)
        values[key] = value
    for key in ("device", "fault"):
        if key not in values:
            raise _refusal(text, say("problem.part_missing", key=key), example)
    if wrong := fault_problem(values["fault"]):
        message, near, remedy = wrong
        raise _refusal(text, message, remedy, near)
    try:
        span_s = None if "for" not in values else seconds(values["for"])
        return FaultSpec(values["device"], values["fault"], seconds(values.get("start", "0s")), span_s)
    except ValueError as error:
        raise _refusal(text, error.args[0], example) from error


def check_faults(
    specs: Iterable[FaultSpec], devices: Iterable[str], *, steered: Container[str], framed: Container[str]
) -> None:
    """ConfigError for a device that is not there, or that cannot have the fault.

    `steered`: devices whose power can be held (`asset_dead`); `framed`: those on Modbus.
    """
    known = list(devices)
    for spec in specs:
        given = f"device={spec.device},fault={spec.fault}"
        if spec.device not in known:
            near = nearest(spec.device, known)
            remedy = say("remedy.nearest", near=near) if near else say("remedy.known", known=", ".join(known))
            raise _refusal(given, say("problem.no_device", device=spec.device), remedy, near)
        if spec.fault == "asset_dead" and spec.device not in steered:
            raise _refusal(given, say("problem.only_steered"), say("remedy.steered"))
        if spec.fault in ON_MODBUS and spec.device not in framed:
            raise _refusal(given, say("problem.fault_of_modbus"), say("remedy.other_fault"))


def _refusal(text: str, message: str, remedy: str, near: str = "") -> ConfigError:
    return ConfigError([Problem("--fault", 1, 1, text, "bad_fault", message, remedy, near)])
