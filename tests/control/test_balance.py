"""A site meter that loses its sign: its size is believed, nothing is raised, people are told."""

import itertools

import pytest

from gateway.control import balance
from gateway.control.state import Load
from gateway.model.image import Image
from gateway.model.point import PointId, PointSpec, Unit
from gateway.model.reading import Cause, Quality, Reading
from gateway.model.request import Kind, Service, Source
from gateway.model.site import Limits
from tests.control.fakes import Toy, battery, dimmer, fans, site

METER = "pcc/power.active"
MINUTE_MS = 60_000


class FlippingToy(Toy):
    """A toy whose meter shows the wrong sign while `flipped`; the doubt of its own steps reaches its readings."""

    flipped = False

    def step(self, dt_s=0.25):
        self.shown[METER] = self._metered()
        return super().step(dt_s)

    def _metered(self):
        watts = -self.site_w if self.flipped else self.site_w
        if not self.state.load.mirrored:
            return Reading(watts, Quality.GOOD, Cause.NONE, self.now_s)
        return Reading(watts, Quality.UNCERTAIN, Cause.MISMATCH, self.now_s)


def alarms(decisions):
    return [(one.now_s, a.raised) for one in decisions for a in one.alarms if a.key == "site_meter_reversed:pcc"]


def raised_w(decisions):
    """By how much any asset was raised from one step to the next at most."""
    rows = [[share.command_w for share in one.shares] for one in decisions]
    return max(after - before for pair in itertools.pairwise(rows) for before, after in zip(*pair, strict=True))


@pytest.mark.fault("F-034")
@pytest.mark.parametrize("export_w", [0.0, 1e6])
def test_a_flipped_meter_is_told_within_seconds_and_raises_nothing_while_the_import_limit_is_kept(export_w):
    limits = Limits(550_000.0, export_w)
    one = FlippingToy(site(battery(), dimmer(), limits=limits), load_w=600_000.0)
    one.run(20.0)
    assert one.power_w("battery") < -60_000.0  # it works against the limit
    one.flipped = True
    began_s, before = one.now_s, one.last
    flipped = []
    for second in range(60):
        one.load_w = 600_000.0 + 5_000.0 * (second % 5)
        flipped += one.run(1.0)
        assert one.site_w <= 550_000.0 + 25_000.0  # no more than the load moved by itself
    ((at_s, raised),) = alarms(flipped)
    assert raised
    assert at_s - began_s <= 2.0
    assert raised_w([before, *flipped]) <= 1e-6
    assert all(decision.site_w is None for decision in flipped if decision.now_s >= at_s)
    one.flipped = False
    after = one.run(20.0)
    assert [raised for _, raised in alarms(after)] == [False]
    assert one.last.site_w == pytest.approx(550_000.0, abs=6_000.0)


@pytest.mark.fault("F-034")
def test_an_event_that_ends_meanwhile_does_not_let_the_assets_up_again():
    one = FlippingToy(site(battery(), fans(dead_time_s=0.5, lag_s=0.5)), load_w=400_000.0)
    one.run(10.0)
    one.ask(power_w=300_000.0, end_ms=one.utc_ms + 20_000)
    one.run(10.0)
    one.flipped = True
    low_w = one.power_w("battery") + one.power_w("fans")
    assert raised_w([one.last, *one.run(40.0)]) <= 1e-6
    assert one.power_w("battery") + one.power_w("fans") <= low_w + 100.0
    one.flipped = False
    one.run(20.0)
    assert one.power_w("battery") == pytest.approx(0.0, abs=100.0)


def test_what_somebody_holds_by_hand_may_still_be_raised():
    one = FlippingToy(site(battery()), load_w=400_000.0)
    one.run(10.0)
    one.flipped = True
    one.run(5.0)
    one.ask(target="battery", kind=Kind.SETPOINT, source=Source.MANUAL, issuer="operator:1", power_w=50_000.0)
    one.run(5.0)
    assert one.power_w("battery") == pytest.approx(50_000.0, abs=100.0)


def test_a_site_that_really_swung_to_export_is_believed_when_an_operator_asks_something_of_it():
    one = FlippingToy(site(battery()), load_w=300_000.0)
    one.run(10.0)
    one.load_w = -300_000.0  # all at once, and the meter is right
    one.run(60.0)
    one.restart()
    one.run(5.0)
    one.ask(kind=Kind.CANCEL, source=Source.MANUAL, issuer="operator:1", service=Service.DR)
    one.run(10.0)
    assert [raised for _, raised in alarms(one.decisions)] == [True, False]
    assert one.last.site_w == pytest.approx(-300_000.0, abs=1_000.0)


@pytest.mark.parametrize(
    ("load_w", "meter_w", "doubted"),
    [
        (300_000.0, -290_000.0, True),
        (-300_000.0, 310_000.0, True),
        (300_000.0, -200_000.0, False),  # a load may fall far
        (300_000.0, -600_000.0, False),
        (300_000.0, 300_000.0, False),
        (9_000.0, -9_000.0, False),
        (300_000.0, 0.0, False),
    ],
)
def test_only_a_mirror_image_of_some_size_is_doubted(load_w, meter_w, doubted):
    load = Load(now_w=load_w)
    balance.weigh(load, meter_w, 0.0)
    assert load.mirrored is doubted
    assert balance.upright_w(load, meter_w) == (-meter_w if doubted else meter_w)


def test_a_doubted_point_is_shown_as_uncertain_and_control_reads_it_through_the_doubt_alone():
    point = PointId(METER)
    image = Image([PointSpec(point, Unit.WATT, 5.0)])
    image.post(point, Reading(-5.0, Quality.GOOD, Cause.NONE, 0.0))
    image.doubt([point])
    snapshot = image.snapshot(1.0)
    shown = snapshot.reading(point)
    assert (shown.value, shown.quality, shown.cause) == (-5.0, Quality.UNCERTAIN, Cause.MISMATCH)
    assert snapshot.usable(point) is None
    assert image.newest(point) == shown
    assert balance.shown_w(Load(), shown) is None
    assert balance.shown_w(Load(mirrored=True), shown) == -5.0
    image.doubt([])
    assert image.snapshot(1.0).reading(point).quality is Quality.GOOD
