"""What a synthetic process does: its threads, streams, phases and launches, before any time passes.

The work of a thread is a list of *episodes*: a run of launches that ends with the thread waiting for
all of them. Episodes are grouped into *rounds*; all threads of a process meet at the end of a round.
Because no op of an episode outlives it, the times of all episodes can be computed side by side.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

I64 = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]

NAIVE, QUEUED, MULTI, EVENT, GRAPH = range(5)
EPISODE_NAMES = ("naive", "queued", "multi-stream", "event", "graph")
KERNEL_OP, MEMCPY_OP, MEMSET_OP, GRAPH_OP = range(4)

FULL_MIX = {NAIVE: 0.2, QUEUED: 0.4, MULTI: 0.25, EVENT: 0.15}
_SIZES = {NAIVE: (1, 1), QUEUED: (8, 120), MULTI: (16, 96), EVENT: (6, 60), GRAPH: (1, 4)}


@dataclass(frozen=True)
class ProcessPlan:
    """What one process is asked to do; all counts are exact."""

    index: int
    kernels: int
    graph_launches: int
    nodes: int
    memcpy: int
    memset: int
    api: int
    osrt: int
    nvtx: int
    devices: int
    streams: int
    threads: int
    rounds_per_kind: int
    mix: dict[int, float] = field(default_factory=lambda: dict(FULL_MIX))

    @property
    def contexts(self) -> int:
        """Number of contexts: one per device that a launching thread uses."""
        return min(self.devices, self.threads)

    @property
    def launching_threads(self) -> int:
        """Threads that own at least one stream; the others only make OS calls."""
        return min(self.threads, self.contexts * self.streams)

    @property
    def direct_launches(self) -> int:
        """Launch calls that own one op each."""
        return self.kernels - self.graph_launches * self.nodes + self.memcpy + self.memset

    def streams_of(self, thread: int) -> list[int]:
        """Indices, within the thread's context, of the streams that only this thread uses."""
        rank = thread // self.contexts
        sharing = len(range(thread % self.contexts, self.launching_threads, self.contexts))
        return list(range(rank, self.streams, sharing))


@dataclass(frozen=True)
class Episodes:
    """One entry per episode, ordered by thread, then by round."""

    kind: I64
    size: I64
    thread: I64
    round: I64
    rounds: int


@dataclass(frozen=True)
class Launches:
    """One entry per launch call, ordered by episode."""

    episode: I64
    position: I64
    op: I64
    stream: I64
    recorded: Bool


def share(total: int, parts: int) -> list[int]:
    """Split ``total`` into ``parts`` integers that differ by at most one."""
    return [(total + parts - 1 - part) // parts for part in range(parts)]


def plan_episodes(plan: ProcessPlan, rng: np.random.Generator) -> Episodes:
    """Cut the launches of a process into episodes and deal them to threads and rounds."""
    kinds = _launches_per_kind(plan)
    rounds = plan.rounds_per_kind * max(1, len(kinds))
    parts = []
    for turn, (kind, launches) in enumerate(kinds.items()):
        size = _split(launches, *_SIZES[kind], rng)
        index = np.arange(len(size), dtype=np.int64)
        thread = index % plan.launching_threads
        step = index * plan.rounds_per_kind // max(1, len(size))
        parts.append(np.stack([np.full_like(size, kind), size, thread, step * len(kinds) + turn]))
    rows = np.concatenate(parts, axis=1) if parts else np.zeros((4, 0), np.int64)
    rows = rows[:, np.lexsort((rows[3], rows[2]))]
    return Episodes(rows[0], rows[1], rows[2], rows[3], rounds)


def plan_launches(plan: ProcessPlan, episodes: Episodes, rng: np.random.Generator) -> Launches:
    """Expand episodes into launch calls: what each launches, and on which stream."""
    episode = np.repeat(np.arange(len(episodes.size)), episodes.size)
    position = ranks(episodes.size)
    kind = episodes.kind[episode]
    recorded = (kind == EVENT) & (position == episodes.size[episode] * 6 // 10)
    op = np.where(kind == GRAPH, GRAPH_OP, KERNEL_OP)
    copies = rng.permutation(np.flatnonzero(op == KERNEL_OP))[: plan.memcpy + plan.memset]
    op[copies[: plan.memcpy]] = MEMCPY_OP
    op[copies[plan.memcpy :]] = MEMSET_OP
    choice = rng.integers(0, 1 << 30, len(episodes.size))[episode]
    choice = np.where(kind == MULTI, position, choice)
    stream = _stream_of(plan, episodes.thread[episode], choice)
    return Launches(episode, position, op, stream, recorded)


def ranks(counts: I64) -> I64:
    """0, 1, .. count - 1 for every count, one after another."""
    first = np.cumsum(counts) - counts
    return np.arange(int(counts.sum()), dtype=np.int64) - np.repeat(first, counts)


def _launches_per_kind(plan: ProcessPlan) -> dict[int, int]:
    left = plan.direct_launches
    kinds = {}
    for kind, part in plan.mix.items():
        kinds[kind] = min(left, round(plan.direct_launches * part))
        left -= kinds[kind]
    if kinds:
        kinds[next(reversed(kinds))] += left
    kinds[GRAPH] = plan.graph_launches
    return {kind: launches for kind, launches in kinds.items() if launches > 0}


def _split(total: int, low: int, high: int, rng: np.random.Generator) -> I64:
    """Random sizes in low..high (the last one may be smaller) that sum to ``total``."""
    sizes = rng.integers(low, high + 1, total // low + 1)
    ends = np.minimum(np.cumsum(sizes), total)
    sizes = np.diff(ends, prepend=0)
    return sizes[sizes > 0].astype(np.int64)


def _stream_of(plan: ProcessPlan, thread: I64, choice: I64) -> I64:
    owned = [plan.streams_of(index) for index in range(plan.launching_threads)]
    count = np.array([len(streams) for streams in owned], np.int64)
    table = np.zeros((len(owned), int(count.max())), np.int64)
    for index, streams in enumerate(owned):
        table[index, : len(streams)] = streams
    picked: I64 = table[thread, choice % count[thread]]
    return picked
