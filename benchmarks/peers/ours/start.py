"""How this gateway starts beside the peers: site.yaml and bench_wide.yaml of this folder, once for every meter."""

import sys
from pathlib import Path

import yaml

from benchmarks.peers.load import ROOT, Load
from benchmarks.peers.process import Command

HERE = Path(__file__).parent


def configured(load: Load) -> Command:
    """Ready to start, on an empty state directory, without the dashboard (see README)."""
    profile = yaml.safe_load((HERE / "bench_wide.yaml").read_text())
    profile["blocks"][0]["points"] = {
        f"x.value{at:03d}": {"at": 2 * at, "scale": 0.1, "unit": "V"} for at in range(load.points)
    }
    folder = load.folder / "device_profiles" / "meter"
    folder.mkdir(parents=True)
    (folder / "bench_wide.yaml").write_text(yaml.safe_dump(profile, sort_keys=False))

    site = yaml.safe_load((HERE / "site.yaml").read_text())
    site["connections"] = {name: {"modbus_tcp": f"127.0.0.1:{port}"} for name, port in load.ports.items()}
    site["devices"] |= {
        name: {"profile": "meter/bench_wide", "on": name, "unit_id": 1, "poll_s": load.period_s} for name in load.meters
    }
    site["links"]["vpp"] |= {"mqtt": f"mqtt://127.0.0.1:{load.mqtt_port}", "telemetry_s": load.period_s}
    path = load.folder / "bench.site.yaml"
    path.write_text(yaml.safe_dump(site, sort_keys=False))
    words = [sys.executable, "-m", "gateway", "run", str(path), "--state", str(load.folder / "state"), "--no-dashboard"]
    return Command(words, load.folder, {"PYTHONPATH": str(ROOT)})
