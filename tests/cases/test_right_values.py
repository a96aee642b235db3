"""Situations from public bug reports, with the very figures that are right for them; other files have the rest."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from case_answers import MS, US, answer, gpus, parts, said, steps, waits
from command_line import run
from graph_reports import document as graphs_document
from report_builder import ReportBuilder, global_pid, global_tid


def losses(document: dict[str, Any]) -> list[tuple[str, int, int]]:
    return [(one["kind"], one["count"], one["of"]) for one in document["completeness"]]


def percent_idle(document: dict[str, Any]) -> float:
    (device,) = document["devices"]
    idle, busy = int(device["idle_ns"]), int(device["busy_ns"])
    return round(100 * idle / (busy + idle), 2)


def test_autograd_nvtx(report: ReportBuilder, tmp_path: Path) -> None:
    """Ten steps of ten forward kernels by main and ten backward ones by autograd's thread, main's range being open."""
    report.thread(1, 1, "main").thread(1, 2, "pt_autograd_0")
    for i in range(10):
        at = 10 * MS * i
        report.nvtx(at, at + 9 * MS, "step").nvtx(at, at + 4 * MS, "forward").nvtx(at + 4 * MS, at + 9 * MS, "backward")
        for k in range(10):
            for tid, begin in ((1, at), (2, at + 4 * MS)):
                call = begin + 300 * US * k
                report.launch((call, call + 5 * US), (call + 8 * US, call + 108 * US), tid=tid)
    document = answer(report, tmp_path)
    assert "100 of 200 ops were launched by thread 2 (pt_autograd_0)" in said(document, "note")
    groups = json.loads(run("gaps", report.save(tmp_path), "--from", "0", "--by", "nvtx", "--format", "json").stdout)
    assert {row["name"]: row["gaps"] for row in groups["groups"]["rows"]} == {
        "backward, by thread 2": 100,
        "forward": 99,
    }


def test_conditional_while(report: ReportBuilder, tmp_path: Path) -> None:
    """One launch: two outer nodes and thirty iterations of a body of two nodes."""
    for launch in range(1, 6):
        at = 2 * MS * launch
        report.call(at, at + 10 * US, 10 * launch, "cudaGraphLaunch_v10000")
        report.kernel(at + 20 * US, at + 60 * US, 10 * launch, "init", node=(5 << 32) + 1)
        for i in range(30):
            start = at + 62 * US + 18 * US * i
            report.kernel(start, start + 10 * US, 10 * launch, "body", node=(6 << 32) + 1)
            report.kernel(start + 11 * US, start + 13 * US, 10 * launch, "check", node=(6 << 32) + 2)
        report.kernel(at + 602 * US, at + 652 * US, 10 * launch, "finish", node=(5 << 32) + 3)
        report.sync(at + 15 * US, at + 662 * US, 10 * launch + 1, "cudaStreamSynchronize_v3020", stream=7)
    (graph,) = graphs_document(report.save(tmp_path))["graphs"]
    (body,) = graph["bodies"]
    assert (graph["node_count"], graph["replays"]["count"], body["node_count"]) == (2, 5, 2)
    assert (body["iterations"]["min"], body["iterations"]["max"]) == (30, 30)
    found = {key: graph["replays"][key]["median"] for key in ("span_ns", "busy_ns", "between_nodes_ns")}
    assert found == {"span_ns": 632 * US, "busy_ns": 450 * US, "between_nodes_ns": 7 * US}
    assert (body["span_ns"]["median"], body["between_nodes_ns"]["median"]) == (535 * US, 175 * US)


def test_cuda_order(report: ReportBuilder, tmp_path: Path) -> None:
    report.gpu(0, "GTX 1660", cuDevice=1, smCount=22, totalMemory=6 << 30)
    report.gpu(1, "RTX 3090", cuDevice=0, smCount=82, totalMemory=24 << 30)
    path = steps(report, 20, MS).save(tmp_path)
    devices = json.loads(run("info", path, "--format", "json").stdout)["devices"]
    (used,) = [one for one in devices if one["ops"]]
    assert (used["device"], used["name"], used["sm_count"]) == (1, "RTX 3090", 82)
    assert used["total_memory"] == 24 << 30
    assert used["resolved"] == "TARGET_INFO_GPU.cuDevice"


def test_cuda_stops_early(report: ReportBuilder, tmp_path: Path) -> None:
    """600 steps in 60 s, CUDA rows in the first 300 only: 84 ms of each 100 are busy."""
    report.row("ANALYSIS_DETAILS", duration=60_000 * MS, startTime=0, stopTime=60_000 * MS)
    for i in range(600):
        at = 100 * MS * i
        report.nvtx(at, at + 100 * MS, "step")
        if i < 300:
            report.launch((at + 4 * MS, at + 4 * MS + 5 * US), (at + 5 * MS, at + 89 * MS))
    document = answer(report, tmp_path)
    assert losses(document) == [("stopped_early", 300, 600)]
    assert "The last CUDA row is at 30.0 s of 60.0 s" in said(document, "incomplete")
    assert "300 of 600 NVTX ranges hold none" in said(document, "incomplete")
    (loss,), busy = document["completeness"], 300 * 84 * MS
    whole = 60_000 * MS - 5 * MS  # from the first op on
    idle = 299 * 16 * MS
    assert loss["idle_ranges"] == [{"device": 0, "idle_range_ns": [idle, whole - busy], "of_ns": whole}]
    path = report.save(tmp_path)
    assert run("check", path, "--max-idle", "99").returncode == 4
    assert "was idle 4.78 s to 34.8 s" in " ".join(run("gaps", path, "--detail").stdout.split())


def test_launches_without_kernels(report: ReportBuilder, tmp_path: Path) -> None:
    """1,000 launches 100 us apart of kernels of 99 us; three in ten left none."""
    lost = [i for i in range(1000) if i % 10 in (3, 4, 5)]
    for i in range(1000):
        at = MS + 100 * US * i
        if i in lost:
            report.call(at - 20 * US, at - 16 * US, 5000 + i)
        else:
            report.launch((at - 20 * US, at - 16 * US), (at, at + 99 * US))
    document = answer(report, tmp_path)
    assert losses(document) == [("lost_launches", 300, 1000)]
    (loss,) = document["completeness"]
    assert (loss["first_ns"], loss["last_ns"]) == (1280 * US, 100_480 * US)
    assert percent_idle(document) == 30.7
    assert "GPU 0 was idle at most 30.7 %" in said(document, "incomplete")
    assert document["devices"][0]["idle_range_ns"] == [0, document["devices"][0]["idle_ns"]]


def test_lazy_loading(report: ReportBuilder, tmp_path: Path) -> None:
    """8.55 of 8.96 ms in launch calls are loading; the other launches of the kernels take 4 us."""
    at = MS
    for i in range(4):
        report.launch((at, at + 2990 * US), (at + 2992 * US, at + 3142 * US), f"layer{i}")
        span = {"start": at + 100 * US, "end": at + 2950 * US, "globalTid": global_tid(1, 1)}
        report.row("CUPTI_ACTIVITY_KIND_OVERHEAD", **span, overheadType=7, nameId=report.text("Lazy Loading"))
        at += 3142 * US
    document = answer(report, tmp_path)
    assert parts(document) == {"queued": 6 * US, "launch": 8970 * US}
    assert document["devices"][0]["loading_ns"] == 8550 * US
    assert "8.55 ms of 8.98 ms idle time is loading modules" in said(document, "note")
    assert "CUDA_MODULE_LOADING=EAGER" in said(document, "note")


def test_mem_decompress(report: ReportBuilder, tmp_path: Path) -> None:
    for i in range(4):
        at = MS + 10 * MS * i
        report.launch((at + 10 * US, at + 14 * US), (at + 8015 * US, at + 9015 * US))
        span = {"start": at + 12 * US, "end": at + 8012 * US, "deviceId": 0, "globalPid": global_pid(1)}
        report.row("CUPTI_ACTIVITY_KIND_MEM_DECOMPRESS", **span)
    (device,) = answer(report, tmp_path)["devices"]
    assert (device["busy_ns"], device["busy_ns"] + device["idle_ns"]) == (4 * MS, 31 * MS)
    held = {one["name"]: one["held"] for one in device["held_by"]}
    assert held["hardware decompression (MEM_DECOMPRESS)"] == pytest.approx(24 * MS, abs=6 * US)
    assert device["idle_range_ns"] == [3 * MS, 27 * MS]


@pytest.mark.parametrize("as_ranges", [False, True])
def test_mpi_wait(report: ReportBuilder, tmp_path: Path, as_ranges: bool) -> None:
    """7 of 8 ms of each gap are MPI_Allreduce, from MPI's table or as an NVTX range."""
    for i in range(10):
        at = MS + 10 * MS * i
        report.launch((at, at + 5 * US), (at + 8 * US, at + 2008 * US))
        span = (at + 2030 * US, at + 9030 * US)
        if as_ranges:
            report.nvtx(*span, "MPI_Allreduce", domainId=3)
        else:
            ids = {"globalTid": global_tid(1, 1), "textId": report.text("MPI_Allreduce")}
            report.row("MPI_COLLECTIVES_EVENTS", start=span[0], end=span[1], **ids)
    document = answer(report, tmp_path)
    note = "mpi: of 72.0 ms idle time the launching thread spent 63.0 ms in MPI_Allreduce"
    assert note in said(document, "note")
    path = report.save(tmp_path)
    rows = json.loads(run("gaps", path, "--from", "0", "--by", "api", "--format", "json").stdout)["groups"]["rows"]
    assert rows[0]["name"] == "MPI_Allreduce"
    assert (rows[0]["idle_ns"], rows[0]["gaps"]) == (63 * MS, 9)
    assert sum(row["idle_ns"] for row in rows) == document["devices"][0]["idle_ns"]
    assert "MPI_Allreduce" in run(path).stdout


