"""What a trace viewer's picture of a report is made from, beside the Trace, and how much of it to show."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.loops.nvtx_loops import Loop
from nsysgap.analysis.pictures.merged import Joins
from nsysgap.analysis.schedule.path_slices import PathSlices
from nsysgap.tables import Stacks, Table


@dataclass(frozen=True)
class Extras:
    """What was read from the report beside the Trace: see report.extras and report.details. None: not read.

    `joins`: arrows between the parts of collectives of several reports. `syncs`: start, end and GPU of each row of
    sync_records. `loops`: each process's main loop, where NVTX tells it.
    """

    copied: NDArray[np.int64]
    copy_source: NDArray[np.int8]
    copy_target: NDArray[np.int8]
    details: Table | None = None
    memory_kinds: tuple[str, ...] = ()
    memory: Table | None = None
    metrics: Table | None = None
    session_start: int | None = None
    stacks: Stacks | None = None
    paths: tuple[PathSlices, ...] = ()
    joins: Joins | None = None
    syncs: Table | None = None
    loops: tuple[Loop, ...] = ()


@dataclass(frozen=True)
class Show:
    """How much to show. `full`: every arg, not only those that identify a row; `demangled`: whole kernel names instead
    of short ones (which then are in the args); `all_nodes`: arrows to every op of a graph launch; `for_pytorch`:
    as tools for PyTorch's traces want it: driver calls that launched something carry the runtime call's name, the only
    one that they know, and arrows of launches are numbered by correlation ID."""

    full: bool = True
    demangled: bool = False
    all_nodes: bool = False
    counters: bool = True
    for_pytorch: bool = False
