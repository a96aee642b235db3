"""Lanes: nothing in a lane overlaps (or crosses), as few lanes as possible, and nesting as a stack machine sees it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from nsysgap.analysis.pictures.lanes import assign_lanes, assign_nested_lanes, nesting

Times = NDArray[np.int64]
INTERVALS = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 12)).map(lambda one: (one[0], one[0] + one[1])))


def arrays(intervals: list[tuple[int, int]]) -> tuple[Times, Times]:
    return (
        np.array([start for start, _ in intervals], np.int64),
        np.array([end for _, end in intervals], np.int64),
    )


@pytest.mark.parametrize(
    ("intervals", "lanes"),
    [
        ([], []),
        ([(0, 5), (5, 9), (9, 9), (10, 12)], [0, 0, 0, 0]),  # touching
        ([(9, 9), (9, 12)], [1, 0]),  # zero length where another starts
        ([(0, 5), (4, 9), (5, 7)], [0, 1, 0]),  # partly overlapping: the lowest free lane
        ([(0, 10), (2, 4), (4, 6), (20, 21)], [0, 1, 1, 0]),  # nested
        ([(0, 10), (5, 5)], [0, 1]),  # zero length inside another
        ([(4, 9), (0, 5)], [1, 0]),  # unordered
    ],
)
def test_lanes_of_things_side_by_side(intervals: list[tuple[int, int]], lanes: list[int]) -> None:
    assert assign_lanes(*arrays(intervals)).tolist() == lanes


@pytest.mark.parametrize(
    ("intervals", "lanes"),
    [
        ([], []),
        ([(0, 10), (2, 4), (2, 3), (4, 10)], [0, 0, 0, 0]),  # a stack of calls
        ([(0, 10), (5, 11), (6, 7)], [0, 1, 0]),  # one crosses
        ([(5, 6), (0, 10), (0, 10)], [0, 0, 0]),  # unordered, equal
        ([(0, 4), (2, 6), (3, 8)], [0, 1, 2]),
    ],
)
def test_lanes_of_call_stacks(intervals: list[tuple[int, int]], lanes: list[int]) -> None:
    assert assign_nested_lanes(*arrays(intervals)).tolist() == lanes


@given(INTERVALS)
def test_nothing_in_a_lane_overlaps_and_lanes_are_as_few_as_possible(intervals: list[tuple[int, int]]) -> None:
    lanes = assign_lanes(*arrays(intervals)).tolist()
    for i, (start, end) in enumerate(intervals):
        for j, (other_start, other_end) in enumerate(intervals[:i]):
            assert lanes[i] != lanes[j] or start >= other_end or other_start >= end
    lasting = [lane for lane, (start, end) in zip(lanes, intervals, strict=True) if end > start]
    deepest = max((sum(start <= t < end for start, end in intervals) for t in range(45)), default=0)
    assert max(lasting, default=-1) + 1 <= deepest


def test_a_long_chain_of_crossings_needs_two_lanes() -> None:
    chain = [(10 * i, 10 * i + 15) for i in range(200)]
    assert assign_nested_lanes(*arrays(chain)).tolist() == [i % 2 for i in range(200)]


@given(INTERVALS)
def test_an_interval_goes_to_the_lowest_lane_that_it_does_not_cross(intervals: list[tuple[int, int]]) -> None:
    starts, ends = arrays(intervals)
    lanes = assign_nested_lanes(starts, ends)
    placed: list[tuple[int, int, int]] = []
    for i in np.lexsort((-ends, starts)).tolist():
        start, end = intervals[i]
        crossed = {lane for low, high, lane in placed if low < start < high < end}
        assert lanes[i] == next(lane for lane in range(len(intervals)) if lane not in crossed)
        placed.append((start, end, int(lanes[i])))


@given(INTERVALS)
def test_nothing_in_a_nested_lane_crosses(intervals: list[tuple[int, int]]) -> None:
    lanes = assign_nested_lanes(*arrays(intervals)).tolist()
    for i, (start, end) in enumerate(intervals):
        for j, (other_start, other_end) in enumerate(intervals):
            assert lanes[i] != lanes[j] or not start < other_start < end < other_end


def stack_machine(intervals: list[tuple[int, int]]) -> tuple[list[int], list[int]]:
    """(depth, next) of sorted intervals that do not cross."""
    depth, following = [], [len(intervals)] * len(intervals)
    stack: list[int] = []
    for i, (start, _) in enumerate(intervals):
        while stack and intervals[stack[-1]][1] <= start:
            following[stack.pop()] = i
        depth.append(len(stack))
        stack.append(i)
    return depth, following


@given(INTERVALS)
def test_nesting_is_what_a_stack_sees(intervals: list[tuple[int, int]]) -> None:
    starts, ends = arrays(intervals)
    lane = assign_nested_lanes(starts, ends) == 0
    found = nesting(starts[lane], ends[lane])
    ordered = list(zip(starts[lane][found.order].tolist(), ends[lane][found.order].tolist(), strict=True))
    assert ordered == sorted(ordered, key=lambda one: (one[0], -one[1]))
    assert (found.depth.tolist(), found.next.tolist()) == stack_machine(ordered)


def test_nesting_refuses_intervals_that_cross() -> None:
    with pytest.raises(ValueError, match="cross"):
        nesting(*arrays([(0, 4), (2, 6)]))
