"""CDP (CUDA dynamic parallelism): a kernel on the GPU launches the kernels of a step.

Way of launching: per step the host launches `parent`, a kernel of one thread, which launches
`kernels` kernels `work` on the GPU, one after the other; the host waits for the parent, which is
done when its children are (one cudaStreamSynchronize per step). Compiled relocatable (-dc) and
linked with cudadevrt, which CuPy must find: set CUDA_PATH when it does not.

A report of it must show, in the NVTX range "measured":
- `steps` rows of `parent`, and not one of `work`: nsys does not record kernels that kernels launch
  (the 200 rows of `work` in the range "events" were launched by the host);
- a parent's row much shorter than the step (about 145 of 850 us), and a cudaStreamSynchronize that
  returns some 690 us after the row has ended: the children run in that time. Calling it idle would
  be false, calling it a sync tail too: its cause is `untraced`, 95 % and more of all gap time;
- with --gpu-metrics-devices=all: "SMs Active" about as high after a parent's row as within it,
  which is the evidence.
"""

from __future__ import annotations

import sys
from typing import Any

from common import Calls, Gpu, Launcher, Workload, main

PARENT = """
extern "C" __global__
void parent(float *data, long long n, long long kernels, unsigned long long *done)
{
    const unsigned int blocks = (unsigned int)((n + BLOCK - 1) / BLOCK);
    for (long long kernel = 0; kernel < kernels; ++kernel)
        work<<<blocks, BLOCK>>>(data, n, 1, done);
}
"""
"""The launches of one thread go to one stream of the GPU: the children run one after the other."""

DEFAULT_PENDING_LAUNCHES = 2048
"""Launches that may wait on the GPU by default (cudaLimitDevRuntimePendingLaunchCount)."""


def prepare(gpu: Gpu, kernels: int) -> Launcher:
    """Launch the parent of each step and wait for it and its children."""
    parent: Any = gpu.function("parent")
    if kernels > DEFAULT_PENDING_LAUNCHES:
        runtime = gpu.cupy.cuda.runtime
        runtime.deviceSetLimit(runtime.cudaLimitDevRuntimePendingLaunchCount, kernels)
    arguments = gpu.arguments(kernels)

    def run(steps: int) -> None:
        for _ in range(steps):
            parent((1,), (1,), arguments)
            gpu.wait()

    return Launcher(run)


def calls(steps: int, kernels: int) -> Calls:
    """One launch and one wait for each step; nsys records the parents alone."""
    return Calls(host_launches=steps, host_syncs=steps, traced_kernels=steps)


CDP = Workload("cdp", prepare, calls, extra_source=PARENT, relocatable=True)

if __name__ == "__main__":
    sys.exit(main(CDP, __doc__))
