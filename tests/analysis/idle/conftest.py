"""What the tests of idle time by group and by call share."""

from __future__ import annotations

import pytest
from report_builder import ReportBuilder


@pytest.fixture
def mixed(report: ReportBuilder) -> ReportBuilder:
    """Six gaps: before a first node, inside a graph, with a sync, with a nested call, unknown, of another process."""
    report.process(1, "python").thread(1, 1, "main").nvtx(0, 300, "loop").nvtx(90, 300, "step")
    report.launch((0, 5), (10, 20), "alpha")
    report.graph_launch((22, 26), (30, 40), (50, 60))  # host 2, launch 4, queued 4; in_graph 10
    report.sync(60, 80).launch((84, 90), (100, 110), "alpha")  # sync 20, host 4, launch 6, queued 10
    report.call(110, 130, 8, "cudaMalloc_v3020").call(112, 118, 9, "cuMemAlloc_v2").overhead(130, 136).osrt(136, 140)
    report.launch((144, 150), (150, 160), "beta")  # cuda_api 20, profiler 6, os 4, host 4, launch 6
    report.memcpy(170, 180, copyKind=11)  # unknown 10
    return report.launch((171, 185), (190, 200), "beta", pid=2, tid=9)  # launch 5, queued 5
