"""Values over time for a trace viewer: ops in flight, how busy a GPU is, copy bandwidth, memory, hardware counters."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.idle.idle_report import IdleReport, runs_inside
from nsysgap.analysis.pictures.kept_rows import Cut, Kept
from nsysgap.analysis.pictures.trace_tracks import Layout
from nsysgap.arrays import grouped
from nsysgap.intervals import IntervalSet, covered_length, union
from nsysgap.tables import MEMCPY, NONE, Table, Trace
from nsysgap.tracks import Counter

Times = NDArray[np.int64]
BUSY_BINS = 1000
LEAST_BIN_NS = 1_000


def steps(time: Times, change: Times) -> tuple[Times, Times]:
    """(times, sums) of changes that add up: one element per distinct moment at which the sum may change."""
    order = np.argsort(time, kind="stable")
    time, value = time[order], np.cumsum(change[order])
    last = np.append(time[1:] != time[:-1], True) if len(time) else np.empty(0, np.bool_)
    time, value = time[last], value[last]
    fresh = np.append(True, value[1:] != value[:-1]) if len(time) else np.empty(0, np.bool_)
    return time[fresh], value[fresh]


def in_flight(trace: Trace, calls: NDArray[np.int32], rows: NDArray[np.int32]) -> tuple[Times, Times]:
    """How many of these ops were launched and not finished, over time; one without a call counts from its start."""
    start, end = trace.ops["start"][rows], trace.ops["end"][rows]
    call = calls[rows]
    known = call != NONE
    begin = start.copy()
    begin[known] = np.minimum(trace.api["start"][call[known]], start[known])
    ones = np.ones(len(rows), np.int64)
    return steps(np.concatenate((begin, end)), np.concatenate((ones, -ones)))


def busy_percent(start: Times, end: Times) -> tuple[Times, Times]:
    """The share of each of up to 1,000 equal stretches in which any of the ops ran, in thousandths of a percent."""
    first, last = int(start.min()), int(end.max())
    width = max(-(-(last - first) // BUSY_BINS), LEAST_BIN_NS)
    edges = np.append(np.arange(first, last, width, dtype=np.int64), last)
    length = np.diff(edges)
    busy = covered_length(union(start, end), edges[:-1], edges[1:])
    percent = busy * 100_000 // np.maximum(length, 1)
    return edges, np.append(percent, 0)


def copy_bandwidth(start: Times, end: Times, size: Times) -> tuple[Times, Times]:
    """The sum of the mean rates of the copies that run, in thousandths of GB/s."""
    lasting = (end > start) & (size >= 0)
    start, end, size = start[lasting], end[lasting], size[lasting]
    rate = size * 1000 // (end - start)
    return steps(np.concatenate((start, end)), np.concatenate((rate, -rate)))


def counters(
    layout: Layout, idle: IdleReport, kept: Kept, copied: Times, tracks: NDArray[np.int32], names: dict[int, str]
) -> Iterator[Counter]:
    """All counters that the ops give, GPU by GPU. `tracks`: the track of each kept op, `names`: of copies, by name."""
    trace = idle.trace
    ops = trace.ops
    device = ops["device"][kept.ops]
    for number in np.unique(device).tolist():
        group = layout.gpu(trace, number)
        mine = np.flatnonzero(device == number)
        rows = kept.ops[mine]
        yield Counter(group, "GPU busy", "%", "%", *busy_percent(ops["start"][rows], ops["end"][rows]), True)
        for stream, of_stream in _streams(layout, tracks[mine]):
            yield Counter(group, "ops in flight", stream, "ops", *in_flight(trace, idle.calls, rows[of_stream]))
        for name, copies in _copies(trace, rows, names):
            time, rate = copy_bandwidth(ops["start"][copies], ops["end"][copies], copied[copies])
            if len(time):
                yield Counter(group, "copy bandwidth", f"{name} GB/s", "GB/s", time, rate, True)


def _streams(layout: Layout, track: NDArray[np.int32]) -> Iterator[tuple[str, NDArray[np.intp]]]:
    """(name, positions) per stream, its overflow lanes taken together."""
    present, code = np.unique(track, return_inverse=True)
    base = [layout.tracks[index].name.split(" (")[0] for index in present]
    numbers = {name: number for number, name in enumerate(dict.fromkeys(base))}
    positions = grouped(np.array([numbers[name] for name in base], np.intp)[code.reshape(-1)], len(numbers))
    for name, number in numbers.items():
        yield name, positions(number)


def _copies(trace: Trace, rows: NDArray[np.int32], names: dict[int, str]) -> Iterator[tuple[str, NDArray[np.int32]]]:
    copies = rows[trace.ops["kind"][rows] == MEMCPY]
    index = trace.ops["name"][copies]
    for direction in np.unique(index).tolist():
        yield names[direction], copies[index == direction]


def memory_counters(layout: Layout, trace: Trace, events: Table, kinds: tuple[str, ...], cut: Cut) -> Iterator[Counter]:
    """Bytes of each kind of memory in use on each GPU."""
    for device in _sampled_devices(events, cut):
        for kind in np.unique(events["kind"][events["device"] == device]).tolist():
            mine = (events["device"] == device) & (events["kind"] == kind)
            time, used = _held(*steps(events["time"][mine], events["bytes"][mine]), cut.time)
            name = kinds[kind] if 0 <= kind < len(kinds) else str(kind)
            yield Counter(layout.gpu(trace, device), "memory used", f"{name} B", "B", time, used)


def metric_counters(layout: Layout, trace: Trace, samples: Table, cut: Cut) -> Iterator[Counter]:
    """The hardware counters that nsys sampled; a value holds from its sample on."""
    for device in _sampled_devices(samples, cut):
        mine = samples["device"] == device
        for metric in np.unique(samples["metric"][mine]).tolist():
            rows = np.flatnonzero(mine & (samples["metric"] == metric))
            name = trace.names[metric]
            time, value = _held(samples["time"][rows], samples["value"][rows], cut.time)
            yield Counter(layout.gpu(trace, device), "GPU metric", name, "", time, value)


def _sampled_devices(samples: Table, cut: Cut) -> list[int]:
    return [device for device in np.unique(samples["device"]).tolist() if cut.device in (None, device)]


def _held(time: Times, value: Times, selection: IntervalSet | None) -> tuple[Times, Times]:
    """The values, in order of time, that hold somewhere in the selection: each until the next one, the last on."""
    if selection is None or not len(time) or not len(selection.ends):
        return time, value
    until = np.append(time[1:], max(int(time[-1]), int(selection.ends[-1])))
    held = runs_inside(time, until, selection)
    return time[held], value[held]
