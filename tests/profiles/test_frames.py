"""Steps -> write requests, and what a device's parameters fill in."""

from dataclasses import replace

import pytest

from gateway.errors import ProfileError
from gateway.model.point import Unit
from gateway.profiles.frames import Frame, assignments, for_device, frames, safe_value, steps_of
from gateway.profiles.load import load_profile
from gateway.profiles.schema import Control, Kind, Lost, Point, Set, Table, Then, Zero

POINTS = {
    "x.a": Point("x.a", Unit.ONE, Kind.U16, Table.HOLDING, 10, writable=True),
    "x.b": Point("x.b", Unit.ONE, Kind.U32, Table.HOLDING, 11, 2, writable=True),
    "x.far": Point("x.far", Unit.ONE, Kind.U16, Table.HOLDING, 50, writable=True),
    "x.coil": Point("x.coil", Unit.ONE, Kind.BOOL, Table.COIL, 3, writable=True),
    "x.coil2": Point("x.coil2", Unit.ONE, Kind.BOOL, Table.COIL, 4, writable=True),
    "x.node": Point("x.node", Unit.ONE, Kind.F64, writable=True),
}
CONTROL = Control(
    "x.a", Unit.ONE, low=0, high=100, step=1, zero=Zero.ALLOWED, apply=(), release=(), lost=Lost(Then.KEEPS_LAST)
)


def made(*writes, function="any", value=7.0, together=False):
    step = Set(tuple(writes), together)
    return frames(POINTS, step, value=value, control=replace(CONTROL, write_function=function))


def test_neighbours_go_in_one_request_and_others_in_their_order():
    assert made(("x.a", None), ("x.b", 70000), ("x.far", 1)) == [
        Frame(16, 10, (7, 1, 4464)), Frame(6, 50, (1,)),
    ]  # fmt: skip


def test_a_device_that_knows_only_function_6_or_only_16_is_obeyed():
    assert made(("x.a", None), function="16") == [Frame(16, 10, (7,))]
    assert made(("x.a", None), ("x.b", 70000), function="23") == [Frame(23, 10, (7, 1, 4464))]
    assert made(("x.coil", 1), function="23") == [Frame(5, 3, (1,))]
    assert made(("x.a", 1), ("x.a", 2), function="6") == [Frame(6, 10, (1,)), Frame(6, 10, (2,))]


def test_coils_are_written_by_functions_5_and_15():
    assert made(("x.coil", 1)) == [Frame(5, 3, (1,))]
    assert made(("x.coil", 1), ("x.coil2", 0)) == [Frame(15, 3, (1, 0))]


def test_what_cannot_go_together_is_refused_not_torn():
    with pytest.raises(ProfileError, match="together"):
        made(("x.a", 1), ("x.far", 1), together=True)


def test_a_node_has_no_frame_and_a_missing_value_is_refused():
    with pytest.raises(ProfileError, match="node"):
        made(("x.node", 1))
    with pytest.raises(ProfileError, match="commanded"):
        assignments(Set((("x.a", None),)), None)


@pytest.mark.parametrize(("low", "high", "safe"), [(-5, 5, 0), (25, 100, 25), (-9, -3, -3)])
def test_values_are_rounded_towards_the_least_lawful_effect(low, high, safe):
    assert safe_value(replace(CONTROL, low=low, high=high)) == safe


def test_a_device_parameter_names_the_object_of_a_browse_path():
    chiller = load_profile("hvac/acme_chiller_opcua")
    path = for_device(chiller, {"instance": "Chiller2"}).points["chiller.power"].path
    assert [(step.namespace, step.name) for step in path] == [
        ("urn:vpp-gateway:acme:chiller", "Chiller2"), ("urn:vpp-gateway:acme:chiller", "Power"),
    ]  # fmt: skip
    with pytest.raises(ProfileError, match="instance"):
        for_device(replace(chiller, params={}), {})


@pytest.mark.fault("A-023")
def test_a_time_out_set_in_the_device_must_leave_three_refreshes():
    alfen = load_profile("ev_charger/alfen_ng9xx")
    keepalive = for_device(alfen, {"valid_time_s": 90}).controls["ev.current.limit"].keepalive
    assert keepalive is not None
    assert keepalive.timeout_s == 90
    for wrong, words in ((59, "three times"), ("long", "not a number")):
        with pytest.raises(ProfileError, match=words):
            for_device(alfen, {"valid_time_s": wrong})


def test_a_control_without_a_reversion_timer_has_nothing_to_refresh():
    assert steps_of(CONTROL, "keepalive") == ()
