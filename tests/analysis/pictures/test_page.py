"""The page's lanes: slices of one never overlap."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from nsysgap.analysis.pictures.page import stacked_lanes


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 12)), max_size=15))
@settings(deadline=None)
def test_slices_of_a_lane_never_overlap(pairs: list[tuple[int, int]]) -> None:
    start = np.array([a for a, _ in pairs], np.int64)
    end = start + np.array([length for _, length in pairs], np.int64)
    lanes = stacked_lanes(start, end)
    for lane in set(lanes.tolist()):
        spans = sorted(zip(start[lanes == lane].tolist(), end[lanes == lane].tolist(), strict=True))
        assert all(after >= before for (_, before), (after, _) in pairwise(spans))
