"""The units of one report: each process with GPU work, its rank, and what it contributes to a comparison of ranks."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.collectives.units import UnitFacts, device_of, unit_facts
from nsysgap.analysis.loops.steps import LoopSteps
from nsysgap.analysis.questions import why_no_kernels
from nsysgap.answers.opening import OpenReport
from nsysgap.answers.selection import WHOLE, Selection
from nsysgap.errors import NsysgapError
from nsysgap.fleet.names import report_name
from nsysgap.intervals import IntervalSet
from nsysgap.report.rank_facts import NcclCall, RankFacts, read_rank_facts
from nsysgap.tables import NONE, Device

Number = TypeVar("Number", np.int64, np.uint64)
LARGEST_MESSAGE = 1 << 62
OK, NO_GPU_WORK, ERROR = "ok", "no-gpu-work", "error"


@dataclass(frozen=True)
class RankOptions:
    """What to compare: the main loop's GPU windows, unless `selection` chooses time or `whole` takes everything.

    `rank_regex`: its first group is the rank in a report's file name; `draw`: some steps as pictures, too.
    """

    selection: Selection = WHOLE
    whole: bool = False
    rank_regex: str | None = None
    draw: bool = False


@dataclass(frozen=True)
class Unit:
    """A unit and who it is: `rank_source` says how the rank is known, "" where it is not.

    `message_bytes`: of each of its barrier collectives, -1 where the report does not tell.
    """

    path: str
    facts: UnitFacts
    rank: int | None
    rank_source: str
    world_size: int | None
    host: str | None
    gpu_uuid: str | None
    device: Device
    utc_start_ns: int | None
    message_bytes: NDArray[np.int64]

    @property
    def name(self) -> str:
        """ "rank 1", or "pid 668 on GPU 0" where no rank is known."""
        return f"rank {self.rank}" if self.rank is not None else f"pid {self.facts.pid} on GPU {self.device.label}"


class ToldByNccl(NamedTuple):
    """Of every op of a report, by the NCCL call that launched it: its communicator, 0 where there is none, and the
    bytes of its message, -1 where the call does not tell."""

    communicator: NDArray[np.uint64]
    message_bytes: NDArray[np.int64]


@dataclass(frozen=True)
class ReportUnits:
    """One report's units, or why it has none: `status` "ok", "no-gpu-work" or "error" with its sentence."""

    path: str
    status: str
    text: str = ""
    units: tuple[Unit, ...] = ()


def failed(path: str, error: NsysgapError) -> ReportUnits:
    """A report that could not be read: it does not stop the others."""
    return ReportUnits(path, ERROR, str(error))


def report_units(report: OpenReport, options: RankOptions) -> ReportUnits:
    """The units of an opened report."""
    trace = report.trace
    if not trace.ops.rows:
        why = why_no_kernels(trace)
        return ReportUnits(trace.path, NO_GPU_WORK, why[0] if why is not None else "The report holds no GPU work.")
    with report.source() as source:
        facts = read_rank_facts(source)
    processes = [process for process in np.unique(trace.ops["process"]).tolist() if process != NONE]
    told = _told_by_nccl(report, facts.calls)
    units = []
    for process in processes:
        made = _unit(report, options, facts, process, told, alone=len(processes) == 1)
        if made is not None:
            units.append(made)
    if not units:
        return ReportUnits(trace.path, NO_GPU_WORK, "The selection holds no GPU work of any process.")
    return ReportUnits(trace.path, OK, "", tuple(units))


def _unit(
    report: OpenReport,
    options: RankOptions,
    facts: RankFacts,
    process: int,
    told: ToldByNccl | None,
    *,
    alone: bool,
) -> Unit | None:
    trace = report.trace
    steps = report.steps(options.selection.hidden_after_ns)
    main = steps.main.get(process)
    loop = None if main is None else steps.of([steps.loops[main]], compared=False)[0]
    time = _time(report, options, process, loop)
    communicator = None if told is None else told.communicator
    measured = unit_facts(report.whole, steps.attribution, process, time, loop, communicator, draw=options.draw)
    if measured is None:
        return None
    rank, size, rank_source = _rank(report, options, facts, process, alone=alone)
    ops = measured.collectives.op
    device = trace.device(measured.device)
    return Unit(
        path=trace.path,
        facts=measured,
        rank=rank,
        rank_source=rank_source,
        world_size=size,
        host=facts.host,
        gpu_uuid=facts.gpu_uuid.get(measured.device),
        device=device,
        utc_start_ns=facts.utc_start_ns,
        message_bytes=np.full(len(ops), -1, np.int64) if told is None else told.message_bytes[ops],
    )


