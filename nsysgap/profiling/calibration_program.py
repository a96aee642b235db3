"""Calibrate: what launching, CUDA graphs and copies cost on this machine, measured one by one.

Each series is a range "SERIES" of `--repeats` ranges "repeat N"; a repeat ends with a wait. The host clock's median of
a repeat is in the record: plain it is the cost without nsys, and the report of the same program holds that under nsys.

- "stream KIND D": 40 kernels of D us back to back on one stream, KIND "same" (one kernel) or "alternating" (two);
- "single D": one kernel of D us and a wait;
- "graph KIND N D": one launch of a graph of N kernels of D us, "same" or "alternating", or "copies" (a copy of 4 KB
  between GPU buffers between two kernels);
- "streams K": 40 kernels of 10 us on K streams in turn;
- "copy MEMORY DIRECTION MB": one copy, from or to pinned or pageable memory;
- "empty": nothing but the wait.

A kernel of D us spins for so many cycles of the GPU's clock. The last line on standard output is the record as JSON.
`nsysgap calibrate` runs this file as a program, plain and under nsys: it needs CuPy and NumPy, nothing of nsysgap.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import sys
from collections.abc import Callable, Iterator
from time import perf_counter
from typing import Any

SOURCE = """
extern "C" __global__ void spin_a(long long cycles) {
  const long long start = clock64();
  while (clock64() - start < cycles) {}
}
extern "C" __global__ void spin_b(long long cycles) {
  const long long start = clock64();
  while (clock64() - start < cycles) {}
}
"""
BACK_TO_BACK = 40
KERNEL_US = (0, 2, 5, 10, 20, 40)
GRAPH_NODES = (20, 100, 400)
GRAPH_US = (2, 10)
COPY_MB = (1, 4, 16, 64)
STREAMS = (1, 2, 4)
WARM_UP = 3
SMALL_COPY = 4096
MOST_REPEATS = 10_000
NO_CUPY = (
    "CuPy is not installed: `pip install nsysgap[gpu]` brings it for CUDA 12, `pip install nsysgap[gpu13]` for CUDA 13"
)


class ProgramError(Exception):
    """Why nothing can be measured, a sentence."""


class Bench:
    """Two kernels, a stream, buffers: what the series are made of."""

    def __init__(self, cupy: Any) -> None:
        """Compile the kernels and learn how many cycles of the GPU's clock a microsecond has."""
        self.cupy = cupy
        self.stream = cupy.cuda.Stream(non_blocking=True)
        module = cupy.RawModule(code=SOURCE)
        self.kernels = [module.get_function(name) for name in ("spin_a", "spin_b")]
        self.buffers = [cupy.empty(COPY_MB[-1] << 20, cupy.uint8) for _ in range(2)]
        self.cycles_per_us = self._cycles_per_us()

    def _cycles_per_us(self) -> float:
        start, end = self.cupy.cuda.Event(), self.cupy.cuda.Event()
        cycles = 20_000_000
        for _ in range(2):  # the first one lets the clock rise
            start.record(self.stream)
            self.launch(0, cycles, self.stream)
            end.record(self.stream)
            end.synchronize()
        return cycles / (1e3 * float(self.cupy.cuda.get_elapsed_time(start, end)))

    def cycles(self, us: float) -> int:
        """Return how many cycles a kernel of that many us spins."""
        return round(us * self.cycles_per_us)

    def launch(self, kind: int, cycles: int, stream: Any) -> None:
        """Launch one spinning kernel, without waiting."""
        import numpy as np

        with stream:
            self.kernels[kind]((1,), (1,), (np.int64(cycles),))

    def graph(self, kind: str, nodes: int, us: float) -> Any:
        """Return a graph of that many kernels in a row, uploaded."""
        cycles = self.cycles(us)
        self.stream.begin_capture()
        for node in range(nodes):
            if kind == "copies" and node % 2:
                self.buffers[0].data.copy_from_device_async(self.buffers[1].data, SMALL_COPY, self.stream)
            else:
                self.launch(node % 2 if kind == "alternating" else 0, cycles, self.stream)
        graph = self.stream.end_capture()
        graph.upload(self.stream)
        self.stream.synchronize()
        return graph


def stream_series(bench: Bench) -> Iterator[tuple[str, Callable[[], None]]]:
    """Kernels launched one by one."""
    yield "empty", lambda: None
    for us in KERNEL_US:
        cycles = bench.cycles(us)

        def single(cycles: int = cycles) -> None:
            bench.launch(0, cycles, bench.stream)

        yield f"single {us}", single
        for kind in ("same", "alternating"):

            def many(cycles: int = cycles, other: int = int(kind == "alternating")) -> None:
                for number in range(BACK_TO_BACK):
                    bench.launch(number % 2 * other, cycles, bench.stream)

            yield f"stream {kind} {us}", many


def graph_series(bench: Bench) -> Iterator[tuple[str, Callable[[], None]]]:
    """Graphs."""
    for nodes in GRAPH_NODES:
        for us in GRAPH_US:
            for kind in ("same", "alternating", "copies"):
                graph = bench.graph(kind, nodes, us)

                def replay(graph: Any = graph) -> None:
                    graph.launch(bench.stream)

                yield f"graph {kind} {nodes} {us}", replay


def streams_series(bench: Bench) -> Iterator[tuple[str, Callable[[], None]]]:
    """Kernels on several streams in turn; each repeat waits for all of them."""
    cycles = bench.cycles(10)
    for number in STREAMS:
        streams = [bench.cupy.cuda.Stream(non_blocking=True) for _ in range(number)]

        def run(streams: list[Any] = streams) -> None:
            for launch in range(BACK_TO_BACK):
                bench.launch(0, cycles, streams[launch % len(streams)])
            for stream in streams:
                stream.synchronize()

        yield f"streams {number}", run


