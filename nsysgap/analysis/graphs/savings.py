"""What one replay of a graph saved against the same ops launched one by one, when the report holds both."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.graphs.replays import Replays
from nsysgap.analysis.stats import stats
from nsysgap.figures import Stats
from nsysgap.tables import NO_GRAPH_NODE, NONE, Trace

Indices = NDArray[np.intp]


@dataclass(frozen=True)
class Singly:
    """The same ops launched singly: `time` from the first launch call's start to the last op's end, ns.

    A run that waited in the queue begins with the end of the run before it, as a replay does. `launches` is the number
    of launch calls in each, `calls` their durations' sum, ns.
    """

    launches: int
    time: Stats
    calls: Stats


def launched_singly(trace: Trace, calls: NDArray[np.int32], replays: Replays, process: int) -> Singly | None:
    """Find runs of single launches of a process with the same ops as a whole replay; None if there are none.

    A run is as many launches in a row as the graph has nodes, with the same ops by name and number, the first and the
    last op as in the graph. Runs do not overlap; what the program did between its launches counts.
    """
    names = trace.ops["name"][replays.whole_replay]
    single = np.flatnonzero(
        (trace.ops["process"] == process) & (trace.ops["graph_node"] == NO_GRAPH_NODE) & (calls != NONE)
    )
    single = single[np.argsort(trace.api["start"][calls[single]], kind="stable")]
    heads = _runs(trace.ops["name"][single], names)
    if not len(heads):
        return None
    return _measured(trace, calls, single, heads, len(names))


def _runs(names: NDArray[np.int32], wanted: NDArray[np.int32]) -> list[int]:
    """Where runs of the wanted names begin, greedily from the first: equal sums of one random number per name."""
    width = len(wanted)
    if len(names) < width:
        return []
    sums = np.concatenate((np.zeros(1, np.uint64), np.cumsum(_scrambled(names))))
    equal = sums[width:] - sums[:-width] == _scrambled(wanted).sum()
    edges = (names[: len(equal)] == wanted[0]) & (names[width - 1 :] == wanted[-1])
    heads: list[int] = []
    for position in np.flatnonzero(equal & edges).tolist():
        if not heads or position >= heads[-1] + width:
            heads.append(position)
    return heads


def _scrambled(values: NDArray[np.int32]) -> NDArray[np.uint64]:
    """The same well-mixed 64 bits for the same value (the finalizer of splitmix64)."""
    mixed = (values.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(mixed ^ (mixed >> np.uint64(31)), np.uint64)


def _measured(trace: Trace, calls: NDArray[np.int32], single: Indices, heads: list[int], width: int) -> Singly | None:
    positions = np.add.outer(np.array(heads), np.arange(width))
    ops, call = single[positions], calls[single[positions]]
    begin, end = trace.api["start"][call], trace.api["end"][call]
    first, last = trace.ops["start"][ops].min(axis=1), trace.ops["end"][ops].max(axis=1)
    before = np.concatenate(([np.iinfo(np.int64).min], np.maximum.accumulate(last)[:-1]))
    time = stats(last - np.minimum(np.maximum(begin[:, 0], before), first))
    cost = stats((end - begin).sum(axis=1))
    return None if time is None or cost is None else Singly(width, time, cost)
