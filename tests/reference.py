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
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

Interval = tuple[int, int]  # half-open [start, end)
Piece = tuple[str, int, int]  # part, start, end
Key = tuple[int, int]  # process, correlationId
Device = tuple[int, str]  # number, and what else it takes to name one GPU ("" if nothing)
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

# "A call that cannot launch (cudaEvent..., cudaStreamWaitEvent, cudaStreamQuery, the
# synchronising calls and the driver's) is nobody's launch call"
CANNOT_LAUNCH = re.compile(r"cu(da)?(Event|StreamWaitEvent$|StreamQuery$)")

HIDDEN_AFTER_NS = 100_000  # "longer than 100 µs (an option)"
BEGINS_ON_HOST = 2147483647  # deviceId and contextId of a whole graph that begins with a host node
LEGACY_NULL, BLOCKING = 3, 1  # TARGET_INFO_CUDA_STREAM.flag
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
    device: Device
    process: int | None
    context: int | None
    stream: int | None
    correlation: int | None
    graph_node: int | None
    green_context: int | None
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
    device: Device
    start: int
    end: int
    parts: dict[str, int]
    held: int
    before: Op | None
    after: Op | None


@dataclass
class Trace:
    ops: list[Op]
    calls: list[Call]
    calls_of_key: dict[Key, list[Call]]  # by start, without those nested in another
    first_start: dict[tuple[Key, Call | None], int]  # earliest op start of a launch, all kinds and devices
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


class Session:
    """ "Stray row: ANALYSIS_DETAILS.duration D is known and the row starts after 2D + 10 s
    or ends before -(D + 10 s)". Choice: of several rows the first; 0 is not known."""

    def __init__(self, db: sqlite3.Connection) -> None:
        details = rows(db, "ANALYSIS_DETAILS", "duration")
        self.duration: int | None = details[0][1] if details else None

    def strays(self, start: int, end: int | None) -> bool:
        if not self.duration or self.duration < 0:
            return False
        ten_seconds = 10_000_000_000
        late = start > 2 * self.duration + ten_seconds
        return late or (end is not None and end < -(self.duration + ten_seconds))


def read_strings(db: sqlite3.Connection) -> dict[int, str]:
    found = rows(db, "StringIds", "id", "value")
    return {key: text_of(value) for _, key, value in found if value is not None}


@dataclass(frozen=True)
class OpRow:
    """An op as its row tells it: the device is the process's own ordinal."""

    kind: str
    rowid: int
    start: int
    end: int
    ordinal: int
    process: int | None
    context: int | None
    stream: int | None
    correlation: int | None
    node: int | None
    green_context: int | None
    name: str


def read_op_rows(db: sqlite3.Connection, strings: dict[int, str], session: Session, only: int | None) -> list[OpRow]:
    """ "one row of CUPTI_ACTIVITY_KIND_KERNEL, _MEMCPY, _MEMSET or _GRAPH_TRACE".

    only: the one process that made API calls."""
    found = []
    for kind, table in TABLE_OF_KIND.items():
        for row in rows(
            db, table, "start", "end", "deviceId", "globalPid", "contextId", "streamId",
            "correlationId", "graphNodeId", "copyKind", "greenContextId", *KERNEL_NAME_COLUMNS,
        ):  # fmt: skip
            rowid, start, end, device, pid, context, stream, corr, node, copy, green = row[:11]
            # "A row with start = end = 0 has no timestamp (CUPTI), one with end < start
            # is broken: both are left out". Choice: so are NULL times and devices.
            if start is None or end is None or device is None:
                continue
            if start == end == 0 or end < start or session.strays(start, end):
                continue
            name = op_name(kind, copy, row[11:], strings)
            # "An op without globalPid (NULL, or no such column) belongs to the one process
            # that made API calls, if exactly one did; else to none". Choice: 0 is NULL.
            process = process_of(pid) or only
            found.append(
                OpRow(
                    kind, rowid, start, end, device, process, context, stream, corr, node or None, green or None, name
                )
            )  # 0 is no graph node, no green context
    return [placed(row, found) for row in found]


