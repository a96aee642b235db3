"""Memory of the C library's heaps: kept while it is wanted again, given back when a part of the work is done."""

from __future__ import annotations

import ctypes
import sys
from typing import Any

TRIM_THRESHOLD, MMAP_MAX, ARENA_MAX = -1, -4, -8  # of <malloc.h>
KEPT = 256 << 20


def keep_one_heap() -> None:
    """Let all that this process allocates come from one heap, so that long columns are made of the same memory again.

    With a heap for each thread, glibc holds on to 50 to 100 MB more on large reports. Long columns it takes from the
    system and gives back one by one: Linux clears their memory each time, a third of the time of 10 million ops.
    """
    option = _c_function("mallopt")
    if option is not None:
        option(ARENA_MAX, 1)
        option(MMAP_MAX, 0)
        option(TRIM_THRESHOLD, KEPT)


def give_back_memory() -> None:
    """Return what lies free in the heaps."""
    trim = _c_function("malloc_trim")
    if trim is not None:
        trim(0)


def _c_function(name: str) -> Any:
    return getattr(ctypes.CDLL(None), name, None) if sys.platform == "linux" else None
