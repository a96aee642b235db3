"""The GPU as the workloads use it: one array, one kernel, one stream, through CuPy."""

from __future__ import annotations

import ctypes
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common.check import ITERATIONS, start_values
from common.errors import WorkloadError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

BLOCK = 256
"""Threads per block of the work kernel."""

RESULTS = 2
"""Results that are kept on the GPU until the end: the short run's and the measured run's."""

NO_CUPY = (
    "CuPy is not installed: `pip install nsysgap[gpu]` brings it for CUDA 12, `pip install nsysgap[gpu13]` for CUDA 13"
)
WORK_SOURCE = Path(__file__).with_name("work.cu")
RELOCATABLE_HINT = (
    "device-side launches are compiled relocatable (-dc) and linked with cudadevrt: "
    "set CUDA_PATH to a CUDA toolkit folder that holds lib64/libcudadevrt.a"
)


def import_cupy() -> Any:
    """Return the module cupy; raises `WorkloadError` when it is missing or does not load."""
    try:
        import cupy
    except ModuleNotFoundError as error:
        if error.name in ("cupy", "numpy"):
            raise WorkloadError(NO_CUPY) from error
        raise WorkloadError(f"CuPy is installed, but a module it needs is not: {error}") from error
    except ImportError as error:
        raise WorkloadError(f"CuPy is installed but does not load: {first_line(error)}") from error
    return cupy


def require_gpu(cupy: Any) -> None:
    """Raise `WorkloadError` when CUDA finds no GPU or no driver."""
    try:
        count = cupy.cuda.runtime.getDeviceCount()
    except cupy.cuda.runtime.CUDARuntimeError as error:
        raise WorkloadError(f"no usable NVIDIA GPU or driver on this machine: CUDA says {first_line(error)}") from error
    if count < 1:
        raise WorkloadError("no usable NVIDIA GPU on this machine: CUDA counts none")


def first_line(error: BaseException) -> str:
    """Return the first line of an error's text without its full stop, or its type's name."""
    lines = str(error).splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__


