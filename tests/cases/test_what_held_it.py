"""What else held it: queued time with its holder's name, and what the host was doing where calls do not say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from case_answers import MS, US, answer, parts, said, steps
from report_builder import ReportBuilder, global_pid, global_tid

STREAM_SIDE = "CUPTI_ACTIVITY_KIND_GRAPH_HOST_NODE_AND_HOST_LAUNCH"


def held_by(document: dict[str, Any]) -> dict[str, int]:
    return {one["name"]: one["held"] for one in document["devices"][0]["held_by"]}


def bubbles(report: ReportBuilder, *, stream_side: bool = True, function: bool = True) -> ReportBuilder:
    """Five times: a kernel, a callback that holds the stream for 2.0 ms, a kernel launched long before."""
    for i in range(5):
        at, own = MS + 5 * MS * i, 100 * i
        report.call(at, at + 5 * US, own + 1).kernel(at + 10 * US, at + 110 * US, own + 1)
        report.call(at + 6 * US, at + 9 * US, own + 2, "cudaLaunchHostFunc_v10000")
        report.call(at + 10 * US, at + 14 * US, own + 3).kernel(at + 2120 * US, at + 2220 * US, own + 3)
        ids: dict[str, Any] = {"correlationId": own + 2}
        if stream_side:
            report.row(STREAM_SIDE, start=at + 112 * US, end=at + 2112 * US, globalPid=global_pid(1), **ids)
        if function:
            name = report.text("my_callback")
            span = {"start": at + 117 * US, "end": at + 2107 * US}
            report.row("CUDA_HOST_CALLBACK", **span, globalTid=global_tid(1, 99), nameId=name, **ids)
    return report.osrt(0, 1, tid=99)


@pytest.mark.parametrize(
    ("sides", "name", "held"),
    [
        ({}, "host callback my_callback on thread 99", 10 * MS),
        ({"stream_side": False}, "host callback my_callback on thread 99", 9950 * US),
        ({"function": False}, "host callback (unnamed)", 10 * MS),
    ],
)
def test_a_host_callback_in_the_stream(
    report: ReportBuilder, tmp_path: Path, sides: dict[str, bool], name: str, held: int
) -> None:
    document = answer(bubbles(report, **sides), tmp_path)
    assert document["devices"][0]["held_ns"] == 10_050 * US
    assert held_by(document)[name] == held
    assert name in said(document, "warning")
    assert document["devices"][0]["idle_range_ns"] is None  # the GPU was idle, whoever held it


def decompressing(report: ReportBuilder, number: int, **more: Any) -> ReportBuilder:
    """8 ms of hardware decompression before each kernel of 1 ms, 10 ms apart."""
    for i in range(number):
        at = MS + 10 * MS * i
        report.launch((at + 10 * US, at + 14 * US), (at + 8015 * US, at + 9015 * US))
        columns = {"deviceId": 0, "globalPid": global_pid(1), **more}
        report.row("CUPTI_ACTIVITY_KIND_MEM_DECOMPRESS", start=at + 12 * US, end=at + 8012 * US, **columns)
    return report


@pytest.mark.parametrize("number", [4, 7])
def test_another_engine_of_the_gpu(report: ReportBuilder, tmp_path: Path, number: int) -> None:
    """Busy stays the ops'; idle is a range."""
    document = answer(decompressing(report, number), tmp_path)
    (device,) = document["devices"]
    gaps = number - 1
    assert (device["busy_ns"], device["idle_ns"]) == (number * MS, gaps * 9 * MS)
    assert device["idle_range_ns"] == [gaps * MS, gaps * 9 * MS]
    assert "hardware decompression (MEM_DECOMPRESS)" in said(document, "warning")


def test_decompression_on_another_gpu(report: ReportBuilder, tmp_path: Path) -> None:
    decompressing(report, 3, deviceId=1).launch((0, 1), (MS, 2 * MS), device=1)
    first = answer(report, tmp_path)["devices"][0]
    assert (first["device"], first["idle_range_ns"]) == (0, None)


