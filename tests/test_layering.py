"""Arrows point down only: who may import whom, read from the source."""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FREE = {"shipped", "errors", "tasks", "yamltext", "texts"}
"""Anybody may import them; they import only each other."""
ALL = {"*"}
MAY_IMPORT: dict[str, set[str]] = {
    **{room: set() for room in FREE},
    "clock": set(),
    "log": set(),
    "notify": set(),
    "model": set(),
    "profiles": {"model"},
    "control": {"model"},
    "wire": {"model"},
    "insight": {"model"},
    "field": {"model", "profiles", "clock", "log"},
    "uplink": {"model", "wire", "clock", "log"},
    "dashboard": {"model", "clock", "log"},
    "store": {"model", "clock", "log"},
    "commission": {"model", "profiles", "field", "insight", "control.guard", "clock", "log"},
    "edges": {"model", "clock", "log"},
    "trace": {"model", "control"},
    "decisions": {"model", "control"},
    "history": {"model", "control", "insight"},
    "health": {"model", "loop"},
    "statelock": set(),
    "localsocket": {"clock", "log", "wire.strictjson"},
    "oneshot": {"model", "profiles", "control", "field", "clock"},
    "fieldview": {"model", "profiles", "field", "clock", "health"},
    "direct": {"model", "profiles", "field", "clock", "oneshot"},
    **dict.fromkeys(("app", "cli", "config", "demo", "keeper", "loop", "statefile", "__main__"), ALL),
    "alarms": {"model"},
    **dict.fromkeys(
        (
            "handback",
            "health_watch",
            "panel",
            "requests_view",
            "people",
            "past_events",
            "past_regulation",
            "front",
            "screen",
            "upstream",
            "holding",
        ),
        ALL,
    ),
    **dict.fromkeys(("applied", "lines", "links", "options", "reload", "takeover"), ALL),
    "lastsite": set(),
    **dict.fromkeys(("site_words", "audit_view", "history_view", "local_access", "backup", "instruments"), ALL),
    **dict.fromkeys(("simulate", "simulated_run", "upstream_script"), ALL),
    **dict.fromkeys(("energies", "energy_view", "event_evidence", "reckoning", "demo_past"), ALL),
    "emulators": {"model", "profiles.schema", "profiles.load", "clock"},
}
WITH_EMULATORS = {"cli/check.py", "cli/demo.py", "cli/emulate.py", "cli/simulate.py", "demo.py"}
WITH_EMULATORS |= {"cli/selftest.py", "cli/proving_virtual.py", "demo_past.py"}
WITH_EMULATORS |= {"simulate.py", "simulated_run.py", "upstream_script.py"}
"""What shows, rehearses or checks a scenario; never what runs a building."""
PURE = {"model", "profiles", "control", "wire", "insight"}
"""Rings 0 and 1: functions of their arguments."""
PURE_THIRD_PARTY = {"numpy", "pydantic", "pydantic_core", "yaml"}
WORLD = {"asyncio", "multiprocessing", "select", "selectors", "signal", "socket", "sqlite3", "ssl", "subprocess"}
WORLD |= {"threading", "time"}
"""Parts of the standard library with I/O, a clock or an event loop."""


def sources() -> list[Path]:
    return [path for package in ("gateway", "emulators") for path in sorted((ROOT / package).rglob("*.py"))]


def room_of(path: Path) -> str:
    """First name below the package; the emulators are one room."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return parts[1] if parts[0] == "gateway" else parts[0]


def imports(path: Path) -> set[str]:
    """Dotted names a file imports, `from a import b` as a.b."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def is_allowed(path: Path, name: str) -> bool:
    """Whether the file may import one of our own names."""
    package, _, inner = name.partition(".")
    room, target = room_of(path), inner.partition(".")[0]
    if package == "emulators":
        place = path.relative_to(ROOT / "gateway").as_posix() if room != "emulators" else ""
        return room == "emulators" or any(place == home or place.startswith(f"{home}/") for home in WITH_EMULATORS)
    if target in FREE | {room, "__version__"}:
        return True
    allowed = MAY_IMPORT[room]
    return allowed == ALL or any(inner == entry or inner.startswith(f"{entry}.") for entry in allowed)


@pytest.mark.parametrize("path", sources(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_room_imports_only_what_the_table_allows(path):
    if room_of(path) == "__init__":
        assert imports(path) == set()
        return
    assert room_of(path) in MAY_IMPORT, f"give the room {room_of(path)} its row in this table"
    ours = {name for name in imports(path) if name.partition(".")[0] in {"gateway", "emulators"}}
    assert {name for name in ours if not is_allowed(path, name)} == set()


@pytest.mark.parametrize(
    "path", [path for path in sources() if room_of(path) in PURE], ids=lambda path: path.relative_to(ROOT).as_posix()
)
def test_a_pure_room_needs_no_world(path):
    tops = {name.partition(".")[0] for name in imports(path)} - {"gateway"}
    assert tops & WORLD == set()
    assert tops - set(sys.stdlib_module_names) - PURE_THIRD_PARTY == set()


def test_only_one_module_reads_a_clock():
    readers = {
        path.relative_to(ROOT).as_posix() for path in (ROOT / "gateway").rglob("*.py") if "time" in imports(path)
    }
    readers |= {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "gateway").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr in {"now", "utcnow", "today"}
        if isinstance(node.value, ast.Name) and node.value.id in {"datetime", "date"}
    }
    assert readers == {"gateway/clock.py"}


@pytest.mark.parametrize(
    ("path", "name", "expected"),
    [
        ("gateway/control/step.py", "gateway.model.request.Request", True),
        ("gateway/control/step.py", "gateway.field.bus.Bus", False),
        ("gateway/model/image.py", "gateway.clock.Clock", False),
        ("gateway/commission/drill.py", "gateway.control.guard.clamp", True),
        ("gateway/commission/drill.py", "gateway.control.step.step", False),
        ("emulators/registers.py", "gateway.profiles.schema.Point", True),
        ("emulators/registers.py", "gateway.profiles.codec.decode", False),
        ("gateway/cli/demo.py", "emulators.plant.Plant", True),
        ("gateway/cli/run.py", "emulators.plant.Plant", False),
        ("gateway/field/modbus.py", "gateway.errors.BusError", True),
    ],
)
def test_the_table_says_what_it_should(path, name, expected):
    assert is_allowed(ROOT / path, name) is expected
