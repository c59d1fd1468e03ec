"""How the floor starts."""

import json
import sys

from benchmarks.peers.load import ROOT, Load
from benchmarks.peers.process import Command


def configured(load: Load) -> Command:
    """Ready to start."""
    spec = {"ports": load.meters, "points": load.points, "poll_s": load.period_s, "mqtt_port": load.mqtt_port}
    words = [sys.executable, "-m", "benchmarks.peers.floor.gateway", json.dumps(spec)]
    return Command(words, load.folder, {"PYTHONPATH": str(ROOT)})