def replays(report: ReportBuilder, *, graph: bool) -> ReportBuilder:
    """Ten launches queued at once; between what is recorded of two of them lie 7.825 ms."""
    for i in range(10):
        call = MS + 20 * US * i
        report.call(call, call + 10 * US, i + 1, "cudaGraphLaunch_v10000" if graph else "cudaLaunchKernel_v7000")
        for node in range(3 if graph else 1):
            start = MS + 20 * US + 8 * MS * i + 60 * US * node
            report.kernel(start, start + 55 * US, i + 1, node=node + 1 if graph else None)
    return report


def test_iterations_of_a_while_node_that_are_not_recorded(report: ReportBuilder, tmp_path: Path) -> None:
    document = answer(replays(report, graph=True), tmp_path)
    (device,) = document["devices"]
    assert device["held_ns"] == 9 * 7825 * US
    assert device["idle_range_ns"] == [10 * 2 * 5 * US, device["idle_ns"]]
    assert "later iterations of a WHILE node" in said(document, "warning")


def test_the_same_stretches_between_plain_kernels(report: ReportBuilder, tmp_path: Path) -> None:
    document = answer(replays(report, graph=False), tmp_path)
    assert list(held_by(document)) == ["(nothing that the report records)"]
    assert document["devices"][0]["idle_range_ns"] is None


def test_held_is_longer_than_100_us(report: ReportBuilder, tmp_path: Path) -> None:
    report.launch((0, 1), (US, 2 * US)).launch((US, 2 * US), (102 * US, 110 * US)).launch(
        (3 * US, 4 * US), (211 * US, 220 * US)
    )
    document = answer(report, tmp_path)
    assert (parts(document)["queued"], document["devices"][0]["held_ns"]) == (201 * US, 101 * US)


def batches(report: ReportBuilder) -> ReportBuilder:
    return steps(report, 1, MS).launch((2 * MS, 2003 * US), (2705 * US, 2905 * US))


def test_windows_batches_launches(report: ReportBuilder, tmp_path: Path) -> None:
    batches(report).row("TARGET_INFO_SYSTEM_ENV", name="OperatingSystemName", value="Windows 10")
    assert "WDDM batches launches" in said(answer(report, tmp_path), "warning")


def test_wddm_tables_tell_windows(report: ReportBuilder, tmp_path: Path) -> None:
    batches(report).row("WDDM_QUEUE_PACKET_START_EVENTS", start=5, end=5)
    assert "WDDM batches launches" in said(answer(report, tmp_path), "warning")


def test_held_on_linux(report: ReportBuilder, tmp_path: Path) -> None:
    batches(report).row("TARGET_INFO_SYSTEM_ENV", name="OperatingSystemName", value="Linux")
    assert "code being uploaded" in said(answer(report, tmp_path), "warning")


def loading(report: ReportBuilder, kind: int) -> ReportBuilder:
    """Each kernel's first launch takes 3 ms, of which 2.85 ms are loading."""
    for i in range(4):
        at = MS + 4 * MS * i
        report.launch((at, at + 3 * MS), (at + 3002 * US, at + 3022 * US), f"layer {i}")
        span = {"start": at + 100 * US, "end": at + 2950 * US, "globalTid": global_tid(1, 1)}
        report.row("CUPTI_ACTIVITY_KIND_OVERHEAD", **span, overheadType=kind, nameId=report.text("Lazy Loading"))
    return report


@pytest.mark.parametrize(("kind", "there"), [(7, True), (6, True), (2, True), (1 << 16, False)])
def test_loading_modules(report: ReportBuilder, tmp_path: Path, kind: int, there: bool) -> None:
    """Flushing CUPTI's own buffers is another kind of overhead."""
    found = said(answer(loading(report, kind), tmp_path), "note")
    assert ("8.55 ms of 11.9 ms idle time is loading modules" in found) == there


def reduced(report: ReportBuilder, table: str, tid: int = 1) -> ReportBuilder:
    """7 of 8 ms of each gap in an MPI call."""
    for i in range(4):
        at = MS + 10 * MS * i
        report.launch((at, at + 5 * US), (at + 8 * US, at + 2008 * US))
        name = report.text("MPI_Allreduce")
        report.row(table, start=at + 2030 * US, end=at + 9030 * US, globalTid=global_tid(1, tid), textId=name)
    return report


