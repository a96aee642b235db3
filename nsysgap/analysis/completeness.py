"""Whether a report holds all that happened: what is missing, how much and when, and how idle the GPU was at most."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.idle.idle_report import DeviceIdle, IdleReport
from nsysgap.analysis.questions import has_kernels
from nsysgap.analysis.relations.calls import COPIES, LAUNCHES, SETS
from nsysgap.analysis.relations.captures import captured_calls
from nsysgap.analysis.relations.ranges import range_labels, trace_end
from nsysgap.arrays import distinct, is_any
from nsysgap.intervals import covered_length, union
from nsysgap.tables import NONE, OPEN_END, Notice, Trace, names_launch
from nsysgap.units import count, counted, duration, percent

Calls = NDArray[np.int32]
STOPPED_SHARE = 0.1  # of the session, and of its ranges, without any CUDA row
LEAST_RANGES = 3
UNSEEN = ("lost_launches", "left_out")  # GPU work that ran inside the windows is missing


@dataclass(frozen=True)
class Loss:
    """Something that the report lacks. `kind`: lost_launches, left_out, stopped_early or outside (the selection lies
    mostly where nothing was recorded: so many ns of it do not); `count` of `of` things, from `first_ns` to `last_ns`
    (None: not known when). `pid`: of which process, None for the whole report."""

    kind: str
    count: int
    of: int
    first_ns: int | None
    last_ns: int | None
    pid: int | None
    text: str


def lost_launches(trace: Trace, calls: Calls) -> NDArray[np.intp]:
    """Rows of api that launched a kernel or a graph, succeeded, were not captured, and own no op.

    A call nested in another launching call of its thread is that one's, and in any call that owns an op: the driver's
    inside the runtime's. `calls`: as `launch_calls`.
    """
    candidates = LAUNCHES.rows(trace) & ~trace.api["failed"]
    candidates[calls[calls != NONE]] = False
    if not candidates.any():
        return np.empty(0, np.intp)
    candidates &= ~captured_calls(trace, calls)
    rows = np.flatnonzero(candidates)
    return rows[~_nested(trace, rows, calls)]


def _nested(trace: Trace, rows: NDArray[np.intp], calls: Calls) -> NDArray[np.bool_]:
    """Which of these rows of api lie in another call of their thread that launches or owns an op."""
    api, making = trace.api, LAUNCHES.rows(trace)
    making[calls[calls != NONE]] = True
    launching = np.flatnonzero(making)
    nested = np.zeros(len(rows), np.bool_)
    for thread in distinct(api["thread"][rows]).tolist():
        mine = launching[api["thread"][launching] == thread]
        own = np.flatnonzero(api["thread"][rows] == thread)
        before = np.searchsorted(mine, rows[own])  # api is sorted by start
        reach = np.maximum.accumulate(api["end"][mine])
        nested[own] = (before > 0) & (reach[np.maximum(before - 1, 0)] >= api["end"][rows[own]])
    return nested


def losses(idle: IdleReport) -> list[Loss]:
    """All that is missing as far as the report itself tells, most important first."""
    return [*trace_losses(idle.trace, idle.calls), *_outside(idle)]


def trace_losses(trace: Trace, calls: Calls) -> list[Loss]:
    """The same of a trace. `calls`: as `launch_calls`."""
    missing = [*_lost(trace, calls), *_stopped(trace)]
    return [*missing, *([] if missing else _ops_stopped(trace, calls)), *_left_out(trace)]


def _lost(trace: Trace, calls: Calls) -> Iterator[Loss]:
    lost = lost_launches(trace, calls) if has_kernels(trace) else np.empty(0, np.intp)
    if not len(lost):
        return
    process = trace.threads["process"][trace.api["thread"]] if trace.api.rows else np.empty(0, np.int32)
    launches = np.flatnonzero(LAUNCHES.rows(trace) & ~trace.api["failed"])
    launches = launches[~_nested(trace, launches, calls)]
    for of in distinct(process[lost]).tolist():
        mine = lost[process[lost] == of]
        number = int((process[launches] == of).sum())
        first, last = int(trace.api["start"][mine[0]]), int(trace.api["start"][mine[-1]])
        pid, said = int(trace.processes["pid"][of]), _lost_text(trace, mine, of, number)
        yield Loss("lost_launches", len(mine), number, first, last, pid, said)


def _lost_text(trace: Trace, lost: NDArray[np.intp], process: int, number: int) -> str:
    """What the lost launches of a process, of a number, left; "" where the reader has said of all that their ops were
    left out."""
    lost = lost[~is_any(trace.api["correlation"][lost], _left_out_launches(trace, process))]
    if not len(lost):
        return ""
    first, last = duration(int(trace.api["start"][lost[0]])), duration(int(trace.api["start"][lost[-1]]))
    when = f"{first} to {last}" if len(lost) > 1 else f"at {first}"
    whose = f"(process {int(trace.processes['pid'][process])}, {when} of the session)"
    return f"{count(len(lost))} of {counted(number, 'launch', 'launches')} {_left(trace, len(lost), number, whose)}"


def _left_out_launches(trace: Trace, process: int) -> NDArray[np.int64]:
    """The correlation IDs of a process that ops name which the reader left out; of no process: of the only one."""
    alone = len(distinct(trace.threads["process"][trace.api["thread"]])) == 1
    whose = [int(trace.processes["global_pid"][process]), *([0] if alone else [])]
    named = [rows.correlation[names_launch(rows.correlation) & is_any(rows.process, whose)] for rows in trace.left_out]
    return distinct(np.concatenate(named)) if named else np.empty(0, np.int64)


def _left(trace: Trace, lost: int, number: int, whose: str) -> str:
    """What so many lost launches of a number left: nothing, or ops that do not say what launched them."""
    if nameless := _nameless(trace):
        return (
            f"{'owns' if lost == 1 else 'own'} no op {whose}: "
            f"{counted(nameless, 'op does not say what launched it', 'ops do not say what launched them')} and may be "
            "theirs; if not, the GPU may have been busy where it looks idle."
        )
    which = "it is not" if lost == 1 else "none of them is" if lost == number else "they are not"
    return f"left no kernel {whose}: {which} in the report, so the GPU may have been busy where it looks idle."


def _nameless(trace: Trace) -> int:
    """How many ops do not say what launched them: whose they are, or, where no op at all does, which call it was."""
    ops = trace.ops
    if not names_launch(ops["correlation"]).any():
        return ops.rows
    return int((trace.processes["global_pid"][ops["process"]] == 0).sum())


def _stopped(trace: Trace) -> Iterator[Loss]:
    """Processes whose CUDA rows end long before the session does, while ranges go on that held CUDA before.

    Ranges of other names, but for numbers, may be of what a program does after its work; OS calls go on in every
    program that ends.
    """
    if not trace.ops.rows or not trace.nvtx.rows:
        return
    end, label = trace_end(trace), range_labels(trace)[0]
    first = min(int(trace.ops["start"][0]), int(trace.nvtx["start"][0]))
    of_range = trace.threads["process"][trace.nvtx["thread"]]
    lasts = _last_cuda_rows(trace)
    for process, last in lasts.items():
        mine = of_range == process
        later = mine & (trace.nvtx["start"] >= last)
        number, ranges = int(later.sum()), int(mine.sum())
        known = int((later & is_any(label, distinct(label[mine & ~later]).tolist())).sum())
        if known >= max(LEAST_RANGES, STOPPED_SHARE * ranges) and end - last >= STOPPED_SHARE * (end - first):
            pid = int(trace.processes["pid"][process]) if len(lasts) > 1 else None
            said = (
                f"The last CUDA row{'' if pid is None else f' of process {pid}'} is at {duration(last)} of "
                f"{duration(end)}, though ranges go on that held CUDA before: {count(number)} of "
                f"{counted(ranges, 'NVTX range', 'NVTX ranges')} hold none."
            )
            yield Loss("stopped_early", number, ranges, last, end, pid, said)


def _last_cuda_rows(trace: Trace) -> dict[int, int]:
    """When the last op or call of each process that has ops ended, ns, by row of processes.

    An op of no known process may be of any: then the end of all is that of each.
    """
    ends = np.full(trace.processes.rows, np.iinfo(np.int64).min)
    api = trace.threads["process"][trace.api["thread"]] if trace.api.rows else np.empty(0, np.int32)
    np.maximum.at(ends, api, trace.api["end"])
    np.maximum.at(ends, trace.ops["process"], trace.ops["end"])
    nameless = ends[trace.processes["global_pid"] == 0]
    return {process: int(nameless.max(initial=ends[process])) for process in distinct(trace.ops["process"]).tolist()}


def _ops_stopped(trace: Trace, calls: Calls) -> Iterator[Loss]:
    """GPU rows that end long before the session does, while calls go on of names that all left GPU work before."""
    if not trace.ops.rows or not trace.api.rows:
        return
    last, first, end = int(trace.ops["end"].max()), int(trace.ops["start"][0]), trace_end(trace)
    work = (COPIES | SETS).rows(trace) & ~trace.api["failed"]
    owning = np.zeros(trace.api.rows, np.bool_)
    owning[calls[calls != NONE]] = True
    later = trace.api["start"] >= last
    bare = distinct(trace.api["name"][work & ~later & ~owning]).tolist()
    known = distinct(trace.api["name"][work & ~later & owning]).tolist()
    work &= is_any(trace.api["name"], [name for name in known if name not in bare])
    number, whole = int((work & later & ~owning).sum()), int(work.sum())
    if number >= max(LEAST_RANGES, STOPPED_SHARE * whole) and end - last >= STOPPED_SHARE * (end - first):
        said = (
            f"The last GPU row is at {duration(last)} of {duration(end)}, though calls go on that all left GPU work "
            f"before: {count(number)} of {counted(whole, 'copy or memset', 'copies and memsets')} left none."
        )
        yield Loss("stopped_early", number, whole, last, end, None, said)


def _left_out(trace: Trace) -> Iterator[Loss]:
    for rows in trace.left_out:
        if rows.of_gpu or rows.why == "other_clock":
            yield Loss("left_out", rows.count, rows.count, None, None, None, "")  # the reader has said it


def unseen_losses(missing: list[Loss]) -> bool:
    """Whether GPU work is missing, so that all idle time may have been busy."""
    return any(loss.kind in UNSEEN for loss in missing)


class LossRange(NamedTuple):
    """Between which bounds a GPU was idle of `of` ns, as far as a loss leaves that open: ns."""

    device: int
    low: int
    high: int
    of: int


def loss_ranges(idle: IdleReport, loss: Loss) -> list[LossRange]:
    """What a loss leaves of each GPU's idle time: all of it may have been busy where GPU work is missing; where nothing
    was recorded from some time on, or of most of a selection, that time may have been either."""
    if loss.kind in UNSEEN:
        return [LossRange(gpu.device, 0, gpu.idle, gpu.busy + gpu.idle) for gpu in idle.devices]
    if loss.kind == "stopped_early":
        return list(_until_the_end(idle, loss))
    rest = loss.of - loss.count
    return [LossRange(gpu.device, gpu.idle, gpu.idle + rest, gpu.busy + gpu.idle + rest) for gpu in idle.devices]


def _until_the_end(idle: IdleReport, loss: Loss) -> Iterator[LossRange]:
    """Idle time from a GPU's first op to the end of the session, whatever is selected; of the loss's process's GPUs."""
    ops, pids = idle.trace.ops, idle.trace.processes["pid"]
    mine = ops["device"] if loss.pid is None else ops["device"][pids[ops["process"]] == loss.pid]
    used = distinct(mine).tolist()
    for gpu in idle.whole.gaps:
        if gpu.device in used and idle.only_device in (None, gpu.device) and loss.last_ns is not None:
            (start, end), since = gpu.window, max(gpu.window[0], min(loss.first_ns or 0, gpu.window[1]))
            idle_since = end - since - int(covered_length(gpu.busy, np.array([since]), np.array([end]))[0])
            whole, rest = end - start - gpu.busy.total, max(loss.last_ns - end, 0)
            yield LossRange(gpu.device, whole - idle_since, whole + rest, end - start + rest)


