"""How far the load falls at once: learned at the limit, not from what the assets did, and forgotten slowly."""

import pytest

from gateway.control import falls, response
from gateway.control.state import Inverter
from gateway.control.step import begin
from tests.control.fakes import pv, site

RATED_W = 100_000.0
AT_LIMIT = Inverter(90_000.0, 40_000.0, 40_000.0, 40_000.0)
CLOUDY = Inverter(20_000.0, 40_000.0, 40_000.0, 20_000.0)
FREE = Inverter(20_000.0, RATED_W, RATED_W, 20_000.0)


def learned(loads, *, inverter=AT_LIMIT, gives_w=(), apart_s=1.0):
    """What is believed after values of the meter a second apart, for a load and what the inverter gave by its twin."""
    where = site(pv())
    state = begin(where, now_s=0.0)
    own = state.assets["pv"]
    own.inverters = {"pv1": inverter}
    for number, load_w in enumerate(loads):
        at_s = 100.0 + apart_s * number
        given_w = gives_w[number] if gives_w else 40_000.0
        own.twin.x = -given_w
        response.advance(own.twin, at_s, 1.0)
        own.twin.trail = ((at_s - 1.0, -given_w), (at_s, -given_w))
        state.load.trail = (*state.load.trail, (at_s, -given_w, 0.0))[-4:]
        state.load.recent = (*state.load.recent, (at_s, load_w - given_w))
        falls.note(where, state)
    return state.load.fall.most_w


@pytest.mark.parametrize(
    ("loads", "more", "expected"),
    [
        ([20e3, 20e3, 17e3, 17e3], {}, 3_000.0),
        ([20e3, 17e3, 16e3, 10e3], {}, 6_000.0),
        ([10e3, 20e3, 20e3], {}, 0.0),  # it rose
        ([20e3, 0.0], {}, 0.1 * RATED_W),  # no more of the sun is given up than that
        ([20e3, 17e3], {"inverter": CLOUDY}, 0.0),  # what the sun does is not known so soon
        ([20e3, 17e3], {"inverter": FREE}, 0.0),
        ([20e3, 17e3], {"gives_w": (40e3, 38e3)}, 1_000.0),  # the inverters moved, sooner or later than their twin says
        ([20e3, 17e3], {"apart_s": 3.0}, 0.0),  # not at once
    ],
)
def test_the_largest_fall_between_two_values_at_the_limit_is_learned(loads, more, expected):
    assert learned(loads, **more) == pytest.approx(expected, rel=0.01)


def test_it_is_forgotten_slowly():
    assert learned([20e3, 17e3, *[17e3] * 3600]) == pytest.approx(3_000.0 * 0.607, rel=0.01)
