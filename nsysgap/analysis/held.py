"""What held launched ops back: host callbacks, other engines of the GPU, whatever the report records beside ops."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nsysgap.activities import CONTEXT, ENGINES, HOST_CALLBACK
from nsysgap.analysis.idle.attribution import Pieces
from nsysgap.analysis.idle.idle_report import DeviceIdle, IdleReport
from nsysgap.analysis.idle.untraced import untraced_pieces
from nsysgap.analysis.relations.calls import GRAPH_LAUNCHES
from nsysgap.arrays import combined_codes, distinct, is_any
from nsysgap.causes import UNTRACED
from nsysgap.intervals import EMPTY, IntervalSet, covered_length, union, union_of
from nsysgap.tables import GRAPH, KERNEL, NO_GRAPH_NODE, NONE, Notice, Table, Trace
from nsysgap.units import counted, duration, percent

Times = NDArray[np.int64]
UNNAMED = "(nothing that the report records)"
HIDDEN_GRAPH_WORK = "(a graph's work that is not recorded, such as later iterations of a WHILE node)"
FIRST_RUN = "(the first run of its kernel: its code may have been uploaded)"
BATCHED = "(Windows: WDDM may have batched the launches)"


@dataclass(frozen=True)
class Holder:
    """What held ops back: a name, for how long in all (ns), in how many gaps, the longest; `on_gpu`: it is work of the
    GPU itself, or may be, so that the GPU was not idle."""

    name: str
    held: int
    gaps: int
    longest: int
    on_gpu: bool


def holders(idle: IdleReport, device: int | None = None) -> list[Holder]:
    """Every holder of held stretches, of one GPU if given, the longest in all first; they sum to `held_ns`."""
    if device is None:
        return _in_order(_summed([holder for gpu in idle.devices for holder in holders(idle, gpu.device)]))
    rows, stretches = _held_stretches(idle, device)
    left, recorded = stretches.length.copy(), []
    for name, share, on_gpu in _recorded(idle.trace, device, stretches):
        left -= share
        recorded.append(_holder(name, share, on_gpu=on_gpu))
    return _in_order(holder for holder in [*recorded, *_guessed(idle, rows, left)] if holder.held)


class _Stretches(NamedTuple):
    """Held stretches of gaps: arrays of shape (stretches,), ns; `after` is the op that was held, a row of ops."""

    start: Times
    end: Times
    after: NDArray[np.int32]

    @property
    def length(self) -> Times:
        """How long each was, ns."""
        return self.end - self.start


def _held_stretches(idle: IdleReport, device: int) -> tuple[NDArray[np.intp], _Stretches]:
    """(the numbers of a GPU's gaps that have a held stretch, those stretches); a stretch ends its gap."""
    gaps = idle.gaps
    held = idle.attribution.held(Pieces(gaps.start, gaps.end, gaps.gap_end, gaps.after), gaps.gap_start)
    rows = np.flatnonzero(held * (gaps.device == device))
    return rows, _Stretches(gaps.end[rows] - held[rows], gaps.end[rows], gaps.after[rows])


@dataclass(frozen=True)
class HeldMarks:
    """The held stretches of a GPU, by start: [start, end) in ns, and which of `names` held each longest, -1 where the
    report records nothing that did."""

    device: int
    start: Times
    end: Times
    holder: NDArray[np.int64]
    names: tuple[str, ...]


def held_marks(idle: IdleReport) -> list[HeldMarks]:
    """The held stretches of every GPU that has some."""
    marks = []
    for device in (gpu.device for gpu in idle.devices if gpu.held):
        _, held = _held_stretches(idle, device)
        recorded = list(_recorded(idle.trace, device, held))
        shares = np.column_stack([np.zeros(len(held.start), np.int64), *(share for _, share, _ in recorded)])
        names = tuple(name for name, _, _ in recorded)
        marks.append(HeldMarks(device, held.start, held.end, shares.argmax(axis=1) - 1, names))
    return marks


def _in_order(unordered: Iterable[Holder]) -> list[Holder]:
    return sorted(unordered, key=lambda holder: (-holder.held, holder.name))


def _summed(of_gpus: list[Holder]) -> Iterator[Holder]:
    """One holder per name, of all GPUs."""
    for name in {holder.name: None for holder in of_gpus}:
        same = [holder for holder in of_gpus if holder.name == name]
        held, gaps = sum(holder.held for holder in same), sum(holder.gaps for holder in same)
        yield Holder(name, held, gaps, max(holder.longest for holder in same), same[0].on_gpu)


def _holder(name: str, share: Times, *, on_gpu: bool) -> Holder:
    return Holder(name, int(share.sum()), int((share > 0).sum()), int(share.max(initial=0)), on_gpu)


def _recorded(trace: Trace, device: int, held: _Stretches) -> Iterator[tuple[str, Times, bool]]:
    """(name, its share of each stretch, whether it is work of the GPU) of all that the report names.

    Where several hold at once the first one counts: host callbacks, other engines of the GPU, other contexts.
    """
    seen, covered = EMPTY, np.zeros(len(held.start), np.int64)
    for name, when, on_gpu in [*_callbacks(trace), *((*engine, True) for engine in _engines(trace, device))]:
        seen, before = union_of(seen, when), covered
        covered = covered_length(seen, held.start, held.end)
        yield name, covered - before, on_gpu
    for name, when, theirs in _contexts(trace, device, held):
        share = covered_length(union_of(seen, when), held.start, held.end) - covered
        yield name, np.where(theirs, share, 0), True


def _by(table: Table, kind: int, first: str, second: str) -> Iterator[tuple[tuple[int, int], NDArray[np.intp]]]:
    """The rows of one kind of activities, by the values of two columns."""
    rows = np.flatnonzero(table["kind"] == kind)
    keys, index = np.unique(np.column_stack((table[first], table[second]))[rows], axis=0, return_inverse=True)
    for number, (value, other) in enumerate(keys.tolist()):
        yield (value, other), rows[index.reshape(-1) == number]


def _callbacks(trace: Trace) -> Iterator[tuple[str, IntervalSet, bool]]:
    """(name, when, False) of each function that streams waited for, by thread."""
    table = trace.activities
    if table is not None:
        for (name, thread), rows in _by(table, HOST_CALLBACK, "name", "thread"):
            yield _callback(trace, name, thread), union(table["start"][rows], table["end"][rows]), False


def _engines(trace: Trace, device: int) -> Iterator[tuple[str, IntervalSet]]:
    """(name, when) of other work of a GPU; what is of no known GPU counts for each."""
    table = trace.activities
    if table is None:
        return
    for kind in ENGINES:
        for (name, of), rows in _by(table, kind, "name", "device"):
            if of in (device, NONE):
                yield trace.name(name), union(table["start"][rows], table["end"][rows])


def _contexts(trace: Trace, device: int, held: _Stretches) -> Iterator[tuple[str, IntervalSet, NDArray[np.bool_]]]:
    """(name, when the GPU held it, of which stretches it is another) of each context of a GPU.

    An op's own context is the one that the GPU held when it began; where it held none, all of its process are.
    """
    table = trace.activities
    if table is None or not len(held.start):
        return
    names, runs_it, of_process = [], [], []
    for (name, device_of), rows in _by(table, CONTEXT, "name", "device"):
        if device_of in (device, NONE):
            when = union(table["start"][rows], table["end"][rows])
            names.append((trace.name(name), when))
            runs_it.append(covered_length(when, held.end, held.end + 1) > 0)
            of_process.append(trace.ops["process"][held.after] == table["process"][rows[0]])
    known = np.any(runs_it, axis=0) if names else np.zeros(len(held.start), np.bool_)
    for (named, when), running, same in zip(names, runs_it, of_process, strict=True):
        yield named, when, ~np.where(known, running, same)


def _guessed(idle: IdleReport, rows: NDArray[np.intp], left: Times) -> Iterator[Holder]:
    """What may have held the rest, by where it lies."""
    between, long = _between_graphs(idle, rows), left > idle.attribution.hidden_after_ns
    first = _first_runs(idle, rows) & long
    windows = is_windows(idle.trace)
    yield _holder(HIDDEN_GRAPH_WORK, np.where(between, left, 0), on_gpu=True)
    yield _holder(FIRST_RUN, np.where(first & ~between, left, 0), on_gpu=False)
    yield _holder(BATCHED if windows else UNNAMED, np.where(first | between, 0, left), on_gpu=False)


def _first_runs(idle: IdleReport, rows: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Which of these gaps end with the first run of a kernel in its process."""
    ops, after = idle.trace.ops, idle.gaps.after[rows]
    if not len(rows):
        return np.zeros(0, np.bool_)
    runs = np.flatnonzero(is_any(ops["name"], distinct(ops["name"][after]).tolist()) & (ops["kind"] == KERNEL))
    kernel, _ = combined_codes(ops["process"][runs], ops["name"][runs])
    first: NDArray[np.bool_] = np.isin(after, runs[np.unique(kernel, return_index=True)[1]])
    return first


def _callback(trace: Trace, name: int, thread: int) -> str:
    who = "" if thread == NONE else f" on thread {int(trace.threads['tid'][thread])}"
    return f"host callback {trace.name(name) or '(unnamed)'}{who}"


def _between_graphs(idle: IdleReport, rows: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Which gaps lie between a graph and the launch of a graph."""
    ops, before, call = idle.trace.ops, idle.gaps.before[rows], idle.gaps.call[rows]
    if not ops.rows or not len(rows):
        return np.zeros(len(rows), np.bool_)
    graphs = (ops["graph_node"] != NO_GRAPH_NODE) | (ops["kind"] == GRAPH)
    launches = is_any(idle.trace.api["name"], GRAPH_LAUNCHES.names(idle.trace))
    between: NDArray[np.bool_] = (before != NONE) & graphs[before] & (call != NONE) & launches[call]
    return between


def idle_ranges(idle: IdleReport, *, lost: bool) -> dict[int, tuple[int, int]]:
    """(low, high) of the idle time of each GPU for which it is a range, ns: untraced time, and time in which other work
    of the GPU ran or may have run, may have been busy; where launches were lost (`lost`) all of it may."""
    ranges = {}
    for device in idle.devices:
        low = 0 if lost else _idle_range(idle, device)[0]
        if low < device.idle:
            ranges[device.device] = low, device.idle
    return ranges


def other_work_ranges(idle: IdleReport) -> dict[int, tuple[int, int]]:
    """`idle_ranges` of the GPUs whose idle time is a range for more than untraced time and lost launches."""
    dark = {device.device: int(device.idle_by_part[UNTRACED]) for device in idle.devices}
    return {gpu: bounds for gpu, bounds in idle_ranges(idle, lost=False).items() if bounds[1] - bounds[0] > dark[gpu]}


def _idle_range(idle: IdleReport, device: DeviceIdle) -> tuple[int, int]:
    """(low, high) of the idle time of a GPU, ns."""
    return max(device.idle - _perhaps_busy(idle, device), 0), device.idle


def _perhaps_busy(idle: IdleReport, device: DeviceIdle) -> int:
    """The idle time of a GPU in which it may have been busy, ns: nothing is counted twice."""
    engines = list(_engines(idle.trace, device.device))
    working = union_of(*(when for _, when in engines))
    hidden = int(device.idle_by_part[UNTRACED])
    if hidden and len(working.starts):
        dark = untraced_pieces(idle)
        mine = idle.gaps.device[dark.gap] == device.device
        hidden -= int(covered_length(working, dark.start[mine], dark.end[mine]).sum())
    names = {name for name, _ in engines}
    held_by = holders(idle, device.device) if device.held else []
    unseen = sum(holder.held for holder in held_by if holder.on_gpu and holder.name not in names)
    return hidden + _covered_idle(idle, device.device, working) + unseen


def _covered_idle(idle: IdleReport, device: int, working: IntervalSet) -> int:
    """How much idle time of a GPU these times cover, ns."""
    own = idle.gaps.device == device
    return int(covered_length(working, idle.gaps.start[own], idle.gaps.end[own]).sum())


def other_work(idle: IdleReport, device: int) -> list[tuple[str, int]]:
    """(name, idle time of a GPU that it covers in ns) of work of the GPU that is recorded beside CUDA's ops."""
    covered = [(name, _covered_idle(idle, device, when)) for name, when in _engines(idle.trace, device)]
    return sorted((work for work in covered if work[1]), key=lambda work: (-work[1], work[0]))


def other_work_notices(idle: IdleReport) -> list[Notice]:
    """Idle time that other recorded work of the GPU covers: busy time counts CUDA's ops alone."""
    said = []
    for device in idle.devices:
        covered = other_work(idle, device.device)
        if covered:
            names = ", ".join(f"{duration(ns)} by {name}" for name, ns in covered[:3])
            text = (
                f"Other work covers idle time of GPU {idle.trace.device(device.device).label}: {names}. Busy is CUDA's "
                f"work alone; the GPU was idle {_range(device, *_idle_range(idle, device))}."
            )
            said.append(Notice("warning", text))
    return said


def _range(device: DeviceIdle, low: int, high: int) -> str:
    whole = device.busy + device.idle
    return f"{duration(low)} to {duration(high)} ({percent(low, whole)} to {percent(high, whole)})"


def held_notices(idle: IdleReport) -> list[Notice]:
    """What held launched ops back, by GPU."""
    said = []
    for device in idle.devices:
        if not device.held:
            continue
        holding = holders(idle, device.device)
        names = "; ".join(
            f"{duration(holder.held)} by {holder.name} in {counted(holder.gaps, 'gap', 'gaps')}"
            for holder in holding[:3]
        )
        text = (
            f"{duration(device.held)} of GPU {idle.trace.device(device.device).label}'s queued time was held: launched "
            f"work waited longer than {duration(idle.attribution.hidden_after_ns)} although no op ran. {names}."
        )
        if any(holder.on_gpu for holder in holding):
            when = _range(device, *_idle_range(idle, device))
            text += f" The GPU worked, or may have worked, then: it was idle {when}."
        elif any(
            holder.name in (UNNAMED, BATCHED) and holder.longest > idle.attribution.hidden_after_ns
            for holder in holding
        ):
            text += f" {_guess(idle.trace)}"
        said.append(Notice("warning", text))
    return said


def _guess(trace: Trace) -> str:
    if is_windows(trace):
        return (
            "On Windows WDDM batches launches: a cudaStreamQuery sends them off; TCC mode or hardware-accelerated GPU "
            "scheduling avoids it."
        )
    return "It may have been code being uploaded (a first launch), a host callback, another process, or the driver."


def is_windows(trace: Trace) -> bool:
    """Whether the program ran on Windows, as far as the report tells."""
    return any(table.startswith("WDDM_") for table in trace.tables_present) or any(
        "windows" in value.lower() for value in trace.target.values()
    )