@pytest.mark.parametrize(
    ("table", "name"), [("CUDNN_EVENTS", "cudnnConvolutionForward"), ("CUBLAS_EVENTS", "cublasSgemm_v2")]
)
def test_calls_of_libraries(report: ReportBuilder, tmp_path: Path, table: str, name: str) -> None:
    """The launch lies inside the library's call: CUDA's calls go first, the rest of it is the library's."""
    for i in range(5):
        at = MS + 10 * MS * i
        report.launch((at + 6 * MS, at + 6 * MS + 5 * US), (at + 6 * MS + 8 * US, at + 8 * MS))
        ids = {"globalTid": global_tid(1, 1), "nameId": report.text(name)}
        report.row(table, start=at + 2 * MS, end=at + 6 * MS + 20 * US, **ids)
    path = report.save(tmp_path)
    rows = json.loads(run("gaps", path, "--from", "0", "--by", "api", "--format", "json").stdout)["groups"]["rows"]
    found = {row["name"]: row["idle_ns"] for row in rows}
    assert found[name] == 4 * 4 * MS
    assert found["cudaLaunchKernel"] == 4 * 5 * US
    assert name in run(path).stdout


def test_launch_blocking(report: ReportBuilder, tmp_path: Path) -> None:
    """Every launch returns 17 us after its kernel's end: named where the time passed, and on the first screen."""
    for i in range(200):
        at = MS + 150 * US * i
        report.launch((at, at + 125 * US), (at + 8 * US, at + 108 * US))
    path = report.save(tmp_path)
    rows = json.loads(run("gaps", path, "--from", "0", "--by", "api", "--format", "json").stdout)["groups"]["rows"]
    found = {row["name"]: (row["idle_ns"], row["main_cause"]) for row in rows}
    assert found["CUDA_LAUNCH_BLOCKING: cudaLaunchKernel"] == (199 * 17 * US, "cuda_api")
    assert found["cudaLaunchKernel"] == (199 * 8 * US, "launch")
    assert "CUDA_LAUNCH_BLOCKING" in run(path).stdout


