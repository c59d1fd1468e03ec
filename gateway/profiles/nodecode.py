"""Node values of a whole read -> engineering values as one array, for the ordinary case: all of them plain numbers and good.

`codec.decode_value` is the law for one value; here it is said of many at once, or nothing is said and it decides.
"""

from collections.abc import Callable, Sequence

import numpy as np

from gateway.model.reading import AllGood, Cause, Quality
from gateway.profiles.blockcode import Columns
from gateway.profiles.schema import Kind, Point

MOST = float(np.finfo(np.float64).max)
"""What is not within is infinite or not a number."""
Quick = Callable[[Sequence[float]], Columns | None]
"""Raw values, one a point -> values, qualities, causes; None: one of them is not good, or is no number of the point's."""


def quick_decoder(points: Sequence[Point]) -> Quick | None:
    """A decoder of these points' raw values; None where one of them needs more than compare, multiply and add."""
    if not points or not all(map(_plain, points)):
        return None
    factor = np.array([point.factor for point in points])
    offset = np.array([point.offset for point in points])
    low = np.array([-MOST if point.low is None else point.low for point in points])
    high = np.array([MOST if point.high is None else point.high for point in points])
    sentinels = [(at, point.invalid) for at, point in enumerate(points) if point.invalid]
    good, none = AllGood((Quality.GOOD,) * len(points)), (Cause.NONE,) * len(points)

    def decode(raw: Sequence[float]) -> Columns | None:
        if any(raw[at] in codes for at, codes in sentinels):
            return None
        with np.errstate(over="ignore", invalid="ignore"):
            values = np.array(raw, np.float64) * factor + offset
        if not ((values >= low) & (values <= high)).all():
            return None
        return values.tolist(), good, none

    return decode


def _plain(point: Point) -> bool:
    numeric = point.kind not in (Kind.TEXT, Kind.BOOL) and point.bits is None and point.codec is None
    coded = bool(point.codes) or point.invalid_below is not None or point.invalid_above is not None
    return numeric and not coded and point.pow10 is None
