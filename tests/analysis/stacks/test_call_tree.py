"""How sure a share is."""

from __future__ import annotations

import pytest

from nsysgap.analysis.stacks.call_tree import interval


def test_interval_is_wilsons() -> None:
    """Share 0.5 of 100 samples: 0.4038 to 0.5962 (any statistics table)."""
    low, high = interval(5_000_000, 10_000_000, 100)
    assert low == pytest.approx(4_038_000, abs=1000)
    assert high == pytest.approx(5_962_000, abs=1000)
    assert interval(3, 10, 0) == (3, 3)
