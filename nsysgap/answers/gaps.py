"""Why the GPU was idle: idle time by cause per GPU, what launching and waiting cost, the longest gaps."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.completeness import Loss, loss_ranges, losses, unseen_losses
from nsysgap.analysis.held import holders, idle_ranges, other_work
from nsysgap.analysis.idle.document import gaps_document, group_rows
from nsysgap.analysis.idle.gap_chunks import listed_gaps
from nsysgap.analysis.idle.idle_report import Gaps, IdleReport
from nsysgap.analysis.idle.loading import loading_time
from nsysgap.analysis.idle.woken import via_column
from nsysgap.analysis.notices import all_notices, in_order
from nsysgap.analysis.questions import why_no_kernels
from nsysgap.analysis.relations.acting import acted_for_column
from nsysgap.answers.opening import OpenReport
from nsysgap.answers.selection import WHOLE, Selection
from nsysgap.causes import PARTS
from nsysgap.errors import NsysgapError
from nsysgap.figures import Document, Figure, Header, as_json
from nsysgap.gap_columns import Coded, Column, GapList
from nsysgap.intervals import covered_before
from nsysgap.units import duration

if TYPE_CHECKING:
    import pandas as pd

    from nsysgap.analysis.idle.grouping import Group
    from nsysgap.tables import Stacks

SCHEMA = "nsysgap.gaps/1"
OS_STACKS = "OSRT_CALLCHAINS"
CAPTURE_HINT = "Capture them with nsysgap profile --stacks python (or native)."


@dataclass(frozen=True)
class GapsOptions:
    """`top`: how many of the longest gaps to list (None: all), none shorter than `at_least_ns`; `by`: how to group the
    idle time (cause, kernel, api, nvtx, thread, process, line; held: of the queued time what held it), None for no
    grouping; `loops`: the report's loops too; `unfold`: NVTX ranges by their whole names, not without numbers;
    `in_loop`: of each gap, whether it lies in the loop."""

    selection: Selection = WHOLE
    top: int | None = 20
    at_least_ns: int = 0
    by: str | None = None
    loops: bool = True
    unfold: bool = True
    in_loop: bool = False


@dataclass(frozen=True)
class GapsAnswer:
    """The answer. `devices` to `gaps` are as in the contract "nsysgap.gaps/1"; `selection` says what was selected.

    `loops`: the rows of "nsysgap.steps/1", of the whole report, None if not asked for. `gaps_by_cause` counts gaps over
    all GPUs; `groups` are those of `by`, `folded` what of them stands for several NVTX ranges; `completeness` is what
    the report lacks. `in_loop`: of each of `gaps`, whether text is about it; None if not asked for, and without a main
    loop.
    `refusal` is why the report cannot say how idle the GPU was, None if it can;
    `op_rows` how many ops it holds.
    """

    header: Header
    devices: tuple[Document, ...]
    launches: Document
    graph_launches: Document
    syncs: Document
    gaps: GapList
    loops: tuple[Document, ...] | None
    gaps_by_cause: Mapping[str, int]
    selection: str
    by: str | None
    groups: tuple[Group, ...]
    folded: tuple[Document, ...]
    completeness: tuple[Document, ...]
    op_rows: int
    refusal: NsysgapError | None
    in_loop: NDArray[np.bool_] | None = None

    def document(self) -> Document:
        """The contract "nsysgap.gaps/1"; with a grouping also the groups, with a selection also what it was."""
        return {**self.outline(), "gaps": list(self.gaps)}

    def outline(self) -> Document:
        """The document with the GapList itself, to be written chunk by chunk."""
        document: Document = {
            "schema": SCHEMA,
            "report": self.header.document(),
            "devices": list(self.devices),
            "launches": self.launches,
            "graph_launches": self.graph_launches,
            "syncs": self.syncs,
            "gaps": self.gaps,
        }
        document["completeness"] = list(self.completeness)
        if self.loops is not None:
            document["loops"] = list(self.loops)
        if self.selection:
            document["selection"] = self.selection
        if self.by:
            document["groups"] = {"by": self.by, "rows": group_rows(self.groups)}
            if self.folded:
                document["groups"]["folded"] = list(self.folded)
        return document

    def figures(self) -> tuple[Figure, ...]:
        """Per GPU: window, busy and idle time, each part of it, gaps, ops."""
        return tuple(figure for device in self.devices for figure in _device_figures(device))

    def frame(self) -> pd.DataFrame:
        """One row per listed gap, or with a grouping one per group, for CSV and Parquet."""
        from nsysgap.analysis.idle.dataframes import columns_frame, groups_frame

        made = groups_frame(self.by, self.groups) if self.by else columns_frame(self.gaps)
        if self.in_loop is not None and not self.by:
            made = made.assign(in_loop=self.in_loop)
        return made.assign(report=self.header.path)

    def detached(self) -> GapsAnswer:
        """The answer with the columns of all its gaps, which holds on to its report no longer."""
        return replace(self, gaps=GapList(tuple(self.gaps.chunks), len(self.gaps)))

    def all_shorter_than(self, minimum: int) -> tuple[str, str] | None:
        """What to say, and to do, where no gap lasts so many ns: often a unit is missing. None where one does."""
        longest = max((device["longest_gap_ns"] for device in self.devices), default=0)
        if not 0 < longest < minimum:
            return None
        said = f"No gap of {self.header.path} lasts {duration(minimum)} (--min): the longest takes {duration(longest)}."
        return said, "Name a shorter time: 5us, 1ms, 1.2s; a bare number is seconds."

    def columns(self) -> Iterator[dict[str, Column]]:
        """The rows of `frame` without a grouping, a chunk at a time."""
        first = 0
        for chunk in self.gaps.chunks:
            columns = chunk.flat()
            if self.in_loop is not None:
                columns["in_loop"] = self.in_loop[first : first + len(chunk)]
            yield {**columns, "report": Coded(np.zeros(len(chunk), np.int8), [self.header.path])}
            first += len(chunk)


def gaps(report: OpenReport, options: GapsOptions = GapsOptions()) -> GapsAnswer:
    """Why the GPUs of a report were idle.

    Raises NsysgapError for an empty selection, and for idle time by line where no stacks were sampled.
    """
    selected = report.select(options.selection)
    idle = report.idle(options.selection, all_at_once=True)
    stacks = _sampled(report, required=options.by == "line")
    rows = idle.gaps.longest(options.top, options.at_least_ns)
    document: dict[str, Any] = as_json(gaps_document(idle, rows[:0]))
    missing = losses(idle)
    _add_ranges(document["devices"], idle, lost=unseen_losses(missing))
    why = why_no_kernels(report.trace)
    return GapsAnswer(
        header=report.header(in_order((*all_notices(idle, idle.latencies, missing), *selected.notes))),
        devices=tuple(document["devices"]),
        launches=document["launches"],
        graph_launches=document["graph_launches"],
        syncs=document["syncs"],
        gaps=listed_gaps(
            idle,
            rows,
            {
                "line": None if stacks is None else _lines(idle, stacks, rows),
                "via": via_column(idle, rows),
                "acts_for": acted_for_column(idle.trace, idle.gaps.call[rows]),
            },
        ),
        loops=_loops(report, options),
        gaps_by_cause=idle.gaps_by_cause(),
        selection=selected.words,
        by=options.by,
        completeness=tuple(_completeness(idle, missing)),
        groups=tuple(_groups(report, idle, stacks, options)),
        folded=tuple(_folded(idle)) if options.by == "nvtx" and not options.unfold else (),
        op_rows=report.trace.ops.rows,
        refusal=None if why is None else NsysgapError(*why),
        in_loop=_in_loop(report, idle.gaps, rows, options) if options.in_loop else None,
    )


def detached_gaps(report: OpenReport, options: GapsOptions = GapsOptions()) -> GapsAnswer:
    """`gaps`, without the report: of several, one is let go of before the next is read."""
    return gaps(report, options).detached()


def _completeness(idle: IdleReport, missing: list[Loss]) -> Iterator[Document]:
    """What the report lacks, each with the range of idle time of every GPU that it leaves."""
    for loss in missing:
        ranges = [
            {
                **idle.trace.device(idle_range.device).named(),
                "idle_range_ns": [idle_range.low, idle_range.high],
                "of_ns": idle_range.of,
            }
            for idle_range in loss_ranges(idle, loss)
        ]
        yield as_json({**asdict(loss), "idle_ranges": ranges})


def _add_ranges(devices: list[Document], idle: IdleReport, *, lost: bool) -> None:
    """Add to each GPU's row what held its launched ops back, how much of its idle time is loading modules and what
    other work covers it, and the range of its idle time if that is one."""
    ranges, loading = idle_ranges(idle, lost=lost), loading_time(idle)
    for row, device in zip(devices, idle.devices, strict=True):
        row["held_by"] = [as_json(asdict(holder)) for holder in holders(idle, device.device)] if device.held else []
        row["loading_ns"] = loading[device.device]
        covering = other_work(idle, device.device)
        row["other_work"] = [{"name": name, "idle_ns": covered} for name, covered in covering]
        row["idle_range_ns"] = list(ranges[device.device]) if device.device in ranges else None


def _loops(report: OpenReport, options: GapsOptions) -> tuple[Document, ...] | None:
    """The rows of the report's loops, if they are wanted."""
    if not options.loops:
        return None
    from nsysgap.analysis.loops.document import loop_rows

    return tuple(as_json(loop_rows(report.trace, report.steps(options.selection.hidden_after_ns).steps)))