def test_timestamps_other_clock(report: ReportBuilder, tmp_path: Path) -> None:
    """3 of 50 kernels lie 1e14 ns before the rest."""
    report.row("ANALYSIS_DETAILS", duration=200 * MS, startTime=0, stopTime=200 * MS)
    for i in range(50):
        at = MS + 2 * MS * i
        off = 10**14 if i < 3 else 0
        report.launch((at, at + 5 * US), (at + 8 * US - off, at + 108 * US - off))
        report.sync(at + 10 * US, at + 112 * US, 5000 + i, "cudaStreamSynchronize_v3020", stream=7)
    document = answer(report, tmp_path)
    (device,) = document["devices"]
    assert device["window_ns"] == [7008 * US, 99_108 * US]
    assert (device["busy_ns"], device["idle_ns"]) == (4700 * US, 87_400 * US)
    assert percent_idle(document) == 94.9
    assert losses(document) == [("lost_launches", 3, 50), ("left_out", 3, 3)]
    assert said(document, "incomplete") == (
        "3 rows of CUPTI_ACTIVITY_KIND_KERNEL lie far outside the session, on another clock: left out of every figure. "
        "GPU work is missing: GPU 0 was idle at most 94.9 %."
    )


def test_launches_whose_rows_are_not_even_left_out_are_told_apart(report: ReportBuilder, tmp_path: Path) -> None:
    """3 of 10 own no op: the row of one has no time, that of another is of another process, the third's is nowhere."""
    for i in range(10):
        report.call(MS * i, MS * i + 5 * US, i + 1)
        if i < 9:
            at = 0 if i == 2 else MS * i + 8 * US
            report.kernel(at, at and at + US, i + 1, pid=9 if i == 4 else 1)
    document = answer(report, tmp_path)
    assert losses(document)[0] == ("lost_launches", 3, 10)
    assert "2 of 10 launches left no kernel (process 1, 4.00 ms to 9.00 ms" in said(document, "incomplete")


