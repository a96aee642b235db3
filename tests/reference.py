"""A slow, plain reading of docs/definitions.md, to compare the product with.

It shares no code with nsysgap and uses the standard library alone. Each rule of the
definitions is quoted where it is implemented; "Choice:" marks a place where the
definitions leave room. All times are integer nanoseconds as the report stores them.
"""

from __future__ import annotations

import re
import sqlite3
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Interval = tuple[int, int]  # half-open [start, end)
Piece = tuple[str, int, int]  # part, start, end
Key = tuple[int, int]  # process, correlationId
Json = dict[str, Any]

# "kind in the order kernel, memcpy, memset, graph"
TABLE_OF_KIND = {
    "kernel": "CUPTI_ACTIVITY_KIND_KERNEL",
    "memcpy": "CUPTI_ACTIVITY_KIND_MEMCPY",
    "memset": "CUPTI_ACTIVITY_KIND_MEMSET",
    "graph": "CUPTI_ACTIVITY_KIND_GRAPH_TRACE",
}
KIND_ORDER = {kind: order for order, kind in enumerate(TABLE_OF_KIND)}

# "of equals, the first in this order"
PARTS = (
    "in_graph", "queued", "launch", "profiler", "sync",
    "untraced", "cuda_api", "os", "host", "unknown",
)  # fmt: skip

# "a synchronising call (cudaStreamSynchronize, cudaDeviceSynchronize,
# cudaEventSynchronize and the driver's cuStream/cuCtx/cuEventSynchronize)"
SYNC_SCOPE = {
    "cudaStreamSynchronize": "stream",
    "cuStreamSynchronize": "stream",
    "cudaDeviceSynchronize": "context",
    "cuCtxSynchronize": "context",
    "cudaEventSynchronize": "event",
    "cuEventSynchronize": "event",
}

HIDDEN_AFTER_NS = 100_000  # "longer than 100 µs (an option)"
NO_ID = (None, -1, 0xFFFFFFFF)  # CUPTI_SYNCHRONIZATION_INVALID_VALUE, signed or not

# Choice: the definitions do not say what an op's name is.
KERNEL_NAME_COLUMNS = ("demangledName", "shortName", "mangledName")
COPY_KINDS = {
    0: "Unknown", 1: "Host-to-Device", 2: "Device-to-Host", 3: "Host-to-Array",
    4: "Array-to-Host", 5: "Array-to-Array", 6: "Array-to-Device",
    7: "Device-to-Array", 8: "Device-to-Device", 9: "Host-to-Host",
    10: "Peer-to-Peer", 11: "Unified Host-to-Device", 12: "Unified Device-to-Host",
    13: "Unified Device-to-Device",
}  # fmt: skip


@dataclass(frozen=True)
class Op:
    kind: str
    rowid: int
    start: int
    end: int
    device: int
    process: int | None
    context: int | None
    stream: int | None
    correlation: int | None
    graph_node: int | None
    name: str


@dataclass(frozen=True)
class Call:
    rowid: int
    start: int
    end: int
    thread: int | None  # globalTid
    correlation: int | None
    name: str


@dataclass(frozen=True)
class Gap:
    device: int
    start: int
    end: int
    parts: dict[str, int]
    before: Op | None
    after: Op | None


@dataclass
class Trace:
    ops: list[Op]
    calls: list[Call]
    first_call: dict[Key, Call]  # the launch call of the ops with that key
    first_start: dict[Key, int]  # earliest op start of that key, all kinds and devices
    process_busy: dict[int | None, list[Interval]]
    profiler: dict[int, list[Interval]]  # by globalTid, as recorded
    os: dict[int, list[Interval]]
    calls_of: dict[int, list[Call]]
    hidden_after_ns: int


# ---------------------------------------------------------------- intervals


def union(intervals: Iterable[Interval]) -> list[Interval]:
    """The same points as sorted, disjoint, not touching, non-empty intervals."""
    merged: list[Interval] = []
    for start, end in sorted(i for i in intervals if i[0] < i[1]):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged


