"""The document NAME.json of `nsysgap profile`: how a capture was made and what nsys changed."""

from __future__ import annotations

from nsysgap.schemas.building import (
    REPORT,
    array,
    document,
    integer,
    nullable,
    number,
    record,
    text,
)

_RUN = record(
    "A run of the program.",
    {
        "exit_code": integer("Its exit code."),
        "wall_s": number("Seconds, the whole process."),
        "record": nullable({"type": "object", "description": "The JSON record that it printed last."}, "none."),
    },
)
_COMPARED = {"type": "object", "description": "Seconds plain and under nsys, and their ratio; `of` says what of."}
_LOOP = record(
    "A loop of NVTX ranges, plain and under nsys.",
    {
        "label": text("Its label."),
        "domain": text("Its NVTX domain, empty for the default one."),
        "count": integer("Iterations."),
        "plain_step_ns": array(integer("ns"), "A step of each plain run."),
        "plain_span_ns": array(
            integer("ns"), "From the first iteration's start to the last one's end, of each plain run."
        ),
        "profiled_step_ns": array(integer("ns"), "A step of each run under nsys."),
        "ratio": nullable(number("Of the medians."), "a side is missing."),
    },
)
_CAPTURED = {
    "nsysgap_version": text("Which wrote it."),
    "target": text("What was profiled."),
    "name": text("Of the capture."),
    "argv": array(text("An argument."), "The program's command line."),
    "nsys_command": array(text("An argument."), "How nsys was called."),
    "nsys_version": text("Of the profiler."),
    "driver": nullable(text("The driver's version."), "no driver."),
    "driver_cuda": nullable(text("The driver's CUDA version."), "no driver."),
    "gpus": array({"type": ["string", "object"]}, "The machine's GPUs."),
    "files": array(text("A file's name."), "What was written beside it."),
    "baseline": nullable(_RUN, "no plain run."),
    "profiled": _RUN,
    "perturbation": nullable(_COMPARED, "nothing to compare."),
    "repeats": nullable(_COMPARED, "a single round."),
    "selection": nullable(text("What of the report counts."), "all of it."),
    "figures": nullable({"type": "object", "description": "Figures of the report."}, "no GPU work."),
    "inflated_by_nsys": array(text("A figure's name."), "What nsys makes larger than it is."),
    "report": REPORT,
    "loops": array(_LOOP, "Loops that both have."),
    "no_loops": nullable(text("Why there are none."), "there are."),
    "warnings": array({"type": "object"}, "As in the report."),
}
_SAID = "How a capture was made, what nsys changed, and the figures of its report."
DOCUMENT = document("profile", 1, _SAID, _CAPTURED)
CAPTURE = record(_SAID, {"schema": {"const": "nsysgap.profile/1"}, **_CAPTURED})
