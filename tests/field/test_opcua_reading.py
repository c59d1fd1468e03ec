"""Requests made of nodes encoded before, answers taken apart by layout: the library's bytes, and what it finds in them."""

import dataclasses
from datetime import UTC, datetime

import pytest
from asyncua import ua
from asyncua.common.utils import Buffer
from asyncua.ua.ua_binary import struct_from_binary, struct_to_binary
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.field.opcua_layout import Layout, Numbers
from gateway.field.opcua_reading import request_for
from gateway.field.opcua_values import status_of

KINDS = {
    ua.VariantType.Boolean: st.booleans(),
    ua.VariantType.SByte: st.integers(-128, 127),
    ua.VariantType.Byte: st.integers(0, 255),
    ua.VariantType.Int16: st.integers(-(2**15), 2**15 - 1),
    ua.VariantType.UInt16: st.integers(0, 2**16 - 1),
    ua.VariantType.Int32: st.integers(-(2**31), 2**31 - 1),
    ua.VariantType.UInt32: st.integers(0, 2**32 - 1),
    ua.VariantType.Int64: st.integers(-(2**63), 2**63 - 1),
    ua.VariantType.UInt64: st.integers(0, 2**64 - 1),
    ua.VariantType.Float: st.floats(width=32),
    ua.VariantType.Double: st.floats(),
}
TIMES = st.none() | st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1))  # noqa: DTZ001 - the library's are naive UTC
STATES = st.none() | st.sampled_from([0, 0x40000000, 0x80000000, 0x800A0000, 0x408F0000]).map(ua.StatusCode)


def dated(value: ua.Variant | None, status, source, server) -> ua.DataValue:
    return ua.DataValue(value, status, source, server)


@st.composite
def answers(draw):
    kind = draw(st.sampled_from(list(KINDS)))
    value = draw(st.none() | KINDS[kind].map(lambda number: ua.Variant(number, kind)))
    return dated(value, draw(STATES), draw(TIMES), draw(TIMES))


def body_of(values: list[ua.DataValue]) -> bytes:
    response = ua.ReadResponse()
    response.ResponseHeader.Timestamp = datetime(2026, 11, 22, tzinfo=UTC).replace(tzinfo=None)
    response.Results = values
    return struct_to_binary(response)


def shown(value) -> tuple:
    number = None if value.Value is None else value.Value.Value
    return repr(number), type(number), status_of(value), value.SourceTimestamp, value.ServerTimestamp


def numbers(body: bytes, count: int) -> Numbers | None:
    layout = Layout.of(body, count)
    return None if layout is None else layout.numbers(body)


U16, U32 = st.integers(0, 2**16 - 1), st.integers(0, 2**32 - 1)
NODES = st.one_of(
    st.builds(ua.TwoByteNodeId, st.integers(0, 255)),
    st.builds(ua.FourByteNodeId, U16, st.integers(0, 255)),
    st.builds(ua.NumericNodeId, U32, U16),
    st.builds(ua.StringNodeId, st.text(max_size=20), U16),
    st.builds(ua.ByteStringNodeId, st.binary(max_size=20), U16),
    st.builds(ua.GuidNodeId, st.uuids(), U16),
    st.builds(ua.NodeId, U32, U16),
    st.builds(ua.NodeId, st.text(max_size=20), U16),
)


@settings(max_examples=100)
@given(st.lists(NODES, max_size=300), st.builds(ua.NodeId, U32, U16), U32)
def test_a_request_of_encoded_nodes_is_byte_for_byte_that_of_the_library(nodes, token, handle):
    ours = request_for(nodes)
    ours.RequestHeader.AuthenticationToken, ours.RequestHeader.RequestHandle = token, ua.UInt32(handle)
    wanted = [ua.ReadValueId(NodeId=node, AttributeId=ua.IntegerId(ua.AttributeIds.Value)) for node in nodes]
    theirs = ua.ReadRequest(
        RequestHeader=dataclasses.replace(ours.RequestHeader),
        Parameters=ua.ReadParameters(TimestampsToReturn=ua.TimestampsToReturn.Both, NodesToRead=wanted),
    )
    assert struct_to_binary(ours) == struct_to_binary(theirs)


@settings(max_examples=100)
@given(st.lists(answers(), max_size=6))
def test_an_answer_of_numbers_says_what_the_library_finds_in_it(values):
    body = body_of(values)
    found = numbers(body, len(values))
    assert found is not None
    library = struct_from_binary(ua.ReadResponse, Buffer(body)).Results
    assert [shown(one) for one in found.told()] == [shown(one) for one in library]
    assert found.all_good == all(shown(one)[0] != "None" and status_of(one) == 0 for one in library)


@settings(max_examples=100)
@given(st.lists(answers(), min_size=1, max_size=4), st.lists(answers(), min_size=1, max_size=4))
def test_the_layout_of_one_answer_says_of_another_what_is_in_it_or_nothing(first, then):
    body = body_of(then)
    layout = Layout.of(body_of(first), len(first))
    assert layout is not None
    found = layout.numbers(body)
    assert found is None or repr(found) == repr(numbers(body, len(then)))


@pytest.mark.parametrize(
    "odd",
    [
        dated(ua.Variant("text", ua.VariantType.String), None, None, None),
        dated(ua.Variant([1.0, 2.0], ua.VariantType.Double), None, None, None),
        ua.DataValue(ua.Variant(1.0, ua.VariantType.Double), None, datetime(2026, 1, 1), None, 5),  # noqa: DTZ001
    ],
)
def test_an_answer_of_anything_else_is_left_to_the_library(odd):
    assert numbers(body_of([dated(ua.Variant(1.0, ua.VariantType.Double), None, None, None), odd]), 2) is None


@settings(max_examples=100)
@given(st.lists(answers(), min_size=1, max_size=3), st.data())
def test_an_answer_that_is_cut_or_changed_is_never_more_than_its_numbers(values, data):
    body = bytearray(body_of(values))
    assert numbers(bytes(body[: data.draw(st.integers(0, len(body) - 1))]), len(values)) is None
    assert numbers(bytes(body) + b"\0", len(values)) is None
    assert numbers(bytes(body), len(values) + 1) is None
    body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    found = numbers(bytes(body), len(values))
    assert found is None or [len(column) for column in found] == [len(values)] * 4
