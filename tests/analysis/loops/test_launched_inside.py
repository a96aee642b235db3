"""What lies in the spans of a loop's iterations, one after the other or with something between."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nsysgap.analysis.loops.launched_inside import reduced

VALUES = np.array([5, -1, 8, 3, 3, 9, -7, 2, 6, 4])
EDGES = st.lists(st.integers(0, len(VALUES)), min_size=2, unique=True).map(sorted)


@given(EDGES, st.integers(1, 2))
def test_the_least_value_of_each_span(edges: list[int], every: int) -> None:
    spans = list(pairwise(edges))[::every]
    low, high = np.array(spans).T
    expected = [min(VALUES[first:last].tolist()) for first, last in spans]
    assert reduced(np.minimum, VALUES, low, high).tolist() == expected