def clip(disjoint: list[Interval], start: int, end: int) -> list[Interval]:
    """What of sorted, disjoint intervals lies in [start, end)."""
    inside = []
    i = max(0, bisect_left(disjoint, (start,)) - 1)  # the one before may reach in
    while i < len(disjoint) and disjoint[i][0] < end:
        lo, hi = max(disjoint[i][0], start), min(disjoint[i][1], end)
        if lo < hi:
            inside.append((lo, hi))
        i += 1
    return inside


def subtract(pieces: list[Interval], disjoint: list[Interval]) -> list[Interval]:
    """What of the pieces no interval of the sorted, disjoint list covers."""
    left = []
    for start, end in pieces:
        at = start
        for lo, hi in clip(disjoint, start, end):
            if at < lo:
                left.append((at, lo))
            at = hi
        if at < end:
            left.append((at, end))
    return left


def length(disjoint: Iterable[Interval]) -> int:
    return sum(end - start for start, end in disjoint)


# ------------------------------------------------------------------ reading


def decode(data: bytes) -> str:
    return data.decode("utf-8", errors="replace")


def text_of(value: object) -> str:
    return decode(value) if isinstance(value, bytes) else str(value)


def columns_of(db: sqlite3.Connection, table: str) -> set[str]:
    return {row[1] for row in db.execute(f'PRAGMA table_info("{table}")')}


def rows(db: sqlite3.Connection, table: str, *columns: str) -> list[tuple[Any, ...]]:
    """(rowid, columns...) by rowid; NULL for a missing column, nothing for a table."""
    have = columns_of(db, table)
    if not have:
        return []
    wanted = ", ".join(f'"{c}"' if c in have else "NULL" for c in columns)
    return db.execute(f'SELECT rowid, {wanted} FROM "{table}" ORDER BY rowid').fetchall()


def process_of(global_id: int | None) -> int | None:
    """ "globalPid or globalTid with the low 24 bits cleared." """
    return None if global_id is None else global_id & ~0xFFFFFF


def pid_of(global_id: int | None) -> int | None:
    """ "pid = (value >> 24) & 0xFFFFFF" """
    return None if global_id is None else (global_id >> 24) & 0xFFFFFF


def tid_of(global_tid: int | None) -> int | None:
    """ "tid = value & 0xFFFFFF" """
    return None if global_tid is None else global_tid & 0xFFFFFF


def key_of(process: int | None, correlation: int | None) -> Key | None:
    """ "A correlationId of 0 or NULL is no key at all"; nor is one of no process."""
    if process is None or correlation is None or correlation == 0:
        return None
    return (process, correlation)


def read_strings(db: sqlite3.Connection) -> dict[int, str]:
    found = rows(db, "StringIds", "id", "value")
    return {key: text_of(value) for _, key, value in found if value is not None}


def read_ops(db: sqlite3.Connection, strings: dict[int, str]) -> list[Op]:
    """ "one row of CUPTI_ACTIVITY_KIND_KERNEL, _MEMCPY, _MEMSET or _GRAPH_TRACE" """
    # "TARGET_INFO_CUDA_DEVICE maps (pid, cudaId) to gpuId; without that row, deviceId
    # stands." Choice: of several rows, the first.
    gpu_of: dict[tuple[int | None, int], int] = {}
    for _, pid, cuda, gpu in rows(db, "TARGET_INFO_CUDA_DEVICE", "pid", "cudaId", "gpuId"):
        if pid is not None and gpu is not None:
            gpu_of.setdefault((pid, cuda), gpu)
    ops = []
    for kind, table in TABLE_OF_KIND.items():
        for row in rows(
            db, table, "start", "end", "deviceId", "globalPid", "contextId", "streamId",
            "correlationId", "graphNodeId", "copyKind", *KERNEL_NAME_COLUMNS,
        ):  # fmt: skip
            rowid, start, end, device, pid, context, stream, corr, node, copy = row[:10]
            # "A row with start = end = 0 has no timestamp (CUPTI), one with end < start
            # is broken: both are left out". Choice: so are NULL times and devices.
            if start is None or end is None or device is None:
                continue
            if start == end == 0 or end < start:
                continue
            gpu = gpu_of.get((pid_of(pid), device), device)
            name = op_name(kind, copy, row[10:], strings)
            node = node or None  # 0 is no graph node
            process = process_of(pid)
            ops.append(Op(kind, rowid, start, end, gpu, process, context, stream, corr, node, name))
    return ops


