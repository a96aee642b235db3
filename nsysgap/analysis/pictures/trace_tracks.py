"""Where everything goes in a trace viewer: processes, tracks, and overflow lanes where rows of one track overlap."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.pictures.kept_rows import Kept
from nsysgap.analysis.pictures.lanes import assign_lanes, assign_nested_lanes
from nsysgap.arrays import combined_codes, grouped
from nsysgap.tables import NONE, Table, Trace, stream_name
from nsysgap.tracks import Group, Track

Times = NDArray[np.int64]
Rows = NDArray[np.integer]
OWN_IDS = 1 << 24  # nsys's process and thread IDs have 24 bits: those above are free for tracks of our own
MOST_STREAM = 1 << 23
UNPLACED = -1


@dataclass
class Layout:
    """Groups and tracks as they are added; `add_group` and `add_track` give positions in `groups` and `tracks`."""

    groups: list[Group] = field(default_factory=list)
    tracks: list[Track] = field(default_factory=list)
    _pids: set[int] = field(default_factory=set)
    _tids: dict[int, set[int]] = field(default_factory=dict)
    _gpus: dict[int, int] = field(default_factory=dict)
    _processes: dict[int, int] = field(default_factory=dict)

    def add_group(self, wanted: int, name: str, gpu: int | None = None) -> int:
        """A new group; its pid is the wanted one unless that is taken."""
        pid = _free(wanted, self._pids)
        self.groups.append(Group(pid, name, gpu))
        return len(self.groups) - 1

    def add_track(self, group: int, wanted: int, name: str) -> int:
        """A new track; its tid is the wanted one unless that is taken or -1."""
        tid = _free(wanted, self._tids.setdefault(group, set()))
        self.tracks.append(Track(group, tid, name))
        return len(self.tracks) - 1

    def add_lanes(self, group: int, wanted: int, name: str, lanes: NDArray[np.int32]) -> NDArray[np.int32]:
        """A track per lane, the overflow ones numbered "(2)" and so on; gives the track of each element."""
        count = int(lanes.max(initial=-1)) + 1
        tracks = [self.add_track(group, UNPLACED if i else wanted, f"{name} ({i + 1})" if i else name)
                  for i in range(count)]  # fmt: skip
        return np.array(tracks, np.int32)[lanes] if tracks else lanes

    def gpu(self, trace: Trace, device: int) -> int:
        """The group of a GPU, made when first asked for."""
        if device not in self._gpus:
            name = f"GPU {trace.device(device).label} {trace.device(device).name or ''}".rstrip()
            self._gpus[device] = self.add_group(device, name, device)
        return self._gpus[device]

    def process(self, trace: Trace, row: int) -> int:
        """The group of a process, made when first asked for."""
        if row not in self._processes:
            pid = int(trace.processes["pid"][row])
            name = trace.name(int(trace.processes["name"][row])) or "process"
            self._processes[row] = self.add_group(pid, name)
        return self._processes[row]


def _free(wanted: int, taken: set[int]) -> int:
    track_id = wanted if wanted >= 0 else OWN_IDS
    if track_id in taken:
        track_id = max(OWN_IDS, max(taken) + 1)
    taken.add(track_id)
    return track_id


def thread_name(trace: Trace, thread: int) -> str:
    """A thread's name, or "thread 1234"."""
    return trace.name(int(trace.threads["name"][thread])) or f"thread {trace.threads['tid'][thread]}"


def stream_tracks(layout: Layout, trace: Trace, rows: Rows) -> NDArray[np.int32]:
    """The track of each op: per (GPU, process, context, stream), with lanes where ops of one overlap."""
    ops = trace.ops
    track = np.empty(len(rows), np.int32)
    keys = [ops[name][rows] for name in ("device", "process", "context", "stream")]
    groups = list(_groups(keys))
    contexts = [tuple(key[mine[0]] for key in keys[:3]) for mine in groups]
    of_device: dict[int, set[tuple[int, ...]]] = {}
    for context_key in contexts:
        of_device.setdefault(context_key[0], set()).add(context_key[1:])
    several = {device: len(own_contexts) > 1 for device, own_contexts in of_device.items()}
    for mine, (device, process, context) in zip(groups, contexts, strict=True):
        stream = int(keys[3][mine[0]])
        name = stream_name(stream)
        if several[device]:
            pid = trace.processes["pid"][process] if process != NONE else "?"
            name += f" of process {pid}, context {context}"
        wanted = stream if 0 <= stream < MOST_STREAM else UNPLACED
        lanes = assign_lanes(ops["start"][rows[mine]], ops["end"][rows[mine]])
        track[mine] = layout.add_lanes(layout.gpu(trace, int(device)), wanted, name, lanes)
    return track


