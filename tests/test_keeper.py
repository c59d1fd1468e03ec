"""The keeper: what is on the disk before anybody could need it."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from gateway import statefile
from gateway.clock import VirtualClock
from gateway.control.copies import fork
from gateway.control.state import Rooms
from gateway.control.step import begin
from gateway.keeper import Keeper
from tests.control.fakes import site, zones


@pytest.mark.fault("I-11")
async def test_set_points_that_rooms_were_given_are_on_the_disk_at_once(tmp_path):
    """A thermostat keeps what it has through a power cut; the next start must know that it is ours."""
    clock = VirtualClock()
    keeper = Keeper(tmp_path, clock, tell=lambda _message: None, boot="a")
    before = begin(site(zones()), now_s=clock.boot_s())
    before.assets["rooms"].rooms = Rooms(own_c={"room1": 24.0})
    nothing = SimpleNamespace(verdicts=(), alarms=(), plan=None, mode=before.mode.mode)
    saved = []
    for given_c in ({}, {"room1": 25.0}, {"room1": 25.5}):
        after = fork(before)
        after.assets["rooms"].rooms = replace(before.assets["rooms"].rooms, given_c=given_c)
        keeper.hear(before, SimpleNamespace(arrivals=()), nothing, after)
        await keeper.flush()
        state = statefile.load(tmp_path, boot="a", now_s=clock.boot_s(), utc_ms=clock.utc_ms())
        saved.append(state and state.assets["rooms"].rooms.given_c)
        before = after
    await keeper.close()
    assert saved == [None, {"room1": 25.0}, {"room1": 25.5}]