def op_name(kind: str, copy: int | None, ids: tuple[Any, ...], strings: dict[int, str]) -> str:
    if kind == "kernel":
        return next((strings[i] for i in ids if i in strings), "")
    if kind == "memcpy":
        return f"[CUDA memcpy {COPY_KINDS.get(copy or 0, 'Unknown')}]"
    return f"[CUDA {kind}]"


def read_calls(db: sqlite3.Connection, strings: dict[int, str]) -> list[Call]:
    """ "one row of CUPTI_ACTIVITY_KIND_RUNTIME (runtime and driver calls alike" """
    table = "CUPTI_ACTIVITY_KIND_RUNTIME"
    has_class = "eventClass" in columns_of(db, table)
    calls = []
    for rowid, start, end, event_class, thread, corr, name in rows(
        db, table, "start", "end", "eventClass", "globalTid", "correlationId", "nameId"
    ):
        # "where the column eventClass exists, only 0 and 1: 67 repeats calls"
        if has_class and event_class not in (0, 1):
            continue
        # Choice: a call without times, or that ends before it starts, is ignored.
        if start is None or end is None or end < start:
            continue
        # "Its name without a trailing `_v1234` or `_ptsz`": cudaX_ptsz_v7000 has both.
        plain = re.sub(r"(_v\d+|_ptsz)+$", "", strings.get(name, ""))
        calls.append(Call(rowid, start, end, thread, corr, plain))
    return calls


def thread_intervals(db: sqlite3.Connection, table: str) -> dict[int, list[Interval]]:
    found: dict[int, list[Interval]] = defaultdict(list)
    for _, start, end, thread in rows(db, table, "start", "end", "globalTid"):
        if start is not None and end is not None:
            found[thread].append((start, end))
    return found


def read_trace(db: sqlite3.Connection, strings: dict[int, str], hidden_after_ns: int) -> Trace:
    ops, calls = read_ops(db, strings), read_calls(db, strings)
    # "Launch call of an op: the API call with the same (process, correlationId). [...]
    # Several calls match: the one that starts first (longest of equals)." Then: rowid.
    first_call: dict[Key, Call] = {}
    for call in sorted(calls, key=lambda c: (c.start, -c.end, c.rowid)):
        key = key_of(process_of(call.thread), call.correlation)
        if key is not None:
            first_call.setdefault(key, call)
    first_start: dict[Key, int] = {}
    for op in ops:
        key = key_of(op.process, op.correlation)
        if key is not None:
            first_start[key] = min(op.start, first_start.get(key, op.start))
    running: dict[int | None, list[Interval]] = defaultdict(list)
    for op in ops:
        running[op.process].append((op.start, op.end))
    calls_of: dict[int, list[Call]] = defaultdict(list)
    for call in calls:
        if call.thread is not None:
            calls_of[call.thread].append(call)
    return Trace(
        ops, calls, first_call, first_start,
        {process: union(intervals) for process, intervals in running.items()},
        thread_intervals(db, "PROFILER_OVERHEAD"), thread_intervals(db, "OSRT_API"),
        calls_of, hidden_after_ns,
    )  # fmt: skip


def launch_of(op: Op, trace: Trace) -> Call | None:
    key = key_of(op.process, op.correlation)
    return None if key is None else trace.first_call.get(key)


# ------------------------------------------------------- the parts of a gap


