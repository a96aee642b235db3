"""Which line of the program kept the GPU idle: idle time shared out among the stacks that a report holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.idle.idle_report import IdleReport
from nsysgap.analysis.idle.stretches import Stretches
from nsysgap.analysis.stacks.call_tree import call_tree
from nsysgap.analysis.stacks.shares import (
    PERIODS_AWAY,
    Shares,
    joined,
    measured_period,
    nearest_before,
    share_among_samples,
    share_among_spans,
)
from nsysgap.analysis.stacks.span_stacks import Spans, call_spans, folded_names, nvtx_stacks
from nsysgap.intervals import EMPTY
from nsysgap.tables import (
    CUDA_CALL,
    FRAMES,
    NATIVE_SAMPLE,
    NONE,
    PYTHON_CALL,
    PYTHON_SAMPLE,
    STACKS,
    Stacks,
    Table,
)

Times = NDArray[np.int64]
SOURCES = ("python", "native", "calls", "nvtx")
SAMPLED = {"python": PYTHON_SAMPLE, "native": NATIVE_SAMPLE}
NOBODY = {
    "python": "(not sampled)",
    "native": "(not sampled)",
    "calls": "(in no call whose stack was recorded)",
    "nvtx": "(outside any NVTX range)",
}
NO_LAUNCH = "(launching line not known)"


@dataclass(frozen=True)
class IdleStacks:
    """Idle time shared out among stacks.

    `tree`: the table CALL_TREE over `stacks.frames`; its self times sum to `total`, exactly. `inside_ns` went to
    samples taken within the idle time (or to stacks that are exact), `near_ns` to merely the nearest sample, `rest_ns`
    to no stack (the tree's frame `rest_frame`, shown as `rest_name`). `samples`: how many samples received time;
    `effective`: how many independent samples of equal weight they are worth (Kish), 0 for exact stacks. `stack`: the
    stack of each receiver of `shares`. `labels`: what names of functions (indices) are called instead.
    """

    source: str
    stacks: Stacks
    tree: Table
    total: int
    inside_ns: int
    near_ns: int
    rest_ns: int
    samples: int
    effective: float
    period: int
    shares: Shares
    stack: NDArray[np.int64]
    rest_frame: int
    rest_name: str
    labels: Mapping[int, str] = field(default_factory=dict)


def choose_source(stacks: Stacks, stretches: Stretches) -> str:
    """The best of SOURCES for these stretches: samples of their threads (Python before native), else NVTX ranges."""
    threads = np.unique(stretches.thread[stretches.thread != NONE])
    samples = stacks.samples
    mine = np.isin(samples["thread"], threads)
    for name, source in SAMPLED.items():
        if (mine & (samples["source"] == source)).any():
            return name
    return "nvtx"


def idle_stacks(
    idle: IdleReport, stretches: Stretches, stacks: Stacks, source: str, *, unfold: bool = True
) -> IdleStacks:
    """Share the stretches out among the stacks of one of SOURCES; `unfold`: NVTX ranges by their whole names."""
    labels: dict[int, str] = {}
    if source in SAMPLED:
        samples, period = samples_of(stacks, source)
        shares = share_among_samples(stretches, samples, PERIODS_AWAY * period)
        return _weighed(stacks, shares, samples["stack"].astype(np.int64), source, period)
    if source == "calls":
        spans = {
            int(thread): call_spans(stacks, int(thread)) for thread in np.unique(stretches.thread) if thread != NONE
        }
    else:
        standing, labels = ({}, {}) if unfold else folded_names(idle.trace)
        stacks, spans = nvtx_stacks(idle.trace, standing)
    shares = _among_spans(stretches, spans)
    return replace(_weighed(stacks, shares, np.arange(stacks.stacks.rows), source), labels=labels)


def _among_spans(stretches: Stretches, spans: dict[int, Spans]) -> Shares:
    empty = Spans(EMPTY, np.empty(0, np.int64))
    shares = []
    for thread in np.unique(stretches.thread).tolist():
        time, stack = spans.get(thread, empty)
        shares.append(share_among_spans(stretches, thread, time, stack))
    return joined(shares)


def samples_of(stacks: Stacks, source: str) -> tuple[Table, int]:
    """The samples of one of SAMPLED, and their period in ns."""
    number = SAMPLED[source]
    samples = stacks.samples.take(stacks.samples["source"] == number)
    return samples, measured_period(samples, stacks.period_ns.get(number))


def samples_by_thread(stacks: Stacks) -> Iterator[tuple[int, Times, NDArray[np.int32], NDArray[np.int8]]]:
    """(row of threads, times in ns, rows of stacks, sources) of each thread's samples by time: what viewers draw.

    Samples of threads without any other event are left out: they have no row in the threads table.
    """
    samples = stacks.samples
    order = np.lexsort((samples["time"], samples["thread"]))
    thread = samples["thread"][order]
    for owner in np.unique(thread[thread != NONE]).tolist():
        rows = order[np.searchsorted(thread, owner) : np.searchsorted(thread, owner, side="right")]
        yield owner, samples["time"][rows], samples["stack"][rows], samples["source"][rows]


def launched_from(idle: IdleReport, stretches: Stretches, stacks: Stacks, source: str) -> IdleStacks:
    """Give the idle time of each gap to the stack from which the op that ended it was launched.

    Exact (`inside_ns`) where the launch call's own stack was recorded, else (`near_ns`) the thread's nearest sample
    before the launch within two periods, else nobody's. Receivers are rows of `stacks.stacks`.
    """
    gaps, api = idle.gaps, idle.trace.api
    ns = np.zeros(len(gaps), np.int64)
    np.add.at(ns, stretches.gap, stretches.end - stretches.start)
    rows = np.flatnonzero(ns)
    call = gaps.call[rows]
    receiver = np.full(len(rows), NONE, np.int64)
    known = np.flatnonzero(call != NONE)
    receiver[known] = _stacks_of_calls(stacks, api["thread"][call[known]], api["correlation"][call[known]])
    exact = receiver != NONE
    period = 0
    if source in SAMPLED:
        samples, period = samples_of(stacks, source)
        wanted = known[~exact[known]]
        nearest = nearest_before(
            samples, api["thread"][call[wanted]], api["start"][call[wanted]], PERIODS_AWAY * period
        )
        receiver[wanted] = np.where(nearest == NONE, NONE, samples["stack"][nearest] if samples.rows else NONE)
    shares = Shares(receiver, ns[rows], rows.astype(np.int64), (receiver != NONE) & ~exact)
    return _weighed(stacks, shares, np.arange(stacks.stacks.rows), "launch", period)


def _stacks_of_calls(stacks: Stacks, thread: NDArray[np.int32], correlation: Times) -> NDArray[np.int64]:
    """The recorded stack of each CUDA call, Python's before the native one; NONE without."""
    calls = stacks.calls
    usable = np.isin(calls["source"], (PYTHON_CALL, CUDA_CALL)) & (calls["correlation"] > 0) & (calls["thread"] != NONE)
    rows = np.flatnonzero(usable)
    order = rows[np.lexsort((calls["source"][rows], calls["correlation"][rows], calls["thread"][rows]))]
    stack = np.full(len(thread), NONE, np.int64)
    for caller in np.unique(thread):
        low, high = np.searchsorted(calls["thread"][order], (caller, caller + 1))
        mine = np.flatnonzero(thread == caller)
        keys = calls["correlation"][order[low:high]]
        position = np.searchsorted(keys, correlation[mine])
        inside = position < len(keys)
        inside[inside] = keys[position[inside]] == correlation[mine[inside]]
        stack[mine[inside]] = calls["stack"][order[low + position[inside]]]
    return stack


def _weighed(stacks: Stacks, shares: Shares, stack: NDArray[Any], source: str, period: int = 0) -> IdleStacks:
    """Sum the shares up by stack; what nobody received becomes a stack of its own, with one frame that says so."""
    with_rest = _with_rest(stacks)
    rest = stacks.stacks.rows
    received = shares.receiver != NONE
    of = np.full(len(shares.ns), rest, np.int64)
    of[received] = stack[shares.receiver[received]]
    of[with_rest.stacks["count"][of] == 0] = rest
    ns, near, samples = np.zeros((3, rest + 1), np.int64)
    np.add.at(ns, of, shares.ns)
    np.add.at(near, of[shares.near], shares.ns[shares.near])
    receivers = np.unique(shares.receiver[received & (shares.ns > 0)])
    exact = source not in SAMPLED
    np.add.at(samples, of[received] if exact else stack[receivers], 1)
    return IdleStacks(
        source=source,
        stacks=with_rest,
        tree=call_tree(with_rest, ns, near, samples),
        total=int(shares.ns.sum()),
        inside_ns=int(shares.ns[received & ~shares.near].sum()),
        near_ns=int(shares.ns[shares.near].sum()),
        rest_ns=int(shares.ns[~received].sum()),
        samples=int(received.sum()) if exact else len(receivers),
        effective=0.0 if exact else _effective(shares, received, len(stack)),
        period=period,
        shares=shares,
        stack=stack,
        rest_frame=stacks.frames.rows,
        rest_name=NOBODY.get(source, NO_LAUNCH),
    )


def _effective(shares: Shares, received: NDArray[np.bool_], receivers: int) -> float:
    """Kish's effective number of samples: the square of the sum of their weights by the sum of their squares."""
    weights = np.bincount(shares.receiver[received], weights=shares.ns[received], minlength=receivers)
    squares = float((weights**2).sum())
    return float(weights.sum()) ** 2 / squares if squares else 0.0


def _with_rest(stacks: Stacks) -> Stacks:
    """The stacks and one more, last, whose only frame, also last, has no name in the report."""
    added: dict[str, Any] = {"function": NONE, "file": NONE, "line": 0, "native": False}
    frames = {key: np.append(column, np.array([added[key]], column.dtype)) for key, column in stacks.frames.items()}
    table = {
        "first": np.append(stacks.stacks["first"], len(stacks.chain)),
        "count": np.append(stacks.stacks["count"], np.int32(1)),
    }
    chain = np.append(stacks.chain, np.int32(stacks.frames.rows))
    return replace(stacks, frames=Table(FRAMES, frames), stacks=Table(STACKS, table), chain=chain)
