"""How long a line is busy."""

import pytest

from gateway.model.site import Connection, Device, Transport
from gateway.profiles.bustime import bus_time
from gateway.profiles.load import load_profile

RTU = Connection("line", Transport.MODBUS_RTU, "/dev/ttyS0", baud=9600)


def devices(count, profile="meter/eastron_sdm630", **more):
    return [(Device(f"d{n}", profile, "line", n + 1, **more), load_profile(profile)) for n in range(count)]


def test_a_serial_line_is_as_slow_as_its_characters():
    time = bus_time(RTU, devices(1))
    # 72 and 8 registers: (8 + 5 + 2 n + 7) characters of 11 bits, and 15 ms of turn-around each
    first, second = ((20 + 2 * n) * 11 / 9600 + 0.015 for n in (72, 8))
    assert time.requests == 2
    assert time.pass_s == pytest.approx(first + second)
    assert time.load == pytest.approx(first / 1.0 + second / 60)
    assert not time.overloaded


def test_a_dead_unit_costs_a_deadline_a_pass():
    time = bus_time(RTU, devices(3))
    assert time.worst_pass_s == pytest.approx(time.pass_s + RTU.timeout_s)


def test_too_many_devices_overload_a_line_and_a_slower_poll_relieves_it():
    assert bus_time(RTU, devices(8)).overloaded
    assert not bus_time(RTU, devices(8, poll_s=10.0)).overloaded


def test_an_empty_line_is_idle():
    time = bus_time(RTU, [])
    assert (time.requests, time.pass_s, time.load, time.worst_pass_s) == (0, 0, 0, 0)


def test_pauses_and_tcp_and_opcua_have_their_own_times():
    slow = Connection("line", Transport.MODBUS_TCP, "h:502", min_gap_s=0.3)
    assert bus_time(slow, devices(1)).pass_s == pytest.approx(2 * 0.31)
    ua = Connection("line", Transport.OPCUA, "opc.tcp://h:4840")
    assert bus_time(ua, devices(1, "hvac/acme_chiller_opcua")).requests == 2
    books = bus_time(Connection("line", Transport.MODBUS_RTU_TCP, "h:1"), devices(1, "ev_charger/depot_bookings"))
    assert books.requests == 1
