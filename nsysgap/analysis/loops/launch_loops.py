"""Loops that no NVTX range tells: what a thread launches over and over in the same order."""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.loops.launched_inside import Launched, LaunchOrder, number_inside
from nsysgap.analysis.loops.nvtx_loops import LAUNCHES, LEAST_ITERATIONS, Loop
from nsysgap.analysis.loops.periods import LEAST_TOKENS, repeated
from nsysgap.analysis.loops.sequences import Shapes, mixed
from nsysgap.analysis.relations.calls import SYNCS
from nsysgap.analysis.schedule.calls import process_threads
from nsysgap.arrays import distinct, is_any
from nsysgap.kernel_names import short_kernel_name
from nsysgap.tables import KERNEL, MEMCPY, Trace

Times = NDArray[np.int64]
Indices = NDArray[np.intp]
SYNC = 0
"""The token of a call that waits."""
TO_HOST = "[CUDA memcpy Device-to-Host]"


@dataclass(frozen=True)
class CallTokens:
    """The launch and synchronising calls of one thread by start, arrays of shape (calls,).

    `token`: equal for calls that launched the same (kind, name, grid, block, bytes of every op), SYNC for those that
    wait; `op`: the row of the first op that each launched, -1 none; `start`, `end` in ns.
    """

    token: NDArray[np.int32]
    op: NDArray[np.int32]
    start: Times
    end: Times

    def part(self, low: int, high: int) -> CallTokens:
        """Some that follow each other."""
        return CallTokens(*(getattr(self, name)[low:high] for name in self.__dataclass_fields__))


def launch_loops(
    trace: Trace,
    calls: NDArray[np.int32],
    shapes: Shapes,
    without: Container[int],
    order: LaunchOrder,
) -> list[Loop]:
    """The loops of all threads but those in `without` (rows of threads, which have NVTX loops), in no order.

    Threads that hand over to each other are one: of the thread with most calls. Within one step of a loop what repeats
    there is a loop of its own.
    """
    loops: list[Loop] = []
    for process in distinct(trace.threads["process"]).tolist():
        launched = order.of(process)
        launching = distinct(trace.api["thread"][calls[launched.op]]).tolist()
        if all(thread in without for thread in launching):
            continue  # who hands over to whom takes a walk over all calls
        for threads in _launching_threads(trace, calls, launching, process):
            if any(thread in without for thread in threads):
                continue
            tokens = call_tokens(trace, calls, shapes.of_ops, launched, threads)
            first_seen = _first_seen(tokens.token)
            for steps in _steps(trace, tokens, first_seen):
                loops.append(_loop(trace, launched, threads, tokens, steps.firsts, steps.period))
                inner = _inside(trace, tokens, first_seen, steps)
                loops += [_loop(trace, launched, threads, tokens, nested.firsts, nested.period) for nested in inner]
    return loops


def _launching_threads(
    trace: Trace, calls: NDArray[np.int32], launching: list[int], process: int
) -> list[tuple[int, ...]]:
    """The threads of a process that launch something, those that hand over to each other as one."""
    if len(launching) < 2:
        return [(thread,) for thread in launching]
    return [group for group in process_threads(trace, process, calls) if any(thread in launching for thread in group)]


def call_tokens(
    trace: Trace, calls: NDArray[np.int32], shapes: NDArray[np.int32], launched: Launched, threads: tuple[int, ...]
) -> CallTokens:
    """The calls of threads that matter, by start; those nested in another of their thread are left out."""
    api = trace.api
    call = calls[launched.op]
    mine = np.flatnonzero(is_any(api["thread"][call], threads))
    call, op = call[mine], launched.op[mine]
    heads = np.flatnonzero(np.concatenate(([True], call[1:] != call[:-1])))
    # The nodes of a graph may run in any order: their sum knows none.
    key = np.add.reduceat(mixed(shapes[op]), heads)
    token = np.unique(key, return_inverse=True)[1] + 1
    waits = np.flatnonzero(SYNCS.rows(trace) & is_any(api["thread"], threads))
    waits = waits[~np.isin(waits, call[heads])]
    row = np.concatenate((call[heads], waits))
    by_row = np.argsort(row, kind="stable")
    row = row[by_row]
    tokens = np.concatenate((token, np.full(len(waits), SYNC)))[by_row].astype(np.int32)
    ops = np.concatenate((op[heads], np.full(len(waits), -1)))[by_row].astype(np.int32)
    start, end = api["start"][row], api["end"][row]
    outermost = np.ones(len(row), np.bool_)
    for thread in threads:
        of_thread = np.flatnonzero(api["thread"][row] == thread)
        reach = np.maximum.accumulate(end[of_thread])
        outermost[of_thread[1:]] = end[of_thread[1:]] > reach[:-1]
    return CallTokens(tokens[outermost], ops[outermost], start[outermost], end[outermost])


