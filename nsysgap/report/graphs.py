"""CUDA graphs as the report describes them: every node created, and every graph created, cloned or instantiated.

CUDA_GRAPH_NODE_EVENTS comes with --cuda-graph-trace=node, CUDA_GRAPH_EVENTS with --cuda-graph-trace=graph. Exporters
before schema 3.20 kept the nodes in a table named CUDA_GRAPH_EVENTS.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nsysgap.report.catalog import Catalog
from nsysgap.report.columns import read_columns
from nsysgap.report.reads import Progress, Read
from nsysgap.report.source import Source, translated_errors
from nsysgap.tables import GRAPH_EVENTS, GRAPH_NODES, NONE, Table, Trace

_NODES, _EVENTS = "CUDA_GRAPH_NODE_EVENTS", "CUDA_GRAPH_EVENTS"
PID_SHIFT = 24
Columns = dict[str, NDArray[Any]]


def read_graph_nodes(source: Source, trace: Trace, progress: Progress | None = None) -> Table:
    """Every graph node created: the table GRAPH_NODES, without rows where the report has none.

    Raises NsysgapError when the file is damaged.
    """
    with translated_errors(source.path), source.engine.connect() as connection:
        catalog = Catalog.probe(connection)
        name = next((one for one in (_NODES, _EVENTS) if catalog.has(one, "start", "graphNodeId")), None)
        if name is None:
            return GRAPH_NODES.empty()
        known = catalog.has(name, "originalGraphNodeId")
        original = Read("original", "originalGraphNodeId" if known else "0")
        columns = _read(source, catalog, name, [Read("node", "graphNodeId"), original], progress)
    return Table(GRAPH_NODES, _with_threads(columns, trace))


def read_graph_events(source: Source, trace: Trace, progress: Progress | None = None) -> Table:
    """Every graph created, cloned or instantiated: the table GRAPH_EVENTS, without rows where the report has none.

    Raises NsysgapError when the file is damaged.
    """
    with translated_errors(source.path), source.engine.connect() as connection:
        catalog = Catalog.probe(connection)
        if not catalog.has(_EVENTS, "start", "graphId", "eventClass"):
            return GRAPH_EVENTS.empty()
        wanted = {"graph": "graphId", "original": "originalGraphId", "executable": "graphExecId"}
        reads = [Read(name, column if catalog.has(_EVENTS, column) else "0") for name, column in wanted.items()]
        columns = _read(source, catalog, _EVENTS, [Read("event", "eventClass", 0, "int32"), *reads], progress)
    return Table(GRAPH_EVENTS, _with_threads(columns, trace))


def _read(source: Source, catalog: Catalog, name: str, reads: list[Read], progress: Progress | None) -> Columns:
    thread = Read("thread", "globalTid" if catalog.has(name, "globalTid") else "0")
    return dict(read_columns(source, name, [Read("time", "start"), thread, *reads], progress=progress))


def _with_threads(columns: Columns, trace: Trace) -> Columns:
    """Put rows of the threads and processes tables in place of nsys's global thread IDs."""
    ids = columns["thread"]
    columns["thread"] = _rows_of(trace.threads["global_tid"], ids)
    columns["process"] = _rows_of(trace.processes["global_pid"], (ids >> PID_SHIFT) << PID_SHIFT)
    return columns


def _rows_of(keys: NDArray[np.int64], wanted: NDArray[np.int64]) -> NDArray[np.int32]:
    """The position of each wanted ID among sorted ones, -1 where it is not there."""
    if not len(keys):
        return np.full(len(wanted), NONE, np.int32)
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[place] == wanted, place, NONE).astype(np.int32)
