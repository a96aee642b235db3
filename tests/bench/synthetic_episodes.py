"""Plays the episodes of a process through: host calls, GPU ops and waiting, in time relative to each episode.

All times are nanoseconds. An op starts after its launch call starts and after the previous op of its
stream has ended; a synchronising call returns after the ops that it waits for. Within an episode the
host does not depend on the GPU until the waiting at the end, so every step is a numpy expression over
all episodes at once; only the running maximum along a stream needs order (see `run_streams`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from synthetic_plan import (
    GRAPH_OP,
    I64,
    KERNEL_OP,
    MEMCPY_OP,
    MEMSET_OP,
    Episodes,
    Launches,
    ProcessPlan,
    plan_episodes,
    plan_launches,
    ranks,
)

# Roles of host calls. The first four are the launch ops of synthetic_plan.py, in the same order.
RECORD, FILLER, NESTED, STREAM_SYNC, EVENT_SYNC, DEVICE_SYNC = range(4, 10)
# Mean host time before, and length of, a call of each role. Most kernels are shorter than the two together, so that a
# stream runs dry between launches: a report with few gaps would measure little.
_GAP_NS = np.array([9000, 6000, 1200, 2500, 300, 150], np.int64)
_CALL_NS = np.array([3800, 5200, 4100, 9000, 900, 350], np.int64)

# Mean duration of each kernel of synthetic_rows.KERNELS: the first half is shorter than a launch call.
KERNEL_NS = np.array([1800, 2400, 3100, 4200, 5600, 7400, 12000, 19000, 28000, 38500, 52000, 74000], np.int64)
# Share of an episode kind's episodes that launch long kernels, so that the launches run ahead of the GPU. A graph's
# nodes are the same kernels in each launch.
LONG_SHARE = np.array([0.25, 0.3, 0.1, 0.1, 0.0])
# The last of so many launches calls the driver itself, and so holds no nested driver call.
DRIVER_EVERY = 4
LAUNCH_DELAY_NS = (1800, 7000)


@dataclass(frozen=True)
class Ops:
    """One entry per GPU op of a process, in order of start; ``launch`` numbers its launch call."""

    start: I64
    end: I64
    context: I64
    stream: I64
    launch: I64
    correlation: I64
    op: I64
    name: I64
    size: I64
    node: I64
    thread: I64


@dataclass(frozen=True)
class Setup:
    """What is fixed before time is counted.

    ``used`` holds the distinct (episode, stream) pairs as sorted keys, episode x streams + stream;
    ``used_by`` is each launch's index among them.
    """

    plan: ProcessPlan
    episodes: Episodes
    launches: Launches
    used: I64
    used_by: I64
    rng: np.random.Generator

    @staticmethod
    def of(plan: ProcessPlan, rng: np.random.Generator) -> Setup:
        episodes = plan_episodes(plan, rng)
        launches = plan_launches(plan, episodes, rng)
        keys, index = np.unique(launches.episode * plan.streams + launches.stream, return_inverse=True)
        return Setup(plan, episodes, launches, keys, index.astype(np.int64), rng)

    def required_calls(self) -> int:
        """API rows that the ops and the waiting for them need."""
        syncs = len(self.used) + self.plan.contexts * self.episodes.rounds
        return len(self.launches.op) + 2 * int(self.launches.recorded.sum()) + syncs


@dataclass
class Host:
    """Top-level host calls before the waiting, relative to the episode's start."""

    role: I64
    episode: I64
    start: I64
    end: I64
    launch_row: I64
    record_row: I64
    finish: I64


@dataclass
class Rows:
    """API rows under construction, in no order."""

    start: I64
    end: I64
    thread: I64
    role: I64
    stream: I64
    launch: I64
    event: I64
    parent: I64

    @staticmethod
    def of(start: I64, end: I64, thread: I64, role: I64 | int, **more: I64) -> Rows:
        none = np.full(len(start), -1, np.int64)
        column = np.full(len(start), role, np.int64) if isinstance(role, int) else role
        names = ("stream", "launch", "event", "parent")
        return Rows(start, end, thread, column, *(more.get(name, none) for name in names))

    @staticmethod
    def join(parts: list[Rows]) -> Rows:
        return Rows(*(np.concatenate([getattr(part, name) for part in parts]) for name in Rows.__annotations__))


