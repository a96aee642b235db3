"""What is mutated: built reports in several page layouts, small enough that a case takes a moment, and a real one."""

from __future__ import annotations

import random
import sqlite3
import tempfile
from contextlib import closing
from functools import cache
from pathlib import Path

from folders import NAIVE
from report_builder import ReportBuilder
from stack_reading import with_work

PAGE_SIZES = (512, 1024, 4096, 65536)
STEPS = 24


@cache
def bases() -> dict[str, bytes]:
    """name -> the bytes of a report as SQLite."""
    built = {f"built-{size}": _built(size) for size in PAGE_SIZES}
    more = {"built-vacuumed": _built(1024, auto_vacuum=True), "built-stacks": _with_stacks()}
    return {**built, **more, "naive": NAIVE.read_bytes()}


def _with_stacks() -> bytes:
    """A report with Python stacks, which are payloads of NVTX marks."""
    report = with_work()
    for at in range(1_100, 2_000, 100):
        report.python(at, [("load", "/p/data.py", 7), ("main", "/p/main.py", 40)])
    with tempfile.TemporaryDirectory() as folder:
        return report.write(Path(folder) / "stacks.sqlite").read_bytes()


def _built(page_size: int, *, auto_vacuum: bool = False) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = _report().save(Path(folder))
        with closing(sqlite3.connect(path)) as connection:
            connection.execute(f"PRAGMA page_size = {page_size}")
            connection.execute(f"PRAGMA auto_vacuum = {int(auto_vacuum)}")
            connection.execute("VACUUM")
        return path.read_bytes()


def _report() -> ReportBuilder:
    """A loop of steps with launches, copies, syncs, a graph, OS calls and nested ranges; names longer than a page."""
    chance = random.Random(7)
    made = ReportBuilder().versions().gpu(0, "NVIDIA H200").process(1, "python3").thread(1, 1, "main")
    for step in range(STEPS):
        begin = 1_000_000 * (step + 1)
        made.nvtx(begin, begin + 900_000, f"step {step}")
        made.nvtx(begin, begin + 100_000, "load" + "." * (step % 3) * 700)
        for number in range(6):
            correlation = step * 100 + number
            at = begin + 100_000 + number * 90_000
            made.call(at, at + chance.randrange(2_000, 9_000), correlation)
            name = f"kernel_{number}<float>" if number else "k" * 3_000
            made.kernel(at + 12_000, at + chance.randrange(20_000, 80_000), correlation, name)
        made.call(begin + 640_000, begin + 648_000, step * 100 + 50, "cudaMemcpyAsync_v3020")
        made.memcpy(begin + 660_000, begin + 680_000, step * 100 + 50)
        made.sync(begin + 690_000, begin + 820_000)
        made.graph_launch((begin + 822_000, begin + 826_000), (begin + 840_000, begin + 850_000))
        made.osrt(begin + 830_000, begin + 850_000)
    return made
