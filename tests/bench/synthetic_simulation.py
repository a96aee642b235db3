"""Plays a whole process: puts its episodes into rounds, and its rounds into the session's time.

All threads of a process meet at the end of a round, after each context's first thread has called
cudaDeviceSynchronize. Correlation IDs are given out last, in order of start, as the driver counts them.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
from synthetic_episodes import (
    DEVICE_SYNC,
    DRIVER_EVERY,
    NESTED,
    Ops,
    Rows,
    Setup,
    ask,
    host_calls,
    host_rows,
    returned_at,
    run_ops,
    waits_of,
)
from synthetic_plan import I64, Episodes, Launches, ProcessPlan


class TooFewApiRowsError(ValueError):
    """The requested number of API rows cannot hold the calls that the ops need."""


@dataclass(frozen=True)
class Calls:
    """One entry per API row of a process, in order of start; -1 stands for no stream, launch or event."""

    start: I64
    end: I64
    thread: I64
    role: I64
    stream: I64
    launch: I64
    correlation: I64
    event: I64


@dataclass(frozen=True)
class Spans:
    """Where episodes and rounds lie in time: the frame for NVTX ranges."""

    episode_start: I64
    episode_end: I64
    episode_thread: I64
    episode_kind: I64
    round_start: I64
    round_end: I64
    round_thread: I64
    round_index: I64


@dataclass(frozen=True)
class Process:
    """Everything that one process did."""

    plan: ProcessPlan
    calls: Calls
    ops: Ops
    spans: Spans


def simulate(plan: ProcessPlan, seed: np.random.SeedSequence, begin: int) -> Process:
    """Play one process through.

    Args:
        plan: what the process does.
        seed: the source of all its random numbers.
        begin: time at which its first round starts, in ns.

    Raises:
        TooFewApiRowsError: ``plan.api`` is below what the ops and their waiting need.
    """
    setup = Setup.of(plan, np.random.default_rng(seed))
    spare = plan.api - setup.required_calls()
    if spare < 0:
        needed = plan.api - spare
        raise TooFewApiRowsError(f"process {plan.index} needs {needed} API rows, {plan.api} were asked for")
    count = len(setup.launches.op)
    nested = min(spare * 2 // 5, count - count // DRIVER_EVERY)
    host = host_calls(setup, spare - nested)
    ops = run_ops(setup, host)
    waits, length = waits_of(setup, host, ops)
    rows = Rows.join([host_rows(setup, host), waits])
    return _place(setup, ops, rows, length, nested, begin)


def _place(setup: Setup, ops: Ops, rows: Rows, length: I64, nested: int, begin: int) -> Process:
    """Move everything from episode time to session time and give out correlation IDs."""
    episodes, launches = setup.episodes, setup.launches
    offset, busy = _offsets(setup, length)
    launch_start = np.zeros(len(launches.op), np.int64)
    made = rows.launch >= 0
    launch_start[rows.launch[made]] = (rows.start + offset[rows.parent])[made]
    barrier, spent = _device_syncs(setup, ops, offset, busy, launch_start)
    origin = begin + np.cumsum(spent) - spent
    shift = offset + origin[episodes.round]
    spans = _spans(episodes, shift, length, busy, barrier, origin)
    rows.start += shift[rows.parent]
    rows.end += shift[rows.parent]
    barrier.start += origin[barrier.parent]
    barrier.end += origin[barrier.parent]
    rows = Rows.join([rows, barrier])
    rows.parent[:] = -1
    calls, correlation = _calls(Rows.join([rows, _nested(rows, nested)]), len(launches.op), setup.rng)
    return Process(setup.plan, calls, _finish_ops(ops, launches, shift, correlation), spans)


def _offsets(setup: Setup, length: I64) -> tuple[I64, I64]:
    """Start of each episode within its round, and each (thread, round)'s end within the round."""
    episodes, threads = setup.episodes, setup.plan.launching_threads
    slots = threads * episodes.rounds
    slot = episodes.thread * episodes.rounds + episodes.round
    spent = np.zeros(slots, np.int64)
    np.add.at(spent, slot, length)
    idle = setup.rng.integers(0, 60_000, slots)
    begun = np.cumsum(length) - length
    before = np.cumsum(spent) - spent
    return begun - before[slot] + idle[slot], (spent + idle).reshape(threads, episodes.rounds)


