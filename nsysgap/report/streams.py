"""CUDA streams: which are a context's legacy null stream, which wait for it, and which belong to green contexts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nsysgap.arrays import positions
from nsysgap.report.cells import whole
from nsysgap.report.gpus import HOST_SHIFT
from nsysgap.report.reads import Read
from nsysgap.report.source import Source
from nsysgap.tables import LEGACY_NULL_STREAM, NONE, STREAMS, Table

OP_TABLES = {
    "kernel": "CUPTI_ACTIVITY_KIND_KERNEL",
    "memcpy": "CUPTI_ACTIVITY_KIND_MEMCPY",
    "memset": "CUPTI_ACTIVITY_KIND_MEMSET",
    "graph": "CUPTI_ACTIVITY_KIND_GRAPH_TRACE",
}
PID_SHIFT = 24
Key = tuple[int, int, int]  # row of processes, context, stream
_OF_PROCESS = ("hwId", "vmId", "processId", "contextId")


def read_streams(source: Source, processes: Table, *, in_green: bool) -> Table:
    """Every stream that the report describes: the table STREAMS; with green contexts only if calls wait in them."""
    rows, green = source.rows, _green_contexts(source, processes) if in_green else {}
    flags: dict[Key, int] = {}
    for cells in rows("TARGET_INFO_CUDA_STREAM", (*_OF_PROCESS, "streamId", "flag")):
        for key in _keys(processes, cells[:5]):
            flags[key] = whole(cells[5], 32) or 0
    for table, column in (
        ("TARGET_INFO_CUDA_CONTEXT_INFO", "nullStreamId"),
        ("TARGET_INFO_CUDA_NULL_STREAM", "streamId"),
    ):
        for cells in rows(table, (*_OF_PROCESS, column)):
            flags |= dict.fromkeys(_keys(processes, cells), LEGACY_NULL_STREAM)
    keys = sorted(flags | green)
    columns = np.array([(*key, flags.get(key, 0), green.get(key, 0)) for key in keys], np.int32).reshape(-1, 5)
    return Table(STREAMS, {column.name: columns[:, i].copy() for i, column in enumerate(STREAMS.columns)})


def process_rows(processes: Table, values: NDArray[np.int64]) -> NDArray[np.int32]:
    """The rows of `processes` of global IDs of processes or threads."""
    global_pids = values >> PID_SHIFT << PID_SHIFT
    return positions(processes["global_pid"], global_pids)


def _green_contexts(source: Source, processes: Table) -> dict[Key, int]:
    """The green context of each stream that has one: that of its ops."""
    reads = [
        Read("process", "globalPid"),
        Read("context", "contextId", NONE, "int32"),
        Read("stream", "streamId", NONE, "int32"),
        Read("green", "greenContextId", 0, "int32"),
    ]
    contexts: dict[Key, int] = {}
    for table in OP_TABLES.values():
        columns = source.columns(table, reads)
        columns["process"] = process_rows(processes, columns["process"])
        in_green = np.flatnonzero(columns["green"])
        if len(in_green):
            rows = np.unique(np.column_stack([columns[read.name][in_green] for read in reads]), axis=0)
            contexts |= {(process, context, stream): green for process, context, stream, green in rows.tolist()}
    return contexts


def _keys(processes: Table, cells: tuple[object, ...]) -> list[Key]:
    """The stream as tables number it, for each process with that pid: of several, of the host that the row names."""
    hardware, machine, pid, context, stream = (whole(cell, 33) for cell in cells)
    if pid is None or context is None or stream is None:
        return []
    of_pid = np.flatnonzero(processes["pid"] == pid)
    if len(of_pid) > 1:
        host = (hardware or 0) << 8 | (machine or 0)
        same = of_pid[processes["global_pid"][of_pid] >> HOST_SHIFT == host]
        of_pid = same if len(same) else of_pid
    context, stream = (int(np.int64(value).astype(np.int32)) for value in (context, stream))
    return [(int(row), context, stream) for row in of_pid.tolist()]
