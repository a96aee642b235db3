"""What a thread was doing, asked of a stretch of time: only what touches the stretch is looked at.

A thread may have made millions of calls. Their union as a whole takes several times the memory of the calls
themselves; so whoever cuts gaps goes through time once, some ten thousand rows at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.idle.layers import Layer, exclusive_lengths, layer
from nsysgap.analysis.relations.spans import LEAST, MOST, Spans, stretches
from nsysgap.arrays import grouped
from nsysgap.causes import CUDA_API, OS, PROFILER, SYNC, UNTRACED
from nsysgap.intervals import EMPTY, IntervalSet, complement, pieces, union, union_of
from nsysgap.tables import Table, Trace

Indices = NDArray[np.int32]
Times = NDArray[np.int64]
RANKS = (PROFILER, UNTRACED, SYNC, CUDA_API, OS)
"""What a thread did counts for the first of these parts."""


class ThreadTime:
    """What one thread was doing. `hidden_after_ns` as in Attribution."""

    def __init__(self, calls: Spans, syncs: Spans, osrt: Spans, overhead: Spans, untraced: IntervalSet) -> None:
        self.calls, self.syncs, self.osrt, self.overhead = calls, syncs, osrt, overhead
        self.untraced = untraced

    def sets(self, low: int = LEAST, high: int = MOST) -> Iterator[tuple[int, IntervalSet]]:
        """(part, when) in [low, high), as growing sets: each holds all the ones before it, so differences are
        exclusive. A set may reach beyond `high`."""
        covered = self.overhead.within(low, high)
        yield PROFILER, covered
        covered = union_of(covered, _between(self.untraced, low, high))
        yield UNTRACED, covered
        covered = union_of(covered, self.syncs.within(low, high))
        yield SYNC, covered
        # Calls nest and hardly ever cross: one union over all calls is as good as one over those that do not wait.
        covered = union_of(covered, self.calls.within(low, high))
        yield CUDA_API, covered
        if len(self.osrt):
            yield OS, union_of(covered, self.osrt.within(low, high))

    def lengths(self, a: Times, b: Times) -> Iterator[tuple[int, Times]]:
        """(part, how long of each [a, b) is that part's alone): what the differences of `sets` cover, not made as sets.

        `a` is sorted, b >= a. Parts that nothing is of may be left out.
        """
        for rank, length in exclusive_lengths(self._layers(int(a[0]), int(b.max())), a, b):
            yield RANKS[rank], length

    def _layers(self, low: int, high: int) -> list[Layer]:
        """What the thread did in [low, high), ranked as in RANKS."""
        layers = [layer(*_between(self.untraced, low, high), RANKS.index(UNTRACED))]
        for part, spans in ((PROFILER, self.overhead), (OS, self.osrt), (CUDA_API, self.calls), (SYNC, self.syncs)):
            first, last, rank = spans.position(low), spans.position(high), RANKS.index(part)
            reach = spans.reach(first)
            if reach > low:  # begun before, still going on
                layers.append(layer(np.array([low]), np.array([reach]), rank))
            if spans is self.calls:  # of which the syncs are some
                ranks = np.where(self.syncs.named(first, last), np.int8(RANKS.index(SYNC)), np.int8(rank))
                layers.append(Layer(*spans.between(first, last), ranks))
            elif spans is not self.syncs:
                layers.append(layer(*spans.between(first, last), rank))
        return layers


def _between(covered: IntervalSet, low: int, high: int) -> IntervalSet:
    """The intervals of a set that touch [low, high)."""
    some = slice(int(np.searchsorted(covered.ends, low, side="right")), int(np.searchsorted(covered.starts, high)))
    return IntervalSet(covered.starts[some], covered.ends[some])


class ThreadTimes:
    """What every thread of a report was doing; each is made ready when first asked for."""

    def __init__(self, trace: Trace, sync_names: list[int], hidden_after_ns: int) -> None:
        self.trace = trace
        self.sync_names = sync_names
        self.hidden_after_ns = hidden_after_ns
        self._made: dict[int, ThreadTime] = {}
        self._rows: dict[str, Callable[[int], Indices]] = {}
        self._ops: dict[int, Spans] = {}

    def of(self, thread: int) -> ThreadTime:
        """What a thread (row of threads) was doing."""
        if thread not in self._made:
            trace, rows = self.trace, self._of_thread("api", self.trace.api, thread)
            calls, syncs = Spans(trace.api, rows), Spans(trace.api, rows, self.sync_names)
            osrt, overhead = (
                Spans(table, self._of_thread(name, table, thread))
                for name, table in (("osrt", trace.osrt), ("overhead", trace.overhead))
            )
            self._made[thread] = ThreadTime(calls, syncs, osrt, overhead, self._untraced(thread, syncs))
        return self._made[thread]

    def _of_thread(self, name: str, table: Table, thread: int) -> Indices | None:
        """The rows of a table that belong to a thread, by start; None where all do."""
        threads = table["thread"]
        if len(threads) and threads[0] == thread and (threads == thread).all():
            return None
        if name not in self._rows:
            self._rows[name] = grouped(threads, self.trace.threads.rows)
        return self._rows[name](thread).astype(np.int32, copy=False)

    def _untraced(self, thread: int, syncs: Spans) -> IntervalSet:
        """The long stretches of a thread's synchronising calls in which no op of its process runs."""
        ops = self._ops_of(int(self.trace.threads["process"][thread]))
        untraced = [EMPTY]
        for some in stretches(len(syncs)):
            start, end = syncs.between(some.start, some.stop, every=True)
            long = np.flatnonzero(end - start > self.hidden_after_ns)  # a shorter call has no longer stretch
            long = long[syncs.named(some.start, some.stop)[long]] if len(long) else long
            start, end = start[long], end[long]
            if len(start):
                start, end, _ = pieces(start, end, complement(ops.within(int(start[0]), int(end.max()))))
                hidden = end - start > self.hidden_after_ns
                untraced.append(union(start[hidden], end[hidden]))
        return union_of(*untraced)

    def _ops_of(self, process: int) -> Spans:
        """The ops of a process, on any GPU."""
        if process not in self._ops:
            mine = self.trace.ops["process"] == process
            rows = None if mine.all() else np.flatnonzero(mine).astype(np.int32)
            self._ops[process] = Spans(self.trace.ops, rows)
        return self._ops[process]
