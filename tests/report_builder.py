"""Real SQLite reports, row by row, so that a test shows its input and the expected figures on one screen.

    report = ReportBuilder()
    report.call(0, 10, 1).kernel(20, 50, 1)        # call [0, 10) launched the kernel [20, 50): correlation ID 1
    report.launch((40, 60), (70, 90), stream=8)    # the same in one step, with a correlation ID of its own
    assert report.idle(tmp_path).devices[0].idle == 20

Tables and columns are those of a recent export. As in a real one, a table exists once it has a row. Every method takes
further columns by their own names (returnValue=1), `without` leaves tables or columns out, `row` writes into any table.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from nsysgap.analysis.idle.idle_report import IdleReport
from nsysgap.causes import PARTS
from nsysgap.intervals import IntervalSet, union
from nsysgap.report import open_source, read_trace
from nsysgap.tables import Trace

HOST = 1 << 48  # nsys keeps host and virtual machine above the pid
NO_ID = 0xFFFFFFFF  # CUPTI_SYNCHRONIZATION_INVALID_VALUE
KERNEL = "CUPTI_ACTIVITY_KIND_KERNEL"
MEMCPY = "CUPTI_ACTIVITY_KIND_MEMCPY"
MEMSET = "CUPTI_ACTIVITY_KIND_MEMSET"
GRAPH_TRACE = "CUPTI_ACTIVITY_KIND_GRAPH_TRACE"
RUNTIME = "CUPTI_ACTIVITY_KIND_RUNTIME"
SYNCHRONIZATION = "CUPTI_ACTIVITY_KIND_SYNCHRONIZATION"
CUDA_EVENT = "CUPTI_ACTIVITY_KIND_CUDA_EVENT"

_OP = "start end deviceId contextId streamId correlationId globalPid"
_SYNC = "deviceId contextId streamId correlationId globalPid eventId eventSyncId"
_COLUMNS = {
    "StringIds": "id value",
    "META_DATA_EXPORT": "name value",
    "ANALYSIS_DETAILS": "globalVid duration startTime stopTime",
    "TARGET_INFO_GPU": "vmId id name busLocation smCount totalMemory cuDevice uuid",
    "TARGET_INFO_CUDA_DEVICE": "gpuId cudaId pid uuid",
    "TARGET_INFO_CUDA_STREAM": "streamId hwId vmId processId contextId priority flag",
    "PROCESSES": "globalPid pid name",
    "ThreadNames": "nameId priority globalTid",
    "TARGET_INFO_SYSTEM_ENV": "globalVid devStateName name nameEnum value",
    "DIAGNOSTIC_EVENT": "timestamp timestampType source severity text globalPid",
    KERNEL: f"{_OP} demangledName shortName mangledName registersPerThread gridX gridY gridZ blockX blockY blockZ "
    "staticSharedMemory dynamicSharedMemory graphNodeId",
    MEMCPY: f"{_OP} bytes copyKind srcKind dstKind graphNodeId",
    MEMSET: f"{_OP} value bytes graphNodeId memKind",
    GRAPH_TRACE: f"{_OP} graphId graphExecId",
    RUNTIME: "start end eventClass globalTid correlationId nameId returnValue callchainId",
    SYNCHRONIZATION: f"start end {_SYNC} syncType",
    CUDA_EVENT: f"{_SYNC}",
    "NVTX_EVENTS": "start end eventType rangeId category color text globalTid endGlobalTid textId domainId",
    "OSRT_API": "start end eventClass globalTid correlationId nameId returnValue nestingLevel callchainId",
    "PROFILER_OVERHEAD": "start end globalTid nameId returnValue",
}
# What the oldest public exports (2021) did not have yet.
OLD_LAYOUT = (
    *("META_DATA_EXPORT", "ANALYSIS_DETAILS", "TARGET_INFO_CUDA_DEVICE", "PROCESSES", "DIAGNOSTIC_EVENT"),
    *(CUDA_EVENT, f"{SYNCHRONIZATION}.eventSyncId", f"{KERNEL}.mangledName", "NVTX_EVENTS.textId"),
)


def global_pid(pid: int) -> int:
    """nsys's number of a process."""
    return HOST | pid << 24


