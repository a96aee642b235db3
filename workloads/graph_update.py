"""Graph, updated: what it costs to change the parameters of an instantiated graph before each replay.

Way of launching: one graph of a copy and `kernels` kernels in a chain, replayed `steps` times in
each of these ways, the last five of which work on two arrays in turn:
- "plain": nothing changes;
- "kernel_params": cuGraphExecKernelNodeSetParams for every kernel node (and the copy's source by
  cudaGraphExecMemcpyNodeSetParams1D);
- "exec_update": the parameters of a template graph are set, cudaGraphExecUpdate takes them over;
- "reinstantiate": captured again and instantiated again, the old executable destroyed;
- "recapture_update": captured again, then cudaGraphExecUpdate of the old executable;
- "indirection": the kernels read the array's address from a fixed place (a frozen pointer to
  changing data), and one copy of 16 bytes changes that and the counter's.
"memcpy_params" changes the copy's source alone. Then the updates that CUDA refuses, with its errors.

A report of it must show:
- for every way a range "way: NAME" with `steps` cudaGraphLaunch calls of `kernels` kernel nodes;
- between them the calls of that way: `kernels` x `steps` cuGraphExecKernelNodeSetParams in
  "way: kernel_params", `steps` cudaGraphExecUpdate in "way: exec_update", `steps` cudaGraphInstantiate
  and `kernels` x `steps` captured launches, which own no op, in "way: reinstantiate";
- the dearer the way, the longer the gap before the first node of a replay: the part `cuda_api`.
The kernels are short (`--n` is small), since a longer kernel would only dilute the cost.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from time import perf_counter
from typing import TYPE_CHECKING, Any

from common.check import ITERATIONS, check_array
from common.cudart import CudaError, GraphBuilder, call, import_bindings, work_arguments
from common.errors import WorkloadError
from common.gpu import BLOCK, Gpu
from common.options import chosen, positive
from common.program import Program, run_program

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

INDIRECT = """
extern "C" __global__
void work_indirect(float **place, long long n, long long kernels, unsigned long long **counter)
{
    float *data = *place;
    const long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) {
        float v = data[i];
        for (long long kernel = 0; kernel < kernels; ++kernel)
            for (int iteration = 0; iteration < ITERATIONS; ++iteration)
                v = sinf(v) * 0.99f + 0.01f;
        data[i] = v;
    }
    if (i == 0)
        atomicAdd(*counter, (unsigned long long)kernels);
}
"""
WAYS = (
    "plain",
    "memcpy_params",
    "kernel_params",
    "exec_update",
    "recapture_update",
    "reinstantiate",
    "indirection",
)
WARM_UP_STEPS = 10


class Targets:
    """Two arrays, their counters, and the start values, all on the GPU."""

    def __init__(self, gpu: Gpu) -> None:
        """Allocate them; array 0 is the Gpu's own."""
        cupy = gpu.cupy
        self.gpu = gpu
        self.size = 4 * gpu.n
        self.source = [cupy.asarray(gpu.start_values()) for _ in range(2)]
        self.data = [gpu.data, cupy.empty_like(gpu.data)]
        self.done = [gpu.done, cupy.zeros_like(gpu.done)]
        places = [[self.data[i].data.ptr, self.done[i].data.ptr] for i in range(2)]
        self.places = cupy.asarray(places, dtype=cupy.uint64)
        self.place = self.places[0].copy()
        self.arguments = [work_arguments(self.data[i].data.ptr, gpu.n, self.done[i].data.ptr) for i in range(2)]
        gpu.wait()

    def reset(self) -> None:
        """Count from 0 again, forget the results."""
        for data, done in zip(self.data, self.done, strict=True):
            data.fill(0)
            done.fill(0)
        self.gpu.wait()

    def check(self, way: str, kernels: int, used: list[int]) -> float:
        """Compare both arrays and counts; `used` says how many replays worked on each."""
        counts = [int(done.get()[0]) for done in self.done]
        expected = [kernels * replays for replays in used]
        if counts != expected:
            raise WorkloadError(
                f"wrong result: {counts} kernels of work ran on the two arrays in the way {way}, "
                f"{expected} were launched"
            )
        return max(check_array(f"array {i} in the way {way}", self.data[i].get(), kernels) for i in range(2) if used[i])