@pytest.mark.parametrize("table", ["MPI_COLLECTIVES_EVENTS", "MPI_P2P_EVENTS"])
def test_waiting_in_mpi(report: ReportBuilder, tmp_path: Path, table: str) -> None:
    found = said(answer(reduced(report, table), tmp_path), "note")
    assert "mpi: of 24.0 ms idle time the launching thread spent 21.0 ms in MPI_Allreduce" in found


def test_mpi_of_another_thread(report: ReportBuilder, tmp_path: Path) -> None:
    reduced(report, "MPI_COLLECTIVES_EVENTS", tid=5).osrt(0, 1, tid=5)
    assert "mpi:" not in said(answer(report, tmp_path), "note")


@pytest.mark.parametrize(("late", "blocking"), [(20, True), (19, True), (10, False)])
def test_blocking_launches(report: ReportBuilder, tmp_path: Path, late: int, blocking: bool) -> None:
    """20 launches, of which so many return 17 us after their kernel's end."""
    for i in range(20):
        at = MS + 150 * US * i
        report.launch((at, at + (125 * US if i < late else 5 * US)), (at + 8 * US, at + 108 * US))
    assert ("launches are blocking" in said(answer(report, tmp_path), "warning")) == blocking


def test_blocking_launches_of_one_process(report: ReportBuilder, tmp_path: Path) -> None:
    """Its 20 launches return after their kernel's end, 40 of another process at once."""
    for i in range(20):
        at = MS + 150 * US * i
        report.launch((at, at + 125 * US), (at + 8 * US, at + 108 * US), pid=2)
        for number in (0, 1):
            call = at + number * 10 * US
            report.launch((call, call + 5 * US), (at + 40 * US, at + 108 * US), device=1, stream=number)
    found = said(answer(report, tmp_path), "warning")
    assert "launches of process 2 are blocking, 20 of 20 launch calls return only after" in found


@pytest.mark.parametrize(("tid", "own", "there"), [(2, False, True), (1, False, False), (2, True, False)])
def test_work_of_autograd_s_thread(report: ReportBuilder, tmp_path: Path, tid: int, own: bool, there: bool) -> None:
    """Launched by main, or by a thread with a range of its own: nothing to say."""
    report.thread(1, 2, "pt_autograd_0").nvtx(0, 50 * MS, "step").nvtx(4 * MS, 9 * MS, "backward")
    if own:
        report.nvtx(0, 50 * MS, "mine", tid=2)
    steps(steps(report, 5, MS), 5, MS, tid=tid, delay=10 * MS)
    found = said(answer(report, tmp_path), "note")
    assert ("5 of 10 ops were launched by thread 2 (pt_autograd_0)" in found) == there


def backward(report: ReportBuilder, *others: int) -> ReportBuilder:
    """Thread 2 sleeps until main, after 3 ms of its own work, wakes it; threads `others` run too."""
    report.thread(1, 1, "main").thread(1, 2, "pt_autograd_0")
    for i in range(3):
        at = 20 * MS * i
        report.launch((at, at + 5 * US), (at + 8 * US, at + MS))
        report.osrt(at + 4 * MS, at + 14 * MS, "pthread_cond_wait")
        report.osrt(at - 6 * MS, at + 4010 * US, "pthread_cond_wait", tid=2)
        report.launch((at + 4020 * US, at + 4025 * US), (at + 4030 * US, at + 5 * MS), tid=2)
    for tid in others:
        report.nvtx(0, 1, "busy", tid=tid)
    return report


def test_a_thread_that_another_wakes(report: ReportBuilder, tmp_path: Path) -> None:
    document = answer(backward(report), tmp_path)
    woken = "thread 2 (pt_autograd_0) slept in pthread_cond_wait until thread 1 (main) woke it"
    assert woken in said(document, "note")
    assert parts(document)["os"] > 8 * MS


def test_a_thread_that_any_of_several_may_have_woken(report: ReportBuilder, tmp_path: Path) -> None:
    assert "thread 2 (pt_autograd_0) slept" not in said(answer(backward(report, 3), tmp_path), "note")


def test_a_thread_that_only_polls(report: ReportBuilder, tmp_path: Path) -> None:
    backward(report)
    for row in report.tables["OSRT_API"]:
        row["nameId"] = report.text("poll")
    assert "slept in" not in said(answer(report, tmp_path), "note")
