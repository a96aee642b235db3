"""What held launched ops back: host callbacks, other engines of the GPU, whatever the report records beside ops."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nsysgap.activities import DECOMPRESSION, HOST_CALLBACK
from nsysgap.analysis.idle.attribution import Pieces
from nsysgap.analysis.idle.idle_report import IdleReport
from nsysgap.analysis.relations.calls import GRAPH_LAUNCHES
from nsysgap.arrays import is_any
from nsysgap.causes import UNTRACED
from nsysgap.intervals import EMPTY, IntervalSet, covered_length, union
from nsysgap.tables import GRAPH, NO_GRAPH_NODE, NONE, Notice, Table, Trace
from nsysgap.units import counted, duration, percent

Times = NDArray[np.int64]
UNNAMED = "(nothing that the report records)"
HIDDEN_GRAPH_WORK = "(a graph's work that is not recorded, such as later iterations of a WHILE node)"
DECOMPRESSING = "hardware decompression (MEM_DECOMPRESS)"


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
        return _in_order(_summed([one for gpu in idle.devices for one in holders(idle, gpu.device)]))
    gaps = idle.gaps
    held = idle.attribution.held(Pieces(gaps.start, gaps.end, gaps.gap_end, gaps.after), gaps.gap_start)
    rows = np.flatnonzero(held * (gaps.device == device))
    start, end = gaps.end[rows] - held[rows], gaps.end[rows]  # a held stretch ends its gap
    left, found = held[rows].copy(), []
    for name, covering, on_gpu in _known(idle.trace, device):
        share = np.minimum(covered_length(covering, start, end), left)
        left -= share
        found.append(_holder(name, share, on_gpu=on_gpu))
    after_graph = _between_graphs(idle, rows)
    found.append(_holder(HIDDEN_GRAPH_WORK, np.where(after_graph, left, 0), on_gpu=True))
    found.append(_holder(UNNAMED, np.where(after_graph, 0, left), on_gpu=False))
    return _in_order(one for one in found if one.held)


def _in_order(found: Iterable[Holder]) -> list[Holder]:
    return sorted(found, key=lambda one: (-one.held, one.name))


def _summed(found: list[Holder]) -> Iterator[Holder]:
    """One holder per name, of all GPUs."""
    for name in {one.name: None for one in found}:
        same = [one for one in found if one.name == name]
        held, gaps = sum(one.held for one in same), sum(one.gaps for one in same)
        yield Holder(name, held, gaps, max(one.longest for one in same), same[0].on_gpu)


def _holder(name: str, share: Times, *, on_gpu: bool) -> Holder:
    return Holder(name, int(share.sum()), int((share > 0).sum()), int(share.max(initial=0)), on_gpu)


def _known(trace: Trace, device: int) -> Iterator[tuple[str, IntervalSet, bool]]:
    """(name, when, whether it is work of the GPU) of all that the report names; work of that GPU last."""
    table = trace.activities
    if table is None:
        return
    callbacks = np.flatnonzero(table["kind"] == HOST_CALLBACK)
    names = np.unique(np.column_stack((table["name"], table["thread"]))[callbacks], axis=0)
    for name, thread in names.tolist():
        mine = callbacks[(table["name"][callbacks] == name) & (table["thread"][callbacks] == thread)]
        yield _callback(trace, name, thread), union(table["start"][mine], table["end"][mine]), False
    working = _other_engines(trace, device)
    if len(working.starts):
        yield DECOMPRESSING, working, True


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
    found: NDArray[np.bool_] = (before != NONE) & graphs[before] & (call != NONE) & launches[call]
    return found


def idle_ranges(idle: IdleReport, *, lost: bool) -> dict[int, tuple[int, int]]:
    """(low, high) of the idle time of each GPU for which it is a range, ns: untraced time, and time in which other work
    of the GPU ran or may have run, may have been busy; where launches were lost (`lost`) all of it may."""
    found = {}
    for device in idle.devices:
        hidden = int(device.idle_by_part[UNTRACED])
        hidden += _other_work(idle, device.device)
        unseen = sum(one.held for one in holders(idle, device.device) if one.name == HIDDEN_GRAPH_WORK)
        low = 0 if lost else max(device.idle - hidden - unseen, 0)
        if low < device.idle:
            found[device.device] = low, device.idle
    return found


def _other_engines(trace: Trace, device: int) -> IntervalSet:
    """When engines of a GPU beside the ops' worked; those of no known GPU count for each."""
    engines = activities_of(trace, DECOMPRESSION)
    if engines is None:
        return EMPTY
    mine = (engines["device"] == device) | (engines["device"] == NONE)
    return union(engines["start"][mine], engines["end"][mine])


def _other_work(idle: IdleReport, device: int) -> int:
    """The idle time of a GPU in which other work of it is recorded, ns."""
    own, working = idle.gaps.device == device, _other_engines(idle.trace, device)
    return int(covered_length(working, idle.gaps.start[own], idle.gaps.end[own]).sum())


def held_notices(idle: IdleReport) -> list[Notice]:
    """What held launched ops back, by GPU."""
    said = []
    for device in idle.devices:
        if not device.held:
            continue
        found = holders(idle, device.device)
        names = "; ".join(
            f"{duration(one.held)} by {one.name} in {counted(one.gaps, 'gap', 'gaps')}" for one in found[:3]
        )
        text = (
            f"{duration(device.held)} of GPU {idle.trace.device(device.device).label}'s queued time was held: launched "
            f"work waited longer than {duration(idle.attribution.hidden_after_ns)} although no op ran. {names}."
        )
        if any(one.on_gpu for one in found):
            low, high = idle_ranges(idle, lost=False)[device.device]
            whole = device.busy + device.idle
            text += (
                f" The GPU worked, or may have worked, then: it was idle {duration(low)} to {duration(high)} "
                f"({percent(low, whole)} to {percent(high, whole)})."
            )
        elif any(one.name == UNNAMED for one in found):
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


def activities_of(trace: Trace, kind: int) -> Table | None:
    """The activities of one kind; None without any."""
    if trace.activities is None or not (trace.activities["kind"] == kind).any():
        return None
    return trace.activities.take(trace.activities["kind"] == kind)
