"""Idle time by call path: stacks with weights merged into one tree, summed up by line, function or file."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.stacks.code_owner import ABOVE, OWN
from nsysgap.tables import CALL_TREE, NONE, Stacks, Table

Times = NDArray[np.int64]
FEW_SAMPLES = 10
Z95 = 1.959963984540054
BY = ("line", "function", "file")
SORTS = ("self", "inclusive")


def call_tree(stacks: Stacks, ns: Times, near: Times, samples: Times) -> Table:
    """Merge stacks from their outermost frames: the table CALL_TREE.

    `ns`, `near` and `samples` give the idle time, what of it went to merely the nearest sample, and the number of
    samples of each row of `stacks.stacks`; those with neither time nor samples are left out, and so is a stack without
    frames.
    """
    count = stacks.stacks["count"]
    chosen = np.flatnonzero(((ns > 0) | (samples > 0)) & (count > 0))
    parents, frames, node = call_paths(stacks, chosen)
    return _weighed(parents, frames, node, ns[chosen], near[chosen], samples[chosen])


def call_paths(stacks: Stacks, chosen: NDArray[np.intp]) -> tuple[list[Times], list[Times], Times]:
    """The tree of some stacks, none of them empty: (parents, frames, the node where each stack ends).

    Parents and frames are in levels from the outermost; nodes are numbered through all levels, -1 above the first.
    """
    count, first = stacks.stacks["count"].astype(np.int64), stacks.stacks["first"]
    node = np.full(len(chosen), NONE, np.int64)
    parents: list[Times] = []
    frames: list[Times] = []
    size, level = 0, 0
    active = np.arange(len(chosen))
    while len(active):
        stack = chosen[active]
        frame = stacks.chain[first[stack] + count[stack] - 1 - level].astype(np.int64)
        key, number = np.unique((node[active] + 1) * stacks.frames.rows + frame, return_inverse=True)
        parents.append(key // stacks.frames.rows - 1)
        frames.append(key % stacks.frames.rows)
        node[active] = size + number
        size, level = size + len(key), level + 1
        active = active[count[chosen[active]] > level]
    return parents, frames, node


def _weighed(parents: list[Any], frames: list[Any], leaf: Times, ns: Times, near: Times, samples: Times) -> Table:
    if not parents:
        return CALL_TREE.empty()
    parent, frame = np.concatenate(parents), np.concatenate(frames)
    own, own_near, own_samples = np.zeros((3, len(parent)), np.int64)
    np.add.at(own, leaf, ns)
    np.add.at(own_near, leaf, near)
    np.add.at(own_samples, leaf, samples)
    total, total_samples = own.copy(), own_samples.copy()
    end = len(parent)
    for level in reversed(parents[1:]):
        begin = end - len(level)
        np.add.at(total, level, total[begin:end])
        np.add.at(total_samples, level, total_samples[begin:end])
        end = begin
    columns: dict[str, NDArray[Any]] = {
        "parent": parent.astype(np.int32),
        "frame": frame.astype(np.int32),
        "self_ns": own,
        "total_ns": total,
        "near_ns": own_near,
        "self_samples": own_samples,
        "total_samples": total_samples,
    }
    return Table(CALL_TREE, columns)


@dataclass(frozen=True)
class Place:
    """Idle time of one line, function or file. `frame`: a row of frames that stands for it.

    `self_ns`: with it innermost (or the innermost of the program's own code), `near_ns` of it by merely the nearest
    sample; `inclusive_ns`: with it anywhere on the stack, recursion counted once. `low_ns` and `high_ns` bound
    `self_ns` with 95 % confidence.
    """

    frame: int
    self_ns: int
    near_ns: int
    inclusive_ns: int
    self_samples: int
    inclusive_samples: int
    low_ns: int
    high_ns: int

    @property
    def few(self) -> bool:
        """Whether the row rests on too few samples to be relied on."""
        return self.self_samples < FEW_SAMPLES


def places_by(
    tree: Table, frames: Table, by: str, effective: float, tell: NDArray[np.int8] | None = None, sort: str = "self"
) -> list[Place]:
    """The tree summed up by one of BY, by one of SORTS: most time first, then the other time, then as listed in frames.

    `effective`: the number of independent samples that the whole tree rests on; 0 for exact times. With `tell` (how
    much each frame says of the program: code_owner) a stack's time is that of its innermost frame of the program's own
    code, where it has none the innermost above driver, C library and kernel, else its innermost.
    """
    keys, stands_for = _keys(frames, by)
    key = keys[tree["frame"]]
    number = len(stands_for)
    summed = ("self_ns", "near_ns", "total_ns", "self_samples", "total_samples")
    sums = {name: np.zeros(number, np.int64) for name in summed}
    outer = _outermost(tree["parent"], key)
    innermost = key if tell is None else key[_most_telling(tree["parent"], tell[tree["frame"]])]
    for name, column in sums.items():
        rows, of = (outer, key[outer]) if name.startswith("total") else (slice(None), innermost)
        np.add.at(column, of, tree[name][rows])
    whole = int(sums["self_ns"].sum())
    times = (sums["total_ns"], sums["self_ns"])
    order = np.lexsort((np.arange(number), *(-time for time in (times if sort == "self" else times[::-1]))))
    seen = order[(sums["total_ns"][order] > 0) | (sums["total_samples"][order] > 0)]
    listed = []
    for index in seen.tolist():
        own_ns, near, inclusive, own_samples, samples = (int(sums[name][index]) for name in summed)
        low, high = interval(own_ns, whole, effective)
        listed.append(Place(int(stands_for[index]), own_ns, near, inclusive, own_samples, samples, low, high))
    return listed


def _most_telling(parent: NDArray[np.int32], tell: NDArray[np.int8]) -> NDArray[np.int64]:
    """For each node the nearest of the program's own code, else the nearest above the system; itself without either."""
    own = _nearest(parent, tell == OWN)
    above = _nearest(parent, tell >= ABOVE)
    return np.where(tell[own] == OWN, own, above)


def _nearest(parent: NDArray[np.int32], own: NDArray[np.bool_]) -> NDArray[np.int64]:
    """For each node the nearest that is `own`, itself or above; itself where there is none."""
    node = np.arange(len(parent))
    at = node.copy()
    rows = np.flatnonzero(~own)
    while len(rows):
        at[rows] = parent[at[rows]]
        none = at[rows] == NONE
        at[rows[none]] = node[rows[none]]
        rows = rows[~none]
        rows = rows[~own[at[rows]]]
    return at


def _keys(frames: Table, by: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(the group of each frame, the first frame of each group)."""
    columns = {"line": ("function", "file", "line"), "function": ("function", "file"), "file": ("file",)}[by]
    if not frames.rows:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    rows = np.stack([frames[name].astype(np.int64) for name in columns], axis=1)
    _, first, group = np.unique(rows, axis=0, return_index=True, return_inverse=True)
    return group.reshape(-1), first


def _outermost(parent: NDArray[np.int32], key: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether no node above has the same key: recursion counts once."""
    inner = np.zeros(len(parent), np.bool_)
    above = parent.astype(np.int64)
    rows = np.flatnonzero(above != NONE)
    while len(rows):
        hit = key[above[rows]] == key[rows]
        inner[rows[hit]] = True
        rows = rows[~hit]
        above[rows] = parent[above[rows]]
        rows = rows[above[rows] != NONE]
    return ~inner


def interval(part: int, whole: int, effective: float) -> tuple[int, int]:
    """The 95 % interval of a part of `whole` ns by Wilson's score, resting on so many independent samples.

    (part, part) for exact times (effective 0). https://doi.org/10.1080/01621459.1927.10502953
    """
    if not effective or not whole:
        return part, part
    share, spread = part / whole, Z95 * Z95 / effective
    middle = (share + spread / 2) / (1 + spread)
    half = Z95 / (1 + spread) * sqrt(share * (1 - share) / effective + spread / (4 * effective))
    return max(0, int((middle - half) * whole)), min(whole, int((middle + half) * whole + 1))
