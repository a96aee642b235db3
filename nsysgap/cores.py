"""How many cores there are for this process: what all that runs in parallel goes by."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

Made = TypeVar("Made")
BESIDE_OPS = 100_000  # with fewer ops a thread of its own gains nothing


def usable_cores() -> int:
    """How many cores this process may run on, which may be fewer than there are."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def beside(work: Callable[[], Made], *, worth_it: bool = True) -> Iterator[Callable[[], Made]]:
    """`work` on another core while the caller goes on, done at the end. Gives what waits for what it makes, and raises
    what it raised; where it is not worth a thread, `work` itself, which is then done when that is called."""
    if not worth_it:
        yield work
        return
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(work).result
