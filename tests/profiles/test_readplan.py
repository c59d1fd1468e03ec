"""Many points -> few contiguous reads."""

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import ProfileError
from gateway.model.point import Unit
from gateway.profiles.readplan import plan, touches
from gateway.profiles.schema import MAX_READ, Every, Kind, Point, ReadLimits, Span, Table


def p(at: int, words: int = 1, **more: Any) -> Point:
    kind = {1: Kind.U16, 2: Kind.U32, 4: Kind.U64}[words]
    name = f"x.{more.get('table', 'h')}{at}"
    return replace(Point(name, Unit.ONE, kind, Table.HOLDING, at, words), **more)


def limits(**more: Any) -> ReadLimits:
    most = more.pop("max_read", 125)
    return ReadLimits({**MAX_READ, Table.HOLDING: most, Table.INPUT: most}, **more)


@pytest.mark.parametrize(
    ("points", "limit", "reads"),
    [
        ([], limits(), []),
        ([p(0), p(1), p(2)], limits(), [(0, 3)]),
        ([p(0), p(2)], limits(), [(0, 1), (2, 1)]),
        ([p(0), p(2)], limits(max_gap=1), [(0, 3)]),
        ([p(0), p(3)], limits(max_gap=1), [(0, 1), (3, 1)]),
        ([p(0, 4), p(4, 4)], limits(max_read=6), [(0, 4), (4, 4)]),
        ([p(0), p(4)], limits(max_gap=9, forbid=(Span(2, 2),)), [(0, 1), (4, 1)]),
        ([p(0), p(4)], limits(max_gap=9, forbid=(Span(2, 2, Table.INPUT),)), [(0, 5)]),
        ([p(0), p(1), p(2)], limits(single=(Span(1, 1),)), [(0, 1), (1, 1), (2, 1)]),
        ([p(0, atomic="a"), p(9, atomic="a"), p(5)], limits(), [(0, 10)]),
        ([p(0), replace(p(0), name="x.bit", bits=(0, 0))], limits(single=(Span(0, 0),)), [(0, 1)]),
        ([p(0), p(0, table=Table.INPUT)], limits(), [(0, 1), (0, 1)]),
        ([p(0), p(1, every=Every.SLOW)], limits(), [(0, 1), (1, 1)]),
        ([p(0, unit_id=1), p(1, unit_id=2)], limits(), [(0, 1), (1, 1)]),
        ([p(0), p(1, readable=False), p(2, table=None)], limits(), [(0, 1)]),
    ],
)
def test_points_become_reads(points, limit, reads):
    assert [(b.address, b.count) for b in plan(points, limit)] == reads


@pytest.mark.parametrize(
    ("points", "limit"),
    [
        ([p(5)], limits(forbid=(Span(0, 9),))),
        ([p(0, 4)], limits(max_read=2)),
        ([p(0, atomic="a"), p(9, atomic="a")], limits(max_read=9)),
        ([p(0, atomic="a"), p(9, atomic="a")], limits(forbid=(Span(4, 4),))),
    ],
)
def test_a_piece_that_cannot_be_read_at_once_is_refused(points, limit):
    with pytest.raises(ProfileError, match="cannot be read at once"):
        plan(points, limit)


@st.composite
def maps(draw):
    points, at = [], 0
    forbidden, single = [], []
    for _ in range(draw(st.integers(0, 25))):
        kind = draw(st.sampled_from(["point"] * 6 + ["forbid", "single"]))
        at += draw(st.integers(0, 6))
        words = draw(st.sampled_from([1, 2, 4]))
        if kind == "forbid":
            forbidden.append(Span(at, at + words - 1))
        else:
            points.append(p(at, words, every=draw(st.sampled_from([Every.FAST, Every.SLOW])), table=draw(st.sampled_from([Table.HOLDING, Table.INPUT]))))  # fmt: skip
            if kind == "single":
                single.append(Span(at, at + words - 1))
        at += words
    limit = limits(
        max_read=draw(st.integers(4, 30)),
        max_gap=draw(st.integers(0, 12)),
        forbid=tuple(forbidden),
        single=tuple(single),
    )
    return points, limit


@settings(max_examples=min(100, settings().max_examples))  # no law of safety: the hundredth example says little more
@given(maps())
def test_every_point_is_covered_exactly_once_and_no_limit_is_broken(case):
    points, limit = case
    blocks = plan(points, limit)
    assert sorted(name for b in blocks for name in b.points) == sorted(point.name for point in points)
    by_name = {point.name: point for point in points}
    for b in blocks:
        assert 1 <= b.count <= limit.max_read[b.table]
        assert not touches(b.address, b.address + b.count, limit.forbid, table=b.table)
        assert len(b.points) == 1 or not touches(b.address, b.address + b.count, limit.single, table=b.table)
        members = [by_name[name] for name in b.points]
        assert all((m.table, m.every) == (b.table, b.every) for m in members)
        assert min(m.address for m in members) == b.address  # nothing is read at the ends that nobody wants
        assert max(m.end for m in members) == b.address + b.count
        for before, after in pairwise(members):
            assert after.address - before.end <= limit.max_gap


@settings(max_examples=min(100, settings().max_examples))  # no law of safety: the hundredth example says little more
@given(maps(), st.randoms())
def test_the_order_of_the_points_does_not_matter(case, random):
    points, limit = case
    shuffled = random.sample(points, len(points))
    assert plan(shuffled, limit) == plan(points, limit)
