"""What a value would be had the device sent its words or bytes in another order: the usual cause of absurd readings. Pure."""

from dataclasses import replace

from gateway.commission.plausible import Bounds, is_plausible
from gateway.profiles.codec import decode_value
from gateway.profiles.raw import from_wire
from gateway.profiles.schema import Order, Point


def other_order(point: Point, data: bytes, bounds: Bounds) -> tuple[Order, float] | None:
    """The first other order in which these bytes make a plausible value that is not 0; None: no order does.

    `data` are the bytes of the point as the device sent them.
    """
    if point.words < 2 or point.pow10 is not None or point.has_relations:
        return None
    for order in (Order.CDAB, Order.ABCD, Order.DCBA, Order.BADC):
        if order is point.order:
            continue
        value = decode_value(point, from_wire(replace(point, order=order), data))[0]
        if value is not None and abs(value) > 1e-6 and is_plausible(value, bounds):
            return order, value
    return None


def as_sent(point: Point, data: bytes) -> float | None:
    """The value in the profile's own order, its range left out of account; None: it means "not available"."""
    plain = replace(point, low=None, high=None)
    return decode_value(plain, from_wire(plain, data))[0]
