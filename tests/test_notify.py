"""Readiness and watchdog messages reach a real datagram socket."""

import socket

import pytest

from gateway.notify import Notifier


@pytest.fixture(params=["file", "abstract"])
def supervisor(request, tmp_path):
    name = str(tmp_path / "notify") if request.param == "file" else f"@vpp-gateway-test-{tmp_path}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind("\0" + name[1:] if name.startswith("@") else name)
        receiver.settimeout(1.0)
        yield name, receiver


@pytest.mark.parametrize(
    ("call", "expected"), [("ready", b"READY=1"), ("alive", b"WATCHDOG=1"), ("stopping", b"STOPPING=1")]
)
def test_each_message_arrives_as_systemd_expects_it(supervisor, call, expected):
    path, receiver = supervisor
    notifier = Notifier(path)
    assert getattr(notifier, call)() is True
    assert receiver.recv(64) == expected
    notifier.close()


def test_without_a_supervisor_nothing_is_sent():
    notifier = Notifier(None)
    assert notifier.ready() is False
    notifier.close()


def test_a_supervisor_that_went_away_does_not_stop_us(tmp_path):
    notifier = Notifier(str(tmp_path / "gone"))
    assert notifier.alive() is False
    notifier.close()


def test_a_supervisor_that_does_not_read_does_not_block_us(supervisor):
    path, _ = supervisor
    notifier = Notifier(path)
    assert [notifier.alive() for _ in range(5000)][-1] is False
    notifier.close()
