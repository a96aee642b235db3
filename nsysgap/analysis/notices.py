"""What a person must know beside the figures: what the report cannot show, and what looks odd in it."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.call_errors import launch_errors
from nsysgap.analysis.completeness import Loss, loss_notices, losses
from nsysgap.analysis.held import held_notices, other_work_notices
from nsysgap.analysis.idle.idle_report import IdleReport
from nsysgap.analysis.program_notices import program_notices
from nsysgap.analysis.questions import has_kernels
from nsysgap.analysis.relations.calls import COPIES, LAUNCHES, PREFETCHES, SETS
from nsysgap.analysis.relations.captures import graph_costs
from nsysgap.analysis.relations.domains import open_range_notices
from nsysgap.analysis.relations.launches import misled_ops
from nsysgap.analysis.relations.syncs import Syncs
from nsysgap.analysis.relations.unqueued_latency import Latencies
from nsysgap.arrays import distinct, is_any
from nsysgap.causes import PAGES_TO_DEVICE, PAGES_TO_HOST, UNKNOWN
from nsysgap.tables import GRAPH, MEMCPY, NONE, Notice, Trace, names_launch
from nsysgap.units import count, counted, duration, percent


def all_notices(idle: IdleReport, latencies: Latencies, missing: list[Loss] | None = None) -> tuple[Notice, ...]:
    """The reader's notices and those of the analysis: what is incomplete first, then warnings, then notes.

    `missing`: the report's losses, where the caller knows them.
    """
    missing = losses(idle) if missing is None else missing
    found = [*idle.trace.warnings, *no_kernels(idle.trace), *loss_notices(idle, missing)]
    found += [*_clock(latencies, idle.syncs), *_missing_calls(idle), *held_notices(idle)]
    found += [*other_work_notices(idle), *program_notices(idle)]
    found += [*_unknown(idle), *_failed_launches(idle.trace), *_graphs(idle), *open_range_notices(idle.trace)]
    found += [*_missing_sources(idle.trace)]
    return in_order(found)


def in_order(found: Iterable[Notice]) -> tuple[Notice, ...]:
    """Notices, none twice: what is incomplete first, then warnings, then notes."""
    levels = ("incomplete", "warning", "note")
    return tuple(sorted(dict.fromkeys(found), key=lambda one: levels.index(one.level)))


def no_kernels(trace: Trace) -> list[Notice]:
    """Why a report without kernel or graph rows answers nothing about kernels."""
    if has_kernels(trace):
        return []
    if not trace.ops.rows:
        said = "No GPU work was recorded: nothing tells how idle the GPU was, or what syncs waited for."
        return [Notice("incomplete", said)]
    return [Notice("incomplete", "No kernel rows: the figures know only of copies and memsets, not of kernels.")]


def _clock(latencies: Latencies, syncs: Syncs) -> list[Notice]:
    """Effects before their causes: negative latencies and tails."""
    found = []
    number, worst = latencies.negative()
    if number:
        one, many = "op starts before the call that launched it", "ops start before the call that launched them"
        why = "the clocks of host and GPU are not aligned. The figures keep them as they are."
        found.append(f"{counted(number, one, many)} (by up to {duration(worst)}): {why}")
    early = syncs.tail[syncs.tail < 0]
    if len(early):
        one = "sync call returns before the work that it covers ends"
        many = "sync calls return before the work that they cover ends"
        why = "the clocks of host and GPU are not aligned, or the call did not wait for all of it."
        said = f"{counted(len(early), one, many)} (by up to {duration(-int(early.min()))})"
        found.append(f"{said}: {why} Sync tails are negative there.")
    return [Notice("warning", text) for text in found]


def misled_notices(idle: IdleReport) -> list[Notice]:
    """Ops whose correlation IDs name a call that cannot launch."""
    misled = len(misled_ops(idle.trace, idle.calls))
    wrong = (
        f"{count(misled)} of {counted(idle.trace.ops.rows, 'op', 'ops')} {'names' if misled == 1 else 'name'} a call "
        "that cannot launch, such as cudaEventRecord: their correlation IDs are wrong, their launch calls unknown."
    )
    return [Notice("warning", wrong)] if misled else []


def _missing_calls(idle: IdleReport) -> list[Notice]:
    ops, misled = idle.trace.ops, len(misled_ops(idle.trace, idle.calls))
    without_call = (idle.calls == NONE) & names_launch(ops["correlation"])
    lost = int(without_call.sum()) - misled
    found = misled_notices(idle)
    if not lost:
        return found
    have, such = ("has", "it") if lost == 1 else ("have", "one of them")
    said = f"{count(lost)} of {counted(ops.rows, 'op', 'ops')} {have} no launch call in the report"
    nameless = int((idle.trace.processes["global_pid"][ops["process"][without_call]] == 0).sum())
    if nameless:
        said += f" (without globalPid, so whose calls to match is unknown: {count(nameless)})"
    return [*found, Notice("warning", f"{said}: gaps that end with {such} are 'unknown'.")]


def _unknown(idle: IdleReport) -> list[Notice]:
    """Gaps that end with a page migration of unified memory, which no call launches."""
    chosen = _ended_by_migrations(idle)
    if not len(chosen):
        return []
    time = int(idle.gaps.duration[chosen].sum())
    whole = sum(device.idle for device in idle.devices)
    said = (
        f"{counted(len(chosen), 'gap', 'gaps')} ({duration(time)}, {percent(time, whole)} of "
        f"the idle time) {'ends' if len(chosen) == 1 else 'end'} with a page migration of unified memory, which no "
        "call launches: 'unknown'."
    )
    return [Notice("note", f"{said} {migration_advice(idle)}")]


def _ended_by_migrations(idle: IdleReport) -> NDArray[np.intp]:
    """The gaps of unknown cause that a page migration ended."""
    gaps, ops = idle.gaps, idle.trace.ops
    rows = np.flatnonzero((gaps.cause == UNKNOWN) & (gaps.after != NONE))
    after = gaps.after[rows]
    names = distinct(ops["name"][after]).tolist()
    unified = [name for name in names if idle.trace.names[name].startswith("[CUDA memcpy Unified")]
    found: NDArray[np.intp] = rows[is_any(ops["name"][after], unified) & (ops["kind"][after] == MEMCPY)]
    return found


def migration_advice(idle: IdleReport) -> str:
    """What helps against the page migrations that ended gaps, "" if none did."""
    names = distinct(idle.trace.ops["name"][idle.gaps.after[_ended_by_migrations(idle)]]).tolist()
    return " ".join(_about_migrations(idle.trace, {idle.trace.names[name] for name in names})) if names else ""


def _about_migrations(trace: Trace, ways: set[str]) -> Iterable[str]:
    """What helps against the migrations of these directions, as far as the report tells."""
    prefetches = int(PREFETCHES.rows(trace).sum())
    to_host = [way for way in ways if PAGES_TO_HOST.name in way]
    if prefetches:
        calls = counted(prefetches, "cudaMemPrefetchAsync call", "cudaMemPrefetchAsync calls")
        yield f"Those that {calls} asked for are among them."
    elif len(to_host) < len(ways):
        yield PAGES_TO_DEVICE.advice.replace("`", "")
    if to_host:
        yield PAGES_TO_HOST.advice.replace("`", "")


def failed_launches(trace: Trace) -> int:
    """How many launch, copy and memset calls returned an error: they own no op."""
    return int((trace.api["failed"] & (LAUNCHES | COPIES | SETS).rows(trace)).sum())


def _failed_launches(trace: Trace) -> list[Notice]:
    failed = failed_launches(trace)
    if not failed:
        return []
    said = counted(
        failed, "launch call returned an error: it owns no op", "launch calls returned an error: they own no op"
    )
    codes = launch_errors(trace)
    return [Notice("warning", f"{said}{f' ({codes})' if codes else ''}.")]


def _graphs(idle: IdleReport) -> list[Notice]:
    """Captured launches, which own no op and are not lost, and what graphs cost before their first launch."""
    costs = graph_costs(idle.trace, idle.calls)
    said = []
    if costs.captures is not None:
        launches = counted(
            costs.captured_launches,
            "launch call was captured into CUDA graphs and owns no op",
            "launch calls were captured into CUDA graphs and own no op",
        )
        captures = counted(costs.captures.count, "capture", "captures")
        said.append(f"{launches} (not lost): {captures} took {duration(costs.captures.total)}")
    if costs.instantiations is not None:
        took = duration(costs.instantiations.total)
        number = costs.instantiations.count
        said.append(f"{counted(number, 'graph instantiation', 'graph instantiations')} took {took}")
    return [Notice("note", f"{'; '.join(said)}. See: nsysgap graphs.")] if said else []


def _missing_sources(trace: Trace) -> list[Notice]:
    """Parts that stay 0 because the capture did not record what they need."""
    if not trace.ops.rows:
        return []
    found = []
    if not trace.osrt.rows:
        found.append(
            "OS runtime calls were not recorded: 'os' time counts as 'host' (nsys profile --trace=cuda,nvtx,osrt)."
        )
    if not trace.nvtx.rows:
        found.append(
            "There are no NVTX ranges: gaps cannot be told by phase (nvtx.annotate, torch.cuda.nvtx.range_push)."
        )
    if (trace.ops["kind"] == GRAPH).any():
        found.append(
            "CUDA graphs were traced as a whole: time between their nodes counts as busy (--cuda-graph-trace=node)."
        )
    return [Notice("note", text) for text in found]
