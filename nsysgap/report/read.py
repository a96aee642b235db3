"""From an opened report to a Trace: every table that the analyses need, typed, ordered, with what was left out counted.

The layout is probed; a table or column that is missing gives an empty table or a neutral value. Column meanings are
those of the export's own comments (nsys export --type sqlite) and of CUPTI's activity records.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nsysgap import tables
from nsysgap.arrays import codes, combined_codes, distinct, held_once, is_any, positions, rows_of
from nsysgap.errors import NsysgapError
from nsysgap.memory import give_back_memory
from nsysgap.report.activities import HOST_CALLBACKS, Known, read_activities
from nsysgap.report.catalog import PAYLOAD_SCHEMAS
from nsysgap.report.diagnostics import notices
from nsysgap.report.domains import read_domains
from nsysgap.report.gpus import Gpus, identify_gpus, one_caller, placed_graphs
from nsysgap.report.last_words import read_last_words
from nsysgap.report.metadata import (
    export_versions,
    key_values,
    process_names,
    session_duration,
    thread_names,
    under_wsl,
)
from nsysgap.report.metrics import read_sm_active
from nsysgap.report.migrations import read_migration_causes
from nsysgap.report.names import NO_STRING, read_names
from nsysgap.report.reads import ROWID, Columns, Condition, OneOf, Progress, Read
from nsysgap.report.source import Source
from nsysgap.report.streams import OP_TABLES, PID_SHIFT, process_rows, read_streams
from nsysgap.report.unread import read_unread
from nsysgap.report.usable import Usable
from nsysgap.tables import Notice, Table, Trace
from nsysgap.units import counted

RUNTIME = "CUPTI_ACTIVITY_KIND_RUNTIME"
SYNCHRONIZATION = "CUPTI_ACTIVITY_KIND_SYNCHRONIZATION"
CUDA_EVENT = "CUPTI_ACTIVITY_KIND_CUDA_EVENT"
NO_EVENT = 0xFFFFFFFF
PUSH_POP, START_END = 59, 60
NVTX_RANGES = OneOf("eventType", (PUSH_POP, START_END))
KERNEL_NAMES = ("demangledName", "shortName", "mangledName")
COPY_KINDS = (  # ENUM_CUDA_MEMCPY_OPER, the same in every exporter that has it
    *("Unknown", "Host-to-Device", "Device-to-Host", "Host-to-Array", "Array-to-Host", "Array-to-Array"),
    *("Array-to-Device", "Device-to-Array", "Device-to-Device", "Host-to-Host", "Peer-to-Peer"),
    *("Unified Host-to-Device", "Unified Device-to-Host", "Unified Device-to-Device"),
)
_VERSION_SUFFIX = re.compile(rb"(?:_v\d+|_ptsz)+\Z")
Array = NDArray[Any]


def read_trace(source: Source, progress: Progress | None = None) -> Trace:
    """Read all tables of a report that idle time depends on.

    `progress` is called with the number of rows read since the last call. Raises NsysgapError when the file is damaged
    or is no nsys export; a report without any GPU operation is read like any other.
    """
    trace = _Reading(source, progress).trace()
    give_back_memory()
    return trace


@dataclass
class _Reading:
    """One pass over a report: what the tables share is gathered here."""

    source: Source
    progress: Progress | None
    warnings: list[Notice] = field(default_factory=list)

    def trace(self) -> Trace:
        require_nsys_export(self.source)
        self.names = read_names(self.source)
        self.usable = Usable(session_duration(self.source))
        raw_ops, raw_api = self._raw_ops(), self._raw_api()
        _give_to_one_caller(raw_ops, one_caller(distinct(raw_api["thread"])))
        raw = {table: self._raw_spans(table) for table in ("OSRT_API", "PROFILER_OVERHEAD")}
        raw_nvtx = self._raw_nvtx()
        records = {table: self._raw_records(table) for table in (SYNCHRONIZATION, CUDA_EVENT)}
        spans = [raw_api, *raw.values(), raw_nvtx, self._read(HOST_CALLBACKS, [Read("thread", "globalTid")])]
        threads, processes = self._threads_and_processes(raw_ops, spans, records.values())
        versions = export_versions(self.source)
        ops, gpus = self._ops(raw_ops, processes)
        streams = read_streams(self.source, processes, in_green=bool(records[SYNCHRONIZATION]["green_context"].any()))
        self._check_names(ops, raw_api)
        domains = read_domains(self.source, processes) if raw_nvtx["domain"].any() else {}
        if not ops.rows and len(raw_api["start"]) and under_wsl(self.source):
            self.warnings.append(
                Notice("warning", "The program ran under WSL2, where nsys often records CUDA calls but no GPU work.")
            )
        last = int(ops["end"].max(initial=0))
        known = Known(processes, threads, gpus.devices, gpus.gpu_of, last)
        return Trace(
            path=str(self.source.path),
            ops=ops,
            api=self._spans(tables.API, raw_api, threads),
            names=self.names,
            processes=processes,
            threads=threads,
            devices=gpus.devices,
            gpu_of=gpus.gpu_of,
            sync_records=self._records(tables.SYNC_RECORDS, records[SYNCHRONIZATION], processes),
            event_records=self._records(tables.EVENT_RECORDS, records[CUDA_EVENT], processes),
            streams=streams,
            nvtx=self._nvtx(raw_nvtx, threads),
            domains=domains,
            osrt=self._spans(tables.OSRT, raw["OSRT_API"], threads),
            overhead=self._spans(tables.OVERHEAD, raw["PROFILER_OVERHEAD"], threads),
            sm_active=read_sm_active(self.source, self.names),
            tables_present=frozenset(filter(self.source.has_rows, self.source.catalog.columns)),
            unread=read_unread(self.source),
            python_stacks=self._python_stacks(),
            nsys_version=versions[0],
            schema_version=versions[1],
            duration_ns=self.usable.duration,
            activities=read_activities(self.source, self.usable, self.names, known),
            target=dict(key_values(self.source, "TARGET_INFO_SYSTEM_ENV")),
            last_words=read_last_words(self.source, self.names),
            errors=self.errors,
            left_out=tuple(self.usable.left_out),
            migration_causes=read_migration_causes(self.source, self.names, ops),
            warnings=(*notices(self.source), *self.usable.notices(), *self.warnings),
        )

    def _read(self, table: str, reads: list[Read], where: Condition | None = None) -> Columns:
        columns = self.source.columns(table, reads, where, self.progress)
        return {name: held_once(columns.pop(name)) for name in list(columns)}

    def _python_stacks(self) -> frozenset[str]:
        """Which kinds of Python stacks there are; how payloads are read is imported only where a report has some."""
        if not self.source.has_rows(PAYLOAD_SCHEMAS):
            return frozenset()
        from nsysgap.report.payloads import python_stacks

        return python_stacks(self.source)

    def _raw_ops(self) -> list[Columns]:
        return [self._raw_op_table(kind, table) for kind, table in enumerate(OP_TABLES.values())]

    def _raw_op_table(self, kind: int, table: str) -> Columns:
        kernel_names = [column for column in KERNEL_NAMES if self.source.catalog.has(table, column)]
        name = {
            tables.KERNEL: kernel_names[0] if kernel_names else "no_name",
            tables.MEMCPY: "copyKind",
            tables.GRAPH: "graphId",
        }.get(kind, "no_name")
        columns = self._read(
            table,
            [
                Read("start", "start", tables.OPEN_END),
                Read("end", "end"),
                Read("device", "deviceId", tables.NONE, "int32"),
                Read("process", "globalPid"),
                Read("context", "contextId", tables.NONE, "int32"),
                Read("stream", "streamId", tables.NONE, "int32"),
                Read("correlation", "correlationId", tables.NONE),
                Read("graph_node", "graphNodeId", tables.NO_GRAPH_NODE),
                Read("name", name, tables.NONE, "int32", NO_STRING),
            ],
        )
        rows = len(columns["start"])
        columns["kind"] = np.full(rows, kind, np.int8)
        columns["row"] = np.arange(rows, dtype=np.int32)
        if kind == tables.KERNEL:
            columns["name"] = self._kernel_names(table, columns["name"], kernel_names[1:])
        else:
            columns["name"] = self._numbered_names(kind, columns["name"])
        return self.usable.ops(table, columns)

    def _kernel_names(self, table: str, values: Array, others: list[str]) -> Array:
        """Name indices of kernels: where StringIds lacks a kernel's first name, its next that is there."""
        for other in others:
            lacking = [index for index in distinct(values).tolist() if index not in self.names]
            if not lacking:  # as in all that nsys writes: the other columns need not be read
                break
            next_names = self._read(table, [Read("name", other, tables.NONE, "int32", NO_STRING)])["name"]
            known = [index for index in distinct(next_names).tolist() if index in self.names]
            values = np.where(is_any(values, lacking) & is_any(next_names, known), next_names, values)
        return values

    def _numbered_names(self, kind: int, values: Array) -> Array:
        """Name indices of ops that the report names by a number: the copy's direction, the graph's ID."""
        present = distinct(values)
        index = [self.names.add(_op_name(kind, int(value)).encode()) for value in present]
        return np.array(index, np.int32)[np.searchsorted(present, values)] if len(present) else values

    def _raw_api(self) -> Columns:
        where = OneOf("eventClass", (0, 1)) if self.source.catalog.has(RUNTIME, "eventClass") else None
        columns = self._read(
            RUNTIME,
            [
                Read("start", "start", tables.OPEN_END),
                Read("end", "end", tables.NONE),
                Read("thread", "globalTid"),
                Read("correlation", "correlationId"),
                Read("name", "nameId", tables.NONE, "int32", NO_STRING),
                Read("code", "returnValue"),
            ],
            where,
        )
        columns["name"] = self._without_suffixes(columns["name"])
        code = columns.pop("code")
        columns["failed"] = code != 0
        self.errors = self._errors(columns["name"], code) if columns["failed"].any() else {}
        return self.usable.spans(RUNTIME, columns)

    def _errors(self, names: Array, code: Array) -> dict[tuple[str, int], int]:
        """How often calls returned which error code. `names`, `code`: of all calls, names as indices."""
        failed = np.flatnonzero(code)
        pairs, _ = combined_codes(names[failed], code[failed])
        _, first, number = np.unique(pairs, return_index=True, return_counts=True)
        each = names[failed[first]].tolist(), code[failed[first]].tolist(), number.tolist()
        return {(self.names[name], value): count for name, value, count in zip(*each, strict=True)}

    def _without_suffixes(self, values: Array) -> Array:
        """Map each name index to that of the name without _v7000 and _ptsz."""
        if not len(values):
            return values
        present, code = codes(values)
        mapped = [
            self.names.add(_VERSION_SUFFIX.sub(b"", self.names.raw(index))) if index in self.names else index
            for index in present.tolist()
        ]
        result: Array = np.array(mapped, np.int32)[code]
        return result

    def _raw_spans(self, table: str) -> Columns:
        columns = self._read(
            table,
            [
                Read("start", "start", tables.OPEN_END),
                Read("end", "end", tables.NONE),
                Read("thread", "globalTid"),
                Read("name", "nameId", tables.NONE, "int32", NO_STRING),
            ],
        )
        return self.usable.spans(table, columns)

    def _raw_nvtx(self) -> Columns:
        table = "NVTX_EVENTS"
        columns = self._read(
            table,
            [
                Read("start", "start", tables.OPEN_END),
                Read("end", "end", tables.OPEN_END),
                Read("thread", "globalTid"),
                Read("end_thread", "endGlobalTid", tables.NONE),
                Read("name", "textId", tables.NONE, "int32", NO_STRING),
                Read("domain", "domainId"),
                Read("color", "color", tables.NONE),
                Read("start_end", "eventType", 0, "int8"),
                Read("rowid", ROWID),
            ],
            NVTX_RANGES,
        )
        columns = self.usable.ranges(table, columns)
        columns["name"] = self._nvtx_names(columns)
        columns["start_end"] = columns["start_end"] == START_END
        del columns["rowid"]
        return columns

    def _nvtx_names(self, columns: Columns) -> Array:
        """A range's own text where it carries one, else its registered string."""
        index = columns["name"].copy()
        if len(index) and self.source.catalog.has("NVTX_EVENTS", "text"):
            texts = self.source.texts("NVTX_EVENTS", ROWID, "text", NVTX_RANGES)
            rows = np.fromiter((row for row, _ in texts), np.int64, len(texts))
            ids = np.fromiter(map(self.names.add, (text for _, text in texts)), np.int32, len(texts))
            position = np.searchsorted(columns["rowid"], rows)
            inside = position < len(index)
            inside[inside] = columns["rowid"][position[inside]] == rows[inside]
            index[position[inside]] = ids[inside]
        index[index == tables.NONE] = self.names.add(b"") if (index == tables.NONE).any() else tables.NONE
        return index

    def _raw_records(self, table: str) -> Columns:
        reads = [
            Read("process", "globalPid"),
            Read("correlation", "correlationId"),
            Read("context", "contextId", tables.NONE, "int32"),
            Read("stream", "streamId", tables.NONE, "int32"),
            Read("event", "eventId", tables.NONE),
            Read("event_sync", "eventSyncId", tables.NONE),
            Read("green_context", "greenContextId", 0, "int32"),
        ]
        columns = self._read(table, reads)
        for name in ("event", "event_sync"):  # no event: CUPTI's -1, which some exporters write as unsigned
            columns[name] = _instead(columns[name], NO_EVENT, tables.NONE)
        columns["green_context"] = _instead(columns["green_context"], tables.NONE, 0)
        return columns

    def _threads_and_processes(
        self, ops: list[Columns], spans: list[Columns], records: Iterable[Columns]
    ) -> tuple[Table, Table]:
        seen = [distinct(columns["thread"]) for columns in spans]
        global_tids = distinct(np.concatenate(seen))
        pids = [distinct(columns["process"]) for columns in (*ops, *records)]
        global_pids = distinct(np.concatenate([*pids, global_tids]) >> PID_SHIFT) << PID_SHIFT
        processes = Table(
            tables.PROCESSES,
            {
                "global_pid": global_pids,
                "pid": (global_pids >> PID_SHIFT) & 0xFFFFFF,
                "name": process_names(self.source, self.names, global_pids),
            },
        )
        threads = Table(
            tables.THREADS,
            {
                "global_tid": global_tids,
                "process": np.searchsorted(global_pids, (global_tids >> PID_SHIFT) << PID_SHIFT).astype(np.int32),
                "tid": global_tids & 0xFFFFFF,
                "name": thread_names(self.source, global_tids),
            },
        )
        return threads, processes

    def _ops(self, raw: list[Columns], processes: Table) -> tuple[Table, Gpus]:
        columns: Columns = {}
        for name in [column.name for column in tables.OPS.columns]:
            columns[name] = np.concatenate([part.pop(name) for part in raw])
        columns["process"] = process_rows(processes, columns["process"])
        placed_graphs(columns)
        gpus = identify_gpus(self.source, processes, columns["process"], columns["device"])
        columns["device"] = gpus.device
        self.warnings += gpus.notices
        return _sorted_by_start(tables.OPS, columns), gpus

    def _spans(self, schema: tables.Schema, columns: Columns, threads: Table) -> Table:
        columns["thread"] = positions(threads["global_tid"], columns["thread"])
        return _sorted_by_start(schema, columns)

    def _nvtx(self, columns: Columns, threads: Table) -> Table:
        columns["end_thread"] = rows_of(threads["global_tid"], columns["end_thread"])
        columns["thread"] = positions(threads["global_tid"], columns["thread"])
        order = np.lexsort((-columns["end"], columns["start"]))  # stable: equal ranges keep the report's order
        return Table(tables.NVTX, {name: column[order] for name, column in columns.items()})

    def _records(self, schema: tables.Schema, columns: Columns, processes: Table) -> Table:
        columns["process"] = held_once(process_rows(processes, columns["process"]))
        return Table(schema, columns)

    def _check_names(self, ops: Table, api: Columns) -> None:
        used = distinct(np.concatenate((distinct(ops["name"]), distinct(api["name"]))))
        missing = sum(int(index) not in self.names for index in used)
        if missing:
            said = counted(missing, "name is missing", "names are missing")
            self.warnings.append(Notice("warning", f"{said} in StringIds: shown as <no string ID>."))
        if invalid := self.names.invalid:
            said = counted(invalid, "name is", "names are")
            self.warnings.append(Notice("note", f"{said} not valid UTF-8: shown with replacement characters."))


