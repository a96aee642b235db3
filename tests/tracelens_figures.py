"""What AMD's TraceLens finds in a report's trace beside what nsysgap says of the report: rows of docs/to-chrome.md.

PYTHONPATH=FOLDER python tests/tracelens_figures.py REPORT...: FOLDER holds what is imported of its repository
(AMD-AGI/TraceLens), and tqdm, orjson, openpyxl. No package index has it; one called tracelens is something else.
Exits 1 where a figure differs.
"""

from __future__ import annotations

import contextlib
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from nsysgap.answers.opening import OpenReport, opened
from nsysgap.commands import main
from nsysgap.intervals import IntervalSet, covered_length, union
from nsysgap.tables import MEMCPY, NONE

COLUMNS = ("GPU only", "busy ns", "idle ns", "computation ns", "copies alone ns", "launchers", "ops launched")


def of_tracelens(trace: Path) -> tuple[int, ...]:
    """COLUMNS as it says them: whole nanoseconds, since it reads microseconds with three decimals."""
    from TraceLens import TreePerfAnalyzer

    with contextlib.redirect_stdout(sys.stderr):
        found = TreePerfAnalyzer.from_file(str(trace))
        timeline: dict[str, float] = found.get_df_gpu_timeline().set_index("type")["time ms"].to_dict()
        launchers: list[dict[str, Any]] = found.get_kernel_launchers(include_nccl=True)
    times = [round(timeline[f"{key}_time"] * 1e6) for key in ("busy", "idle", "computation", "exposed_memcpy")]
    return (int(found.gpu_only), *times, len(launchers), sum(one["direct_kernel_count"] for one in launchers))


def of_nsysgap(report: OpenReport) -> tuple[int, ...]:
    """COLUMNS of the first GPU: kernels and memsets are its computation, what launches is a main loop's iteration
    where NVTX tells it, else the call."""
    trace, idle = report.trace, report.idle()
    device, ops = idle.devices[0], trace.ops
    mine = ops["device"] == device.device
    works = mine & (ops["kind"] != MEMCPY)
    computing = union(ops["start"][works], ops["end"][works])
    calls = idle.calls[mine & (idle.calls != NONE)]
    launching = np.unique(calls)
    loops = _loops(report)
    inside = covered_length(loops, trace.api["start"][launching], trace.api["end"][launching]) > 0
    iterations = np.unique(np.searchsorted(loops.starts, trace.api["start"][launching[inside]], "right"))
    launchers = len(iterations) + int((~inside).sum())
    times = (device.busy, device.idle, computing.total, device.busy - computing.total)
    return (int(not len(loops.starts)), *times, launchers, len(calls))


def _loops(report: OpenReport) -> IntervalSet:
    """The iterations of the main loop of the one process, none where NVTX does not tell it."""
    steps = report.steps()
    found = [steps.loops[number] for number in steps.main.values()]
    first = next((loop for loop in found if loop.source == "nvtx"), None)
    return IntervalSet(*(np.empty(0, np.int64),) * 2) if first is None else IntervalSet(first.start, first.end)


def row(name: str, figures: tuple[int, ...]) -> str:
    """A row of the table."""
    return f"| `{name}` | {'yes' if figures[0] else 'no'} | " + " | ".join(f"{one:,}" for one in figures[1:]) + " |"


def compared(path: Path) -> bool:
    """Whether both say the same of a report; prints both rows where not."""
    with tempfile.TemporaryDirectory() as folder, opened(path) as report:
        with contextlib.suppress(SystemExit), contextlib.redirect_stdout(sys.stderr):
            main(["to-chrome", str(path), "--per-gpu", folder, "--device", str(report.idle().devices[0].device)])
        theirs, ours = of_tracelens(next(Path(folder).iterdir())), of_nsysgap(report)
    name = path.name.partition(".")[0]
    print(row(name, theirs) if theirs == ours else f"{row(name, theirs)} TraceLens\n{row(name, ours)} nsysgap")
    return theirs == ours


if __name__ == "__main__":
    print(f"| report | {' | '.join(COLUMNS)} |")
    same = [compared(Path(name)) for name in sys.argv[1:]]
    sys.exit(not all(same))
