"""The reference against tiny reports whose answers are worked out by hand.

Every case writes a real SQLite file. The comment above an expectation is its derivation.
"""

from __future__ import annotations

import random
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from reference import PARTS, gaps_json

HOST = 1 << 48  # what real reports hold above the pid
NO_ID = 0xFFFFFFFF


def process(pid: int) -> int:
    return HOST | pid << 24


class Report:
    """Rows for a made report; a table has the columns that its rows name."""

    def __init__(self) -> None:
        self.tables: dict[str, list[dict[str, Any]]] = {}
        self.strings: list[str] = []

    def row(self, table: str, **columns: Any) -> None:
        self.tables.setdefault(table, []).append(columns)

    def text(self, value: str) -> int:
        if value not in self.strings:
            self.strings.append(value)
            self.row("StringIds", id=len(self.strings), value=value)
        return self.strings.index(value) + 1

    def op(
        self, start: int | None, end: int | None, corr: int | None = None, *,
        kind: str = "KERNEL", name: str = "k", device: int | None = 0, pid: int = 1,
        stream: int = 7, context: int = 1, node: int | None = None, **more: Any,
    ) -> None:  # fmt: skip
        columns = dict(
            start=start, end=end, deviceId=device, contextId=context, streamId=stream,
            correlationId=corr, globalPid=process(pid), **more,
        )  # fmt: skip
        if kind != "GRAPH_TRACE":
            columns["graphNodeId"] = node
        if kind == "KERNEL":
            columns["demangledName"] = self.text(name)
        self.row(f"CUPTI_ACTIVITY_KIND_{kind}", **columns)

    def call(
        self, start: int | None, end: int | None, corr: int | None = None,
        name: str = "cudaLaunchKernel_v7000", *, pid: int = 1, tid: int = 1,
        event_class: int = 0,
    ) -> None:  # fmt: skip
        self.row(
            "CUPTI_ACTIVITY_KIND_RUNTIME", start=start, end=end, eventClass=event_class,
            globalTid=process(pid) | tid, correlationId=corr, nameId=self.text(name),
        )  # fmt: skip

    def sync_row(self, corr: int, *, pid: int = 1, context: int = 1, stream: int = NO_ID,
                 event: int = NO_ID, event_sync: int | None = NO_ID) -> None:  # fmt: skip
        self.row(
            "CUPTI_ACTIVITY_KIND_SYNCHRONIZATION", globalPid=process(pid), correlationId=corr,
            contextId=context, streamId=stream, eventId=event, eventSyncId=event_sync,
        )  # fmt: skip

    def record_row(self, corr: int, *, event: int, event_sync: int | None = NO_ID, pid: int = 1,
                   context: int = 1, stream: int = 7) -> None:  # fmt: skip
        self.row(
            "CUPTI_ACTIVITY_KIND_CUDA_EVENT", globalPid=process(pid), correlationId=corr,
            contextId=context, streamId=stream, eventId=event, eventSyncId=event_sync,
        )  # fmt: skip

    def thread(self, table: str, start: int, end: int | None, tid: int = 1) -> None:
        self.row(table, start=start, end=end, globalTid=process(1) | tid)

    def nvtx(self, start: int, end: int | None, text: str | None = None, *, tid: int = 1,
             event_type: int = 59, text_id: int | None = None) -> None:  # fmt: skip
        self.row(
            "NVTX_EVENTS", start=start, end=end, eventType=event_type, text=text,
            textId=text_id, globalTid=process(1) | tid,
        )  # fmt: skip

    def save(self, folder: Path) -> str:
        path = folder / "made.sqlite"
        db = sqlite3.connect(path)
        for table, rows in self.tables.items():
            columns = list(dict.fromkeys(column for row in rows for column in row))
            quoted = ", ".join(f'"{column}"' for column in columns)
            marks = ", ".join("?" * len(columns))
            db.execute(f'CREATE TABLE "{table}" ({quoted})')
            db.executemany(
                f'INSERT INTO "{table}" VALUES ({marks})',
                [[row.get(column) for column in columns] for row in rows],
            )
        db.commit()
        db.close()
        return str(path)


@pytest.fixture
def r() -> Report:
    return Report()


def one(value: int) -> dict[str, int]:
    """The statistics of a single value."""
    names = ("total", "min", "median", "p90", "p99", "max")
    return {"count": 1, **dict.fromkeys(names, value)}


def parts(document: dict[str, Any]) -> list[tuple[int, int, dict[str, int]]]:
    """(start, end, non-zero parts) of every listed gap, by start."""
    return sorted((g["start_ns"], g["end_ns"], g["parts_ns"]) for g in document["gaps"])


