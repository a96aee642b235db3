"""Graph: the launches of a step are captured into a CUDA graph once and replayed.

Way of launching: `kernels` launches captured and instantiated once (NVTX range "capture"); then one
cudaGraphLaunch and one cudaStreamSynchronize per step.

A report of it must show, in the NVTX range "measured":
- with --cuda-graph-trace=node: steps x kernels rows of the kernel `work`, each with a graphNodeId,
  those of a step sharing the correlationId of one cudaGraphLaunch call; with
  --cuda-graph-trace=graph: one CUPTI_ACTIVITY_KIND_GRAPH_TRACE row per step and no kernel rows;
- `steps` launch calls and `steps` cudaStreamSynchronize calls: a 20th of what naive makes;
- within a step only the GPU's own way from node to node (`in_graph`, a tenth of a microsecond);
  between steps the same chain as in naive, but once per step and not once per kernel. Most of it is
  `launch`: with node tracing nsys makes cudaGraphLaunch several times as long as it is (about 35 us
  and not 10), which the plain wall time does not pay.
The record's `capture_us` (begin and the launches), `instantiate_us` (end of the capture and
instantiation: CuPy does both in one call) and `upload_us` (transfer to the GPU and a wait) say what
the graph costs before its first step. The short run of the check captures a graph of its own, in
a "capture" range inside "check": the GPU's first one, and so the dearer one.
"""

from __future__ import annotations

import sys
from itertools import pairwise
from time import perf_counter

from common import Calls, Gpu, Launcher, Workload, main


def prepare(gpu: Gpu, kernels: int) -> Launcher:
    """Capture the launches of one step, instantiate and upload the graph, and time each."""
    one = gpu.arguments(1)
    with gpu.phase("capture"):
        times = [perf_counter()]
        gpu.stream.begin_capture()
        for _ in range(kernels):
            gpu.launch(one)
        times.append(perf_counter())
        graph = gpu.stream.end_capture()
        times.append(perf_counter())
        graph.upload(gpu.stream)
        gpu.wait()
        times.append(perf_counter())

    def run(steps: int) -> None:
        for _ in range(steps):
            graph.launch(gpu.stream)
            gpu.wait()

    costs = (1e6 * (end - start) for start, end in pairwise(times))
    return Launcher(run, dict(zip(("capture_us", "instantiate_us", "upload_us"), costs, strict=True)))


def calls(steps: int, kernels: int) -> Calls:
    """One launch and one wait for each step; nsys records each kernel of work as a node."""
    return Calls(host_launches=steps, host_syncs=steps, traced_kernels=steps * kernels)


GRAPH = Workload("graph", prepare, calls)

if __name__ == "__main__":
    sys.exit(main(GRAPH, __doc__))
