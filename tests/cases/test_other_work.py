"""What held queued work beside the program's own calls: other contexts, graphics, first runs; idle as a range."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from case_answers import MS, US, answer, said, steps
from report_builder import ReportBuilder, global_pid

SAVE_END, RESTORE_START = 7, 8
OURS, THEIRS = 11, 12


def held_by(document: dict[str, Any], device: int = 0) -> dict[str, int]:
    return {one["name"]: one["held"] for one in document["devices"][device]["held_by"]}


def waiting(report: ReportBuilder, *, gpu: int = 0) -> ReportBuilder:
    """A kernel at 1 to 2 ms, and one that is launched at 2 ms and starts at 160 ms."""
    report.launch((0, 5 * US), (MS, 2 * MS), device=gpu)
    return report.launch((2 * MS, 2 * MS + 5 * US), (160 * MS, 161 * MS), device=gpu)


def switch(report: ReportBuilder, at: int, tag: int, context: int, pid: int | None, gpu: int = 0) -> ReportBuilder:
    whose = None if pid is None else global_pid(pid)
    row: dict[str, Any] = {"tag": tag, "vmId": 0, "contextId": context, "globalPid": whose, "gpuId": gpu}
    return report.row("GPU_CONTEXT_SWITCH_EVENTS", seqNo=at, timestamp=at, **row)


def switches(report: ReportBuilder, pid: int | None, *, gpu: int = 0, ours: int | None = 1) -> ReportBuilder:
    """Ours until 4 ms, theirs from 5 to 157 ms, ours again from 158 ms on, never saved."""
    switch(switch(report, 0, RESTORE_START, OURS, ours, gpu), 4 * MS, SAVE_END, OURS, ours, gpu)
    switch(switch(report, 5 * MS, RESTORE_START, THEIRS, pid, gpu), 157 * MS, SAVE_END, THEIRS, pid, gpu)
    return switch(report, 158 * MS, RESTORE_START, OURS, ours, gpu)


@pytest.mark.parametrize(
    ("pid", "whose"), [(4711, "process 4711 (Xorg)"), (1, "process 1"), (None, "an unknown process")]
)
def test_another_context_held_the_gpu(report: ReportBuilder, tmp_path: Path, pid: int | None, whose: str) -> None:
    """Of another process, of the same one, of none that is told: it is another, for ours ran the kernel."""
    document = answer(switches(waiting(report.process(4711, "Xorg")), pid), tmp_path)
    assert held_by(document)[f"GPU context 12 of {whose}"] == 152 * MS
    assert document["devices"][0]["idle_range_ns"] == [158 * MS - 152 * MS, 158 * MS]
    assert f"152 ms by GPU context 12 of {whose} in 1 gap" in said(document, "warning")


def test_contexts_whose_process_ids_are_the_host_s(report: ReportBuilder, tmp_path: Path) -> None:
    """In a container our own context carries another process ID; it ran the kernel all the same."""
    document = answer(switches(waiting(report), 4711, ours=9001), tmp_path)
    assert held_by(document)["GPU context 12 of process 4711"] == 152 * MS
    assert not any("9001" in name for name in held_by(document))


def test_contexts_of_another_gpu(report: ReportBuilder, tmp_path: Path) -> None:
    document = answer(switches(waiting(report.gpu(0, "A").gpu(1, "B")), 4711, gpu=1), tmp_path)
    assert list(held_by(document)) == ["(nothing that the report records)"]
    assert document["devices"][0]["idle_range_ns"] is None


def test_our_own_context_holds_nothing(report: ReportBuilder, tmp_path: Path) -> None:
    waiting(switch(report, 0, RESTORE_START, OURS, 1))
    assert list(held_by(answer(report, tmp_path))) == ["(nothing that the report records)"]


def test_the_oldest_table_of_contexts(report: ReportBuilder, tmp_path: Path) -> None:
    switches(waiting(report), 4711)
    report.tables["FECS_EVENTS"] = report.tables.pop("GPU_CONTEXT_SWITCH_EVENTS")
    assert held_by(answer(report, tmp_path))["GPU context 12 of process 4711"] == 152 * MS


def drawing(report: ReportBuilder, table: str, gpu: int | None = 0) -> ReportBuilder:
    """Kernels of 5 ms, 10 ms apart; between them 2 ms of other work, in time that is the host's."""
    steps(report, 4, 10 * MS)
    for i in range(3):
        at = 7 * MS + 10 * MS * i
        report.row(table, start=at, end=at + 2 * MS, gpu=gpu, globalTid=None, nameId=report.text("vkQueueSubmit"))
    return report