def test_whole_document(r: Report, tmp_path: Path) -> None:
    r.row("META_DATA_EXPORT", name="EXPORT_PRODUCT_VERSION", value="2025.3.2.0")
    r.row("META_DATA_EXPORT", name="EXPORT_SCHEMA_VERSION", value="3.20.3")
    r.row("ANALYSIS_DETAILS", globalVid=HOST, duration=500, startTime=0, stopTime=0)
    r.row("TARGET_INFO_GPU", id=0, name="NVIDIA H200")
    r.op(20, 50, 1, pid=5)
    r.op(70, 90, 2, pid=5)
    r.call(0, 10, 1, pid=5, tid=6)
    r.call(40, 60, 2, pid=5, tid=6)
    r.call(62, 100, 3, "cudaDeviceSynchronize_v3020", pid=5, tid=6)
    r.nvtx(0, 1000, "other process's")
    path = r.save(tmp_path)

    def op(start: int, end: int, corr: int) -> dict[str, Any]:
        return {"kind": "kernel", "name": "k", "stream": 7, "start_ns": start, "end_ns": end,
                "correlation_id": corr, "graph_node": None}  # fmt: skip

    # Window [20, 90), busy 30 + 20, one gap [50, 70). L = [40, 60): launch is
    # [50, 60), queued [60, 70); of equals queued comes first.
    # Calls take 10 and 20; latencies 20 - 0 and 70 - 40; queues 20 - 10 and 70 - 60. The
    # first kernel still runs at 40, so only the first is unqueued.
    # The sync has no row: both kernels, x = 90, waited 90 - 62, tail 100 - 90.
    assert gaps_json(path) == {
        "schema": "nsysgap.gaps/1",
        "report": {
            "path": path, "nsys_version": "2025.3.2.0", "schema_version": "3.20.3",
            "duration_ns": 500, "warnings": [],
        },
        "devices": [{
            "device": 0, "name": "NVIDIA H200", "window_ns": [20, 90], "busy_ns": 50,
            "idle_ns": 20, "gap_count": 1, "longest_gap_ns": 20,
            "idle_by_cause_ns": {
                "in_graph": 0, "queued": 10, "launch": 10, "profiler": 0, "sync": 0,
                "untraced": 0, "cuda_api": 0, "os": 0, "host": 0, "unknown": 0,
            },
            "held_ns": 0,
            "op_count": {"kernel": 2, "memcpy": 0, "memset": 0, "graph": 0},
        }],
        "launches": {"kernel": {
            "count": 2,
            "call_ns": {"count": 2, "total": 30, "min": 10, "median": 10, "p90": 20,
                        "p99": 20, "max": 20},
            "latency_ns": {"count": 2, "total": 50, "min": 20, "median": 20, "p90": 30,
                           "p99": 30, "max": 30},
            "queue_ns": {"count": 2, "total": 20, "min": 10, "median": 10, "p90": 10,
                         "p99": 10, "max": 10},
            "unqueued_latency_ns": one(20),
        }},
        "graph_launches": {"count": 0, "call_ns": None, "latency_ns": None, "span_ns": None,
                           "busy_ns": None, "node_count": None},
        "syncs": {"waited": {"count": 1, "wait_ns": one(28), "tail_ns": one(10)},
                  "found_nothing": 0},
        "gaps": [{
            "device": 0, "start_ns": 50, "end_ns": 70, "duration_ns": 20, "cause": "queued",
            "parts_ns": {"queued": 10, "launch": 10}, "before": op(20, 50, 1),
            "after": op(70, 90, 2), "process": 5, "thread": 6, "nvtx": [],
        }],
    }  # fmt: skip


def test_ops_left_out(r: Report, tmp_path: Path) -> None:
    r.op(10, 20)
    r.op(0, 0)  # no timestamp
    r.op(90, 80)  # broken
    r.op(None, 95)
    r.op(95, None)
    r.op(95, 99, device=None)
    r.op(30, 30)  # zero length is an op
    r.op(40, 50, kind="MEMCPY", copyKind=1)
    (device,) = gaps_json(r.save(tmp_path))["devices"]
    assert device["op_count"] == {"kernel": 2, "memcpy": 1, "memset": 0, "graph": 0}
    assert device["window_ns"] == [10, 50]


def test_no_op_no_device(r: Report, tmp_path: Path) -> None:
    r.op(0, 0)
    r.call(0, 5, 1)
    document = gaps_json(r.save(tmp_path))
    assert (document["devices"], document["gaps"], document["launches"]) == ([], [], {})
    assert document["report"] == {
        "path": document["report"]["path"], "nsys_version": None, "schema_version": None,
        "duration_ns": None, "warnings": [],
    }  # fmt: skip


def test_device_is_the_physical_gpu(r: Report, tmp_path: Path) -> None:
    # Process 1 calls GPU 3 its device 0, so does process 2 with its device 1; device 2
    # of process 1 has no row and stands.
    r.row("TARGET_INFO_CUDA_DEVICE", pid=1, cudaId=0, gpuId=3)
    r.row("TARGET_INFO_CUDA_DEVICE", pid=2, cudaId=1, gpuId=3)
    r.row("TARGET_INFO_GPU", id=3, name="GPU three")
    r.op(0, 10, device=0, pid=1)
    r.op(15, 20, device=1, pid=2)
    r.op(0, 10, device=2, pid=1)
    found = gaps_json(r.save(tmp_path))["devices"]
    assert [(d["device"], d["name"], d["busy_ns"], d["idle_ns"]) for d in found] == [
        (2, None, 10, 0),
        (3, "GPU three", 15, 5),
    ]


def test_correlation_id_is_no_key_across_processes(r: Report, tmp_path: Path) -> None:
    r.op(0, 10, 8, pid=1)
    r.op(50, 60, 9, pid=2)
    r.call(20, 30, 9, pid=1, tid=1)  # the same number in another process
    r.call(40, 45, 9, pid=2, tid=2)
    document = gaps_json(r.save(tmp_path))
    # Gap [10, 50), L = [40, 45) of process 2: host 30, launch 5, queued 5.
    assert parts(document) == [(10, 50, {"queued": 5, "launch": 5, "host": 30})]
    assert (document["gaps"][0]["process"], document["gaps"][0]["thread"]) == (2, 2)
    assert document["launches"]["kernel"]["count"] == 1