def thread_activity(thread: int, trace: Trace) -> list[tuple[str, list[Interval]]]:
    """What the thread was doing, as disjoint intervals, the first that applies first."""
    syncs = [c for c in trace.calls_of.get(thread, []) if c.name in SYNC_SCOPE]
    others = [c for c in trace.calls_of.get(thread, []) if c.name not in SYNC_SCOPE]
    # "a piece of such a synchronising call, in which no op of that process runs on any
    # device, longer than 100 µs (an option)": measured before any cut to a gap.
    running = trace.process_busy.get(process_of(thread), [])
    untraced = [
        (lo, hi)
        for call in syncs
        for lo, hi in subtract([(call.start, call.end)], running)
        if hi - lo > trace.hidden_after_ns
    ]
    return [
        ("profiler", union(trace.profiler.get(thread, []))),
        ("untraced", union(untraced)),  # a piece of a sync call, so it beats sync
        ("sync", union((c.start, c.end) for c in syncs)),
        ("cuda_api", union((c.start, c.end) for c in others)),
        ("os", union(trace.os.get(thread, []))),
    ]


def gap_pieces(
    a: int, b: int, after: Op | None, trace: Trace,
    activity: dict[int, list[tuple[str, list[Interval]]]],
) -> list[Piece]:  # fmt: skip
    """ "Let the gap be [a, b), L = [s, e) the launch call of its after-op" """
    if after is None:  # the window ends with a zero-length op
        return [("unknown", a, b)]
    key = key_of(after.process, after.correlation)
    # in_graph: "the whole gap, if the after-op is a graph op and an op of the same graph
    # launch (same process and correlationId) started before b"
    if after.graph_node is not None and key is not None and trace.first_start[key] < b:
        return [("in_graph", a, b)]
    call = launch_of(after, trace)
    # unknown: "the whole gap, if the after-op has no launch call"
    if call is None or call.thread is None:
        return [("unknown", a, b)]
    s, e = call.start, call.end
    pieces = [
        ("queued", max(a, e), b),  # "[max(a, e), b)"
        ("launch", max(a, s), min(b, e)),  # "[max(a, s), min(b, e))"
    ]
    # "then [a, min(s, b)), by what T was doing, the first that applies"
    if call.thread not in activity:
        activity[call.thread] = thread_activity(call.thread, trace)
    left = [(a, min(s, b))] if a < min(s, b) else []
    for part, intervals in activity[call.thread]:
        rest = subtract(left, intervals)
        pieces += [(part, lo, hi) for lo, hi in subtract(left, rest)]
        left = rest
    pieces += [("host", lo, hi) for lo, hi in left]  # "none of these"
    return [(part, lo, hi) for part, lo, hi in pieces if lo < hi]


# --------------------------------------------------------- gaps of a device


def tie_order(op: Op, trace: Trace) -> tuple[Any, ...]:
    """ "an op with a launch call before one without, then the earliest launch-call start,
    the lowest correlationId, kind in the order kernel, memcpy, memset, graph, then
    rowid". Choice: NULL counts as 0, since both are no key."""
    call = launch_of(op, trace)
    return (
        call is None,
        call.start if call else 0,
        op.correlation or 0,
        KIND_ORDER[op.kind],
        op.rowid,
    )


def pick(candidates: list[Op], trace: Trace) -> Op | None:
    return min(candidates, key=lambda op: tie_order(op, trace), default=None)


def device_gaps(device: int, ops: list[Op], window: Interval, chosen: list[Interval], trace: Trace) -> list[Gap]:
    """ "Gap: a maximal interval of the window with no op running"; of each, the maximal
    parts that are chosen."""
    starting, ending = defaultdict(list), defaultdict(list)
    for op in ops:
        if op.start < op.end:  # "zero-length ops do not count"
            starting[op.start].append(op)
            ending[op.end].append(op)
    activity: dict[int, list[tuple[str, list[Interval]]]] = {}
    gaps = []
    for a, b in subtract([window], union((op.start, op.end) for op in ops)):
        after = pick(starting[b], trace)  # "the op that starts where the gap ends"
        before = pick(ending[a], trace)  # Choice: of several, as for the after-op
        # "Gaps and parts are computed on the whole, then cut to the selection."
        pieces = gap_pieces(a, b, after, trace, activity)
        for lo, hi in clip(chosen, a, b):
            parts = dict.fromkeys(PARTS, 0)
            for part, start, end in pieces:
                parts[part] += max(0, min(end, hi) - max(start, lo))
            gaps.append(Gap(device, lo, hi, parts, before, after))
    return gaps


