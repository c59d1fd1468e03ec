"""Requests as the dashboard tells them: what a shed counts from is what control counts it from."""

import pytest

from gateway.control.state import Block, Book, Declared, Held
from gateway.model.request import Service
from gateway.requests_view import requests_of
from tests.control.fakes import request

PLAN = Declared(1, (Block(0.0, 300.0, 500_000.0, 0.0, 0.0), Block(300.0, 600.0, 510_000.0, 0.0, 0.0)))


@pytest.mark.parametrize(
    ("service", "begin_s", "curve", "expected_w"),
    [
        (Service.AR, 100.0, None, 500_000.0),  # the declared base point, not the mean before
        (Service.AR, 400.0, None, 510_000.0),  # of the block it begins in
        (Service.AR, 900.0, None, 480_000.0),  # beyond the plan: what was
        (Service.DR, 100.0, None, 480_000.0),
        (Service.DR, 100.0, (530_000.0, 540_000.0), 530_000.0),
    ],
)
def test_what_a_shed_counts_from_is_told_as_control_counts_it(service, begin_s, curve, expected_w):
    held = Held(
        request(service=service, shed_w=100_000.0), begin_s, begin_s + 60.0, begin_s,
        reference_w=480_000.0, curve=curve,
    )  # fmt: skip
    (told,) = requests_of(Book(entries=(held,)), PLAN, lambda at_s: round(1000.0 * at_s), now_s=150.0)
    assert (told.reference_w, told.begin_ms) == (expected_w, round(1000.0 * begin_s))