def loss_notices(idle: IdleReport, missing: list[Loss]) -> list[Notice]:
    """The losses in words, and how idle the GPUs were at most, or between which bounds."""
    said = [*_whole_processes(idle.trace, missing), *(loss.text for loss in missing if loss.text)]
    if unseen_losses(missing):
        said += [_at_most(idle, device) for device in idle.devices]
    for loss in missing:
        if loss.kind not in UNSEEN:
            said += [_between(idle, loss_range, loss) for loss_range in loss_ranges(idle, loss)]
    return [Notice("incomplete", text) for text in said]


def _whole_processes(trace: Trace, missing: list[Loss]) -> Iterator[str]:
    """Processes of which no kernel at all is in the report, where there are several such."""
    without = [loss for loss in missing if loss.kind == "lost_launches" and loss.count == loss.of and loss.text]
    if len(without) > 1 and not _nameless(trace):
        launching = len(distinct(trace.threads["process"][trace.api["thread"][LAUNCHES.rows(trace)]]))
        launched = sum(loss.of for loss in without)
        yield (
            f"{count(len(without))} of {count(launching)} processes launched {count(launched)} kernels, and none of "
            "them is in the report."
        )


def _at_most(idle: IdleReport, device: DeviceIdle) -> str:
    gpu = idle.trace.device(device.device).label
    missing = "may be missing" if _nameless(idle.trace) else "is missing"
    return f"GPU work {missing}: GPU {gpu} was idle at most {percent(device.idle, device.busy + device.idle)}."


def _between(idle: IdleReport, bounds: LossRange, loss: Loss) -> str:
    where = "selected time" if loss.kind == "outside" else "time until the session ended"
    gpu = idle.trace.device(bounds.device).label
    shares = f"{percent(bounds.low, bounds.of)} to {percent(bounds.high, bounds.of)}"
    return (
        f"Of {duration(bounds.of)} of {where} GPU {gpu} was idle {duration(bounds.low)} to {duration(bounds.high)} "
        f"({shares})."
    )


def _outside(idle: IdleReport) -> Iterator[Loss]:
    """A selection that lies mostly where no CUDA was recorded."""
    if idle.selection is None or not idle.trace.ops.rows:
        return
    ops = idle.trace.ops
    recorded = union(ops["start"][:1], np.array([ops["end"].max()]))
    inside = int(covered_length(idle.selection, recorded.starts, recorded.ends).sum())
    total = idle.selection.total
    if 2 * inside < total < OPEN_END // 2:
        said = f"Only {percent(inside, total)} of the selected time lies where GPU work was recorded."
        yield Loss("outside", inside, total, None, None, None, said)
