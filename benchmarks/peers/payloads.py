"""What each gateway's telemetry message says: how many points of the meters, and the turn of each meter's first point."""

import json
import re
from collections.abc import Iterator

OURS, THINGSBOARD, PLAIN = "vpp/v1/bench/telemetry", "v1/gateway/telemetry", "plain/"
"""Topics. Ours `{samples: [[seq, "m0000/x.value000", value, …]]}`, ThingsBoard's `{m0000: [{ts, values: {v00: value}}]}`,
plain (Node-RED, assembled, floor) `{"device": "m0000", "values": […]}`."""

_FIRST = re.compile(rb'"(m\d{4})/x\.value000",\s?([\d.e+]+)')
_THINGSBOARD_FIRST = "v00"


def counted(topic: str, payload: bytes) -> int:
    """How many points of the meters a message holds; told without parsing it."""
    if topic.startswith(PLAIN):
        return payload.count(b",")  # one behind the name, one between each two values: as many as values
    if topic == OURS:
        return payload.count(b"/x.value")
    if topic == THINGSBOARD:
        return payload.count(b'"v0')
    return 0


def firsts(topic: str, payload: bytes) -> Iterator[tuple[str, int]]:
    """(meter, turn) for every first point of a meter in a message."""
    if topic == OURS:
        for name, value in _FIRST.findall(payload):
            yield name.decode(), round(float(value))  # the profile's scale took the factor 10 out
    elif topic.startswith(PLAIN):
        message = json.loads(payload)
        yield message["device"], round(message["values"][0] / 10)
    elif topic == THINGSBOARD:
        for name, entries in json.loads(payload).items():
            for entry in entries:
                if _THINGSBOARD_FIRST in entry["values"]:
                    yield name, round(entry["values"][_THINGSBOARD_FIRST] / 10)