def global_tid(pid: int, tid: int) -> int:
    """nsys's number of a thread."""
    return global_pid(pid) | tid


def intervals(*spans: tuple[int, int]) -> IntervalSet:
    """A set of intervals, such as a selection."""
    starts, ends = np.array(spans, np.int64).reshape(len(spans), 2).T
    return union(starts, ends)


def gap_parts(idle: IdleReport) -> list[tuple[int, int, dict[str, int]]]:
    """(start, end, parts that are not zero) of every gap, by device and start: what the tests of analyses expect."""
    rows = np.arange(len(idle.gaps))
    named = [
        {name: value for name, value in zip(PARTS, parts, strict=True) if value} for parts in idle.parts(rows).tolist()
    ]
    return list(zip(idle.gaps.start.tolist(), idle.gaps.end.tolist(), named, strict=True))


class ReportBuilder:
    """The rows of a report to be. Every method that adds rows gives the builder back."""

    def __init__(self, *, without: tuple[str, ...] = ()) -> None:
        self.without = without
        self.tables: dict[str, list[dict[str, Any]]] = {}
        self.strings: dict[str | bytes, int] = {}
        self._next_correlation = 1_000

    def row(self, table: str, **columns: Any) -> ReportBuilder:
        """One row of any table; columns not named are NULL."""
        self.tables.setdefault(table, []).append(columns)
        return self

    def text(self, value: str | bytes) -> int:
        """The ID of a text in StringIds."""
        if value not in self.strings:
            self.strings[value] = len(self.strings) + 1
            self.row("StringIds", id=self.strings[value], value=value)
        return self.strings[value]

    # -------------------------------------------------------------- on the GPU

    def kernel(
        self, start: int | None, end: int | None, correlation: int | None = 0, name: str | bytes = "kernel", **more: Any
    ) -> ReportBuilder:
        """A kernel, launched by the call with the same correlation ID."""
        return self._op(KERNEL, start, end, correlation, **{"demangledName": self.text(name), **more})

    def memcpy(self, start: int | None, end: int | None, correlation: int | None = 0, **more: Any) -> ReportBuilder:
        """A copy, from host to device unless copyKind says otherwise."""
        return self._op(MEMCPY, start, end, correlation, **{"copyKind": 1, "bytes": 64, **more})

    def memset(self, start: int | None, end: int | None, correlation: int | None = 0, **more: Any) -> ReportBuilder:
        """A memset."""
        return self._op(MEMSET, start, end, correlation, **{"value": 0, "bytes": 64, **more})

    def graph_trace(self, start: int, end: int, correlation: int | None = 0, **more: Any) -> ReportBuilder:
        """A whole CUDA graph, as `--cuda-graph-trace=graph` records it."""
        return self._op(GRAPH_TRACE, start, end, correlation, **{"graphId": 3, "graphExecId": 4, **more})

    def _op(
        self,
        table: str,
        start: int | None,
        end: int | None,
        correlation: int | None,
        *,
        pid: int = 1,
        device: int | None = 0,
        stream: int | None = 7,
        context: int | None = 1,
        node: int | None = None,
        **more: Any,
    ) -> ReportBuilder:
        if table != GRAPH_TRACE:
            more["graphNodeId"] = node
        columns = {
            "start": start,
            "end": end,
            "deviceId": device,
            "contextId": context,
            "streamId": stream,
            "correlationId": correlation,
            "globalPid": global_pid(pid),
        }
        return self.row(table, **{**columns, **more})

    # ------------------------------------------------------------- on the host

    def call(
        self,
        start: int | None,
        end: int | None,
        correlation: int | None = 0,
        name: str = "cudaLaunchKernel_v7000",
        *,
        pid: int = 1,
        tid: int = 1,
        **more: Any,
    ) -> ReportBuilder:
        """A CUDA API call."""
        columns = {
            "start": start,
            "end": end,
            "eventClass": 0,
            "globalTid": global_tid(pid, tid),
            "correlationId": correlation,
            "nameId": self.text(name),
            "returnValue": 0,
        }
        return self.row(RUNTIME, **{**columns, **more})

    def launch(
        self,
        call: tuple[int, int],
        kernel: tuple[int, int],
        name: str = "kernel",
        *,
        pid: int = 1,
        tid: int = 1,
        **more: Any,
    ) -> ReportBuilder:
        """A kernel and the call that launched it, under a correlation ID of their own."""
        self._next_correlation += 1
        self.call(*call, self._next_correlation, pid=pid, tid=tid)
        return self.kernel(*kernel, self._next_correlation, name, pid=pid, **more)

    def graph_launch(
        self, call: tuple[int, int], *nodes: tuple[int, int], pid: int = 1, tid: int = 1, **more: Any
    ) -> ReportBuilder:
        """One cudaGraphLaunch call and the kernels of its graph, one per node."""
        self._next_correlation += 1
        self.call(*call, self._next_correlation, "cudaGraphLaunch_v10000", pid=pid, tid=tid)
        for number, (start, end) in enumerate(nodes, 1):
            self.kernel(start, end, self._next_correlation, f"node {number}", node=number, pid=pid, **more)
        return self

    def sync(
        self,
        start: int,
        end: int,
        correlation: int | None = None,
        name: str = "cudaDeviceSynchronize_v3020",
        *,
        record: bool = True,
        pid: int = 1,
        tid: int = 1,
        context: int | None = 1,
        stream: int | None = NO_ID,
        event: int | None = NO_ID,
        event_sync: int | None = NO_ID,
    ) -> ReportBuilder:
        """A synchronising call, with its synchronization record unless told otherwise."""
        if correlation is None:
            correlation = self._next_correlation = self._next_correlation + 1
        self.call(start, end, correlation, name, pid=pid, tid=tid)
        return self.sync_record(correlation, pid, context, stream, event, event_sync) if record else self

    def sync_record(
        self,
        correlation: int | None,
        pid: int = 1,
        context: int | None = 1,
        stream: int | None = NO_ID,
        event: int | None = NO_ID,
        event_sync: int | None = NO_ID,
    ) -> ReportBuilder:
        """What a synchronising call waited for."""
        return self.row(
            SYNCHRONIZATION,
            correlationId=correlation,
            globalPid=global_pid(pid),
            deviceId=0,
            contextId=context,
            streamId=stream,
            eventId=event,
            eventSyncId=event_sync,
        )

    def event_record(
        self,
        start: int,
        end: int,
        correlation: int,
        *,
        pid: int = 1,
        tid: int = 1,
        context: int | None = 1,
        stream: int | None = 7,
        event: int | None = NO_ID,
        event_sync: int | None = NO_ID,
        call: bool = True,
    ) -> ReportBuilder:
        """A cudaEventRecord call, and the event on its stream."""
        if call:
            self.call(start, end, correlation, "cudaEventRecord_v3020", pid=pid, tid=tid)
        return self.row(
            CUDA_EVENT,
            correlationId=correlation,
            globalPid=global_pid(pid),
            deviceId=0,
            contextId=context,
            streamId=stream,
            eventId=event,
            eventSyncId=event_sync,
        )

    def nvtx(
        self,
        start: int | None,
        end: int | None,
        text: str | bytes | None = None,
        *,
        pid: int = 1,
        tid: int = 1,
        event_type: int = 59,
        registered: str | None = None,
        **more: Any,
    ) -> ReportBuilder:
        """An NVTX range: its own text, or a registered one (textId); push/pop unless event_type is 60."""
        columns = {
            "start": start,
            "end": end,
            "eventType": event_type,
            "text": text,
            "globalTid": global_tid(pid, tid),
            "textId": None if registered is None else self.text(registered),
        }
        return self.row("NVTX_EVENTS", **{**columns, **more})

    def osrt(
        self, start: int | None, end: int | None, name: str = "poll", *, pid: int = 1, tid: int = 1, **more: Any
    ) -> ReportBuilder:
        """An operating-system runtime call."""
        thread = global_tid(pid, tid)
        return self.row(
            "OSRT_API", **{"start": start, "end": end, "globalTid": thread, "nameId": self.text(name), **more}
        )

    def overhead(
        self, start: int | None, end: int | None, name: str = "Buffer flush", *, pid: int = 1, tid: int = 1, **more: Any
    ) -> ReportBuilder:
        """The profiler's own work on a thread."""
        columns = {"start": start, "end": end, "globalTid": global_tid(pid, tid), "nameId": self.text(name)}
        return self.row("PROFILER_OVERHEAD", **{**columns, **more})

    # ------------------------------------------------------------ about itself

    def gpu(self, number: int, name: str, **more: Any) -> ReportBuilder:
        """A physical GPU."""
        return self.row("TARGET_INFO_GPU", **{"vmId": HOST, "id": number, "name": name, **more})

    def device(self, pid: int, ordinal: int, gpu: int | None, **more: Any) -> ReportBuilder:
        """Which physical GPU a process's own ordinal is."""
        return self.row("TARGET_INFO_CUDA_DEVICE", **{"gpuId": gpu, "cudaId": ordinal, "pid": pid, **more})

    def stream(self, stream: int, flag: int, *, pid: int = 1, context: int = 1) -> ReportBuilder:
        """A stream: flag 1 blocking, 2 non-blocking, 3 the legacy null stream."""
        columns = {"hwId": 0, "vmId": 1, "processId": pid, "contextId": context, "priority": 0}
        return self.row("TARGET_INFO_CUDA_STREAM", streamId=stream, flag=flag, **columns)

    def process(self, pid: int, name: str) -> ReportBuilder:
        """A process's name."""
        return self.row("PROCESSES", globalPid=global_pid(pid), pid=pid, name=name)

    def thread(self, pid: int, tid: int, name: str) -> ReportBuilder:
        """A thread's name."""
        return self.row("ThreadNames", nameId=self.text(name), priority=0, globalTid=global_tid(pid, tid))

    def versions(self, nsys: str = "2025.3.2.474", schema: str = "3.20.3") -> ReportBuilder:
        """The exporter's versions."""
        self.row("META_DATA_EXPORT", name="EXPORT_PRODUCT_VERSION", value=nsys)
        return self.row("META_DATA_EXPORT", name="EXPORT_SCHEMA_VERSION", value=schema)

    def diagnostic(self, severity: int, text: str, pid: int = 0) -> ReportBuilder:
        """What nsys said about the capture: severity 1 note, 2 warning, 3 error."""
        return self.row("DIAGNOSTIC_EVENT", timestamp=0, severity=severity, text=text, globalPid=global_pid(pid))

    # ----------------------------------------------------------------- results

    def save(self, folder: Path, name: str = "report.sqlite") -> Path:
        """Write the report; the path of the file."""
        path = folder / name
        path.unlink(missing_ok=True)
        self.text("")  # a report without any text is none
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA synchronous = OFF")  # a thousand small files, none of them precious
            for table, rows in self.tables.items():
                if table not in self.without:
                    self._write(connection, table, rows)
            connection.commit()
        return path

    def _write(self, connection: sqlite3.Connection, table: str, rows: list[dict[str, Any]]) -> None:
        named = [*_COLUMNS.get(table, "").split(), *(column for row in rows for column in row)]
        left_out = {column for place, _, column in (one.partition(".") for one in self.without) if place == table}
        columns = [column for column in dict.fromkeys(named) if column not in left_out]
        quoted = ", ".join(f'"{column}"' for column in columns)
        connection.execute(f'CREATE TABLE "{table}" ({quoted})')
        # Bytes stand for text that may be no valid UTF-8, as found in real reports.
        marks = ", ".join(
            "CASE typeof(?1) WHEN 'blob' THEN CAST(?1 AS TEXT) ELSE ?1 END".replace("?1", f"?{place}")
            for place, _ in enumerate(columns, 1)
        )
        values = ([row.get(column) for column in columns] for row in rows)
        connection.executemany(f'INSERT INTO "{table}" VALUES ({marks})', values)

    def trace(self, folder: Path) -> Trace:
        """The report as nsysgap reads it."""
        with open_source(self.save(folder)) as source:
            return read_trace(source)

    def idle(self, folder: Path, *selected: tuple[int, int], **options: Any) -> IdleReport:
        """The analysis of the report, of the selected times only if there are any."""
        if selected:
            options["selection"] = intervals(*selected)
        return IdleReport(self.trace(folder), **options)
