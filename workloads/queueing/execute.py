"""What runs the products: cuBLAS through CuPy, or NumPy where there is no GPU.

Both hold, per shape, pools of `slots` operands at equal distances and fill them by one formula, so
that NumPy can tell what every result must be.
"""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np
from common.errors import WorkloadError
from common.gpu import driver_version, import_cupy, require_gpu

from queueing.loads import BYTES, TOLERANCE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from queueing.loads import Shape

FACTOR = 2654435761
"""Knuth's multiplicative hash: values that look random and follow from their number."""

TYPES = {"fp32": np.float32, "fp16": np.float16}
CUDA_TYPES = {"fp32": 0, "fp16": 2}  # CUDA_R_32F, CUDA_R_16F
COMPUTE_32F = 68
GEMM_DEFAULT = -1


def values(numpy: Any, count: int, begin: int, dtype: Any) -> Any:
    """Return `count` values in [-1, 1) of the formula, from number `begin` on."""
    numbers = numpy.arange(begin, begin + count, dtype=numpy.uint64) * numpy.uint64(FACTOR)
    parts = (numbers >> numpy.uint64(16)) & numpy.uint64(0xFFFF)
    return (parts.astype(numpy.float32) / numpy.float32(1 << 15) - numpy.float32(1)).astype(dtype)


class Pools:
    """The operands of one shape: a (slots, outer, inner), x (slots, tokens, inner), y likewise."""

    def __init__(self, numpy: Any, shape: Shape, slots: int, precision: str, number: int) -> None:
        """Fill a and x by the formula, y with NaN."""
        dtype = TYPES[precision]
        self.shape, self.precision, self.slots = shape, precision, slots
        self.a = numpy.empty((slots, shape.outer, shape.inner), dtype)
        self.x = numpy.empty((slots, shape.tokens, shape.inner), dtype)
        self.y = numpy.full((slots, shape.tokens, shape.outer), numpy.nan, dtype)
        for slot in range(slots):
            for offset, pool in enumerate((self.a, self.x)):
                begin = (2 * (slot + 1000 * number) + offset) * 1_000_003
                one = pool[slot]
                one[...] = values(numpy, one.size, begin, dtype).reshape(one.shape)

    def check(self, used: int, host: Any) -> float:
        """Compare the first `used` results with NumPy's; return the largest relative error.

        The rest must still be NaN. Raises `WorkloadError`.
        """
        a, x, y = host(self.a), host(self.x), host(self.y)
        worst = 0.0
        for slot in range(self.slots):
            if slot >= used:
                if not np.isnan(y[slot]).all():
                    raise WorkloadError(f"wrong result: slot {slot} was written without a command")
                continue
            expected = x[slot].astype(np.float64) @ a[slot].astype(np.float64).T
            error = np.abs(y[slot] - expected).max() / max(np.abs(expected).max(), 1e-30)
            if not error <= TOLERANCE[self.precision]:
                raise WorkloadError(
                    f"wrong result: the product of slot {slot} differs from NumPy's by {error:.3g} "
                    f"of its largest value, {TOLERANCE[self.precision]:g} allowed"
                )
            worst = max(worst, float(error))
        return worst


def pool_bytes(shape: Shape, slots: int, precision: str) -> int:
    """Return how many bytes the operands and results of a shape take."""
    elements = shape.outer * shape.inner + shape.tokens * (shape.inner + shape.outer)
    return slots * elements * BYTES[precision]


class NumpyExecutor:
    """Products on the CPU, for machines without a GPU; a "launch" is one matmul."""

    def __init__(self, shapes: Sequence[Shape], slots: int, precision: str) -> None:
        """Make the pools."""
        self.pools = [Pools(np, shape, slots, precision, number) for number, shape in enumerate(shapes)]
        self.launches = 0

    def single(self, shape: int, slot: int) -> None:
        """Run one product."""
        pools = self.pools[shape]
        np.matmul(pools.x[slot], pools.a[slot].T, out=pools.y[slot])
        self.launches += 1

    def batched(self, shape: int, first: int, stride: int, count: int) -> None:
        """Run products at equal distances as one matmul."""
        pools, part = self.pools[shape], slice(first, first + stride * (count - 1) + 1, stride)
        np.matmul(pools.x[part], pools.a[part].transpose(0, 2, 1), out=pools.y[part])
        self.launches += 1

    def timed(self) -> Any:
        """There is no GPU time."""
        return nullcontext(lambda: None)

    def phase(self, name: str) -> Any:  # noqa: ARG002 - as the GPU's
        """There are no ranges."""
        return nullcontext()

    def check(self, used: int) -> float:
        """Compare all results with NumPy's float64 ones."""
        return max(pools.check(used, lambda array: array) for pools in self.pools)

    def describe(self) -> dict[str, str | None]:
        """Say what ran."""
        return {"gpu": None, "executor": f"NumPy {np.__version__}"}


