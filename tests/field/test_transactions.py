"""The transaction layer without sockets: framing, matching, what may never become a value."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import BusMismatch, BusRefused
from gateway.field import pdu
from gateway.field.mbap import MOST_UNASKED, Mbap
from gateway.field.pdu import judge
from gateway.field.rtu import MAX_BUFFER, Rtu, crc, silence_s
from tests.field.peers import Registers, slow_crc

ASK = pdu.read(1, 3, 100, 4)
GOOD = bytes((3, 8)) + struct.pack(">4H", 100, 101, 102, 103)


def mbap(tid: int, body: bytes, *, unit: int = 1, protocol: int = 0, length: int | None = None) -> bytes:
    return struct.pack(">HHHB", tid & 0xFFFF, protocol, len(body) + 1 if length is None else length, unit) + body


def rtu(body: bytes, *, unit: int = 1) -> bytes:
    return bytes((unit,)) + body + slow_crc(bytes((unit,)) + body)


def line() -> Rtu:
    return Rtu(hold_off_s=1.0, quiet_s=0.004)


@pytest.mark.parametrize(
    ("query", "frame"),
    [
        (pdu.read(1, 1, 19, 37), "0100130025"),
        (pdu.read(1, 2, 196, 22), "0200c40016"),
        (pdu.read(1, 3, 107, 3), "03006b0003"),
        (pdu.read(1, 4, 8, 1), "0400080001"),
        (pdu.write_coil(1, 172, on=True), "0500acff00"),
        (pdu.write_register(1, 1, 3), "0600010003"),
        (pdu.write_coils(1, 19, [bit == "1" for bit in "1011001110"]), "0f0013000a02cd01"),
        (pdu.write_registers(1, 1, [10, 258]), "100001000204000a0102"),
        (pdu.mask_write(1, 4, and_mask=0xF2, or_mask=0x25), "16000400f20025"),
        (pdu.read_write(1, 3, 6, write_at=14, words=[255, 255, 255]), "1700030006000e00030600ff00ff00ff"),
        (pdu.identify(1, access=1), "2b0e0100"),
    ],
)
def test_requests_are_those_of_the_standards_examples(query, frame):
    assert query.pdu.hex() == frame
    assert judge(query, Registers().answer(query.pdu)) is not None


@pytest.mark.parametrize(
    ("query", "reply", "data"),
    [
        (pdu.mask_write(1, 4, and_mask=0xF2, or_mask=0x25), "16000400f20025", ""),
        (pdu.mask_write(1, 4, and_mask=0xF2, or_mask=0x25), "16000400f20026", None),
        (pdu.read_write(1, 3, 2, write_at=14, words=[1]), "170400fe0acd", "00fe0acd"),
        (pdu.read_write(1, 3, 2, write_at=14, words=[1]), "170200fe", None),
        (pdu.identify(1, access=1), "2b0e0101000001" + "000141", "01000001" + "000141"),
        (pdu.identify(1, access=1), "2b0e0101000001" + "000241", None),
        (pdu.identify(1, access=1), "2b0e0101000001" + "00014100", None),
        (pdu.identify(1, access=1), "2b0e0201000001" + "000141", None),
        (pdu.identify(1, access=1), "2b0e01010000", None),
    ],
)
def test_replies_of_the_rarer_functions_count_only_when_every_field_matches(query, reply, data):
    frame = bytes.fromhex(reply)
    for outcome in (judge(query, frame), over_rtu(query, frame)):
        assert (outcome.hex() if isinstance(outcome, bytes) else None) == data


def over_rtu(query, reply):
    framing = line()
    framing.begin(query)
    settled = framing.receive(rtu(reply), 0.0)
    return settled[0][1] if settled else None


@pytest.mark.parametrize(
    ("function", "address", "count"), [(3, 0, 0), (3, 0, 126), (3, 65535, 2), (1, 0, 2001), (3, -1, 1), (7, 0, 1)]
)
def test_what_the_protocol_does_not_allow_is_never_sent(function, address, count):
    with pytest.raises(ValueError, match="read"):
        pdu.read(1, function, address, count)


@given(st.sampled_from([1, 2, 3, 4]), st.integers(0, 65000), st.integers(1, 125), st.binary(max_size=260))
@pytest.mark.fault("A-004", "A-009")
def test_a_reply_is_a_value_only_when_every_field_is_right(function, address, count, reply):
    query = pdu.read(1, function, address, count)
    outcome = judge(query, reply)
    size = 2 * count if function > 2 else (count + 7) // 8
    right = len(reply) == size + 2 and reply[0] == function and reply[1] == size
    assert isinstance(outcome, bytes) == right


@pytest.mark.fault("A-004", "F-009")
@pytest.mark.parametrize("count", range(256))
def test_every_wrong_byte_count_is_refused(count):
    outcome = judge(ASK, bytes((3, count)) + GOOD[2:])
    assert isinstance(outcome, bytes) == (count == 8)


@pytest.mark.fault("A-005")
@pytest.mark.parametrize(
    ("reply", "code"), [(b"\x83", 0), (b"\x83\x00", 0), (b"\x83\x7f", 0x7F), (b"\x83\x02", 2), (b"\x83\x0b", 11)]
)
def test_an_exception_is_an_error_with_its_code_whatever_the_code(reply, code):
    outcome = judge(ASK, reply)
    assert isinstance(outcome, BusRefused)
    assert outcome.code == code
    assert "device_exception" in str(outcome)


@pytest.mark.fault("F-011")
@pytest.mark.parametrize("cut", range(1, 17))
def test_a_reply_in_pieces_is_put_together(cut):
    for framing, whole in ((Mbap(first_id=0), mbap(0, GOOD)), (line(), rtu(GOOD))):
        framing.begin(ASK)
        answers = [*framing.receive(whole[:cut], 0.0), *framing.receive(whole[cut:], 0.0)]
        assert answers == [(0, GOOD[2:])]


@pytest.mark.fault("F-006", "F-008")
@pytest.mark.parametrize("shift", [1, -1, 77])
def test_a_reply_with_another_id_is_dropped_and_the_right_one_still_taken(shift):
    tcp = Mbap()
    key, _ = tcp.begin(ASK)
    assert tcp.receive(mbap(key + shift, GOOD), 0.0) == []
    assert tcp.counters["reply_foreign"] == 1
    assert tcp.receive(mbap(key, GOOD), 0.0) == [(key, GOOD[2:])]
    assert not tcp.spoiled


@pytest.mark.fault("F-008")
def test_a_foreign_reply_and_then_silence_spoil_the_connection():
    tcp = Mbap(patience=9)
    key, _ = tcp.begin(ASK)
    tcp.receive(mbap(key + 1, GOOD), 0.0)
    tcp.give_up(key, 1.0)
    assert tcp.spoiled


@pytest.mark.fault("F-006")
def test_a_late_reply_is_known_as_late_and_never_taken_for_the_next_request():
    tcp = Mbap(patience=2)
    first, _ = tcp.begin(ASK)
    tcp.give_up(first, 1.0)
    second, _ = tcp.begin(pdu.read(1, 3, 500, 4))
    assert tcp.receive(mbap(first, GOOD), 1.1) == []
    assert tcp.counters["reply_late"] == 1
    other = bytes((3, 8)) + struct.pack(">4H", 500, 501, 502, 503)
    assert tcp.receive(mbap(second, other), 1.2) == [(second, other[2:])]
    assert not tcp.spoiled


@pytest.mark.fault("F-009")
def test_two_mismatched_replies_spoil_the_connection():
    tcp = Mbap()
    for number in (1, 2):
        key, _ = tcp.begin(ASK)
        ((_, outcome),) = tcp.receive(mbap(key, bytes((4,)) + GOOD[1:]), 0.0)
        assert isinstance(outcome, BusMismatch)
        assert tcp.counters["reply_mismatch"] == number
        assert bool(tcp.spoiled) == (number == 2)


def test_a_reply_of_another_unit_is_a_mismatch():
    tcp = Mbap()
    key, _ = tcp.begin(ASK)
    ((_, outcome),) = tcp.receive(mbap(key, GOOD, unit=2), 0.0)
    assert isinstance(outcome, BusMismatch)


@pytest.mark.fault("A-001", "A-002", "A-003")
@pytest.mark.parametrize(("protocol", "length"), [(1, 11), (0xFFFF, 11), (0, 0), (0, 1), (0, 255), (0, 65535)])
def test_a_header_that_is_not_modbus_spoils_the_connection_and_gives_nothing(protocol, length):
    tcp = Mbap()
    key, _ = tcp.begin(ASK)
    assert tcp.receive(mbap(key, GOOD, protocol=protocol, length=length), 0.0) == []
    assert tcp.spoiled
    assert tcp.receive(mbap(key, GOOD), 0.0) == []


@pytest.mark.fault("A-002")
def test_trailing_bytes_of_a_short_length_do_not_pass():
    tcp = Mbap()
    key, _ = tcp.begin(ASK)
    ((_, outcome),) = tcp.receive(mbap(key, GOOD, length=2), 0.0)
    assert isinstance(outcome, BusMismatch)
    assert tcp.spoiled


@pytest.mark.fault("A-001", "A-006")
@given(st.lists(st.binary(max_size=600), max_size=20))
def test_no_stream_makes_a_buffer_grow(chunks):
    tcp, bus = Mbap(), line()
    tcp.begin(ASK)
    bus.begin(ASK)
    for chunk in chunks:
        tcp.receive(chunk, 0.0)
        bus.receive(chunk, 0.0)
        assert len(tcp._buffer) <= 260
        assert len(bus._buffer) <= MAX_BUFFER


@pytest.mark.fault("A-006")
def test_more_replies_than_requests_spoil_the_connection():
    tcp = Mbap()
    tcp.receive(mbap(9, GOOD) * (MOST_UNASKED + 1), 0.0)
    assert tcp.spoiled


@pytest.mark.fault("F-010")
def test_duplicates_and_two_frames_in_one_segment_do_no_harm():
    tcp = Mbap()
    for _ in range(200):
        key, _ = tcp.begin(ASK)
        assert tcp.receive(mbap(key, GOOD) * 2, 0.0) == [(key, GOOD[2:])]
    assert not tcp.spoiled


def test_transaction_ids_wrap_and_several_may_be_open():
    tcp = Mbap(depth=2, first_id=65535)
    first, _ = tcp.begin(ASK)
    second, frame = tcp.begin(ASK)
    assert (first, second, frame[:2]) == (65535, 0, b"\0\0")
    with pytest.raises(RuntimeError):
        tcp.begin(ASK)
    answers = tcp.receive(mbap(second, GOOD) + mbap(first, GOOD), 0.0)
    assert [key for key, _ in answers] == [second, first]


def test_a_gateway_that_does_not_copy_the_id_can_be_excused():
    tcp = Mbap(check_id=False)
    key, _ = tcp.begin(ASK)
    assert tcp.receive(mbap(0, GOOD), 0.0) == [(key, GOOD[2:])]
    key, _ = tcp.begin(ASK)
    tcp.give_up(key, 1.0)
    assert tcp.spoiled  # without ids nothing tells a late reply from the next


# -- RTU


@given(st.binary(max_size=300))
def test_the_crc_table_is_the_polynomial(data):
    assert crc(data) == slow_crc(data)


def test_silence_is_three_and_a_half_characters_and_fixed_above_19200():
    assert silence_s(9600) == pytest.approx(3.5 * 11 / 9600)
    assert silence_s(115200) == 0.00175


@pytest.mark.fault("F-007")
def test_after_a_timeout_the_line_holds_off_until_the_late_reply_has_come_and_gone():
    bus = line()
    key, _ = bus.begin(ASK)
    bus.give_up(key, 10.0)
    assert bus.clear_s == 11.0
    assert bus.receive(rtu(GOOD), 10.3) == []
    assert bus.clear_s == pytest.approx(10.304)
    assert bus.counters["reply_late"] == 1


@pytest.mark.fault("F-007")
def test_other_bytes_during_the_hold_off_do_not_end_it():
    bus = line()
    key, _ = bus.begin(ASK)
    bus.give_up(key, 10.0)
    bus.receive(rtu(GOOD)[:-1] + b"\0", 10.3)
    assert bus.clear_s == 11.0
    bus.receive(b"\x55", 10.999)
    assert bus.clear_s == pytest.approx(11.003)


@pytest.mark.fault("F-019")
def test_noise_before_a_reply_is_skipped():
    bus = line()
    bus.begin(ASK)
    ((_, answer),) = bus.receive(b"\x01\x03\x55\x01\xff" + rtu(GOOD), 0.0)
    assert answer == GOOD[2:]


@pytest.mark.fault("F-019")
@given(st.integers(0, 12), st.integers(1, 255))
def test_a_damaged_frame_is_never_a_value(at, flip):
    frame = bytearray(rtu(GOOD))
    frame[at] ^= flip
    bus = line()
    bus.begin(ASK)
    assert all(not isinstance(answer, bytes) for _, answer in bus.receive(bytes(frame), 0.0))


@pytest.mark.fault("F-019")
def test_the_echo_of_our_own_request_is_consumed_and_remembered_for_writes():
    bus = line()
    _, sent = bus.begin(ASK)
    ((_, answer),) = bus.receive(sent + rtu(GOOD), 0.0)
    assert answer == GOOD[2:]
    write = pdu.write_register(1, 5, 7)
    _, sent = bus.begin(write)
    assert bus.receive(sent, 0.0) == []
    assert bus.receive(sent, 0.1) == [(0, b"")]


@pytest.mark.fault("F-009")
@pytest.mark.parametrize("body", [bytes((4,)) + GOOD[1:], bytes((3, 6)) + GOOD[2:8]])
def test_a_well_formed_reply_to_another_question_is_a_mismatch_and_holds_the_line_off(body):
    bus = line()
    bus.begin(ASK)
    ((_, answer),) = bus.receive(rtu(body), 5.0)
    assert isinstance(answer, BusMismatch)
    assert bus.clear_s == 6.0


@pytest.mark.fault("A-009")
@given(st.data())
def test_fuzzed_frames_give_a_value_only_when_they_are_whole_and_right(data):
    base = data.draw(st.sampled_from([mbap(1, GOOD), rtu(GOOD)]))
    frame = bytearray(base)
    for at, value in data.draw(st.lists(st.tuples(st.integers(0, len(base) - 1), st.integers(0, 255)), max_size=4)):
        frame[at] = value
    tcp, bus = Mbap(), line()
    tcp.begin(ASK)
    bus.begin(ASK)
    for framing, right in ((tcp, mbap(1, GOOD)[:9]), (bus, rtu(GOOD))):
        for _, answer in framing.receive(bytes(frame), 0.0):
            if isinstance(answer, bytes):
                assert bytes(frame).startswith(right)
