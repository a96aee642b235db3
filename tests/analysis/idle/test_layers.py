"""How long each stretch belongs to which rank, against an oracle that looks at every tick of a short time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from nsysgap.analysis.idle.layers import Layer, exclusive_lengths, layer

TIME = st.integers(-10, 10)  # a tick t stands for [t, t + 1)
INTERVAL = st.tuples(TIME, st.integers(0, 9), st.integers(0, 3))  # start, length, rank
STRETCH = st.tuples(TIME, st.integers(0, 9))


def columns(rows: Sequence[tuple[int, ...]], width: int) -> list[NDArray[np.int64]]:
    return list(np.array(sorted(rows), np.int64).reshape(len(rows), width).T.copy())


@given(
    ranked=st.lists(INTERVAL, max_size=8),
    others=st.lists(INTERVAL, max_size=4),
    stretches=st.lists(STRETCH, min_size=1, max_size=6),
)
def test_each_tick_belongs_to_the_lowest_rank_that_covers_it(
    ranked: list[tuple[int, int, int]], others: list[tuple[int, int, int]], stretches: list[tuple[int, int]]
) -> None:
    start, length, rank = columns(ranked, 3)
    alike, alike_length, _ = columns(others, 3)
    layers = [Layer(start, start + length, rank.astype(np.int8)), layer(alike, alike + alike_length, 2)]
    rows = [*ranked, *((at, long, 2) for at, long, _ in others)]
    a, lasting = columns(stretches, 2)
    found = dict(exclusive_lengths(layers, a, a + lasting))
    for i, (low, high) in enumerate(zip(a.tolist(), (a + lasting).tolist(), strict=True)):
        owners = [min((of for at, long, of in rows if at <= t < at + long), default=-1) for t in range(low, high)]
        for of in range(4):
            assert (found[of][i] if of in found else 0) == owners.count(of)
    assert list(found) == sorted(found)


def test_stretches_among_no_intervals() -> None:
    none = np.empty(0, np.int64)
    found = dict(exclusive_lengths([layer(none, none, 1)], np.array([3, 5]), np.array([9, 5])))
    assert all((lengths == 0).all() for lengths in found.values())