def _time(report: OpenReport, options: RankOptions, process: int, loop: LoopSteps | None) -> IntervalSet | None:
    """The time to compare: what the options select, else the main loop's windows on the process's GPU."""
    chosen = options.selection
    if chosen.ranges or chosen.timed:
        return report.select(chosen).time
    if options.whole or loop is None:
        return None
    return loop.covered(device_of(report.trace, process))


def _rank(
    report: OpenReport, options: RankOptions, facts: RankFacts, process: int, *, alone: bool
) -> tuple[int | None, int | None, str]:
    """(rank, world size, how they are known): the first that applies."""
    global_pid = int(report.trace.processes["global_pid"][process])
    size = facts.environment[1] if alone else None
    if options.rank_regex is not None:
        named = re.search(options.rank_regex, report_name(report.path))
        if named is None or not named.groups() or not (named.group(1) or "").isdigit():
            raise NsysgapError(
                f"--rank-regex '{options.rank_regex}' finds no rank in {report_name(report.path)}.",
                "Its first group must be the number: --rank-regex 'rank(\\d+)'.",
            )
        return int(named.group(1)), size, "file name (--rank-regex)"
    if global_pid in facts.nccl:
        return (*facts.nccl[global_pid], "NCCL")
    if global_pid in facts.mpi:
        return facts.mpi[global_pid], size, "NVTX mark MPI Rank"
    if alone and facts.environment[0] is not None:
        return facts.environment[0], size, "environment"
    return None, size, ""


def _told_by_nccl(report: OpenReport, calls: Sequence[NcclCall]) -> ToldByNccl | None:
    """What the marked NCCL calls tell of the ops launched inside them; None without any."""
    if not calls:
        return None
    call = _nccl_calls(report, calls)
    sizes = [-1 if marked.message_bytes is None else min(marked.message_bytes, LARGEST_MESSAGE) for marked in calls]
    return ToldByNccl(
        communicator=_of_calls([marked.communicator for marked in calls], call, 0, np.uint64),
        message_bytes=_of_calls(sizes, call, -1, np.int64),
    )


def _nccl_calls(report: OpenReport, calls: Sequence[NcclCall]) -> NDArray[np.intp]:
    """The marked NCCL call inside which each op was launched, an index into `calls`, NONE."""
    trace, launch = report.trace, report.whole.calls
    call_of = np.full(trace.ops.rows, NONE, np.intp)
    rows = np.flatnonzero(launch != NONE)
    tid = trace.threads["global_tid"][trace.api["thread"][launch[rows]]]
    time = trace.api["start"][launch[rows]]
    for thread in {call.global_tid for call in calls}:
        mine = sorted((i for i, call in enumerate(calls) if call.global_tid == thread), key=lambda i: calls[i].start)
        start, end = (np.array([getattr(calls[i], name) for i in mine], np.int64) for name in ("start", "end"))
        of_thread = np.flatnonzero(tid == thread)
        latest = np.searchsorted(start, time[of_thread], side="right") - 1
        inside = (latest >= 0) & (time[of_thread] < end[np.maximum(latest, 0)])
        call_of[rows[of_thread[inside]]] = np.array(mine, np.intp)[latest[inside]]
    return call_of


def _of_calls(values: Sequence[int], call: NDArray[np.intp], unknown: int, kind: type[Number]) -> NDArray[Number]:
    """What the call of each op says, `unknown` for ops outside all calls."""
    return np.where(call == NONE, np.array(unknown, kind), np.array(values, kind)[call])
