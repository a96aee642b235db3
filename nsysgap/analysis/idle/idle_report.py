"""The whole answer for one report: idle time per GPU by cause, every gap, and what launching and waiting cost."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, wraps
from typing import TypeVar
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.idle.attribution import HIDDEN_AFTER_NS, Attribution, Onlooker, Pieces
from nsysgap.analysis.idle.gaps import DeviceGaps, device_gaps
from nsysgap.analysis.relations.graph_launches import GraphLaunches, graph_launches
from nsysgap.analysis.relations.launches import launch_calls
from nsysgap.analysis.relations.spans import stretches
from nsysgap.analysis.relations.syncs import Syncs, syncs
from nsysgap.analysis.relations.unqueued_latency import Latencies, latencies
from nsysgap.causes import PARTS
from nsysgap.cores import BESIDE_OPS, beside
from nsysgap.intervals import EMPTY, IntervalSet, covered_length, intersect, pieces, union_of
from nsysgap.tables import NONE, OP_KINDS, Trace

Indices = NDArray[np.intp]
Times = NDArray[np.int64]
Found = TypeVar("Found")
KEPT = 1_000  # the parts of so many of the longest gaps per GPU are kept: nearly all lists are shorter


@dataclass(frozen=True)
class DeviceIdle:
    """One GPU: window (ns), busy + idle = the window's length (of the selected time, if any), gaps, idle by part.

    `idle_by_part` and `gaps_by_cause` are int64 of shape (10,) in the order of PARTS: the sum of each part over all
    gaps in ns, and the number of gaps whose cause it is. `held`: of the part `queued` what lies in long stretches, ns.
    """

    device: int
    window: tuple[int, int]
    busy: int
    idle: int
    longest_gap: int
    idle_by_part: NDArray[np.int64]
    gaps_by_cause: NDArray[np.int64]
    held: int
    op_count: dict[str, int]

    @property
    def gap_count(self) -> int:
        """How many gaps there are."""
        return int(self.gaps_by_cause.sum())


@dataclass(frozen=True)
class Gaps:
    """All gaps of all GPUs, by device and start: arrays of shape (gaps,), times in ns.

    `gap_start`, `gap_end` are the whole gap's where a selection cut it; `after`, `before` are rows of ops (-1 none),
    `call` the row of api that launched the after-op (-1 none), `cause` an index into PARTS.
    """

    device: NDArray[np.int32]
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    gap_start: NDArray[np.int64]
    gap_end: NDArray[np.int64]
    after: NDArray[np.int32]
    before: NDArray[np.int32]
    call: NDArray[np.int32]
    cause: NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.start)

    @property
    def duration(self) -> NDArray[np.int64]:
        """The length of each gap, ns."""
        return self.end - self.start

    def longest(self, top: int | None = None, at_least: int = 0) -> Indices:
        """Numbers of the longest gaps: longest first, then by device and start; all of them for None."""
        duration = self.duration
        rows = np.flatnonzero(duration >= at_least) if at_least else np.arange(len(duration))
        if top is not None:
            rows = rows[_longest(duration[rows], top)]
        order = np.lexsort((self.start[rows], self.device[rows], -duration[rows]))
        return rows[order][:top]


class WholeTrace:
    """What every selection of a trace shares, worked out when first asked for."""

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self._attribution: Attribution | None = None

    @cached_property
    def calls(self) -> NDArray[np.int32]:
        """The row of api that launched each op, -1 for none."""
        return launch_calls(self.trace)

    def attribution(self, hidden_after_ns: int = HIDDEN_AFTER_NS) -> Attribution:
        """What cuts gaps, with what it knows of threads; of the length asked for last."""
        if self._attribution is None or self._attribution.hidden_after_ns != hidden_after_ns:
            self._attribution = Attribution(self.trace, self.calls, hidden_after_ns=hidden_after_ns)
        return self._attribution

    @cached_property
    def gaps(self) -> list[DeviceGaps]:
        """Busy time and gaps of every GPU."""
        return device_gaps(self.trace, self.calls)


class IdleReport:
    """Everything `nsysgap gaps` says about a report.

    Gaps, parts and after-ops are worked out on the whole trace; `selection`, or what `by_device` selects on each GPU
    (nothing on one that is not there), then cuts them: windows, busy and idle time are those inside it, and each
    stretch of a gap inside it counts as a gap. Ops count where they run inside it, calls where they run inside it.
    Latencies, graph launches and sync calls are worked out when first asked for, or with `all_at_once`, where there are
    many ops, beside the gaps on another core. `onlookers`, by device, learn the parts of the gaps on the way where they
    want the same.
    """

    def __init__(
        self,
        trace: Trace,
        *,
        selection: IntervalSet | None = None,
        by_device: Mapping[int, IntervalSet] | None = None,
        device: int | None = None,
        hidden_after_ns: int = HIDDEN_AFTER_NS,
        all_at_once: bool = False,
        whole: WholeTrace | None = None,
        onlookers: Mapping[int, Onlooker] | None = None,
    ) -> None:
        whole = self.whole = WholeTrace(trace) if whole is None else whole
        self.trace = trace
        self.selection = union_of(*by_device.values()) if by_device is not None else selection
        self.by_device = by_device
        self.calls = whole.calls
        self.attribution = whole.attribution(hidden_after_ns)
        self.only_device = device
        self._onlookers = onlookers or {}
        chosen = [gaps for gaps in whole.gaps if device is None or gaps.device == device]
        self.devices: list[DeviceIdle] = []
        self._kept: list[tuple[Indices, NDArray[np.int64]]] = []  # parts of the longest gaps of each GPU
        with beside(self._latencies_and_syncs, worth_it=all_at_once and trace.ops.rows >= BESIDE_OPS):
            cut = [self._cut(gaps) for gaps in chosen]
        parts = [part for part in cut if part is not None]
        self.gaps = _concatenated(parts)
        offsets = np.cumsum([0, *(len(part) for part in parts)])
        self._kept_rows = np.concatenate(
            [[0][:0], *(keep + at for (keep, _), at in zip(self._kept, offsets, strict=False))]
        )
        self._kept_parts = np.concatenate([np.empty((0, len(PARTS)), np.int64), *(kept for _, kept in self._kept)])

    def _latencies_and_syncs(self) -> None:
        """Work out what shares nothing with the gaps; what fails fails again, and is told, where it is asked for."""
        _ = self.latencies.summary, self.syncs.summary

    def _cut(self, whole: DeviceGaps) -> Gaps | None:
        window = IntervalSet(np.array([whole.window[0]]), np.array([whole.window[1]]))
        start, end = whole.start, whole.end
        rows: Indices | slice = slice(0, len(start))
        selected = self.selected_on(whole.device)
        if selected is not None:
            window = intersect(window, selected)
            start, end, rows = _selected(whole, selected)
            if not len(window.starts):
                return None
        gap_start = whole.start[rows]
        part = Pieces(start, end, whole.end[rows], whole.after[rows])
        keep = np.sort(_longest(end - start, KEPT))
        sums, cause, kept = self.attribution.totals(part, keep, self._onlookers.get(whole.device))
        self._kept.append((keep, kept))
        busy = int(covered_length(whole.busy, window.starts, window.ends).sum())
        self.devices.append(
            DeviceIdle(
                device=whole.device,
                window=(int(window.starts[0]), int(window.ends[-1])),
                busy=busy,
                idle=window.total - busy,
                longest_gap=int((end - start).max(initial=0)),
                idle_by_part=sums,
                gaps_by_cause=np.bincount(cause, minlength=len(PARTS)),
                held=int(self.attribution.held(part, gap_start).sum()),
                op_count=self._op_count(whole.device),
            )
        )
        call = np.full(len(start), NONE, np.int32)
        known = np.flatnonzero(part.after != NONE)
        call[known] = self.calls[part.after[known]]
        device = np.broadcast_to(np.int32(whole.device), len(start))
        return Gaps(device, start, end, gap_start, part.gap_end, part.after, whole.before[rows], call, cause)

    def _op_count(self, device: int) -> dict[str, int]:
        kind = self.trace.ops["kind"][self.selected_ops(device)]
        numbers = np.bincount(kind, minlength=len(OP_KINDS))
        return {name: int(number) for name, number in zip(OP_KINDS, numbers, strict=True)}

    def selected_ops(self, device: int | None = None) -> Indices:
        """Rows of the ops that run inside the selection (a zero-length op: begins inside), of one GPU if given."""
        ops = self.trace.ops
        if self.by_device is not None and device is None:
            rows = [self.selected_ops(gpu) for gpu in ops.distinct("device").tolist()]
            return rows[0] if len(rows) == 1 else np.sort(np.concatenate([np.empty(0, np.intp), *rows]))
        inside = np.ones(ops.rows, np.bool_) if device is None else ops["device"] == device
        selected = self.selection if device is None else self.selected_on(device)
        if selected is not None:
            inside &= runs_inside(ops["start"], ops["end"], selected)
        return np.flatnonzero(inside)

    def selected_on(self, device: int) -> IntervalSet | None:
        """The time selected on a GPU, None for all of it."""
        return self.selection if self.by_device is None else self.by_device.get(device, EMPTY)

    def _repr_html_(self) -> str:
        """The idle time per GPU as a notebook shows it. Names are escaped."""
        from nsysgap.analysis.idle.dataframes import idle_frame

        return idle_frame(self).to_html(index=False, escape=True) if self.devices else "<p>no GPU work</p>"

    def parts(self, rows: Indices) -> NDArray[np.int64]:
        """The ten parts of the gaps with these numbers, ns: int64 of shape (rows, 10)."""
        gaps = self.gaps
        position = np.searchsorted(self._kept_rows, rows)
        if len(rows) <= KEPT and (position < len(self._kept_rows)).all() and (self._kept_rows[position] == rows).all():
            return self._kept_parts[position]
        return self.attribution.parts(Pieces(gaps.start[rows], gaps.end[rows], gaps.gap_end[rows], gaps.after[rows]))

    def gaps_by_cause(self) -> dict[str, int]:
        """How many gaps have each cause, over all GPUs."""
        numbers = np.bincount(self.gaps.cause, minlength=len(PARTS))
        return {name: int(number) for name, number in zip(PARTS, numbers, strict=True)}

    @cached_property
    def latencies(self) -> Latencies:
        """Launch latency of the selected ops that single calls launched."""
        whole = self.selection is None and self.only_device is None
        return latencies(self.trace, self.calls, None if whole else self.selected_ops(self.only_device))

    @cached_property
    def graph_launches(self) -> GraphLaunches:
        """The graph launches whose first op is selected."""
        launches = graph_launches(self.trace, self.calls)
        if self.selection is None and self.only_device is None:
            return launches
        return launches.take(np.flatnonzero(np.isin(launches.first_op, self.selected_ops(self.only_device))))

    @cached_property
    def syncs(self) -> Syncs:
        """The synchronising calls that run inside the selection. They belong to no GPU: --device keeps them all."""
        all_syncs = syncs(self.trace, self.calls)
        if self.selection is None:
            return all_syncs
        api = self.trace.api
        return all_syncs.take(
            np.flatnonzero(runs_inside(api["start"][all_syncs.call], api["end"][all_syncs.call], self.selection))
        )


def _selected(whole: DeviceGaps, selected: IntervalSet) -> tuple[Times, Times, Indices | slice]:
    """(starts, ends, the gap of each) of what is selected of gaps; views of the gaps where it is some of them whole."""
    if len(selected.starts) == 1:
        return _selected_at_once(whole, int(selected.starts[0]), int(selected.ends[0]))
    start, end, rows = pieces(whole.start, whole.end, selected)
    if len(rows) and rows[-1] - rows[0] == len(rows) - 1 and (rows[1:] > rows[:-1]).all():
        some = slice(int(rows[0]), int(rows[-1]) + 1)
        if (start == whole.start[some]).all() and (end == whole.end[some]).all():
            start, end = whole.start[some], whole.end[some]
        return start, end, some
    return start, end, rows


def _selected_at_once(whole: DeviceGaps, low: int, high: int) -> tuple[Times, Times, slice]:
    """`_selected` of [low, high): gaps follow each other, so that only the first and the last of them may be cut."""
    some = slice(int(np.searchsorted(whole.end, low, side="right")), int(np.searchsorted(whole.start, high)))
    start, end = whole.start[some], whole.end[some]
    if len(start) and start[0] < low:
        start = np.concatenate(([low], start[1:]))
    if len(end) and end[-1] > high:
        end = np.concatenate((end[:-1], [high]))
    return start, end, some


def _longest(duration: NDArray[np.int64], top: int) -> Indices:
    """Positions of at least the `top` longest: all that tie with the last of them are there too."""
    if top >= len(duration):
        return np.arange(len(duration))
    least = np.partition(duration, len(duration) - max(top, 1))[len(duration) - max(top, 1)]
    return np.flatnonzero(duration >= least)


def once(make: Callable[[IdleReport], Found]) -> Callable[[IdleReport], Found]:
    """`make`, worked out once for each IdleReport and kept as long as that."""
    known: WeakKeyDictionary[IdleReport, Found] = WeakKeyDictionary()

    @wraps(make)
    def kept(idle: IdleReport) -> Found:
        if idle not in known:
            known[idle] = make(idle)
        return known[idle]

    return kept


def runs_inside(start: NDArray[np.int64], end: NDArray[np.int64], selection: IntervalSet) -> NDArray[np.bool_]:
    """Whether each [start, end) overlaps the selection; an empty one: whether its moment lies inside."""
    inside = np.empty(len(start), np.bool_)
    for some in stretches(len(start)):
        shown = np.maximum(end[some], start[some] + 1)
        begun, over = np.searchsorted(selection.starts, shown), np.searchsorted(selection.ends, start[some], "right")
        inside[some] = begun > over
    return inside


def _concatenated(parts: list[Gaps]) -> Gaps:
    if len(parts) == 1:
        return parts[0]
    if not parts:
        none, rows = np.empty(0, np.int64), np.empty(0, np.int32)
        return Gaps(rows, *(none,) * 4, *(rows,) * 3, none.astype(np.int8))
    columns = {name: np.concatenate([getattr(part, name) for part in parts]) for name in _columns(parts)}
    whole = {"gap_start": columns["start"], "gap_end": columns["end"]}  # where no selection cut any
    return Gaps(**{**whole, **columns})


def _columns(parts: list[Gaps]) -> list[str]:
    """The columns that are not those of another name."""
    uncut = {
        f"gap_{name}"
        for name in ("start", "end")
        if all((getattr(part, f"gap_{name}") == getattr(part, name)).all() for part in parts)
    }
    return [name for name in Gaps.__dataclass_fields__ if name not in uncut]
