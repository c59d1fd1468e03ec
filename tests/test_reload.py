"""A running gateway takes another configuration over, device by device, or goes back; nobody else notices."""

import numpy as np
import pytest

from tests.reloading import POLL_S, Bench

pytestmark = pytest.mark.flaky(reruns=2)  # sockets in real time


@pytest.fixture
async def bench(tmp_path):
    made = Bench(tmp_path)
    await made.start()
    yield made
    await made.stop()


def swap(tree):
    """Add 1, change 1, remove 1 of 16."""
    del tree["devices"]["battery"], tree["assets"]["battery"]
    tree["devices"]["light08"]["unit_id"] = 5
    tree["devices"]["new"] = {"profile": "lighting/acme_dimmer", "on": "line3", "unit_id": 6, "poll_s": POLL_S}


@pytest.mark.fault("F-080")
async def test_adding_changing_and_removing_one_of_sixteen_leaves_the_others_alone(bench):
    async with bench.gateway() as app:
        await bench.take_over(20_000.0)
        began_s = bench.clock.boot_s()
        await bench.until(lambda: bench.clock.boot_s() > began_s + 2.0)
        changing_s = bench.clock.boot_s()
        links = [set(server.connections) for server in bench.servers]
        outcome = await bench.apply(bench.write(swap))
        assert outcome == {"result": "applied", "reason": "", "problems": []}
        ended_s = changing_s + 2.5
        await bench.until(lambda: bench.clock.boot_s() > ended_s)

        assert [set(server.connections) for server in bench.servers] == links, "nobody reconnects"
        assert all(poller.health()["dialled"] == 1 for poller in app.lines.pollers.values())
        touched = {"battery", "light08"}
        for device in bench.tree["devices"].keys() - touched:
            before, after = (
                float(np.percentile(bench.book.periods(device, from_s=from_s, to_s=to_s), 99))
                for from_s, to_s in ((began_s, changing_s), (changing_s, ended_s))
            )
            assert after <= max(1.2 * before, before + 0.05), device
        assert bench.setpoint_w == 0.0
        last_s, *_ = bench.book.since("battery", 0.0)[-1]
        assert last_s - changing_s <= 5.0, "given back, and not asked again"
        assert bench.answers("new")
        assert {name for _, name, *_ in bench.book.rows if name.startswith("spare")} == {"spare25", "spare36"}
        assert set(app.loop.state.assets) == {"lighting"}
        assert "battery" not in bench.saved()["devices"]
        assert bench.recorded()[0]["result"] == "applied"
