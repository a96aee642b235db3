"""Rows of a report that no figure counts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Rows that no figure counts. `why`: no_timestamp, broken, no_device, no_span, no_start, impossible_time
    or other_clock."""

    table: str
    why: str
    count: int

    @property
    def of_gpu(self) -> bool:
        """Whether they are GPU operations, so that the GPU may have been busy where it looks idle."""
        return self.table.removeprefix("CUPTI_ACTIVITY_KIND_") in ("KERNEL", "MEMCPY", "MEMSET", "GRAPH_TRACE")