def _device_syncs(setup: Setup, ops: Ops, offset: I64, busy: I64, launch_start: I64) -> tuple[Rows, I64]:
    """One cudaDeviceSynchronize per context and round, by the context's first thread; and each round's length.

    It waits for every op of the context launched before it, other threads' too. Times are relative to the round.
    """
    episodes, rng = setup.episodes, setup.rng
    when = np.arange(episodes.rounds, dtype=np.int64)
    length = busy.max(axis=0)
    parts = []
    for context in range(setup.plan.contexts):
        mine = np.flatnonzero(ops.context == context)
        launch = ops.launch[mine]
        episode = setup.launches.episode[launch]
        start = ask(busy[context], rng)
        ends = ops.end[mine] + offset[episode]
        covered = _covered_end(episodes.round[episode], launch_start[launch], ends, start)
        end = returned_at(start, covered, rng)
        length = np.maximum(length, end)
        thread = np.full(len(end), context, np.int64)
        parts.append(Rows.of(start, end, thread, DEVICE_SYNC, parent=when))
    return Rows.join(parts), length + rng.integers(20_000, 400_000, len(length))


def _covered_end(step: I64, launched: I64, ends: I64, asked: I64) -> I64:
    """Latest end of the ops of each round launched before ``asked[round]``; 0 without one."""
    if not len(step):
        return np.zeros_like(asked)
    far = int(max(launched.max(), ends.max(), asked.max())) + 1
    key = step * far + launched
    order = np.argsort(key, kind="stable")
    latest = np.maximum.accumulate(step[order] * far + ends[order])
    rounds = np.arange(len(asked), dtype=np.int64)
    found = np.searchsorted(key[order], rounds * far + asked) - 1
    covered: I64 = np.where(found >= 0, np.maximum(latest[np.maximum(found, 0)] - rounds * far, 0), 0)
    return covered


def _spans(episodes: Episodes, shift: I64, length: I64, busy: I64, barrier: Rows, origin: I64) -> Spans:
    threads, rounds = busy.shape
    index = np.tile(np.arange(rounds), threads)
    thread = np.repeat(np.arange(threads), rounds)
    last = busy.copy()
    last[barrier.thread, barrier.parent] = barrier.end
    first = np.full(threads * rounds, np.iinfo(np.int64).max)
    np.minimum.at(first, episodes.thread * rounds + episodes.round, shift)
    start = np.minimum(first, last.ravel() + origin[index])
    return Spans(
        shift,
        shift + length,
        episodes.thread,
        episodes.kind,
        start - 80,
        last.ravel() + origin[index] + 80,
        thread,
        index,
    )


def _nested(rows: Rows, count: int) -> Rows:
    """Driver calls inside the runtime calls that launch; every second one shares the correlation ID."""
    outer = np.flatnonzero((rows.launch >= 0) & (rows.launch % DRIVER_EVERY != DRIVER_EVERY - 1))
    outer = outer[np.linspace(0, len(outer) - 1, count).astype(np.int64)] if count else outer[:0]
    span = rows.end[outer] - rows.start[outer]
    start, end = rows.start[outer] + span // 5, rows.start[outer] + span * 4 // 5
    return Rows.of(start, end, rows.thread[outer], NESTED, parent=outer)


def _calls(rows: Rows, launches: int, rng: np.random.Generator) -> tuple[Calls, I64]:
    """Order rows by start and count correlation IDs up; also returns each launch's correlation ID."""
    order = np.argsort(rows.start, kind="stable")
    nested = np.flatnonzero(rows.role == NESTED)
    shared = nested[::2]
    step = rng.integers(1, 4, len(order))
    step[:1] = 1
    borrows = np.zeros(len(order), bool)
    borrows[shared] = True
    step[borrows[order]] = 0
    correlation = np.zeros(len(order), np.int64)
    correlation[order] = np.cumsum(step)
    correlation[shared] = correlation[rows.parent[shared]]
    made = rows.launch >= 0
    of_launch = np.zeros(launches, np.int64)
    of_launch[rows.launch[made]] = correlation[made]
    columns = (
        rows.start,
        rows.end,
        rows.thread,
        rows.role,
        rows.stream,
        rows.launch,
        correlation,
        rows.event,
    )
    return Calls(*(column[order] for column in columns)), of_launch


def _finish_ops(ops: Ops, launches: Launches, shift: I64, correlation: I64) -> Ops:
    moved = shift[launches.episode[ops.launch]]
    start = ops.start + moved
    order = np.argsort(start, kind="stable")
    placed = replace(ops, start=start, end=ops.end + moved, correlation=correlation[ops.launch])
    return Ops(*(getattr(placed, column.name)[order] for column in fields(Ops)))
