"""The document of `nsysgap critical-path`: what limits a loop."""

from __future__ import annotations

from nsysgap.schemas.building import (
    PROCESS,
    REPORT,
    THREAD,
    WINDOW,
    array,
    document,
    flag,
    integer,
    nullable,
    number,
    one_of,
    record,
    text,
)

PATH_PARTS = {
    "gpu": "Kernels, copies and memsets.",
    "between_ops": "From an operation to the next that waits for it.",
    "launch_latency": "From a launch call to the operation.",
    "launch_calls": "In calls that launch.",
    "other_calls": "In other CUDA calls.",
    "sync_tail": "From the last operation that a call waits for to its return.",
    "host": "In the program's own code.",
    "os_wait": "In OS calls.",
}
_ROW = record(
    "A part by what it is spent on.",
    {
        "part": one_of(list(PATH_PARTS), "The part."),
        "name": text("The kernel, the copy, the call, the NVTX range or the OS call."),
        "detail": text("More about it: stream, line, memory kinds; empty for none."),
        "ns": integer("On the path, ns."),
        "share": number("Of the window, 0 to 1."),
    },
)
_PATH = record(
    "The path of one process: every nanosecond of the window once.",
    {
        "process": PROCESS,
        "thread": THREAD,
        "loop": nullable(text("The loop's label."), "the path of everything."),
        "window_ns": WINDOW,
        "iterations": integer("Of the loop in the window."),
        "parts_ns": record("Sums to the window.", {part: integer(meaning) for part, meaning in PATH_PARTS.items()}),
        "by": array(_ROW, "The largest first."),
        "cure": text("What would help, in a sentence."),
        "exact": flag("Whether an unchanged replay gives every recorded time back."),
    },
)
DOCUMENT = document(
    "critical-path",
    1,
    "What limits the loop.",
    {
        "report": REPORT,
        "paths": array(_PATH, "One per process."),
        "refused": array(
            record("A process whose path cannot be told.", {"process": PROCESS, "why": text("The reason.")}),
            "Absent where all can.",
        ),
    },
    sometimes=("refused",),
)
