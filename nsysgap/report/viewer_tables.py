"""What only viewers want of a report: memory use, NVTX domains' names, where copies went, when the session began, what
events there are beside those that are read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import text

from nsysgap.report.catalog import Catalog
from nsysgap.report.cells import rows_of_bytes, whole
from nsysgap.report.columns import read_columns
from nsysgap.report.metadata import physical_gpus
from nsysgap.report.read import CUDA_EVENT, OP_TABLES, PUSH_POP, RUNTIME, START_END, SYNCHRONIZATION
from nsysgap.report.reads import Progress, Read
from nsysgap.report.source import Source, translated_errors
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
MEMORY_KINDS = (  # ENUM_CUDA_MEM_KIND, the same in every exporter that has it
    *("Pageable", "Pinned", "Device", "Array", "Managed", "Device Static", "Managed Static", "Unknown"),
)
_NVTX_DOMAIN = 75
_SHOWN = {
    *OP_TABLES.values(),
    *(RUNTIME, SYNCHRONIZATION, CUDA_EVENT, "OSRT_API", "PROFILER_OVERHEAD", "GPU_METRICS"),
    *("CUDA_GPU_MEMORY_USAGE_EVENTS", "DIAGNOSTIC_EVENT"),
}


def read_memory_events(source: Source, progress: Progress | None = None) -> Table:
    """Every allocation and release of GPU memory: without rows where the report has none."""
    name = "CUDA_GPU_MEMORY_USAGE_EVENTS"
    reads = [
        Read("time", "start"),
        Read("process", "globalPid"),
        Read("device", "deviceId", NONE, "int32"),
        Read("kind", "memKind", len(MEMORY_KINDS) - 1, "int32"),
        Read("bytes", "CASE memoryOperationType WHEN 0 THEN bytes WHEN 1 THEN -bytes ELSE 0 END"),
    ]
    with translated_errors(source.path), source.engine.connect() as connection:
        catalog = Catalog.probe(connection)
        if not catalog.has(name, "start", "globalPid", "deviceId", "memKind", "bytes", "memoryOperationType"):
            return MEMORY_EVENTS.empty()
        columns = read_columns(source, name, reads, progress=progress)
        physical = physical_gpus(connection, catalog)
    pid = (columns.pop("process") >> 24) & 0xFFFFFF
    for (process, ordinal), gpu in physical.items():
        columns["device"][(pid == process) & (columns["device"] == ordinal)] = gpu
    order = np.argsort(columns["time"], kind="stable")
    return Table(MEMORY_EVENTS, {key: values[order] for key, values in columns.items()})


def read_session_start(source: Source) -> int | None:
    """When the session began, ns since 1970 UTC; None where the report does not say."""
    with translated_errors(source.path), source.engine.connect() as connection:
        if not Catalog.probe(connection).has("TARGET_INFO_SESSION_START_TIME", "utcEpochNs"):
            return None
        found = connection.execute(text("SELECT utcEpochNs FROM TARGET_INFO_SESSION_START_TIME")).scalar()
    return whole(found)


def read_nvtx_domains(source: Source) -> dict[tuple[int, int], str]:
    """The name of each NVTX domain: {(pid, domain ID): name}."""
    with translated_errors(source.path), source.engine.connect() as connection:
        catalog = Catalog.probe(connection)
        if not catalog.has("NVTX_EVENTS", "eventType", "domainId", "globalTid"):
            return {}
        own = "CAST(text AS TEXT)" if catalog.has("NVTX_EVENTS", "text") else "NULL"
        shared = "NULL"
        if catalog.has("NVTX_EVENTS", "textId") and catalog.has("StringIds", "id", "value"):
            shared = "(SELECT CAST(value AS TEXT) FROM StringIds WHERE id = textId)"
        statement = (
            f"SELECT (globalTid >> 24) & 0xFFFFFF, domainId, coalesce({own}, {shared}) FROM NVTX_EVENTS "
            f"WHERE eventType = {_NVTX_DOMAIN} AND domainId IS NOT NULL ORDER BY rowid"
        )
        rows = rows_of_bytes(connection, statement)
    return {(int(pid), int(domain)): name.decode("utf-8", "replace") for pid, domain, name in rows if name}


def read_not_shown(source: Source, stacks: Stacks | None) -> dict[str, int]:
    """Events that a trace does not show: {table: rows}, of every table with times that is not read; without the samples
    that `stacks` holds."""
    with translated_errors(source.path), source.engine.connect() as connection:
        catalog = Catalog.probe(connection)
        found = {}
        for table, columns in catalog.columns.items():
            if table in _SHOWN or not {"start", "timestamp"} & {*columns}:
                continue
            where = ""
            if table == "NVTX_EVENTS" and "eventType" in columns:
                where = f" WHERE eventType NOT IN ({PUSH_POP}, {START_END}, {_NVTX_DOMAIN})"
            found[table] = int(connection.execute(text(f'SELECT count(*) FROM "{table}"{where}')).scalar_one())
    for table, kind in (("NVTX_EVENTS", PYTHON_SAMPLE), ("COMPOSITE_EVENTS", NATIVE_SAMPLE)):
        if table in found and stacks is not None:
            found[table] -= int((stacks.samples["source"] == kind).sum())
    named = {"NVTX_EVENTS": "NVTX_EVENTS other than ranges"}
    return {named.get(table, table): rows for table, rows in found.items() if rows > 0}


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
    found = Copies(np.full(rows, NONE, np.int64), np.full(rows, NONE, np.int8), np.full(rows, NONE, np.int8))
    with translated_errors(source.path), source.engine.connect() as connection:
        catalog = Catalog.probe(connection)
        for kind, name in ((MEMCPY, OP_TABLES["memcpy"]), (MEMSET, OP_TABLES["memset"])):
            columns: dict[str, NDArray[Any]] = {"bytes": found.bytes, "srcKind": found.source, "dstKind": found.target}
            reads = [Read(one, one, NONE, str(columns[one].dtype)) for one in columns if catalog.has(name, one)]
            mine = np.flatnonzero(trace.ops["kind"] == kind)
            if reads and len(mine):
                for one, values in read_columns(source, name, reads).items():
                    columns[one][mine] = values[trace.ops["row"][mine]]
    return found
