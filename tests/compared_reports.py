"""Reports of a small loop, to compare: as many steps as wanted, each with its host time, launch and kernel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from report_builder import ReportBuilder

CALL, QUEUE = 10, 5


def loop_report(
    *,
    steps: int = 8,
    host: int = 100,
    kernels: tuple[str, ...] = ("gemm<4>", "softmax"),
    label: str | None = "step {}",
    gpu: str | None = "NVIDIA H200",
    graph: str | None = None,
    lost: bool = False,
    kernel_ns: int = 1000,
) -> ReportBuilder:
    """A loop: `host` ns of host code, then a call of 10 ns for each kernel, which runs 5 ns after it.

    `graph`: "node" or "graph" launches the kernels as one CUDA graph traced so; `label` None: without NVTX ranges.
    """
    report = ReportBuilder().versions()
    if gpu is not None:
        report.gpu(0, gpu).device(1, 0, 0)
    if lost:
        report.diagnostic(3, "CUDA events were lost.")
    time = 0
    for step in range(steps):
        start, time = time, time + host
        if graph == "node":
            spans = [(time + CALL + QUEUE + i * kernel_ns, time + CALL + QUEUE + (i + 1) * kernel_ns) for i in range(2)]
            report.graph_launch((time, time + CALL), *spans)
            time = spans[-1][1]
        elif graph == "graph":
            report.call(time, time + CALL, 50_000 + step, "cudaGraphLaunch_v10000")
            report.graph_trace(time + CALL + QUEUE, time + CALL + QUEUE + 2 * kernel_ns, 50_000 + step)
            time += CALL + QUEUE + 2 * kernel_ns
        else:
            for name in kernels:
                begin = time + CALL + QUEUE
                report.launch((time, time + CALL), (begin, begin + kernel_ns), name)
                time = begin + kernel_ns
        if label is not None:
            report.nvtx(start, time, label.format(step))
    return report


def saved(folder: Path, name: str, **more: Any) -> Path:
    """A report of `loop_report` as a file."""
    return loop_report(**more).save(folder, f"{name}.sqlite")
