"""CUDA graphs as the report describes them: every node created, and every graph created, cloned or instantiated.

CUDA_GRAPH_NODE_EVENTS comes with --cuda-graph-trace=node, CUDA_GRAPH_EVENTS with --cuda-graph-trace=graph. Exporters
before schema 3.20 kept the nodes in a table named CUDA_GRAPH_EVENTS.
"""

from __future__ import annotations

from nsysgap.arrays import rows_of
from nsysgap.report.reads import Columns, Progress, Read
from nsysgap.report.source import Source
from nsysgap.tables import GRAPH_EVENTS, GRAPH_NODES, Table, Trace

_NODES, _EVENTS = "CUDA_GRAPH_NODE_EVENTS", "CUDA_GRAPH_EVENTS"
PID_SHIFT = 24


def read_graph_nodes(source: Source, trace: Trace, progress: Progress | None = None) -> Table:
    """Every graph node created: the table GRAPH_NODES, without rows where the report has none.

    Raises NsysgapError when the file is damaged.
    """
    name = next((table for table in (_NODES, _EVENTS) if source.catalog.has(table, "start", "graphNodeId")), None)
    if name is None:
        return GRAPH_NODES.empty()
    columns = _read(source, name, [Read("node", "graphNodeId"), Read("original", "originalGraphNodeId")], progress)
    return Table(GRAPH_NODES, _with_threads(columns, trace))


def read_graph_events(source: Source, trace: Trace, progress: Progress | None = None) -> Table:
    """Every graph created, cloned or instantiated: the table GRAPH_EVENTS, without rows where the report has none.

    Raises NsysgapError when the file is damaged.
    """
    if not source.catalog.has(_EVENTS, "start", "graphId", "eventClass"):
        return GRAPH_EVENTS.empty()
    wanted = {"graph": "graphId", "original": "originalGraphId", "executable": "graphExecId"}
    reads = [Read(name, column) for name, column in wanted.items()]
    columns = _read(source, _EVENTS, [Read("event", "eventClass", 0, "int32"), *reads], progress)
    return Table(GRAPH_EVENTS, _with_threads(columns, trace))


def _read(source: Source, name: str, reads: list[Read], progress: Progress | None) -> Columns:
    of_all = [Read("time", "start", time=True), Read("thread", "globalTid")]
    return source.columns(name, [*of_all, *reads], progress=progress)


def _with_threads(columns: Columns, trace: Trace) -> Columns:
    """Put rows of the threads and processes tables in place of nsys's global thread IDs."""
    ids = columns["thread"]
    columns["thread"] = rows_of(trace.threads["global_tid"], ids)
    columns["process"] = rows_of(trace.processes["global_pid"], (ids >> PID_SHIFT) << PID_SHIFT)
    return columns
