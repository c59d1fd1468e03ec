"""The state on disk: whole or the one before, damaged set aside, its times on today's boot clock."""

import json
from dataclasses import replace

import pytest

from gateway import statefile
from gateway.control.copies import to_json
from gateway.control.state import Charger, Held, Sent, Twin
from gateway.control.step import begin
from gateway.errors import StoreError
from gateway.model.mode import Mode
from gateway.model.request import Kind, Service
from tests.control.fakes import UTC_MS, Toy, battery, chiller, ev, fans, request, site

SITE = site(battery(), fans(), chiller(zone="zone"), ev())


def lived(mode=Mode.HOLD):
    """A state in which every kind of time stands."""
    one = Toy(SITE)
    one.run(12.0)
    one.ask(kind=Kind.EVENT, shed_w=50e3, end_ms=one.utc_ms + 10**6)
    one.ask(service=Service.REG, signal=0.5, end_ms=one.utc_ms + 10_000)
    one.run(3.0)
    state = one.state
    state.mode = replace(
        state.mode, mode=mode, lost_s=5005.0, hold_until_s=5020.0, inputs_back_s=5001.0, held_aims={"battery": 1.0}
    )
    battery_state = state.assets["battery"]
    battery_state.doubt_s, battery_state.starts_s, battery_state.switched_s = 5007.0, (5002.0,), {"x": 5003.0}
    battery_state.twin.pending = ((5016.0, 7.0),)
    state.book.entries = (*state.book.entries, Held(request(), 1.0, None, 2.0, curve=(5000.0,), curve_step_s=900.0))
    return state


def saved(tmp_path, state, **changes):
    head = {"boot": "a", "now_s": 5015.0, "utc_ms": UTC_MS, **changes}
    statefile.save(tmp_path, state, **head)
    return tmp_path / statefile.NAME


def test_without_a_file_there_is_no_state(tmp_path):
    assert statefile.load(tmp_path, boot="a", now_s=1.0, utc_ms=UTC_MS) is None


def test_within_one_boot_the_state_comes_back_as_it_was(tmp_path):
    state = lived()
    saved(tmp_path, state)
    assert statefile.load(tmp_path, boot="a", now_s=5020.0, utc_ms=UTC_MS + 99_999) == state
    assert [path.name for path in tmp_path.iterdir()] == [statefile.NAME]


@pytest.mark.fault("I-21")
@pytest.mark.parametrize(("boot", "now_s"), [("b", 30.0), ("b", 9000.0), ("a", 30.0)])
def test_after_a_reboot_every_time_moves_by_what_passed(tmp_path, boot, now_s):
    state = lived()
    saved(tmp_path, state)
    off_s = 60.0
    back = statefile.load(tmp_path, boot=boot, now_s=now_s, utc_ms=UTC_MS + round(off_s * 1000))
    by_s = now_s - off_s - 5015.0
    assert back.mode.lost_s == pytest.approx(5005.0 + by_s)
    assert back.mode.hold_until_s == pytest.approx(5020.0 + by_s)
    assert [held.begin_s for held in back.book.entries] == pytest.approx(
        [held.begin_s + by_s for held in state.book.entries]
    )
    assert back.book.entries[0].issued_s == pytest.approx(state.book.entries[0].issued_s + by_s)
    assert (back.book.entries[-1].curve, back.book.entries[-1].curve_step_s) == ((5000.0,), 900.0)
    assert [(b.start_s, b.basepoint_w) for b in back.plan.blocks] == [
        (pytest.approx(b.start_s + by_s), b.basepoint_w) for b in state.plan.blocks
    ]


@pytest.mark.fault("I-21")
@pytest.mark.parametrize("utc_ms", [0, UTC_MS - 1])
def test_after_a_power_cut_that_lost_the_clock_no_past_time_is_in_the_future(tmp_path, utc_ms):
    """What was measured before would be newer than everything measured from then on."""
    state = lived()
    saved(tmp_path, state)
    back = statefile.resume(statefile.load(tmp_path, boot="b", now_s=30.0, utc_ms=utc_ms), now_s=30.0)
    assert back.load.measured_s <= 30.0
    later = Toy(SITE, now_s=30.0, load_w=200_000.0)
    later.state = back
    later.run(20.0)
    assert later.state.load.now_w == pytest.approx(200_000.0, rel=0.1)