def test_of_several_matching_calls(r: Report, tmp_path: Path) -> None:
    # Calls of key (1, 2): [30, 35), [20, 24) nested in [20, 28), and a backtrace [5, 90):
    # the latest that starts at or before the op: [20, 28), not the one at 51.
    r.op(0, 10, 1)
    r.op(50, 60, 2)
    r.call(51, 55, 2)
    r.call(20, 24, 2)
    r.call(20, 28, 2)
    r.call(5, 90, 2, event_class=67)
    r.call(None, 90, 2)
    r.call(19, 18, 2)  # ends before it starts: ignored
    document = gaps_json(r.save(tmp_path))
    # [10, 20) host, [20, 28) launch, [28, 50) queued
    assert parts(document) == [(10, 50, {"queued": 22, "launch": 8, "host": 10})]
    assert document["launches"]["kernel"]["call_ns"] == one(8)


@pytest.mark.parametrize("corr", [0, None])
def test_no_correlation_id_is_unknown(r: Report, tmp_path: Path, corr: int | None) -> None:
    r.op(0, 10, 1)
    r.op(30, 40, corr, kind="MEMCPY", copyKind=11)
    r.call(15, 20, corr)
    document = gaps_json(r.save(tmp_path))
    assert parts(document) == [(10, 30, {"unknown": 20})]
    (gap,) = document["gaps"]
    assert (gap["process"], gap["thread"], gap["nvtx"]) == (1, None, [])
    assert gap["after"]["correlation_id"] == corr
    assert gap["after"]["name"] == "[CUDA memcpy Unified Host-to-Device]"
    assert document["launches"] == {}


def test_window_busy_and_gaps_over_streams_and_processes(r: Report, tmp_path: Path) -> None:
    r.op(100, 200, stream=1)
    r.op(150, 180, stream=2)  # nested
    r.op(190, 210, stream=3, pid=2)  # overlapping, another process
    r.op(210, 220)  # touching
    r.op(225, 225)  # zero length: splits no gap
    r.op(230, 240)
    (device,) = gaps_json(r.save(tmp_path))["devices"]
    # Union [100, 220) and [230, 240); one gap [220, 230).
    assert (device["window_ns"], device["busy_ns"], device["idle_ns"]) == ([100, 240], 130, 10)
    assert (device["gap_count"], device["longest_gap_ns"]) == (1, 10)


def test_zero_length_op_ends_the_window(r: Report, tmp_path: Path) -> None:
    r.op(5, 5, 3)
    r.op(10, 20, 1)
    r.op(50, 50, 2)
    r.call(22, 30, 2)
    r.call(0, 4, 1)
    document = gaps_json(r.save(tmp_path))
    # Window [5, 50). [5, 10) begins with a zero-length op; its L = [0, 4) returned: queued.
    # [20, 50) ends with the zero-length op, as no other starts there: [20, 22) host, [22, 30) launch.
    assert parts(document) == [(5, 10, {"queued": 5}), (20, 50, {"queued": 20, "launch": 8, "host": 2})]
    last, first = document["gaps"]
    assert (last["after"]["start_ns"], last["process"], last["thread"]) == (50, 1, 1)
    assert (last["before"]["start_ns"], first["before"]["start_ns"]) == (10, 5)


Row = dict[str, Any]


@pytest.mark.parametrize(
    ("ops", "calls", "wanted"),
    [
        # One with a launch call goes before one without, whatever its correlationId.
        ([{"corr": 2}, {"corr": 5}], [(20, 5)], 1),
        # The earliest launch-call start, whatever the correlationId.
        ([{"corr": 2}, {"corr": 5}], [(22, 2), (20, 5)], 1),
        # Equal starts: the lowest correlationId.
        ([{"corr": 5}, {"corr": 2}], [(20, 2), (20, 5)], 1),
        # The same launch: kind in the order kernel, memcpy, memset, graph.
        ([{"corr": 2, "kind": "GRAPH_TRACE"}, {"corr": 2, "kind": "MEMSET"}], [(20, 2)], 1),
        ([{"corr": 2, "kind": "MEMSET"}, {"corr": 2, "kind": "MEMCPY"}], [(20, 2)], 1),
        ([{"corr": 2, "kind": "MEMCPY"}, {"corr": 2}], [(20, 2)], 1),
        # All the same: the lowest rowid.
        ([{"corr": 2}, {"corr": 2}], [(20, 2)], 0),
        # A zero-length op never is it.
        ([{"corr": 2, "end": 50}, {"corr": 5}], [(20, 2), (30, 5)], 1),
    ],
)
def test_after_op_of_several(
    r: Report, tmp_path: Path, ops: list[Row], calls: list[tuple[int, int]], wanted: int
) -> None:
    r.op(0, 10, 1)
    for stream, row in enumerate(ops):
        r.op(start=50, stream=stream, **{"end": 60, **row})
    for start, corr in calls:
        r.call(start, start + 1, corr)
    (gap,) = gaps_json(r.save(tmp_path))["gaps"]
    assert gap["after"]["stream"] == wanted


