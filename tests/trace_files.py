"""Writes reports as traces for tests, and says by plain SQL what must be in them."""

from __future__ import annotations

import gzip
import json
import lzma
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from nsysgap.answers.opening import opened
from nsysgap.answers.to_chrome import ToChromeOptions, to_chrome
from nsysgap.commands.tracing import write_trace

OPS = {
    "kernel": "CUPTI_ACTIVITY_KIND_KERNEL",
    "gpu_memcpy": "CUPTI_ACTIVITY_KIND_MEMCPY",
    "gpu_memset": "CUPTI_ACTIVITY_KIND_MEMSET",
    "gpu_graph": "CUPTI_ACTIVITY_KIND_GRAPH_TRACE",
}
THREADS = {"cuda": "CUPTI_ACTIVITY_KIND_RUNTIME", "os_runtime": "OSRT_API", "profiler_overhead": "PROFILER_OVERHEAD"}
Spans = dict[str, tuple[int, int, int, int]]


def unpacked(report: Path, folder: Path) -> Path:
    """A copy of a report, unpacked if it is packed."""
    target = folder / report.name.removesuffix(".xz")
    if report.suffix == ".xz":
        target.write_bytes(lzma.decompress(report.read_bytes()))
    else:
        shutil.copyfile(report, target)
    return target


def write(report: Path, target: Path, **options: Any) -> Path:
    """Write a report in the format of the target's name."""
    form = "pftrace" if target.suffix == ".pftrace" else target.name.partition(".")[2]
    with opened(report) as read, target.open("wb") as file:
        for _, viewed in to_chrome(read, ToChromeOptions(**options)):
            write_trace(viewed, form, file)
    return target


def document(trace: Path) -> dict[str, Any]:
    """A Chrome trace, parsed strictly."""
    packed = trace.suffix == ".gz"
    text = gzip.decompress(trace.read_bytes()) if packed else trace.read_bytes()
    found: dict[str, Any] = json.loads(text, parse_constant=_refuse)
    return found


def _refuse(word: str) -> None:
    raise ValueError(f"{word} is no JSON")


def expected_spans(report: Path) -> Spans:
    """Per category (count, total ns, least start, greatest end) of the report's rows with a usable time."""
    found: Spans = {}
    with closing(sqlite3.connect(f"file:{report}?mode=ro", uri=True)) as connection:
        tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        for category, table in {**OPS, **THREADS}.items():
            if table not in tables:
                continue
            columns = {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}
            where = 'WHERE "end" >= start' + (" AND eventClass IN (0, 1)" if _has_classes(table, columns) else "")
            where += ' AND NOT (start = 0 AND "end" = 0)' if category in OPS else ""
            row = connection.execute(
                f'SELECT count(*), sum("end" - start), min(start), max("end") FROM {table} {where}'
            ).fetchone()
            if row[0]:
                found[category] = row
        if "NVTX_EVENTS" in tables:
            row = connection.execute(
                'SELECT count(*), ifnull(sum("end" - start), 0), min(start), 0 FROM NVTX_EVENTS '
                'WHERE eventType IN (59, 60) AND ("end" IS NULL OR "end" >= start)'
            ).fetchone()
            if row[0]:
                found["user_annotation"] = row
        found |= _expected_samples(connection, tables)
    return found


def _expected_samples(connection: sqlite3.Connection, tables: set[str]) -> Spans:
    """Stack samples of threads that have other events: moments, so their total is 0."""
    threads = [f"SELECT globalTid FROM {table}" for table in THREADS.values() if table in tables]
    if "NVTX_EVENTS" in tables:
        threads.append("SELECT globalTid FROM NVTX_EVENTS WHERE eventType IN (59, 60)")
    known = f"globalTid IN ({' UNION '.join(threads) or 'NULL'})"
    queries = {}
    if {"COMPOSITE_EVENTS", "SAMPLING_CALLCHAINS"} <= tables:
        queries["cpu_sample"] = f"COMPOSITE_EVENTS WHERE id IN (SELECT id FROM SAMPLING_CALLCHAINS) AND {known}"
    if "NVTX_PAYLOAD_SCHEMAS" in tables:
        domains = "SELECT domainId FROM NVTX_PAYLOAD_SCHEMAS WHERE name = 'Python Periodic Sampling'"
        queries["python_sample"] = f"NVTX_EVENTS WHERE binaryData IS NOT NULL AND domainId IN ({domains}) AND {known}"
    found: Spans = {}
    for category, query in queries.items():
        row = connection.execute(f"SELECT count(*), 0, min(start), max(start) FROM {query}").fetchone()
        if row[0]:
            found[category] = row
    return found


def _has_classes(table: str, columns: set[str]) -> bool:
    return table == THREADS["cuda"] and "eventClass" in columns


def expected_arrows(report: Path) -> set[tuple[int, int]]:
    """(pid, correlation ID) of every call that launched an op, by a join in Python."""
    with closing(sqlite3.connect(f"file:{report}?mode=ro", uri=True)) as connection:
        tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if THREADS["cuda"] not in tables:
            return set()
        columns = {row[1] for row in connection.execute(f"PRAGMA table_info({THREADS['cuda']})")}
        where = " AND eventClass IN (0, 1)" if "eventClass" in columns else ""
        calls = connection.execute(
            f"SELECT DISTINCT (globalTid >> 24) & 16777215, correlationId FROM {THREADS['cuda']} "
            f'WHERE correlationId <> 0 AND "end" >= start{where}'
        )
        known = set(calls)
        found = set()
        for table in OPS.values():
            if table in tables:
                pid = "(globalPid >> 24) & 16777215"
                found |= set(connection.execute(f"SELECT DISTINCT {pid}, correlationId FROM {table}")) & known
    return found


def shift(report: Path) -> int:
    """By how much a trace's times are later than the report's: viewers drop what lies before 0."""
    first = min((span[2] for span in expected_spans(report).values()), default=0)
    with closing(sqlite3.connect(f"file:{report}?mode=ro", uri=True)) as connection:
        if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'GPU_METRICS'").fetchone():
            first = min(first, connection.execute("SELECT min(timestamp) FROM GPU_METRICS").fetchone()[0])
    return max(0, -first)