def _groups(keys: list[Rows]) -> Iterable[NDArray[np.intp]]:
    """Positions with equal keys, in order of the keys; each ascending."""
    if not len(keys[0]):
        return []
    code, number = combined_codes(*keys)
    positions_of = grouped(code, number)
    return [positions for positions in map(positions_of, range(number)) if len(positions)]


@dataclass(frozen=True)
class Stacks:
    """The tracks of what threads did, arrays beside the kept rows of each table, by its name; and which rows begin at
    the very moment that another row of their thread begins."""

    track: dict[str, NDArray[np.int32]]
    shared: dict[str, NDArray[np.bool_]]


def thread_tracks(layout: Layout, trace: Trace, kept: Kept, nvtx_ends: Times) -> Stacks:
    """A track per thread with NVTX push/pop ranges, CUDA calls, OS calls and the profiler's work nested as they ran.

    Rows that cross others go to lanes; NVTX start/end ranges, which may cross anything, to a track of their own.
    """
    pieces = {
        "nvtx": kept.nvtx[~trace.nvtx["start_end"][kept.nvtx]],
        "api": kept.api,
        "osrt": kept.osrt,
        "overhead": kept.overhead,
    }
    tables: dict[str, Table] = {name: getattr(trace, name) for name in pieces}
    of_thread = {name: grouped(tables[name]["thread"][rows], trace.threads.rows) for name, rows in pieces.items()}
    track = {name: np.empty(len(rows), np.int32) for name, rows in pieces.items()}
    shared = {name: np.zeros(len(rows), np.bool_) for name, rows in pieces.items()}
    for thread in _threads_with_rows(trace, kept):
        mine = {name: find(thread) for name, find in of_thread.items()}
        picked = {name: pieces[name][positions] for name, positions in mine.items() if len(positions)}
        if not picked:
            continue
        start = _joined([tables[name]["start"][rows] for name, rows in picked.items()])
        end = _joined(
            [nvtx_ends[rows] if name == "nvtx" else tables[name]["end"][rows] for name, rows in picked.items()]
        )
        group = layout.process(trace, int(trace.threads["process"][thread]))
        lanes = assign_nested_lanes(start, end)
        # nsys's own work may be of no thread, of ID 0: Perfetto takes that for the process's main thread.
        wanted = int(trace.threads["tid"][thread]) or UNPLACED
        tracks = layout.add_lanes(group, wanted, thread_name(trace, thread), lanes)
        together = begin_together(start)
        low = 0
        for name in picked:
            high = low + len(mine[name])
            track[name][mine[name]], shared[name][mine[name]] = tracks[low:high], together[low:high]
            low = high
    return Stacks(track, shared)


def _joined(parts: list[Times]) -> Times:
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _threads_with_rows(trace: Trace, kept: Kept) -> list[int]:
    """By process, the main thread first, then by tid."""
    seen = np.zeros(trace.threads.rows, np.bool_)
    for name in ("api", "nvtx", "osrt", "overhead"):
        table: Table = getattr(trace, name)
        seen[table["thread"][getattr(kept, name)]] = True
    threads = np.flatnonzero(seen)
    process, tid = trace.threads["process"][threads], trace.threads["tid"][threads]
    order = np.lexsort((tid, tid != trace.processes["pid"][process], process))
    return [int(thread) for thread in threads[order]]


def begin_together(start: Times) -> NDArray[np.bool_]:
    """Which elements have the same start as another one."""
    ordered = start if bool((start[1:] >= start[:-1]).all()) else np.sort(start)
    twice = ordered[1:][ordered[1:] == ordered[:-1]]
    shared: NDArray[np.bool_] = np.isin(start, twice) if len(twice) else np.zeros(len(start), np.bool_)
    return shared


def lanes_by_thread(
    layout: Layout,
    trace: Trace,
    thread: NDArray[np.int32],
    spans: tuple[Times, Times],
    name: str,
    gpu: int | None = None,
) -> NDArray[np.int32]:
    """The track of each of some intervals: per thread one named after it, in its process or on a GPU, with lanes."""
    track = np.empty(len(thread), np.int32)
    for thread_row in np.unique(thread).tolist():
        mine = np.flatnonzero(thread == thread_row)
        process = int(trace.threads["process"][thread_row])
        group = layout.process(trace, process) if gpu is None else layout.gpu(trace, gpu)
        pid = "" if gpu is None else f" of process {trace.processes['pid'][process]}"
        lanes = assign_nested_lanes(spans[0][mine], spans[1][mine])
        track[mine] = layout.add_lanes(group, UNPLACED, f"{thread_name(trace, thread_row)}{pid} {name}", lanes)
    return track
