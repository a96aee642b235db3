"""The vocabulary of CUDA calls: which names are of which kind, and that kinds which exclude one another do."""

from __future__ import annotations

from pathlib import Path

import pytest
from report_builder import ReportBuilder

from nsysgap.analysis.relations import calls
from nsysgap.analysis.relations.calls import CallKind, call_groups, created_node, runtime_name

EXAMPLES = {
    "KERNEL_LAUNCHES": (
        ("cudaLaunchKernel", "cudaLaunchKernelExC", "cuLaunchKernel", "cuLaunchCooperativeKernel", "cudaLaunch"),
        ("cudaLaunchHostFunc", "cudaGraphLaunch", "cuLaunchAttributeGet"),
    ),
    "GRAPH_LAUNCHES": (("cudaGraphLaunch", "cuGraphLaunch"), ("cudaGraphLaunchKernel",)),
    "COPIES": (("cudaMemcpyAsync", "cuMemcpyHtoDAsync", "cudaMemcpy2D"), ("cudaMemset", "cudaMemcpyAttributes")),
    "PREFETCHES": (("cudaMemPrefetchAsync", "cuMemPrefetchAsync"), ("cudaMemAdvise",)),
    "SYNCS": (
        (
            *("cudaStreamSynchronize", "cuStreamSynchronize", "cudaEventSynchronize", "cuEventSynchronize"),
            *("cudaDeviceSynchronize", "cuCtxSynchronize"),
        ),
        ("cudaThreadSynchronize", "cudaStreamWaitEvent", "cuDeviceSynchronize", "cudaCtxSynchronize"),
    ),
    "STREAM_WAITS": (("cudaStreamWaitEvent", "cuStreamWaitEvent"), ("cuStreamWaitValue32",)),
    "EVENT_RECORDS": (("cudaEventRecord", "cudaEventRecordWithFlags", "cuEventRecord"), ("cudaEventCreate",)),
    "IMPLICIT_SYNCS": (
        ("cudaFree", "cuMemFree", "cudaMemcpy", "cudaDeviceReset"),
        ("cudaFreeAsync", "cudaMemcpyAsync"),
    ),
    "NO_LAUNCHES": (
        ("cudaEventElapsedTime", "cudaStreamWaitEvent", "cudaStreamQuery", "cuCtxSynchronize"),
        ("cudaLaunchKernel", "cudaMemcpy"),
    ),
    "ALLOCATIONS": (("cudaMalloc", "cudaMallocAsync", "cudaFree", "cuMemAlloc", "cudaHostAlloc"), ("cuMemcpy",)),
    "CAPTURE_BLOCKERS": (
        (
            *("cudaMallocAsync", "cudaFreeHost", "cuMemCreate", "cuModuleLoadData", "cuLibraryLoadFromFile"),
            *("cudaEventQuery", "cudaStreamQuery", "cudaStreamCreateWithFlags", "cudaHostAlloc"),
        ),
        ("cudaLaunchKernel", "cudaStreamSynchronize", "cudaEventRecord"),
    ),
    "MODULE_LOADS": (("cuModuleLoadData", "cuLibraryLoadData"), ("cuModuleGetFunction",)),
    "CAPTURE_BEGINS": (("cudaStreamBeginCapture", "cuStreamBeginCapture"), ("cudaStreamEndCapture",)),
    "GRAPH_UPDATES": (("cudaGraphExecUpdate", "cudaGraphExecKernelNodeSetParams"), ("cudaGraphUpload",)),
    "INSTANTIATIONS": (("cudaGraphInstantiate", "cudaGraphInstantiateWithFlags"), ("cudaGraphLaunch",)),
    "CAPTURED": (("cudaLaunchKernel", "cudaMallocAsync", "cuMemcpyAsync", "cudaLaunchHostFunc"), ("cudaGraphClone",)),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_kind_has_its_calls_and_no_others(name: str) -> None:
    kind: CallKind = getattr(calls, name)
    inside, outside = EXAMPLES[name]
    assert [call for call in inside if call not in kind] == []
    assert [call for call in outside if call in kind] == []


def test_rows_of_a_kind(report: ReportBuilder, tmp_path: Path) -> None:
    report.call(0, 5, name="cudaMalloc").call(10, 20, name="cudaStreamWaitEvent_v3020")
    report.call(30, 40, name="cuStreamWaitEvent_ptsz")
    trace = report.launch((50, 55), (60, 70)).trace(tmp_path)
    assert calls.STREAM_WAITS.rows(trace).tolist() == [False, True, True, False]
    assert (calls.STREAM_WAITS | calls.LAUNCHES).rows(trace).tolist() == [False, True, True, True]
    assert not calls.SYNCS.rows(trace).any()
    groups = {trace.name(index): group for index, group in call_groups(trace).items()}
    assert groups == {
        "cudaMalloc": "memory",
        "cudaStreamWaitEvent": "call",
        "cuStreamWaitEvent": "call",
        "cudaLaunchKernel": "launch",
    }


def test_what_calls_create_and_are_called() -> None:
    assert [created_node(call) for call in ("cudaGraphAddMemcpyNode", "cudaLaunchKernel", "cudaGraphAddNode")] == [
        *("memcpy", "kernel", "other")
    ]
    assert (runtime_name("cuLaunchKernelEx"), runtime_name("cuModuleLoad")) == ("cudaLaunchKernelExC", None)
