"""The algebra of half-open int64 intervals [start, end) that every figure of nsysgap rests on.

A *set* is a pair of arrays (starts, ends) of equal length, sorted, disjoint and not touching, each end > its start:
the only form in which the covered length of any [a, b) is two binary searches. `union` makes one from any intervals;
zero-length intervals cover nothing and vanish there. All functions are vectorised and leave their arguments alone.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Times = NDArray[np.int64]
Indices = NDArray[np.intp]


class IntervalSet(NamedTuple):
    """Sorted, disjoint, non-touching, non-empty intervals: int64 arrays of shape (n,)."""

    starts: Times
    ends: Times

    @property
    def total(self) -> int:
        """The covered length."""
        return int((self.ends - self.starts).sum())


EMPTY = IntervalSet(np.empty(0, np.int64), np.empty(0, np.int64))


def union(starts: Times, ends: Times) -> IntervalSet:
    """The set covered by any intervals: unsorted, overlapping, touching, nested or empty ones alike.

    Intervals with end <= start cover nothing. O(n) when `starts` is sorted, else one stable sort.
    """
    if len(starts) and not bool((ends > starts).all()):
        keep = ends > starts
        starts, ends = starts[keep], ends[keep]
    if not len(starts):
        return EMPTY
    if not is_sorted(starts):
        order = np.argsort(starts, kind="stable")
        starts, ends = starts[order], ends[order]
    reach = np.maximum.accumulate(ends)
    breaks = np.flatnonzero(starts[1:] > reach[:-1])
    return IntervalSet(starts[np.concatenate(([0], breaks + 1))], reach[np.concatenate((breaks, [len(starts) - 1]))])


def union_of(*sets: IntervalSet) -> IntervalSet:
    """The set covered by any of several sets."""
    filled = [covered for covered in sets if len(covered.starts)]
    if len(filled) < 2:
        return filled[0] if filled else EMPTY
    return union(
        np.concatenate([covered.starts for covered in filled]), np.concatenate([covered.ends for covered in filled])
    )


def is_sorted(values: NDArray[np.integer[Any]]) -> bool:
    """Whether no value is smaller than the one before it."""
    return bool((values[1:] >= values[:-1]).all())


def covered_before(covered: IntervalSet, times: Times) -> Times:
    """For each time t the covered length of (-inf, t): a prefix sum and one binary search."""
    if not len(covered.starts):
        return np.zeros(len(times), np.int64)
    prefix = np.concatenate(([0], np.cumsum(covered.ends - covered.starts)))
    index = np.searchsorted(covered.starts, times, side="right")
    last = np.maximum(index - 1, 0)
    unfinished = np.where(index > 0, np.maximum(covered.ends[last] - times, 0), 0)
    return np.asarray(prefix[index] - unfinished, np.int64)


def covered_length(covered: IntervalSet, starts: Times, ends: Times) -> Times:
    """The covered length of each [start, end); 0 where end <= start."""
    return covered_before(covered, np.maximum(starts, ends)) - covered_before(covered, starts)


def gaps_between(covered: IntervalSet) -> IntervalSet:
    """The maximal uncovered intervals between the first start and the last end of a set."""
    return IntervalSet(covered.ends[:-1], covered.starts[1:])


def subtract(left: IntervalSet, right: IntervalSet) -> IntervalSet:
    """What `left` covers and `right` does not."""
    return intersect(left, complement(right))


def complement(covered: IntervalSet) -> IntervalSet:
    """Everything a set does not cover, from the smallest to the largest int64."""
    limits = np.iinfo(np.int64)
    starts = np.concatenate(([limits.min], covered.ends)).astype(np.int64)
    ends = np.concatenate((covered.starts, [limits.max])).astype(np.int64)
    keep = ends > starts
    return IntervalSet(starts[keep], ends[keep])


def intersect(left: IntervalSet, right: IntervalSet) -> IntervalSet:
    """What both sets cover."""
    starts, ends, _ = pieces(left.starts, left.ends, right)
    return IntervalSet(starts, ends)


def pieces(starts: Times, ends: Times, within: IntervalSet) -> tuple[Times, Times, Indices]:
    """Cut any intervals to a set: the non-empty pieces of each, in order, and the index of the interval they came from.

    The intervals may overlap and need no order; a piece belongs to exactly one interval and lies in one of `within`.
    """
    first = np.searchsorted(within.ends, starts, side="right")
    last = np.searchsorted(within.starts, ends, side="left")
    count = np.maximum(last - first, 0)
    count[ends <= starts] = 0
    owner = np.repeat(np.arange(len(starts)), count)
    offset = np.arange(len(owner)) - np.repeat(np.cumsum(count) - count, count)
    part = first[owner] + offset
    return np.maximum(starts[owner], within.starts[part]), np.minimum(ends[owner], within.ends[part]), owner


def covered_in_groups(group: Indices, offset: Times, length: Times, span: Times) -> Times:
    """The covered length of each group's intervals, all groups laid end to end: int64 of shape (groups,).

    An interval begins at `offset` from its group's start, and no group's intervals reach beyond its `span`.
    """
    origin = np.concatenate(([0], np.cumsum(span + 1)))
    order = np.argsort(group, kind="stable")
    begin = offset[order] + origin[group[order]]
    covered = union(begin, begin + length[order])
    lengths = np.zeros(len(span), np.int64)
    np.add.at(lengths, np.searchsorted(origin, covered.starts, side="right") - 1, covered.ends - covered.starts)
    return lengths