def placed(row: OpRow, all_rows: list[OpRow]) -> OpRow:
    """ "A whole-graph row with deviceId 2147483647 (it begins with a host node): the device
    and context of the process's other ops on that stream, else of the process." Choice:
    of several, those of the op that starts first, then kind and rowid."""
    if row.kind != "graph" or row.ordinal != BEGINS_ON_HOST:
        return row
    others = [o for o in all_rows if o.process == row.process and o.ordinal != BEGINS_ON_HOST]
    others = [o for o in others if o.stream == row.stream] or others
    if not others:
        return row
    first = min(others, key=lambda o: (o.start, KIND_ORDER[o.kind], o.rowid))
    return replace(row, ordinal=first.ordinal, context=first.context)


def host_of(process: int | None) -> int:
    """ "other upper 16 bits of globalPid (host, VM)" """
    return (process or 0) >> 48


class Devices:
    """ "Device: the physical GPU." """

    def __init__(self, db: sqlite3.Connection, ops: list[OpRow]) -> None:
        self.gpus = read_gpus(db)
        self.table = rows(db, "TARGET_INFO_CUDA_DEVICE", "pid", "cudaId", "gpuId", "uuid")
        self.hosts = {host_of(op.process) for op in ops if op.process}
        self.users: dict[tuple[int, int], set[int | None]] = defaultdict(set)  # of an ordinal of a host
        self.known: dict[tuple[int | None, int], Device] = {}
        for op in ops:
            self.users[host_of(op.process), op.ordinal].add(op.process)

    def of(self, process: int | None, ordinal: int) -> Device:
        if (process, ordinal) not in self.known:
            self.known[process, ordinal] = self._identified(process, ordinal)
        return self.known[process, ordinal]

    def _identified(self, process: int | None, ordinal: int) -> Device:
        number, which = self._on_host(process, ordinal)
        # "with several hosts `which` is "on N", N those bits". Choice: of both, both.
        if len(self.hosts) > 1 and process:
            which = f"{which} on {host_of(process)}".strip()
        return number, which

    def _on_host(self, process: int | None, ordinal: int) -> Device:
        # "TARGET_INFO_CUDA_DEVICE maps (pid, cudaId) to gpuId, or to its uuid where gpuId
        # is NULL (MIG)". Choice: of several rows, the first that has either; a uuid that
        # TARGET_INFO_GPU knows is that GPU; a MIG device's number is its ordinal.
        for _, pid, cuda, gpu, uuid in self.table:
            if pid == pid_of(process) and cuda == ordinal and (gpu is not None or uuid):
                if gpu is None:
                    whole = [g["id"] for g in self._of_host(process) if g["uuid"] == uuid]
                    return (whole[0], "") if whole else (ordinal, text_of(uuid))
                return gpu, ""
        # "A process that stays unresolved shares a GPU with nobody by guess: where the
        # report describes several GPUs and several processes use the same ordinal, each
        # unresolved process's device is its own (`which`: "of PID")". Choice: both are
        # counted on the process's own host.
        several = len(self._of_host(process)) > 1
        if several and len(self.users[host_of(process), ordinal]) > 1:
            return ordinal, f"of {pid_of(process)}" if process else "of no process"
        # "A report without that table: TARGET_INFO_GPU.cuDevice = deviceId names the GPU,
        # if one GPU alone has that cuDevice; else deviceId stands."
        named = [gpu["id"] for gpu in self._of_host(process) if gpu["cuDevice"] == ordinal]
        return (named[0], "") if not self.table and len(named) == 1 else (ordinal, "")

    def _of_host(self, process: int | None) -> list[dict[str, Any]]:
        """The GPUs of a process's host; all of them where none says that it is of that host."""
        own = [gpu for gpu in self.gpus if gpu["vmId"] is not None and gpu["vmId"] >> 48 == host_of(process)]
        return own or self.gpus

    def name(self, device: Device, processes: set[int | None]) -> str | None:
        """Choice: the name of the GPU with that number on that host; where `which` names a process or a
        MIG device, of which the GPU is not known, what all the host's GPUs are called, if alike."""
        gpus = self._of_host(next(iter(processes)))
        if not device[1] or re.fullmatch(r"on \d+", device[1]):
            gpus = [gpu for gpu in gpus if gpu["id"] == device[0]]
        names = {gpu["name"] for gpu in gpus}
        return names.pop() if len(names) == 1 else None