def test_shifting_moves_every_time_and_nothing_else():
    """Moved there and back the state is the same; moved, what is no time is the same."""
    state = lived()
    moved = statefile.shifted(state, 1024.0)
    assert statefile.shifted(moved, -1024.0) == state
    old, new = json.loads(to_json(state)), json.loads(to_json(moved))
    still, changed = set(), set()

    def compare(one, other, path):
        if isinstance(one, dict):
            for key in one:
                compare(one[key], other[key], f"{path}.{key}")
        elif isinstance(one, list):
            for left, right in zip(one, other, strict=True):
                compare(left, right, path)
        elif one != other:
            assert other - one == 1024.0
            changed.add(path.rsplit(".", 1)[1])
        elif isinstance(one, float):
            still.add(path.rsplit(".", 1)[1])

    compare(old, new, "state")
    assert {"begin_s", "end_s", "heard_s", "issued_s", "vpp", "at_s", "trail", "pending", "recent", "sent_s", "renewed_s",
            "polled_s", "doubt_s", "starts_s", "measured_s", "since_s", "lost_s", "hold_until_s", "inputs_back_s",
            "start_s", "started_s", "stepped_s"} <= changed  # fmt: skip
    assert not {name for name in still if name.endswith("_s")} - statefile.NOT_TIMES


@pytest.mark.parametrize(
    "text", [b"", b"{", b"[]\n{}\n", b'{"format": 1}\n{}\n', b'{"format": "x"}\n', b"\xff\xfe\n{}"]
)
def test_a_damaged_file_is_set_aside(tmp_path, text):
    (tmp_path / statefile.NAME).write_bytes(text)
    assert statefile.load(tmp_path, boot="a", now_s=1.0, utc_ms=5) is None
    assert [path.name for path in tmp_path.iterdir()] == ["control.damaged-5"]


def test_a_file_cut_anywhere_is_set_aside(tmp_path):
    path = saved(tmp_path, begin(SITE, now_s=0.0))
    whole = path.read_bytes()
    for at in range(0, len(whole) - 2, 97):
        path.write_bytes(whole[:at])
        assert statefile.load(tmp_path, boot="a", now_s=1.0, utc_ms=at) is None


def test_a_newer_format_is_refused_and_kept(tmp_path):
    path = saved(tmp_path, begin(SITE, now_s=0.0))
    path.write_bytes(path.read_bytes().replace(b'"format": 1', b'"format": 2'))
    with pytest.raises(StoreError, match="newer version"):
        statefile.load(tmp_path, boot="a", now_s=1.0, utc_ms=5)
    assert path.exists()


def test_a_folder_that_cannot_be_used_is_a_store_error(tmp_path):
    with pytest.raises(StoreError, match="cannot be written"):
        saved(tmp_path / "missing", begin(SITE, now_s=0.0))
    (tmp_path / statefile.NAME).mkdir()
    with pytest.raises(StoreError, match="cannot be read"):
        statefile.load(tmp_path, boot="a", now_s=1.0, utc_ms=5)


@pytest.mark.fault("I-11", "I-21")
@pytest.mark.parametrize("mode", list(Mode))
def test_a_new_process_keeps_requests_and_a_lost_upstream_and_forgets_what_devices_did(mode):
    state = lived(mode)
    back = statefile.resume(state, now_s=6000.0)
    assert back.mode.mode is (mode if mode in statefile.RESUMED else Mode.BOOT)
    assert (back.book, back.plan) == (state.book, state.plan)
    assert (back.started_s, back.stepped_s, back.load.recent, back.alarms) == (6000.0, 6000.0, (), ())
    own = back.assets["battery"]
    assert own.twin == Twin(state.assets["battery"].twin.x, 6000.0, state.assets["battery"].twin.drive)
    assert (own.sent, own.doubt_s, own.switched_s, own.starts_s) == ({}, None, {"x": 5003.0}, (5002.0,))
    assert all(charger == Charger(watts=charger.watts) for charger in back.assets["ev"].chargers.values())


def test_the_machines_boot_has_a_name(tmp_path, monkeypatch):
    assert statefile.boot_id() not in ("", "unknown")
    monkeypatch.setattr(statefile, "BOOT_ID", tmp_path / "none")
    assert statefile.boot_id() == "unknown"


def test_the_last_command_of_an_actuator_stands_in_the_file(tmp_path):
    state = lived()
    saved(tmp_path, state)
    back = statefile.load(tmp_path, boot="a", now_s=5015.0, utc_ms=UTC_MS)
    assert all(isinstance(sent, Sent) for sent in back.assets["fans"].sent.values())
