"""Gaps that end with a page migration of unified memory: why pages moved, and what helps."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.idle.idle_report import IdleReport
from nsysgap.analysis.relations.calls import PREFETCHES
from nsysgap.arrays import distinct, is_any
from nsysgap.causes import PAGES_TO_DEVICE, PAGES_TO_HOST, UNKNOWN
from nsysgap.tables import MEMCPY, NONE, Notice, Trace
from nsysgap.units import count, counted, duration, percent

PREFETCHED, FAULTED, SPECULATIVE, EVICTED, COUNTED = range(1, 6)
# CUpti_ActivityUnifiedMemoryMigrationCause: what each cause is called of so many migrations.
_SAID = {
    FAULTED: "{} after page faults",
    SPECULATIVE: "{} prefetched by the driver beside faults",
    PREFETCHED: "{} prefetched by the program",
    EVICTED: "{} evicted to make room",
    COUNTED: "{} by access counters",
}
EVICTION_ADVICE = "Evicted pages come back: the GPU's memory holds less than the program uses at a time."


def migration_notices(idle: IdleReport) -> list[Notice]:
    """How much idle time ends with a page migration, which no call launches: its cause is unknown."""
    chosen = _gaps(idle)
    if not len(chosen):
        return []
    time = int(idle.gaps.duration[chosen].sum())
    whole = sum(device.idle for device in idle.devices)
    said = (
        f"{counted(len(chosen), 'gap', 'gaps')} ({duration(time)}, {percent(time, whole)} of "
        f"the idle time) {'ends' if len(chosen) == 1 else 'end'} with a page migration of unified memory, which no "
        "call launches: 'unknown'."
    )
    return [Notice("note", f"{said} {migration_advice(idle)}")]


def _gaps(idle: IdleReport) -> NDArray[np.intp]:
    """The gaps of unknown cause that a page migration ended."""
    gaps, ops = idle.gaps, idle.trace.ops
    rows = np.flatnonzero((gaps.cause == UNKNOWN) & (gaps.after != NONE))
    after = gaps.after[rows]
    names = distinct(ops["name"][after]).tolist()
    unified = [name for name in names if idle.trace.names[name].startswith("[CUDA memcpy Unified")]
    migrated: NDArray[np.intp] = rows[is_any(ops["name"][after], unified) & (ops["kind"][after] == MEMCPY)]
    return migrated


def migration_advice(idle: IdleReport) -> str:
    """Why the pages moved that ended gaps, and what helps; "" if none did."""
    ops = idle.gaps.after[_gaps(idle)]
    if not len(ops):
        return ""
    names = distinct(idle.trace.ops["name"][ops]).tolist()
    ways = {idle.trace.names[name] for name in names}
    causes = idle.trace.migration_causes
    numbers = {} if causes is None else _numbers(causes[idle.trace.ops["row"][ops]])
    return " ".join([*_counts(numbers), *_advice(idle.trace, ways, numbers)])


def _numbers(causes: NDArray[np.int8]) -> dict[int, int]:
    return {cause: int((causes == cause).sum()) for cause in _SAID if (causes == cause).any()}


def _counts(numbers: dict[int, int]) -> Iterator[str]:
    """The migrations that ended gaps, by cause, exactly."""
    if numbers:
        said = ", ".join(text.format(count(numbers[cause])) for cause, text in _SAID.items() if cause in numbers)
        yield f"Of these migrations: {said}."


def _advice(trace: Trace, ways: set[str], numbers: dict[int, int]) -> Iterator[str]:
    """What helps against the migrations of these directions, as far as the report tells."""
    prefetches = int(PREFETCHES.rows(trace).sum())
    to_host = [way for way in ways if PAGES_TO_HOST.name in way]
    if prefetches and not numbers:
        calls = counted(prefetches, "cudaMemPrefetchAsync call", "cudaMemPrefetchAsync calls")
        yield f"Those that {calls} asked for are among them."
    elif len(to_host) < len(ways) and set(numbers) != {PREFETCHED}:
        yield PAGES_TO_DEVICE.advice.replace("`", "")
    if to_host:
        yield PAGES_TO_HOST.advice.replace("`", "")
    if EVICTED in numbers:
        yield EVICTION_ADVICE
