"""Which iterations launched exactly the same: what a CUDA graph could capture."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from functools import cached_property
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.loops.launched_inside import Launched, positions, span_edges
from nsysgap.analysis.relations.spans import ROWS, stretches
from nsysgap.arrays import WIDE, codes, index_type, narrowed
from nsysgap.cores import beside
from nsysgap.tables import Trace

Rows = NDArray[np.intp]
Times = NDArray[np.int64]
SHAPE_COLUMNS = ("grid_x", "grid_y", "grid_z", "block_x", "block_y", "block_z", "copy_kind", "bytes")
"""The columns of OP_DETAILS that tell ops of one kind and name apart."""
BASE = 0x9E3779B97F4A7C15
"""Odd, so that it has an inverse modulo 2**64."""


def op_shapes(trace: Trace, details: Iterable[tuple[Rows, Rows, dict[str, NDArray[Any]]]]) -> NDArray[np.int32]:
    """A number for each op's (kind, name, grid, block, copy kind, bytes): equal where all of them are.

    Names are compared as texts. `details`: of each kind of op (rows of ops, their rows of the kind's table, that
    table's columns, of which SHAPE_COLUMNS are taken out); ops that are not there differ by kind and name alone.
    """
    ops = trace.ops
    present = ops.distinct("name")
    number: dict[str, int] = {}
    of_name = np.fromiter((number.setdefault(trace.name(int(i)), len(number)) for i in present), np.int32, len(present))
    shape = np.empty(ops.rows, np.int32)
    for some in stretches(ops.rows):
        shape[some] = of_name[np.searchsorted(present, ops["name"][some])] * np.int32(4) + ops["kind"][some]
    beyond = 4 * len(number)
    for rows, table_rows, columns in details:
        shape_columns = [columns.pop(name) for name in SHAPE_COLUMNS if name in columns]
        of_table: NDArray[Any] = np.zeros(len(shape_columns[0]) if shape_columns else 0, np.int32)
        while shape_columns:  # each is held no longer than it is needed
            of_table = _folded(of_table, shape_columns.pop())
        of_kind = shape[rows]
        if len(of_table):
            of_kind = _folded(of_kind, narrowed(of_table)[table_rows])
        different, of_kind = codes(of_kind)
        shape[rows] = of_kind.astype(np.int32) + np.int32(beyond)
        beyond += len(different)
    return shape


def _folded(shape: NDArray[Any], values: NDArray[Any]) -> NDArray[Any]:
    """A number for each pair, as int32 where they fit; they stay small: numbering them anew needs no sort."""
    if not len(values) or (values == values[0]).all():
        return shape
    present, code = codes(values)
    if int(shape.max()) * len(present) >= WIDE:
        shape = codes(shape)[1]
    number = (int(shape.max()) + 1) * len(present)
    pair: NDArray[Any] = shape.astype(index_type(number)) * len(present)
    pair += code.astype(pair.dtype)
    return pair


class Shapes:
    """`op_shapes` of a report, worked out (its columns are read) when first asked for, which may be never."""

    def __init__(self, shapes_of: Callable[[], NDArray[np.int32]]) -> None:
        self._shapes_of = shapes_of
        self._working = Lock()
        self._of_ops: NDArray[np.int32] | None = None

    @property
    def of_ops(self) -> NDArray[np.int32]:
        """A number for what each op is: see `op_shapes`."""
        with self._working:
            if self._of_ops is None:
                self._of_ops = self._shapes_of()
            return self._of_ops

    def worked_out_beside(self, *, worth_it: bool = True) -> AbstractContextManager[object]:
        """`beside` with them: what fails there fails again, and is told, where they are asked for."""
        return beside(lambda: self.of_ops, worth_it=worth_it)


class Sequences:
    """The ops of one process in order of launch, as numbers to compare stretches of by one subtraction.

    A stretch's key is a polynomial of its ops' mixed numbers modulo 2**64; stretches of the most common key are then
    compared op by op, so that no accident of arithmetic shows.
    """

    def __init__(self, launched: Launched, shapes: Shapes) -> None:
        self.launched = launched
        self.shapes = shapes

    @cached_property
    def _sums(self) -> NDArray[np.uint64]:
        """Prefix sums of mixed * base**i for every i, modulo 2**64: shape (ops + 1,)."""
        op, shape = self.launched.op, self.shapes.of_ops
        sums, factors = np.zeros(len(op) + 1, np.uint64), powers(BASE, min(len(op), ROWS))
        for some in stretches(len(op)):
            spread = mixed(shape[op[some]])
            spread *= factors[: len(spread)]
            spread *= np.uint64(pow(BASE, some.start, 1 << 64))
            np.cumsum(spread, out=spread)
            spread += sums[some.start]
            sums[some.start + 1 : some.stop + 1] = spread
        return sums

    def identical(self, start: Times, end: Times) -> NDArray[np.bool_]:
        """Which iterations launched exactly the most common sequence (of equally common ones the earliest)."""
        low, high = span_edges(self.launched.op_time, start, end)
        key = (self._sums[high] - self._sums[low]) * powers_at(pow(BASE, -1, 1 << 64), low)
        number = np.unique(key, return_inverse=True)[1] * np.int64(len(self._sums)) + (high - low)
        _, first, group, count = np.unique(number, return_index=True, return_inverse=True, return_counts=True)
        best = np.lexsort((first, -count))[0]
        same: NDArray[np.bool_] = group == best
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
    raised = np.full(number, np.uint64(base % (1 << 64)))
    if number:
        raised[0] = 1
        np.multiply.accumulate(raised, out=raised)
    return raised


def powers_at(base: int, exponents: Times) -> NDArray[np.uint64]:
    """base**i modulo 2**64 for some i, by squaring."""
    raised = np.ones(len(exponents), np.uint64)
    left = exponents.astype(np.uint64)
    while left.any():
        odd = (left & np.uint64(1)).astype(np.bool_)
        raised[odd] *= np.uint64(base % (1 << 64))
        base = base * base % (1 << 64)
        left >>= np.uint64(1)
    return raised


def mixed(numbers: NDArray[np.int32]) -> NDArray[np.uint64]:
    """Numbers spread over 64 bits: the finaliser of splitmix64 (Steele, Lea, Flood, 2014)."""
    spread = numbers.astype(np.uint64) + np.uint64(1)
    spread *= np.uint64(0x9E3779B97F4A7C15)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        spread ^= spread >> np.uint64(shift)
        spread *= np.uint64(factor)
    spread ^= spread >> np.uint64(31)
    return spread
