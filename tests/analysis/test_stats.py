"""The seven integers, against their definition on sorted lists."""

from __future__ import annotations

import math
from dataclasses import asdict
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nsysgap.analysis.stats import grouped_stats, stats
from nsysgap.figures import Stats


def defined(values: list[int]) -> dict[str, int]:
    ordered, n = sorted(values), len(values)

    def nearest_rank(q: Fraction) -> int:
        return ordered[math.ceil(q * n) - 1]

    return {
        "count": n,
        "total": sum(values),
        "min": ordered[0],
        "median": ordered[(n - 1) // 2],
        "p90": nearest_rank(Fraction(9, 10)),
        "p99": nearest_rank(Fraction(99, 100)),
        "max": ordered[-1],
    }


@given(st.lists(st.integers(-(10**12), 10**12), min_size=1, max_size=250))
def test_as_defined(values: list[int]) -> None:
    found = stats(np.array(values, np.int64))
    assert found is not None
    assert asdict(found) == defined(values)


@pytest.mark.parametrize("n", [1, 2, 9, 10, 11, 99, 100, 101, 1000])
def test_the_edges_of_the_ranks(n: int) -> None:
    """Of 1 .. n, p90 is ceil(0.9 n): no floating-point ceil(0.9 * 10) = 10 here."""
    found = stats(np.arange(n, 0, -1, dtype=np.int64))
    assert found == Stats(n, n * (n + 1) // 2, 1, (n + 1) // 2, -(-9 * n // 10), -(-99 * n // 100), n)


def test_nothing_has_no_statistics() -> None:
    assert stats(np.empty(0, np.int64)) is None


def test_the_values_stay_in_order() -> None:
    values = np.array([3, 1, 2], np.int64)
    stats(values)
    assert values.tolist() == [3, 1, 2]


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(-(10**12), 10**12)), max_size=250))
def test_of_groups_as_of_each_alone(rows: list[tuple[int, int]]) -> None:
    group, values = np.array(rows, np.int64).reshape(-1, 2).T
    assert grouped_stats(values, group, 5) == [stats(values[group == one]) for one in range(5)]
