"""Bodies of conditional nodes (IF, WHILE, SWITCH): how often they ran in each replay of the graph around them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.graphs.replays import GRAPH_SHIFT, Replays, graph_of, runs_of_nodes
from nsysgap.arrays import distinct
from nsysgap.intervals import covered_in_groups

Indices = NDArray[np.intp]
Times = NDArray[np.int64]


class BodyRuns(NamedTuple):
    """The runs of one body of a graph: one element per replay in which it ran, `replay` says which; times in ns.

    `graphs` are the body's IDs, one per executable of the graph around it; `iterations` is how often the node that ran
    most often ran in the replay; from `start` to its last op's end it took `span`, of which ops ran `busy`.
    """

    body: int
    graphs: tuple[int, ...]
    node_count: int
    replay: Indices
    iterations: Times
    start: Times
    span: Times
    busy: Times


def body_of(node: NDArray[np.int64]) -> NDArray[np.int64]:
    """The number of the body that a node of `Replays.node` is in, 0 for the graph itself."""
    return node >> GRAPH_SHIFT


def body_runs(replays: Replays) -> list[BodyRuns]:
    """The runs of each body of a graph, none for a graph without conditional nodes."""
    body = body_of(replays.node)
    return [_runs(replays, np.flatnonzero(body == number), number) for number in distinct(body[body > 0]).tolist()]


def _runs(replays: Replays, rows: Indices, body: int) -> BodyRuns:
    ops, op = replays.trace.ops, replays.ops[rows]
    replay, run = np.unique(replays.replay[rows], return_inverse=True)
    heads = np.searchsorted(run, np.arange(len(replay)))
    start, end = ops["start"][op], ops["end"][op]
    span = np.maximum.reduceat(end, heads) - start[heads]
    return BodyRuns(
        body=body,
        graphs=tuple(distinct(graph_of(ops["graph_node"][op])).tolist()),
        node_count=len(distinct(replays.node[rows])),
        replay=replay,
        iterations=runs_of_nodes(run, replays.node[rows]),
        start=start[heads],
        span=span,
        busy=covered_in_groups(run, start - start[heads][run], end - start, span),
    )


def between_nodes(replays: Replays, bodies: list[BodyRuns]) -> Times:
    """Time of each replay's span in which no op of the graph itself runs and no body of it is under way, ns."""
    if not bodies:
        return replays.span - replays.busy
    own, ops = np.flatnonzero(body_of(replays.node) == 0), replays.trace.ops
    rows = replays.ops[own]
    replay = np.concatenate([replays.replay[own], *(body.replay for body in bodies)])
    start = np.concatenate([ops["start"][rows], *(body.start for body in bodies)])
    length = np.concatenate([ops["end"][rows] - ops["start"][rows], *(body.span for body in bodies)])
    return replays.span - covered_in_groups(replay, start - replays.start[replay], length, replays.span)


def iterations_of_nodes(replays: Replays) -> Times:
    """How often each replay ran the graph's own nodes: more than once where only a WHILE node's body was recorded."""
    own = np.flatnonzero(body_of(replays.node) == 0)
    iterations = np.zeros(replays.count, np.int64)
    if len(own):
        most = runs_of_nodes(replays.replay[own], replays.node[own])
        iterations[: len(most)] = most
    return iterations
