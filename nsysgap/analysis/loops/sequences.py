"""Which iterations launched exactly the same: what a CUDA graph could capture."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.loops.launched_inside import Launched, positions, span_edges
from nsysgap.arrays import codes, distinct
from nsysgap.tables import Table, Trace

Times = NDArray[np.int64]
SHAPE_COLUMNS = ("grid_x", "grid_y", "grid_z", "block_x", "block_y", "block_z", "copy_kind", "bytes")
"""The columns of OP_DETAILS that tell ops of one kind and name apart."""
BASE = 0x9E3779B97F4A7C15
"""Odd, so that it has an inverse modulo 2**64."""


def op_shapes(trace: Trace, details: Table | None) -> NDArray[np.int32]:
    """A number for each op's (kind, name, grid, block, copy kind, bytes): equal where all of them are.

    Names are compared as texts. Without `details` ops differ by kind and name alone.
    """
    ops = trace.ops
    present = distinct(ops["name"])
    number: dict[str, int] = {}
    of_name = np.fromiter((number.setdefault(trace.name(int(i)), len(number)) for i in present), np.int32, len(present))
    shape = of_name[np.searchsorted(present, ops["name"])].astype(np.int64) * 4 + ops["kind"]
    for name in SHAPE_COLUMNS if details is not None else ():
        values = details[name] if details is not None else shape
        if len(values) and (values == values[0]).all():
            continue
        shape = _folded(shape, values)
    return shape.astype(np.int32)


def _folded(shape: Times, values: NDArray[np.int64]) -> Times:
    """A number for each pair, below the number of distinct pairs."""
    present, code = codes(values)
    pair = codes(shape)[1].astype(np.int64)
    pair *= len(present)
    pair += code
    return codes(pair)[1].astype(np.int64)


class Shapes:
    """`op_shapes` of a report, worked out (its columns are read) when first asked for, which may be never."""

    def __init__(self, shapes_of: Callable[[], NDArray[np.int32]]) -> None:
        self._shapes_of = shapes_of

    @cached_property
    def of_ops(self) -> NDArray[np.int32]:
        """A number for what each op is: see `op_shapes`."""
        return self._shapes_of()


class Sequences:
    """The ops of one process in order of launch, as numbers to compare stretches of by one subtraction.

    A stretch's key is a polynomial of its ops' mixed numbers modulo 2**64; stretches of the most common key are then
    compared op by op, so that no accident of arithmetic shows.
    """

    def __init__(self, launched: Launched, shapes: Shapes) -> None:
        self.launched = launched
        self.shapes = shapes

    @cached_property
    def _keys(self) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
        """(prefix sums of mixed * base**i, base**-i for every i), modulo 2**64: shape (ops + 1,)."""
        spread = mixed(self.shapes.of_ops[self.launched.op])
        spread *= powers(BASE, len(spread))
        sums = np.zeros(len(spread) + 1, np.uint64)
        np.cumsum(spread, out=sums[1:])
        return sums, powers(pow(BASE, -1, 1 << 64), len(sums))

    def identical(self, start: Times, end: Times) -> NDArray[np.bool_]:
        """Which iterations launched exactly the most common sequence (of equally common ones the earliest)."""
        low, high = span_edges(self.launched.op_time, start, end)
        sums, inverse = self._keys
        key = (sums[high] - sums[low]) * inverse[low]
        pairs = np.column_stack((high - low, key.view(np.int64)))
        _, first, group, count = np.unique(pairs, axis=0, return_index=True, return_inverse=True, return_counts=True)
        best = max(range(len(count)), key=lambda i: (count[i], -first[i]))
        same: NDArray[np.bool_] = group.reshape(-1) == best
        chosen = np.flatnonzero(same)
        same[chosen] = self._equal(low[chosen], high[chosen])
        return same

    def _equal(self, low: Times, high: Times) -> NDArray[np.bool_]:
        """Which of equally long stretches equal the first of them."""
        inside, _ = positions(low, high)
        if not len(inside):
            return np.ones(len(low), np.bool_)
        shape = self.shapes.of_ops[self.launched.op[inside]].reshape(len(low), -1)
        equal: NDArray[np.bool_] = (shape == shape[0]).all(axis=1)
        return equal


def powers(base: int, number: int) -> NDArray[np.uint64]:
    """base**i modulo 2**64 for i below a number."""
    found = np.full(number, np.uint64(base % (1 << 64)))
    if number:
        found[0] = 1
        np.multiply.accumulate(found, out=found)
    return found


def mixed(numbers: NDArray[np.int32]) -> NDArray[np.uint64]:
    """Numbers spread over 64 bits: the finaliser of splitmix64 (Steele, Lea, Flood, 2014)."""
    found = numbers.astype(np.uint64) + np.uint64(1)
    found *= np.uint64(0x9E3779B97F4A7C15)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        found ^= found >> np.uint64(shift)
        found *= np.uint64(factor)
    found ^= found >> np.uint64(31)
    return found
