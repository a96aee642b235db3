"""Rows of a report that no figure counts."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


def _nobody() -> NDArray[np.int64]:
    return np.empty(0, np.int64)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Rows that no figure counts. `why`: no_timestamp, broken, no_device, no_span, no_start, impossible_time
    or other_clock. Of GPU operations also `process` and `correlation`, the global process ID and the correlation ID of
    the call that launched each."""

    table: str
    why: str
    count: int
    process: NDArray[np.int64] = field(default_factory=_nobody, compare=False, repr=False)
    correlation: NDArray[np.int64] = field(default_factory=_nobody, compare=False, repr=False)

    @property
    def of_gpu(self) -> bool:
        """Whether they are GPU operations, so that the GPU may have been busy where it looks idle."""
        return self.table.removeprefix("CUPTI_ACTIVITY_KIND_") in ("KERNEL", "MEMCPY", "MEMSET", "GRAPH_TRACE")
