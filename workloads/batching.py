"""Batching: small products from another process, launched one by one or collected by shape.

Way of launching: a producer process makes commands ("multiply the operands of slot 7") and writes
them into a bounded ring in shared memory; this process reads them and runs each as a cuBLAS product
of its own (`--mode none`), or collects those of one shape and runs `--batch` of them as one
strided-batched product (`--mode shape-batched`), fewer when nothing new came for `--idle-us`.
Loads: gemv-micro (a matrix of 64 x 8192 times a vector), decode (1024 x 1024 times a vector, 8
layers), prefill (1024 x 1024 times 256 tokens, 64 layers), in float32 and float16.
Every run is checked: all commands ran, and every product is NumPy's within the precision.

A report of it must show, per run, a range "LOAD PRECISION MODE":
- mode none: one launch call and one kernel per command (some products of cuBLAS take two kernels),
  and for short kernels a GPU that waits for the next launch (`launch`, `host`);
- mode shape-batched: a `--batch`th of the launches, each with a kernel that is as much longer as its
  memory traffic asks for: where a single product already fills the GPU (prefill), nothing is gained;
- the producer as a second process without CUDA calls.
Under `nsysgap profile`, which sets NSYSGAP_PROFILING, a load has at most 10,000 commands unless
`--commands` says otherwise: nsys records each, and millions of rows are for measuring, not for reading.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any

from common.errors import WorkloadError
from common.options import chosen, one_of, positive
from common.program import Program, run_program

if TYPE_CHECKING:
    import argparse

NO_NUMPY = "NumPy is not installed: `pip install numpy` brings it"
WARM_UP_COMMANDS = 64
PROFILED_COMMANDS = 10_000


@dataclass(frozen=True)
class Run:
    """One row of the table."""

    load: str
    precision: str
    mode: str
    commands: int
    wall_ms: float
    gpu_ms: float | None
    launches: int
    idle_flushes: int
    max_relative_error: float


def default_commands(load: Any) -> int:
    """Return the load's own number of commands; fewer where nsys records each, as `nsysgap profile` says."""
    own: int = load.commands
    return min(own, PROFILED_COMMANDS) if os.environ.get("NSYSGAP_PROFILING") else own


def run_once(load: Any, precision: str, mode: str, options: argparse.Namespace) -> Run:
    """Run a load in one mode and precision, with a producer of its own."""
    from queueing.buckets import ByShape, OneByOne
    from queueing.consume import consume, producing, wait_for
    from queueing.execute import EXECUTORS
    from queueing.produce import Plan, make_commands

    batch = options.batch or load.batch
    slots = load.slots(batch)
    plan = Plan(options.ring, options.commands or default_commands(load), slots)
    executor = EXECUTORS[options.executor]([load.shape], slots, precision)

    def runner() -> Any:
        return OneByOne(executor) if mode == "none" else ByShape(executor, batch)

    with executor.phase("warm-up"), executor.timed() as elapsed:
        warm = runner()
        warm.take(make_commands(plan, 0, max(batch, WARM_UP_COMMANDS)))
        warm.flush()
        elapsed()
        for pools in executor.pools:
            pools.y.fill(float("nan"))
        elapsed()
    executor.launches = 0
    measured = runner()
    with producing(plan) as (ring, process):
        wait_for(ring, process, plan.commands)
        with executor.phase(f"{load.name} {precision} {mode}"), executor.timed() as elapsed:
            start = perf_counter()
            flushes = consume(ring, process, measured, plan.commands, options.idle_us / 1e6)
            gpu_ms = elapsed()
            wall_ms = 1e3 * (perf_counter() - start)
    error = executor.check(min(slots, plan.commands))
    return Run(
        load.name,
        precision,
        mode,
        plan.commands,
        round(wall_ms, 3),
        None if gpu_ms is None else round(gpu_ms, 3),
        executor.launches,
        flushes,
        round(error, 9),
    )


