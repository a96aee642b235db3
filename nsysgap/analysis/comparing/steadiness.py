"""Whether the iterations of a capture drift: then no median of them says what a step takes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.loops.steps import lower_median

Times = NDArray[np.int64]
CORRELATED = 0.4
DIFFERENT = 50
"""Medians of the first and last quarter must differ by more than one part in this: 2 %."""


@dataclass(frozen=True)
class Drift:
    """Spearman's correlation of duration and ordinal, and the medians of the first and the last quarter, ns."""

    correlation: float
    first: int
    last: int


def drift(duration: Times) -> Drift | None:
    """The drift of iterations that are not steady, None of steady ones.

    Not steady: |Spearman(duration, ordinal)| > 0.4 and the last quarter's median differs by more than 2 % from the
    first's.
    """
    if len(duration) < 2:
        return None
    quarter = max(1, len(duration) // 4)
    first, last = lower_median(duration[:quarter]), lower_median(duration[-quarter:])
    correlation = spearman(duration)
    if abs(correlation) <= CORRELATED or DIFFERENT * abs(last - first) <= first:
        return None
    return Drift(correlation, first, last)


def spearman(values: Times) -> float:
    """Spearman's rank correlation of values with their ordinals, tied values at their mean rank; 0 of equal ones."""
    _, code, count = np.unique(values, return_inverse=True, return_counts=True)
    below = np.cumsum(count) - count
    rank = (2 * below + count - 1)[code.reshape(-1)].astype(np.float64)
    ordinal = 2.0 * np.arange(len(values))
    rank -= rank.mean()
    ordinal -= ordinal.mean()
    size = float(np.sqrt((rank @ rank) * (ordinal @ ordinal)))
    return float(rank @ ordinal) / size if size else 0.0
