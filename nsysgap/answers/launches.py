"""What launching costs: per kernel beside its run time, per NVTX range, per million launches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nsysgap.analysis.launch_costs import LaunchSelection, launch_costs
from nsysgap.analysis.notices import in_order
from nsysgap.analysis.relations.launches import launch_calls
from nsysgap.answers.opening import OpenReport
from nsysgap.answers.selection import WHOLE, Selection
from nsysgap.errors import NsysgapError
from nsysgap.figures import Document, Figure, Header, as_json
from nsysgap.tables import KERNEL, Notice, Trace
from nsysgap.units import duration

if TYPE_CHECKING:
    import pandas as pd

SCHEMA = "nsysgap.launches/1"
_PLAIN = ("name", "count", "in_graphs", "call_per_run", "costs_more_than_it_runs", "back_to_back")
_TIMES = ("duration_ns", "call_ns", "latency_ns", "unqueued_latency_ns")
COLUMNS = (
    *(*_PLAIN, "grid", "block", "of_that_grid", "other_grids"),
    *(f"{figure}_{key}" for key in _TIMES for figure in ("total", "median")),
)


@dataclass(frozen=True)
class LaunchesOptions:
    """What part of the report counts; `unfold`: NVTX ranges by their whole names, not without numbers."""

    selection: Selection = WHOLE
    unfold: bool = True


@dataclass(frozen=True)
class LaunchesAnswer:
    """The answer: `costs` is what follows the header in "nsysgap.launches/1", `selection` what was selected.

    `notes`: what to know of the selection, also among the header's notices.
    """

    header: Header
    costs: Document
    selection: str
    notes: tuple[Notice, ...] = ()

    def document(self) -> Document:
        """The contract "nsysgap.launches/1", with a selection also what it was."""
        document = {"schema": SCHEMA, "report": self.header.document(), **self.costs}
        return {**document, "selection": self.selection} if self.selection else document

    def figures(self) -> tuple[Figure, ...]:
        """Launch calls and their time."""
        whole = self.costs["all"]
        return (
            Figure("launches", whole["launches"], "", "lower"),
            Figure("launch_calls_ns", whole["calls_ns"], "ns", "lower"),
        )

    def frame(self) -> pd.DataFrame:
        """One row per kernel: totals and medians, the most frequent grid and block."""
        import pandas as pd

        frame = pd.DataFrame([_row(kernel) for kernel in self.costs["kernels"]], columns=COLUMNS)
        return frame.astype({name: "Int64" for name in COLUMNS if name.endswith("_ns")})


def launches(report: OpenReport, options: LaunchesOptions = LaunchesOptions()) -> LaunchesAnswer:
    """What launching costs. Raises NsysgapError for a report without kernels and a selection without launches."""
    trace, device = report.trace, options.selection.device
    selected = report.select(options.selection)
    if not (trace.ops["kind"] == KERNEL).any():
        hint = "Record them: nsys profile --trace=cuda --cuda-graph-trace=node ..."
        raise NsysgapError(f"{trace.path} holds no kernels.", hint)
    chosen = LaunchSelection(
        selected.time, device, selected.ranges, not options.unfold, selected.by_device, selected.by_process
    )
    costs: Document = as_json(launch_costs(trace, launch_calls(trace), report.details, chosen))
    words = ", ".join(
        [
            *([] if device is None else [f"GPU {trace.device(device).label}"]),
            *([selected.words] if selected.words else []),
        ]
    )
    if not costs["kernels"] and not costs["all"]["launches"]:
        raise _nothing_selected(trace, words)
    return LaunchesAnswer(report.header(in_order((*trace.warnings, *selected.notes))), costs, words, selected.notes)


def _nothing_selected(trace: Trace, words: str) -> NsysgapError:
    kernels = trace.ops["kind"] == KERNEL
    first, last = trace.ops["start"][kernels].min(), trace.ops["end"][kernels].max()
    return NsysgapError(
        f"No kernel ran and none was launched in what was selected ({words}).",
        f"The kernels of this report ran from {duration(int(first))} to {duration(int(last))} of the session.",
    )


def _row(kernel: Document) -> Document:
    """A kernel as a row of COLUMNS."""
    sizes = kernel["grids"][0]
    row = {key: kernel[key] for key in _PLAIN}
    for key in ("grid", "block"):
        row[key] = None if min(sizes[key]) < 0 else "x".join(map(str, sizes[key]))
    row |= {"of_that_grid": sizes["count"], "other_grids": len(kernel["grids"]) - 1}
    for key in _TIMES:
        for figure in ("total", "median"):
            row[f"{figure}_{key}"] = None if kernel[key] is None else kernel[key][figure]
    return row
