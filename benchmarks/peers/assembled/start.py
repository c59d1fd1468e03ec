"""How the gateway assembled from pymodbus and aiomqtt starts: from this project's own environment."""

import json
import sys

from benchmarks.peers.load import ROOT, Load
from benchmarks.peers.payloads import PLAIN
from benchmarks.peers.process import Command


def configured(load: Load) -> Command:
    """Ready to start."""
    spec = {
        "ports": load.meters, "points": load.points, "mqtt_port": load.mqtt_port,
        "poll_s": load.period_s, "topic": PLAIN, "qos": 1,
    }  # fmt: skip
    words = [sys.executable, "-m", "benchmarks.assembled", json.dumps(spec)]
    return Command(words, load.folder, {"PYTHONPATH": str(ROOT)})
