"""What a timeline shows of a report, ready to be laid out: tracks of slices in lanes, gaps, summaries.

A *track* is one line of a viewer's tree (a stream, a thread's API calls, ...), a *slice* one interval in it, a *lane*
one of its rows: slices of one lane never overlap, so their covered time is the sum of their durations.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.held import HeldMarks, held_marks
from nsysgap.analysis.idle.document import gaps_document
from nsysgap.analysis.idle.idle_report import Gaps, IdleReport, once, runs_inside
from nsysgap.analysis.idle.launch_rate import limiting_rate
from nsysgap.analysis.idle.loading import loading_time
from nsysgap.analysis.idle.stretches import Stretches, idle_stretches, in_order_of_time
from nsysgap.analysis.idle.untraced import untraced_pieces
from nsysgap.analysis.migrations import migration_advice
from nsysgap.analysis.notices import all_notices
from nsysgap.analysis.pictures.busy_and_idle_in_ranges import busy_and_idle_in_ranges, processes_of_device
from nsysgap.analysis.pictures.idle_before_ops import idle_before_ops
from nsysgap.analysis.pictures.kept_rows import surroundings
from nsysgap.analysis.pictures.lanes import assign_lanes, nesting
from nsysgap.analysis.questions import why_no_kernels
from nsysgap.analysis.relations.calls import call_groups
from nsysgap.analysis.relations.domains import DEFAULT, told_domains
from nsysgap.analysis.relations.ranges import range_work, trace_end
from nsysgap.analysis.relations.unqueued_latency import Latencies
from nsysgap.analysis.schedule.path_slices import PathSlices
from nsysgap.analysis.stacks.page_lines import IdleLines, idle_lines
from nsysgap.arrays import combined_codes, distinct, grouped
from nsysgap.figures import Document
from nsysgap.intervals import IntervalSet, union
from nsysgap.tables import NONE, Notice, Stacks, Table, Trace
from nsysgap.units import counted

Indices = NDArray[np.intp]
Times = NDArray[np.int64]
FULL_ROWS = 5_000_000
REDUCED_GAPS = 4_000
FARTHEST_NS = 2**51


@dataclass(frozen=True)
class Track:
    """One line of the tree. `kind`: stream, projected, nvtx, api, osrt, overhead or critical_path; ids are -1 where
    they do not apply. `domain`: of NVTX ranges, its name where the report has several, else "".

    `rows` are rows of the kind's table (nvtx for projected; slices of the process's path), by lane and start; `start`,
    `end` are theirs in ns; `lanes` are the positions where each lane begins, and the end: shape (lanes + 1,).
    """

    kind: str
    process: int
    device: int
    thread: int
    context: int
    stream: int
    rows: Indices
    start: Times
    end: Times
    lanes: Indices
    domain: str = ""

    def take(self, keep: NDArray[np.bool_]) -> Track:
        """Some of the slices, in their lanes."""
        kept_before = np.concatenate(([0], np.cumsum(keep)))
        ids = (self.kind, self.process, self.device, self.thread, self.context, self.stream)
        return Track(*ids, self.rows[keep], self.start[keep], self.end[keep], kept_before[self.lanes], self.domain)


@dataclass(frozen=True)
class Reduced:
    """What a shortened timeline keeps: full detail inside `windows`, around the `gaps` longest gaps.

    `whole` are the tracks before the cut, which the utilisation is counted from; `slices` and `all_gaps` count them.
    """

    windows: IntervalSet
    gaps: int
    all_gaps: int
    whole: tuple[Track, ...]
    slices: int


@dataclass(frozen=True)
class LoopPictures:
    """What a page shows of loops: main loops with their iterations (as in "nsysgap.steps/1"), critical paths."""

    steps: tuple[Document, ...] = ()
    paths: tuple[PathSlices, ...] = ()


@dataclass(frozen=True)
class TimelineData:
    """Everything a timeline shows. `gaps` (numbers into idle.gaps, by device and start) and `tracks` are what is shown
    in full detail; `stretches` cut these gaps, in order of time. `hint` is how to record the kernels that the report
    lacks, "" if it has some; `migrations` what helps against page migrations that ended gaps, "" if none did; `loading`
    the idle time in which modules were loaded, ns; `rate` the launch rate in words, "" where it does not limit; `steps`
    are main loops with their iterations, as in "nsysgap.steps/1"; `paths` critical paths, which `tracks` show."""

    trace: Trace
    details: Table | None
    calls: NDArray[np.int32]
    call_groups: dict[int, str]
    gaps: Gaps
    gap_rows: Indices
    stretches: Stretches
    tracks: tuple[Track, ...]
    summary: Document
    gaps_by_cause: NDArray[np.int64]
    latencies: Latencies
    untraced: IntervalSet
    op_names: list[Document]
    range_names: list[Document]
    selection: IntervalSet | None = None
    selected: str = ""
    facts: tuple[tuple[str, str], ...] = ()
    reduced: Reduced | None = None
    hint: str = ""
    migrations: str = ""
    loading: int = 0
    rate: str = ""
    lines: IdleLines | None = None
    steps: tuple[Document, ...] = ()
    paths: tuple[PathSlices, ...] = ()
    held: tuple[HeldMarks, ...] = ()


def timeline_data(  # noqa: PLR0913 - what a page shows
    idle: IdleReport,
    details: Table | None = None,
    *,
    selected: str = "",
    notes: tuple[Notice, ...] = (),
    facts: tuple[tuple[str, str], ...] = (),
    top_gaps: int | None = None,
    full_rows: int = FULL_ROWS,
    stacks: Stacks | None = None,
    loops: LoopPictures = LoopPictures(),
) -> TimelineData:
    """Lay out a report. Above `full_rows` slices, or with `top_gaps`, only what is around the longest gaps stays whole.

    `details` is the table OP_DETAILS beside the ops, `selected` the words for idle.selection, `notes` what to know of
    it. With `stacks` the gaps know the lines of the program that were running.
    """
    latencies, rate = idle.latencies, limiting_rate(idle)
    tracks, far = _near(idle.trace, (*_tracks(idle), *_paths(idle, loops.paths)))
    gap_rows = np.arange(len(idle.gaps))
    reduced = None
    slices = sum(len(track.rows) for track in tracks)
    if top_gaps is not None or slices + len(gap_rows) > full_rows:
        reduced, tracks, gap_rows = _reduce(idle, tracks, REDUCED_GAPS if top_gaps is None else top_gaps, full_rows)
    hidden = untraced_pieces(idle)
    warnings = (*all_notices(idle, latencies), *notes, *far, *(stacks.warnings if stacks is not None else ()))
    return TimelineData(
        trace=idle.trace,
        details=details,
        calls=idle.calls,
        call_groups=call_groups(idle.trace),
        gaps=idle.gaps,
        gap_rows=gap_rows,
        stretches=in_order_of_time(idle_stretches(idle, chosen=gap_rows)),
        tracks=tracks,
        summary=gaps_document(idle, np.empty(0, np.intp), warnings),
        gaps_by_cause=sum((device.gaps_by_cause for device in idle.devices), np.zeros(10, np.int64)),
        latencies=latencies,
        untraced=union(hidden.start, hidden.end),
        op_names=idle_before_ops(idle),
        range_names=busy_and_idle_in_ranges(idle),
        selection=idle.selection,
        selected=selected,
        facts=facts,
        reduced=reduced,
        hint=(why_no_kernels(idle.trace) or ("", ""))[1],
        migrations=migration_advice(idle),
        loading=sum(loading_time(idle).values()),
        rate="" if rate is None else rate.words,
        lines=None if stacks is None else idle_lines(idle, stacks, gap_rows),
        steps=loops.steps,
        paths=loops.paths,
        held=tuple(held_marks(idle)),
    )


def _tracks(idle: IdleReport) -> Iterator[Track]:
    yield from _streams(idle)
    for device, calls in _calls_by_device(idle):
        yield from _projected(idle, device, calls)
    for kind in ("nvtx", "api", "osrt", "overhead"):
        yield from _threads(idle, kind)


def _paths(idle: IdleReport, paths: Sequence[PathSlices]) -> Iterator[Track]:
    """The critical paths of the processes that are shown, as far as they are selected."""
    shown = processes_of_device(idle)
    for path in paths:
        rows = np.arange(len(path.start))
        if idle.selection is not None:
            rows = rows[runs_inside(path.start, path.end, idle.selection)]
        if shown[path.process]:
            lanes = np.array([0, len(rows)])
            ids = (path.process, NONE, NONE, NONE, NONE)
            yield Track("critical_path", *ids, rows, path.start[rows], path.end[rows], lanes)


def _streams(idle: IdleReport) -> Iterator[Track]:
    rows = idle.selected_ops(idle.only_device)
    ops = idle.trace.ops
    stream, number = combined_codes(*(ops[name][rows] for name in ("process", "device", "context", "stream")))
    of_stream = grouped(stream, number)
    for code in distinct(stream).tolist():
        mine = rows[of_stream(code)]
        process, device, context, name = (int(ops[key][mine[0]]) for key in ("process", "device", "context", "stream"))
        ids = (process, device, NONE, context, name)
        yield _laid_out("stream", ids, mine, ops["start"][mine], ops["end"][mine], assign_lanes)


def _laid_out(
    kind: str,
    ids: tuple[int, int, int, int, int],
    rows: Indices,
    start: Times,
    end: Times,
    lanes_of: Callable[[Times, Times], NDArray[np.int32]],
) -> Track:
    lane = lanes_of(start, end)
    if lane.any():
        order = np.lexsort((start, lane))
        rows, start, end, lane = rows[order], start[order], end[order], lane[order]
    number = int(lane.max(initial=0)) + 1
    return Track(kind, *ids, rows, start, end, np.searchsorted(lane, np.arange(number + 1)))


def stacked_lanes(start: Times, end: Times) -> NDArray[np.int32]:
    """The lane of each interval: its depth where intervals nest like calls, else the lowest free lane."""
    order = np.lexsort((-end, start))
    try:
        nested = nesting(start, end)
    except ValueError:
        return assign_lanes(start, end)
    lane = np.empty(len(order), np.int32)
    lane[nested.order] = nested.depth
    # Intervals of no length nest in nothing, yet may share a lane with what surrounds them.
    return lane if _disjoint(start, end, lane) else assign_lanes(start, end)


def _disjoint(start: Times, end: Times, lane: NDArray[np.int32]) -> bool:
    order = np.lexsort((end, start, lane))
    same = lane[order][1:] == lane[order][:-1]
    return bool((start[order][1:] >= end[order][:-1])[same].all())


def _threads(idle: IdleReport, kind: str) -> Iterator[Track]:
    trace = idle.trace
    table: Table = getattr(trace, kind)
    end = np.minimum(table["end"], trace_end(trace)) if kind == "nvtx" else table["end"]
    keep = processes_of_device(idle)[trace.threads["process"][table["thread"]]] if table.rows else np.empty(0, np.bool_)
    if idle.selection is not None:
        keep &= runs_inside(table["start"], end, idle.selection)
    kept = np.flatnonzero(keep)
    for thread in np.unique(table["thread"][kept]):
        mine = kept[table["thread"][kept] == thread]
        ids = (int(trace.threads["process"][thread]), NONE, int(thread), NONE, NONE)
        for domain, rows in _by_domain(idle, mine) if kind == "nvtx" else [("", mine)]:
            yield replace(_laid_out(kind, ids, rows, table["start"][rows], end[rows], stacked_lanes), domain=domain)


@once
def _domains(idle: IdleReport) -> tuple[Indices, list[str]]:
    return told_domains(idle.trace)


def _by_domain(idle: IdleReport, rows: Indices) -> Iterator[tuple[str, Indices]]:
    """(name, its ranges) of each domain of some ranges, the default one first; all as one where the report has one."""
    of_range, names = _domains(idle)
    of_row = of_range[rows]
    for domain in sorted(distinct(of_row).tolist(), key=lambda domain: (names[domain] != DEFAULT, names[domain])):
        yield names[domain], rows[of_row == domain]


def _calls_by_device(idle: IdleReport) -> Iterator[tuple[int, NDArray[np.int32]]]:
    for device in idle.devices if idle.trace.nvtx.rows else []:
        yield device.device, np.where(idle.trace.ops["device"] == device.device, idle.calls, NONE).astype(np.int32)


def _projected(idle: IdleReport, device: int, calls: NDArray[np.int32]) -> Iterator[Track]:
    """NVTX ranges on the GPU: from the first start to the last end of the ops that a range launched on this device."""
    trace = idle.trace
    work = range_work(trace, calls)
    used = work.ops > 0
    if idle.selection is not None:
        used &= runs_inside(work.first, work.last, idle.selection)
    process = trace.threads["process"][trace.nvtx["thread"]]
    for process_row in np.unique(process[used]):
        ids = (int(process_row), device, NONE, NONE, NONE)
        for domain, rows in _by_domain(idle, np.flatnonzero(used & (process == process_row))):
            laid_out = _laid_out("projected", ids, rows, work.first[rows], work.last[rows], stacked_lanes)
            yield replace(laid_out, domain=domain)


def _near(trace: Trace, tracks: tuple[Track, ...]) -> tuple[tuple[Track, ...], tuple[Notice, ...]]:
    """Leave out what lies more than 26 days from the first op: beyond, page times would not be exact."""
    anchor = (
        int(trace.ops["start"][0]) if trace.ops.rows else next((int(t.start[0]) for t in tracks if len(t.start)), 0)
    )
    low, high = anchor - FARTHEST_NS, anchor + FARTHEST_NS
    near = [(track.start > low) & (track.end < high) for track in tracks]
    lost = sum(int((~inside).sum()) for inside in near)
    if not lost:
        return tracks, ()
    kept = tuple(track.take(inside) for track, inside in zip(tracks, near, strict=True))
    lie = counted(lost, "event lies", "events lie")
    said = f"{lie} more than 26 days away from the GPU's work (a damaged clock): not shown here."
    return kept, (Notice("warning", said),)


def _reduce(
    idle: IdleReport, tracks: tuple[Track, ...], top: int, limit: int
) -> tuple[Reduced, tuple[Track, ...], Indices]:
    """Keep what lies around the longest gaps, fewer of them until it fits."""
    while True:
        rows = np.sort(idle.gaps.longest(top))
        windows = surroundings(idle, rows)
        kept = tuple(track.take(_touches(track.start, track.end, windows)) for track in tracks)
        if top < 2 or sum(len(track.rows) for track in kept) <= limit:
            break
        top //= 2
    inside = _touches(idle.gaps.start, idle.gaps.end, windows)
    slices = sum(len(track.rows) for track in tracks)
    return Reduced(windows, len(rows), len(idle.gaps), tracks, slices), kept, np.flatnonzero(inside)


def _touches(start: Times, end: Times, windows: IntervalSet) -> NDArray[np.bool_]:
    first = np.searchsorted(windows.ends, start, side="right")
    known = first < len(windows.starts)
    touches = np.zeros(len(start), np.bool_)
    touches[known] = windows.starts[first[known]] < np.maximum(end, start + 1)[known]
    return touches


def run_facts(
    trace: Trace, command: str | None, started: str | None, target: Mapping[str, str]
) -> tuple[tuple[str, str], ...]:
    """What this run was, (label, text) in the order in which people ask; `target` describes the machine."""
    programs = dict.fromkeys(trace.name(int(name)) for name in trace.processes["name"])
    facts = (
        ("Program", command or ", ".join(name for name in programs if name)),
        ("GPU", ", ".join(dict.fromkeys(device.name for device in trace.devices if device.name))),
        ("Started", f"{started.replace('T', ' ')} UTC".replace("UTC UTC", "UTC") if started else ""),
        ("Recorded", f"{trace.duration_ns / 1e9:,.2f} s" if trace.duration_ns else ""),
        ("nsys", trace.nsys_version or ""),
        ("Driver", target.get("NvDriverVersion", "")),
        ("System", target.get("OsDescription", "")),
    )
    return tuple((label, text) for label, text in facts if text)