def device_report(
    device: int, name: str | None, trace: Trace, selection: list[Interval] | None
) -> tuple[Json, list[Gap]] | None:
    """The device's row, and all its gaps; None if nothing of it is selected."""
    ops = [op for op in trace.ops if op.device == device]
    # "from its first op's start to its last op's end, over all processes and streams"
    window = (min(op.start for op in ops), max(op.end for op in ops))
    # "or the part of it that a time range or NVTX ranges select"
    chosen = [window] if selection is None else clip(selection, *window)
    if not chosen:  # Choice: such a device is left out
        return None
    busy = union((op.start, op.end) for op in ops)  # "length of the union"
    gaps = device_gaps(device, ops, window, chosen, trace)
    row = {
        "device": device,
        "name": name,
        "window_ns": [chosen[0][0], chosen[-1][1]],
        "busy_ns": sum(length(clip(busy, lo, hi)) for lo, hi in chosen),
        "idle_ns": sum(gap.end - gap.start for gap in gaps),  # "Idle = sum of gaps"
        "gap_count": len(gaps),
        "longest_gap_ns": max((gap.end - gap.start for gap in gaps), default=0),
        # Choice: the parts of all gaps summed, not whole gaps by their cause
        "idle_by_cause_ns": {part: sum(gap.parts[part] for gap in gaps) for part in PARTS},
        "op_count": {kind: sum(op.kind == kind and selects(selection, op) for op in ops) for kind in TABLE_OF_KIND},
    }
    return row, gaps


def selects(selection: list[Interval] | None, op: Op) -> bool:
    """Does the op overlap the selection (of zero length: does it lie in it)?"""
    return selection is None or bool(clip(selection, op.start, max(op.end, op.start + 1)))


# ------------------------------------------------------------- what is told


