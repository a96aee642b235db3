"""Loops that no NVTX range tells: what a thread launches over and over in the same order."""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.loops.launched_inside import Launched, LaunchOrder, number_inside
from nsysgap.analysis.loops.nvtx_loops import LAUNCHES, LEAST_ITERATIONS, Loop
from nsysgap.analysis.loops.periods import repeated
from nsysgap.analysis.loops.sequences import Shapes, mixed
from nsysgap.analysis.relations.calls import SYNCS
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


def launch_loops(
    trace: Trace,
    calls: NDArray[np.int32],
    shapes: Shapes,
    without: Container[int],
    order: LaunchOrder,
) -> list[Loop]:
    """The loops of all threads but those in `without` (rows of threads, which have NVTX loops), in no order."""
    found = []
    for process in distinct(trace.threads["process"]).tolist():
        launched = order.of(process)
        for thread in distinct(trace.api["thread"][calls[launched.op]]).tolist():
            if thread not in without:
                tokens = call_tokens(trace, calls, shapes.of_ops, launched, thread)
                found += [_loop(trace, launched, thread, tokens, *bounds) for bounds in _steps(trace, tokens)]
    return found


def call_tokens(
    trace: Trace, calls: NDArray[np.int32], shapes: NDArray[np.int32], launched: Launched, thread: int
) -> CallTokens:
    """The calls of a thread that matter; those nested in another are left out."""
    api = trace.api
    call = calls[launched.op]
    mine = np.flatnonzero(api["thread"][call] == thread)
    call, op = call[mine], launched.op[mine]
    heads = np.flatnonzero(np.concatenate(([True], call[1:] != call[:-1])))
    # The nodes of a graph may run in any order: their sum knows none.
    key = np.add.reduceat(mixed(shapes[op]), heads)
    token = np.unique(key, return_inverse=True)[1] + 1
    waits = np.flatnonzero(SYNCS.rows(trace) & (api["thread"] == thread))
    waits = waits[~np.isin(waits, call[heads])]
    row = np.concatenate((call[heads], waits))
    by_row = np.argsort(row, kind="stable")
    row = row[by_row]
    tokens = np.concatenate((token, np.full(len(waits), SYNC)))[by_row].astype(np.int32)
    ops = np.concatenate((op[heads], np.full(len(waits), -1)))[by_row].astype(np.int32)
    start, end = api["start"][row], api["end"][row]
    outermost = np.ones(len(row), np.bool_)
    outermost[1:] = end[1:] > np.maximum.accumulate(end)[:-1]
    return CallTokens(tokens[outermost], ops[outermost], start[outermost], end[outermost])


def _steps(trace: Trace, tokens: CallTokens) -> Iterator[tuple[int, int, int]]:
    """(first token, period, iterations) of each loop: of several stretches of one body the one with most iterations."""
    pause = np.concatenate(([0], tokens.start[1:] - tokens.end[:-1]))
    first_seen = _first_seen(tokens.token)
    best: dict[tuple[int, int], tuple[int, int, int]] = {}
    for runs in repeated(tokens.token):
        for start, length, period in zip(*(column.tolist() for column in runs), strict=True):
            begin = start + _first_of_step(trace, tokens, pause, start, length, period)
            count = (start + length - begin) // period
            body = slice(begin, begin + period)
            # A repeat in which something ran for the first time, and was loaded, counts for none.
            loading = bool((first_seen[tokens.token[body]] >= begin).any())
            if count - loading < LEAST_ITERATIONS or (tokens.token[body] == SYNC).all():
                continue
            key = period, int(mixed(tokens.token[body]).sum())
            if key not in best or best[key][2] < count:
                best[key] = begin, period, count
    yield from best.values()


def _first_seen(token: NDArray[np.int32]) -> Times:
    """Where each token first is: shape (tokens' greatest + 1,)."""
    found = np.full(int(token.max(initial=0)) + 1, len(token), np.int64)
    np.minimum.at(found, token, np.arange(len(token)))
    return found


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
    trace: Trace, launched: Launched, thread: int, tokens: CallTokens, begin: int, period: int, count: int
) -> Loop:
    first = np.arange(begin, begin + count * period, period)
    start = tokens.start[first]
    # Calls of a thread hardly ever cross; where they do, the next iteration begins where the last has ended.
    end = np.maximum.reduceat(tokens.end[begin : begin + count * period], first - begin)
    end[:-1] = np.minimum(end[:-1], start[1:])
    ops = number_inside(launched.op_time, start, end)
    body = tokens.op[begin : begin + period]
    name = _op_name(trace, int(body[body >= 0][0]))
    number = int((body >= 0).sum())
    label = f"{name} … ({number:,} {'launch' if number == 1 else 'launches'})"
    return Loop(label, LAUNCHES, None, thread, start, end, int(ops.sum()))


def _op_name(trace: Trace, op: int) -> str:
    name = trace.name(int(trace.ops["name"][op]))
    return short_kernel_name(name) if trace.ops["kind"][op] == KERNEL else name
