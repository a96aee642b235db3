"""Memory of the C library's heaps: kept while it is wanted again, given back when a part of the work is done."""

from __future__ import annotations

import ctypes
import sys
from typing import Any

TRIM_THRESHOLD, MMAP_THRESHOLD, ARENA_MAX = -1, -3, -8  # of <malloc.h>
KEPT = 256 << 20
FROM_HEAPS = 32 << 20  # glibc's own upper limit


def keep_one_heap() -> None:
    """Let all threads of this process allocate from one heap, and columns of some 10 MB be made of the same memory.

    With a heap each, glibc holds on to 50 to 100 MB more on large reports; and it gives memory back each time that a
    column is freed, which Linux clears anew for the next one, until it has seen several of them.
    """
    option = _c_function("mallopt")
    if option is not None:
        option(ARENA_MAX, 1)
        option(MMAP_THRESHOLD, FROM_HEAPS)
        option(TRIM_THRESHOLD, KEPT)


def give_back_memory() -> None:
    """Return what lies free in the heaps."""
    trim = _c_function("malloc_trim")
    if trim is not None:
        trim(0)


def _c_function(name: str) -> Any:
    return getattr(ctypes.CDLL(None), name, None) if sys.platform == "linux" else None
