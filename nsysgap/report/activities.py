"""Reading the tables behind ACTIVITIES: what else held the GPU or the host."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nsysgap.activities import ACTIVITIES, DECOMPRESSION, HOST_CALLBACK, LOADING, MPI
from nsysgap.report.names import NO_STRING
from nsysgap.report.reads import Columns, Condition, OneOf, Read
from nsysgap.report.source import Source
from nsysgap.report.streams import PID_SHIFT
from nsysgap.report.usable import Usable
from nsysgap.tables import NONE, Table

LAZY_LOADING = (2, 6, 7, 8)  # overheadType: compiling, and loading of modules and functions


class _Kind(NamedTuple):
    table: str
    kind: int
    owner: str
    name: str
    where: Condition | None = None


_KINDS = (
    _Kind("CUDA_HOST_CALLBACK", HOST_CALLBACK, "globalTid", "nameId"),
    _Kind("CUPTI_ACTIVITY_KIND_MEM_DECOMPRESS", DECOMPRESSION, "globalPid", "no_name"),
    _Kind("CUPTI_ACTIVITY_KIND_OVERHEAD", LOADING, "globalTid", "nameId", OneOf("overheadType", LAZY_LOADING)),
    *(
        _Kind(f"MPI_{group}_EVENTS", MPI, "globalTid", "textId")
        for group in ("COLLECTIVES", "P2P", "START_WAIT", "OTHER")
    ),
)
_ON_STREAMS = _Kind("CUPTI_ACTIVITY_KIND_GRAPH_HOST_NODE_AND_HOST_LAUNCH", HOST_CALLBACK, "globalPid", "no_name")
READ_TABLES = frozenset({*(one.table for one in _KINDS), _ON_STREAMS.table})


def read_activities(
    source: Source, usable: Usable, processes: Table, threads: Table, gpu_of: dict[tuple[int, int], int]
) -> Table:
    """The table ACTIVITIES: without rows where the report has none. Stretches without usable times are left out."""
    parts = list(_parts(source, usable, processes, threads, gpu_of))
    if not parts:
        return ACTIVITIES.empty()
    columns = {column.name: np.concatenate([part[column.name] for part in parts]) for column in ACTIVITIES.columns}
    columns["correlation"] = np.concatenate([part["correlation"] for part in parts])
    columns = _joined_callbacks(columns)
    order = np.argsort(columns["start"], kind="stable")
    return Table(ACTIVITIES, {name: values[order] for name, values in columns.items()})


def _joined_callbacks(columns: Columns) -> Columns:
    """Host callbacks as their streams see them: from when the stream began to wait until it went on.

    One table has the stream's side, the other the function and its thread; the correlation ID joins them.
    """
    correlation = columns.pop("correlation")
    callbacks = (columns["kind"] == HOST_CALLBACK) & (correlation != 0)
    by_stream = np.flatnonzero(callbacks & (columns["thread"] == NONE) & (columns["name"] == NONE))
    of_stream = {(int(columns["process"][row]), int(correlation[row])): row for row in by_stream.tolist()}
    keep = np.ones(len(correlation), np.bool_)
    for row in np.flatnonzero(callbacks & (columns["name"] != NONE)).tolist() if of_stream else ():
        wider = of_stream.get((int(columns["process"][row]), int(correlation[row])))
        if wider is not None:
            columns["start"][row] = min(columns["start"][row], columns["start"][wider])
            columns["end"][row] = max(columns["end"][row], columns["end"][wider])
            keep[wider] = False
    return {name: values[keep] for name, values in columns.items()}


def _parts(
    source: Source, usable: Usable, processes: Table, threads: Table, gpu_of: dict[tuple[int, int], int]
) -> Iterator[Columns]:
    for one in (*_KINDS, _ON_STREAMS):
        if not source.catalog.has(one.table, "start", "end") or not source.has_rows(one.table):
            continue
        if one.where is not None and not source.catalog.has(one.table, "overheadType"):
            continue
        reads = [
            Read("start", "start"),
            Read("end", "end", NONE),
            Read("owner", one.owner),
            Read("device", "deviceId", NONE, "int32"),
            Read("name", one.name, NONE, "int32", NO_STRING),
            Read("correlation", "correlationId"),
        ]
        columns = usable.spans(one.table, source.columns(one.table, reads, one.where))
        owner, ordinal = columns.pop("owner"), columns["device"].copy()
        of_process = owner >> PID_SHIFT << PID_SHIFT
        columns["kind"] = np.full(len(owner), one.kind, np.int8)
        columns["process"] = _rows_of(processes["global_pid"], of_process)
        columns["thread"] = _rows_of(threads["global_tid"], owner)
        columns["device"] = np.full(len(owner), NONE, np.int32)
        for (process, number), gpu in gpu_of.items():
            columns["device"][(of_process == process) & (ordinal == number)] = gpu
        yield columns


def _rows_of(known: NDArray[np.int64], wanted: NDArray[np.int64]) -> NDArray[np.int32]:
    """The row of each global ID, NONE where no other event names it."""
    place = np.minimum(np.searchsorted(known, wanted), max(len(known) - 1, 0))
    there = known[place] == wanted if len(known) else np.zeros(len(wanted), np.bool_)
    return np.where(there, place, NONE).astype(np.int32)
