"""Slow host: the host works 2 ms on its own between any two launches, in three known functions.

Way of launching: as naive, one launch and one cudaStreamSynchronize per kernel of work; before each
launch the host is busy by the clock for 0.5 to 3.5 ms (2 ms on average), 60 % of it in
`prepare_batch`, 30 % in `collate`, 10 % in `log_step`. The length varies from launch to launch, so
that no sampling rate keeps in step with it. No GPU work overlaps with any of it.

A report of it must show, in the NVTX range "measured":
- steps x kernels rows of the kernel `work`, and a gap of some 2 ms before each, whose cause is
  `host`: 95 % and more of the idle time;
- captured with Python sampling (`nsys profile --python-sampling=true`, exported with
  `--include-blobs=true`): the idle time by line and by function is 60 % `prepare_batch`, 30 %
  `collate` and 10 % `log_step`, each within 5 points. Sampling itself takes time, but from all
  three alike: they end by the clock.
"""

from __future__ import annotations

import random
import sys
from time import perf_counter

from common import Calls, Gpu, Launcher, Workload, main

HOST_S = 0.002
"""The host's own work before a launch, in seconds, on average."""


def prepare_batch(until: float) -> None:
    """60 % of the host's work."""
    while perf_counter() < until:
        pass


def collate(until: float) -> None:
    """30 % of the host's work."""
    while perf_counter() < until:
        pass


def log_step(until: float) -> None:
    """10 % of the host's work."""
    while perf_counter() < until:
        pass


def host_work(seconds: float) -> None:
    """Be busy for so long, 60 : 30 : 10 by the clock."""
    start = perf_counter()
    prepare_batch(start + 0.6 * seconds)
    collate(start + 0.9 * seconds)
    log_step(start + seconds)


def prepare(gpu: Gpu, kernels: int) -> Launcher:
    """Work on the host, launch a kernel by itself, wait for it."""
    one = gpu.arguments(1)
    lengths = random.Random(0)  # the same in every run

    def run(steps: int) -> None:
        for _ in range(steps * kernels):
            host_work(HOST_S * lengths.uniform(0.25, 1.75))
            gpu.launch(one)
            gpu.wait()

    return Launcher(run)


def calls(steps: int, kernels: int) -> Calls:
    """One launch and one wait for each kernel of work; nsys records them all."""
    return Calls(host_launches=steps * kernels, host_syncs=steps * kernels, traced_kernels=steps * kernels)


SLOW_HOST = Workload("slow_host", prepare, calls)

if __name__ == "__main__":
    sys.exit(main(SLOW_HOST, __doc__))
