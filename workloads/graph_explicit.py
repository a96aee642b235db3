"""Graph, explicit: a step built node by node, without capture, with two branches that may overlap.

Way of launching: cudaGraphCreate; a copy in, then two independent branches of `kernels` / 2 kernels
each, one on either half of the array, then a copy out that waits for both (cuGraphAddKernelNode and
cudaGraphAddMemcpyNode1D with their dependencies, through NVIDIA's cuda-bindings); instantiated and
uploaded once (cudaGraphInstantiate, cudaGraphUpload); then one cudaGraphLaunch and one
cudaStreamSynchronize per step. For comparison the same step is launched singly on two streams that
events fork and join.

A report of it must show, in the NVTX range "measured":
- with --cuda-graph-trace=node: per step `kernels` rows of `work` and two copies with a graphNodeId,
  all with the correlationId of one cudaGraphLaunch; the two branches side by side in time on two
  streams, so that the span of a replay is about half the sum of its kernels' durations as long as
  half an array leaves part of the GPU free, and no shorter than their sum where it does not;
- CUDA_GRAPH_NODE_EVENTS inside the range "build" during calls named cuGraphAddKernelNode and
  cudaGraphAddMemcpyNode1D: that is how an explicit graph differs from a captured one;
- in the range "singly" the same ops without graphNodeId, each with a launch call of its own.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from itertools import pairwise
from time import perf_counter
from typing import TYPE_CHECKING, Any

from common.check import ITERATIONS, check_array
from common.cudart import GraphBuilder, import_bindings, work_arguments
from common.errors import WorkloadError
from common.gpu import BLOCK, Gpu
from common.options import positive
from common.program import Program, run_program

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

WARM_UP_STEPS = 5
FLOAT = 4


@dataclass(frozen=True)
class Step:
    """The two halves of the array: where each begins (elements) and how many elements it has."""

    halves: tuple[tuple[int, int], tuple[int, int]]
    kernels: int

    @classmethod
    def split(cls, n: int, kernels: int) -> Step:
        """Halve `n` elements; raises `WorkloadError` where that or halving `kernels` fails."""
        if n < 2 or kernels % 2:
            raise WorkloadError("two branches need --n of at least 2 and an even --kernels")
        return cls(((0, n // 2), (n // 2, n - n // 2)), kernels // 2)


class Explicit:
    """The graph of a step and the same step launched singly."""

    def __init__(self, gpu: Gpu, step: Step) -> None:
        """Allocate pinned memory on the host for the copies in and out."""
        import numpy as np

        self.gpu, self.step = gpu, step
        self.source = gpu.pinned(gpu.n)
        self.result = gpu.pinned(gpu.n)
        self.source[:] = gpu.start_values()
        self.size = gpu.n * np.dtype(np.float32).itemsize
        self.figures: dict[str, float] = {}
        self.builder: GraphBuilder | None = None

    def build(self) -> None:
        """Build, instantiate and upload the graph, and time each."""
        with self.gpu.phase("build"):
            times = [perf_counter()]
            self.builder = GraphBuilder(self.gpu)
            self._add_nodes(self.builder)
            times.append(perf_counter())
            self.builder.instantiate()
            times.append(perf_counter())
            self.builder.upload()
            times.append(perf_counter())
        names = ("build_us", "instantiate_us", "upload_us")
        self.figures = {name: 1e6 * (end - start) for name, (start, end) in zip(names, pairwise(times), strict=True)}

    def _add_nodes(self, builder: GraphBuilder) -> None:
        data = self.gpu.data.data.ptr
        copied = builder.add_copy(data, self.source.ctypes.data, self.size)
        ends = []
        for begin, length in self.step.halves:
            arguments = work_arguments(data + FLOAT * begin, length, self.gpu.done.data.ptr)
            params = builder.kernel_params(arguments, length)
            last = copied
            for _ in range(self.step.kernels):
                last = builder.add_kernel(params, (last,))
            ends.append(last)
        builder.add_copy(self.result.ctypes.data, data, self.size, tuple(ends))

    def replay(self, steps: int) -> None:
        """Launch the graph once per step and wait each time."""
        builder = self.builder
        assert builder is not None
        for _ in range(steps):
            builder.launch()
            self.gpu.wait()

    def singly(self, steps: int) -> None:
        """Launch the same ops one by one, the second branch on a stream of its own."""
        gpu, cupy = self.gpu, self.gpu.cupy
        other = cupy.cuda.Stream(non_blocking=True)
        fork, join = (cupy.cuda.Event(disable_timing=True) for _ in range(2))
        launches = [self._launch(begin, length) for begin, length in self.step.halves]
        for _ in range(steps):
            gpu.data.data.copy_from_host_async(self.source.ctypes.data, self.size, gpu.stream)
            fork.record(gpu.stream)
            other.wait_event(fork)
            for _ in range(self.step.kernels):
                launches[0](gpu.stream)
                launches[1](other)
            join.record(other)
            gpu.stream.wait_event(join)
            gpu.data.data.copy_to_host_async(self.result.ctypes.data, self.size, gpu.stream)
            gpu.wait()

    def _launch(self, begin: int, length: int) -> Callable[[Any], None]:
        """Return what launches `work` on one half."""
        import numpy as np

        gpu, work = self.gpu, self.gpu.function("work")
        part = gpu.data[begin : begin + length]
        arguments = (part, np.int64(length), np.int64(1), gpu.done)
        grid = ((length + BLOCK - 1) // BLOCK,)
        return lambda stream: work(grid, (BLOCK,), arguments, stream=stream)

    def check(self, what: str, steps: int) -> float:
        """Compare the last copy out with NumPy's result, and the GPU's count with the launches."""
        expected = 2 * self.step.kernels * steps
        done = int(self.gpu.done.get()[0])
        if done != expected:
            raise WorkloadError(f"wrong result: {done} kernels of work ran {what}, {expected} were launched")
        return check_array(f"array {what}", self.result, self.step.kernels)


def measure(options: argparse.Namespace) -> dict[str, object]:
    """Measure the graph and the single launches; each step starts from the start values again."""
    step = Step.split(options.n, options.kernels)
    import_bindings()
    gpu = Gpu(options.n)
    with gpu.stream:
        explicit = Explicit(gpu, step)
        explicit.build()
        warm = min(WARM_UP_STEPS, options.steps)
        errors, seconds = [], {}
        for phase, what, run in (
            ("singly", "launched singly", explicit.singly),
            ("measured", "replayed", explicit.replay),
        ):
            with gpu.phase("warm-up"):
                run(warm)
            gpu.reset()
            with gpu.phase(phase):
                start = perf_counter()
                run(options.steps)
                seconds[phase] = perf_counter() - start
            errors.append(explicit.check(what, options.steps))
        if options.dot and explicit.builder is not None:
            explicit.builder.write_dot(options.dot)
        if explicit.builder is not None:
            explicit.builder.destroy()
    return _record(options, explicit, seconds) | {"max_abs_error": max(errors)} | gpu.describe()


def _record(options: argparse.Namespace, explicit: Explicit, seconds: dict[str, float]) -> dict[str, object]:
    kernels_of_work = options.steps * options.kernels
    return {
        "workload": "graph_explicit",
        "n": options.n,
        "steps": options.steps,
        "kernels": options.kernels,
        "iterations": ITERATIONS,
        "nodes": options.kernels + 2,
        "kernels_of_work": kernels_of_work,
        "host_launches": options.steps,
        "host_syncs": options.steps,
        "traced_kernels": kernels_of_work,
        "wall_s_measured": round(seconds["measured"], 9),
        "wall_us_per_kernel": round(1e6 * seconds["measured"] / kernels_of_work, 3),
        "step_us": round(1e6 * seconds["measured"] / options.steps, 3),
        "singly_step_us": round(1e6 * seconds["singly"] / options.steps, 3),
        **{name: round(value, 3) for name, value in explicit.figures.items()},
    }


def add_options(parser: argparse.ArgumentParser) -> None:
    """--n, --steps, --kernels, --dot."""
    parser.add_argument("--n", type=positive, default=2**18, help="float32 elements (%(default)s)")
    parser.add_argument("--steps", type=positive, default=50, help="steps (%(default)s)")
    parser.add_argument("--kernels", type=positive, default=20, help="kernel nodes of a step (%(default)s)")
    parser.add_argument("--dot", metavar="FILE", help="write the graph as a DOT file")


GRAPH_EXPLICIT = Program("graph_explicit", add_options, measure)

if __name__ == "__main__":
    sys.exit(run_program(GRAPH_EXPLICIT, __doc__))
