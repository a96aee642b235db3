"""Whether a command's time grows with the report: CPU seconds of a report, of one twice as large, and how many times.

    python tests/bench/doubled.py [SHAPE...]

Each shape is one thing of which there are many (gaps with Python samples, nodes of a CUDA graph, replays of one,
distinct kernel names). The time with a hundred is taken off both: what is left doubles where it is linear, and
quadruples where every one is compared with every other. Shapes that grow more than 2.6 times make the exit code 1.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import generate
import measure
from graph_reports import node, replay
from report_builder import ReportBuilder

MOST = 2.6
FEW = 100
RUNS = 3


@dataclass(frozen=True)
class Shape:
    """`make` writes a report of so many things; `command` with {report} and {out}; `count`: of the smaller report."""

    make: Callable[[int, Path], None]
    count: int
    command: tuple[str, ...]


def sampled_gaps(count: int, path: Path) -> None:
    """So many launches of one thread, each waited for, and as many Python samples."""
    one = measure.ONE_THREAD
    generate.generate(path, kernels=count, api=count * 21 // 10 + 20, naive=1, stacks=count, depth=30, **one)


def nodes(count: int, path: Path) -> None:
    """One CUDA graph of so many nodes, replayed three times."""
    report = ReportBuilder()
    report.call(0, 10, 1, "cudaGraphInstantiateWithFlags_v11040")
    for number in range(count):
        node(report, 5, 1, number)
    for turn in range(3):
        begin = 1_000 + turn * 100 * (count + 10)
        ops = [(begin + 100 * i, begin + 100 * i + 90, f"kernel {i % 7}") for i in range(count)]
        replay(report, (begin - 50, begin - 20), 2 + turn, 1, *ops)
    report.save(path.parent, path.name)


def replays(count: int, path: Path) -> None:
    """So many replays of a CUDA graph of two nodes."""
    report = ReportBuilder()
    report.call(0, 10, 1, "cudaGraphInstantiateWithFlags_v11040")
    node(report, 5, 1, 0)
    node(report, 5, 1, 1)
    for turn in range(count):
        begin = 1_000 + 300 * turn
        replay(
            report, (begin, begin + 50), 2 + turn, 1, (begin + 100, begin + 150, "a"), (begin + 160, begin + 200, "b")
        )
    report.save(path.parent, path.name)


def names(count: int, path: Path) -> None:
    """So many kernels, none of the same name as another."""
    report = ReportBuilder()
    for turn in range(count):
        begin = 1_000 + 300 * turn
        report.launch((begin, begin + 50), (begin + 100, begin + 200), f"void kernel_{turn}<int>(float*)")
    report.save(path.parent, path.name)


SHAPES: Mapping[str, Shape] = {
    "gaps --by line": Shape(sampled_gaps, 10_000, ("gaps", "{report}", "--by", "line", "--format", "json")),
    "stacks": Shape(sampled_gaps, 10_000, ("stacks", "{report}", "--format", "json")),
    "graphs --html": Shape(nodes, 24_000, ("graphs", "{report}", "--html", "-o", "{out}/graph.html", "--force")),
    "graphs": Shape(replays, 80_000, ("graphs", "{report}")),
    "launches": Shape(names, 8_000, ("launches", "{report}", "--format", "json")),
}


def cpu_seconds(shape: Shape, count: int, folder: Path) -> float:
    """The least CPU seconds of RUNS runs on a report of so many things."""
    report = folder / f"{shape.make.__name__}-{count}.sqlite"
    if not report.exists():
        shape.make(count, report)
    command = measure.fill(("{python}", "-m", "nsysgap", *shape.command), report, folder)
    return min(measure.run_once(command).cpu_s for _ in range(RUNS))


def growth(shape: Shape, folder: Path) -> tuple[float, float, float]:
    """(CPU seconds of a report, of one twice as large, how many times more the second takes without a small one's)."""
    small, once, twice = (cpu_seconds(shape, count, folder) for count in (FEW, shape.count, 2 * shape.count))
    return once, twice, (twice - small) / max(once - small, 0.05)


def main(chosen: list[str]) -> int:
    """Command line; returns the exit code."""
    if unknown := [name for name in chosen if name not in SHAPES]:
        print(f"doubled: no shape {unknown[0]!r}; there are {', '.join(SHAPES)}", file=sys.stderr)
        return 2
    too_much = False
    print(f"{'':16}{'things':>8}{'CPU s':>8}{'twice':>8}{'x':>7}")
    with tempfile.TemporaryDirectory() as folder:
        for name in chosen or SHAPES:
            once, twice, times = growth(SHAPES[name], Path(folder))
            too_much |= times > MOST
            print(f"{name:16}{SHAPES[name].count:8,}{once:8.2f}{twice:8.2f}{times:7.2f}", flush=True)
    return int(too_much)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
