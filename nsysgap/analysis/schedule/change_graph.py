"""A loop's launches as CUDA graphs: one call and one op for each stretch that could be captured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.schedule.bodies import Bodies
from nsysgap.analysis.schedule.calibration import USUAL_CONSTANTS, Constants
from nsysgap.analysis.schedule.constants import (
    FEWEST_NODE_GAPS,
    GRAPH_FIRST_GAP,
    GRAPH_KEPT_GAP,
    GRAPH_WORST_NODE_GAP,
)
from nsysgap.analysis.schedule.model import Model
from nsysgap.analysis.schedule.path import ops_ending
from nsysgap.analysis.schedule.schedule import NEVER, Schedule
from nsysgap.analysis.schedule.typical import median
from nsysgap.tables import KERNEL, NO_GRAPH_NODE, NONE

Indices = NDArray[np.intp]
Times = NDArray[np.int64]
DIFFERENT, SAME, COPY = range(3)


@dataclass(frozen=True)
class NodeGaps:
    """The time from node to node: of different kernels, of one kernel and grid, to or from a copy or memset, ns.

    `tracing`: "nsys" or "plain"; `own`: which of them are of the report's own replays; `constants`: of the others."""

    values: tuple[int, int, int]
    tracing: str
    own: tuple[bool, bool, bool] = (False, False, False)
    constants: Constants = USUAL_CONSTANTS

    def shifted(self, case: str) -> NodeGaps:
        """Nothing at best, 300 ns more at worst."""
        if case == "best":
            return replace(self, values=(0, 0, 0))
        more = GRAPH_WORST_NODE_GAP if case == "worst" else 0
        first, second, third = (
            gap + more if own else self.constants.scaled(gap + more, case)
            for gap, own in zip(self.values, self.own, strict=True)
        )
        return replace(self, values=(first, second, third))


def step_kinds(model: Model, before: Times, after: Times) -> NDArray[np.int64]:
    """What kind of step it is from each row of ops to another: one of DIFFERENT, SAME, COPY."""
    ops, sizes = model.trace.ops, model.sizes
    same = ops["name"][before] == ops["name"][after]
    for axis in ("grid_x", "grid_y", "grid_z"):
        same &= sizes[axis][before] == sizes[axis][after]
    copy = (ops["kind"][before] != KERNEL) | (ops["kind"][after] != KERNEL)
    return np.where(copy, COPY, np.where(same, SAME, DIFFERENT))


def node_gaps(model: Model, tracing: str, constants: Constants = USUAL_CONSTANTS) -> NodeGaps:
    """The report's own graph replays tell, kind by kind; else the constants."""
    usual = constants.calibration.node_gaps[tracing]
    ops = model.trace.ops
    rows = np.flatnonzero((ops["graph_node"] != NO_GRAPH_NODE) & (ops["process"] == model.calls.process))
    if tracing != "nsys" or len(rows) < 2:
        return NodeGaps(usual, tracing, constants=constants)
    rows = rows[np.lexsort((ops["start"][rows], ops["stream"][rows], ops["correlation"][rows]))]
    before, after = rows[:-1], rows[1:]
    joined = (ops["correlation"][before] == ops["correlation"][after]) & (ops["stream"][before] == ops["stream"][after])
    before, after = before[joined], after[joined]
    kind, gap = step_kinds(model, before, after), ops["start"][after] - ops["end"][before]
    own = [
        median(gap[kind == step_kind]) if (kind == step_kind).sum() >= FEWEST_NODE_GAPS else None
        for step_kind in range(3)
    ]
    gaps = [usual[step_kind] if own[step_kind] is None else int(own[step_kind] or 0) for step_kind in range(3)]
    known = own[0] is not None, own[1] is not None, own[2] is not None
    return NodeGaps((gaps[0], gaps[1], gaps[2]), tracing, known, constants)


def graph(
    bodies: Bodies, schedule: Schedule, segments: Sequence[Indices], steps: NodeSteps, gaps: NodeGaps, case: str
) -> Schedule:
    """Stretches of calls that could be captured, each as one graph launch."""
    gaps = gaps.shifted(case)
    gap, base, latency = schedule.gap.copy(), schedule.base.copy(), schedule.latency.copy()
    duration, alive = schedule.duration.copy(), schedule.alive.copy()
    for calls in segments:
        inner = _inner(bodies, calls)
        ops = bodies.op_of[calls]
        nodes = len(ops)
        gap[calls[0]] = _gap_before(schedule.gap, calls, inner, case)
        gap[inner] = 0
        base[inner] = 0
        base[calls[0]], latency[ops[0]] = gaps.constants.graph_launch(nodes, gaps.tracing, case)
        duration[ops[0]] = longest_path(schedule, steps, ops, gaps, one_by_one=case == "worst")
        alive[ops[1:]] = False
    return replace(schedule, gap=gap, base=base, latency=latency, duration=duration, alive=alive)


