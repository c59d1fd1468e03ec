"""Faults of the plant, in the closed loop: targets out of reach, assets that do not follow, noise, sudden loads."""

import random
from itertools import pairwise

import pytest

from gateway.control.copies import from_json, to_json
from gateway.model.site import Chiller, Limits
from tests.control.fakes import Toy, asset, battery, dimmer, fans, site

HOUR_MS = 3_600_000


def toy(*assets, limits=None, load_w=600_000.0):
    one = Toy(site(*assets, limits=limits), load_w=load_w)
    one.run(8.0)
    return one


def wish(one, power_w):
    one.ask(power_w=power_w, end_ms=one.utc_ms + 10 * HOUR_MS)


@pytest.mark.fault("F-084", "I-03")
@pytest.mark.parametrize("way", [-1.0, 1.0])
def test_a_target_of_150_percent_of_what_there_is_gets_all_there_is_and_the_shortfall_is_told(way):
    one = toy(battery(), dimmer(), fans(dead_time_s=1.0, lag_s=2.0))
    natural_w = one.site_w
    flexible_w = sum(asset.max_w if way > 0 else asset.min_w for asset in one.site.assets.values())
    flexible_w -= sum(asset.operating_w for asset in one.site.assets.values())
    wish(one, natural_w + 1.5 * flexible_w)
    decisions = one.run(60.0)
    assert one.site_w == pytest.approx(natural_w + flexible_w, abs=2_000.0)
    assert one.last.shortfall_w == pytest.approx(0.5 * flexible_w, rel=0.01)
    for decision in decisions:
        for share in decision.shares:
            assert one.site.assets[share.asset].min_w <= share.command_w <= one.site.assets[share.asset].max_w


@pytest.mark.fault("F-083")
def test_an_asset_that_acknowledges_and_does_nothing_is_found_and_its_share_goes_to_others():
    one = toy(battery(), battery("second"), dimmer())
    one.deaf.add("battery")
    wish(one, 460_000.0)
    began_s = one.now_s
    while abs(one.site_w - 460_000.0) > 0.02 * 460_000.0 or "not_following:battery" not in one.state.alarms:
        one.step()
        assert one.now_s - began_s <= 10.0
    one.run(2.0)
    worst_w = max(abs(decision.site_w - 460_000.0) for decision in one.run(8.0))
    assert worst_w <= 0.025 * 460_000.0
    assert one.site_w == pytest.approx(460_000.0, abs=0.02 * 140_000.0)


@pytest.mark.fault("F-085", "I-06")
def test_noise_around_a_stage_of_a_chiller_wears_no_compressor_and_a_restart_forgets_no_timer():
    machines = asset(
        "chiller", Chiller(150_000.0, min_on_s=300.0, min_off_s=300.0, max_starts_per_h=4),
        devices=("chiller1", "chiller2"), min_w=40_000.0, max_w=290_000.0, operating_w=160_000.0, dead_time_s=10.0,
        lag_s=20.0,
    )  # fmt: skip
    one = toy(machines)
    dice = random.Random(1)
    wish(one, 675_000.0)  # 75 kW of cooling: twice the least of one machine
    switches: dict[str, list[tuple[float, float]]] = {"chiller1": [], "chiller2": []}
    for tick in range(1500):
        one.load_w = 600_000.0 * (1.0 + dice.uniform(-0.02, 0.02))
        if tick % 250 == 249:
            one.state = from_json(to_json(one.state))
        for command in one.step(0.5).commands:
            if command.control == "chiller.enable":
                switches[command.device].append((one.now_s, command.value))
    span_h = 750.0 / 3600.0
    for told in switches.values():
        changes = [entry for at, entry in enumerate(told) if at == 0 or told[at - 1][1] != entry[1]]
        assert all(later[0] - first[0] >= 300.0 for first, later in pairwise(changes))
        assert sum(value for _, value in changes) <= 6.0 * span_h


@pytest.mark.fault("F-088", "I-08")
def test_a_load_that_vanishes_near_the_export_limit_is_followed_within_two_ticks_and_the_devices_own_time():
    one = toy(battery(), dimmer(), limits=Limits(1e6, 0.0), load_w=400_000.0)
    wish(one, 250_000.0)
    one.run(15.0)
    assert one.site_w == pytest.approx(250_000.0, abs=500.0)
    one.load_w = 80_000.0
    began_s, over_w_s, last_over_s = one.now_s, 0.0, 0.0
    for _ in range(60):
        one.step()
        if one.site_w < -500.0:
            over_w_s += -one.site_w * 0.25
            last_over_s = one.now_s - began_s
    response_s = 0.45 + 5 * 0.3
    assert last_over_s <= 2 * 0.25 + 0.25 + response_s  # the meter shows it a quarter of a second late
    assert over_w_s <= 120_000.0 * (0.75 + response_s)


@pytest.mark.parametrize(
    ("assets", "moved_w", "part"),
    [
        ((battery(),), 1_000.0, 0.7),
        ((battery(),), 5_000.0, 0.7 + 0.25 / 4.0),
        ((battery(),), 30_000.0, 0.95),
        ((dimmer(),), 1_000.0, 0.35),
        ((dimmer(),), -30_000.0, 0.56),
    ],
)
def test_a_large_difference_at_the_meter_is_a_step_of_the_load_and_believed_at_once(assets, moved_w, part):
    one = toy(*assets)
    one.run(12.0)
    before_w = one.state.load.now_w
    one.load_w += moved_w
    one.step()
    assert (one.state.load.now_w - before_w) / moved_w == pytest.approx(part, abs=0.005)


DEAR = 0.3e-3
"""Per Wh: what a battery's wear may cost."""


@pytest.mark.parametrize(
    ("battery_cost", "fans_cost", "shed_w", "expected"),
    [  # who ends up with how much of it: the fans' whole room is 15 kW
        (DEAR, 0.0, 10e3, {"battery": 0.0, "fans": -10e3}),
        (DEAR, 0.0, 40e3, {"battery": -25e3, "fans": -15e3}),
        (0.0, DEAR, 40e3, {"battery": -40e3, "fans": 0.0}),
        (DEAR, DEAR, 10e3, {"battery": 0.0, "fans": -10e3}),  # as if nothing cost anything: the slow carry what lasts
    ],
)
def test_of_one_priority_the_cheaper_is_asked_first_and_the_site_is_steered_as_well(
    battery_cost, fans_cost, shed_w, expected
):
    cheap = fans(dead_time_s=2.0, lag_s=4.0, cost_per_wh=fans_cost)
    one = toy(battery(cost_per_wh=battery_cost), cheap)
    natural_w = one.site_w
    wish(one, natural_w - shed_w)
    one.run(4.0)
    assert one.site_w == pytest.approx(natural_w - shed_w, abs=2_000.0)  # long before the fans have answered
    one.run(60.0)
    assert one.site_w == pytest.approx(natural_w - shed_w, abs=1_000.0)
    moved = {name: one.power_w(name) - asset.operating_w for name, asset in one.site.assets.items()}
    assert moved == pytest.approx(expected, abs=1_500.0)
