"""A whole report as a trace viewer shows it: the slices, arrows and counters of `nsysgap to-chrome` and `view`.

Categories and args carry the names that PyTorch's profiler (Kineto) gives them, so that tools for PyTorch's traces read
them. Slices are made chunk by chunk when a renderer asks for them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.idle.idle_report import IdleReport, runs_inside
from nsysgap.analysis.idle.untraced import untraced_pieces
from nsysgap.analysis.pictures.arrows import EventEnds, event_ends, event_flows, launch_flows
from nsysgap.analysis.pictures.counters import counters, memory_counters, metric_counters
from nsysgap.analysis.pictures.kept_rows import Cut, Kept, closed_ends, keep
from nsysgap.analysis.pictures.trace_ops import OpSlices
from nsysgap.analysis.pictures.trace_options import Extras, Show
from nsysgap.analysis.pictures.trace_samples import SampleSlices
from nsysgap.analysis.pictures.trace_steps import MarkedSteps, inside_steps, marked_steps
from nsysgap.analysis.pictures.trace_syncs import cuda_syncs, sync_slices
from nsysgap.analysis.pictures.trace_texts import Namer
from nsysgap.analysis.pictures.trace_tracks import (
    UNPLACED,
    Layout,
    begin_together,
    lanes_by_thread,
    stream_tracks,
    thread_tracks,
)
from nsysgap.analysis.relations.captures import captured_calls, captures, launches_of_captures
from nsysgap.analysis.relations.ranges import range_work, trace_end
from nsysgap.analysis.schedule.path_rows import PARTS as PATH_PARTS
from nsysgap.analysis.schedule.path_slices import PathSlices
from nsysgap.causes import PARTS
from nsysgap.tables import NONE, OPEN_END, Table, names_launch
from nsysgap.tracks import FLOW_LAUNCH, Arg, Counter, Flow, Slices, Source, Texts, Viewed
from nsysgap.units import counted

Times = NDArray[np.int64]
Rows = NDArray[np.int32]
MOST_EXACT_NS = 1 << 50  # a viewer keeps times as doubles: beyond 13 days a microsecond's third decimal gets lost


class View:
    """Works out tracks, arrows and sources once; `viewed` gives what a renderer writes."""

    def __init__(self, idle: IdleReport, extras: Extras, cut: Cut | None = None, show: Show | None = None) -> None:
        """`idle` must be of the whole report: no selection, no device."""
        self.idle, self.trace, self.extras = idle, idle.trace, extras
        self.cut, self.show = cut or Cut(), show or Show()
        self.kept: Kept = keep(self.trace, idle.calls, self.cut)
        self.captures = captures(self.trace)
        self.captured = captured_calls(self.trace, idle.calls, self.captures)
        self.launches_of_captures = launches_of_captures(self.trace, self.captures, self.captured)
        self.layout = Layout()
        self.names = Namer(self.trace, extras, demangled=self.show.demangled)
        show = self.show
        self.flows = launch_flows(
            self.trace, idle.calls, self.kept, all_nodes=show.all_nodes, by_correlation=show.for_pytorch
        )
        self.sources: list[Source] = []
        self._reserve_groups()
        self.op_tracks = stream_tracks(self.layout, self.trace, self.kept.ops)
        self.nvtx_ends = closed_ends(self.trace, trace_end(self.trace))
        self.stacks = thread_tracks(self.layout, self.trace, self.kept, self.nvtx_ends)
        stacks, full = self.extras.stacks, self.show.full
        self.samples = None if stacks is None else SampleSlices(self.trace, stacks, self.cut, full=full)
        self.event_ends = self._event_ends()
        self._threads()
        self._ops()
        if not self.cut.kernels_only:
            self._gaps()
            self._projected()
            self._syncs()
            self._cuda_syncs()
            self._paths()
        if self.samples is not None:
            self.sources += self.samples.sources(self.layout)

    def _reserve_groups(self) -> None:
        """GPUs first: their pids are their numbers, whatever process has that one too."""
        sampled = [table["device"] for table in (self.extras.memory, self.extras.metrics) if table is not None]
        devices = np.unique(np.concatenate([self.trace.ops["device"][self.kept.ops], *sampled]))
        for device in devices.tolist():
            if self.cut.device in (None, device):
                self.layout.gpu(self.trace, device)

    def viewed(self, facts: dict[str, Any] | None = None) -> Viewed:
        """Everything, to be written; `facts` are added to otherData."""
        zero = self._zero()
        noted: dict[str, Any] = {"time_zero_ns": zero, "session_start_utc_ns": self.extras.session_start}
        if self.flows.backwards:
            singular, many = "op ended before its launch call began", "ops ended before their launch calls began"
            noted["flows_left_out"] = counted(self.flows.backwards, singular, many)
        return Viewed(
            groups=tuple(self.layout.groups),
            tracks=tuple(self.layout.tracks),
            sources=tuple(source for source in self.sources if source.count),
            counters=self._counters if self.show.counters and not self.cut.kernels_only else lambda: (),
            zero=zero,
            facts={**noted, **(facts or {})},
            gpus=tuple(self._gpu(group.gpu) for group in self.layout.groups if group.gpu is not None),
        )

    def _gpu(self, number: int) -> dict[str, Any]:
        device = self.trace.device(number)
        properties = {
            "id": number,
            "which": device.which,
            "name": device.name,
            "totalGlobalMem": device.total_memory,
            "numSms": device.sm_count,
        }
        return {key: value for key, value in properties.items() if value is not None}

    def _zero(self) -> int:
        """The first kept moment where times are negative or too large for a double, else the session's start."""
        tables = [(getattr(self.trace, name), getattr(self.kept, name)) for name in Kept.__dataclass_fields__]
        starts = [int(table["start"][rows].min()) for table, rows in tables if len(rows)]
        first, last = min(starts, default=0), trace_end(self.trace)
        samples = [table["time"] for table in (self.extras.memory, self.extras.metrics) if table is not None]
        first = min([first, *(int(time.min()) for time in samples if len(time))])
        sampled = None if self.samples is None else self.samples.first()
        first = first if sampled is None else min(first, sampled)
        return first if first < 0 or last > MOST_EXACT_NS else 0

    def _threads(self) -> None:
        """NVTX ranges, calls, OS calls and the profiler's work: outer ones first where moments are shared."""
        track, shared = self.stacks.track, self.stacks.shared
        self._ranges(track["nvtx"], shared["nvtx"])
        for name, category in (("osrt", "os_runtime"), ("overhead", "profiler_overhead")):
            self._add_spans(category, getattr(self.trace, name), getattr(self.kept, name), track[name], shared[name])
        driver = self.names.are_driver_calls(self.trace.api["name"][self.kept.api])
        self._add_api("cuda_runtime", np.flatnonzero(~driver))
        self._add_api("cuda_driver", np.flatnonzero(driver))

    def _ranges(self, track: Rows, shared: NDArray[np.bool_]) -> None:
        """NVTX ranges: those of the main loop's iterations and what they hold as ops, with a step around each."""
        nvtx, loops = self.trace.nvtx, self.extras.loops
        stack = self.kept.nvtx[~nvtx["start_end"][self.kept.nvtx]]
        crossing = self.kept.nvtx[nvtx["start_end"][self.kept.nvtx]]
        spans = (nvtx["start"][crossing], self.nvtx_ends[crossing])
        lanes = lanes_by_thread(self.layout, self.trace, nvtx["thread"][crossing], spans, "NVTX start/end")
        steps = marked_steps(self.trace, loops, self.kept.nvtx)
        tied = shared | np.isin(stack, steps.row)
        ops = inside_steps(self.trace, loops, stack)
        for category, mine in (("user_annotation", np.flatnonzero(~ops)), ("cpu_op", np.flatnonzero(ops))):
            self._add_nvtx(stack[mine], track[mine], tied[mine], category)
        self._add_nvtx(crossing, lanes, begin_together(nvtx["start"][crossing]) | np.isin(crossing, steps.row))
        track_of = np.empty(nvtx.rows, np.int32)
        track_of[stack], track_of[crossing] = track, lanes
        self._add_steps(steps, track_of[steps.row])

    def _add_steps(self, steps: MarkedSteps, track: Rows) -> None:
        nvtx = self.trace.nvtx

        def make(low: int, high: int) -> Slices:
            part, number = steps.row[low:high], steps.number[low:high]
            name = Texts(np.arange(len(part)), [f"ProfilerStep#{step}" for step in number.tolist()])
            start, end, tied = nvtx["start"][part], nvtx["end"][part], np.ones(len(part), np.bool_)
            return Slices("user_annotation", name, start, end, track[low:high], tied=tied)

        self.sources.append(Source("user_annotation", len(steps.row), make))

    def _add_spans(self, category: str, table: Table, rows: Rows, track: Rows, tied: NDArray[np.bool_]) -> None:
        def make(low: int, high: int) -> Slices:
            part = rows[low:high]
            name = self.names.plain(table["name"][part])
            return Slices(
                category, name, table["start"][part], table["end"][part], track[low:high], tied=tied[low:high]
            )

        self.sources.append(Source(category, len(rows), make))

    def _add_nvtx(self, rows: Rows, track: Rows, tied: NDArray[np.bool_], category: str = "user_annotation") -> None:
        nvtx = self.trace.nvtx

        def make(low: int, high: int) -> Slices:
            part = rows[low:high]
            args = self._nvtx_args(part)
            if category == "cpu_op":  # readers of ops expect args: Kineto's number of the event
                args = (*args, Arg("Ev Idx", part.astype(np.int64)))
            name = self.names.plain(nvtx["name"][part])
            start, end = nvtx["start"][part], self.nvtx_ends[part]
            return Slices(category, name, start, end, track[low:high], args, tied=tied[low:high])

        self.sources.append(Source(category, len(rows), make))

    def _nvtx_args(self, rows: Rows) -> tuple[Arg, ...]:
        nvtx, threads = self.trace.nvtx, self.trace.threads
        moved = (nvtx["end_thread"][rows] != NONE) & (nvtx["end_thread"][rows] != nvtx["thread"][rows])
        end_tid = threads["tid"][np.maximum(nvtx["end_thread"][rows], 0)]
        args = [
            Arg("domain", *self.names.domains(rows)),
            Arg("open", np.ones(len(rows), np.int64), nvtx["end"][rows] == OPEN_END),
            Arg("end thread", end_tid, moved),
        ]
        if self.show.full:
            args.append(Arg("color", *self.names.colors(nvtx["color"][rows])))
        return tuple(args)

    def _add_api(self, category: str, mine: NDArray[np.intp]) -> None:
        api = self.trace.api
        rows, track, shared = self.kept.api[mine], self.stacks.track["api"][mine], self.stacks.shared["api"][mine]
        events, captured = self.event_ends, self.captured

        def make(low: int, high: int) -> Slices:
            part, together = rows[low:high], shared[low:high]
            start, correlation = api["start"][part], api["correlation"][part]
            args = [
                Arg("correlation", correlation, correlation != 0),
                Arg("failed", np.ones(len(part), np.int64), api["failed"][part]),
                Arg("captured into a graph", np.ones(len(part), np.int64), captured[part]),
                *self._ends_of_captures(part),
            ]
            launching = np.where(self.flows.starts[part], self.flows.of_calls(part), 0)
            several = self.flows.fan
            pair, more = (None, None) if several is None else several.of(part)
            # Tools for PyTorch know arrows that are events of their own only, never those bound to their slice.
            bound = together & (not self.show.for_pytorch)
            flows = [Flow(FLOW_LAUNCH, True, launching, start, bound, pair, more)]
            flows += [] if events is None else events.of_calls(part, start)
            name, end = self.names.plain(api["name"][part]), api["end"][part]
            if self.show.for_pytorch and category == "cuda_driver":
                name, renamed = self.names.runtime_launches(name, self.flows.starts[part])
                args.append(Arg("driver call", self.names.plain(api["name"][part]), renamed))
            return Slices(category, name, start, end, track[low:high], tuple(args), tuple(flows), together)

        self.sources.append(Source(category, len(rows), make))

    def _ends_of_captures(self, part: NDArray[Any]) -> list[Arg]:
        """What a capture recorded and how long it took, on the call that ended it."""
        ends = self.captures.end
        if not len(ends):
            return []
        order = np.argsort(ends)
        capture = order[np.minimum(np.searchsorted(ends, part, sorter=order), len(ends) - 1)]
        here = ends[capture] == part
        figures = {"captured launches": self.launches_of_captures, "capture took ns": self.captures.duration}
        return [Arg(name, values[capture], here) for name, values in figures.items()]

    def _event_ends(self) -> EventEnds | None:
        flows = event_flows(self.trace, self.kept)
        if not len(flows.record):
            return None
        shared = np.zeros(self.trace.api.rows, np.bool_)
        shared[self.kept.api] = self.stacks.shared["api"]
        launches = self.flows.fan
        return event_ends(flows, shared, 2 * self.trace.api.rows + 1 if launches is None else launches.last)

    def _ops(self) -> None:
        shared = np.zeros(self.trace.api.rows + 1, np.bool_)  # the last element stands for "no call"
        shared[self.kept.api] = self.stacks.shared["api"] & (not self.show.for_pytorch)
        slices = OpSlices(self.idle, self.extras, self.names, self.flows, shared, self.show)
        self.sources += slices.sources(self.kept.ops, self.op_tracks)

    def _gaps(self) -> None:
        gaps = self.idle.gaps
        rows = np.arange(len(gaps))
        if self.cut.device is not None:
            rows = rows[gaps.device == self.cut.device]
        if self.cut.time is not None:
            rows = rows[runs_inside(gaps.start[rows], gaps.end[rows], self.cut.time)]
        track = np.empty(len(rows), np.int32)
        for device in np.unique(gaps.device[rows]).tolist():
            group = self.layout.gpu(self.trace, device)
            track[gaps.device[rows] == device] = self.layout.add_track(group, UNPLACED, "Idle gaps")
        untraced = untraced_pieces(self.idle)
        track_of_gap = np.full(len(gaps), NONE, np.int32)
        track_of_gap[rows] = track
        hidden = np.flatnonzero(track_of_gap[untraced.gap] != NONE)
        starts = np.unique(untraced.start[hidden])

        def make(low: int, high: int) -> Slices:
            part = rows[low:high]
            start = gaps.start[part]
            name = Texts(gaps.cause[part], PARTS)
            tied = np.isin(start, starts) if len(starts) else np.zeros(len(part), np.bool_)
            return Slices("gpu_idle", name, start, gaps.end[part], track[low:high], self._gap_args(part), tied=tied)

        def make_hidden(low: int, high: int) -> Slices:
            part = hidden[low:high]
            start, end = untraced.start[part], untraced.end[part]
            name = Texts(np.zeros(len(part), np.int32), ("untraced",))
            tied = np.ones(len(part), np.bool_)
            return Slices("untraced", name, start, end, track_of_gap[untraced.gap[part]], tied=tied)

        self.sources.append(Source("gpu_idle", len(rows), make))
        self.sources.append(Source("untraced", len(hidden), make_hidden))

    def _gap_args(self, rows: NDArray[np.intp]) -> tuple[Arg, ...]:
        gaps, ops = self.idle.gaps, self.trace.ops
        parts = self.idle.parts(rows)
        args = [Arg(f"{part} (ns)", parts[:, i], parts[:, i] != 0, "parts") for i, part in enumerate(PARTS)]
        after, call = gaps.after[rows], gaps.call[rows]
        correlation = ops["correlation"][after]  # row -1, the last, where there is none: not shown
        args.append(Arg("after", self.names.ops(after), after != NONE))
        args.append(Arg("launched by", self.names.calls(call), call != NONE))
        args.append(Arg("after correlation", correlation, (after != NONE) & names_launch(correlation)))
        if self.show.full:
            args.append(Arg("before", self.names.ops(gaps.before[rows]), gaps.before[rows] != NONE))
        return tuple(args)

    def _projected(self) -> None:
        """NVTX ranges on the GPU: from the first to the last op launched inside, per GPU and thread."""
        nvtx, ops = self.trace.nvtx, self.trace.ops
        if not len(self.kept.nvtx):
            return
        for device in np.unique(ops["device"][self.kept.ops]).tolist():
            calls = np.where(ops["device"] == device, self.idle.calls, np.int32(NONE))
            work = range_work(self.trace, calls)
            rows = self.kept.nvtx[work.ops[self.kept.nvtx] > 0]
            spans = (work.first[rows], work.last[rows])
            track = lanes_by_thread(self.layout, self.trace, nvtx["thread"][rows], spans, "NVTX on the GPU", device)
            self._add_projected(rows, track, work.first, work.last, work.ops)

    def _add_projected(self, rows: Rows, track: Rows, first: Times, last: Times, count: Times) -> None:
        tied = begin_together(first[rows])

        def make(low: int, high: int) -> Slices:
            part = rows[low:high]
            args = (Arg("ops", count[part]), *self._nvtx_args(part)[:1])
            name = self.names.plain(self.trace.nvtx["name"][part])
            start, end = first[part], last[part]
            return Slices("gpu_user_annotation", name, start, end, track[low:high], args, tied=tied[low:high])

        self.sources.append(Source("gpu_user_annotation", len(rows), make))

    def _syncs(self) -> None:
        """How long synchronising calls waited for the GPU, and their tails after it had finished."""
        syncs = self.idle.syncs
        kept = np.zeros(self.trace.api.rows, np.bool_)
        kept[self.kept.api] = True
        rows = np.flatnonzero(syncs.waited & kept[syncs.call])
        begin, leave = self.trace.api["start"][syncs.call[rows]], self.trace.api["end"][syncs.call[rows]]
        done = np.minimum(syncs.finished[rows], leave)
        start, end = np.column_stack((begin, done)).ravel(), np.column_stack((done, leave)).ravel()
        call, tail = np.repeat(syncs.call[rows], 2), np.tile(np.array([0, 1], np.int8), len(rows))
        some = np.flatnonzero(end > start)
        start, end, call, tail = start[some], end[some], call[some], tail[some]
        thread = self.trace.api["thread"][call]
        track = lanes_by_thread(self.layout, self.trace, thread, (start, end), "waits")
        tied = begin_together(start)

        def make(low: int, high: int) -> Slices:
            piece = slice(low, high)
            name = Texts(tail[piece], ("waiting for the GPU", "sync tail"))
            args = (Arg("call", self.names.calls(call[piece])),)
            return Slices("sync", name, start[piece], end[piece], track[piece], args, tied=tied[piece])

        self.sources.append(Source("sync", len(start), make))

    def _cuda_syncs(self) -> None:
        """What was waited for, on the GPU: a track per thread that waited."""
        spans, api = self.extras.syncs, self.trace.api
        if spans is None or not spans.rows:
            return
        kept = np.zeros(api.rows, np.bool_)
        kept[self.kept.api] = True
        device = spans["device"]
        waits = cuda_syncs(self.trace, spans, kept, np.isin(device, np.unique(self.trace.ops["device"][self.kept.ops])))
        track, thread = np.empty(len(waits.call), np.int32), api["thread"][waits.call]
        for gpu in np.unique(device[waits.record]).tolist():
            mine = np.flatnonzero(device[waits.record] == gpu)
            times = (waits.start[mine], waits.end[mine])
            track[mine] = lanes_by_thread(self.layout, self.trace, thread[mine], times, "CUDA syncs", gpu)

        def make(low: int, high: int) -> Slices:
            return sync_slices(self.trace, waits, slice(low, high), device, track)

        self.sources.append(Source("cuda_sync", len(waits.call), make))

    def _paths(self) -> None:
        """The critical path of each process, where it was asked for."""
        for path in self.extras.paths:
            rows = np.arange(len(path.start), dtype=np.int32)
            if self.cut.time is not None:
                rows = rows[runs_inside(path.start, path.end, self.cut.time)]
            group = self.layout.process(self.trace, path.process)
            track = np.full(len(rows), self.layout.add_track(group, UNPLACED, "critical path"), np.int32)
            self.sources.append(Source("critical_path", len(rows), _path_maker(path, rows, track)))

    def _counters(self) -> Iterator[Counter]:
        copies = self.names.copy_directions()
        yield from counters(self.layout, self.idle, self.kept, self.extras.copied, self.op_tracks, copies)
        if self.extras.memory is not None:
            yield from memory_counters(self.layout, self.trace, self.extras.memory, self.extras.memory_kinds, self.cut)
        if self.extras.metrics is not None:
            yield from metric_counters(self.layout, self.trace, self.extras.metrics, self.cut)


def _path_maker(path: PathSlices, rows: Rows, track: Rows) -> Callable[[int, int], Slices]:
    def make(low: int, high: int) -> Slices:
        part = rows[low:high]
        args = (Arg("part", Texts(path.part[part], PATH_PARTS)),)
        name = Texts(path.name[part], path.texts)
        return Slices("critical_path", name, path.start[part], path.end[part], track[low:high], args)

    return make
