"""The document of `nsysgap stacks`: the lines that kept the GPU idle."""

from __future__ import annotations

from nsysgap.schemas.building import (
    CAUSE_KEYS,
    FOLDED,
    REPORT,
    SELECTION,
    array,
    document,
    flag,
    integer,
    nullable,
    one_of,
    record,
    text,
)

_ROW = record(
    "A line, function or file.",
    {
        "function": text("The function."),
        "file": nullable(text("Its file, or the binary."), "not known."),
        "short": nullable(text("The file's short name."), "not known."),
        "line": nullable(integer("The line."), "not known."),
        "kind": nullable(one_of(("program", "framework", "library", "native"), "Whose code it is."), "it is no frame."),
        "native": flag("Whether it is machine code."),
        "placeholder": flag("Whether it stands for time without a stack."),
        "self_ns": integer("Idle time with it innermost."),
        "nearest_ns": integer("Of it, by the nearest sample, not one inside."),
        "self_low_ns": integer("At least, with 95 % confidence."),
        "self_high_ns": integer("At most, with 95 % confidence."),
        "self_samples": integer("Samples."),
        "inclusive_ns": integer("Idle time with it anywhere on the stack."),
        "inclusive_samples": integer("Samples."),
        "few_samples": flag("Whether they are too few to rely on."),
    },
)
DOCUMENT = document(
    "stacks",
    1,
    "Idle time by the program's lines.",
    {
        "report": REPORT,
        "idle_ns": integer("Idle time of all GPUs in the selection."),
        "causes": array(one_of(CAUSE_KEYS, "A cause."), "Which parts of it count."),
        "chosen_ns": integer("Those parts."),
        "stacks": one_of(("python", "native", "calls", "nvtx"), "What stacks tell it."),
        "samples": integer("Stacks in the chosen time."),
        "period_ns": nullable(integer("Between samples."), "not sampled at a rate."),
        "inside_ns": integer("Of the chosen time, with a sample inside."),
        "nearest_ns": integer("By the nearest sample."),
        "no_stack_ns": integer("Without any."),
        "by": one_of(("line", "function", "file"), "What rows are."),
        "sort": one_of(("self", "inclusive"), "Their order."),
        "self": text("What innermost means: the innermost frame, or that of the user's own code."),
        "rows": array(_ROW, "The largest first."),
        "selection": SELECTION,
        "folded": FOLDED,
    },
    sometimes=("selection", "folded"),
)
