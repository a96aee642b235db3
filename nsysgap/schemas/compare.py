"""The document of `nsysgap compare`: before and after."""

from __future__ import annotations

from nsysgap.schemas.building import (
    KINDS,
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

_SIDE = record(
    "One side.",
    {
        "reports": array(
            record(
                "A capture.",
                {
                    "path": text("As named."),
                    "loop": nullable(text("The loop's label."), "it has none, or the whole window counts."),
                    "iterations": integer("Of the loop."),
                },
            ),
            "Its captures.",
        ),
        "unit": one_of(("iteration", "window"), "What figures are of."),
    },
)
_FIGURE = record(
    "A figure on both sides: medians over captures.",
    {
        "name": text("The figure."),
        "unit": text("ns, or empty for counts."),
        "before": nullable(integer("Before."), "that side has none."),
        "after": nullable(integer("After."), "that side has none."),
        "change": nullable(integer("after - before."), "a side has none."),
        "change_percent": nullable(number("Of before."), "before is 0 or missing."),
        "p": nullable(number("Of an exact Mann-Whitney U test."), "fewer than four captures a side."),
        "verdict": text("changed, same, or unknown where noise cannot be judged."),
    },
)
_OP = record(
    "A kernel, copy, memset or graph, per unit.",
    {
        "kind": one_of(KINDS, "What it is."),
        "name": text("Its name."),
        "before_ns": integer("Before."),
        "after_ns": integer("After."),
        "before_count": number("Before."),
        "after_count": number("After."),
    },
)
_OUTCOME = record(
    "A prediction beside what was measured, per iteration.",
    {
        "change": text("The change."),
        "target": text("The range, kernel or line, empty for none."),
        "kind": nullable(one_of(("figure", "gain", "range"), "What was predicted."), "refused."),
        "central_ns": nullable(integer("Predicted."), "only a range, or refused."),
        "best_ns": nullable(integer("At best."), "refused."),
        "worst_ns": nullable(integer("At worst."), "refused."),
        "predicted_gain_percent": nullable(number("Of the step."), "only a range, or refused."),
        "measured_ns": integer("The step after."),
        "measured_gain_percent": number("Of the step."),
        "inside": nullable(flag("Whether measured lies between best and worst."), "refused."),
        "refused": nullable(text("Why nothing was predicted."), "it was."),
        "off_percent": nullable(number("Measured against central."), "no central."),
    },
)
DOCUMENT = document(
    "compare",
    1,
    "Before and after, per iteration.",
    {
        "role": one_of(("straggler", "others", "all"), "Which ranks of a job; a document for each."),
        "before": _SIDE,
        "after": _SIDE,
        "comparable": flag("Whether the two do the same work."),
        "reasons": array(text("A sentence."), "Why not."),
        "figures": array(_FIGURE, "The step first."),
        "ops": array(_OP, "The largest change first."),
        "matched_percent": pair(number("%"), "Of each side's busy time, what was matched."),
        "warnings": array(text("A sentence."), "What to know of the captures."),
        "predicted": array(_OUTCOME, "With --predicted."),
    },
    sometimes=("role", "predicted"),
)
