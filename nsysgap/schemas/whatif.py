"""The document of `nsysgap whatif` and `nsysgap advise`: what changes would gain."""

from __future__ import annotations

from nsysgap.schemas.building import (
    PROCESS,
    REPORT,
    array,
    document,
    flag,
    integer,
    nullable,
    number,
    one_of,
    pair,
    record,
    text,
)

_PREDICTED = record(
    "Of one step.",
    {
        "central_ns": nullable(integer("What is predicted."), "only a range can be given."),
        "best_ns": integer("At best."),
        "worst_ns": integer("At worst."),
        "gain_percent": nullable(number("Of the recorded step."), "only a range can be given."),
        "kind": one_of(("figure", "gain", "range"), "What may be said: docs/whatif.md."),
        "host_share": number("Of the predicted step's critical path, what is host code, 0 to 1."),
    },
)
_BLOCKER = record(
    "What stands in the way of capturing a body.",
    {
        "what": text("The call."),
        "bodies": integer("In how many."),
        "of": integer("Of how many."),
        "where": text("The place."),
    },
)
_CHANGE = record(
    "One change, by itself.",
    {
        "change": text(
            "graph, fewer-syncs, pinned, overlapped, elsewhere, faster, cheaper-launches, fused, batched, ..."
        ),
        "target": nullable(text("The range, kernel or line."), "it has none."),
        "factor": nullable(number("How many times, or every how many."), "it has none."),
        "per_iteration": flag("Whether it is made in every iteration."),
        "under_nsys": nullable(_PREDICTED, "refused."),
        "plain": nullable(_PREDICTED, "no plain time is known."),
        "evidence": {"type": "object", "description": "What the prediction rests on, by name."},
        "blockers": array(_BLOCKER, "What has to go first."),
        "refused": nullable(text("Why nothing is predicted."), "it is predicted."),
        "said": text("What has to be known of it, empty for nothing."),
        "then_limits": {
            "type": "object",
            "additionalProperties": {"type": "number"},
            "description": "Shares (0 to 1) of the changed loop's critical path in its central case, largest first; "
            "missing where that case is not known.",
        },
        "how": array(text("A line for CUDA, PyTorch, CuPy."), "How to make the change; of advise only."),
    },
    sometimes=("how", "then_limits"),
)
_TOGETHER = record(
    "All changes at once.",
    {
        "changes": array(text("Its name."), "Those that were not refused."),
        "under_nsys": nullable(_PREDICTED, "refused."),
        "plain": nullable(_PREDICTED, "no plain time is known."),
    },
)
_CALIBRATION = record(
    "Which costs the predictions rest on.",
    {
        "gpu": nullable(text("Measured on this model."), "the usual ones."),
        "driver": nullable(text("And driver."), "the usual ones."),
        "source": text("usual, the name of one that comes with nsysgap, or the file."),
    },
)
_SCALE = record(
    "What it amounts to at --per-day steps a day.",
    {
        "per_day": number("Steps a day."),
        "hours": number("GPU hours a day as recorded."),
        "idle_hours": number("Of them idle."),
        "launches": integer("Launch calls a day."),
        "change": text("The change that gains most."),
        "hours_with": pair(number("h"), "GPU hours a day with it, at best and at worst."),
        "gone_hours": pair(number("h"), "GPU hours a day that it saves, at worst and at best."),
        "launches_with": integer("Launch calls a day with it."),
        "price": number("Of a GPU hour, as given."),
    },
    sometimes=("change", "hours_with", "gone_hours", "launches_with", "price"),
)
DOCUMENT = document(
    "whatif",
    1,
    "What changes would gain of a step, predicted by replaying the report.",
    {
        "report": REPORT,
        "loop": text("The loop's label."),
        "process": PROCESS,
        "iterations": integer("Of the loop."),
        "recorded_ns": integer("What a step takes as recorded."),
        "plain_ns": nullable(integer("What a step takes without nsys."), "not known."),
        "changes": array(_CHANGE, "As asked for; of advise the best first."),
        "left_out": integer("Candidates of advise that gain less than 2 %."),
        "cure": text("What the critical path asks for, in a sentence."),
        "notes": array(text("A sentence."), "What to know of all of them."),
        "calibration": _CALIBRATION,
        "together": _TOGETHER,
        "scale": _SCALE,
    },
    sometimes=("together", "scale"),
)