def read_gpus(db: sqlite3.Connection) -> list[dict[str, Any]]:
    """Choice: of several rows for one number of one host, the last."""
    number = "id" if "id" in columns_of(db, "TARGET_INFO_GPU") else "deviceId"
    found = {}
    for _, vm, gpu, name, cuda, uuid in rows(db, "TARGET_INFO_GPU", "vmId", number, "name", "cuDevice", "uuid"):
        found[vm, gpu] = {"vmId": vm, "id": gpu, "name": name, "cuDevice": cuda, "uuid": uuid}
    return list(found.values())


def op_name(kind: str, copy: int | None, ids: tuple[Any, ...], strings: dict[int, str]) -> str:
    if kind == "kernel":
        return next((strings[i] for i in ids if i in strings), "")
    if kind == "memcpy":
        return f"[CUDA memcpy {COPY_KINDS.get(copy or 0, 'Unknown')}]"
    return f"[CUDA {kind}]"


def read_calls(db: sqlite3.Connection, strings: dict[int, str], session: Session) -> list[Call]:
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
        if start is None or end is None or end < start or session.strays(start, end):
            continue
        # "Its name without a trailing `_v1234` or `_ptsz`": cudaX_ptsz_v7000 has both.
        plain = re.sub(r"(_v\d+|_ptsz)+$", "", strings.get(name, ""))
        calls.append(Call(rowid, start, end, thread, corr, plain))
    return calls


def thread_intervals(db: sqlite3.Connection, table: str, session: Session) -> dict[int, list[Interval]]:
    found: dict[int, list[Interval]] = defaultdict(list)
    for _, start, end, thread in rows(db, table, "start", "end", "globalTid"):
        if start is not None and end is not None and not session.strays(start, end):
            found[thread].append((start, end))
    return found


def read_trace(db: sqlite3.Connection, strings: dict[int, str], hidden_after_ns: int) -> tuple[Trace, Devices]:
    session = Session(db)
    calls = read_calls(db, strings, session)
    callers = {process_of(call.thread) for call in calls if call.thread}
    op_rows = read_op_rows(db, strings, session, callers.pop() if len(callers) == 1 else None)
    devices = Devices(db, op_rows)
    ops = [
        Op(row.kind, row.rowid, row.start, row.end, devices.of(row.process, row.ordinal), row.process, row.context,
           row.stream, row.correlation, row.node, row.green_context, row.name)
        for row in op_rows
    ]  # fmt: skip
    running: dict[int | None, list[Interval]] = defaultdict(list)
    for op in ops:
        running[op.process].append((op.start, op.end))
    calls_of: dict[int, list[Call]] = defaultdict(list)
    for call in calls:
        if call.thread is not None:
            calls_of[call.thread].append(call)
    trace = Trace(
        ops, calls, calls_by_key(calls), {},
        {process: union(intervals) for process, intervals in running.items()},
        thread_intervals(db, "PROFILER_OVERHEAD", session), thread_intervals(db, "OSRT_API", session),
        calls_of, hidden_after_ns,
    )  # fmt: skip
    for op in ops:
        key = key_of(op.process, op.correlation)
        if key is not None:
            launch = key, launch_of(op, trace)
            trace.first_start[launch] = min(op.start, trace.first_start.get(launch, op.start))
    return trace, devices


def calls_by_key(calls: list[Call]) -> dict[Key, list[Call]]:
    """ "Several calls match (process IDs and numbers are reused): those nested in another
    of the same key do not count". Choice: of equal ones, the first row counts."""
    found: dict[Key, list[Call]] = defaultdict(list)
    for call in sorted(calls, key=lambda c: (c.start, -c.end, c.rowid)):
        key = key_of(process_of(call.thread), call.correlation)
        if key is not None and all(other.end < call.end for other in found[key]):
            found[key].append(call)
    return found


