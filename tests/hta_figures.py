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

NAMED_LAUNCHES = ("cudaLaunchKernel", "cudaLaunchKernelExC", "cudaMemcpyAsync", "cudaMemsetAsync")


def figures(folder: str) -> dict[str, Any]:
    """Temporal and idle-time breakdown, kernels by name, launches that the launch statistics know; times in us."""
    from hta.trace_analysis import TraceAnalysis

    analysis = TraceAnalysis(trace_dir=folder)
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
    }


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    with contextlib.redirect_stdout(sys.stderr):
        found = figures(sys.argv[1])
    print(json.dumps(found, default=float))
