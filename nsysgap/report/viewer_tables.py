"""What only viewers want of a report: memory use, where copies went, when the session began, what events there are
beside those that are read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nsysgap.arrays import lookup
from nsysgap.report.cells import whole
from nsysgap.report.domains import DOMAIN_CREATED
from nsysgap.report.read import CUDA_EVENT, PUSH_POP, RUNTIME, START_END, SYNCHRONIZATION
from nsysgap.report.reads import Condition, NoneOf, Progress, Read
from nsysgap.report.source import Source
from nsysgap.report.streams import OP_TABLES, PID_SHIFT
from nsysgap.tables import MEMCPY, MEMSET, NATIVE_SAMPLE, NONE, PYTHON_SAMPLE, Column, Schema, Stacks, Table, Trace

MEMORY_EVENTS = Schema(
    "memory_events",
    "Device memory allocated and freed (CUDA_GPU_MEMORY_USAGE_EVENTS, --cuda-memory-usage=true), by time.",
    (
        Column("time", "int64", "ns", "when"),
        Column("device", "int32", "", "physical GPU, as in ops"),
        Column("kind", "int32", "", "kind of memory: ENUM_CUDA_MEM_KIND"),
        Column("bytes", "int64", "B", "bytes allocated; negative: freed"),
    ),
)
SYNC_SPANS = Schema(
    "sync_spans",
    "When and where what sync_records holds was waited for, row for row beside it.",
    (
        Column("start", "int64", "ns", "the driver began to wait"),
        Column("end", "int64", "ns", "and stopped"),
        Column("device", "int64", "", "physical GPU, as in ops; -1 unknown"),
    ),
)
MEMORY_KINDS = (  # ENUM_CUDA_MEM_KIND, the same in every exporter that has it
    *("Pageable", "Pinned", "Device", "Array", "Managed", "Device Static", "Managed Static", "Unknown"),
)
_ALLOCATED, _FREED = 0, 1  # ENUM_CUDA_DEV_MEM_EVENT_OPER
_SHOWN = {
    *OP_TABLES.values(),
    *(RUNTIME, SYNCHRONIZATION, CUDA_EVENT, "OSRT_API", "PROFILER_OVERHEAD", "GPU_METRICS"),
    *("CUDA_GPU_MEMORY_USAGE_EVENTS", "DIAGNOSTIC_EVENT"),
}


def read_memory_events(source: Source, trace: Trace, progress: Progress | None = None) -> Table:
    """Every allocation and release of GPU memory: without rows where the report has none."""
    name = "CUDA_GPU_MEMORY_USAGE_EVENTS"
    reads = [
        Read("time", "start", time=True),
        Read("process", "globalPid"),
        Read("device", "deviceId", NONE, "int32"),
        Read("kind", "memKind", len(MEMORY_KINDS) - 1, "int32"),
        Read("bytes", "bytes"),
        Read("operation", "memoryOperationType", NONE),
    ]
    if not source.catalog.has(name, *(read.column for read in reads)):
        return MEMORY_EVENTS.empty()
    columns = source.columns(name, reads, progress=progress)
    operation = columns.pop("operation")
    columns["bytes"] *= np.select([operation == _ALLOCATED, operation == _FREED], [1, -1], 0)
    process, ordinal = columns.pop("process") >> PID_SHIFT << PID_SHIFT, columns["device"].copy()
    for (of, number), gpu in trace.gpu_of.items():
        columns["device"][(process == of) & (ordinal == number)] = gpu
    order = np.argsort(columns["time"], kind="stable")
    return Table(MEMORY_EVENTS, {key: values[order] for key, values in columns.items()})


def read_sync_spans(source: Source, trace: Trace) -> Table:
    """Start, end and GPU of each row of sync_records; 0, 0 and -1 where the report does not say."""
    reads = [
        Read("start", "start"),  # what is no time is put inside its call
        Read("end", "end"),
        Read("device", "deviceId", NONE),
    ]
    columns = source.columns(SYNCHRONIZATION, reads)
    rows, ordinal = trace.sync_records["process"], columns["device"]
    process = trace.processes["global_pid"][rows]
    device = np.full(len(ordinal), NONE, np.int64)
    for (of, number), gpu in trace.gpu_of.items():
        device[(process == of) & (ordinal == number)] = gpu
    if (device == NONE).any():  # a context belongs to one GPU
        device = np.where(device == NONE, _gpus_of_contexts(trace), device)
    return Table(SYNC_SPANS, {**columns, "device": device})


def _gpus_of_contexts(trace: Trace) -> NDArray[np.int64]:
    """The GPU that ran ops of each sync record's context, -1 where none did."""
    context, ran = (
        table["process"].astype(np.int64) << 32 | table["context"].astype(np.int64) & 0xFFFFFFFF
        for table in (trace.sync_records, trace.ops)
    )
    known, first = np.unique(ran, return_index=True)
    if not len(known):
        return np.full(len(context), NONE, np.int64)
    position, there = lookup(known, context)
    return np.where(there, trace.ops["device"][first[position]].astype(np.int64), NONE)


def read_session_start(source: Source) -> int | None:
    """When the session began, ns since 1970 UTC; None where the report does not say."""
    first = source.first("TARGET_INFO_SESSION_START_TIME", ("utcEpochNs",))
    return whole(first[0]) if first else None


def read_not_shown(source: Source, stacks: Stacks | None) -> dict[str, int]:
    """Events that a trace does not show: {table: rows}, of every table with times that is not read; without the samples
    that `stacks` holds."""
    counts = {}
    for table, columns in source.catalog.columns.items():
        if table in _SHOWN or not {"start", "timestamp"} & {*columns}:
            continue
        others: tuple[Condition, ...] = ()
        if table == "NVTX_EVENTS" and "eventType" in columns:
            others = (NoneOf("eventType", (PUSH_POP, START_END, DOMAIN_CREATED)),)
        counts[table] = source.count(table, *others)
    for table, kind in (("NVTX_EVENTS", PYTHON_SAMPLE), ("COMPOSITE_EVENTS", NATIVE_SAMPLE)):
        if table in counts and stacks is not None:
            counts[table] -= int((stacks.samples["source"] == kind).sum())
    named = {"NVTX_EVENTS": "NVTX_EVENTS other than ranges"}
    return {named.get(table, table): rows for table, rows in counts.items() if rows > 0}


@dataclass(frozen=True)
class Copies:
    """Of each op, arrays of shape (ops,): bytes copied or set (-1 none), kind of memory (ENUM_CUDA_MEM_KIND) that it
    was copied from and to (-1 unknown)."""

    bytes: NDArray[np.int64]
    source: NDArray[np.int8]
    target: NDArray[np.int8]


def read_copies(source: Source, trace: Trace) -> Copies:
    """What copies and memsets moved, and between which kinds of memory."""
    rows = trace.ops.rows
    copies = Copies(np.full(rows, NONE, np.int64), np.full(rows, NONE, np.int8), np.full(rows, NONE, np.int8))
    for kind, name in ((MEMCPY, OP_TABLES["memcpy"]), (MEMSET, OP_TABLES["memset"])):
        columns: dict[str, NDArray[Any]] = {"bytes": copies.bytes, "srcKind": copies.source, "dstKind": copies.target}
        reads = [
            Read(column, column, NONE, str(columns[column].dtype))
            for column in columns
            if source.catalog.has(name, column)
        ]
        mine = np.flatnonzero(trace.ops["kind"] == kind)
        if reads and len(mine):
            for column, values in source.columns(name, reads).items():
                columns[column][mine] = values[trace.ops["row"][mine]]
    return copies
