"""Rows of a viewer's track that may not overlap: which lane each interval goes to, and how intervals nest.

Viewers draw the slices of one track inside one another and drop or misplace those that overlap only partly, so what
crosses gets a lane of its own. `assign_lanes` is for things that run side by side (GPU operations): no two intervals of
a lane overlap. `assign_nested_lanes` is for call stacks: within a lane intervals may also lie inside one another.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Times = NDArray[np.int64]
Indices = NDArray[np.intp]
Lanes = NDArray[np.int32]
MOST_TURNS = 8


def assign_lanes(starts: Times, ends: Times) -> Lanes:
    """The lane of each interval, from 0: int32 of shape (n,); no two of one lane overlap, touching ones may share it.

    Every interval gets the lowest lane that is free when it starts (equal starts: the longest first). Any order is
    accepted; O(n) without a Python loop when `starts` is sorted and nothing overlaps. A zero-length interval overlaps
    whatever runs at its moment, [start, end).
    """
    order = _order(starts, ends)
    if order is not None:
        lanes = np.empty(len(starts), np.int32)
        lanes[order] = assign_lanes(starts[order], ends[order])
        return lanes
    lanes = np.zeros(len(starts), np.int32)
    for low, high in _clusters(starts, ends):
        lanes[low:high] = _greedy(starts[low:high].tolist(), ends[low:high].tolist())
    return lanes


def _order(starts: Times, ends: Times) -> Indices | None:
    """The order by start, longest first; None when the intervals lie in it already."""
    later, same = starts[1:] > starts[:-1], starts[1:] == starts[:-1]
    if bool((later | (same & (ends[1:] <= ends[:-1]))).all()):
        return None
    return np.lexsort((-ends, starts))


def _heads(starts: Times, ends: Times) -> tuple[Indices, Times]:
    """(where each run of overlapping intervals begins, the latest end so far); intervals sorted by start."""
    reach = np.maximum.accumulate(ends)
    return np.flatnonzero(np.concatenate(([True], starts[1:] >= reach[:-1]))), reach


def _clusters(starts: Times, ends: Times) -> list[tuple[int, int]]:
    """The runs [low, high) of more than one overlapping interval."""
    if not len(starts):
        return []
    heads, _ = _heads(starts, ends)
    bounds = np.append(heads, len(starts))
    crowded = np.flatnonzero(np.diff(bounds) > 1)
    return list(zip(bounds[crowded].tolist(), bounds[crowded + 1].tolist(), strict=True))


def _greedy(starts: list[int], ends: list[int]) -> list[int]:
    running: list[tuple[int, int]] = []
    free: list[int] = []
    lanes = []
    for start, end in zip(starts, ends, strict=True):
        while running and running[0][0] <= start:
            heapq.heappush(free, heapq.heappop(running)[1])
        lane = heapq.heappop(free) if free else len(running)
        heapq.heappush(running, (end, lane))
        lanes.append(lane)
    return lanes


def assign_nested_lanes(starts: Times, ends: Times) -> Lanes:
    """The lane of each interval, from 0: int32 of shape (n,); in a lane any two are disjoint or one holds the other.

    Every interval gets the lowest lane in which it crosses nothing (equal starts: the longest first). Any order is
    accepted; the work is about one pass over the arrays per level of nesting and lane.
    """
    order = np.lexsort((-ends, starts)) if _order(starts, ends) is not None else np.arange(len(starts))
    start, end = starts[order], ends[order]
    lanes = np.zeros(len(starts), np.int32)
    left, lane = np.arange(len(starts)), 0
    while len(left):
        left, lane = _crossing(start, end, left), lane + 1
        lanes[order[left]] = lane
    return lanes


def _crossing(starts: Times, ends: Times, rows: Indices) -> Indices:
    """Which of these intervals, sorted by start and longest first, cross one that keeps its place in the lane."""
    out: list[Indices] = []
    turns = 0
    while len(rows) and turns < MOST_TURNS:
        heads, reach = _heads(starts[rows], ends[rows])
        bounds = np.append(heads, len(rows))
        head_end = np.repeat(ends[rows[heads]], np.diff(bounds))
        held = np.ones(len(rows), np.bool_)
        held[heads] = False
        crossing = held & (starts[rows] < head_end) & (ends[rows] > head_end)
        turns += bool((reach[bounds[1:] - 1] > ends[rows[heads]]).any())  # a run goes on after its first interval
        out.append(rows[crossing])
        rows = rows[held & ~crossing]
    if len(rows):  # long chains of crossings are better told apart one by one
        out.append(rows[_greedy_crossing(starts[rows].tolist(), ends[rows].tolist())])
    return np.sort(np.concatenate(out)) if out else rows


def _greedy_crossing(starts: list[int], ends: list[int]) -> NDArray[np.bool_]:
    """The same, one interval after the other: whether each crosses one that stays."""
    open_ends: list[int] = []
    crossing = np.zeros(len(starts), np.bool_)
    for i, (start, end) in enumerate(zip(starts, ends, strict=True)):
        while open_ends and open_ends[-1] <= start:
            open_ends.pop()
        if open_ends and open_ends[-1] < end:
            crossing[i] = True
        else:
            open_ends.append(end)
    return crossing


@dataclass(frozen=True)
class Nesting:
    """How the intervals of one lane lie in one another, arrays of shape (n,) in the order of `order`.

    `order` sorts them by start, longest first: each comes before what it holds. `depth` counts what holds it, `next` is
    the position of the first later interval that it does not hold.
    """

    order: Indices
    depth: NDArray[np.int64]
    next: NDArray[np.int64]


def nesting(starts: Times, ends: Times) -> Nesting:
    """The nesting of intervals of which no two cross. Raises ValueError if two do."""
    order = np.lexsort((-ends, starts))
    start, end = starts[order], ends[order]
    depth = np.zeros(len(order), np.int64)
    following = np.zeros(len(order), np.int64)
    rows, limit, level = np.arange(len(order)), np.full(len(order), len(order)), 0
    while len(rows):
        heads = _heads_within(start[rows], end[rows], limit)
        bounds = np.append(heads, len(rows))
        ends_at = np.append(rows[heads[1:]], len(order))
        until = np.minimum(ends_at, limit[heads])
        if (end[rows] > np.repeat(end[rows[heads]], np.diff(bounds))).any():
            raise ValueError("two intervals cross")
        depth[rows[heads]], following[rows[heads]] = level, until
        deeper = np.ones(len(rows), np.bool_)
        deeper[heads] = False
        limit = np.repeat(until, np.diff(bounds))[deeper]
        rows, level = rows[deeper], level + 1
    return Nesting(order, depth, following)


def _heads_within(starts: Times, ends: Times, limit: NDArray[np.int64]) -> Indices:
    """Where runs of overlapping intervals begin; a change of `limit`, the parent's end, begins one too."""
    reach = np.maximum.accumulate(ends)
    fresh = (starts[1:] >= reach[:-1]) | (limit[1:] != limit[:-1])
    return np.flatnonzero(np.concatenate(([True], fresh)))
