"""What a person must know beside the figures: what the report cannot show, and what looks odd in it."""

from __future__ import annotations

from collections.abc import Iterable

from nsysgap.analysis.call_errors import launch_errors
from nsysgap.analysis.clock_notices import clock_notices
from nsysgap.analysis.completeness import Loss, loss_notices, losses
from nsysgap.analysis.held import held_notices, other_work_notices
from nsysgap.analysis.idle.idle_report import IdleReport
from nsysgap.analysis.migrations import migration_notices
from nsysgap.analysis.program_notices import program_notices
from nsysgap.analysis.questions import has_kernels, marking
from nsysgap.analysis.relations.calls import COPIES, LAUNCHES, SETS
from nsysgap.analysis.relations.captures import graph_costs
from nsysgap.analysis.relations.domains import open_range_notices
from nsysgap.analysis.relations.launches import misled_ops
from nsysgap.analysis.relations.unqueued_latency import Latencies
from nsysgap.tables import GRAPH, NONE, Notice, Trace, names_launch
from nsysgap.units import count, counted, duration

OWNING = LAUNCHES | COPIES | SETS  # the calls that own an op unless they fail


def all_notices(idle: IdleReport, latencies: Latencies, missing: list[Loss] | None = None) -> tuple[Notice, ...]:
    """The reader's notices and those of the analysis: what is incomplete first, then warnings, then notes.

    `missing`: the report's losses, where the caller knows them.
    """
    missing = losses(idle) if missing is None else missing
    notices = [*idle.trace.warnings, *no_kernels(idle.trace), *loss_notices(idle, missing)]
    notices += [*clock_notices(latencies, idle.syncs), *_missing_calls(idle), *held_notices(idle)]
    notices += [*other_work_notices(idle), *program_notices(idle)]
    notices += [
        *migration_notices(idle),
        *_failed_launches(idle.trace),
        *_graphs(idle),
        *open_range_notices(idle.trace),
    ]
    notices += [*_missing_sources(idle.trace)]
    return in_order(notices)


def in_order(notices: Iterable[Notice]) -> tuple[Notice, ...]:
    """Notices, none twice: what is incomplete first, then warnings, then notes."""
    levels = ("incomplete", "warning", "note")
    return tuple(sorted(dict.fromkeys(notices), key=lambda notice: levels.index(notice.level)))


def no_kernels(trace: Trace) -> list[Notice]:
    """Why a report without kernel or graph rows answers nothing about kernels."""
    if has_kernels(trace):
        return []
    if not trace.ops.rows:
        said = "No GPU work was recorded: nothing tells how idle the GPU was, or what syncs waited for."
        return [Notice("incomplete", said)]
    return [Notice("incomplete", "No kernel rows: the figures know only of copies and memsets, not of kernels.")]


def _missing_calls(idle: IdleReport) -> list[Notice]:
    ops, misled = idle.trace.ops, len(misled_ops(idle.trace, idle.calls))
    without_call = (idle.calls == NONE) & names_launch(ops["correlation"])
    lost = int(without_call.sum()) - misled
    notices = misled_notices(idle)
    if not lost:
        return notices
    have, such = ("has", "it") if lost == 1 else ("have", "one of them")
    said = f"{count(lost)} of {counted(ops.rows, 'op', 'ops')} {have} no launch call in the report"
    nameless = int((idle.trace.processes["global_pid"][ops["process"][without_call]] == 0).sum())
    if nameless:
        said += f" (without globalPid, so whose calls to match is unknown: {count(nameless)})"
    return [*notices, Notice("warning", f"{said}: gaps that end with {such} are 'unknown'.")]


def misled_notices(idle: IdleReport) -> list[Notice]:
    """Ops whose correlation IDs name a call that cannot launch."""
    misled = len(misled_ops(idle.trace, idle.calls))
    wrong = (
        f"{count(misled)} of {counted(idle.trace.ops.rows, 'op', 'ops')} {'names' if misled == 1 else 'name'} a call "
        "that cannot launch, such as cudaEventRecord: their correlation IDs are wrong, their launch calls unknown."
    )
    return [Notice("warning", wrong)] if misled else []


def failed_launches(trace: Trace) -> int:
    """How many launch, copy and memset calls returned an error: they own no op."""
    return int((trace.api["failed"] & OWNING.rows(trace)).sum())


def _failed_launches(trace: Trace) -> list[Notice]:
    failed = failed_launches(trace)
    if not failed:
        return []
    said = counted(
        failed, "launch call returned an error: it owns no op", "launch calls returned an error: they own no op"
    )
    codes = launch_errors(trace, OWNING)
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
    texts = []
    if not trace.osrt.rows:
        texts.append(
            "OS runtime calls were not recorded: 'os' time counts as 'host' (nsys profile --trace=cuda,nvtx,osrt)."
        )
    if not trace.nvtx.rows:
        texts.append(f"There are no NVTX ranges: gaps cannot be told by phase ({marking(trace)}).")
    if (trace.ops["kind"] == GRAPH).any():
        texts.append(
            "CUDA graphs were traced as a whole: time between their nodes counts as busy (--cuda-graph-trace=node)."
        )
    return [Notice("note", text) for text in texts]
