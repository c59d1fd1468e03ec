"""What devices are known by, and how sure that makes."""

import pytest

from gateway.profiles.load import load_profile
from gateway.profiles.relations import Sure
from gateway.profiles.traits import Seen, sureness, variant_of

ROWS = [
    ("meter/abb_b23", Seen({"device.model": "B23"}), Sure.CERTAIN, None),
    ("meter/abb_b23", Seen({"device.model": "B21"}), Sure.CERTAIN, "one_phase"),
    ("meter/abb_b23", Seen({"device.model": "X23"}), None, None),
    ("meter/abb_b23", Seen({"device.model": None}), None, None),
    ("meter/schneider_pm5000", Seen({"device.model": 15270.0}), Sure.LIKELY, None),
    ("meter/schneider_pm5000", Seen(fc43={"vendor": "Schneider Electric", "product": "PM5560"}), Sure.CERTAIN, None),
    ("meter/schneider_pm5000", Seen(fc43={"vendor": "Schneider Electric", "product": "iEM3155"}), None, None),
    ("meter/eltako_dsz15", Seen({"voltage.l1-n": 230.0}), Sure.MAYBE, None),
    ("meter/eltako_dsz15", Seen({"voltage.l1-n": 11_309_000.0}), None, None),
    ("battery/deye_hybrid_3p", Seen({"device.model": 6.0}), Sure.LIKELY, "high_voltage"),
    ("pv/solaredge_se", Seen(sunspec={"manufacturer": "SolarEdge "}), Sure.CERTAIN, None),
    ("opcua/ua_pump", Seen(ua_type="http://opcfoundation.org/UA/Pumps/;PumpType"), Sure.CERTAIN, None),
    ("opcua/ua_pump", Seen(), None, None),
    ("battery/solaredge_hybrid", Seen(sunspec={"manufacturer": "SolarEdge"}), None, None),
    ("battery/solaredge_hybrid", Seen({"battery.capacity": 10_000.0}), None, None),
    (
        "battery/solaredge_hybrid",
        Seen({"battery.capacity": 9.7e3}, sunspec={"manufacturer": "SolarEdge"}),
        Sure.CERTAIN,
        None,
    ),
    ("pv/sunspec_inverter", Seen(), None, None),
    ("pv/sunspec_inverter", Seen(sunspec={"manufacturer": "Anyone"}), Sure.LIKELY, None),
]


@pytest.mark.parametrize(("name", "seen", "sure", "variant"), ROWS)
def test_the_strongest_trait_that_is_met_counts(name, seen, sure, variant):
    profile = load_profile(name)
    assert sureness(profile, seen) is sure
    assert variant_of(profile, seen) == variant
