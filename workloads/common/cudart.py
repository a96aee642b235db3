"""CUDA graphs node by node, through NVIDIA's own Python bindings (cuda-bindings).

Every call of the bindings returns (error, values...); `call` turns that into values or `CudaError`.
Kernel nodes are added by the driver's functions, which take CuPy's kernels; the runtime's handles
are the same pointers.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import Any

from common.errors import WorkloadError
from common.gpu import BLOCK, Gpu, first_line

NO_BINDINGS = (
    "cuda-bindings is not installed: `pip install nsysgap[gpu]` brings it for CUDA 12, "
    "`pip install nsysgap[gpu13]` for CUDA 13"
)
DOT_VERBOSE = 1
"""cudaGraphDebugDotFlagsVerbose."""


class CudaError(RuntimeError):
    """A CUDA call that failed; `name` is CUDA's own name for the error."""

    def __init__(self, function: str, name: str) -> None:
        """Name the function that failed and the error."""
        super().__init__(f"CUDA: {function} says {name}")
        self.name = name


def import_bindings() -> tuple[Any, Any]:
    """Return cuda.bindings' modules (driver, runtime); raises `WorkloadError` without them."""
    try:
        from cuda.bindings import driver, runtime
    except ModuleNotFoundError as error:
        raise WorkloadError(NO_BINDINGS) from error
    except ImportError as error:
        raise WorkloadError(f"cuda-bindings is installed but does not load: {first_line(error)}") from error
    return driver, runtime


def call(function: Any, *arguments: Any) -> Any:
    """Call one function of the bindings: its value, a tuple of several, or None.

    Raises `CudaError` when CUDA refuses.
    """
    error, *values = function(*arguments)
    if int(error) != 0:
        raise CudaError(function.__name__, error.name)
    return values[0] if len(values) == 1 else tuple(values) or None


@dataclass(frozen=True)
class KernelArguments:
    """Arguments of one launch of `work` as CUDA takes them: pointers to values that stay alive."""

    values: tuple[Any, ...]
    pointers: Any

    @property
    def address(self) -> int:
        """Where the array of pointers lies."""
        return ctypes.addressof(self.pointers)


def work_arguments(data: int, n: int, done: int, kernels: int = 1) -> KernelArguments:
    """Return the arguments of `work(data, n, kernels, done)` for device pointers."""
    values = (
        ctypes.c_void_p(data),
        ctypes.c_longlong(n),
        ctypes.c_longlong(kernels),
        ctypes.c_void_p(done),
    )
    pointers = (ctypes.c_void_p * len(values))(*(ctypes.addressof(value) for value in values))
    return KernelArguments(values, pointers)


class GraphBuilder:
    """A CUDA graph under construction and, once instantiated, its executable."""

    def __init__(self, gpu: Gpu) -> None:
        """Create an empty graph (cudaGraphCreate)."""
        self.driver, self.runtime = import_bindings()
        self.gpu = gpu
        self.graph = call(self.runtime.cudaGraphCreate, 0)
        self.executable: Any = None
        self._kept: list[KernelArguments] = []

    def kernel_params(self, arguments: KernelArguments, n: int, function: str = "work") -> Any:
        """Return the parameters of a kernel node over `n` elements."""
        self._kept.append(arguments)
        params = self.driver.CUDA_KERNEL_NODE_PARAMS()
        params.func = self.driver.CUfunction(self.gpu.function(function).kernel.ptr)
        params.gridDimX = (n + BLOCK - 1) // BLOCK
        params.gridDimY = params.gridDimZ = params.blockDimY = params.blockDimZ = 1
        params.blockDimX = BLOCK
        params.sharedMemBytes = 0
        params.kernelParams = arguments.address
        params.extra = 0
        return params

    def add_kernel(self, params: Any, after: tuple[Any, ...] = ()) -> Any:
        """Add a kernel node that waits for the nodes `after` (cuGraphAddKernelNode)."""
        nodes = [self.driver.CUgraphNode(int(node)) for node in after]
        return call(self.driver.cuGraphAddKernelNode, int(self.graph), nodes, len(nodes), params)

    def add_copy(self, destination: int, source: int, size: int, after: tuple[Any, ...] = ()) -> Any:
        """Add a copy of `size` bytes (cudaGraphAddMemcpyNode1D); CUDA finds the direction."""
        nodes = [self.runtime.cudaGraphNode_t(int(node)) for node in after]
        kind = self.runtime.cudaMemcpyKind.cudaMemcpyDefault
        return call(
            self.runtime.cudaGraphAddMemcpyNode1D,
            self.graph,
            nodes,
            len(nodes),
            destination,
            source,
            size,
            kind,
        )

    def instantiate(self) -> None:
        """Make the executable graph (cudaGraphInstantiate), in place of an earlier one."""
        self.destroy_executable()
        self.executable = call(self.runtime.cudaGraphInstantiate, self.graph, 0)

    def upload(self) -> None:
        """Send the executable graph to the GPU (cudaGraphUpload) and wait."""
        call(self.runtime.cudaGraphUpload, self.executable, self.gpu.stream.ptr)
        self.gpu.wait()

    def launch(self) -> None:
        """Launch the executable graph on the stream, without waiting."""
        call(self.runtime.cudaGraphLaunch, self.executable, self.gpu.stream.ptr)

    def write_dot(self, path: str) -> None:
        """Write the graph as a DOT file (cudaGraphDebugDotPrint, verbose)."""
        call(self.runtime.cudaGraphDebugDotPrint, self.graph, path.encode(), DOT_VERBOSE)

    def destroy_executable(self) -> None:
        """Free the executable graph, if there is one."""
        if self.executable is not None:
            call(self.runtime.cudaGraphExecDestroy, self.executable)
            self.executable = None

    def destroy(self) -> None:
        """Free everything."""
        self.destroy_executable()
        call(self.runtime.cudaGraphDestroy, self.graph)
