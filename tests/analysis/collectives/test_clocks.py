"""Clocks of units held against one another by the collectives that end together."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nsysgap.analysis.collectives.clocks import align
from nsysgap.analysis.collectives.matching import Matched


def ended(*units: list[tuple[int, int]]) -> Matched:
    """(start, end) of each collective in each unit, on its own clock."""
    start, end = (np.array([[row[side] for row in rows] for rows in units], np.int64) for side in (0, 1))
    number = np.zeros_like(start)
    length = end - start
    zero = np.zeros(start.shape[1], np.int8)
    return Matched(zero, number, start, end, length.min(axis=0), length, length.argmin(axis=0))


def test_offsets_are_medians_of_the_differences_of_ends() -> None:
    """Unit 1's session began 500 ns later by UTC, and its clock is 30 ns ahead: its times are 470 smaller."""
    ends = [100 * number for number in range(10, 22)]
    jitter = [0, 4, -4, 0, 2, -2, 0, 0, 1, -1, 0, 0]
    first = [(end - 20, end) for end in ends]
    second = [(end - 490 + more, end - 470 + more) for end, more in zip(ends, jitter, strict=True)]
    found = align(ended(first, second), np.array([1000, 1500]))
    assert found.offset is not None
    assert (found.offset[1] - found.offset[0]).tolist() == 30
    assert found.residual_p50 is not None
    assert found.residual_p50 <= 2
    assert found.residual_p95 == 4


def test_fewer_than_ten_tell_nothing() -> None:
    rows = [(10 * number, 10 * number + 5) for number in range(9)]
    assert align(ended(rows, rows), np.zeros(2, np.int64)).offset is None


def test_no_offset_where_one_would_end_before_another_began() -> None:
    """The last collective ended in unit 1 before it began in unit 0, with the clocks as the other ten have them."""
    rows = [(100 * number, 100 * number + 50) for number in range(11)]
    late = [*rows[:-1], (500, 540)]
    assert align(ended(rows, late), np.zeros(2, np.int64)).offset is None


@given(
    st.lists(
        st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), min_size=10, max_size=10), min_size=2, max_size=4
    )
)
def test_offsets_are_given_only_inside_the_bounds_of_every_pair(units: list[list[tuple[int, int]]]) -> None:
    rows = [[(100 * n + min(row), 100 * n + max(row)) for n, row in enumerate(unit)] for unit in units]
    found = align(ended(*rows), np.zeros(len(rows), np.int64))
    common = [sorted(row[1] for row in column)[(len(rows) - 1) // 2] for column in zip(*rows, strict=True)]
    offset = [sorted(row[1] - end for row, end in zip(unit, common, strict=True))[4] for unit in rows]
    possible = all(
        max(s - e for (s, _), (_, e) in zip(rows[i], rows[j], strict=True))
        <= offset[i] - offset[j]
        <= min(e - s for (_, e), (s, _) in zip(rows[i], rows[j], strict=True))
        for i in range(len(rows))
        for j in range(i)
    )
    assert (None if found.offset is None else found.offset.tolist()) == (offset if possible else None)


@given(
    st.lists(st.integers(-1000, 1000), min_size=2, max_size=4),
    st.lists(st.integers(0, 30), min_size=10, max_size=14),
)
def test_clocks_that_differ_by_constants_alone_are_found_exactly(clocks: list[int], waits: list[int]) -> None:
    units = [
        [(100 * number + clock - 1 - wait, 100 * number + clock) for number, wait in enumerate(waits)]
        for clock in clocks
    ]
    found = align(ended(*units), np.zeros(len(clocks), np.int64))
    assert found.offset is not None
    assert (found.offset - found.offset[0]).tolist() == [clock - clocks[0] for clock in clocks]
    assert (found.residual_p50, found.residual_p95) == (0, 0)
