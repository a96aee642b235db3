"""Naive: the host waits for the GPU after every single kernel.

Way of launching: one launch and one cudaStreamSynchronize per kernel of work.

A report of it must show, in the NVTX range "measured":
- steps x kernels rows of the kernel `work`, as many cuLaunchKernel calls and as many
  cudaStreamSynchronize calls;
- a gap before every kernel. While the host waits, nothing is queued; when the kernel ends, the GPU
  has nothing to do until the host has noticed (`sync`), has run its own code up to the next launch
  (`host`), has made the launch call (`launch`), and the launch has reached the GPU (`queued`). All
  four are microseconds long, so all four show; the launch call is usually the longest, and so the
  cause of most gaps;
- every launch unqueued, so that its latency is what a launch really costs;
- the highest wall time per kernel of the five: the kernel's own time plus all of the above;
- with --gpu-metrics-devices=all: "SMs Active" that follows the share of busy time (about 70 %).
"""

from __future__ import annotations

import sys

from common import Calls, Gpu, Launcher, Workload, main


def prepare(gpu: Gpu, kernels: int) -> Launcher:
    """Launch each kernel by itself and wait for it."""
    one = gpu.arguments(1)

    def run(steps: int) -> None:
        for _ in range(steps * kernels):
            gpu.launch(one)
            gpu.wait()

    return Launcher(run)


def calls(steps: int, kernels: int) -> Calls:
    """One launch and one wait for each kernel of work; nsys records them all."""
    return Calls(host_launches=steps * kernels, host_syncs=steps * kernels, traced_kernels=steps * kernels)


NAIVE = Workload("naive", prepare, calls)

if __name__ == "__main__":
    sys.exit(main(NAIVE, __doc__))
