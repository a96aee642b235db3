"""Where the model does not hold, and a sentence on why: nothing is said of a critical path or of gains then."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.idle.attribution import HIDDEN_AFTER_NS
from nsysgap.analysis.schedule.calls import CONTEXT_SYNC, EVENT_SYNC, LAUNCH, STREAM_SYNC
from nsysgap.analysis.schedule.constants import (
    OTHER_LAUNCHES_AT_MOST,
    UNEXPLAINED_AFTER,
    UNEXPLAINED_AT_MOST,
    UNLAUNCHED_AT_MOST,
    UNTRACED_AT_MOST,
)
from nsysgap.analysis.schedule.model import Model
from nsysgap.analysis.schedule.schedule import NEVER
from nsysgap.analysis.schedule.stretch import Stretch
from nsysgap.arrays import distinct
from nsysgap.intervals import covered_length, subtract, union
from nsysgap.units import count, duration, percent

Times = NDArray[np.int64]


def refusals(model: Model, stretch: Stretch) -> list[str]:
    """Why the critical path of a stretch cannot be told, each a sentence; none where it can."""
    sentences = (
        _inexact(model),
        _shared_device(model, stretch),
        _untraced(model, stretch),
        _unlaunched(model, stretch),
        _unexplained(model, stretch),
    )
    return [sentence for sentence in sentences if sentence]


def doubts(model: Model, stretch: Stretch) -> list[str]:
    """What the model leaves as it was recorded: no change can be predicted then, though the path is what it was."""
    return [sentence for sentence in (_full_queue(model, stretch), _other_launches(model, stretch)) if sentence]


def _inexact(model: Model) -> str:
    if not model.off_by:
        return ""
    return f"The replay model does not give the recorded times back: it is off by up to {duration(model.off_by)}."


def _shared_device(model: Model, stretch: Stretch) -> str:
    ops = model.trace.ops
    inside = (ops["start"] < stretch.end.time) & (ops["end"] > stretch.start)
    mine = ops["process"] == model.calls.process
    shared = np.intersect1d(
        distinct(ops["device"][inside & mine]), distinct(ops["device"][inside & ~mine]), assume_unique=True
    )
    if not len(shared):
        return ""
    gpu = model.trace.device(int(shared[0])).label
    return f"Several processes used GPU {gpu} at the same time: which of them waited for which is not recorded."


def _untraced(model: Model, stretch: Stretch) -> str:
    """Long stretches of sync calls in which no op of the process runs: the GPU is busy with what nsys does not see."""
    calls, ops = model.calls, model.trace.ops
    waits = np.isin(calls.role, (STREAM_SYNC, CONTEXT_SYNC, EVENT_SYNC))
    mine = ops["process"] == model.calls.process
    dark = subtract(union(calls.start[waits], calls.end[waits]), union(ops["start"][mine], ops["end"][mine]))
    low, high = np.maximum(dark.starts, stretch.start), np.minimum(dark.ends, stretch.end.time)
    hidden = int((high - low)[(dark.ends - dark.starts > HIDDEN_AFTER_NS) & (high > low)].sum())
    if hidden <= UNTRACED_AT_MOST * stretch.length:
        return ""
    return (
        f"For {duration(hidden)} ({percent(hidden, stretch.length)}) the host waits for a GPU on which nothing traced "
        "runs: kernels launched by kernels, most likely, which nsys does not record."
    )


def _unlaunched(model: Model, stretch: Stretch) -> str:
    ops = model.trace.ops
    start = ops["start"][model.without_call]
    without = int(((start >= stretch.start) & (start < stretch.end.time)).sum())
    launched = int(((model.ops.start >= stretch.start) & (model.ops.start < stretch.end.time)).sum())
    if without <= UNLAUNCHED_AT_MOST * (without + launched):
        return ""
    return (
        f"{count(without)} of {count(without + launched)} GPU operations have no launch call in the report: what they "
        "waited for is unknown."
    )


def unexplained(model: Model, stretch: Stretch) -> int:
    """By how much ops of the stretch start later than their call and stream explain, ns; each by 20 us or more.

    A call that itself takes long, as one that loads code does, explains why its op starts late.
    """
    calls, ops, before = model.calls, model.ops, model.unchanged.before
    due = np.maximum(calls.start[ops.call] + model.launch_latency, calls.end[ops.call])
    due = np.maximum(due, np.where(before == NEVER, due, before + model.queue_gap))
    late = ops.start - due
    counted = (late > UNEXPLAINED_AFTER) & (ops.start >= stretch.start) & (ops.start < stretch.end.time)
    return int(late[counted].sum())


def _unexplained(model: Model, stretch: Stretch) -> str:
    late = unexplained(model, stretch)
    if late <= UNEXPLAINED_AT_MOST * stretch.length:
        return ""
    return (
        f"GPU operations start {duration(late)} ({percent(late, stretch.length)} of the time) later than their "
        "launches and their streams explain: code being loaded, another program on the GPU, or work that is not "
        "recorded."
    )


def _full_queue(model: Model, stretch: Stretch) -> str:
    blocked = model.calls.start[model.back_pressure.unexplained]
    inside = int(((blocked >= stretch.start) & (blocked < stretch.end.time)).sum())
    if not inside:
        return ""
    return (
        f"{count(inside)} launches waited while 1,000 or more operations were queued, and no length of the queue "
        "explains for how long: they are left as recorded."
    )


def _other_launches(model: Model, stretch: Stretch) -> str:
    calls = model.calls
    gaps = np.flatnonzero((calls.thread == stretch.logical) & (calls.gap > 0))
    others = np.flatnonzero((calls.thread != stretch.logical) & (calls.role == LAUNCH))
    launching = union(calls.start[others], calls.end[others])
    low = np.maximum(calls.start[gaps] - calls.gap[gaps], stretch.start)
    high = np.minimum(calls.start[gaps], stretch.end.time)
    inside = int(covered_length(launching, low, high).sum())
    if inside <= OTHER_LAUNCHES_AT_MOST * stretch.length:
        return ""
    return (
        f"Another thread launches for {duration(inside)} ({percent(inside, stretch.length)}) while the loop's own "
        "makes no call: how the two wait for each other is not recorded."
    )