def _in_loop(report: OpenReport, gaps: Gaps, rows: NDArray[np.intp], options: GapsOptions) -> NDArray[np.bool_] | None:
    """Of each gap (rows of gaps) whether it starts in the loop's GPU windows; on a GPU that ran no loop each one does.

    None for a report without a main loop. Windows follow each other: a gap that starts in one of them ends in one.
    """
    steps = report.steps(options.selection.hidden_after_ns)
    if not steps.judged:
        return None
    inside = np.zeros(len(rows), np.bool_)
    device, start = gaps.device[rows], gaps.start[rows]
    for gpu, time in steps.judged_time.items():
        mine = np.flatnonzero(device == gpu)
        inside[mine] = covered_before(time, start[mine] + 1) > covered_before(time, start[mine])
    return inside


def _sampled(report: OpenReport, *, required: bool) -> Stacks | None:
    """The sampled stacks, None without any. Raises NsysgapError where they are required and there are none."""
    samples = report.samples
    if samples is not None and samples.samples.rows:
        return samples
    if required:
        why = "".join(f" {notice.text}" for notice in samples.warnings) if samples is not None else ""
        raise NsysgapError(f"{report.path} holds no stack samples: no lines are known.{why}", CAPTURE_HINT)
    return None


def _lines(idle: IdleReport, stacks: Stacks, rows: NDArray[np.intp]) -> Coded:
    """The line of each gap; what is done with stacks is imported only where a report has some."""
    from nsysgap.analysis.stacks.gap_lines import lines_of_gaps

    return lines_of_gaps(idle, stacks, rows)


