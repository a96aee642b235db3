"""The document of `nsysgap info`: what a report holds."""

from __future__ import annotations

from nsysgap.schemas.building import (
    DEVICE,
    PROCESS,
    REPORT,
    THREAD,
    WHICH,
    array,
    document,
    flag,
    integer,
    nullable,
    one_of,
    pair,
    record,
    text,
)

_GPU = record(
    "A GPU.",
    {
        "device": DEVICE,
        "which": WHICH,
        "resolved": nullable(text("What tells which GPU it is."), "it has no work."),
        "name": nullable(text("The model."), "not recorded."),
        "sm_count": nullable(integer("Multiprocessors."), "not recorded."),
        "total_memory": nullable(integer("Bytes."), "not recorded."),
        "ops": integer("Operations on it."),
    },
    sometimes=("which",),
)
_OWN = record(
    "A GPU as a process counts.",
    {"own": integer("The process's number of it."), "device": DEVICE, "which": WHICH},
    sometimes=("which",),
)
_PROCESS = record(
    "A process.",
    {
        "pid": PROCESS,
        "name": text("Its name."),
        "devices": array({"type": ["integer", "string"]}, "GPUs it worked on; with the words that tell two apart."),
        "own_numbers": array(_OWN, "Where its own numbers are not the report's."),
        "ops": integer("GPU operations."),
        "threads": integer("Threads with rows."),
    },
)
_THREAD = record(
    "A thread.",
    {
        "pid": PROCESS,
        "tid": THREAD,
        "process_name": text("Its process."),
        "thread_name": text("Its name, empty for none."),
        "api": integer("CUDA API calls."),
        "nvtx": integer("NVTX ranges."),
        "osrt": integer("OS runtime calls."),
    },
)
DOCUMENT = document(
    "info",
    1,
    "What a report holds, what is missing, and which questions it answers.",
    {
        "report": REPORT,
        "started": nullable(text("When, UTC."), "not recorded."),
        "span_ns": nullable(pair(integer("ns"), "The first and the last time of any row."), "no row has one."),
        "command": nullable(text("What was profiled."), "not recorded."),
        "devices": array(_GPU, "Its GPUs."),
        "processes": array(_PROCESS, "Its processes."),
        "threads": array(_THREAD, "Its threads."),
        "domains": array(
            record(
                "An NVTX domain.",
                {
                    "name": text("Its name."),
                    "ranges": integer("Ranges."),
                    "open": integer("Of them without an end."),
                },
            ),
            "The NVTX domains.",
        ),
        "tables": array(record("A table.", {"table": text("Its name."), "rows": integer("Rows.")}), "All tables."),
        "unread": array(text("Its name."), "Tables with work or waiting that are in no figure."),
        "questions": array(
            record(
                "A question.",
                {
                    "text": text("The question."),
                    "answered": flag("Whether the report can answer it."),
                    "why": text("What it rests on, or what it would need."),
                },
            ),
            "What can be asked.",
        ),
        "missing": array(
            record(
                "Something not recorded.",
                {
                    "missing": text("What."),
                    "consequence": text("What cannot be said without it."),
                    "remedy": text("How to record it."),
                },
            ),
            "What is missing.",
        ),
        "diagnostics": array(
            record(
                "What nsys said.",
                {
                    "severity": one_of(("error", "warning", "note"), "How nsys rates it."),
                    "incomplete": flag("Whether the report lacks something by it."),
                    "of": nullable(text("Of whom, where it bears on no figure."), "it may bear on any."),
                    "text": text("What it said."),
                    "count": integer("How often."),
                },
            ),
            "Each sentence once.",
        ),
        "capture": array(
            record("A setting.", {"name": text("Its name."), "value": text("Its value.")}), "How it was captured."
        ),
    },
)
