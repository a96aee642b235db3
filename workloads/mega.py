"""Mega: all the work in a single kernel.

Way of launching: one launch, which does the work of steps x kernels kernels, and one
cudaStreamSynchronize.

A report of it must show, in the NVTX range "measured":
- one row of the kernel `work`, one cuLaunchKernel call, one cudaStreamSynchronize;
- no gap between kernels, since there is one: what idle time the range has lies before the kernel's
  start and after its end, and is there once whatever the steps: some tens of us, which is well below
  1 % of the default 50 steps. The wall time per kernel is the lowest of the five: the floor that the
  other four are measured against.
"""

from __future__ import annotations

import sys

from common import Calls, Gpu, Launcher, Workload, main


def prepare(gpu: Gpu, kernels: int) -> Launcher:
    """Launch the work of all steps at once and wait for it."""

    def run(steps: int) -> None:
        gpu.launch(gpu.arguments(steps * kernels))
        gpu.wait()

    return Launcher(run)


def calls(steps: int, kernels: int) -> Calls:
    """One launch, one wait, one kernel, whatever the sizes."""
    return Calls(host_launches=1, host_syncs=1, traced_kernels=1)


MEGA = Workload("mega", prepare, calls)

if __name__ == "__main__":
    sys.exit(main(MEGA, __doc__))