class CublasExecutor:
    """Products on the GPU: cublasGemmEx each, or cublasGemmStridedBatchedEx.

    Both store row by row and cuBLAS reads column by column: y (outer x tokens in its eyes) is
    a transposed times x.
    """

    def __init__(self, shapes: Sequence[Shape], slots: int, precision: str) -> None:
        """Make the pools on the GPU; raises `WorkloadError` where they do not fit."""
        self.cupy = import_cupy()
        require_gpu(self.cupy)
        needed = sum(pool_bytes(shape, slots, precision) for shape in shapes)
        free, _ = self.cupy.cuda.runtime.memGetInfo()
        free += self.cupy.get_default_memory_pool().free_bytes()
        if needed * 1.1 > free:
            raise WorkloadError(
                f"too little GPU memory: the operands take {needed / 1e9:.1f} GB, "
                f"{free / 1e9:.1f} GB are free; choose a smaller --batch"
            )
        from cupy_backends.cuda.libs import cublas

        self.cublas, self.launches = cublas, 0
        self.stream = self.cupy.cuda.Stream(non_blocking=True)
        with self.stream:
            self.pools = [Pools(self.cupy, shape, slots, precision, number) for number, shape in enumerate(shapes)]
            self._handle = self.cupy.cuda.device.get_cublas_handle()
            self._calls = [self._call(pools) for pools in self.pools]
            self.stream.synchronize()

    def _call(self, pools: Pools) -> tuple[Any, ...]:
        """Return what every call for a shape needs: pointers, distances in bytes, arguments."""
        shape, kind = pools.shape, CUDA_TYPES[pools.precision]
        self._one, self._zero = np.ones(1, np.float32), np.zeros(1, np.float32)
        pointers = (pools.a.data.ptr, pools.x.data.ptr, pools.y.data.ptr)
        strides = tuple(pool[0].size for pool in (pools.a, pools.x, pools.y))
        sizes = (shape.outer, shape.tokens, shape.inner)
        return pointers, strides, sizes, kind, BYTES[pools.precision]

    def single(self, shape: int, slot: int) -> None:
        """Launch one product."""
        (a, x, y), strides, (outer, tokens, inner), kind, size = self._calls[shape]
        self.cublas.gemmEx(
            *(self._handle, self.cublas.CUBLAS_OP_T, self.cublas.CUBLAS_OP_N),
            *(outer, tokens, inner, self._one.ctypes.data),
            *(a + slot * strides[0] * size, kind, inner),
            *(x + slot * strides[1] * size, kind, inner, self._zero.ctypes.data),
            *(y + slot * strides[2] * size, kind, outer, COMPUTE_32F, GEMM_DEFAULT),
        )
        self.launches += 1

    def batched(self, shape: int, first: int, stride: int, count: int) -> None:
        """Launch products at equal distances as one strided-batched product."""
        (a, x, y), strides, (outer, tokens, inner), kind, size = self._calls[shape]
        step = [stride * one for one in strides]
        self.cublas.gemmStridedBatchedEx(
            *(self._handle, self.cublas.CUBLAS_OP_T, self.cublas.CUBLAS_OP_N),
            *(outer, tokens, inner, self._one.ctypes.data),
            *(a + first * strides[0] * size, kind, inner, step[0]),
            *(x + first * strides[1] * size, kind, inner, step[1], self._zero.ctypes.data),
            *(y + first * strides[2] * size, kind, outer, step[2]),
            *(count, COMPUTE_32F, GEMM_DEFAULT),
        )
        self.launches += 1

    @contextmanager
    def timed(self) -> Iterator[Any]:
        """Launch on the executor's stream between two CUDA events; gives their distance in ms."""
        start, end = self.cupy.cuda.Event(), self.cupy.cuda.Event()
        with self.stream:
            start.record(self.stream)

            def elapsed() -> float:
                end.record(self.stream)
                end.synchronize()
                return float(self.cupy.cuda.get_elapsed_time(start, end))

            yield elapsed

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Mark what runs inside as an NVTX range."""
        self.cupy.cuda.nvtx.RangePush(name)
        try:
            yield
        finally:
            self.cupy.cuda.nvtx.RangePop()

    def check(self, used: int) -> float:
        """Compare all results with NumPy's float64 ones."""
        return max(pools.check(used, self.cupy.asnumpy) for pools in self.pools)

    def describe(self) -> dict[str, str | None]:
        """Name the GPU, the driver and CuPy."""
        properties = self.cupy.cuda.runtime.getDeviceProperties(self.cupy.cuda.Device().id)
        return {
            "gpu": properties["name"].decode(),
            "driver": driver_version(),
            "cupy": self.cupy.__version__,
            "executor": "cuBLAS",
        }


EXECUTORS: dict[str, Callable[..., Any]] = {"gpu": CublasExecutor, "numpy": NumpyExecutor}
