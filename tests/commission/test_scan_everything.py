"""How many emulated devices a scan names, of all profiles that say what they are known by; and that it writes nothing.

`GATEWAY_SOAK=1 pytest tests/commission/test_scan_everything.py -s` prints the figure.
"""

import csv

import pytest

from emulators.bench import Bench, Manner
from emulators.ledger import Ledger
from emulators.profile_bench import wiring_of_profiles
from gateway.commission.opcua_scan import Thing, choices
from gateway.commission.scan import Wishes, scan
from gateway.commission.target import Hosts, OpcUa
from gateway.model.site import Transport
from gateway.profiles.load import profile_names
from gateway.profiles.schema import Protocol
from tests.commission.building import READS
from tests.test_profiles import profile_of

SAMPLE = [
    "meter/eastron_sdm630", "meter/siemens_pac2200", "battery/sunspec_battery", "pv/fronius_symo", "pv/sungrow_sg",
    "ev_charger/alpitronic_hyc", "battery/kaco_gridsave", "io/wago_750", "sensor/xy_md02",
]  # fmt: skip
RELATIVES = ["pv/sunspec_inverter", "meter/sunspec_meter", "meter/eastron_sdm120", "pv/huawei_sun2000"]
"""What else a scan of the sample may take them for."""
NAMED_SHARE = 0.95


def told(protocol):
    """The profiles that say what a device is known by."""
    return [one.name for one in map(profile_of, profile_names()) if one.identify and one.protocol is protocol]


async def named(names, folder, known):
    """Device type -> whether a scan that knows these profiles names it; and each request, in hex."""
    wiring, values = wiring_of_profiles(sorted(names, key=lambda name: not name.startswith("meter/")))
    ledger = Ledger(folder / "devices.csv", lambda: 0.0)
    bench = Bench(wiring, values, lambda: 0.0, manner=Manner(ledger=ledger))
    await bench.start()
    found = {}
    try:
        for line in wiring.lines:
            address = bench.addresses[line.connection.id]
            if line.connection.transport is Transport.OPCUA:
                (scanned,) = await scan(OpcUa(address), Wishes(known))
                best = {finding.best.profile for finding in scanned.findings if finding.best}
                found |= {device.profile: device.profile in best for device in line.devices}
                continue
            host, _, port = address.rpartition(":")
            units = {device.unit_id: device.profile for device in line.devices}
            wishes = Wishes(known, units=tuple(units), rate_per_s=1e6, deadline_s=4.0)
            (scanned,) = await scan(Hosts((host,), (int(port),), opcua_too=False), wishes)
            best = {finding.unit_id: finding.best and finding.best.profile for finding in scanned.findings}
            found |= {profile: best.get(unit) == profile for unit, profile in units.items() if profile in names}
    finally:
        await bench.stop()
        ledger.close()
    with (folder / "devices.csv").open(encoding="utf-8") as file:
        return found, [row["request"] for row in csv.DictReader(file)]


async def test_a_scan_names_nearly_every_device_of_a_sample_and_writes_nothing(tmp_path):
    found, requests = await named(SAMPLE, tmp_path, [profile_of(name) for name in [*SAMPLE, *RELATIVES]])
    assert set(found) == set(SAMPLE)
    assert all(found.values()), found
    assert requests
    assert {request[:2] for request in requests} <= set(READS)


@pytest.mark.tier_s
async def test_a_scan_names_95_of_100_devices_of_all_profiles_that_can_be_told_and_writes_nothing(tmp_path):
    everything, modbus, opcua = list(map(profile_of, profile_names())), told(Protocol.MODBUS), told(Protocol.OPCUA)
    found, requests = await named(modbus, tmp_path, everything)
    for name in opcua:  # one server each: generic types would hide each other
        one, written = await named(["meter/abb_b23", name], tmp_path, everything)
        found[name] = one[name]
        requests += written
    wrong = sorted(name for name, right in found.items() if not right)
    share = sum(found.values()) / len(found)
    writes = [request for request in requests if request[:2] not in READS]
    print(f"\nscan: {sum(found.values())} of {len(found)} named ({share:.1%}), not {wrong}; {len(writes)} writes")
    assert len(found) == len(modbus) + len(opcua)
    assert share >= NAMED_SHARE, wrong
    assert writes == []


PUMPS = "http://opcfoundation.org/UA/Pumps/"


def test_an_instance_of_a_generic_type_is_found_in_whatever_namespace_it_is():
    things = [Thing("P7", "urn:plant", "PumpType", PUMPS), Thing("Fan", "urn:plant", "FanType", "urn:plant")]
    assert list(choices(profile_of("opcua/ua_pump"), things)) == [{"instance": "P7", "instance_namespace": "urn:plant"}]


def test_without_its_type_an_instance_is_looked_for_in_its_usual_namespace():
    things = [Thing("P1", PUMPS), Thing("Fan", "urn:plant")]
    assert list(choices(profile_of("opcua/ua_pump"), things)) == [{"instance": "P1", "instance_namespace": PUMPS}]
