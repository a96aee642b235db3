"""Commands collected by shape until there is a batch of them, and cut into strided runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Executor(Protocol):
    """What runs products. Slots of a shape are numbered from 0."""

    launches: int

    def single(self, shape: int, slot: int) -> None:
        """Launch one product."""

    def batched(self, shape: int, first: int, stride: int, count: int) -> None:
        """Launch `count` products on the slots first, first + stride, ... as one."""


def strided_runs(slots: NDArray[np.int64]) -> list[tuple[int, int, int]]:
    """Cut slots into (first, stride, count): maximal runs of one positive stride, in order.

    A slot is at most once in a run, so that no two products of one launch write the same result.
    """
    runs: list[tuple[int, int, int]] = []
    begin = 0
    steps = np.diff(slots)
    while begin < len(slots):
        stride = int(steps[begin]) if begin < len(steps) else 0
        if stride <= 0:
            count = 1
        else:
            other = np.flatnonzero(steps[begin:] != stride)
            count = 1 + (int(other[0]) if len(other) else len(steps) - begin)
        runs.append((int(slots[begin]), stride if count > 1 else 1, count))
        begin += count
    return runs


class OneByOne:
    """Mode none: each command is a launch of its own."""

    def __init__(self, executor: Executor) -> None:
        """Hand every command to the executor."""
        self._executor = executor
        self.done = 0
        self.waiting = 0

    def take(self, commands: NDArray[np.void]) -> None:
        """Launch commands in order."""
        single = self._executor.single
        for shape, slot in zip(commands["shape"].tolist(), commands["slot"].tolist(), strict=True):
            single(shape, slot)
        self.done += len(commands)

    def flush(self) -> None:
        """Nothing ever waits."""


class ByShape:
    """Mode shape-batched: commands of one shape wait for each other, and become one launch.

    A bucket is flushed when it holds `batch` commands; `flush` (after an idle time, at the end)
    flushes all, the one whose first command came first at first. Commands of one shape keep their
    order, those of different shapes need not.
    """

    def __init__(self, executor: Executor, batch: int) -> None:
        """Start with empty buckets."""
        self._executor, self.batch = executor, batch
        self._buckets: dict[int, NDArray[np.int64]] = {}
        self.done = 0

    @property
    def waiting(self) -> int:
        """How many commands wait in buckets."""
        return sum(len(slots) for slots in self._buckets.values())

    def take(self, commands: NDArray[np.void]) -> None:
        """Put commands into their buckets, and launch those that are full."""
        shapes = commands["shape"]
        _, first = np.unique(shapes, return_index=True)
        for shape in shapes[np.sort(first)].tolist():
            new = commands["slot"][shapes == shape].astype(np.int64)
            slots = np.concatenate((self._buckets.pop(shape, new[:0]), new))
            full = len(slots) - len(slots) % self.batch
            for begin in range(0, full, self.batch):
                self._launch(shape, slots[begin : begin + self.batch])
            if full < len(slots):
                self._buckets[shape] = slots[full:]

    def flush(self) -> None:
        """Launch what waits."""
        for shape in list(self._buckets):
            self._launch(shape, self._buckets.pop(shape))

    def _launch(self, shape: int, slots: NDArray[np.int64]) -> None:
        for first, stride, count in strided_runs(slots):
            self._executor.batched(shape, first, stride, count)
        self.done += len(slots)


Runner = OneByOne | ByShape
