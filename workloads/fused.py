"""Fused: the kernels of a step become one kernel.

Way of launching: one launch, which does the work of `kernels` kernels, and one
cudaStreamSynchronize per step.

A report of it must show, in the NVTX range "measured":
- `steps` rows of the kernel `work`, each a little shorter than `kernels` of naive's: the work is
  the same, but the array is read and written once per step, and the GPU fills and drains once;
- `steps` cuLaunchKernel calls and `steps` cudaStreamSynchronize calls;
- one gap per step with naive's causes (`sync`, `host`, `launch`, `queued`), none within a step. The
  gap is longer than naive's: a host thread that has waited longer wakes up more slowly;
- a wall time per kernel below the time of a single kernel by CUDA events.
"""

from __future__ import annotations

import sys

from common import Calls, Gpu, Launcher, Workload, main


def prepare(gpu: Gpu, kernels: int) -> Launcher:
    """Launch a step's work at once and wait for it."""
    whole_step = gpu.arguments(kernels)

    def run(steps: int) -> None:
        for _ in range(steps):
            gpu.launch(whole_step)
            gpu.wait()

    return Launcher(run)


def calls(steps: int, kernels: int) -> Calls:
    """One launch, one wait and one kernel for each step, whatever the work in it."""
    return Calls(host_launches=steps, host_syncs=steps, traced_kernels=steps)


FUSED = Workload("fused", prepare, calls)

if __name__ == "__main__":
    sys.exit(main(FUSED, __doc__))