class Gpu:
    """`n` float32 elements on the GPU, and the kernel that works on them on a stream of its own.

    `extra_source` is CUDA C++ that is compiled after the shared kernel; with `relocatable` it may
    launch kernels itself. Everything is compiled, loaded and uploaded here, so that nothing of it
    falls into a measured phase.
    """

    def __init__(self, n: int, extra_source: str = "", relocatable: bool = False) -> None:
        """Get everything ready; raises `WorkloadError` without CuPy, GPU or device linking."""
        self.n = n
        self.cupy = import_cupy()
        require_gpu(self.cupy)
        self.stream = self.cupy.cuda.Stream(non_blocking=True)
        with self.phase("set-up"), self.stream:
            self._module = self._compile(extra_source, relocatable)
            self._work = self.function("work")
            self._allocate()

    def _allocate(self) -> None:
        """Allocate every array and upload the start values.

        Host memory is page-locked: a transfer is one short copy and not milliseconds of staging.
        """
        import numpy as np

        cupy = self.cupy
        memory = cupy.cuda.alloc_pinned_memory(RESULTS * self.n * np.dtype(np.float32).itemsize)
        self._host: NDArray[np.float32] = np.frombuffer(memory, np.float32, RESULTS * self.n).reshape(RESULTS, self.n)
        self._start, self.data = cupy.empty(self.n, np.float32), cupy.empty(self.n, np.float32)
        self.done = cupy.empty(1, np.uint64)
        self._results = cupy.empty((RESULTS, self.n), np.float32)
        self._counts = cupy.empty(RESULTS, np.uint64)
        self._grid = ((self.n + BLOCK - 1) // BLOCK,)
        self._arguments: dict[int, tuple[Any, ...]] = {}
        self._host[0] = start_values(self.n)
        self._start.set(self._host[0])
        self.wait()

    def _compile(self, extra_source: str, relocatable: bool) -> Any:
        options = ("--std=c++17", f"-DITERATIONS={ITERATIONS}", f"-DBLOCK={BLOCK}") + (("-dc",) if relocatable else ())
        module = self.cupy.RawModule(code=WORK_SOURCE.read_text(encoding="utf-8") + extra_source, options=options)
        try:
            module.compile()
        except RuntimeError as error:
            if relocatable:
                raise WorkloadError(f"{first_line(error)}; {RELOCATABLE_HINT}") from error
            raise
        return module

    def pinned(self, n: int) -> NDArray[np.float32]:
        """Return `n` float32 elements of page-locked host memory."""
        import numpy as np

        memory = self.cupy.cuda.alloc_pinned_memory(n * np.dtype(np.float32).itemsize)
        return np.frombuffer(memory, np.float32, n)

    @property
    def n_argument(self) -> Any:
        """`n` as the kernel takes it."""
        return self.arguments(1)[1]

    @property
    def one_argument(self) -> Any:
        """One kernel of work, as the kernel takes it."""
        return self.arguments(1)[2]

    def start_values(self) -> NDArray[np.float32]:
        """Return what the array starts from."""
        return start_values(self.n)

    def function(self, name: str) -> Any:
        """Return a kernel of the compiled source."""
        return self._module.get_function(name)

    def arguments(self, kernels: int) -> tuple[Any, ...]:
        """Return what `work` (and `parent` of cdp) takes: made once, used for every launch."""
        import numpy as np

        if kernels not in self._arguments:
            self._arguments[kernels] = (self.data, np.int64(self.n), np.int64(kernels), self.done)
        return self._arguments[kernels]

    def launch(self, arguments: tuple[Any, ...]) -> None:
        """Launch `work` once with the given `arguments` on the stream, without waiting."""
        self._work(self._grid, (BLOCK,), arguments)

    def wait(self) -> None:
        """Wait for the stream (cudaStreamSynchronize)."""
        self.stream.synchronize()

    def reset(self) -> None:
        """Put the start values back and the count of kernels to 0, and wait."""
        self.data.data.copy_from_device_async(self._start.data, self._start.nbytes, self.stream)
        self.done.data.memset_async(0, self.done.nbytes, self.stream)
        self.wait()

    def keep(self, slot: int) -> None:
        """Copy the array and the count into result `slot` on the GPU, and wait."""
        self._results[slot].data.copy_from_device_async(self.data.data, self.data.nbytes, self.stream)
        self._counts[slot].data.copy_from_device_async(self.done.data, self.done.nbytes, self.stream)
        self.wait()

    def download(self) -> list[tuple[NDArray[np.float32], int]]:
        """Return the kept results on the host: per slot the array and the count of kernels."""
        self._results.get(out=self._host)
        counts = self._counts.get().tolist()
        return list(zip(self._host, counts, strict=True))

    def event_us_per_kernel(self, launches: int) -> float:
        """Return the time of one kernel of work in us: CUDA events around back-to-back launches.

        It is the kernel's time as long as launching is faster than the kernel: with a small array
        (below some 10 us a kernel) it is the host's time for a launch.
        """
        start, end = self.cupy.cuda.Event(), self.cupy.cuda.Event()
        one = self.arguments(1)
        start.record(self.stream)
        for _ in range(launches):
            self.launch(one)
        end.record(self.stream)
        end.synchronize()
        return float(self.cupy.cuda.get_elapsed_time(start, end)) * 1000 / launches

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Mark what runs inside as an NVTX push/pop range of the default domain."""
        self.cupy.cuda.nvtx.RangePush(name)
        try:
            yield
        finally:
            self.cupy.cuda.nvtx.RangePop()

    def describe(self) -> dict[str, str | None]:
        """Return the GPU's name and the versions of driver, CUDA and CuPy."""
        runtime = self.cupy.cuda.runtime
        return {
            "gpu": runtime.getDeviceProperties(self.cupy.cuda.Device().id)["name"].decode(),
            "driver": driver_version(),
            "driver_cuda": _cuda_version(runtime.driverGetVersion()),
            "cuda_runtime": _cuda_version(runtime.runtimeGetVersion()),
            "cupy": self.cupy.__version__,
        }


def _cuda_version(number: int) -> str:
    """Return CUDA's version number (13000) as people write it (13.0)."""
    return f"{number // 1000}.{number % 1000 // 10}"


def driver_version() -> str | None:
    """Return the driver's version (580.95.05), or None where NVML cannot be asked for it."""
    try:
        nvml = ctypes.CDLL("nvml.dll" if sys.platform == "win32" else "libnvidia-ml.so.1")
    except OSError:
        return None
    text = ctypes.create_string_buffer(80)
    if nvml.nvmlInit_v2() != 0:
        return None
    failed = nvml.nvmlSystemGetDriverVersion(text, ctypes.c_uint(len(text)))
    nvml.nvmlShutdown()
    return None if failed else text.value.decode("ascii", "replace")