@pytest.mark.parametrize(
    ("launch", "expected"),
    [
        ((2, 6), {"queued": 20}),  # returned before the gap
        ((2, 10), {"queued": 20}),  # returned as it begins
        ((2, 14), {"queued": 16, "launch": 4}),  # max(a, s) = a
        ((15, 18), {"queued": 12, "launch": 3, "host": 5}),
        ((15, 40), {"launch": 15, "host": 5}),  # min(b, e) = b
        ((0, 40), {"launch": 20}),
        ((30, 40), {"host": 20}),  # the op started before its call: min(s, b) = b
        ((35, 40), {"host": 20}),
    ],
)
def test_queued_and_launch(r: Report, tmp_path: Path, launch: tuple[int, int], expected: dict[str, int]) -> None:
    r.op(0, 10, 1)  # the gap is [10, 30)
    r.op(30, 50, 2)
    r.call(*launch, 2)
    document = gaps_json(r.save(tmp_path))
    assert parts(document) == [(10, 30, expected)]
    latency = document["launches"]["kernel"]["latency_ns"]
    assert latency == one(30 - launch[0])  # negative ones are kept


def test_the_first_activity_that_applies(r: Report, tmp_path: Path) -> None:
    r.op(0, 100, 1)
    r.op(200, 210, 2)
    r.call(190, 195, 2)
    r.thread("PROFILER_OVERHEAD", 90, 110)
    r.call(105, 120, 50, "cudaStreamSynchronize_v3020")
    r.call(115, 130, 51, "cudaMalloc_v3020")
    r.call(116, 117, 52, "cuMemAlloc")  # nested calls count once
    r.thread("OSRT_API", 125, 150)
    r.thread("OSRT_API", 130, 140)
    r.thread("OSRT_API", 160, None)  # no end: ignored
    r.thread("PROFILER_OVERHEAD", 195, 199)  # after the launch: that is queued
    # Another thread's doings do not count.
    r.thread("PROFILER_OVERHEAD", 100, 190, tid=2)
    r.call(150, 190, 53, "cudaMalloc_v3020", tid=2)
    # profiler [100, 110), sync [110, 120), cuda_api [120, 130), os [130, 150),
    # host [150, 190), launch [190, 195), queued [195, 200)
    expected = {
        "queued": 5, "launch": 5, "profiler": 10, "sync": 10, "cuda_api": 10, "os": 20,
        "host": 40,
    }  # fmt: skip
    document = gaps_json(r.save(tmp_path))
    assert parts(document) == [(100, 200, expected)]
    assert document["gaps"][0]["cause"] == "host"
    assert list(document["gaps"][0]["parts_ns"]) == list(expected)
    by_cause = document["devices"][0]["idle_by_cause_ns"]
    assert by_cause == {**dict.fromkeys(PARTS, 0), **expected}


def test_untraced_piece_is_longer_than_the_threshold(r: Report, tmp_path: Path) -> None:
    r.op(0, 100, 1)
    r.op(500, 510, 2)
    r.call(50, 250, 50, "cudaStreamSynchronize_v3020")  # its piece [100, 250) is 150 long
    r.call(300, 400, 51, "cuCtxSynchronize")  # its piece is 100 long
    r.call(450, 460, 2)
    r.thread("PROFILER_OVERHEAD", 100, 110)  # goes before, and shortens no piece
    path = r.save(tmp_path)
    common = {"queued": 40, "launch": 10, "profiler": 10, "host": 100}
    for threshold, expected in (
        (99, {"untraced": 240}),
        (100, {"untraced": 140, "sync": 100}),  # longer, not as long
        (149, {"untraced": 140, "sync": 100}),
        (150, {"sync": 240}),
    ):
        document = gaps_json(path, hidden_after_ns=threshold)
        assert parts(document) == [(100, 500, {**common, **expected})]
    assert parts(gaps_json(path)) == [(100, 500, {**common, "sync": 240})]  # 100 µs


def test_untraced_looks_at_all_devices_of_the_process(r: Report, tmp_path: Path) -> None:
    r.op(0, 100, 1)
    r.op(500, 510, 2)
    r.op(200, 250, 3, device=1)  # splits the piece
    r.op(100, 400, 3, device=2, pid=2)  # another process does not
    r.call(90, 400, 50, "cudaDeviceSynchronize_v3020")
    r.call(450, 460, 2)
    # Pieces [100, 200) and [250, 400): only the second is longer than 100. The rest of
    # the call within the gap, [100, 250), is sync; host [400, 450).
    document = gaps_json(r.save(tmp_path), hidden_after_ns=100)
    assert parts(document) == [(100, 500, {"queued": 40, "launch": 10, "untraced": 150, "sync": 150, "host": 50})]


def test_in_graph(r: Report, tmp_path: Path) -> None:
    r.op(0, 10, 1)
    r.op(30, 40, 2, node=77)  # first node: as any op
    r.op(50, 60, 2, node=78)  # gap [40, 50)
    r.op(70, 80, 2, kind="MEMSET", node=79)  # gap [60, 70)
    r.op(90, 95, 2, node=0)  # 0: no graph op
    r.call(15, 20, 2, "cudaGraphLaunch_v10000")
    document = gaps_json(r.save(tmp_path))
    assert parts(document) == [
        (10, 30, {"queued": 10, "launch": 5, "host": 5}),
        (40, 50, {"in_graph": 10}),
        (60, 70, {"in_graph": 10}),
        (80, 90, {"queued": 10}),  # its call returned at 20
    ]


