"""From when to when a report holds events: the first start and the last end."""

from __future__ import annotations

from nsysgap.analysis.relations.ranges import trace_end
from nsysgap.tables import Trace


def events_from_to(trace: Trace) -> list[int] | None:
    """[first start, last end] of ops, CUDA calls, NVTX ranges and OS calls, ns of the session; None without any."""
    tables = [table for table in (trace.ops, trace.api, trace.nvtx, trace.osrt) if table.rows]
    return [min(int(table["start"][0]) for table in tables), trace_end(trace)] if tables else None
