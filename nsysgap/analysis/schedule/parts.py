"""A schedule in parts that are replayed one after the other: what a replay takes beside its times is small then."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.schedule.joints import by_number
from nsysgap.analysis.schedule.schedule import NEVER, Indices, Replay, Schedule, Times
from nsysgap.arrays import distinct
from nsysgap.tables import NONE

OF_CALLS = ("thread", "gap", "base", "waits", "tail", "scope", "event", "records", "awaits", "own_stream")
OF_OPS = ("call", "stream", "alive", "latency", "delta", "duration", "blocks", "op_tail", "room", "room_tail")
Part = tuple[slice, slice]


def parts_of(schedule: Schedule, at_a_time: int) -> Iterator[Part]:
    """(calls, ops) of each part: about so many calls, none of which needs an event or an edge of another part."""
    calls = len(schedule.gap)
    cuts = np.arange(at_a_time, calls, at_a_time)
    if len(cuts):
        cuts = _free(cuts, *_spans(schedule))
    bounds = distinct(np.concatenate(([0], cuts, [calls])))
    ops = np.searchsorted(schedule.call, bounds).tolist()
    for calls_of, ops_of in zip(pairwise(bounds.tolist()), pairwise(ops), strict=True):
        yield slice(*calls_of), slice(*ops_of)


def _spans(schedule: Schedule) -> tuple[Indices, Indices]:
    """(the first, the last) call of everything that needs both in one part."""
    pairs = [np.sort(schedule.call[schedule.edges].reshape(-1, 2), axis=1)]
    for column in (schedule.event, schedule.awaits):
        calls = np.flatnonzero(column != NONE)
        pairs.append(np.stack((column[calls], calls), axis=1))
    first, last = np.concatenate(pairs).T
    order = np.argsort(first, kind="stable")
    return first[order], last[order]


def _free(cuts: Indices, first: Indices, last: Indices) -> Indices:
    """Each cut, or the next place after it that no span crosses: first < place <= last. `first` is sorted."""
    if not len(first):
        return cuts
    reach = np.maximum.accumulate(last)
    free = reach[np.append(first[1:] > reach[:-1], True)] + 1
    before = np.searchsorted(first, cuts)
    crossed = (before > 0) & (reach[np.maximum(before, 1) - 1] >= cuts)
    return np.where(crossed, free[np.searchsorted(free, np.where(crossed, cuts, 0))], cuts)


class Reached:
    """How far the parts before have come: the end of each thread's last call, `streams`: the greatest of each stream's
    ops, or of what it waits for; ns."""

    def __init__(self, schedule: Schedule) -> None:
        self.threads = [schedule.origin] * (int(schedule.thread.max(initial=0)) + 1)
        self.streams = [NEVER] * schedule.stream_count

    def schedule_of(self, schedule: Schedule, part: Part) -> Schedule:
        """A part's own schedule, whose calls and ops are numbered from 0: its threads go on from where they are."""
        calls, ops = part
        columns = {name: getattr(schedule, name)[calls] for name in OF_CALLS}
        columns |= {name: getattr(schedule, name)[ops] for name in OF_OPS}
        columns["gap"] = columns["gap"].copy()
        for thread, mine in enumerate(by_number(columns["thread"], len(self.threads))):
            columns["gap"][mine[:1]] += self.threads[thread] - schedule.origin
        for name in ("call", "tail", "delta"):
            columns[name] = columns[name].astype(np.int64)
        columns["call"] -= calls.start
        for name in ("event", "awaits"):
            columns[name] = _numbered(columns[name], calls.start)
        edges = schedule.edges
        inside = ((edges >= ops.start) & (edges < ops.stop)).all(axis=1)
        return replace(schedule, **columns, edges=edges[inside] - ops.start)

    def go_on(self, part: Schedule, times: Replay, held: Sequence[Sequence[tuple[int, int]]]) -> None:
        """After a part. `held`: by stream what it waited for, as (key, end)."""
        for thread, mine in enumerate(by_number(part.thread, len(self.threads))):
            if len(mine):
                self.threads[thread] = int(times.call_end[mine[-1]])
        for stream, rows in enumerate(by_number(part.stream, part.stream_count)):
            waited = max((until for _, until in held[stream]), default=NEVER)
            self.streams[stream] = max(self.streams[stream], waited, int(times.op_end[rows].max(initial=NEVER)))


def _numbered(call: NDArray[np.int64], first: int) -> Times:
    """Numbers of calls, -1 none, from the first call of a part on."""
    given = call != NONE
    return np.where(given, call - first, NONE) if given.any() else call