def test_in_graph_by_any_op_of_the_launch(r: Report, tmp_path: Path) -> None:
    r.op(0, 10, 1)
    r.op(30, 40, 2, node=77)  # an op of its launch started on device 1 before
    r.op(5, 5, 2, device=1)  # of zero length, no graph op: still an op of that launch
    r.op(60, 70, 3, node=77)  # nothing of its launch before; no launch call
    r.op(80, 90, 3, node=78)  # no launch call either, yet in_graph goes before unknown
    r.op(95, 99, 0, node=79)  # no key at all
    assert parts(gaps_json(r.save(tmp_path))) == [
        (10, 30, {"in_graph": 20}),
        (40, 60, {"unknown": 20}),
        (70, 80, {"in_graph": 10}),
        (90, 95, {"unknown": 5}),
    ]


def test_launch_statistics(r: Report, tmp_path: Path) -> None:
    r.op(0, 5)  # no launch call: not counted, yet an earlier op
    r.call(4, 6, 1)
    r.op(10, 20, 1)  # at 4 the op [0, 5) still runs
    r.call(20, 24, 2)
    r.op(30, 40, 2)  # earlier ones end by 20: unqueued, latency 10
    r.call(35, 36, 3)
    r.op(38, 39, 3, stream=8)  # another stream: unqueued, latency 3
    r.call(36, 37, 4)
    r.op(60, 70, 4)  # at 36 [30, 40) runs
    r.call(36, 38, 5)
    r.op(60, 61, 5, context=2)  # another context: unqueued, latency 24
    r.call(80, 90, 6)
    r.op(75, 76, 6)  # before its call: latency -5, queue 0; unqueued
    r.call(100, 101, 7)
    r.op(110, 120, 7, node=5)  # a graph op: not here
    r.op(130, 131, 1, kind="GRAPH_TRACE")  # of the call [4, 6)
    found = gaps_json(r.save(tmp_path))["launches"]
    assert list(found) == ["kernel", "graph"]
    kernel = found["kernel"]
    assert kernel["count"] == 6
    # calls 2 4 1 1 2 10; latencies 6 10 3 24 24 -5; queues 4 6 2 23 22 0
    assert kernel["call_ns"] == {
        "count": 6, "total": 20, "min": 1, "median": 2, "p90": 10, "p99": 10, "max": 10,
    }  # fmt: skip
    assert kernel["latency_ns"] == {
        "count": 6, "total": 62, "min": -5, "median": 6, "p90": 24, "p99": 24, "max": 24,
    }  # fmt: skip
    assert kernel["queue_ns"]["total"] == 57
    # 10 3 24 -5
    assert kernel["unqueued_latency_ns"] == {
        "count": 4, "total": 32, "min": -5, "median": 3, "p90": 24, "p99": 24, "max": 24,
    }  # fmt: skip
    assert found["graph"]["count"] == 1
    assert found["graph"]["latency_ns"] == one(126)
    assert found["graph"]["unqueued_latency_ns"] is None


def test_an_op_that_starts_at_the_same_time_is_not_earlier(r: Report, tmp_path: Path) -> None:
    r.call(0, 1, 1)
    r.call(2, 3, 2)
    r.op(10, 90, 1)
    r.op(10, 20, 2)
    found = gaps_json(r.save(tmp_path))["launches"]["kernel"]["unqueued_latency_ns"]
    assert (found["count"], found["total"]) == (2, 18)


def test_graph_launches(r: Report, tmp_path: Path) -> None:
    r.call(0, 4, 1, "cudaGraphLaunch_v10000")
    r.op(10, 20, 1, node=7)
    r.op(15, 30, 1, node=8, stream=9)
    r.op(35, 40, 1, node=9, kind="MEMCPY", copyKind=8)
    r.op(50, 90, 1)  # no graph node: not of the group
    r.op(100, 110, 1, node=7, pid=2)  # another process: its own group, without a call
    r.op(120, 130, 0, node=7)  # no key: of no group
    found = gaps_json(r.save(tmp_path))["graph_launches"]
    # Group 1: span 10..40, busy 20 + 5, 3 nodes. Group 2: span and busy 10, 1 node.
    assert found["count"] == 2
    assert (found["call_ns"], found["latency_ns"]) == (one(4), one(10))
    assert (found["span_ns"]["min"], found["span_ns"]["max"]) == (10, 30)
    assert (found["busy_ns"]["min"], found["busy_ns"]["max"]) == (10, 25)
    assert (found["node_count"]["min"], found["node_count"]["max"]) == (1, 3)


@pytest.mark.parametrize(
    ("n", "median", "p90", "p99"),
    [(1, 1, 1, 1), (2, 1, 2, 2), (9, 5, 9, 9), (10, 5, 9, 10), (11, 6, 10, 11),
     (100, 50, 90, 99), (101, 51, 91, 100)],
)  # fmt: skip
def test_ranks(r: Report, tmp_path: Path, n: int, median: int, p90: int, p99: int) -> None:
    for length in range(n, 0, -1):  # calls of 1, 2 ... n ns, not in order
        r.call(1000 * length, 1000 * length + length, length)
        r.op(1000 * length + 500, 1000 * length + 600, length)
    found = gaps_json(r.save(tmp_path))["launches"]["kernel"]["call_ns"]
    assert found == {
        "count": n, "total": n * (n + 1) // 2, "min": 1, "median": median, "p90": p90,
        "p99": p99, "max": n,
    }  # fmt: skip