def _folded(idle: IdleReport) -> Iterable[Document]:
    """What of the groups by NVTX range stands for several ranges."""
    from nsysgap.analysis.idle.grouping import folded_inside

    return folded_inside(idle)


def _groups(report: OpenReport, idle: IdleReport, stacks: Stacks | None, options: GapsOptions) -> list[Group]:
    """The idle time by what was asked for, largest first; nothing without a grouping."""
    by = options.by
    if by is None:
        return []
    from nsysgap.analysis.idle.grouping import Group, idle_by

    if by == "held":
        return [Group(holder.name, holder.held, holder.gaps, holder.longest, "queued") for holder in holders(idle)]
    if by == "api":
        from nsysgap.analysis.idle.idle_calls import idle_by_call

        return idle_by_call(idle, report.stacks if OS_STACKS in report.trace.tables_present else None)
    if by == "line" and stacks is not None:
        from nsysgap.analysis.stacks.gap_lines import idle_by_line

        return idle_by_line(idle, stacks)
    return idle_by(idle, by, unfold=options.unfold)


def _device_figures(device: Document) -> list[Figure]:
    whose = f"GPU {device['device']} {device.get('which', '')}".strip()
    window = device["busy_ns"] + device["idle_ns"]
    share = round(100 * device["idle_ns"] / window, 3) if window else 0.0
    return [
        Figure("window_ns", window, "ns", "lower", whose),
        Figure("busy_ns", device["busy_ns"], "ns", "lower", whose),
        Figure("idle_ns", device["idle_ns"], "ns", "lower", whose),
        Figure("idle_percent", share, "%", "lower", whose),
        *(Figure(f"idle_{part}_ns", device["idle_by_cause_ns"][part], "ns", "lower", whose) for part in PARTS),
        Figure("gap_count", device["gap_count"], "", "none", whose),
        Figure("longest_gap_ns", device["longest_gap_ns"], "ns", "lower", whose),
        Figure("ops", sum(device["op_count"].values()), "", "none", whose),
    ]
