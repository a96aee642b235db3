"""The bodies of a loop: which calls each iteration makes, what could be captured of them, what stands in the way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.relations.calls import CAPTURE_BLOCKERS
from nsysgap.analysis.relations.ranges import RangeFinder
from nsysgap.analysis.schedule.calls import CONTEXT_SYNC, EVENT_SYNC, FREE, LAUNCH, STREAM_SYNC
from nsysgap.analysis.schedule.constants import RARE
from nsysgap.analysis.schedule.host_pieces import loop_ranges
from nsysgap.analysis.schedule.model import Model
from nsysgap.analysis.schedule.ops import DEVICE_TO_HOST, HOST_TO_DEVICE
from nsysgap.analysis.schedule.stretch import Stretch
from nsysgap.arrays import Indices, distinct, index_type, is_any
from nsysgap.tables import GRAPH, NONE

Mask = NDArray[np.bool_]
Blocking = tuple[str, Indices, Indices]  # (what, the body and the row of api of each call)
SYNC_ROLES = (STREAM_SYNC, CONTEXT_SYNC, EVENT_SYNC)


@dataclass(frozen=True, slots=True)
class Blocker:
    """What ends a stretch that could be captured: in `bodies` of `of` bodies, first at `where` ("" unknown)."""

    what: str
    bodies: int
    of: int
    where: str


@dataclass(frozen=True)
class Bodies:
    """A loop's bodies on its thread. `calls`: numbers of the calls inside, in order, `body` the iteration of each."""

    model: Model
    stretch: Stretch
    calls: Indices
    body: Indices

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.stretch.starts)

    @cached_property
    def op_of(self) -> Indices:
        """The first op of every call of the model, -1 none."""
        first_op = np.full(len(self.model.calls.row), NONE, index_type(len(self.model.ops.call)))
        first_op[self.model.ops.call[::-1]] = np.arange(len(self.model.ops.call))[::-1]
        return first_op

    @cached_property
    def ops(self) -> Indices:
        """Numbers of the ops that the bodies' calls launched."""
        inside = np.zeros(len(self.model.calls.row), np.bool_)
        inside[self.calls] = True
        return np.flatnonzero(inside[self.model.ops.call]).astype(index_type(len(self.model.ops.call)))

    @cached_property
    def _blocking(self) -> tuple[Mask, Mask, list[Blocking]]:
        """(which of the bodies' calls block, which have a blocker in the gap before, all of them)."""
        model, calls = self.model, self.model.calls
        op = self.op_of[self.calls]
        ops, some = model.ops, op != NONE
        position = np.maximum(op, 0)
        to_host = some & (ops.direction[position] == DEVICE_TO_HOST)
        pageable = some & (ops.direction[position] == HOST_TO_DEVICE) & ops.pageable[position]
        waits = np.isin(calls.role[self.calls], SYNC_ROLES)
        waits |= (calls.role[self.calls] == FREE) & model.schedule.waits[self.calls]
        blocks = some & model.schedule.blocks[position]
        graph = some & (ops.kind[position] == GRAPH)
        within, blocking = self._managing()
        row = calls.row[self.calls]
        blocking += [
            ("copy to the host", self.body[to_host], row[to_host]),
            ("copy of pageable memory", self.body[pageable], row[pageable]),
            *self._by_name(self.body[waits], row[waits]),
        ]
        copies = blocks & ~to_host & ~pageable
        blocking.append(("blocking copy", self.body[copies], row[copies]))
        return to_host | pageable | waits | blocks | graph, within, blocking

    def _by_name(self, body: Indices, rows: Indices) -> list[Blocking]:
        """Calls by what they are called, in order of the first of each."""
        name = self.model.trace.api["name"][rows]
        of_name = [(index, np.flatnonzero(name == index)) for index in distinct(name).tolist()]
        of_name.sort(key=lambda named: int(named[1][0]))
        return [(self.model.trace.name(index), body[mine], rows[mine]) for index, mine in of_name]

    def _managing(self) -> tuple[Mask, list[Blocking]]:
        """(calls with one in the gap before that allocates, loads, queries ..., all of those)."""
        model, calls, api = self.model, self.model.calls, self.model.trace.api
        within = np.zeros(len(self.calls), np.bool_)
        if not len(self.calls):
            return within, []
        threads = model.calls.threads[self.stretch.logical]
        rows = np.flatnonzero(CAPTURE_BLOCKERS.rows(model.trace) & is_any(api["thread"], threads))
        rows = rows[~np.isin(rows, calls.row[model.schedule.waits])]
        body = np.searchsorted(self.stretch.starts, api["start"][rows], side="right") - 1
        inside = (body >= 0) & (api["start"][rows] < self.stretch.ends[np.maximum(body, 0)])
        rows, body = rows[inside], body[inside]
        position = np.searchsorted(calls.start[self.calls], api["start"][rows])
        within[position[position < len(self.calls)]] = True
        return within, self._by_name(body, rows)

    @cached_property
    def segments(self) -> list[Indices]:
        """What could be captured of each body: numbers of calls that launch, two or more between blockers."""
        blocking, within, _ = self._blocking
        launches = (self.model.calls.role[self.calls] == LAUNCH) & ~blocking
        new = within | blocking
        new[1:] |= blocking[:-1] | (self.body[1:] != self.body[:-1])
        number = np.cumsum(new)
        mine = np.flatnonzero(launches)
        bounds = np.concatenate(([0], np.flatnonzero(np.diff(number[mine])) + 1, [len(mine)]))
        some = np.flatnonzero(np.diff(bounds) >= 2)
        parts = zip(bounds[some].tolist(), bounds[some + 1].tolist(), strict=True)
        return [self.calls[mine[first:last]] for first, last in parts]

    @cached_property
    def blockers(self) -> list[Blocker]:
        """What stands in the way of capturing, in a tenth of the bodies or more, most bodies first."""
        bodies: dict[str, list[Indices]] = {}
        first: dict[str, int] = {}
        for what, body, row in self._blocking[2]:
            if len(row):
                bodies.setdefault(what, []).append(body)
                first.setdefault(what, int(row[0]))
        number = {what: len(distinct(np.concatenate(mine))) for what, mine in bodies.items()}
        often = {what: count for what, count in number.items() if count >= RARE * self.count}
        ordered = sorted(often.items(), key=lambda named_count: (-named_count[1], named_count[0]))
        return [Blocker(what, number, self.count, self._where(first[what])) for what, number in ordered]

    def _where(self, row: int) -> str:
        """The innermost range around a call, else what was launched before it."""
        trace = self.model.trace
        kept = np.flatnonzero(~loop_ranges(trace.nvtx, self.stretch.starts, self.stretch.ends))
        thread, start = trace.api["thread"][[row]], trace.api["start"][[row]]
        innermost = int(RangeFinder(trace, trace.nvtx.take(kept)).innermost(thread, start)[0])
        if innermost != NONE:
            return trace.name(int(trace.nvtx["name"][kept[innermost]]))
        before = np.flatnonzero(self.model.calls.start[self.model.ops.call] < start[0])
        if not len(before):
            return ""
        return f"after {trace.name(int(trace.ops['name'][self.model.ops.row[before[-1]]]))}"

    def each(self) -> Iterator[tuple[int, Indices]]:
        """(body, its calls) of every body that has some."""
        heads = np.flatnonzero(np.diff(self.body)) + 1
        for calls, body in zip(np.split(self.calls, heads), np.split(self.body, heads), strict=True):
            if len(calls):
                yield int(body[0]), calls


def loop_bodies(model: Model, stretch: Stretch) -> Bodies:
    """The bodies of a loop."""
    calls = model.calls
    mine = np.flatnonzero(calls.thread == stretch.logical)
    body = np.searchsorted(stretch.starts, calls.start[mine], side="right") - 1
    inside = (body >= 0) & (calls.start[mine] < stretch.ends[np.maximum(body, 0)]) if len(stretch.ends) else body > 0
    dtype = index_type(len(calls.row))
    return Bodies(model, stretch, mine[inside].astype(dtype), body[inside].astype(dtype))
