"""Ops by what they are: kernels by demangled name, copies by kind and bytes, graphs without their IDs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.comparing.captures import OpKey, OpTime, Side
from nsysgap.arrays import codes, combined_codes
from nsysgap.kernel_names import short_kernel_name
from nsysgap.range_labels import label_of
from nsysgap.tables import GRAPH, KERNEL, MEMCPY, MEMSET, OP_KINDS, Trace

UNKNOWN_SIZE = -1


def op_times(
    trace: Trace, size: NDArray[np.int64], rows: NDArray[np.integer[Any]], *, short: bool = False
) -> dict[OpKey, OpTime]:
    """Time and number of some ops by kind and name. `size`: bytes of every op, -1 unknown; `short`: short names."""
    if not len(rows):
        return {}
    ops = trace.ops
    kind, name = ops["kind"][rows], ops["name"][rows]
    sized = np.where((kind == MEMCPY) | (kind == MEMSET), size[rows], UNKNOWN_SIZE)
    code, number = combined_codes(kind, name, sized)
    if number > len(rows):
        _, code = codes(code)
    count = np.bincount(code)
    # Exact: sums of whole nanoseconds below 2**53, which is 104 days.
    time = np.bincount(code, weights=(ops["end"][rows] - ops["start"][rows]).astype(np.float64))
    first = np.zeros(len(count), np.int64)
    first[code[::-1]] = np.arange(len(rows) - 1, -1, -1)
    by_key: dict[OpKey, OpTime] = {}
    for at in np.flatnonzero(count).tolist():
        row = int(first[at])
        key = op_key(trace, int(kind[row]), int(name[row]), int(sized[row]), short=short)
        known = by_key.get(key, OpTime(0, 0))
        by_key[key] = OpTime(known.ns + int(time[at]), known.count + int(count[at]))
    return by_key


def op_key(trace: Trace, kind: int, name: int, size: int, *, short: bool) -> OpKey:
    """(kind, name) of an op: what stays the same from capture to capture."""
    text = trace.name(name)
    if kind == KERNEL:
        text = short_kernel_name(text) if short else text
    elif kind == GRAPH:
        text = label_of(text)  # its number is an ID of that run
    elif size != UNKNOWN_SIZE:
        text = f"{text} {size:,} B"
    return OP_KINDS[kind], text


@dataclass(frozen=True)
class OpChange:
    """Ops of one kind and name on both sides, per iteration: ns, and number (a fraction where not in every one).

    `None` on a side that has none of them.
    """

    kind: str
    name: str
    before: OpTimes | None
    after: OpTimes | None

    @property
    def change(self) -> int:
        """ns per iteration: after less before."""
        return (self.after.ns if self.after else 0) - (self.before.ns if self.before else 0)


@dataclass(frozen=True)
class OpTimes:
    """Per iteration of a side: ns (whole), number; `mean`: ns of one of them."""

    ns: int
    count: float
    mean: int


def match_ops(before: Side, after: Side) -> list[OpChange]:
    """Every op of both sides by kind and name: the largest change first, then the longest, then by name."""
    sides = [dict(_per_iteration(side)) for side in (before, after)]
    keys = dict.fromkeys([*sides[0], *sides[1]])
    changes = [OpChange(*key, sides[0].get(key), sides[1].get(key)) for key in keys]
    return sorted(changes, key=lambda op: (-abs(op.change), -_longest(op), op.kind, op.name))


def _longest(op: OpChange) -> int:
    return max(side.ns for side in (op.before, op.after) if side is not None)


def _per_iteration(side: Side) -> Iterator[tuple[OpKey, OpTimes]]:
    """The median over the captures; a capture that lacks an op has 0 of it."""
    keys = dict.fromkeys(key for capture in side for key in capture.ops)
    middle = (len(side) - 1) // 2
    for key in keys:
        per_capture = [(capture.ops.get(key, OpTime(0, 0)), max(capture.iterations, 1)) for capture in side]
        ns = sorted(op.ns // number for op, number in per_capture)[middle]
        count = sorted(op.count / number for op, number in per_capture)[middle]
        mean = sorted(op.ns // op.count for op, _ in per_capture if op.count)
        yield key, OpTimes(ns, count, mean[(len(mean) - 1) // 2])


def coverage(ops: list[OpChange]) -> tuple[int, float, float]:
    """(how many names both sides have, the share of their time on each side in percent); 0 of a side without any."""
    both = [op for op in ops if op.before is not None and op.after is not None]
    shares = []
    for side in ("before", "after"):
        whole = sum(getattr(op, side).ns for op in ops if getattr(op, side) is not None)
        matched = sum(getattr(op, side).ns for op in both)
        shares.append(round(100 * matched / whole, 3) if whole else 0.0)
    return len(both), shares[0], shares[1]
