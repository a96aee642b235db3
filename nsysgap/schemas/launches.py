"""The document of `nsysgap launches`: what launching costs."""

from __future__ import annotations

from nsysgap.schemas.building import (
    FOLDED,
    REPORT,
    SELECTION,
    array,
    document,
    flag,
    integer,
    maybe_stats,
    nullable,
    number,
    record,
    stats,
    text,
)

_GRID = array(integer("x, y, z"), "Three numbers.")
_KERNEL = record(
    "A kernel.",
    {
        "name": text("Its full name."),
        "count": integer("Runs."),
        "in_graphs": integer("Of them in CUDA graphs."),
        "duration_ns": stats("Of a run."),
        "call_ns": maybe_stats("Of its launch call."),
        "latency_ns": maybe_stats("From the call's start to the run's."),
        "unqueued_latency_ns": maybe_stats("latency_ns where the stream was empty."),
        "grids": array(
            record("A launch shape.", {"grid": _GRID, "block": _GRID, "count": integer("Runs.")}),
            "The commonest first.",
        ),
        "back_to_back": integer("Runs that began with the stream busy until then."),
        "call_per_run": nullable(number("Median call by median run."), "no call is known."),
        "costs_more_than_it_runs": flag("Whether launching it takes longer than running it."),
    },
)
_RANGE = record(
    "An NVTX range by its text.",
    {
        "name": text("Its text."),
        "count": integer("Ranges."),
        "duration_ns": stats("Of a range."),
        "launches_each": stats("Launch calls in a range."),
        "launches": integer("In all."),
        "ops": integer("Operations launched inside."),
        "calls_ns": integer("Time in launch calls."),
        "kernel_launches": integer("Of kernels."),
        "kernel_calls_ns": integer("Time in calls that launch kernels."),
        "per_million_ns": nullable(integer("What a million such calls take."), "no kernel was launched."),
    },
)
DOCUMENT = document(
    "launches",
    1,
    "What launching costs, per kernel and per NVTX range.",
    {
        "report": REPORT,
        "kernels": array(_KERNEL, "The most time in calls first."),
        "ranges": array(_RANGE, "The most time in calls first."),
        "all": record(
            "Everything together.",
            {
                "launches": integer("Launch calls."),
                "calls_ns": integer("Time in them."),
                "call_ns": maybe_stats("Of a call."),
                "kernel_call_ns": maybe_stats("Of a call that launches a kernel."),
                "per_million_ns": nullable(integer("What a million such calls take."), "no kernel was launched."),
                "per_range": nullable(_RANGE, "no range launches anything."),
            },
        ),
        "selection": SELECTION,
        "folded": FOLDED,
    },
    sometimes=("selection", "folded"),
)
