"""The document of `nsysgap ranks`: who keeps whom waiting."""

from __future__ import annotations

from nsysgap.schemas.building import (
    CAUSE_KEYS,
    DEVICE,
    PROCESS,
    WHICH,
    array,
    document,
    flag,
    integer,
    maybe_stats,
    nullable,
    number,
    one_of,
    parts,
    record,
    stats,
    text,
)

_REPORT = record(
    "A file.",
    {
        "path": text("As named."),
        "status": one_of(("ok", "no-gpu-work", "error"), "What it gave."),
        "text": text("Why, empty for ok."),
    },
)
_UNIT = record(
    "A process with GPU work on one GPU.",
    {
        "path": text("Its report."),
        "process": PROCESS,
        "rank": nullable(integer("Its rank."), "nothing tells it."),
        "rank_source": nullable(text("What tells it."), "nothing."),
        "world_size": nullable(integer("Ranks in all."), "nothing tells it."),
        "host": nullable(text("The machine."), "not recorded."),
        "device": DEVICE,
        "which": WHICH,
        "device_name": nullable(text("The model."), "not recorded."),
        "loop": nullable(text("Its main loop."), "it has none."),
        "iterations": nullable(integer("Of the loop."), "it has none."),
        "step_ns": nullable(integer("What a step takes."), "it has none."),
        "window_ns": integer("What was selected."),
        "busy_ns": integer("Busy time; a waiting collective is busy."),
        "idle_ns": integer("busy + idle = window."),
        "idle_by_cause_ns": parts("Sums to idle_ns."),
        "collective_ns": integer("Time in collectives."),
        "exposed_wait_ns": integer("Waiting inside collectives that nothing else covers."),
        "starved_ns": integer("idle + exposed wait."),
        "arrived_last": nullable(integer("In how many collectives."), "none was matched."),
        "offset_ns": nullable(integer("Of its clock."), "clocks are not aligned."),
    },
    sometimes=("which",),
)
_KIND = record(
    "Matched collectives of one kind.",
    {
        "kind": text("AllReduce, AllGather, ReduceScatter or AllToAll."),
        "count": integer("How many."),
        "transfer_ns": stats("The shortest over units."),
        "wait_ns": stats("Of a unit in one."),
        "message_bytes": maybe_stats("As NCCL's payloads tell them, of those that have one."),
    },
)
_LATE = record(
    "What the straggler spends more than the fastest unit, ns per stretch.",
    {"gpu": integer("GPU work."), **{key: integer(f"Idle: {key}.") for key in CAUSE_KEYS}},
)
_VERDICT = record(
    "Who keeps whom waiting.",
    {
        "kind": one_of(("straggler", "rotates", "even", "unknown"), "What was found."),
        "rank": nullable(integer("Of the straggler."), "none, or its rank is not known."),
        "process": nullable(PROCESS, "no straggler."),
        "share_last": number("In what share of the collectives it arrived last."),
        "late_by_ns": nullable(_LATE, "no straggler."),
        "cause": nullable(one_of(["gpu", *CAUSE_KEYS], "The largest difference."), "no straggler."),
        "text": text("All of it in a sentence."),
    },
)
DOCUMENT = document(
    "ranks",
    1,
    "The ranks of a job beside each other.",
    {
        "reports": array(_REPORT, "Every file that was named."),
        "units": array(_UNIT, "Every process with GPU work."),
        "collectives": record(
            "Barrier collectives.",
            {
                "matched": integer("Over all units."),
                "unmatched_reason": nullable(text("Why none could be matched."), "they were."),
                "by_kind": array(_KIND, "Each kind."),
            },
        ),
        "verdict": _VERDICT,
        "slow_iterations": array(
            record(
                "An outlier.",
                {
                    "iteration": integer("Its number."),
                    "duration_ns": integer("What it took."),
                    "last": nullable(integer("The rank that arrived last."), "not known."),
                    "process": nullable(integer("The process that did."), "no collective in it."),
                },
            ),
            "Iterations that took much longer.",
        ),
        "clocks": record(
            "Whether units can be drawn on one clock.",
            {
                "aligned": flag("Whether they can."),
                "residual_p50_ns": nullable(integer("Median of what remains."), "not aligned."),
                "residual_p95_ns": nullable(integer("95th percentile of what remains."), "not aligned."),
            },
        ),
        "missing_ranks": array(integer("A rank."), "Ranks below the world size that no report has."),
    },
)