def _inner(bodies: Bodies, calls: Indices) -> Indices:
    """The stretch's calls after the first, those that record and await events between them too."""
    low, high = np.searchsorted(bodies.calls, (calls[0], calls[-1]))
    return bodies.calls[low + 1 : high + 1]


def _gap_before(gap: Times, calls: Indices, inner: Indices, case: str) -> int:
    """The host's time before the graph launch, ns: long gaps inside are the program's own work and stay; of what came
    before the first launch, which prepared it, the beginning."""
    first, inside = int(gap[calls[0]]), gap[inner]
    if case != "worst":
        first = min(first, GRAPH_FIRST_GAP[case])
    return first + int(inside[inside > GRAPH_KEPT_GAP[case]].sum())


def left_out_before(bodies: Bodies, segments: Sequence[Indices]) -> int:
    """How much of the host's time before its graphs' first launches the central case leaves out of the median body, ns;
    0 unless that is so much that it would be the program's own work, were it between two launches."""
    first = np.array([calls[0] for calls in segments], np.int64)
    before = np.maximum(bodies.model.schedule.gap[first] - GRAPH_FIRST_GAP["central"], 0)
    body = bodies.body[np.searchsorted(bodies.calls, first)]
    of_body = np.zeros(bodies.count, np.int64)
    np.add.at(of_body, body, before)
    left_out = median(of_body) or 0
    return left_out if left_out > GRAPH_KEPT_GAP["central"] else 0


@dataclass(frozen=True)
class NodeSteps:
    """What each op of the model comes after: `previous` on its stream, `awaited` of another (-1 none), and of what kind
    those steps are. Arrays of shape (ops,)."""

    previous: Times
    kind: Times
    awaited: Times
    awaited_kind: Times


def node_steps(model: Model) -> NodeSteps:
    """The steps between the ops of a model, as they were recorded."""
    ops, before = model.ops, model.unchanged.before
    order = np.lexsort((np.arange(len(ops.stream)), ops.stream))
    previous = np.full(len(order), NONE, np.int64)
    same = ops.stream[order[1:]] == ops.stream[order[:-1]]
    previous[order[1:][same]] = order[:-1][same]
    others = np.flatnonzero((before != NEVER) & ((previous == NONE) | (ops.end[previous] != before)))
    awaited = np.full(len(order), NONE, np.int64)
    awaited[others] = ops_ending(model.unchanged, before[others], others)
    return NodeSteps(previous, _kinds(model, previous), awaited, _kinds(model, awaited))


def _kinds(model: Model, before: Times) -> Times:
    """The kind of step to each op from another; anything where there is no other."""
    row = model.ops.row
    return step_kinds(model, row[np.maximum(before, 0)], row)


def longest_path(
    schedule: Schedule, steps: NodeSteps, ops: Indices, gaps: NodeGaps, *, one_by_one: bool = False
) -> int:
    """How long the graph of these ops runs, ns: the longest path through streams, with a gap before each op that
    waits for another; `one_by_one`: as if nothing overlapped."""
    streams, each = schedule.stream[ops], schedule.duration[ops]
    values = np.array(gaps.values, np.int64)
    if one_by_one or bool((streams == streams[0]).all()):
        return max(int(each.sum() + values[steps.kind[ops[1:]]].sum()), int(each.max()))
    done: dict[int, int] = {}
    waits = (steps.previous, values[steps.kind[ops]]), (steps.awaited, values[steps.awaited_kind[ops]])
    columns = [column for before, gap in waits for column in (before[ops].tolist(), gap.tolist())]
    for op, took, previous, gap, awaited, other_gap in zip(ops.tolist(), each.tolist(), *columns, strict=True):
        start = 0
        if previous in done:
            start = max(start, done[previous] + gap)
        if awaited in done:
            start = max(start, done[awaited] + other_gap)
        done[op] = start + took
    return max(done.values())