def sync_report(r: Report, name: str) -> None:
    """Sync S = [50, 100), correlationId 9; ops end at 60, 70, 80, 90, 120, 130."""
    for corr, (end, stream, context, pid, launch) in enumerate(
        [(60, 7, 1, 1, 40), (70, 8, 1, 1, 41), (80, 9, 2, 1, 42), (90, 7, 1, 2, 43),
         (120, 7, 1, 1, 50)], 20,
    ):  # fmt: skip
        r.op(45, end, corr, stream=stream, context=context, pid=pid)
        r.call(launch, launch + 1, corr, pid=pid)
    r.op(45, 130)  # no launch call: never covered
    r.call(50, 100, 9, name)


@pytest.mark.parametrize(
    ("name", "row", "x"),
    [
        ("cudaStreamSynchronize_v3020", {"stream": 7}, 60),
        ("cudaStreamSynchronize_ptsz_v7000", {"stream": 8}, 70),
        ("cuStreamSynchronize_ptsz", {"stream": 8}, 70),
        ("cudaStreamSynchronize_v3020", {"stream": 7, "context": 2}, None),
        ("cudaStreamSynchronize_v3020", {"stream": NO_ID}, 70),  # names no stream: context
        ("cudaDeviceSynchronize_v3020", {"stream": 7}, 70),
        ("cuCtxSynchronize", {"context": 2}, 80),
        ("cuCtxSynchronize", {"context": NO_ID}, 80),  # names no context: the process
        ("cudaDeviceSynchronize_v3020", None, 80),  # no row: the process
        ("cudaEventSynchronize_v3020", {}, 70),  # no record: the context
    ],
)
def test_covered_ops(r: Report, tmp_path: Path, name: str, row: dict[str, int] | None, x: int | None) -> None:
    sync_report(r, name)
    r.sync_row(9, pid=2, stream=1)  # another process's
    if row is not None:
        r.sync_row(9, **row)
        r.sync_row(9, stream=8, context=2)  # of several rows the first counts
    found = gaps_json(r.save(tmp_path))["syncs"]
    if x is None:
        none = {"count": 0, "wait_ns": None, "tail_ns": None}
        assert found == {"waited": none, "found_nothing": 1}
    else:
        waited = {"count": 1, "wait_ns": one(x - 50), "tail_ns": one(100 - x)}
        assert found == {"waited": waited, "found_nothing": 0}


def test_only_the_six_calls_synchronise(r: Report, tmp_path: Path) -> None:
    r.op(0, 10, 1)
    r.call(0, 1, 1)
    for name in (
        "cudaMemcpy_v3020", "cudaEventQuery_v3020", "cudaStreamWaitEvent_v3020",
        "cudaStreamSynchronizeX", "cudaEventRecord_v3020",
    ):  # fmt: skip
        r.call(5, 20, 2, name)
    found = gaps_json(r.save(tmp_path))["syncs"]
    assert (found["waited"]["count"], found["found_nothing"]) == (0, 0)


def test_negative_tail_and_nothing_found(r: Report, tmp_path: Path) -> None:
    r.call(0, 1, 1)
    r.op(5, 30, 1)
    r.call(20, 25, 2, "cudaDeviceSynchronize_v3020")  # returns before x: waited 10, tail -5
    r.call(30, 90, 3, "cudaDeviceSynchronize_v3020")  # x = s: nothing
    r.call(0, 50, 4, "cudaDeviceSynchronize_v3020")  # the op's launch starts at s, not before
    assert gaps_json(r.save(tmp_path))["syncs"] == {
        "waited": {"count": 1, "wait_ns": one(10), "tail_ns": one(-5)},
        "found_nothing": 2,
    }


@pytest.mark.parametrize(
    ("event_sync", "event", "x"),
    [
        (102, 1, 80),  # by eventSyncId: stream 8, ops launched before 30
        (101, 1, 70),  # stream 7, before 20
        (999, 1, 80),  # no such eventSyncId: eventId 1, the latest record before S
        (None, 1, 80),
        (0, 1, 80),  # 0 is no eventSyncId, though a record carries it
        (NO_ID, 2, 85),  # eventId 2: stream 8, before 45
        (NO_ID, 3, 75),  # recorded in context 2, whatever the sync row's context: stream 8 of it
        (NO_ID, NO_ID, 95),  # no event at all: the context
    ],
)
def test_event_synchronize(r: Report, tmp_path: Path, event_sync: int | None, event: int, x: int) -> None:
    for corr, (launch, stream, end) in enumerate([(10, 7, 70), (15, 8, 80), (25, 7, 95), (35, 8, 85), (46, 8, 88)], 1):
        r.call(launch, launch + 1, corr)
        r.op(50, end, corr, stream=stream)
    r.call(12, 13, 6)
    r.op(50, 75, 6, stream=8, context=2)
    for corr, start in ((20, 20), (21, 30), (22, 150), (23, 45), (24, 47), (25, 48)):
        r.call(start, start + 1, corr, "cudaEventRecord_v3020")
    r.record_row(25, event=1, event_sync=102, stream=7, pid=2)  # another process's
    r.record_row(21, event=1, event_sync=102, stream=8)  # rows not in order of time
    r.record_row(20, event=1, event_sync=101, stream=7)
    r.record_row(22, event=1, event_sync=103, stream=7)  # recorded after S
    r.record_row(23, event=2, event_sync=0, stream=8)
    r.record_row(20, event=NO_ID, stream=7)  # names no event
    r.record_row(24, event=3, event_sync=105, stream=8, context=2)
    r.record_row(99, event=1, event_sync=106, stream=8)  # its call is not in the report
    r.call(60, 100, 9, "cudaEventSynchronize_v3020")
    r.sync_row(9, event=event, event_sync=event_sync)
    found = gaps_json(r.save(tmp_path))["syncs"]["waited"]
    assert found == {"count": 1, "wait_ns": one(x - 60), "tail_ns": one(100 - x)}


