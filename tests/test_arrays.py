"""Lookup tables instead of sorts: the same answers as numpy's slow ways, for values close together and far apart."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nsysgap.arrays import (
    FEW_GROUPS,
    FEW_WANTED,
    WIDE,
    codes,
    combined_codes,
    distinct,
    grouped,
    is_any,
    lookup,
    positions,
    rows_of,
    stands_again,
)

LIMITS = np.iinfo(np.int64)
NEAR = st.integers(-5, 5)
FAR = st.one_of(NEAR, st.sampled_from([WIDE, -WIDE, 1 << 40, LIMITS.max // 2, LIMITS.min // 2]))
DTYPES = st.sampled_from(["int8", "int16", "int32", "int64"])
VALUES = st.one_of(
    st.tuples(st.lists(NEAR, max_size=12), DTYPES), st.tuples(st.lists(FAR, max_size=12), st.just("int64"))
)


def array(values: tuple[list[int], str]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.array(values[0], values[1])


@given(st.lists(FAR, min_size=1, max_size=40))
def test_positions(values: list[int]) -> None:
    present = np.unique(np.array(values, np.int64))
    assert present[positions(present, np.array(values, np.int64))].tolist() == values


@pytest.mark.parametrize("values", [[7] * 9_001 + [1 << 40], [*range(0, 40 * WIDE, WIDE)] * 3, [-WIDE, WIDE] * 5_000])
def test_distinct_values_that_a_sample_may_lack(values: list[int]) -> None:
    assert distinct(np.array(values)).tolist() == sorted(set(values))


@given(VALUES)
def test_distinct(values: tuple[list[int], str]) -> None:
    found = distinct(array(values))
    assert found.tolist() == sorted(set(values[0]))
    assert found.dtype == values[1]


@given(VALUES, st.lists(FAR, max_size=3 * FEW_WANTED))
def test_is_any(values: tuple[list[int], str], wanted: list[int]) -> None:
    assert is_any(array(values), wanted).tolist() == [value in wanted for value in values[0]]


@given(VALUES)
def test_codes(values: tuple[list[int], str]) -> None:
    present, code = codes(array(values))
    assert present.tolist() == sorted(set(values[0]))
    assert [present[one] for one in code] == values[0]


@given(st.lists(st.tuples(FAR, NEAR, NEAR), max_size=12))
def test_combined_codes(rows: list[tuple[int, int, int]]) -> None:
    columns = np.array(rows, np.int64).reshape(len(rows), 3).T
    code, number = combined_codes(*columns)
    assert all(0 <= one < number for one in code.tolist())
    for i, left in enumerate(rows):
        for j, right in enumerate(rows):
            assert (code[i] == code[j]) == (left == right)


@given(st.lists(st.integers(0, 5), max_size=12), st.sampled_from([6, FEW_GROUPS, FEW_GROUPS + 1, 1 << 17]))
def test_grouped(keys: list[int], number: int) -> None:
    rows_of = grouped(np.array(keys, np.int32), number)
    for key in range(6):
        assert rows_of(key).tolist() == [place for place, one in enumerate(keys) if one == key]
    assert rows_of(number - 1).tolist() == [place for place, one in enumerate(keys) if one == number - 1]


@pytest.mark.parametrize("high", [WIDE - 1, WIDE, WIDE + 1])
def test_the_edge_between_table_and_sort(high: int) -> None:
    values = np.array([high, 0, high, 7], np.int64)
    assert distinct(values).tolist() == [0, 7, high]
    assert is_any(values, [high]).tolist() == [True, False, True, False]
    assert is_any(values, [high, *range(10, 20)]).tolist() == [True, False, True, False]
    assert codes(values)[1].tolist() == [2, 0, 2, 1]


def test_values_of_both_extremes() -> None:
    values = np.array([LIMITS.max, LIMITS.min, 0], np.int64)
    assert distinct(values).tolist() == [LIMITS.min, 0, LIMITS.max]
    assert codes(values)[1].tolist() == [2, 0, 1]
    assert is_any(values, [LIMITS.min]).tolist() == [False, True, False]
    assert is_any(values, [LIMITS.min, *range(10, 20)]).tolist() == [False, True, False]


def test_many_combinations_do_not_wrap() -> None:
    many = np.arange(70_000)
    code, number = combined_codes(many, many, many)  # 3.4e14 combinations
    assert len(np.unique(code)) == 70_000
    assert int(code.max()) < number


@given(ordered=st.lists(st.integers(-3, 6), max_size=12).map(sorted), wanted=st.lists(st.integers(-4, 7), max_size=12))
def test_sorted_values_are_looked_up(ordered: list[int], wanted: list[int]) -> None:
    keys, values = np.array(ordered, np.int64), np.array(wanted, np.int64)
    position, known = lookup(keys, values)
    assert known.tolist() == [value in ordered for value in wanted]
    first = [ordered.index(value) if value in ordered else -1 for value in wanted]
    assert np.where(known, position, -1).tolist() == rows_of(keys, values).tolist() == first
    again = stands_again(keys, position[known])
    assert again.tolist() == [ordered.count(value) > 1 for value in wanted if value in ordered]
