"""The course of a measurement, the same for all five workloads: phases, checks, record."""

from __future__ import annotations

from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING

from common.check import ITERATIONS, SHORT_KERNELS, SHORT_STEPS, check_result
from common.gpu import Gpu

if TYPE_CHECKING:
    from collections.abc import Callable

WARM_UP_STEPS = 5
"""Steps of the workload's own way of launching before anything is timed (fewer if fewer are
measured).
"""

EVENT_LAUNCHES = 200
"""Back-to-back launches of one kernel of work between the two CUDA events."""


@dataclass(frozen=True)
class Sizes:
    """What was asked for: elements, steps, and kernels of work per step."""

    n: int
    steps: int
    kernels: int


@dataclass(frozen=True)
class Calls:
    """What a run must show in a report, known beforehand: host calls, kernels nsys can record."""

    host_launches: int
    host_syncs: int
    traced_kernels: int


@dataclass(frozen=True)
class Launcher:
    """A way of launching, ready to go.

    `run(steps)` launches that many steps and returns when the GPU has done them. `figures` holds
    what getting ready cost, in us, for the record.
    """

    run: Callable[[int], None]
    figures: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Workload:
    """One way of launching.

    `prepare(gpu, kernels)` makes a launcher for a number of kernels per step, `calls(steps,
    kernels)` says which calls a run makes. `extra_source` is CUDA C++ compiled after the shared
    kernel, `relocatable` when it launches kernels from the GPU.
    """

    name: str
    prepare: Callable[[Gpu, int], Launcher]
    calls: Callable[[int, int], Calls]
    extra_source: str = ""
    relocatable: bool = False


def measure(workload: Workload, sizes: Sizes) -> dict[str, object]:
    """Run the workload in its phases, check its results, and return the record.

    Raises `WorkloadError` on a wrong result. Host work that the measurement does not need (NumPy,
    downloads) comes after the last timed phase, so that it is no gap of the GPU.
    """
    gpu = Gpu(sizes.n, workload.extra_source, workload.relocatable)
    with gpu.stream:
        with gpu.phase("check"):
            gpu.reset()
            workload.prepare(gpu, SHORT_KERNELS).run(SHORT_STEPS)
            gpu.keep(0)
        launcher = workload.prepare(gpu, sizes.kernels)
        with gpu.phase("warm-up"):
            launcher.run(min(WARM_UP_STEPS, sizes.steps))
        with gpu.phase("events"):
            event_us = gpu.event_us_per_kernel(EVENT_LAUNCHES)
        gpu.reset()
        wall_s = _timed(gpu, launcher, sizes.steps)
        with gpu.phase("download"):
            gpu.keep(1)
            short, measured = gpu.download()
    check_result("short run", short[0], SHORT_STEPS * SHORT_KERNELS, short[1])
    error = check_result("measured run", measured[0], sizes.steps * sizes.kernels, measured[1])
    return _record(workload, sizes, wall_s, event_us, launcher) | {"max_abs_error": error} | gpu.describe()


def _timed(gpu: Gpu, launcher: Launcher, steps: int) -> float:
    """Return the measured phase's duration in seconds by the host clock."""
    with gpu.phase("measured"):
        start = perf_counter()
        launcher.run(steps)
        return perf_counter() - start


def _record(workload: Workload, sizes: Sizes, wall_s: float, event_us: float, launcher: Launcher) -> dict[str, object]:
    """Return the part of the record that is not about versions."""
    kernels_of_work = sizes.steps * sizes.kernels
    calls = workload.calls(sizes.steps, sizes.kernels)
    return {
        "workload": workload.name,
        "n": sizes.n,
        "steps": sizes.steps,
        "kernels": sizes.kernels,
        "iterations": ITERATIONS,
        "kernels_of_work": kernels_of_work,
        "host_launches": calls.host_launches,
        "host_syncs": calls.host_syncs,
        "traced_kernels": calls.traced_kernels,
        "wall_s_measured": round(wall_s, 9),
        "wall_us_per_kernel": round(wall_s * 1e6 / kernels_of_work, 3),
        "event_us_per_kernel": round(event_us, 3),
        "event_launches": EVENT_LAUNCHES,
        **{name: round(value, 3) for name, value in launcher.figures.items()},
    }