def selection_report(r: Report) -> None:
    """Ops [0, 100), [200, 300), [400, 400), [500, 600); gaps of 100 and 200."""
    r.op(0, 100, 1)
    r.op(200, 300, 2)
    r.op(400, 400, 4, kind="MEMSET")
    r.op(500, 600, 3, kind="MEMCPY", copyKind=1)
    r.call(120, 140, 2)
    r.call(440, 460, 3)


def test_selection_cuts_gaps_and_parts(r: Report, tmp_path: Path) -> None:
    selection_report(r)
    path = r.save(tmp_path)
    # Whole: [100, 200) = host 20, launch 20, queued 60; [300, 500) = host 140, launch 20,
    # queued 40. Selected: [90, 130) and, of two that overlap, [310, 530).
    document = gaps_json(path, selection=[(350, 530), (90, 130), (310, 450), (7, 7)])
    assert parts(document) == [
        (100, 130, {"launch": 10, "host": 20}),
        (310, 500, {"queued": 40, "launch": 20, "host": 130}),
    ]
    (device,) = document["devices"]
    assert device["window_ns"] == [90, 530]
    assert (device["busy_ns"], device["idle_ns"]) == (10 + 30, 30 + 190)
    assert (device["gap_count"], device["longest_gap_ns"]) == (2, 190)
    assert device["op_count"] == {"kernel": 1, "memcpy": 1, "memset": 1, "graph": 0}
    # Two pieces of one gap are two rows; both keep its ops.
    document = gaps_json(path, selection=[(320, 330), (470, 480)])
    assert parts(document) == [(320, 330, {"host": 10}), (470, 480, {"queued": 10})]
    assert {gap["after"]["start_ns"] for gap in document["gaps"]} == {500}
    assert {gap["before"]["end_ns"] for gap in document["gaps"]} == {300}
    # Ranges that touch are one: the gap is not cut where they meet.
    document = gaps_json(path, selection=[(320, 330), (330, 340)])
    assert parts(document) == [(320, 340, {"host": 20})]
    # Launches and synchronising calls are those of the whole report.
    assert document["launches"] == gaps_json(path)["launches"]


def test_selection_and_the_window(r: Report, tmp_path: Path) -> None:
    selection_report(r)
    r.op(0, 50, device=1)
    path = r.save(tmp_path)
    first, second = gaps_json(path, selection=[(-50, 20), (40, 9999)])["devices"]
    assert (first["window_ns"], first["busy_ns"], first["idle_ns"]) == ([0, 600], 280, 300)
    assert (second["window_ns"], second["busy_ns"]) == ([0, 50], 30)
    # A zero-length op counts where it lies in the selection, [start, end).
    (only,) = gaps_json(path, selection=[(390, 400)])["devices"]
    assert (only["device"], only["op_count"]["memset"]) == (0, 0)
    (only,) = gaps_json(path, selection=[(400, 410)])["devices"]
    assert (only["op_count"]["memset"], only["idle_ns"]) == (1, 10)
    assert gaps_json(path, selection=[])["devices"] == []
    assert gaps_json(path, windows=[(400, 410)]) == gaps_json(path, selection=[(400, 410)])


def test_nvtx_at_the_launch(r: Report, tmp_path: Path) -> None:
    r.op(0, 10, 1)
    r.op(50, 60, 2)
    r.call(30, 35, 2)
    r.nvtx(20, 40, "inner")
    r.nvtx(5, 45, "middle")
    r.nvtx(5, None, "open goes before")
    r.nvtx(30, 31, "starts at s")
    r.nvtx(20, 40, None, text_id=r.text("same, by textId"))
    r.nvtx(25, 40, None, text_id=12345)  # no such string
    r.nvtx(26, 33, "start/end", event_type=60)
    r.nvtx(20, 30, "ends at s")
    r.nvtx(31, 99, "starts later")
    r.nvtx(0, 99, "marker", event_type=34)
    r.nvtx(0, 99, "other thread", tid=2)
    (gap,) = gaps_json(r.save(tmp_path))["gaps"]
    assert gap["nvtx"] == [
        "open goes before", "middle", "inner", "same, by textId", "", "start/end", "starts at s",
    ]  # fmt: skip