def require_nsys_export(source: Source) -> None:
    """Raise NsysgapError unless the tables are those of an nsys export."""
    catalog = source.catalog
    if "StringIds" in catalog or any(table.startswith("CUPTI_ACTIVITY_KIND_") for table in catalog.columns):
        return
    what = "holds no tables" if not catalog.columns else "is a SQLite database, but not an nsys export"
    raise NsysgapError(
        f"{source.path} {what}.", "Make one: nsys profile --export sqlite ..., or: nsys export --type sqlite."
    )


def _op_name(kind: int, value: int) -> str:
    if kind == tables.MEMCPY:
        direction = COPY_KINDS[value] if 0 <= value < len(COPY_KINDS) else COPY_KINDS[0]
        return f"[CUDA memcpy {direction}]"
    return "[CUDA memset]" if kind == tables.MEMSET else f"[CUDA graph {value}]"


def _give_to_one_caller(ops: list[Columns], caller: int) -> None:
    """Ops without globalPid belong to the one process that made API calls (`caller`, 0: none did alone)."""
    for columns in ops if caller else ():
        columns["process"] = np.where(columns["process"] == 0, caller, columns["process"])


def _instead(values: Array, old: int, new: int) -> Array:
    """The values with another one in the place of one."""
    wrong = values == old
    return held_once(np.where(wrong, new, values).astype(values.dtype)) if wrong.any() else values


def _sorted_by_start(schema: tables.Schema, columns: Columns) -> Table:
    start = columns["start"]
    if len(start) and (start[1:] < start[:-1]).any():
        order = np.argsort(start, kind="stable")
        for name in list(columns):
            columns[name] = columns[name][order]
    for name in list(columns):
        columns[name] = held_once(columns[name])
    return Table(schema, columns)
