"""How ThingsBoard's gateway starts: its configuration folder from the files beside this one, a device for every meter."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.peers.install import why_not
from benchmarks.peers.load import CACHE, Load, NotInstalled
from benchmarks.peers.process import Command

HERE = Path(__file__).parent
PYTHON = CACHE / "thingsboard" / "bin" / "python"


def wide(points: int) -> list[dict[str, Any]]:
    """One item for all points: one request; its values are named by address."""
    registers = f"0-{2 * points - 1}"
    return [item("v0${address}", registers) | {"maxRegistersPerRequest": 2 * points}]


def single(points: int) -> list[dict[str, Any]]:
    """One item a point, as the documentation's examples have it: as many requests as points."""
    return [item(f"v0{2 * at}", 2 * at) for at in range(points)]


def item(tag: str, address: int | str) -> dict[str, Any]:
    """A float32 in two holding registers."""
    return {"tag": tag, "type": "32float", "functionCode": 3, "objectsCount": 2, "address": address}


def configured(load: Load, *, items: Callable[[int], list[dict[str, Any]]]) -> Command:
    """Ready to start."""
    if not PYTHON.exists():
        raise NotInstalled(why_not("thingsboard"))
    gateway = json.loads((HERE / "tb_gateway.json").read_text())
    gateway["thingsboard"]["port"] = load.mqtt_port
    (load.folder / "tb_gateway.json").write_text(json.dumps(gateway, indent=2))
    master = {"master": {"slaves": list(devices_of(load, items(load.points)))}}
    (load.folder / "modbus.json").write_text(json.dumps({"name": "meters", "logLevel": "WARNING"} | master, indent=2))
    shutil.copy(HERE / "logs.json", load.folder)
    words = [str(PYTHON), "-c", "from thingsboard_gateway.tb_gateway import main; main()"]
    return Command(words, load.folder, {"TB_GW_CONFIG_DIR": f"{load.folder}/", "PYTHONPATH": ""})


def devices_of(load: Load, items: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """One of its devices for every meter, each with these items."""
    device = json.loads((HERE / "device.json").read_text())
    for name, port in load.meters.items():
        changes = {"port": port, "deviceName": name, "pollPeriod": round(1000 * load.period_s), "timeseries": items}
        yield device | changes
