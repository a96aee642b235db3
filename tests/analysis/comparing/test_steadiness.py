"""Which iterations drift."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nsysgap.analysis.comparing.steadiness import drift, spearman


def of(*values: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Durations."""
    return np.array(values, np.int64)


@given(st.lists(st.integers(0, 9), min_size=2, max_size=12))
def test_spearman_is_pearson_of_mean_ranks(values: list[int]) -> None:
    ranks = [sum(v < x for v in values) + (sum(v == x for v in values) - 1) / 2 for x in values]
    if len(set(values)) == 1:
        assert spearman(of(*values)) == 0
    else:
        assert spearman(of(*values)) == pytest.approx(np.corrcoef(ranks, np.arange(len(values)))[0, 1])


def test_what_grows_all_the_time_is_not_steady() -> None:
    found = drift(of(100, 101, 102, 103, 104, 105, 106, 107))
    assert found is not None
    assert (found.correlation, found.first, found.last) == (1.0, 100, 106)


def test_a_drift_of_two_percent_or_less_is_steady() -> None:
    assert drift(of(1000, 1001, 1002, 1003, 1004, 1005, 1020, 1021)) is None


def test_one_late_outlier_is_no_drift() -> None:
    assert drift(of(100, 104, 99, 103, 101, 98, 102, 900)) is None


def test_a_single_iteration_cannot_drift() -> None:
    assert drift(of(100)) is None