@pytest.mark.parametrize(
    ("table", "name"),
    [("VULKAN_WORKLOAD", "Vulkan"), ("DX12_WORKLOAD", "Direct3D 12"), ("GPU_VIDEO_ENGINE_WORKLOAD", "video engine")],
)
def test_graphics_beside_cuda(report: ReportBuilder, tmp_path: Path, table: str, name: str) -> None:
    """Busy stays CUDA's; the idle time that the other work covers is said beside it."""
    document = answer(drawing(report, table), tmp_path)
    (device,) = document["devices"]
    assert (device["busy_ns"], device["idle_ns"], device["held_ns"]) == (20 * MS, 15 * MS, 0)
    assert device["other_work"] == [{"name": f"{name} work ({table})", "idle_ns": 6 * MS}]
    assert device["idle_range_ns"] == [9 * MS, 15 * MS]
    assert f"6.00 ms by {name} work ({table})" in said(document, "warning")


@pytest.mark.parametrize(("gpu", "covered"), [(1, 0), (None, 6 * MS)])
def test_graphics_of_another_or_no_known_gpu(
    report: ReportBuilder, tmp_path: Path, gpu: int | None, covered: int
) -> None:
    document = answer(drawing(report.gpu(0, "A").gpu(1, "B"), "VULKAN_WORKLOAD", gpu), tmp_path)
    assert sum(one["idle_ns"] for one in document["devices"][0]["other_work"]) == covered


def test_two_engines_at_once_are_counted_once(report: ReportBuilder, tmp_path: Path) -> None:
    waiting(report)
    for table in ("VULKAN_WORKLOAD", "DX12_WORKLOAD"):
        report.row(table, start=50 * MS, end=60 * MS, gpu=0, globalTid=None, nameId=report.text("submit"))
    document = answer(report, tmp_path)
    (device,) = document["devices"]
    assert [one["idle_ns"] for one in device["other_work"]] == [10 * MS, 10 * MS]
    assert device["idle_range_ns"] == [device["idle_ns"] - 10 * MS, device["idle_ns"]]
    assert held_by(document)["Vulkan work (VULKAN_WORKLOAD)"] == 10 * MS
    assert sum(held_by(document).values()) == device["held_ns"]


@pytest.mark.parametrize(("name", "holder"), [("another", "(the first run of its kernel"), ("kernel", "(nothing")])
def test_a_first_kernel_s_upload(report: ReportBuilder, tmp_path: Path, name: str, holder: str) -> None:
    steps(report, 2, MS).launch((3 * MS, 3 * MS + US), (4 * MS, 5 * MS), name)
    (found,) = held_by(answer(report, tmp_path))
    assert found.startswith(holder)


def test_a_range_counts_no_time_twice(report: ReportBuilder, tmp_path: Path) -> None:
    """Decompression in a sync call in which no op runs: untraced, and covered."""
    report.launch((0, US), (2 * US, MS)).sync(3 * US, 9 * MS).launch(
        (10 * MS, 10 * MS + US), (10 * MS + 2 * US, 11 * MS)
    )
    report.row("CUPTI_ACTIVITY_KIND_MEM_DECOMPRESS", start=2 * MS, end=5 * MS, deviceId=0, globalPid=global_pid(1))
    (device,) = answer(report, tmp_path)["devices"]
    assert device["idle_by_cause_ns"]["untraced"] == 8 * MS
    assert device["idle_range_ns"] == [device["idle_ns"] - 8 * MS, device["idle_ns"]]
