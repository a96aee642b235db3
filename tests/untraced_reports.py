"""Reports with kernels that were not traced, for tests."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from nsysgap.analysis.idle.idle_report import IdleReport
from nsysgap.report import open_source, read_trace

PROCESS, THREAD = 7 << 24, 7 << 24 | 70
TEXTS = {1: "parent", 2: "work", 3: "cudaLaunchKernel_v7000", 4: "cudaStreamSynchronize_v3020"}
Kernel = tuple[int, int, int, int, int]  # start, end, device, correlation, name
Call = tuple[int, int, int, int]  # start, end, correlation, name


def report(
    folder: Path, kernels: Sequence[Kernel], calls: Sequence[Call], samples: Sequence[tuple[int, int, int]] = ()
) -> Path:
    """A report of one process and thread; samples are (time, SMs Active in percent, device)."""
    path = folder / "report.sqlite"
    with closing(sqlite3.connect(path)) as made:
        made.executescript("""
            CREATE TABLE StringIds (id INTEGER PRIMARY KEY, value TEXT);
            CREATE TABLE CUPTI_ACTIVITY_KIND_KERNEL (start INTEGER, end INTEGER, deviceId INTEGER, contextId INTEGER,
                streamId INTEGER, correlationId INTEGER, globalPid INTEGER, demangledName INTEGER);
            CREATE TABLE CUPTI_ACTIVITY_KIND_RUNTIME (start INTEGER, end INTEGER, eventClass INTEGER,
                globalTid INTEGER, correlationId INTEGER, nameId INTEGER, returnValue INTEGER);
            CREATE TABLE TARGET_INFO_GPU_METRICS (typeId INTEGER, metricId INTEGER, metricName TEXT);
            CREATE TABLE GPU_METRICS (timestamp INTEGER, typeId INTEGER, metricId INTEGER, value INTEGER);
        """)
        made.executemany("INSERT INTO StringIds VALUES (?, ?)", TEXTS.items())
        made.executemany(
            f"INSERT INTO CUPTI_ACTIVITY_KIND_KERNEL VALUES (?, ?, ?, 1, 7, ?, {PROCESS}, ?)",
            [(start, end, device, correlation, name) for start, end, device, correlation, name in kernels],
        )
        made.executemany(f"INSERT INTO CUPTI_ACTIVITY_KIND_RUNTIME VALUES (?, ?, 0, {THREAD}, ?, ?, 0)", calls)
        for device in (0, 1):
            kind = 1 << 48 | device
            counters = [(kind, 3, "SMs Active [Throughput %]"), (kind, 4, "SM Issue [Throughput %]")]
            made.executemany("INSERT INTO TARGET_INFO_GPU_METRICS VALUES (?, ?, ?)", counters)
        for time, value, device in samples:
            rows = [(time, 1 << 48 | device, 4, 1), (time, 1 << 48 | device, 3, value)]
            made.executemany("INSERT INTO GPU_METRICS VALUES (?, ?, ?, ?)", rows)
        made.commit()
    return path


def idle_of(path: Path, **options: int) -> IdleReport:
    with open_source(path) as source:
        return IdleReport(read_trace(source), **options)  # type: ignore[arg-type]


# parent runs 100..200; the host waits 150..1000 for it and what it launched; then a plain kernel, waited for at once.
DARK_KERNELS = [(100, 200, 0, 1, 1), (1100, 1300, 0, 3, 2)]
DARK_CALLS = [(50, 90, 1, 3), (150, 1000, 2, 4), (1020, 1060, 3, 3), (1070, 1310, 4, 4)]
