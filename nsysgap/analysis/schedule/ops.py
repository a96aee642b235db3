"""The ops of a process as the replay runs them: each with its call and stream, those of one graph launch as one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nsysgap.arrays import Indices, codes, held_once, index_type
from nsysgap.tables import GRAPH, MEMCPY, NO_GRAPH_NODE, NONE, Table, Trace

Times = NDArray[np.int64]
PAGEABLE = 0
HOST_TO_DEVICE, DEVICE_TO_HOST = 1, 2


@dataclass(frozen=True)
class Ops:
    """The ops that calls launched, by call and start; arrays of shape (ops,).

    `row` is the op's row of ops (of a graph launch its first), `call` its number among the calls, `stream` the number
    of its stream, `kind` as in the table, but 3 for all ops of a graph launch together, `nodes` how many those are.
    `start`, `end` in ns: of a graph launch the least and the greatest. `bytes`, `direction` (copyKind), `pageable`
    (the copy's host side is) of copies; else -1, -1, False. `streams`: (context, stream) by number.
    """

    row: Indices
    call: Indices
    stream: NDArray[np.int32]
    kind: NDArray[np.int8]
    nodes: NDArray[np.int32]
    start: Times
    end: Times
    bytes: Times
    direction: NDArray[np.int32]
    pageable: NDArray[np.bool_]
    streams: tuple[tuple[int, int], ...]

    @property
    def duration(self) -> Times:
        """How long each took, ns."""
        return self.end - self.start


def launched_ops(trace: Trace, sizes: Table, call: Indices) -> Ops:
    """The ops with a launch call. `call`: the number of each op's call in order of the walk, -1 none; of shape (ops,).

    `sizes`: the table OP_SIZES beside the ops.
    """
    rows = np.flatnonzero(call != NONE)
    rows = rows[np.argsort(call[rows], kind="stable")]  # ops are sorted by start
    graph = trace.ops["graph_node"][rows] != NO_GRAPH_NODE
    owner = call[rows]
    later = np.concatenate(([False], (owner[1:] == owner[:-1]) & graph[1:] & graph[:-1])) if len(rows) else graph
    first = np.flatnonzero(~later)
    end = np.maximum.reduceat(trace.ops["end"][rows], first) if len(rows) else np.empty(0, np.int64)
    head = rows[first].astype(index_type(trace.ops.rows))
    streams, stream = _streams(trace.ops, head)
    direction, host_kind = _host_side(trace, sizes, head)
    return Ops(
        row=head,
        call=owner[first],
        stream=stream,
        kind=np.where(graph[first], GRAPH, trace.ops["kind"][head]).astype(np.int8),
        nodes=held_once(np.diff(np.append(first, len(rows))).astype(np.int32)),
        start=trace.ops["start"][head],
        end=end,
        bytes=np.where(direction != NONE, sizes["bytes"][head], NONE),
        direction=direction,
        pageable=host_kind == PAGEABLE,
        streams=streams,
    )


def _streams(ops: Table, rows: Indices) -> tuple[tuple[tuple[int, int], ...], NDArray[np.int32]]:
    """((context, stream) by number, the number of each op's stream)."""
    (contexts, context), (streams, stream) = codes(ops["context"][rows]), codes(ops["stream"][rows])
    present, number = codes(context.astype(np.int64) * max(len(streams), 1) + stream)
    pairs = [divmod(code, max(len(streams), 1)) for code in present.tolist()]
    return tuple(
        (int(contexts[of_context]), int(streams[of_stream])) for of_context, of_stream in pairs
    ), number.astype(np.int32)


def _host_side(trace: Trace, sizes: Table, rows: Indices) -> tuple[NDArray[np.int32], NDArray[Any]]:
    """(direction of each copy, kind of memory of its host side; -1 for all other ops and directions)."""
    copy = (trace.ops["kind"][rows] == MEMCPY) & (trace.ops["graph_node"][rows] == NO_GRAPH_NODE)
    direction = np.where(copy, sizes["copy_kind"][rows], NONE).astype(np.int32)
    host = np.where(direction == HOST_TO_DEVICE, sizes["source_kind"][rows], NONE)
    return direction, np.where(direction == DEVICE_TO_HOST, sizes["target_kind"][rows], host)