def run_streams(segment: I64, ready: I64, gap: I64, duration: I64) -> I64:
    """End of every op of streams that work one op at a time: end[i] = max(ready[i], end[i-1] + gap[i]) + duration[i].

    ``segment`` numbers the streams and must ascend; the first op of a segment has no predecessor.
    With C the running sum of gap + duration, end - C is a running maximum of ready + duration - C;
    lifting each segment above all earlier ones makes one maximum serve all.
    """
    if not len(segment):
        return np.zeros(0, np.int64)
    total = np.cumsum(gap + duration)
    first = np.flatnonzero(np.diff(segment, prepend=segment[0] - 1))
    longest = int(np.add.reduceat(gap + duration, first).max())
    lift = (np.cumsum(np.diff(segment, prepend=segment[0]) != 0)) * (2 * (int(ready.max()) + longest) + 1)
    ends: I64 = np.maximum.accumulate(ready + duration - total + lift) + total - lift
    return ends


def host_calls(setup: Setup, fillers: int) -> Host:
    launches, rng = setup.launches, setup.rng
    count = len(launches.op)
    before = np.bincount(rng.integers(0, max(1, count), fillers if count else 0), minlength=count)
    width = before + 1 + launches.recorded
    row = np.cumsum(width) - 1
    launch_row = row - launches.recorded
    role = np.full(int(width.sum()), FILLER, np.int64)
    role[launch_row] = launches.op
    record_row = row[launches.recorded]
    role[record_row] = RECORD
    gap = _GAP_NS[role] * rng.integers(700, 1600, len(role)) // 1000
    call = _CALL_NS[role] * rng.integers(700, 1700, len(role)) // 1000
    finish = np.cumsum(gap + call)
    episode = np.repeat(launches.episode, width)
    first = np.flatnonzero(np.diff(episode, prepend=-1))
    base = np.repeat((finish - gap - call)[first], np.diff(first, append=len(episode)))
    last = np.append(first[1:], len(episode)) - 1
    end = finish - base
    return Host(role, episode, end - call, end, launch_row, record_row, end[last])


def run_ops(setup: Setup, host: Host) -> Ops:
    """Run all ops; times are relative to their episode, correlation IDs are not given out yet."""
    plan, launches, rng = setup.plan, setup.launches, setup.rng
    width = np.where(launches.op == GRAPH_OP, plan.nodes, 1)
    launch = np.repeat(np.arange(len(width)), width)
    order = np.argsort(setup.used_by[launch], kind="stable")
    launch = launch[order]
    node = np.where(launches.op[launch] == GRAPH_OP, ranks(width)[order], -1)
    op = np.where(node >= 0, KERNEL_OP, launches.op[launch])
    name = _kernel_names(setup, launch, node)
    size = 1 << rng.integers(10, 25, len(op))
    delay = rng.integers(*LAUNCH_DELAY_NS, len(width))
    ready = (host.start[host.launch_row] + delay)[launch]
    gap = np.where(node > 0, rng.integers(100, 900, len(op)), rng.integers(300, 1300, len(op)))
    duration = _durations(op, name, size, rng)
    end = run_streams(setup.used_by[launch], ready, gap, duration)
    thread = setup.episodes.thread[launches.episode[launch]]
    stream, none = launches.stream[launch], np.full(len(op), -1, np.int64)
    return Ops(
        end - duration,
        end,
        thread % plan.contexts,
        stream,
        launch,
        none,
        op,
        name,
        size,
        node,
        thread,
    )


