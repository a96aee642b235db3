"""What the replay needs of a process, and nothing else: times between, what waits for what. Changes replace columns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.intp]
Times = NDArray[np.int64]
NEVER = -(1 << 61)  # so far back that no sum of durations brings it near a real time
NO_SCOPE = -1


@dataclass(frozen=True)
class Schedule:
    """Calls by recorded start and the ops that they launch, by call; all times int64 ns.

    Calls, arrays of shape (calls,): a call begins `gap` after the end of the one before on its `thread` (the first:
    after `origin`) and takes `base`. Where `waits`, it also lasts until `tail` after the end of what it covers: the
    streams of `scopes[scope]`, or what the call number `event` recorded. `records`: the call records an event on
    `own_stream`; `awaits`: the call whose event `own_stream` waits for from here on (-1 none).

    Ops, arrays of shape (ops,): launched by `call` on `stream`, where `alive`. An op starts `latency` after the start
    of its call or `delta` after the greatest end so far on its stream, whichever is later, and takes `duration`. Where
    `blocks`, its call, which has no other op, lasts until `op_tail` after its end. Where the op number `room` (-1 none)
    is given, the call lasts until `room_tail` after that one's end: the stream's queue was full.

    `edges`: pairs of ops, the second of which also comes after the first, of shape (edges, 2); the only ops of their
    calls.
    """

    origin: int
    thread: NDArray[np.int32]
    gap: Times
    base: Times
    waits: NDArray[np.bool_]
    tail: Times
    scope: NDArray[np.int32]
    event: NDArray[np.int64]
    records: NDArray[np.bool_]
    awaits: NDArray[np.int64]
    own_stream: NDArray[np.int32]
    scopes: tuple[tuple[int, ...], ...]
    call: Indices
    stream: NDArray[np.int32]
    stream_count: int
    alive: NDArray[np.bool_]
    latency: Times
    delta: Times
    duration: Times
    blocks: NDArray[np.bool_]
    op_tail: Times
    room: NDArray[np.int64]
    room_tail: Times
    edges: NDArray[np.int64]


@dataclass(frozen=True)
class Replay:
    """When everything happens, int64 ns: per call its start, end and the end of what it waited for; per op its start,
    end and the greatest end on its stream before it. NEVER where there is no such thing (as for ops not alive)."""

    call_start: Times
    call_end: Times
    covered: Times
    op_start: Times
    op_end: Times
    before: Times
