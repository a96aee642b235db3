"""Reading the tables behind ACTIVITIES: what else held the GPU or the host."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nsysgap.activities import (
    ACTIVITIES,
    CONTEXT,
    DECOMPRESSION,
    FULL_BUFFER,
    GRAPHICS,
    HOST_CALLBACK,
    LIBRARY,
    LOADING,
    MPI,
)
from nsysgap.arrays import rows_of
from nsysgap.names import Names
from nsysgap.report.contexts import CONTEXT_TABLES, read_contexts
from nsysgap.report.names import NO_STRING
from nsysgap.report.reads import Columns, Condition, OneOf, Read
from nsysgap.report.source import Source
from nsysgap.report.streams import PID_SHIFT
from nsysgap.report.usable import Usable
from nsysgap.tables import NONE, Device, Table

# overheadType as ENUM_CUPTI_OVERHEAD_TYPE and CUPTI name it: compiling, loading at run time, lazy loading; the rest is
# CUPTI's own work, but for a full command buffer.
LAZY_LOADING, COMMAND_BUFFER_FULL = (2, 6, 7), 8


class _Kind(NamedTuple):
    """A table of stretches: `owner` and `name` are its columns for whose they are and what they are called; `gpu` the
    column with the GPU's own number, "" where deviceId is its process's; `title` what all are called."""

    table: str
    kind: int
    owner: str = "globalTid"
    name: str = "nameId"
    where: Condition | None = None
    gpu: str = ""
    title: str = ""


HOST_CALLBACKS = "CUDA_HOST_CALLBACK"  # threads that call nothing else run them, too
_OVERHEAD = "CUPTI_ACTIVITY_KIND_OVERHEAD"
_KINDS = (
    _Kind(HOST_CALLBACKS, HOST_CALLBACK),
    _Kind(
        "CUPTI_ACTIVITY_KIND_MEM_DECOMPRESS",
        DECOMPRESSION,
        "globalPid",
        "no_name",
        title="hardware decompression (MEM_DECOMPRESS)",
    ),
    _Kind(_OVERHEAD, LOADING, where=OneOf("overheadType", LAZY_LOADING)),
    _Kind(_OVERHEAD, FULL_BUFFER, where=OneOf("overheadType", (COMMAND_BUFFER_FULL,))),
    *(_Kind(f"MPI_{group}_EVENTS", MPI, name="textId") for group in ("COLLECTIVES", "P2P", "START_WAIT", "OTHER")),
    _Kind("CUDNN_EVENTS", LIBRARY),
    _Kind("CUBLAS_EVENTS", LIBRARY),
    *(
        _Kind(f"{table}_WORKLOAD", GRAPHICS, name="no_name", gpu="gpu", title=f"{title} work ({table}_WORKLOAD)")
        for table, title in (
            ("VULKAN", "Vulkan"),
            ("DX11", "Direct3D 11"),
            ("DX12", "Direct3D 12"),
            ("OPENGL", "OpenGL"),
            ("GPU_VIDEO_ENGINE", "video engine"),
        )
    ),
)
_ON_STREAMS = _Kind("CUPTI_ACTIVITY_KIND_GRAPH_HOST_NODE_AND_HOST_LAUNCH", HOST_CALLBACK, "globalPid", "no_name")
READ_TABLES = frozenset({*(stretches.table for stretches in _KINDS), _ON_STREAMS.table, *CONTEXT_TABLES})


class Known(NamedTuple):
    """What the rows of a report refer to: its processes, threads and GPUs, `gpu_of` as in Trace; `last`: the end of
    all GPU work, ns."""

    processes: Table
    threads: Table
    devices: tuple[Device, ...]
    gpu_of: Mapping[tuple[int, int], int]
    last: int


def read_activities(source: Source, usable: Usable, names: Names, known: Known) -> Table:
    """The table ACTIVITIES: without rows where the report has none. Stretches without usable times are left out."""
    parts = [*_parts(source, usable, names, known), *_contexts(source, usable, names, known)]
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


def _parts(source: Source, usable: Usable, names: Names, known: Known) -> Iterator[Columns]:
    for stretches in (*_KINDS, _ON_STREAMS):
        if not source.catalog.has(stretches.table, "start", "end") or not source.has_rows(stretches.table):
            continue
        if stretches.where is not None and not source.catalog.has(stretches.table, "overheadType"):
            continue
        reads = [
            Read("start", "start"),
            Read("end", "end", NONE),
            Read("owner", stretches.owner),
            Read("device", stretches.gpu or "deviceId", NONE, "int32"),
            Read("name", stretches.name, NONE, "int32", NO_STRING),
            Read("correlation", "correlationId"),
        ]
        columns = usable.spans(stretches.table, source.columns(stretches.table, reads, stretches.where))
        owner = columns.pop("owner")
        of_process = owner >> PID_SHIFT << PID_SHIFT
        columns["kind"] = np.full(len(owner), stretches.kind, np.int8)
        columns["process"] = rows_of(known.processes["global_pid"], of_process)
        columns["thread"] = rows_of(known.threads["global_tid"], owner)
        columns["device"] = _devices(known, of_process, columns["device"], own=not stretches.gpu)
        if stretches.title:
            columns["name"][:] = names.add(stretches.title.encode())
        yield columns


def _devices(known: Known, process: NDArray[np.int64], number: NDArray[np.int32], *, own: bool) -> NDArray[np.int32]:
    """The Device.id of each row, NONE unknown: of a number that its process counts by (`own`), or of the GPU's."""
    ids = np.full(len(process), NONE, np.int32)
    if own:
        for (of, ordinal), gpu in known.gpu_of.items():
            ids[(process == of) & (number == ordinal)] = gpu
        return ids
    for device in known.devices:
        if device.which is None:
            ids[number == device.number] = device.id
    return ids


def _contexts(source: Source, usable: Usable, names: Names, known: Known) -> Iterator[Columns]:
    """The contexts that GPUs held, when they did."""
    for columns in read_contexts(source, usable, names, known.last):
        process, number = columns.pop("process"), columns["device"]
        rows = len(process)
        yield {
            **columns,
            "kind": np.full(rows, CONTEXT, np.int8),
            "process": rows_of(known.processes["global_pid"], process),
            "thread": np.full(rows, NONE, np.int32),
            "device": _devices(known, process, number, own=False),
            "correlation": np.zeros(rows, np.int64),
        }