class Ways:
    """The graph, and each way of changing it before a replay: functions of the array's number."""

    def __init__(self, gpu: Gpu, kernels: int) -> None:
        """Build and instantiate the graph on array 0, and one of indirect kernels."""
        self.gpu, self.kernels = gpu, kernels
        self.targets = Targets(gpu)
        self.builder, self.copy, self.nodes = self._chain()
        self.params = [self.builder.kernel_params(arguments, gpu.n) for arguments in self.targets.arguments]
        self.indirect = self._indirect_chain()
        for builder in (self.builder, self.indirect):
            builder.instantiate()
            builder.upload()
        self._launches = [
            (self.targets.data[i], gpu.n_argument, gpu.one_argument, self.targets.done[i]) for i in range(2)
        ]

    def _chain(self) -> tuple[GraphBuilder, Any, list[Any]]:
        builder, targets = GraphBuilder(self.gpu), self.targets
        params = builder.kernel_params(targets.arguments[0], self.gpu.n)
        copy = builder.add_copy(targets.data[0].data.ptr, targets.source[0].data.ptr, targets.size)
        nodes: list[Any] = []
        for _ in range(self.kernels):
            nodes.append(builder.add_kernel(params, (nodes[-1] if nodes else copy,)))
        return builder, copy, nodes

    def _indirect_chain(self) -> GraphBuilder:
        builder, targets = GraphBuilder(self.gpu), self.targets
        place = targets.place.data.ptr
        arguments = work_arguments(place, self.gpu.n, place + 8)
        params = builder.kernel_params(arguments, self.gpu.n, "work_indirect")
        node = builder.add_kernel(params)
        for _ in range(self.kernels - 1):
            node = builder.add_kernel(params, (node,))
        return builder

    def plain(self, _: int) -> None:
        """Replay the graph as it is."""
        self.builder.launch()

    def memcpy_params(self, array: int) -> None:
        """Give the copy another source."""
        self._set_copy(0, array)
        self.builder.launch()

    def kernel_params(self, array: int) -> None:
        """Give every node the other array."""
        self._set_copy(array, array)
        driver, executable = self.builder.driver, int(self.builder.executable)
        for node in self.nodes:
            call(driver.cuGraphExecKernelNodeSetParams, executable, node, self.params[array])
        self.builder.launch()

    def _set_copy(self, destination: int, source: int) -> None:
        runtime, targets = self.builder.runtime, self.targets
        call(
            runtime.cudaGraphExecMemcpyNodeSetParams1D,
            self.builder.executable,
            self.copy,
            targets.data[destination].data.ptr,
            targets.source[source].data.ptr,
            targets.size,
            runtime.cudaMemcpyKind.cudaMemcpyDefault,
        )

    def exec_update(self, array: int) -> None:
        """Change the template graph, then the executable as a whole."""
        runtime, driver, targets = self.builder.runtime, self.builder.driver, self.targets
        call(
            runtime.cudaGraphMemcpyNodeSetParams1D,
            self.copy,
            targets.data[array].data.ptr,
            targets.source[array].data.ptr,
            targets.size,
            runtime.cudaMemcpyKind.cudaMemcpyDefault,
        )
        for node in self.nodes:
            call(driver.cuGraphKernelNodeSetParams, node, self.params[array])
        call(runtime.cudaGraphExecUpdate, self.builder.executable, self.builder.graph)
        self.builder.launch()

    def _capture(self, array: int) -> Any:
        """Capture the same step on one of the arrays: a new graph."""
        runtime, targets, stream = self.builder.runtime, self.targets, self.gpu.stream
        work = self.gpu.function("work")
        grid = ((self.gpu.n + BLOCK - 1) // BLOCK,)
        mode = runtime.cudaStreamCaptureMode.cudaStreamCaptureModeThreadLocal
        call(runtime.cudaStreamBeginCapture, stream.ptr, mode)
        data, source = targets.data[array].data, targets.source[array].data
        data.copy_from_device_async(source, targets.size, stream)
        for _ in range(self.kernels):
            work(grid, (BLOCK,), self._launches[array])
        return call(runtime.cudaStreamEndCapture, stream.ptr)

    def recapture_update(self, array: int) -> None:
        """Capture again, update the executable with it."""
        runtime = self.builder.runtime
        graph = self._capture(array)
        call(runtime.cudaGraphExecUpdate, self.builder.executable, graph)
        call(runtime.cudaGraphDestroy, graph)
        self.builder.launch()

    def reinstantiate(self, array: int) -> None:
        """Capture and instantiate again."""
        runtime = self.builder.runtime
        graph = self._capture(array)
        executable = call(runtime.cudaGraphInstantiate, graph, 0)
        call(runtime.cudaGraphLaunch, executable, self.gpu.stream.ptr)
        self.gpu.wait()
        call(runtime.cudaGraphExecDestroy, executable)
        call(runtime.cudaGraphDestroy, graph)

    def indirection(self, array: int) -> None:
        """Change the address in the fixed place; start from the start values as the others do."""
        targets, stream = self.targets, self.gpu.stream
        targets.place.data.copy_from_device_async(targets.places[array].data, 16, stream)
        data, source = targets.data[array].data, targets.source[array].data
        data.copy_from_device_async(source, targets.size, stream)
        self.indirect.launch()

    def restore(self) -> None:
        """Make the executable work on array 0 again."""
        self.builder.instantiate()
        self.exec_update(0)
        self.gpu.wait()

    def time(self, way: str, steps: int) -> dict[str, float]:
        """Replay `steps` times in one way; return us per replay and the largest error."""
        change: Callable[[int], None] = getattr(self, way)
        alternate = 0 if way in ("plain", "memcpy_params") else 1
        self.restore()
        for step in range(min(WARM_UP_STEPS, steps)):
            change(step % 2)
            self.gpu.wait()
        self.targets.reset()
        with self.gpu.phase(f"way: {way}"):
            start = perf_counter()
            for step in range(steps):
                change(step % 2)
                self.gpu.wait()
            seconds = perf_counter() - start
        used = [steps - alternate * (steps // 2), alternate * (steps // 2)]
        error = self.targets.check(way, self.kernels, used)
        return {"us_per_replay": round(1e6 * seconds / steps, 3), "max_abs_error": error}

    def refusals(self) -> dict[str, str]:
        """Updates that CUDA refuses, each with the name of CUDA's error ("accepted" if it took it)."""
        self.restore()
        return {
            "exec_update_other_topology": self._refused(self._other_topology),
            "exec_update_other_node_type": self._refused(self._other_type),
            "copy_to_other_memory_kind": self._refused(self._other_kind),
            "params_of_a_foreign_node": self._refused(self._foreign_node),
            "block_of_4096_threads": self._refused(self._too_many_threads),
        }

    def _refused(self, attempt: Callable[[], None]) -> str:
        try:
            attempt()
        except CudaError as error:
            with suppress(Exception):
                call(self.builder.runtime.cudaGetLastError)
            return error.name
        return "accepted"

    def _other_topology(self) -> None:
        other = GraphBuilder(self.gpu)
        for _ in range(self.kernels + 1):
            other.add_kernel(self.params[0])
        self._update_with(other)

    def _other_type(self) -> None:
        other, targets = GraphBuilder(self.gpu), self.targets
        node = other.add_kernel(self.params[0])
        copy = (targets.data[0].data.ptr, targets.source[0].data.ptr, targets.size)
        for _ in range(self.kernels):
            node = other.add_copy(*copy, (node,))
        self._update_with(other)

    def _update_with(self, other: GraphBuilder) -> None:
        try:
            call(self.builder.runtime.cudaGraphExecUpdate, self.builder.executable, other.graph)
        finally:
            other.destroy()

    def _other_kind(self) -> None:
        """Turn the copy between two places on the GPU into one from the host."""
        runtime, targets = self.builder.runtime, self.targets
        host = self.gpu.pinned(self.gpu.n)
        call(
            runtime.cudaGraphExecMemcpyNodeSetParams1D,
            self.builder.executable,
            self.copy,
            targets.data[0].data.ptr,
            host.ctypes.data,
            targets.size,
            runtime.cudaMemcpyKind.cudaMemcpyHostToDevice,
        )

    def _foreign_node(self) -> None:
        other = GraphBuilder(self.gpu)
        node = other.add_kernel(self.params[0])
        try:
            executable = int(self.builder.executable)
            driver = self.builder.driver
            call(driver.cuGraphExecKernelNodeSetParams, executable, node, self.params[0])
        finally:
            other.destroy()

    def _too_many_threads(self) -> None:
        params = self.builder.kernel_params(self.targets.arguments[0], self.gpu.n)
        params.blockDimX = 4096
        executable = int(self.builder.executable)
        driver = self.builder.driver
        call(driver.cuGraphExecKernelNodeSetParams, executable, self.nodes[0], params)


def measure(options: argparse.Namespace) -> dict[str, object]:
    """Measure every way asked for, then collect what CUDA refuses."""
    asked = chosen("way", options.way, WAYS)
    import_bindings()
    gpu = Gpu(options.n, INDIRECT)
    with gpu.stream:
        ways = Ways(gpu, options.kernels)
        with gpu.phase("warm-up"):
            ways.plain(0)
            gpu.wait()
        times = {way: ways.time(way, options.steps) for way in asked}
        if options.dot:
            ways.builder.write_dot(options.dot)
        with gpu.phase("refusals"):
            refused = ways.refusals()
    first = times[asked[0]]["us_per_replay"]
    return {
        "workload": "graph_update",
        "n": options.n,
        "steps": options.steps,
        "kernels": options.kernels,
        "iterations": ITERATIONS,
        "nodes": options.kernels + 1,
        "kernels_of_work": options.steps * options.kernels,
        "wall_s_measured": round(first * options.steps / 1e6, 9),
        "wall_us_per_kernel": round(first / options.kernels, 3),
        "ways": times,
        "refused": refused,
    } | gpu.describe()


def add_options(parser: argparse.ArgumentParser) -> None:
    """--n, --steps, --kernels, --way, --dot."""
    parser.add_argument("--n", type=positive, default=2**14, help="float32 elements (%(default)s)")
    parser.add_argument("--steps", type=positive, default=200, help="replays in each way (%(default)s)")
    parser.add_argument("--kernels", type=positive, default=20, help="kernel nodes (%(default)s)")
    parser.add_argument("--way", default="all", help=f"all, or some of {', '.join(WAYS)} (%(default)s)")
    parser.add_argument("--dot", metavar="FILE", help="write the graph as a DOT file")


GRAPH_UPDATE = Program("graph_update", add_options, measure)

if __name__ == "__main__":
    sys.exit(run_program(GRAPH_UPDATE, __doc__))