def stats(values: list[int]) -> Json | None:
    """ "min, median = sorted[(n - 1) // 2], p90 and p99 = nearest rank,
    sorted[ceil(q·n) - 1], max"; "a STATS with no values is null" """
    if not values:
        return None
    ordered, n = sorted(values), len(values)

    def nearest_rank(percent: int) -> int:
        return ordered[-(-percent * n // 100) - 1]  # -(-x // y) is ceil(x / y)

    return {
        "count": n,
        "total": sum(ordered),
        "min": ordered[0],
        "median": ordered[(n - 1) // 2],
        "p90": nearest_rank(90),
        "p99": nearest_rank(99),
        "max": ordered[-1],
    }


class LatestEnd:
    """Of entries (at, end): the latest end among those with at < limit."""

    def __init__(self, entries: list[tuple[int, int]]) -> None:
        entries = sorted(entries)
        self.at = [at for at, _ in entries]
        self.latest: list[int] = []
        for _, end in entries:
            self.latest.append(max(end, self.latest[-1]) if self.latest else end)

    def before(self, limit: int) -> int | None:
        count = bisect_left(self.at, limit)
        return self.latest[count - 1] if count else None


def launch_statistics(trace: Trace) -> Json:
    """ "Launch latency (per op that has a launch call and is not a graph op)" """
    by_stream: dict[Any, list[tuple[int, int]]] = defaultdict(list)
    for op in trace.ops:
        by_stream[op.process, op.context, op.stream].append((op.start, op.end))
    streams = {stream: LatestEnd(entries) for stream, entries in by_stream.items()}
    found: Json = {}
    for kind in TABLE_OF_KIND:
        calls, latencies, queues, unqueued = [], [], [], []
        for op in trace.ops:
            call = launch_of(op, trace)
            if op.kind != kind or call is None or op.graph_node is not None:
                continue
            calls.append(call.end - call.start)  # "call = e - s"
            latencies.append(op.start - call.start)  # "latency = op start - s"
            queues.append(max(0, op.start - call.end))  # "queue = max(0, op start - e)"
            # "whose earlier ops (by start) all end at or before s", of the same
            # "(process, context, stream)"
            latest = streams[op.process, op.context, op.stream].before(op.start)
            if latest is None or latest <= call.start:
                unqueued.append(op.start - call.start)
        if calls:
            found[kind] = {
                "count": len(calls),
                "call_ns": stats(calls),
                "latency_ns": stats(latencies),
                "queue_ns": stats(queues),
                "unqueued_latency_ns": stats(unqueued),
            }
    return found


def graph_statistics(trace: Trace) -> Json:
    """ "Per graph launch: call, latency of its first op, span from its first op's start
    to its last op's end, busy within the span, node count." """
    groups: dict[Key, list[Op]] = defaultdict(list)
    for op in trace.ops:
        key = key_of(op.process, op.correlation)
        if op.graph_node is not None and key is not None:
            groups[key].append(op)
    launched = [(trace.first_call[k], ops) for k, ops in groups.items() if k in trace.first_call]
    spans = [max(o.end for o in ops) - min(o.start for o in ops) for ops in groups.values()]
    busy = [length(union((o.start, o.end) for o in ops)) for ops in groups.values()]
    return {
        "count": len(groups),
        "call_ns": stats([call.end - call.start for call, _ in launched]),
        "latency_ns": stats([min(o.start for o in ops) - call.start for call, ops in launched]),
        "span_ns": stats(spans),
        "busy_ns": stats(busy),
        "node_count": stats([len(ops) for ops in groups.values()]),
    }


@dataclass(frozen=True)
class EventRecord:
    process: int
    context: int | None
    stream: int | None
    event: int | None
    event_sync: int | None
    call: Call | None


def read_event_records(db: sqlite3.Connection, trace: Trace) -> list[EventRecord]:
    records = []
    for _, pid, corr, context, stream, event, event_sync in rows(
        db, "CUPTI_ACTIVITY_KIND_CUDA_EVENT",
        "globalPid", "correlationId", "contextId", "streamId", "eventId", "eventSyncId",
    ):  # fmt: skip
        if pid is not None:
            process = pid & ~0xFFFFFF
            key = key_of(process, corr)
            call = None if key is None else trace.first_call.get(key)
            records.append(EventRecord(process, context, stream, event, event_sync, call))
    return records


def awaited_record(
    call: Call, process: int, event: int | None, event_sync: int | None, records: list[EventRecord],
) -> EventRecord | None:  # fmt: skip
    records = [record for record in records if record.process == process]
    # "the record with the same eventSyncId". 0 is none: exporter 3.25 writes it into rows
    # of calls that await no event. Choice: of several, the first.
    for record in records:
        if record.event_sync == event_sync and event_sync not in (*NO_ID, 0):
            return record
    # "without one, the latest record of the same eventId whose call starts before S".
    # Choice: of equals, the last row.
    candidates = []
    for row, record in enumerate(records):
        same = record.event == event and event not in NO_ID
        if same and record.call is not None and record.call.start < call.start:
            candidates.append((record.call.start, row, record))
    return max(candidates)[2] if candidates else None


def sync_statistics(db: sqlite3.Connection, trace: Trace) -> Json:
    """ "Sync tail (per synchronising call S = [s, e))" """
    records = read_event_records(db, trace)
    sync_rows: dict[Key, tuple[Any, ...]] = {}
    for _, pid, corr, *ids in rows(
        db, "CUPTI_ACTIVITY_KIND_SYNCHRONIZATION",
        "globalPid", "correlationId", "contextId", "streamId", "eventId", "eventSyncId",
    ):  # fmt: skip
        key = key_of(process_of(pid), corr)
        if key is not None:
            sync_rows.setdefault(key, tuple(ids))  # Choice: of several, the first
    # Launched ops as (launch-call start, op end), by process, context and stream.
    launched: dict[tuple[Any, ...], list[tuple[int, int]]] = defaultdict(list)
    for op in trace.ops:
        launch = launch_of(op, trace)
        if launch is not None:
            for scope in ((op.process,), (op.process, op.context),
                          (op.process, op.context, op.stream)):  # fmt: skip
                launched[scope].append((launch.start, op.end))
    latest_of = {scope: LatestEnd(entries) for scope, entries in launched.items()}

    waits, tails, found_nothing = [], [], 0
    for call in trace.calls:
        if call.name not in SYNC_SCOPE:
            continue
        scope, limit = covered(call, sync_rows, records)
        latest = latest_of[scope].before(limit) if scope in latest_of else None
        # "With x the latest end of these ops: if x > s, the call waited x - s and its
        # tail is e - x; else it found nothing to wait for."
        if latest is not None and latest > call.start:
            waits.append(latest - call.start)
            tails.append(call.end - latest)
        else:
            found_nothing += 1
    waited = {"count": len(waits), "wait_ns": stats(waits), "tail_ns": stats(tails)}
    return {"waited": waited, "found_nothing": found_nothing}


def covered(
    call: Call, sync_rows: dict[Key, tuple[Any, ...]], records: list[EventRecord]
) -> tuple[tuple[Any, ...], int]:
    """(process[, context[, stream]]) of the covered ops, and what their launch calls
    start before ("those whose launch call starts before S")."""
    process = process_of(call.thread)
    key = key_of(process, call.correlation)
    # "A call without a synchronization row covers the whole process."
    if process is None or key is None or key not in sync_rows:
        return (process,), call.start
    context, stream, event, event_sync = sync_rows[key]
    kind = SYNC_SCOPE[call.name]  # "Take the kind of call from the API's name"
    if kind == "event":
        # "the stream of the awaited event, launched before the event was recorded". A
        # record whose call is unknown gives the stream, not the time.
        record = awaited_record(call, process, event, event_sync, records)
        if record is not None:
            limit = call.start if record.call is None else min(call.start, record.call.start)
            return (process, record.context, record.stream), limit
    if context in NO_ID:  # Choice: a row that names no context is like no row
        return (process,), call.start
    if kind == "stream" and stream not in NO_ID:  # "on the stream"
        return (process, context, stream), call.start
    return (process, context), call.start  # "the context"; "without any, the context"


class NvtxRanges:
    """The ranges open at a moment: eventType 59 (push/pop) and 60 (start/end)."""

    def __init__(self, db: sqlite3.Connection, strings: dict[int, str]) -> None:
        self.of_thread: dict[int, list[tuple[int, float, int, str]]] = defaultdict(list)
        for rowid, start, end, event_type, thread, text, text_id in rows(
            db, "NVTX_EVENTS", "start", "end", "eventType", "globalTid", "text", "textId"
        ):
            if event_type in (59, 60) and start is not None:
                name = strings.get(text_id, "") if text is None else text_of(text)
                # An open range (end NULL) reaches to the end of the trace.
                length = float("inf") if end is None else end - start
                self.of_thread[thread].append((start, -length, rowid, name))
        self.latest_end: dict[int, list[float]] = {}
        for thread, ranges in self.of_thread.items():
            ranges.sort()  # by start, then longer first, then rowid
            ends: list[float] = []
            for start, minus_length, _, _ in ranges:
                ends.append(max(start - minus_length, ends[-1] if ends else float("-inf")))
            self.latest_end[thread] = ends

    def at(self, thread: int, moment: int) -> list[str]:
        """ "outermost .. innermost at the launch": start <= moment < end."""
        ranges = self.of_thread.get(thread, [])
        names = []
        i = bisect_right(ranges, (moment, float("inf"))) - 1
        while i >= 0 and self.latest_end[thread][i] > moment:  # an earlier one is open
            start, minus_length, _, name = ranges[i]
            if start - minus_length > moment:
                names.append(name)
            i -= 1
        return names[::-1]


def op_json(op: Op | None) -> Json | None:
    if op is None:
        return None
    return {
        "kind": op.kind,
        "name": op.name,
        "stream": op.stream,
        "start_ns": op.start,
        "end_ns": op.end,
        "correlation_id": op.correlation,
        "graph_node": op.graph_node,
    }


def gap_json(gap: Gap, trace: Trace, nvtx: NvtxRanges) -> Json:
    after, parts = gap.after, gap.parts
    call = None if after is None else launch_of(after, trace)
    return {
        "device": gap.device,
        "start_ns": gap.start,
        "end_ns": gap.end,
        "duration_ns": gap.end - gap.start,
        # "its largest part (of equals, the first in this order": max() keeps the first
        "cause": max(PARTS, key=lambda part: parts[part]),
        "parts_ns": {part: parts[part] for part in PARTS if parts[part]},
        "before": op_json(gap.before),
        "after": op_json(after),
        # Choice: an after-op without launch call still tells the process.
        "process": None if after is None else pid_of(after.process),
        "thread": None if call is None else tid_of(call.thread),
        "nvtx": [] if call is None or call.thread is None else nvtx.at(call.thread, call.start),
    }


def read_versions(db: sqlite3.Connection) -> dict[str, str]:
    """ "in META_DATA_EXPORT (3.4.0 and later), EXPORT_META_DATA (2.9.1 to 3.1.7)" """
    found: dict[str, str] = {}
    for table in ("META_DATA_EXPORT", "EXPORT_META_DATA"):
        for _, name, value in rows(db, table, "name", "value"):
            found.setdefault(name, value)
    return found


def gaps_json(
    path: str,
    *,
    top: int | None = 20,
    hidden_after_ns: int = HIDDEN_AFTER_NS,
    windows: list[Interval] | None = None,
    selection: list[Interval] | None = None,
) -> Json:
    """The "nsysgap.gaps/1" document of the .sqlite report at ``path``.

    ``top``: how many gaps are listed, None for all. ``hidden_after_ns``: the threshold of
    ``untraced``. ``selection`` (or ``windows``): [start, end) intervals; their union is
    what devices and gaps are cut to. ``report.warnings`` is always empty.
    """
    selection = windows if selection is None else selection
    selection = None if selection is None else union(selection)
    db = sqlite3.connect(Path(path).absolute().as_uri() + "?mode=ro", uri=True)
    db.text_factory = decode
    try:
        strings = read_strings(db)
        trace = read_trace(db, strings, hidden_after_ns)
        nvtx = NvtxRanges(db, strings)
        versions = read_versions(db)
        details = rows(db, "ANALYSIS_DETAILS", "duration")
        number = "id" if "id" in columns_of(db, "TARGET_INFO_GPU") else "deviceId"
        gpus = dict(row[1:] for row in reversed(rows(db, "TARGET_INFO_GPU", number, "name")))
        devices: list[Json] = []
        gaps: list[Gap] = []
        for device in sorted({op.device for op in trace.ops}):
            found = device_report(device, gpus.get(device), trace, selection)
            if found is not None:
                devices.append(found[0])
                gaps += found[1]
        # "the longest ones (duration descending, then device, then start)"
        gaps.sort(key=lambda gap: (gap.start - gap.end, gap.device, gap.start))
        return {
            "schema": "nsysgap.gaps/1",
            "report": {
                "path": path,
                "nsys_version": versions.get("EXPORT_PRODUCT_VERSION"),
                "schema_version": versions.get("EXPORT_SCHEMA_VERSION"),
                "duration_ns": details[0][1] if details else None,
                "warnings": [],
            },
            "devices": devices,
            "launches": launch_statistics(trace),
            "graph_launches": graph_statistics(trace),
            "syncs": sync_statistics(db, trace),
            "gaps": [gap_json(gap, trace, nvtx) for gap in gaps[:top]],
        }
    finally:
        db.close()
