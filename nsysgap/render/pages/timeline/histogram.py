"""Logarithmic histograms of durations with edges that people can read: 1, 1.5, 2, 3, 5, 7, 10, ..."""

from __future__ import annotations

from typing import Any

import numpy as np

from nsysgap.render.pages.timeline.model import TimelineLike, Times

_STEPS = (10, 15, 20, 30, 50, 70)
DECADES = 12


def edges() -> list[int]:
    """The lower edges of the bins in ns: 0, 1, 2, 3, 5, 7, 10, 15, ... 700 s; the last bin is open."""
    return [0, 1, 2, 3, 5, 7, *(step * 10**decade for decade in range(DECADES - 1) for step in _STEPS)]


def histograms(data: TimelineLike) -> dict[str, Any]:
    """How many gaps, launch latencies and unqueued ones lie in each bin; negative latencies count as `negative`."""
    latency, unqueued = data.latencies.latency, data.latencies.unqueued
    return {
        "edges": edges(),
        "gaps": _counts(data.gaps.end - data.gaps.start),
        "latency": _counts(latency[latency >= 0]),
        "unqueued": _counts(latency[unqueued & (latency >= 0)]),
        "negative": int((latency < 0).sum()),
    }


def _counts(values: Times) -> list[int]:
    lower = np.array(edges(), np.int64)
    counts: list[int] = np.bincount(np.searchsorted(lower, values, side="right") - 1, minlength=len(lower)).tolist()
    return counts
