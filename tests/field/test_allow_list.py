"""Nothing is written but what the profile's control says, between the values it says (I-15)."""

from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.field.bus import Member
from gateway.field.writer import Writer
from gateway.model.command import Command, Fate, Outcome
from gateway.model.site import Device
from gateway.profiles.schema import Set
from tests.field import things

ALLOWED = {"limit": (0.0, 1000.0), "enable": (0.0, 1.0)}
POINTS = [
    things.register("limit", 10, writable=True),
    things.register("enable", 11, writable=True),
    things.register("power", 12),  # read only
    things.register("serial", 13, writable=True),  # writable, and no control's
]
STEPS = (Set((("enable", 1.0),)), Set((("limit", None),)))
BACK = (Set((("limit", 0.0),)), Set((("enable", 0.0),)))
NUMBERS = st.floats(-1e6, 1e6) | st.sampled_from([nan, inf, -inf, 1e308, -0.0, 1000.0, 1000.4])


@pytest.mark.fault("I-15", "I-02", "U2")
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["thing", "thing", "other", "boiler"]),
            st.sampled_from(["limit", "limit", "enable", "power", "serial", "nothing"]),
            st.none() | NUMBERS,
            st.sampled_from([0.1, 1.0, 7.0]),
        ),
        max_size=20,
    )
)
def test_whatever_is_commanded_only_points_of_controls_are_written_and_only_within_their_range(commands):
    made = things.profile(POINTS, [things.control("limit", apply=STEPS, release=BACK)])
    members = [Member(Device(name, "test/thing", "line"), made) for name in ("thing", "other")]
    told: list[Outcome] = []
    writer = Writer(members, tell=told.append, shadow=False)
    now_s = 0.0
    for device, control, value, wait_s in commands:
        now_s += wait_s
        writer.post([Command(device, control, value, "test", now_s, now_s + 15.0)], now_s)
        if device == "boiler" or control != "limit":
            assert told[-1].fate is Fate.REFUSED
        for name in ("thing", "other"):
            while (work := writer.take([name], now_s)) is not None:
                assert isinstance(work.step, Set)
                for point, wanted in work.step.writes:
                    least, most = ALLOWED[point]
                    assert wanted is not None
                    assert least <= wanted <= most
                writer.done(work, now_s)