def launch_of(op: Op, trace: Trace) -> Call | None:
    """ "the API call with the same (process, correlationId) [...] the latest that starts at
    or before the op, else the earliest. A call that cannot launch [...] is nobody's
    launch call". Choice: the rule chooses first, then the call may be none that can."""
    key = key_of(op.process, op.correlation)
    candidates = [] if key is None else trace.calls_of_key.get(key, [])
    if not candidates:
        return None
    before = [call for call in candidates if call.start <= op.start]
    call = before[-1] if before else candidates[0]
    return None if call.name in SYNC_SCOPE or CANNOT_LAUNCH.match(call.name) else call


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
    if after is None:
        return [("unknown", a, b)]
    key = key_of(after.process, after.correlation)
    # in_graph: "the whole gap, if the after-op is a graph op and an op of the same graph
    # launch (same process and correlationId) started before b"
    # Choice: where IDs are reused, of the same launch call too.
    call = launch_of(after, trace)
    if after.graph_node is not None and key is not None and trace.first_start[key, call] < b:
        return [("in_graph", a, b)]
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


def device_gaps(device: Device, ops: list[Op], window: Interval, chosen: list[Interval], trace: Trace) -> list[Gap]:
    """ "Gap: a maximal interval of the window with no op running"; of each, the maximal
    parts that are chosen."""
    starting, ending = defaultdict(list), defaultdict(list)
    for op in ops:
        starting[op.start].append(op)
        ending[op.end].append(op)
    # "zero-length ops only if no other starts there"; Choice: so for those that end.
    for edge in (*starting.values(), *ending.values()):
        if any(op.start < op.end for op in edge):
            edge[:] = [op for op in edge if op.start < op.end]
    activity: dict[int, list[tuple[str, list[Interval]]]] = {}
    gaps = []
    for a, b in subtract([window], union((op.start, op.end) for op in ops)):
        after = pick(starting[b], trace)  # "the op that starts where the gap ends"
        before = pick(ending[a], trace)  # Choice: of several, as for the after-op
        # "Gaps and parts are computed on the whole, then cut to the selection."
        pieces = gap_pieces(a, b, after, trace, activity)
        # "Of it held: stretches longer than 100 µs (the option of `untraced`)"
        held = [(s, e) for part, s, e in pieces if part == "queued" and e - s > trace.hidden_after_ns]
        for lo, hi in clip(chosen, a, b):
            parts = dict.fromkeys(PARTS, 0)
            for part, start, end in pieces:
                parts[part] += max(0, min(end, hi) - max(start, lo))
            held_ns = sum(max(0, min(end, hi) - max(start, lo)) for start, end in held)
            gaps.append(Gap(device, lo, hi, parts, held_ns, before, after))
    return gaps


