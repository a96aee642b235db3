"""The algebra of intervals against a brute-force oracle that looks at every tick of a short time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nsysgap.intervals import (
    EMPTY,
    IntervalSet,
    Times,
    complement,
    covered_before,
    covered_in_groups,
    covered_length,
    gaps_between,
    intersect,
    is_sorted,
    pieces,
    subtract,
    union,
    union_of,
)

Span = tuple[int, int]
LOW, HIGH = -12, 12  # all times of the tests; a tick t stands for [t, t + 1)
TIME = st.integers(LOW, HIGH)
SPANS = st.lists(st.tuples(TIME, TIME), max_size=8)  # of any order: overlapping, touching, nested, empty, reversed
LIMITS = np.iinfo(np.int64)
CASES = {
    "none": [],
    "one": [(0, 5)],
    "touching": [(0, 5), (5, 8)],
    "nested": [(0, 9), (2, 4)],
    "equal": [(1, 3), (1, 3)],
    "zero-length alone": [(4, 4)],
    "zero-length inside": [(0, 9), (4, 4)],
    "zero-length between touching": [(0, 4), (4, 4), (4, 6)],
    "reversed": [(5, 2)],
    "unsorted": [(7, 9), (0, 2), (1, 4)],
    "long one first": [(0, 9), (1, 2), (3, 4), (10, 11)],
}


def arrays(spans: list[Span]) -> tuple[Times, Times]:
    starts, ends = np.array(spans, np.int64).reshape(len(spans), 2).T
    return starts.copy(), ends.copy()


def made(spans: list[Span]) -> IntervalSet:
    return union(*arrays(spans))


def ticks(spans: list[Span]) -> set[int]:
    """The oracle's view of any intervals."""
    return {tick for start, end in spans for tick in range(start, end)}


def pairs(intervals: IntervalSet) -> list[Span]:
    return list(zip(intervals.starts.tolist(), intervals.ends.tolist(), strict=True))


def assert_is(found: IntervalSet, expected: set[int]) -> None:
    """The set covers exactly these ticks, and has the one form a set may have."""
    assert found.starts.dtype == found.ends.dtype == np.int64
    assert ticks(pairs(found)) == expected
    assert (found.ends > found.starts).all()
    assert (found.starts[1:] > found.ends[:-1]).all(), "neither overlapping nor touching"


def assert_cuts(found: IntervalSet, expected: set[int]) -> None:
    """The pieces cover exactly these ticks, each once; pieces may touch."""
    assert sorted(tick for span in pairs(found) for tick in range(*span)) == sorted(expected)
    assert (found.ends > found.starts).all()


@pytest.mark.parametrize("spans", CASES.values(), ids=CASES)
def test_union_of_named_cases(spans: list[Span]) -> None:
    assert_is(made(spans), ticks(spans))


def test_touching_intervals_become_one() -> None:
    assert pairs(made([(5, 8), (0, 5)])) == [(0, 8)]


@given(SPANS)
def test_union(spans: list[Span]) -> None:
    starts, ends = arrays(spans)
    found = union(starts, ends)
    assert_is(found, ticks(spans))
    assert found.total == len(ticks(spans))
    assert list(zip(starts.tolist(), ends.tolist(), strict=True)) == spans, "the arguments are left alone"


@given(st.lists(SPANS, max_size=4))
def test_union_of_sets(many: list[list[Span]]) -> None:
    assert_is(union_of(*map(made, many)), set().union(*map(ticks, many)))


@given(SPANS, SPANS)
def test_intersect_and_subtract(left: list[Span], right: list[Span]) -> None:
    assert_cuts(intersect(made(left), made(right)), ticks(left) & ticks(right))
    assert_cuts(subtract(made(left), made(right)), ticks(left) - ticks(right))


@given(SPANS)
def test_complement(spans: list[Span]) -> None:
    found = complement(made(spans))
    inside = intersect(found, made([(LOW, HIGH)]))
    assert_is(inside, set(range(LOW, HIGH)) - ticks(spans))
    assert (found.starts[0], found.ends[-1]) == (LIMITS.min, LIMITS.max)
    assert (found.ends > found.starts).all()


def test_complement_of_everything_is_empty() -> None:
    everything = IntervalSet(np.array([LIMITS.min]), np.array([LIMITS.max]))
    assert pairs(complement(everything)) == []
    assert pairs(complement(EMPTY)) == [(LIMITS.min, LIMITS.max)]


@given(SPANS)
def test_gaps_between(spans: list[Span]) -> None:
    covered = ticks(spans)
    span = range(min(covered), max(covered)) if covered else range(0)
    assert_is(gaps_between(made(spans)), set(span) - covered)


@given(SPANS, SPANS)
def test_covered_length(spans: list[Span], asked: list[Span]) -> None:
    starts, ends = arrays(asked)
    expected = [len(ticks(spans) & set(range(*one))) for one in asked]
    assert covered_length(made(spans), starts, ends).tolist() == expected
    times = np.arange(LOW - 1, HIGH + 2)
    assert covered_before(made(spans), times).tolist() == [sum(t < time for t in ticks(spans)) for time in times]


@given(SPANS, SPANS)
def test_pieces(spans: list[Span], within: list[Span]) -> None:
    starts, ends, owner = pieces(*arrays(spans), made(within))
    assert (ends > starts).all()
    assert is_sorted(owner.astype(np.int64))
    for number, span in enumerate(spans):
        mine = list(zip(starts[owner == number].tolist(), ends[owner == number].tolist(), strict=True))
        assert mine == sorted(mine)
        assert sorted(t for one in mine for t in range(*one)) == sorted(ticks([span]) & ticks(within))
        assert len(mine) == sum(bool(ticks([span]) & ticks([one])) for one in pairs(made(within))), "none is cut in two"


def test_far_ends_of_time_do_not_overflow() -> None:
    everywhere = IntervalSet(np.array([LIMITS.min // 2]), np.array([LIMITS.max // 2]))
    starts, ends = np.array([LIMITS.min // 2]), np.array([5])
    assert covered_length(everywhere, starts, ends).tolist() == [5 - LIMITS.min // 2]
    assert pairs(intersect(complement(EMPTY), made([(3, 9)]))) == [(3, 9)]
    assert pairs(subtract(made([(3, 9)]), EMPTY)) == [(3, 9)]


@given(st.lists(TIME, max_size=6))
def test_is_sorted(values: list[int]) -> None:
    assert is_sorted(np.array(values, np.int64)) == (values == sorted(values))


@pytest.mark.parametrize("asked", [[], [(3, 3)], [(4, 2)]])
def test_nothing_asked_nothing_found(asked: list[Span]) -> None:
    covered = made([(0, 10)])
    assert covered_length(covered, *arrays(asked)).tolist() == [0] * len(asked)
    assert [part.tolist() for part in pieces(*arrays(asked), covered)] == [[], [], []]
    assert covered_length(EMPTY, *arrays([(0, 5)])).tolist() == [0]


@given(st.lists(SPANS, max_size=4))
def test_the_covered_length_of_groups_is_that_of_each(groups: list[list[Span]]) -> None:
    rows = [(i, start, end) for i, spans in enumerate(groups) for start, end in spans if end > start]
    group, starts, ends = np.array(rows, np.int64).reshape(-1, 3).T
    span = np.full(len(groups), HIGH - LOW, np.int64)
    found = covered_in_groups(group, starts - LOW, ends - starts, span)
    assert found.tolist() == [len(ticks(spans)) for spans in groups]