def measure(options: argparse.Namespace) -> dict[str, object]:
    """Run everything asked for; the table goes to stderr."""
    try:
        from queueing.execute import EXECUTORS
        from queueing.loads import LOADS, MODES, PRECISIONS
    except ModuleNotFoundError as error:
        raise WorkloadError(NO_NUMPY) from error
    loads = chosen("load", options.load, tuple(LOADS))
    modes = chosen("mode", options.mode, MODES, "both")
    precisions = chosen("precision", options.precision, PRECISIONS, "both")
    one_of("executor", options.executor, tuple(EXECUTORS))
    runs, skipped = [], {}
    for load in loads:
        for precision in precisions:
            for mode in modes:
                try:
                    runs.append(run_once(LOADS[load], precision, mode, options))
                except WorkloadError as error:
                    if not str(error).startswith("too little GPU memory"):
                        raise
                    skipped[f"{load} {precision} {mode}"] = str(error)
    if not runs:
        raise WorkloadError(next(iter(skipped.values())))
    comparisons = compare(runs)
    print("\n".join(table(comparisons)), file=sys.stderr)
    return {
        "workload": "batching",
        "wall_s_measured": round(sum(run.wall_ms for run in runs) / 1e3, 6),
        "host_launches": sum(run.launches for run in runs),
        "runs": [vars(run) for run in runs],
        "comparisons": comparisons,
        "skipped": skipped,
        **EXECUTORS[options.executor]([], 1, "fp32").describe(),
    }


def compare(runs: list[Run]) -> list[dict[str, object]]:
    """Return a row per run; those of mode shape-batched with what they gained over mode none.

    Speed-up and launch reduction are percent of mode none's figure; null without one.
    """
    from queueing.loads import SOURCE_WALL_MS

    found: list[dict[str, object]] = []
    before = {(run.load, run.precision): run for run in runs if run.mode == "none"}
    for run in runs:
        key = (run.load, run.precision)
        batched = run.mode != "none"
        single = before.get(key) if batched else None
        source = SOURCE_WALL_MS[key]
        found.append(
            {
                **vars(run),
                "us_per_command": round(1e3 * run.wall_ms / run.commands, 4),
                "speed_up_percent": _less(single.wall_ms, run.wall_ms) if single else None,
                "launch_reduction_percent": _less(single.launches, run.launches) if single else None,
                "source_wall_ms": source[batched],
                "source_speed_up_percent": _less(*source) if batched else None,
            }
        )
    return found


def _less(before: float, after: float) -> float:
    """Return by how many percent `after` is less than `before`."""
    return round(100 * (before - after) / before, 1)


HEADS = (
    *("load", "prec.", "mode", "commands", "launches", "wall ms", "GPU ms", "us each"),
    *("faster %", "fewer launches %", "RTX 3060 ms", "RTX 3060 faster %"),
)
KEYS = (
    *("load", "precision", "mode", "commands", "launches", "wall_ms", "gpu_ms", "us_per_command"),
    *("speed_up_percent", "launch_reduction_percent", "source_wall_ms", "source_speed_up_percent"),
)


def table(rows: list[dict[str, object]]) -> list[str]:
    """Return the rows as lines of text, columns aligned."""
    cells = [HEADS, *(tuple(_cell(row[key]) for key in KEYS) for row in rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(HEADS))]
    return [
        "  ".join(
            cell.ljust(width) if i < 3 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in cells
    ]


def _cell(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int | float) else str(value)


def add_options(parser: argparse.ArgumentParser) -> None:
    """--load, --mode, --precision, --commands, --batch, --idle-us, --ring, --executor."""
    parser.add_argument("--load", default="all", help="all, gemv-micro, decode or prefill")
    parser.add_argument("--mode", default="both", help="both, none or shape-batched")
    parser.add_argument("--precision", default="both", help="both, fp32 or fp16")
    parser.add_argument("--commands", type=positive, help="commands (by default the load's own)")
    parser.add_argument("--batch", type=positive, help="commands of a batch (the load's own)")
    parser.add_argument("--idle-us", type=positive, default=1000, help="flush after this idle time (%(default)s us)")
    parser.add_argument("--ring", type=positive, default=65536, help="commands the ring holds (%(default)s)")
    parser.add_argument("--executor", default="gpu", help="gpu or numpy (%(default)s)")


BATCHING = Program("batching", add_options, measure)

if __name__ == "__main__":
    sys.exit(run_program(BATCHING, __doc__))
