"""What we send is what the shipped schemas say, and the schema of a command agrees with the parser."""

import json
from importlib.resources import files
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from gateway.model.command import Alarm
from gateway.model.mode import Mode
from gateway.model.plan import Interval, Plan
from gateway.model.point import PointId
from gateway.model.reading import Quality
from gateway.model.request import Request, Result, Verdict
from gateway.wire.command import Refusal, parse_command
from gateway.wire.messages import Status, letter, parse_heartbeat
from gateway.wire.strictjson import BadJson
from gateway.wire.telemetry import WORDS, batch_payload, parse_receipt
from tests.wire.test_command import EVENT, LIMIT, SETPOINT

NOW_MS = 1_795_000_000_000
BOX = "0b588575-38e5-42d3-9740-c1ccc00e7315"


def schema(name: str) -> Draft202012Validator:
    tree = json.loads((files("gateway.wire") / "schemas" / f"{name}.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(tree)
    return Draft202012Validator(tree, format_checker=Draft202012Validator.FORMAT_CHECKER)


@pytest.mark.parametrize(
    ("message", "name", "retain"),
    [
        (Verdict("r-1", "vpp", Result.ACCEPTED, "ok", NOW_MS), "ack", False),
        (Refusal("r-1", "vpp", "malformed", "no"), "ack", False),
        (Status(online=True, mode=Mode.REMOTE, cause="request", at_ms=NOW_MS), "status", True),
        (Status(online=False, mode=None, cause="connection_lost", at_ms=NOW_MS), "status", True),
        (Plan(3, NOW_MS, (Interval(NOW_MS, NOW_MS + 300_000, 6e5, 2e5, 2e5),)), "plan", True),
        (Plan(0, NOW_MS, ()), "plan", True),
        (Alarm("device_offline:battery", raised=True, at_ms=NOW_MS, detail="refused"), "alarm", False),
    ],
)
def test_every_letter_is_what_its_schema_says(message, name, retain):
    found = letter(message, now_ms=NOW_MS)
    assert (found.name, found.retain) == (name, retain)
    schema(name).validate(json.loads(found.payload))


def test_a_refusal_without_an_id_cannot_be_acknowledged():
    with pytest.raises(ValueError, match="without an id"):
        letter(Refusal(None, None, "malformed", "not JSON"), now_ms=NOW_MS)


def test_a_plan_that_is_not_finite_never_leaves():
    with pytest.raises(ValueError, match="JSON"):
        letter(Plan(1, NOW_MS, (Interval(0, 1, float("nan"), 0.0, 0.0),)), now_ms=NOW_MS)


qualities = st.sampled_from([quality for quality in Quality if quality is not Quality.INVALID])
samples = st.builds(
    lambda seq, value, quality, t_ms, old: (
        seq,
        PointId("pcc/power.active"),
        value,
        WORDS[quality if value is not None else Quality.INVALID],
        t_ms,
        old,
    ),
    st.integers(1, 2**40),
    st.none() | st.floats(allow_nan=False, allow_infinity=False),
    qualities,
    st.integers(0, 4_102_444_800_000),
    st.booleans(),
)


@settings(max_examples=min(100, settings().max_examples))  # no law of safety: the hundredth example says little more
@given(st.lists(samples, min_size=1, max_size=5))
def test_every_telemetry_message_is_what_its_schema_says(batch):
    tree = json.loads(batch_payload(BOX, 1, batch))
    schema("telemetry").validate(tree)
    assert [row[2] for row in tree["samples"]] == [one[2] for one in batch]


@pytest.mark.parametrize(
    "sample",
    [
        [0, "a/b", 1.0, "good", 1, False],
        [1, "a/b", None, "good", 1, False],
        [1, "a/b", 1.0, "invalid", 1, False],
        [1, "a/b", 1.0, "good", 1],
    ],
)
def test_the_telemetry_schema_knows_a_wrong_sample(sample):
    assert not schema("telemetry").is_valid({"box": BOX, "epoch": 1, "samples": [sample]})


def test_a_receipt_and_a_heartbeat_are_read():
    receipt = parse_receipt(json.dumps({"box": BOX, "epoch": 2, "seq": 0}).encode())
    assert (receipt.box, receipt.epoch, receipt.seq) == (BOX, 2, 0)
    assert parse_heartbeat(b'{"issuer": "vpp", "t": 1}') == "vpp"


@pytest.mark.parametrize(
    "payload",
    [b"", b"[]", b'{"box": 1, "epoch": 1, "seq": 1}', b'{"box": "a", "epoch": true, "seq": 1}', b'{"box": "a", "epoch": 1}',
     b'{"box": "a", "epoch": 1, "seq": -1}', b'{"box": "a", "epoch": 1, "seq": 1.5}', b'{"box": "a", "epoch": 1, "seq": NaN}'],
)  # fmt: skip
def test_what_is_no_receipt_confirms_nothing(payload):
    with pytest.raises(BadJson):
        parse_receipt(payload)


@pytest.mark.parametrize(
    ("payload", "retained"),
    [(b"{}", False), (b'{"issuer": "a/b", "t": 1}', False), (b'{"issuer": "a", "t": true}', False), (b"\0", False), (b'{"issuer": "vpp", "t": 1}', True)],
)  # fmt: skip
def test_what_is_no_heartbeat_proves_nothing(payload, retained):
    with pytest.raises(BadJson):
        parse_heartbeat(payload, retained=retained)


ODD: tuple[Any, ...] = (None, True, "x", "", -1, 1.5, 2e9, [], 10**15)


def commands() -> list[dict[str, Any]]:
    """Lawful commands, and each of them with one thing changed."""
    found: list[dict[str, Any]] = []
    for command in (SETPOINT, EVENT, LIMIT, {**LIMIT, "max_import_w": None}):
        found.append(command)
        found += [{key: value for key, value in command.items() if key != gone} for gone in command]
        found += [{**command, key: odd} for key in command for odd in ODD]
        found += [{**command, key: 0.5} for key in ("signal", "power_w", "shed_w", "max_export_w", "ref", "extra")]
    return found


def test_the_schema_of_a_command_and_the_parser_agree():
    validator = schema("command")
    for command in commands():
        found = parse_command(json.dumps(command).encode(), "vpp/v1/tower/command", site="tower")
        if isinstance(found, Request):
            validator.validate(command)
        elif validator.is_valid(command):
            # beyond a schema: the end lies behind the begin; 1.0 is whole to a schema and a float to us
            assert "valid_until" in found.text or "whole" in found.text, (command, found)