def test_wddm_batching(report: ReportBuilder, tmp_path: Path) -> None:
    report.row("TARGET_INFO_SYSTEM_ENV", name="OperatingSystemName", value="Windows 10")
    for i in range(50):
        at = 2 * MS * i
        report.launch((at, at + 3 * US), (at + 705 * US, at + 905 * US))
    document = answer(report, tmp_path)
    assert document["launches"]["kernel"]["queue_ns"]["median"] == 702 * US
    assert document["devices"][0]["held_ns"] == 49 * 702 * US
    assert "WDDM batches launches" in said(document, "warning")
    assert "cudaStreamQuery" in said(document, "warning")


def test_device_graph_launch(report: ReportBuilder, tmp_path: Path) -> None:
    report.call(MS, MS + 10 * US, 1, "cudaGraphLaunch_v10000").graph_trace(MS + 20 * US, MS + 120 * US, 1)
    for i in range(1, 20):
        report.graph_trace(MS + 20 * US + 130 * US * i, MS + 120 * US + 130 * US * i, None)
    report.sync(MS + 15 * US, MS + 2600 * US, 2, "cudaStreamSynchronize_v3020", stream=7)
    document = answer(report, tmp_path)
    assert gpus(document)[0][3:] == (2 * MS, 570 * US)
    assert waits(document) == (1, 0, 2575 * US, 10 * US)
    assert "19 graphs were launched by the GPU itself" in said(document, "note")
