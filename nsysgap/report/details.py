"""What a kernel's launch looked like and what a copy moved: columns that only viewers need, read when asked for."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nsysgap.report.reads import Progress, Read
from nsysgap.report.source import Source
from nsysgap.report.streams import OP_TABLES
from nsysgap.tables import NONE, OP_DETAILS, Column, Schema, Table, Trace

_COLUMNS = {
    "grid_x": "gridX",
    "grid_y": "gridY",
    "grid_z": "gridZ",
    "block_x": "blockX",
    "block_y": "blockY",
    "block_z": "blockZ",
    "registers": "registersPerThread",
    "static_shared": "staticSharedMemory",
    "dynamic_shared": "dynamicSharedMemory",
    "bytes": "bytes",
    "copy_kind": "copyKind",
    "value": "value",
    "graph": "graphId",
    "graph_exec": "graphExecId",
    "source_kind": "srcKind",
    "target_kind": "dstKind",
}


def read_op_details(
    source: Source,
    trace: Trace,
    progress: Progress | None = None,
    *,
    only: Collection[str] | None = None,
    schema: Schema = OP_DETAILS,
) -> Table:
    """Launch configuration, sizes and graph IDs of every op: the table OP_DETAILS, row for row beside `trace.ops`.

    `only`: read these columns; all others are -1 and take no memory. `schema`: another table of such columns, OP_SIZES.
    Raises NsysgapError when the file is damaged.
    """
    wanted = [column for column in schema.columns if only is None or column.name in only]
    columns: dict[str, NDArray[Any]] = {
        column.name: np.broadcast_to(np.array(NONE, column.dtype), trace.ops.rows) for column in schema.columns
    }
    columns |= {column.name: np.full(trace.ops.rows, NONE, column.dtype) for column in wanted}
    for of_kind, row, values in details_by_kind(source, trace, wanted, progress):
        for name in list(values):
            columns[name][of_kind] = values.pop(name)[row]
    return Table(schema, columns)


def details_by_kind(
    source: Source, trace: Trace, wanted: Sequence[Column], progress: Progress | None = None
) -> Iterator[tuple[NDArray[np.intp], NDArray[Any], dict[str, NDArray[Any]]]]:
    """(rows of ops, their rows of the kind's table, that table's columns) for each kind of op that there is.

    The dictionary of columns is the caller's: a column taken out of it is held no longer.
    """
    for kind, table in enumerate(OP_TABLES.values()):
        reads = [
            Read(column.name, _COLUMNS[column.name], NONE, column.dtype)
            for column in wanted
            if source.catalog.has(table, _COLUMNS[column.name])
        ]
        of_kind = np.flatnonzero(trace.ops["kind"] == kind)
        if reads and len(of_kind):
            yield of_kind, trace.ops["row"][of_kind], source.columns(table, reads, progress=progress)
