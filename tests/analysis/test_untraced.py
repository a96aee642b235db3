"""Untraced time, the hardware's evidence and the figures of a comparison, on reports that fit on one screen."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from nsysgap.analysis.idle.document import gaps_document
from nsysgap.analysis.idle.idle_report import IdleReport
from nsysgap.analysis.idle.sm_active import sm_active
from nsysgap.analysis.idle.untraced import UntracedKernel, untraced_pieces, untraced_summary
from nsysgap.analysis.launching_ways import launch_figures
from nsysgap.intervals import IntervalSet
from nsysgap.report import open_source, read_trace
from nsysgap.report.metrics import read_gpu_metrics

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


def test_untraced_piece_names_the_kernel_before_it_and_gives_a_range(tmp_path: Path) -> None:
    idle = idle_of(report(tmp_path, DARK_KERNELS, DARK_CALLS), hidden_after_ns=100)
    found = untraced_pieces(idle)
    assert list(zip(found.start.tolist(), found.end.tolist(), found.gap.tolist(), strict=True)) == [(200, 1000, 0)]
    [summary] = untraced_summary(idle, found)
    assert (summary.untraced_ns, summary.idle_low_ns, summary.idle_high_ns, summary.window_ns) == (800, 100, 900, 1200)
    assert list(summary.idle_percent) == pytest.approx([100 * 100 / 1200, 100 * 900 / 1200])
    assert summary.kernels == (UntracedKernel("kernel", "parent", 1, 800),)


def test_without_untraced_time_there_is_no_range(tmp_path: Path) -> None:
    idle = idle_of(report(tmp_path, DARK_KERNELS, DARK_CALLS), hidden_after_ns=800)  # not longer than 800
    assert untraced_summary(idle) == ()
    [device] = gaps_document(idle, idle.gaps.longest())["devices"]
    assert device["untraced"] is None


def test_selection_cuts_untraced_pieces(tmp_path: Path) -> None:
    with open_source(report(tmp_path, DARK_KERNELS, DARK_CALLS)) as source:
        selection = IntervalSet(np.array([500]), np.array([1150]))
        idle = IdleReport(read_trace(source), selection=selection, hidden_after_ns=100)
    [summary] = untraced_summary(idle)
    assert (summary.untraced_ns, summary.idle_high_ns, summary.window_ns) == (500, 600, 650)


def test_every_gpu_has_its_own_range_for_one_wait(tmp_path: Path) -> None:
    kernels = [*DARK_KERNELS, (120, 180, 1, 5, 2), (1150, 1250, 1, 6, 2)]
    calls = [*DARK_CALLS, (92, 98, 5, 3), (1062, 1066, 6, 3)]
    first, second = untraced_summary(idle_of(report(tmp_path, kernels, calls), hidden_after_ns=100))
    assert (first.device, first.untraced_ns, second.device, second.untraced_ns) == (0, 800, 1, 800)


def samples_of(busy: int, idle: int, untraced: int, every: int) -> list[tuple[int, int, int]]:
    """What a counter would read, sampled every so many ns, if its three means were these."""
    level = np.full(1500, idle)
    level[100:200] = level[1100:1300] = busy
    level[200:1000] = untraced
    return [(at, round(level[at : at + every].mean()), 0) for at in range(0, 1500 - every, every)]


@pytest.mark.parametrize("every", [10, 70, 130])  # from finer than every part to coarser than most
def test_means_come_out_of_samples_that_mix_the_parts(tmp_path: Path, every: int) -> None:
    path = report(tmp_path, DARK_KERNELS, DARK_CALLS, samples_of(90, 0, 80, every))
    idle = idle_of(path, hidden_after_ns=100)
    found = sm_active(idle, idle.devices[0], untraced_pieces(idle))
    assert found is not None
    assert found.busy == pytest.approx(90, abs=4)
    assert found.untraced == pytest.approx(80, abs=4)
    if found.idle is not None:
        assert found.idle == pytest.approx(0, abs=4)


def test_means_stay_within_0_and_100(tmp_path: Path) -> None:
    readings = [(at, 100 if at % 60 else 0, 0) for at in range(0, 1500, 30)]
    idle = idle_of(report(tmp_path, DARK_KERNELS, DARK_CALLS, readings), hidden_after_ns=100)
    found = sm_active(idle, idle.devices[0], untraced_pieces(idle))
    assert found is not None
    assert all(value is None or 0 <= value <= 100 for value in (found.busy, found.idle, found.untraced))


def test_part_shorter_than_a_sample_has_no_mean(tmp_path: Path) -> None:
    path = report(tmp_path, DARK_KERNELS, DARK_CALLS, samples_of(90, 0, 80, 130))
    idle = idle_of(path, hidden_after_ns=100)
    [device] = gaps_document(idle, idle.gaps.longest())["devices"]
    assert device["sm_active_percent"]["idle"] is None  # 100 ns of idle time, samples of 130 ns
    assert device["sm_active_percent"]["busy"] is not None


def test_no_metrics_no_evidence(tmp_path: Path) -> None:
    idle = idle_of(report(tmp_path, DARK_KERNELS, DARK_CALLS), hidden_after_ns=100)
    [device] = gaps_document(idle, idle.gaps.longest())["devices"]
    assert (device["sm_active_percent"], device["sm_active_samples"]) == (None, 0)


def test_samples_of_another_gpu_are_no_evidence(tmp_path: Path) -> None:
    readings = [(at, value, 1) for at, value, _ in samples_of(90, 0, 80, 10)]
    idle = idle_of(report(tmp_path, DARK_KERNELS, DARK_CALLS, readings), hidden_after_ns=100)
    assert sm_active(idle, idle.devices[0], untraced_pieces(idle)) is None


def test_gpu_metrics_are_read_with_time_device_name_and_value(tmp_path: Path) -> None:
    path = report(tmp_path, DARK_KERNELS, DARK_CALLS, [(200, 50, 1), (100, 40, 0)])
    with open_source(path) as source:
        trace = read_trace(source)
        table = read_gpu_metrics(source, trace.names)
    rows = list(zip(*(table[name].tolist() for name in ("time", "device", "metric", "value")), strict=True))
    assert [(time, device, trace.names[metric], value) for time, device, metric, value in rows] == [
        (100, 0, "SM Issue [Throughput %]", 1),
        (100, 0, "SMs Active [Throughput %]", 40),
        (200, 1, "SM Issue [Throughput %]", 1),
        (200, 1, "SMs Active [Throughput %]", 50),
    ]
    assert trace.sm_active["value"].tolist() == [40, 50]


def test_comparison_counts_per_kernel_of_work(tmp_path: Path) -> None:
    figures = launch_figures(
        idle_of(report(tmp_path, DARK_KERNELS, DARK_CALLS), hidden_after_ns=100), {"kernels_of_work": 4}
    )
    assert (figures.kernels_of_work, figures.kernel_rows, figures.busy_us_per_kernel) == (4, 2, 0.075)
    assert (figures.api_calls_per_1000, figures.gpu_ops_per_1000) == (1000.0, 500.0)
    assert (figures.idle_percent, figures.idle_percent_if_untraced_is_busy) == (75.0, 8.33)
    assert (figures.launch_latency_ns, figures.launched_by) == (50, "kernel launch")  # of 50 and 80 the lower one
    assert figures.untraced_ns == 800
    assert sum(figures.idle_percent_by_cause.values()) == pytest.approx(75.0, abs=0.05)


def test_comparison_without_a_record_counts_kernel_rows(tmp_path: Path) -> None:
    figures = launch_figures(idle_of(report(tmp_path, DARK_KERNELS, DARK_CALLS), hidden_after_ns=100))
    assert (figures.kernels_of_work, figures.gpu_ops_per_1000) == (2, 1000.0)
