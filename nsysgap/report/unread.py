"""Tables of a report that hold stretches of time and are read into nothing: work or waiting that no figure counts."""

from __future__ import annotations

import numpy as np

from nsysgap.errors import NsysgapError
from nsysgap.intervals import EMPTY, IntervalSet, union
from nsysgap.report.activities import READ_TABLES
from nsysgap.report.reads import Read, possible
from nsysgap.report.source import Source
from nsysgap.report.streams import OP_TABLES
from nsysgap.tables import OPEN_END

READ = READ_TABLES | {
    *OP_TABLES.values(),
    *("CUPTI_ACTIVITY_KIND_RUNTIME", "CUPTI_ACTIVITY_KIND_SYNCHRONIZATION", "CUPTI_ACTIVITY_KIND_CUDA_EVENT"),
    *("NVTX_EVENTS", "OSRT_API", "PROFILER_OVERHEAD", "CUDA_GRAPH_NODE_EVENTS", "CUDA_GRAPH_EVENTS"),
}


def read_unread(source: Source) -> dict[str, IntervalSet]:
    """When the rows of each such table are, by its name: tables with a start and an end that have rows."""
    tables = (table for table in sorted(source.catalog.columns) if table not in READ)
    return {
        table: _when(source, table)
        for table in tables
        if source.catalog.has(table, "start", "end") and source.has_rows(table)
    }


def _when(source: Source, table: str) -> IntervalSet:
    """When a table's rows are; a row without a length is a moment of 1 ns. Of a table whose columns are no times it is
    not known: no figure needs it."""
    try:
        columns = source.columns(table, [Read("start", "start", OPEN_END), Read("end", "end", 0)])
    except NsysgapError:
        return EMPTY
    usable = possible(columns["start"]) & possible(columns["end"])
    start, end = columns["start"][usable], columns["end"][usable]
    return union(start, np.maximum(end, start + 1))