def device_report(
    device: Device, name: str | None, trace: Trace, selection: list[Interval] | None
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
        "device": device[0],
        **({"which": device[1]} if device[1] else {}),
        "name": name,
        "window_ns": [chosen[0][0], chosen[-1][1]],
        "busy_ns": sum(length(clip(busy, lo, hi)) for lo, hi in chosen),
        "idle_ns": sum(gap.end - gap.start for gap in gaps),  # "Idle = sum of gaps"
        "gap_count": len(gaps),
        "longest_gap_ns": max((gap.end - gap.start for gap in gaps), default=0),
        # Choice: the parts of all gaps summed, not whole gaps by their cause
        "idle_by_cause_ns": {part: sum(gap.parts[part] for gap in gaps) for part in PARTS},
        "held_ns": sum(gap.held for gap in gaps),
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
    groups: dict[tuple[Key, Call | None], list[Op]] = defaultdict(list)
    for op in trace.ops:
        key = key_of(op.process, op.correlation)
        if op.graph_node is not None and key is not None:
            groups[key, launch_of(op, trace)].append(op)
    launched = [(call, ops) for (_, call), ops in groups.items() if call is not None]
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
    seen: dict[Key, int] = defaultdict(int)
    for _, pid, corr, context, stream, event, event_sync in rows(
        db, "CUPTI_ACTIVITY_KIND_CUDA_EVENT",
        "globalPid", "correlationId", "contextId", "streamId", "eventId", "eventSyncId",
    ):  # fmt: skip
        if pid is not None:
            process = pid & ~0xFFFFFF
            key = key_of(process, corr)
            call = None
            if key is not None:
                call = nth(trace.calls_of_key.get(key, []), seen[key])
                seen[key] += 1
            records.append(EventRecord(process, context, stream, event, event_sync, call))
    return records


def nth(values: list[Any], number: int) -> Any:
    """Choice: where an ID is reused, its calls and its records belong together in order."""
    return values[min(number, len(values) - 1)] if values else None


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


Scope = tuple[Any, ...]  # process[, context[, stream]], or (process, context, "green", green context)


def sync_statistics(db: sqlite3.Connection, trace: Trace) -> Json:
    """ "Sync tail (per synchronising call S = [s, e))" """
    records = read_event_records(db, trace)
    streams = StreamKinds(db)
    sync_rows: dict[Key, list[tuple[Any, ...]]] = defaultdict(list)
    for _, pid, corr, *ids in rows(
        db, "CUPTI_ACTIVITY_KIND_SYNCHRONIZATION",
        "globalPid", "correlationId", "contextId", "streamId", "eventId", "eventSyncId", "greenContextId",
    ):  # fmt: skip
        key = key_of(process_of(pid), corr)
        if key is not None:
            sync_rows[key].append(tuple(ids))
    # Launched ops as (launch-call start, op end), by process, context and stream.
    launched: dict[Scope, list[tuple[int, int]]] = defaultdict(list)
    for op in trace.ops:
        launch = launch_of(op, trace) or launch_by_gpu(op, trace)
        if launch is not None:
            for scope in ((op.process,), (op.process, op.context), (op.process, op.context, op.stream),
                          (op.process, op.context, "green", op.green_context)):  # fmt: skip
                launched[scope].append((launch.start, op.end))
    latest_of = {scope: LatestEnd(entries) for scope, entries in launched.items()}

    waits, tails, found_nothing = [], [], 0
    for call in trace.calls:
        if call.name not in SYNC_SCOPE:
            continue
        scopes, limit = covered(call, trace, sync_rows, records, streams)
        ends = [latest_of[scope].before(limit) for scope in scopes if scope in latest_of]
        latest = max((end for end in ends if end is not None), default=None)
        # "With x the latest end of these ops: if x > s, the call waited x - s and its
        # tail is e - x; else it found nothing to wait for."
        if latest is not None and latest > call.start:
            waits.append(latest - call.start)
            tails.append(call.end - latest)
        else:
            found_nothing += 1
    waited = {"count": len(waits), "wait_ns": stats(waits), "tail_ns": stats(tails)}
    return {"waited": waited, "found_nothing": found_nothing}


def launch_by_gpu(op: Op, trace: Trace) -> Call | None:
    """Choice: a graph without a correlation ID was launched by the GPU itself (device graph launch). Syncs cover it as
    they do the latest op before it on its stream that has a launch call."""
    if op.correlation not in (0, None) or not (op.kind == "graph" or op.graph_node is not None):
        return None
    order = [
        (other.start, KIND_ORDER[other.kind], other.rowid, call)
        for other in trace.ops
        if (other.process, other.context, other.stream) == (op.process, op.context, op.stream)
        and (call := launch_of(other, trace)) is not None
    ]
    earlier = [entry for entry in order if entry[:3] < (op.start, KIND_ORDER[op.kind], op.rowid)]
    return max(earlier, key=lambda entry: entry[:3])[3] if earlier else None


class StreamKinds:
    """ "waiting for a context's legacy null stream, TARGET_INFO_CUDA_STREAM.flag 3 or its
    nullStreamId, also waits for the context's blocking streams, flag 1" """

    def __init__(self, db: sqlite3.Connection) -> None:
        self.null: set[tuple[Any, ...]] = set()  # pid, context, stream
        self.blocking: dict[tuple[Any, ...], set[int | None]] = defaultdict(set)
        for _, pid, context, stream, flag in rows(
            db, "TARGET_INFO_CUDA_STREAM", "processId", "contextId", "streamId", "flag"
        ):
            if flag == LEGACY_NULL:
                self.null.add((pid, context, stream))
            elif flag == BLOCKING:
                self.blocking[pid, context].add(stream)
        for table, column in (("TARGET_INFO_CUDA_CONTEXT_INFO", "nullStreamId"),
                              ("TARGET_INFO_CUDA_NULL_STREAM", "streamId")):  # fmt: skip
            for _, pid, context, stream in rows(db, table, "processId", "contextId", column):
                self.null.add((pid, context, stream))

    def scopes(self, process: int, context: int | None, stream: int | None) -> list[Scope]:
        """The streams whose ops are awaited on this one."""
        streams: set[int | None] = {stream}
        where = pid_of(process), context
        if (*where, stream) in self.null:
            streams |= self.blocking[where]
        return [(process, context, one) for one in streams]


def covered(
    call: Call, trace: Trace, sync_rows: dict[Key, list[tuple[Any, ...]]], records: list[EventRecord],
    streams: StreamKinds,
) -> tuple[list[Scope], int]:  # fmt: skip
    """The scopes of the covered ops, and what their launch calls start before ("those whose
    launch call starts before S")."""
    process = process_of(call.thread)
    key = key_of(process, call.correlation)
    # "A call without a synchronization row covers the whole process."
    if process is None or key is None or key not in sync_rows:
        return [(process,)], call.start
    number = sum(other.start <= call.start for other in trace.calls_of_key[key]) - 1
    context, stream, event, event_sync, green = nth(sync_rows[key], max(number, 0))
    kind = SYNC_SCOPE[call.name]  # "Take the kind of call from the API's name"
    if kind == "event":
        # "the stream of the awaited event, launched before the event was recorded". A
        # record whose call is unknown gives the stream, not the time.
        record = awaited_record(call, process, event, event_sync, records)
        if record is not None:
            limit = call.start if record.call is None else min(call.start, record.call.start)
            return streams.scopes(process, record.context, record.stream), limit
    if context in NO_ID:  # Choice: a row that names no context is like no row
        return [(process,)], call.start
    if kind == "stream" and stream not in NO_ID:  # "on the stream"
        return streams.scopes(process, context, stream), call.start
    if green not in (*NO_ID, 0):  # Choice: waiting in a green context waits for it alone (CUDA's documentation)
        return [(process, context, "green", green)], call.start
    return [(process, context)], call.start  # "the context"; "without any, the context"


class NvtxRanges:
    """The ranges open at a moment: eventType 59 (push/pop) and 60 (start/end)."""

    def __init__(self, db: sqlite3.Connection, strings: dict[int, str]) -> None:
        session = Session(db)
        self.of_thread: dict[int, list[tuple[int, float, int, str]]] = defaultdict(list)
        for rowid, start, end, event_type, thread, text, text_id in rows(
            db, "NVTX_EVENTS", "start", "end", "eventType", "globalTid", "text", "textId"
        ):
            if event_type in (59, 60) and start is not None and not session.strays(start, end):
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
        "device": gap.device[0],
        **({"which": gap.device[1]} if gap.device[1] else {}),
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
        trace, identities = read_trace(db, strings, hidden_after_ns)
        nvtx = NvtxRanges(db, strings)
        versions = read_versions(db)
        devices: list[Json] = []
        gaps: list[Gap] = []
        for device in sorted({op.device for op in trace.ops}):
            name = identities.name(device, {op.process for op in trace.ops if op.device == device})
            found = device_report(device, name, trace, selection)
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
                "duration_ns": Session(db).duration,
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
