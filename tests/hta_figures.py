"""Runs HolisticTraceAnalysis on a folder of traces (one per GPU) and prints its figures for rank 0 as JSON.

PYTHONPATH=<where tests/install-hta.sh put it> python tests/hta_figures.py FOLDER
"""

from __future__ import annotations

import contextlib
import json
import logging
import sys
import warnings
from typing import Any

SYNCS = ("Stream Sync", "Event Sync", "Context Sync")
NAMED_LAUNCHES = ("cudaLaunchKernel", "cudaLaunchKernelExC", "cudaMemcpyAsync", "cudaMemsetAsync")


def figures(folder: str) -> dict[str, Any]:
    """Temporal and idle-time breakdown, kernels by name, launches that the launch statistics know; times in us."""
    from hta.trace_analysis import TraceAnalysis

    analysis = TraceAnalysis(trace_dir=folder, include_last_profiler_step=True)
    temporal = analysis.get_temporal_breakdown(visualize=False)
    idle = analysis.get_idle_time_breakdown(visualize=False)[0]
    types, kernels = analysis.get_gpu_kernel_breakdown(
        visualize=False, num_kernels=1_000_000, duration_ratio=1.0, include_memory_kernels=True
    )
    launches = analysis.get_cuda_kernel_launch_stats(visualize=False)[0]
    trace, names = analysis.t.get_trace(0), analysis.t.symbol_table.get_sym_table()
    on_gpu = trace[trace["stream"] != -1]
    return {
        "temporal": temporal.iloc[0].to_dict(),
        "idle_us": float(idle["idle_time"].sum()),
        "types": dict(zip(types["kernel_type"], map(float, types["sum"]), strict=True)),
        "kernels_us": dict(zip(kernels["name"], map(float, kernels["sum (us)"]), strict=True)),
        "counts": {names[index]: int(number) for index, number in on_gpu["name"].value_counts().items()},
        "launches": int(launches["correlation"].nunique()),
        "launch_rows": len(launches),
        "critical_path": critical_path(analysis)
        if "ProfilerStep#0" in analysis.t.symbol_table.get_sym_id_map()
        else {},
    }


class _Said(logging.Handler):
    """What HTA warns of."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())


def critical_path(analysis: Any) -> dict[str, Any]:
    """The critical path through all steps: its length in us, what HTA warns of, how many steps and syncs it knows."""
    said = _Said()
    logging.getLogger("hta").addHandler(said)
    trace, names = analysis.t.get_trace(0), analysis.t.symbol_table.get_sym_table()
    steps = int(trace["name"].map(lambda index: names[index].startswith("ProfilerStep#")).sum())
    graph, whole = analysis.critical_path_analysis(rank=0, annotation="ProfilerStep", instance_id=(0, steps - 1))
    return {
        "us": float(graph.get_critical_path_breakdown()["duration"].sum()),
        "whole": bool(whole),
        "warnings": said.texts,
        "steps": steps,
        "syncs": int(trace["name"].map(lambda index: names[index] in SYNCS).sum()),
    }


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    logging.disable(logging.INFO)
    logging.getLogger().setLevel(logging.WARNING)
    with contextlib.redirect_stdout(sys.stderr):
        found = figures(sys.argv[1])
    print(json.dumps(found, default=float))
