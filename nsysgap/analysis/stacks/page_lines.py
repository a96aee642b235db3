"""Idle time by call path and by moment: what a timeline needs to say which line ran, in whatever window it shows."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.idle.idle_report import IdleReport
from nsysgap.analysis.stacks.call_tree import call_paths
from nsysgap.analysis.stacks.document import Document, describer, line_name
from nsysgap.analysis.stacks.gap_lines import LineShares
from nsysgap.tables import NONE, Stacks

Indices = NDArray[np.intp]
Times = NDArray[np.int64]
MOST_NODES = 50_000


@dataclass(frozen=True)
class IdleLines:
    """The idle time of gaps cut into pieces, each given to one call path; the pieces of a gap fill it, exactly.

    `start`, `end` (ns), `device`, `part`, `node` and `frame` have a value per piece, by device and start. A stretch of
    idle time that several samples share is cut among them in their order, by their shares. `node` is where the piece's
    path ends in the tree (`parent`, `node_frame`: parents come first, -1 above the outermost), `frame` its innermost
    frame (a number among `frames`): -1 without a sample. `frames` are described as in nsysgap.stacks/1, with the `text`
    that `gaps` prints.
    """

    start: Times
    end: Times
    device: NDArray[np.int32]
    part: NDArray[np.int8]
    node: NDArray[np.int64]
    frame: NDArray[np.int64]
    parent: Times
    node_frame: Times
    frames: list[Document]


def idle_lines(idle: IdleReport, stacks: Stacks, gaps: Indices, most_nodes: int = MOST_NODES) -> IdleLines | None:
    """Cut these gaps into pieces by call path; None where their threads were not sampled.

    A tree of more than `most_nodes` keeps the largest and the outermost: a path then ends at its last kept node.
    """
    shares = LineShares(idle, stacks, gaps)
    if not shares.sampled:
        return None
    order = np.lexsort((shares.receiver, shares.stretch))
    order = order[shares.ns[order] > 0]
    ns, stretch = shares.ns[order], shares.stretch[order]
    until = np.cumsum(ns)
    head = np.searchsorted(stretch, stretch, side="left")  # the first share of the same stretch
    start = shares.stretches.start[stretch] + until - ns - (until[head] - ns[head])
    gap = shares.gap[order]
    by_time = np.lexsort((start, gap))  # gaps come by device and start
    order, start, ns, gap = order[by_time], start[by_time], ns[by_time], gap[by_time]
    parent, node_frame, node = _tree(stacks, shares.stack[order], ns, most_nodes)
    frame = shares.frame[order]
    used = np.unique(np.concatenate((node_frame, frame[frame != NONE])))
    describe = describer(idle.trace, stacks.frames)
    return IdleLines(
        start=start,
        end=start + ns,
        device=idle.gaps.device[gap],
        part=shares.part[order],
        node=node,
        frame=np.where(frame == NONE, NONE, np.searchsorted(used, frame)),
        parent=parent,
        node_frame=np.searchsorted(used, node_frame),
        frames=[
            {**describe(row), "text": line_name(idle.trace, stacks.frames, row, place_first=True)}
            for row in used.tolist()
        ],
    )


def _tree(stacks: Stacks, stack: Times, ns: Times, most: int) -> tuple[Times, Times, Times]:
    """(parent and frame of each node, the node where the path of each piece ends; -1 for no stack)."""
    sampled = stack != NONE
    present, which = np.unique(stack[sampled], return_inverse=True)
    parents, frames, leaf = call_paths(stacks, present)
    empty = np.empty(0, np.int64)
    parent, frame = np.concatenate([empty, *parents]), np.concatenate([empty, *frames])
    node = np.full(len(stack), NONE, np.int64)
    node[sampled] = leaf[which.reshape(-1)]
    if len(parent) <= most:
        return parent, frame, node
    total = np.zeros(len(parent), np.int64)
    np.add.at(total, node[sampled], ns[sampled])
    for level in _levels_inwards(parents):
        np.add.at(total, parent[level], total[level])
    kept = np.zeros(len(parent) + 1, np.bool_)
    kept[np.argsort(-total, kind="stable")[:most]] = True  # a caller has no less than what it calls, and comes first
    kept[NONE] = True
    kept[: len(parents[0])] = True  # whoever was sampled keeps at least its outermost frame
    while not kept[node].all():
        node = np.where(kept[node], node, parent[node])
    number = np.append(np.cumsum(kept[:-1]) - 1, NONE)
    return number[parent[kept[:-1]]], frame[kept[:-1]], number[node]


def _levels_inwards(parents: list[Times]) -> list[slice]:
    """The nodes of each level but the outermost, innermost first."""
    ends = np.cumsum([len(level) for level in parents]).tolist()
    return [slice(low, high) for low, high in reversed(list(pairwise(ends)))]
