"""Writes tests/golden/*.json from the real reports in NSYSGAP_TRACES, by the reference alone.

    NSYSGAP_TRACES=TRACES PYTHONPATH=tests python tests/golden/make.py

Only for a new real report or a changed definition: a golden result is a promise, not a snapshot of the program.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from real_reports import require_report
from reference import gaps_json
from test_against_reference import FOLDER, summary

ODD = {
    "crash": "the program killed itself: no kernel table, so no device",
    "decode_pysampled": "Python stacks in NVTX_EVENTS, much work of the profiler itself",
    "graphlevel": "graphs traced as a whole: GRAPH_TRACE rows instead of nodes",
    "proto_cdp": "kernels launched by kernels: nearly all idle time is untraced",
    "proto_graph": "graph launches of 20 nodes: one call, many kernels",
    "proto_naive": "1,000 launches, each followed by a sync",
    "s0-2021_mordred": "no version table, no ENUM, PROCESSES or ANALYSIS tables",
    "s2.9.1_pipit-mpi": "eventClass 67 repeats calls: 5 kernels, not 10",
    "s3.1.2_gtls": "23,419 kernels; event waits by eventId",
    "s3.13.2_cloverleaf": "4 GPUs in the machine",
    "s3.16.1_fuser": "hardly any GPU work in half a second",
    "s3.17.2_awsgpu-uvm": "1 kernel, 2,370 unified-memory copies that no call launched",
    "s3.20.2_nsightful": "NVTX text by textId only; syncs that never wait",
    "s3.23.3_balinski-uvm": "GPU 1 of two, unified memory",
    "s3.24.14_testcuda": "ANALYSIS_DETAILS.startTime is hours after the events",
    "s3.25.0_2gpu-trimmed": "2 processes share correlation IDs on 2 GPUs without names",
    "s3.25.0_jacc-nocuda": "no CUPTI table at all",
    "s3.4.0_fastgraphcut": "1 kernel: no gap",
    "batch_single": "64 products a step, one by one: launch-bound",
    "batch_bmm": "the same as one batched product",
    "copy_pageable": "16 MB from pageable memory a step: staged copies whose calls wait",
    "copy_pinned": "the same from pinned memory",
    "graph_small_eager": "18 small kernels and a read a step",
    "graph_small_graph": "the same as one CUDA graph",
    "host_full": "1.5 ms of the program's own code a step",
    "host_half": "half of it",
    "host_ahead": "the same, made ahead on another thread",
    "fleet_host_rank0": "a rank that waits in NCCL's kernels for the other",
    "fleet_host_rank1": "the rank that the other waits for",
}


def main() -> None:
    """Write one file per report."""
    with tempfile.TemporaryDirectory() as folder:
        for name, odd in ODD.items():
            document = gaps_json(str(require_report(name, Path(folder))), top=None)
            text = json.dumps({"odd": odd, "expected": summary(document)}, indent=1)
            (FOLDER / f"{name}.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
