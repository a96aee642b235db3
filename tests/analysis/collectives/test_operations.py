"""Which kernels are collectives that nobody leaves before all have come."""

from __future__ import annotations

from pathlib import Path

import pytest
from report_builder import ReportBuilder

from nsysgap.analysis.collectives.operations import KINDS, barrier_collectives, collective_kernels


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("ncclDevKernel_AllReduce_Sum_f32_RING_LL(ncclDevKernelArgsStorage<4096ul>)", "AllReduce"),
        ("ncclKernel_AllReduce_RING_LL_Sum_float(ncclWorkElem)", "AllReduce"),
        ("ncclDevKernel_AllGather_RING_LL(ncclDevKernelArgsStorage<4096ul>)", "AllGather"),
        ("ncclDevKernel_ReduceScatter_Sum_bf16_RING_LL(x)", "ReduceScatter"),
        ("ncclDevKernel_AlltoAll_RING_LL(x)", "AllToAll"),
        ("ncclDevKernel_Broadcast_RING_LL(x)", None),
        ("ncclDevKernel_Reduce_Sum_f32_RING_LL(x)", None),
        ("ncclDevKernel_SendRecv(x)", None),
    ],
)
def test_kinds_by_name(report: ReportBuilder, tmp_path: Path, name: str, kind: str | None) -> None:
    trace = report.launch((0, 1), (5, 9), name).launch((2, 3), (9, 12), "my_ncclAllReduce").trace(tmp_path)
    assert collective_kernels(trace).tolist() == [True, False]
    found = barrier_collectives(trace, 0, 0)
    assert [KINDS[one] for one in found.kind.tolist()] == ([] if kind is None else [kind])


def test_of_one_process_on_one_gpu_in_their_order(report: ReportBuilder, tmp_path: Path) -> None:
    name = "ncclDevKernel_AllReduce_Sum_f32_RING_LL"
    report.launch((0, 1), (50, 60), name).launch((1, 2), (20, 30), name, stream=9)
    report.launch((2, 3), (40, 45), name, pid=2).launch((3, 4), (41, 46), name, device=1)
    trace = report.trace(tmp_path)
    process = trace.processes["pid"].tolist().index(1)
    found = barrier_collectives(trace, process, 0)
    assert list(zip(found.start.tolist(), found.end.tolist(), strict=True)) == [(20, 30), (50, 60)]
