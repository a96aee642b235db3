"""How many cores there are for this process: what all that runs in parallel goes by."""

from __future__ import annotations

import os

BESIDE_OPS = 100_000  # with fewer ops a thread of its own gains nothing


def usable_cores() -> int:
    """How many cores this process may run on, which may be fewer than there are."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