def copy_series(bench: Bench) -> Iterator[tuple[str, Callable[[], None]]]:
    """Copies between host and GPU."""
    import numpy as np

    runtime = bench.cupy.cuda.runtime
    most = COPY_MB[-1] << 20
    pinned = bench.cupy.cuda.alloc_pinned_memory(most)
    pageable = np.ones(most, np.uint8)
    for memory, pointer in (("pinned", pinned.ptr), ("pageable", pageable.ctypes.data)):
        for direction, kind in (("HtoD", runtime.memcpyHostToDevice), ("DtoH", runtime.memcpyDeviceToHost)):
            for size in COPY_MB:
                ends = (bench.buffers[0].data.ptr, pointer)
                target, source = ends if direction == "HtoD" else ends[::-1]

                def copy(target: int = target, source: int = source, size: int = size, kind: int = kind) -> None:
                    runtime.memcpyAsync(target, source, size << 20, kind, bench.stream.ptr)

                yield f"copy {memory} {direction} {size}", copy


def timed(bench: Bench, name: str, run: Callable[[], None], repeats: int) -> dict[str, object]:
    """Run a series; its name, and the us of its repeats with the wait at their end and (`us_call`) without it."""
    nvtx = bench.cupy.cuda.nvtx
    for _ in range(WARM_UP):
        run()
        bench.stream.synchronize()
    times, calls = [], []
    nvtx.RangePush(name)
    for number in range(repeats):
        nvtx.RangePush(f"repeat {number}")
        start = perf_counter()
        run()
        launched = perf_counter()
        bench.stream.synchronize()
        times.append(1e6 * (perf_counter() - start))
        calls.append(1e6 * (launched - start))
        nvtx.RangePop()
    nvtx.RangePop()
    ordered = sorted(times)
    return {
        "series": name,
        "us": round(middle(times), 3),
        "us_min": round(ordered[0], 3),
        "us_max": round(ordered[-1], 3),
        "us_call": round(middle(calls), 3),
    }


def middle(values: list[float]) -> float:
    """The lower median."""
    return sorted(values)[(len(values) - 1) // 2]


def measure(options: argparse.Namespace) -> dict[str, object]:
    """Run every series; return the record."""
    cupy = import_cupy()
    require_gpu(cupy)
    bench = Bench(cupy)
    makers = (stream_series, graph_series, streams_series, copy_series)
    begin = perf_counter()
    series = [timed(bench, name, run, options.repeats) for make in makers for name, run in make(bench)]
    properties = cupy.cuda.runtime.getDeviceProperties(0)
    return {
        "workload": "calibrate",
        "repeats": options.repeats,
        "back_to_back": BACK_TO_BACK,
        "series": series,
        "cycles_per_us": round(bench.cycles_per_us, 3),
        "wall_s_measured": round(perf_counter() - begin, 6),
        "gpu": properties["name"].decode(),
        "compute_capability": f"{properties['major']}.{properties['minor']}",
        "driver": driver_version(),
    }


def import_cupy() -> Any:
    """The module cupy. Raises ProgramError where it is missing or does not load."""
    try:
        import cupy
    except ModuleNotFoundError as error:
        why = (
            NO_CUPY if error.name in {"cupy", "numpy"} else f"CuPy is installed, but a module it needs is not: {error}"
        )
        raise ProgramError(why) from error
    except ImportError as error:
        raise ProgramError(f"CuPy is installed but does not load: {first_line(error)}") from error
    return cupy


def require_gpu(cupy: Any) -> None:
    """Raise ProgramError where CUDA finds no GPU or no driver."""
    try:
        count = cupy.cuda.runtime.getDeviceCount()
    except cupy.cuda.runtime.CUDARuntimeError as error:
        raise ProgramError(f"no usable NVIDIA GPU or driver on this machine: CUDA says {first_line(error)}") from error
    if count < 1:
        raise ProgramError("no usable NVIDIA GPU on this machine: CUDA counts none")


def first_line(error: BaseException) -> str:
    """The first line of an error's text without its full stop, or its type's name."""
    lines = str(error).splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__


def driver_version() -> str | None:
    """The driver's version (580.95.05), or None where NVML cannot be asked for it."""
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


def positive(text: str) -> int:
    """A whole number from 1 to 10,000, or what argparse says is wrong with it."""
    if not text.isascii() or not text.isdigit() or len(text) > 6 or not 1 <= int(text) <= MOST_REPEATS:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to {MOST_REPEATS}")
    return int(text)


def main(arguments: list[str] | None = None) -> int:
    """Run the program; 0, 1 after one sentence on standard error, 130 when interrupted."""
    parser = argparse.ArgumentParser(
        prog="calibrate", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=positive, default=30, help="of each series")
    options = parser.parse_args(arguments)
    try:
        record = measure(options)
    except ProgramError as error:
        sys.stderr.write(f"calibrate: {error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("calibrate: interrupted\n")
        return 130
    except Exception as error:
        if type(error).__name__ == "OutOfMemoryError" or isinstance(error, MemoryError):
            sys.stderr.write(f"calibrate: out of memory: {first_line(error)}\n")
        elif type(error).__module__.split(".")[0] in {"cupy", "cupy_backends"}:
            sys.stderr.write(f"calibrate: CUDA failed: {first_line(error)}\n")
        else:
            raise
        return 1
    sys.stdout.write(json.dumps(record) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
