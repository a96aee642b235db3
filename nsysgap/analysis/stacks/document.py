"""Idle time by line as plain values: what follows the header in "nsysgap.stacks/1", and call trees to draw."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.idle.idle_report import IdleReport
from nsysgap.analysis.stacks.call_tree import Place, places_by
from nsysgap.analysis.stacks.code_owner import kind_of, short_paths, tells
from nsysgap.analysis.stacks.idle_stacks import SAMPLED, IdleStacks
from nsysgap.tables import NONE, Table, Trace

Document = dict[str, Any]


_ADDRESS = re.compile(r"0x[0-9a-fA-F]+\Z")


@dataclass(frozen=True)
class StackRows:
    """What the rows are: `by` line, function or file, in the order of `sort` (self or inclusive).

    A stack's own time is that of its innermost line of the program's own code, with `innermost` of any code.
    """

    by: str = "line"
    sort: str = "self"
    innermost: bool = False


def stack_rows(idle: IdleReport, shared: IdleStacks, causes: Sequence[str], shown: StackRows) -> Document:
    """How much idle time of these causes, how it was shared out, every line, function or file."""
    describe, by = frame_describer(idle, shared), shown.by
    own = None if shown.innermost or shared.source == "nvtx" else frames_tell(idle.trace, shared.stacks.frames)
    return {
        "idle_ns": sum(device.idle for device in idle.devices),
        "causes": list(causes),
        "chosen_ns": shared.total,
        "stacks": shared.source,
        "samples": shared.samples,
        "period_ns": shared.period or None,
        "inside_ns": shared.inside_ns,
        "nearest_ns": shared.near_ns,
        "no_stack_ns": shared.rest_ns,
        "by": by,
        "sort": shown.sort,
        "self": "innermost" if own is None else "own code",
        "rows": [
            _row(summed, describe(summed.frame), by, sampled=shared.source in SAMPLED)
            for summed in places_by(shared.tree, shared.stacks.frames, by, shared.effective, own, shown.sort)
        ],
    }


def _row(summed: Place, frame: Document, by: str, *, sampled: bool) -> Document:
    shown = {**frame, "line": frame["line"] if by == "line" else None}
    if by == "file":
        shown["function"] = None if frame["file"] else frame["function"]
    return {
        **shown,
        "self_ns": summed.self_ns,
        "nearest_ns": summed.near_ns,
        "self_low_ns": summed.low_ns,
        "self_high_ns": summed.high_ns,
        "self_samples": summed.self_samples,
        "inclusive_ns": summed.inclusive_ns,
        "inclusive_samples": summed.inclusive_samples,
        "few_samples": sampled and summed.few and not frame["placeholder"],
    }


def frame_describer(idle: IdleReport, shared: IdleStacks) -> Callable[[int], Document]:
    """`describer` of the frames that received idle time."""
    rest = (shared.rest_frame, shared.rest_name)
    return describer(idle.trace, shared.stacks.frames, rest, files=shared.source != "nvtx", labels=shared.labels)


def describer(
    trace: Trace,
    frames: Table,
    rest: tuple[int, str] = (NONE, ""),
    *,
    files: bool = True,
    labels: Mapping[int, str] | None = None,
) -> Callable[[int], Document]:
    """A function from a row of frames to {function, file, short, line, kind, native, placeholder}; None if unknown.

    `rest`: the placeholder's row and name; without `files` a frame without one is no code: it has no kind.
    `labels`: what names (indices) are called instead.
    """
    rest_frame, rest_name = rest
    known = {
        (int(file), bool(native)) for file, native in zip(frames["file"], frames["native"], strict=True) if file != NONE
    }
    short = short_paths((text_of(trace, file, native=native), native) for file, native in known)

    def function_of(index: int, native: bool) -> str:
        return (labels or {}).get(index) or text_of(trace, index, native=native)

    def describe(frame: int) -> Document:
        line, native = int(frames["line"][frame]), bool(frames["native"][frame])
        file = text_of(trace, int(frames["file"][frame]), native=native) or None
        nowhere = frame == rest_frame or not (file or files)
        return {
            "function": rest_name if frame == rest_frame else function_of(int(frames["function"][frame]), native),
            "file": file,
            "short": None if file is None else short[file],
            "line": line or None,
            "kind": None if nowhere else kind_of(file or "", native=native),
            "native": native,
            "placeholder": frame == rest_frame,
        }

    return describe


def frames_tell(trace: Trace, frames: Table) -> NDArray[np.int8]:
    """How much each frame says of the program (code_owner): int8 of shape (frames,)."""
    pairs, pair = np.unique(np.stack((frames["file"], frames["native"])), axis=1, return_inverse=True)
    texts = ("" if file == NONE else text_of(trace, int(file), native=bool(native)) for file, native in pairs.T)
    tell = [tells(text, native=bool(native)) for text, native in zip(texts, pairs[1], strict=True)]
    return np.array(tell, np.int8)[pair.reshape(-1)]


def text_of(trace: Trace, index: int, *, native: bool) -> str:
    """A function or file as people know it: nsys writes Python's own names as HTML, "&lt;module&gt;"."""
    text = trace.name(index)
    return text if native or "&" not in text else text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def line_name(trace: Trace, frames: Table, frame: int, *, place_first: bool = False) -> str:
    """ "rotate_half modeling_llama.py:134" of a row of frames, or the place first."""
    native, line = bool(frames["native"][frame]), int(frames["line"][frame])
    file = text_of(trace, int(frames["file"][frame]), native=native).rsplit("/", 1)[-1]
    function = text_of(trace, int(frames["function"][frame]), native=native)
    if native and file and _ADDRESS.match(function):
        return f"({file})"
    where = f"{file}:{line}" if line else file
    return (f"{where} {function}" if place_first else f"{function} {where}").strip()


def tree_document(idle: IdleReport, shared: IdleStacks, causes: Sequence[str], selected: str = "") -> Document:
    """The call tree for flame graphs: {path, stacks, causes, selection, total_ns, frames, nodes}.

    Nodes are columns, parents before children; `selection` says what part of the report counts ("" for all).
    """
    used, frame = np.unique(shared.tree["frame"], return_inverse=True)
    describe = frame_describer(idle, shared)
    nodes = {name: shared.tree[name].tolist() for name in shared.tree if name != "frame"}
    return {
        "path": idle.trace.path,
        "stacks": shared.source,
        "causes": list(causes),
        "selection": selected,
        "total_ns": shared.total,
        "frames": [describe(int(row)) for row in used],
        "nodes": {**nodes, "frame": frame.reshape(-1).tolist()},
    }