def _kernel_names(setup: Setup, launch: I64, node: I64) -> I64:
    """Most episodes launch short kernels (launch-bound), the others long ones, as `LONG_SHARE` says."""
    episodes, rng = setup.episodes, setup.rng
    half = len(KERNEL_NS) // 2
    heavy = np.where(rng.random(len(episodes.kind)) < LONG_SHARE[episodes.kind], 1, 0)
    drawn = rng.integers(0, half, len(launch)) + half * heavy[setup.launches.episode[launch]]
    names: I64 = np.where(node >= 0, node % len(KERNEL_NS), drawn)
    return names


def _durations(op: I64, name: I64, size: I64, rng: np.random.Generator) -> I64:
    spread = rng.integers(900, 1100, len(op))
    kernel = KERNEL_NS[name] * spread // 1000
    durations: I64 = np.select([op == MEMCPY_OP, op == MEMSET_OP], [1200 + size // 25, 700 + size // 1000], kernel)
    return durations


def waits_of(setup: Setup, host: Host, ops: Ops) -> tuple[Rows, I64]:
    """The synchronising calls that end each episode, and the length of each episode."""
    episodes, rng = setup.episodes, setup.rng
    used_end = np.zeros(len(setup.used), np.int64)
    np.maximum.at(used_end, setup.used_by[ops.launch], ops.end)
    episode, stream = setup.used // setup.plan.streams, setup.used % setup.plan.streams
    turn = ranks(np.bincount(episode, minlength=len(episodes.kind)))
    now = host.finish.copy()
    parts = [_event_waits(setup, ops, now)]
    for step in range(int(turn.max(initial=-1)) + 1):
        chosen = np.flatnonzero(turn == step)
        at = episode[chosen]
        start, end = wait(now[at], used_end[chosen], rng)
        now[at] = end
        parts.append(Rows.of(start, end, episodes.thread[at], STREAM_SYNC, stream=stream[chosen], parent=at))
    return Rows.join(parts), now + rng.integers(200, 3000, len(now))


def _event_waits(setup: Setup, ops: Ops, now: I64) -> Rows:
    """cudaEventSynchronize calls; moves ``now`` of their episodes on. ``event`` is the event's number."""
    episodes, launches = setup.episodes, setup.launches
    recorded = np.flatnonzero(launches.recorded)
    launch_end = np.zeros(len(launches.op), np.int64)
    np.maximum.at(launch_end, ops.launch, ops.end)
    at = launches.episode[recorded]
    start, end = wait(now[at], launch_end[recorded], setup.rng)
    now[at] = end
    number = np.arange(len(recorded), dtype=np.int64)
    stream = launches.stream[recorded]
    return Rows.of(start, end, episodes.thread[at], EVENT_SYNC, stream=stream, event=number, parent=at)


def wait(now: I64, covered: I64, rng: np.random.Generator) -> tuple[I64, I64]:
    """Start and end of waiting calls made at ``now`` for ops that end at ``covered``."""
    start = ask(now, rng)
    return start, returned_at(start, covered, rng)


def ask(now: I64, rng: np.random.Generator) -> I64:
    return now + rng.integers(150, 1200, len(now))


def returned_at(start: I64, covered: I64, rng: np.random.Generator) -> I64:
    """A waiting call costs something even with nothing to wait for, and ends a tail after the last op."""
    cost = rng.integers(600, 1800, len(start))
    tail = rng.integers(900, 6500, len(start))
    returned: I64 = np.maximum(start + cost, covered + tail)
    return returned


def host_rows(setup: Setup, host: Host) -> Rows:
    """Top-level calls as rows whose times are relative to the episode, kept in ``parent``."""
    launches = setup.launches
    count = len(host.role)
    launch = np.full(count, -1, np.int64)
    launch[host.launch_row] = np.arange(len(launches.op))
    event = np.full(count, -1, np.int64)
    event[host.record_row] = np.arange(len(host.record_row))
    stream = np.full(count, -1, np.int64)
    stream[host.launch_row] = launches.stream
    stream[host.record_row] = launches.stream[launches.recorded]
    thread = setup.episodes.thread[host.episode]
    return Rows.of(
        host.start,
        host.end,
        thread,
        host.role,
        stream=stream,
        launch=launch,
        event=event,
        parent=host.episode,
    )