@dataclass(frozen=True)
class _TokenLoop:
    """A loop among tokens: where each iteration begins, and how many tokens it has."""

    firsts: Indices
    period: int


def _steps(trace: Trace, tokens: CallTokens, first_seen: Times, since: int = 0) -> Iterator[_TokenLoop]:
    """The loops of some tokens: of several stretches of one body the one with most iterations.

    `first_seen`: where each token of the thread is first, counted from `since` before these tokens.
    """
    pause = np.concatenate(([0], tokens.start[1:] - tokens.end[:-1]))
    best: dict[tuple[int, int], _TokenLoop] = {}
    for runs in repeated(tokens.token):
        for start, length, period in zip(*(column.tolist() for column in runs), strict=True):
            begin = start + _first_of_step(trace, tokens, pause, start, length, period)
            count = (start + length - begin) // period
            body = slice(begin, begin + period)
            # A repeat in which something ran for the first time, and was loaded, counts for none.
            loading = bool((first_seen[tokens.token[body]] >= begin + since).any())
            if count - loading < LEAST_ITERATIONS or (tokens.token[body] == SYNC).all():
                continue
            key = period, int(mixed(tokens.token[body]).sum())
            if key not in best or len(best[key].firsts) < count:
                best[key] = _TokenLoop(np.arange(begin, begin + count * period, period), period)
    yield from best.values()


def _inside(trace: Trace, tokens: CallTokens, first_seen: Times, outer: _TokenLoop) -> Iterator[_TokenLoop]:
    """What repeats within one step (that in the middle stands for all: their tokens are the same)."""
    if outer.period < LEAST_TOKENS:
        return
    middle = int(outer.firsts[len(outer.firsts) // 2])
    for inner in _steps(trace, tokens.part(middle, middle + outer.period), first_seen, middle):
        yield _TokenLoop((outer.firsts[:, None] + inner.firsts).reshape(-1), inner.period)


def _first_seen(token: NDArray[np.int32]) -> Times:
    """Where each token first is: shape (tokens' greatest + 1,)."""
    first = np.full(int(token.max(initial=0)) + 1, len(token), np.int64)
    np.minimum.at(first, token, np.arange(len(token)))
    return first


def _first_of_step(trace: Trace, tokens: CallTokens, pause: Times, start: int, length: int, period: int) -> int:
    """Where in a run the step begins, 0 to period - 1: behind the longest pause, in the median.

    Only behind a wait that directly follows a copy to the host, if there is one, else behind a wait, if there is one.
    """
    whole = length // period
    median = np.partition(pause[start : start + whole * period].reshape(whole, period), (whole - 1) // 2, axis=0)
    long = median[(whole - 1) // 2]
    body = np.arange(start, start + period)
    before = np.where(body - 1 < start, body - 1 + period, body - 1)
    behind_wait = tokens.token[before] == SYNC
    earlier = np.where(before - 1 < start, before - 1 + period, before - 1)
    op = tokens.op[earlier]
    to_host = is_any(trace.ops["name"][op], trace.names.find((TO_HOST,))) & (trace.ops["kind"][op] == MEMCPY)
    for wanted in (behind_wait & to_host & (op >= 0), behind_wait):
        if wanted.any():
            long = np.where(wanted, long, -1)
            break
    return int(long.argmax())


def _loop(
    trace: Trace, launched: Launched, threads: tuple[int, ...], tokens: CallTokens, first: Indices, period: int
) -> Loop:
    start = tokens.start[first]
    # Calls of a thread hardly ever cross; where they do, the next iteration begins where the last has ended.
    end = tokens.end[first[:, None] + np.arange(period)].max(axis=1)
    end[:-1] = np.minimum(end[:-1], start[1:])
    ops = number_inside(launched.op_time, start, end)
    body = tokens.op[first[0] : first[0] + period]
    name = _op_name(trace, int(body[body >= 0][0]))
    number = int((body >= 0).sum())
    label = f"{name} … ({number:,} {'launch' if number == 1 else 'launches'})"
    return Loop(label, LAUNCHES, None, threads[0], start, end, int(ops.sum()), merged=threads[1:])


def _op_name(trace: Trace, op: int) -> str:
    name = trace.name(int(trace.ops["name"][op]))
    return short_kernel_name(name) if trace.ops["kind"][op] == KERNEL else name
