"""Measures many reports at once: the plain loop, then the same on several workers; CPU seconds, wall time, memory.

    python tests/bench/fleet.py --kernels 1050000 --reports 64 --workers 2

A few distinct reports are generated into a temporary folder and linked under as many names. CPU seconds are those
of all processes that read; the memory of all is at most this process's peak and the largest peaks of the workers
together. Wall times mean something only on a machine that does nothing else: `linear` is that of the loop over
workers times theirs.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from generate import generate

from nsysgap.answers.opening import OpenReport
from nsysgap.answers.rank_units import RankOptions, report_units
from nsysgap.fleet.map import ask_all

DISTINCT = 4
LIMITS = {"cpu_ratio": 1.15, "linear": 0.90, "memory_mb": 2000}
QUIET = 1.0
"""Load of the machine above which wall times are left out."""


@dataclass(frozen=True)
class Reader:
    """What a process had used by the end of a report: CPU seconds since it began, its peak in KiB."""

    pid: int
    cpu_s: float
    peak_kib: int


def measured(report: OpenReport, options: RankOptions) -> Reader:
    """Ask what `nsysgap ranks` asks of a report, and say what this process has used so far."""
    report_units(report, options)
    return Reader(os.getpid(), time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


@dataclass(frozen=True)
class Measured:
    """A run: workers, wall and CPU seconds, the memory of all processes together at most, MB."""

    workers: int
    wall_s: float
    cpu_s: float
    memory_mb: float


def run(paths: Sequence[str], workers: int) -> Measured:
    """Read all reports, on one worker in this process."""
    wall, cpu = time.perf_counter(), time.process_time()
    readers = [asked.answer for asked in ask_all(paths, measured, RankOptions(), workers=workers) if asked.answer]
    wall, own = time.perf_counter() - wall, time.process_time() - cpu
    if len(readers) < len(paths):
        raise SystemExit(f"fleet: {len(paths) - len(readers)} reports gave no answer")
    last = {one.pid: one for one in readers if one.pid != os.getpid()}
    last |= {one.pid: one for one in sorted(readers, key=lambda one: one.cpu_s) if one.pid in last}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss + sum(one.peak_kib for one in last.values())
    return Measured(workers, wall, own + sum(one.cpu_s for one in last.values()), peak * 1024 / 1e6)


def linked(folder: Path, kernels: int, reports: int) -> list[str]:
    """That many names of a few distinct reports."""
    made = []
    for seed in range(min(DISTINCT, reports)):
        made.append(folder / f"made{seed}.sqlite")
        generate(made[-1], kernels=kernels, api=2 * kernels, seed=seed)
    paths = [folder / f"rank{number}.sqlite" for number in range(reports)]
    for number, path in enumerate(paths):
        path.hardlink_to(made[number % len(made)])
    return [str(path) for path in paths]


def main() -> int:
    """Print the runs as JSON; 1 where a limit is missed."""
    parser = argparse.ArgumentParser(description="Measure many reports at once.")
    parser.add_argument("--kernels", type=int, default=6000, help="Of each report; 1,050,000 make 170 MB.")
    parser.add_argument("--reports", type=int, default=64)
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        paths = linked(Path(name), given.kernels, given.reports)
        size = Path(paths[0]).stat().st_size
        ask_all(paths[:1], measured, RankOptions(), workers=1)  # imports are not what is measured
        # Several first: this process's own peak is that of one report then.
        several, loop = run(paths, given.workers), run(paths, 1)
    found = {"cpu_ratio": several.cpu_s / loop.cpu_s, "memory_mb": several.memory_mb}
    if os.getloadavg()[0] < QUIET + given.workers:
        found["linear"] = loop.wall_s / (given.workers * several.wall_s)
    missed = [key for key, value in found.items() if (value < LIMITS[key] if key == "linear" else value > LIMITS[key])]
    document = {"report_mb": size / 1e6, "loop": asdict(loop), "several": asdict(several), **found, "missed": missed}
    print(json.dumps(document, indent=1))
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
