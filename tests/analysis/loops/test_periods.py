"""What repeats in a sequence, against a search through every period."""

from __future__ import annotations

import numpy as np
import pytest
import reference_steps
from examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from nsysgap.analysis.loops import periods


@st.composite
def sequences(draw: st.DrawFn) -> list[int]:
    """Blocks that repeat, and noise between them."""
    found: list[int] = []
    for _ in range(draw(st.integers(1, 4))):
        found += draw(st.lists(st.integers(0, 3), max_size=5))
        found += draw(st.lists(st.integers(0, 3), min_size=1, max_size=9)) * draw(st.integers(1, 6))
    return found


def runs(tokens: list[int]) -> periods.Runs:
    return periods.all_runs(np.array(tokens, np.int32))


@settings(max_examples=examples(200))
@given(tokens=sequences())
def test_every_run_is_found(tokens: list[int]) -> None:
    found = runs(tokens)
    assert set(zip(*(column.tolist() for column in found), strict=True)) == reference_steps.runs(tokens)


@settings(max_examples=examples(200))
@given(tokens=sequences())
def test_the_best_period(tokens: list[int]) -> None:
    found = runs(tokens)
    expected = reference_steps.best_period(tokens)
    assert (periods.best_period(found) if len(found.start) else None) == expected


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [
        ([1, 2, 3] * 3, [(0, 9, 3)]),
        ([1, 2, 3] * 2, []),  # two are no loop
        ([5] * 5, []),  # fewer than six tokens
        ([9, 8] + [1, 2] * 4 + [7] + [3, 4, 5] * 3, [(2, 8, 2), (11, 9, 3)]),
        ([0] * 13 + [1] + ([0] * 6 + [1]) * 2, [(0, 7, 1), (7, 21, 7)]),  # three repeats that end with the sequence
        (([1] * 4 + [2]) * 3, [(0, 15, 5)]),  # the step, not what repeats inside it
    ],
)
def test_what_repeats(tokens: list[int], expected: list[tuple[int, int, int]]) -> None:
    found = periods.repeated(np.array(tokens, np.int32))
    assert sorted(one for some in found for one in zip(*(column.tolist() for column in some), strict=True)) == expected


def test_a_long_period_in_a_long_sequence() -> None:
    body = np.random.default_rng(1).integers(0, 50, 7_001)
    found = periods.repeated(np.concatenate(([1, 2, 3], np.tile(body, 9), [4, 5])).astype(np.int32))
    assert [(int(some.start[0]), int(some.period[0])) for some in found[:1]] == [(3, 7_001)]
