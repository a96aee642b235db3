"""PyTorch as the workloads use it: import, phases, timing per call, graphs with what they cost."""

from __future__ import annotations

from contextlib import contextmanager
from time import perf_counter
from typing import TYPE_CHECKING, Any

from common.errors import WorkloadError
from common.gpu import driver_version, first_line
from common.program import is_out_of_memory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

NO_TORCH = "PyTorch is not installed: `pip install nsysgap[torch]` brings it"
SIDE_STREAM_RUNS = 3
"""Runs on a side stream before a capture: libraries set themselves up in the first ones."""


def import_torch() -> Any:
    """Return the module torch; raises `WorkloadError` without it or without a GPU."""
    try:
        import torch
    except ModuleNotFoundError as error:
        if error.name in ("torch", "numpy"):
            raise WorkloadError(NO_TORCH) from error
        raise WorkloadError(f"PyTorch is installed, but a module it needs is not: {error}") from error
    except (ImportError, OSError) as error:
        raise WorkloadError(f"PyTorch is installed but does not load: {first_line(error)}") from error
    if not torch.cuda.is_available():
        why = "this PyTorch has no CUDA" if torch.version.cuda is None else "CUDA finds none"
        raise WorkloadError(f"no usable NVIDIA GPU or driver on this machine: {why}")
    return torch


def describe(torch: Any) -> dict[str, str | None]:
    """Return the GPU's name and the versions of driver, CUDA and PyTorch."""
    return {
        "gpu": torch.cuda.get_device_name(0),
        "driver": driver_version(),
        "cuda_runtime": torch.version.cuda,
        "torch": torch.__version__,
    }


def free_bytes(torch: Any) -> int:
    """Return how much GPU memory is free for PyTorch, what it holds unused included."""
    torch.cuda.synchronize()
    free, _ = torch.cuda.mem_get_info()
    return int(free + torch.cuda.memory_reserved() - torch.cuda.memory_allocated())


def lacks(torch: Any, needed: int) -> str | None:
    """Return a sentence where the GPU cannot hold `needed` bytes, else None."""
    free = free_bytes(torch)
    if needed <= free:
        return None
    return f"skipped: needs about {needed / 1e9:.1f} GB of GPU memory, {free / 1e9:.1f} GB are free"


@contextmanager
def phase(torch: Any, name: str) -> Iterator[None]:
    """Mark what runs inside as an NVTX push/pop range."""
    torch.cuda.nvtx.range_push(name)
    try:
        yield
    finally:
        torch.cuda.nvtx.range_pop()


def time_calls(torch: Any, run: Callable[[int], object], calls: int, name: str) -> list[float]:
    """Call `run(i)` `calls` times and return the us of each, waited for; one NVTX range each."""
    times = []
    torch.cuda.synchronize()
    with phase(torch, name):
        for i in range(calls):
            with phase(torch, "step"):
                start = perf_counter()
                run(i)
                torch.cuda.synchronize()
                times.append(1e6 * (perf_counter() - start))
    return times


def summary(times: Sequence[float]) -> dict[str, float]:
    """Return mean, p50 and p99 in us: the nearest rank, as nsysgap counts it."""
    ordered = sorted(times)
    n = len(ordered)
    return {
        "mean_us": round(sum(ordered) / n, 1),
        "p50_us": round(ordered[(n - 1) // 2], 1),
        "p99_us": round(ordered[-(-99 * n // 100) - 1], 1),
    }


def on_side_stream(torch: Any, run: Callable[[], object], times: int = SIDE_STREAM_RUNS) -> None:
    """Run something on a stream of its own before a capture, as CUDA graphs want it."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(times):
            run()
    torch.cuda.current_stream().wait_stream(side)
    torch.cuda.synchronize()


class Captured:
    """A captured graph, its output, and what it cost: capture, instantiation, memory."""

    def __init__(self, torch: Any, run: Callable[[], Any], pool: Any = None) -> None:
        """Warm up on a side stream, capture `run` and instantiate the graph."""
        self.torch = torch
        on_side_stream(torch, run)
        torch.cuda.empty_cache()  # as the capture does by itself: what follows is the graph's own
        before = _reserved(torch)
        try:
            self.graph, split = torch.cuda.CUDAGraph(keep_graph=True), True
        except TypeError:  # PyTorch before 2.8 instantiates at the end of the capture
            self.graph, split = torch.cuda.CUDAGraph(), False
        with phase(torch, "capture"):
            start = perf_counter()
            with torch.cuda.graph(self.graph, pool=pool):
                self.output = run()
            captured = perf_counter()
            if split:
                self.graph.instantiate()
            end = perf_counter()
        self.split = split
        self.costs = {
            "capture_us": round(1e6 * (captured - start), 1),
            "instantiate_us": round(1e6 * (end - captured), 1) if split else None,
            "memory_bytes": _reserved(torch) - before,
        }

    def replay(self) -> Any:
        """Replay the graph; its output is overwritten by the next replay."""
        self.graph.replay()
        return self.output

    def write_dot(self, path: str) -> None:
        """Write the graph as a DOT file (cudaGraphDebugDotPrint, verbose)."""
        if not self.split:
            raise WorkloadError("--dot needs PyTorch 2.8 or newer, which keeps the graph")
        from common.cudart import DOT_VERBOSE, call, import_bindings

        _, runtime = import_bindings()
        graph = runtime.cudaGraph_t(self.graph.raw_cuda_graph())
        call(runtime.cudaGraphDebugDotPrint, graph, path.encode(), DOT_VERBOSE)


def _reserved(torch: Any) -> int:
    """Return the bytes that are taken from the GPU, by PyTorch's allocator and by the driver."""
    torch.cuda.synchronize()
    free, whole = torch.cuda.mem_get_info()
    return int(whole - free)


def attempt(run: Callable[[], dict[str, Any]], torch: Any) -> dict[str, Any]:
    """Return what `run` measures, or {"skipped": a sentence} where the GPU's memory is too small."""
    try:
        return run()
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        torch.cuda.empty_cache()
        return {"skipped": f"skipped: out of GPU memory: {first_line(error)[:120]}"}


def largest_difference(found: Any, expected: Any, what: str, tolerance: float) -> float:
    """Return the largest absolute difference over the largest expected value.

    Raises `WorkloadError` where it is above `tolerance` or no number.
    """
    scale = float(expected.float().abs().max())
    difference = float((found.float() - expected.float()).abs().max()) / max(scale, 1e-30)
    if not difference <= tolerance:
        raise WorkloadError(
            f"wrong result: {what} differs from the eager run by {difference:.3g} of its largest "
            f"value, {tolerance:g} allowed"
        )
    return difference
