"""The rows of the timeline: process > critical path, GPU (gaps, streams, NVTX on the GPU) > threads (NVTX, calls)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from nsysgap.render.pages.timeline.model import TimelineLike, TrackLike
from nsysgap.tables import NONE, stream_name
from nsysgap.units import printable

Node = dict[str, Any]
THREAD_ROWS = {"nvtx": "NVTX", "api": "CUDA API", "osrt": "OS runtime", "overhead": "Profiler overhead"}
MAX_OPEN_THREADS = 4


def row_tree(data: TimelineLike, gap_tracks: dict[int, int]) -> list[Node]:
    """Nested nodes {"label", "sub", "track" (-1 for a group), "fold", "children"}. `gap_tracks`: device -> track."""
    numbered = list(enumerate(data.tracks))
    processes = sorted({track.process for track in data.tracks})
    return [
        _process(data, process, [t for t in numbered if t[1].process == process], gap_tracks) for process in processes
    ]


def _node(label: str, sub: str = "", track: int = NONE, children: Iterable[Node] = (), fold: bool = False) -> Node:
    return {"label": label, "sub": sub, "track": track, "fold": fold, "children": list(children)}


def _process(data: TimelineLike, process: int, tracks: list[tuple[int, TrackLike]], gap_tracks: dict[int, int]) -> Node:
    processes = data.trace.processes
    name = printable(data.trace.name(int(processes["name"][process])), 60)
    devices = sorted({track.device for _, track in tracks if track.device != NONE})
    children = [_node("Critical path", "", number) for number, track in tracks if track.kind == "critical_path"]
    children += [_gpu(data, device, [t for t in tracks if t[1].device == device], gap_tracks) for device in devices]
    threads = sorted(
        {track.thread for _, track in tracks if track.thread != NONE},
        key=lambda thread: (-_rows(tracks, thread, "api"), -_rows(tracks, thread, "nvtx"), thread),
    )
    for position, thread in enumerate(threads):
        mine = [t for t in tracks if t[1].thread == thread]
        works = any(track.kind in ("api", "nvtx") for _, track in mine)
        children.append(_thread(data, thread, mine, fold=not works or position >= MAX_OPEN_THREADS))
    return _node(
        f"Process {int(processes['pid'][process])}", name, children=children, fold=not devices and bool(gap_tracks)
    )


def _rows(tracks: list[tuple[int, TrackLike]], thread: int, kind: str) -> int:
    return sum(len(track.rows) for _, track in tracks if track.thread == thread and track.kind == kind)


def _gpu(data: TimelineLike, device: int, tracks: list[tuple[int, TrackLike]], gap_tracks: dict[int, int]) -> Node:
    children = []
    if device in gap_tracks:
        children.append(_node("Idle, by cause", "", gap_tracks[device]))
    streams = [t for t in tracks if t[1].kind == "stream"]
    several = len({track.context for _, track in streams}) > 1
    for number, track in sorted(streams, key=lambda t: (t[1].context, t[1].stream)):
        children.append(_node(stream_name(track.stream), f"context {track.context}" if several else "", number))
    children += [_node("NVTX on the GPU", _domain(track), n) for n, track in tracks if track.kind == "projected"]
    gpu = data.trace.device(device)
    return _node(f"GPU {printable(gpu.label, 40)}", printable(gpu.name or "", 40), children=children)


def _thread(data: TimelineLike, thread: int, tracks: list[tuple[int, TrackLike]], *, fold: bool) -> Node:
    threads = data.trace.threads
    name = printable(data.trace.name(int(threads["name"][thread])), 40)
    order = list(THREAD_ROWS)
    rows = sorted(tracks, key=lambda t: order.index(t[1].kind))
    children = [_node(THREAD_ROWS[track.kind], _domain(track), number, fold=False) for number, track in rows]
    return _node(f"Thread {int(threads['tid'][thread])}", name, children=children, fold=fold)


def _domain(track: TrackLike) -> str:
    return printable(track.domain, 40)


def thread_labels(data: TimelineLike) -> list[str]:
    """A name for each row of the threads table."""
    threads = data.trace.threads
    labels = []
    for tid, name in zip(threads["tid"].tolist(), threads["name"].tolist(), strict=True):
        text = printable(data.trace.name(name), 40)
        labels.append(f"thread {tid}" + (f" ({text})" if text else ""))
    return labels