def test_longest_gaps_first(r: Report, tmp_path: Path) -> None:
    for device in (1, 0):
        for start in (0, 20, 40, 70):  # gaps of 10, 10 and 20
            r.op(start, start + 10, device=device)
    path = r.save(tmp_path)
    every = [(g["duration_ns"], g["device"], g["start_ns"]) for g in gaps_json(path)["gaps"]]
    assert every == [(20, 0, 50), (20, 1, 50), (10, 0, 10), (10, 0, 30), (10, 1, 10), (10, 1, 30)]
    assert len(gaps_json(path, top=3)["gaps"]) == 3
    for start in range(100, 1000, 15):
        r.op(start, start + 10)
    (tmp_path / "made.sqlite").unlink()
    path = r.save(tmp_path)
    assert len(gaps_json(path)["gaps"]) == 20
    assert len(gaps_json(path, top=None)["gaps"]) == 6 + 60


def test_other_schemas(tmp_path: Path) -> None:
    path = tmp_path / "old.sqlite"
    db = sqlite3.connect(path)
    # No eventClass, no graphNodeId, no names, columns in another order, odd ids and bytes.
    db.execute("CREATE TABLE EXPORT_META_DATA (name, value)")
    db.execute("INSERT INTO EXPORT_META_DATA VALUES ('EXPORT_SCHEMA_VERSION', '2.9.1')")
    db.execute("CREATE TABLE StringIds (value, id)")
    db.execute("INSERT INTO StringIds VALUES (CAST(x'6bff' AS TEXT), 3), (NULL, 4)")
    db.execute(
        "CREATE TABLE CUPTI_ACTIVITY_KIND_KERNEL (shortName, correlationId, streamId, deviceId, globalPid, end, start)"
    )
    # An id above 2**63 is stored as a negative number; pid 1 is still in its bits.
    high = -(1 << 63) + (1 << 24)
    db.executemany(
        "INSERT INTO CUPTI_ACTIVITY_KIND_KERNEL VALUES (?, ?, 7, 0, ?, ?, ?)",
        [(3, 1, high, 10, 0), (4, 2, high, 60, 50)],
    )
    db.execute("CREATE TABLE CUPTI_ACTIVITY_KIND_RUNTIME (start, end, globalTid, correlationId)")
    db.execute("INSERT INTO CUPTI_ACTIVITY_KIND_RUNTIME VALUES (30, 40, ?, 2)", (high | 9,))
    db.commit()
    db.close()
    document = gaps_json(str(path))
    assert document["report"]["schema_version"] == "2.9.1"
    (gap,) = document["gaps"]
    assert gap["parts_ns"] == {"queued": 10, "launch": 10, "host": 20}
    assert (gap["process"], gap["thread"]) == (1, 9)
    assert (gap["before"]["name"], gap["after"]["name"]) == ("k�", "")


def test_empty_database(tmp_path: Path) -> None:
    path = tmp_path / "empty.sqlite"
    sqlite3.connect(path).close()
    document = gaps_json(str(path))
    assert (document["devices"], document["gaps"]) == ([], [])
    assert document["syncs"]["waited"] == {"count": 0, "wait_ns": None, "tail_ns": None}


Span = tuple[int, int]


def tick_parts(gap: Span, launch: Span, doing: dict[str, list[Span]]) -> dict[str, int]:
    """The parts of a gap by asking of every nanosecond what it is."""
    found: dict[str, int] = {}
    for t in range(*gap):
        if t >= launch[1]:
            part = "queued"
        elif t >= launch[0]:
            part = "launch"
        else:
            order = ("profiler", "sync", "cuda_api", "os")
            here = (p for p in order if any(lo <= t < hi for lo, hi in doing[p]))
            part = next(here, "host")
        found[part] = found.get(part, 0) + 1
    return found


@pytest.mark.parametrize("seed", range(20))
def test_tick_by_tick(tmp_path: Path, seed: int) -> None:
    dice = random.Random(seed)

    def span() -> Span:
        start = dice.randrange(300)
        return start, start + dice.randrange(1, 40)

    r = Report()
    ops = [span() for _ in range(6)]
    launches = {}
    for corr, (start, end) in enumerate(ops, 1):
        begin = start + dice.randrange(-60, 10)
        launches[corr] = (begin, begin + dice.randrange(30))
        r.op(start, end, corr)
        r.call(*launches[corr], corr)
    doing: dict[str, list[Span]] = {
        part: [span() for _ in range(dice.randrange(4))] for part in ("profiler", "sync", "cuda_api", "os")
    }
    for part, table in (("profiler", "PROFILER_OVERHEAD"), ("os", "OSRT_API")):
        for start, end in doing[part]:
            r.thread(table, start, end)
    for start, end in doing["sync"]:
        r.call(start, end, None, "cudaStreamSynchronize_v3020")
    for start, end in doing["cuda_api"]:
        r.call(start, end, None, "cudaMalloc_v3020")
    doing["cuda_api"] += launches.values()  # other launches are calls as well

    document = gaps_json(r.save(tmp_path), top=None)
    first, last = min(start for start, _ in ops), max(end for _, end in ops)
    idle = [t for t in range(first, last) if not any(lo <= t < hi for lo, hi in ops)]
    (device,) = document["devices"]
    assert device["idle_ns"] == len(idle)
    assert device["busy_ns"] == last - first - len(idle)
    assert sorted(t for a, b, _ in parts(document) for t in range(a, b)) == idle
    for gap in document["gaps"]:
        launch = launches[gap["after"]["correlation_id"]]
        bounds = (gap["start_ns"], gap["end_ns"])
        assert gap["parts_ns"] == tick_parts(bounds, launch, doing)
