"""Log lines: one event, one line, its fields as they were given."""

import json
import logging

import pytest
import structlog

from gateway.log import configure, get_logger


@pytest.fixture(autouse=True)
def untouched():
    """The loggers as they were."""
    root, kept = logging.getLogger(), structlog.get_config()
    handlers, level = root.handlers, root.level
    yield
    root.handlers = handlers
    root.setLevel(level)
    structlog.configure(**kept)


def lines(capsys):
    return capsys.readouterr().err.splitlines()


def test_an_event_is_one_line_of_json_with_its_fields_first(capsys):
    configure(json=True)
    get_logger("line").warning("bus_lost", bus="rtu0", tried=(1, 2), error=ValueError("x\ny"), name="m\x1b[0m")
    (line,) = lines(capsys)
    told = json.loads(line)
    assert list(told) == ["room", "bus", "tried", "error", "name", "event", "level", "timestamp"]
    assert told | {"timestamp": ""} == {
        "room": "line", "bus": "rtu0", "tried": [1, 2], "error": "ValueError('x\\ny')", "name": "m\x1b[0m",
        "event": "bus_lost", "level": "warning", "timestamp": "",
    }  # fmt: skip
    assert told["timestamp"].endswith("Z")
    assert "\x1b" not in line


def test_what_was_raised_is_a_field_of_the_same_line(capsys):
    configure(json=True)
    try:
        float("broken")
    except ValueError:
        get_logger("app").exception("control_lost", tick=3)
    (line,) = lines(capsys)
    told = json.loads(line)
    assert (told["level"], told["tick"]) == ("error", 3)
    assert told["exception"].startswith("Traceback (most recent call last):\n")
    assert told["exception"].endswith("ValueError: could not convert string to float: 'broken'")


@pytest.mark.parametrize(("level", "events"), [("info", ["a", "b", "c"]), ("warning", ["b", "c"]), ("error", ["c"])])
def test_less_than_the_level_is_not_said(capsys, level, events):
    configure(level=level, json=True)
    log = get_logger("app")
    log.info("a")
    log.warning("b")
    log.error("c")
    assert [json.loads(line)["event"] for line in lines(capsys)] == events


def test_a_person_reads_a_line_without_the_control_characters_of_a_field(capsys):
    configure(json=False)
    get_logger("app").info("ready", site="tower\n\x1b[2J")
    (line,) = lines(capsys)
    assert "ready" in line
    assert r"'tower\n\x1b[2J'" in line


def test_a_library_is_heard_from_warnings_on_and_with_its_name(capsys):
    logging.getLogger().handlers = []  # the test's own
    configure(json=True)
    logging.getLogger("aiohttp.server").info("hello")
    logging.getLogger("aiohttp.server").error("odd")
    logging.getLogger("asyncua.client").warning("chatter")
    assert lines(capsys) == ["aiohttp.server ERROR odd"]
