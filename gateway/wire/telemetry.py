"""Readings <-> the plain form the VPP agreed to: `{box, epoch, samples: [[seq, point, value, quality, t_ms, historical]]}`.

Quality is its word in lower case. Three points are the gateway's own bookkeeping:
`gateway/gap`: nothing is known of the `value` seconds that end at t_ms (null: nobody knows how long); it is the first
sample of an epoch that follows an unclean stop. `gateway/lost/<device>/<quantity>`: `value` samples of that point, the
last at t_ms, were dropped by policy. `gateway/hole`: the `value` sequence numbers before this one will never come.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic_core import to_json

from gateway.model.point import PointId
from gateway.model.reading import Quality
from gateway.wire.strictjson import BadJson, loads

GAP = PointId("gateway/gap")
HOLE = PointId("gateway/hole")
LOST = "gateway/lost/"
UNKNOWN = PointId("unknown/unknown")
"""The point of lost samples that nobody can name any more."""
WORDS = {quality: quality.name.lower() for quality in Quality}


Sample = tuple[int, PointId, float | None, str, int, bool]
"""One numbered reading as it goes upstream: seq, point, value, quality's word, t_ms, historical.

(box, epoch, seq) is its identity. A plain tuple: thousands are made a second."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """The upstream holds every sample of this epoch up to and with `seq`."""

    box: str
    epoch: int
    seq: int


def lost_point(point: PointId) -> PointId:
    """The point under which dropped samples of `point` are counted."""
    return PointId(LOST + point)


def batch_payload(box: str, epoch: int, samples: Sequence[Sample]) -> bytes:
    """One telemetry message. What is not finite goes as null (`json` would take five times as long)."""
    return to_json({"box": box, "epoch": epoch, "samples": samples}, inf_nan_mode="null")


def parse_receipt(payload: bytes) -> Receipt:
    """A message of topic `receipt`; raises BadJson when it is not one."""
    tree = loads(payload, max_bytes=1024, max_depth=1)
    if not isinstance(tree, dict) or tree.keys() != {"box", "epoch", "seq"}:
        raise BadJson("malformed", "a receipt is {box, epoch, seq}")
    box, epoch, seq = tree["box"], tree["epoch"], tree["seq"]
    numbers = all(isinstance(part, int) and not isinstance(part, bool) and part >= 0 for part in (epoch, seq))
    if not isinstance(box, str) or not numbers:
        raise BadJson("malformed", "box is a text, epoch and seq are whole numbers from 0")
    return Receipt(box, epoch, seq)
