"""How Node-RED starts: a user directory with the flow of this folder, its four device nodes once for every meter."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.peers.install import why_not
from benchmarks.peers.load import CACHE, Load, NotInstalled
from benchmarks.peers.process import Command
from emulators.broker import free_port

HERE = Path(__file__).parent
MODULES = CACHE / "node_red" / "node_modules"


def configured(load: Load) -> Command:
    """Ready to start."""
    node = shutil.which("node")
    if node is None or not MODULES.exists():
        raise NotInstalled(why_not("node_red") if node else "node is missing: apt-get install nodejs npm")
    (load.folder / "flows.json").write_text(json.dumps(list(flow_of(load)), indent=1))
    shutil.copy(HERE / "settings.js", load.folder)
    (load.folder / "node_modules").symlink_to(MODULES)
    (load.folder / "package.json").write_text((HERE / "package.json").read_text())
    words = [node, str(MODULES / "node-red" / "red.js"), "--userDir", str(load.folder)]
    return Command(words, load.folder, {"BENCH_PORT": str(free_port())})


def flow_of(load: Load) -> Iterator[dict[str, Any]]:
    """The nodes of a flow over all meters."""
    flow = json.loads((HERE / "flow.json").read_text())
    for node in flow["shared"]:
        yield node | ({"port": str(load.mqtt_port)} if node["type"] == "mqtt-broker" else {})
    changes: dict[str, dict[str, Any]] = {
        "client": {},
        "read": {"rate": str(round(1000 * load.period_s)), "quantity": str(2 * load.points)},
    }
    for name, port in load.meters.items():
        changes["client"] = {"tcpPort": str(port)}
        for node in flow["device"]:
            yield _named(node | changes.get(node["id"], {}), name, tuple(one["id"] for one in flow["device"]))


def _named(node: dict[str, Any], device: str, local: tuple[str, ...]) -> dict[str, Any]:
    """The node of one device: its own ids, its own name."""
    text = json.dumps(node).replace("DEVICE", device)
    for one in local:
        text = text.replace(f'"{one}"', f'"{one}-{device}"')
    found: dict[str, Any] = json.loads(text)
    found["type"] = node["type"]
    return found
