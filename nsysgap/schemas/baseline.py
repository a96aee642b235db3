"""The document of `nsysgap check --save-baseline`: what later captures are held against."""

from __future__ import annotations

from nsysgap.schemas.building import (
    array,
    document,
    flag,
    integer,
    mapping,
    nullable,
    one_of,
    record,
    text,
)

_CAPTURE = record(
    "The figures of a capture; no kernel names, no paths.",
    {
        "report": text("The file's name."),
        "loop": nullable(text("The loop's label."), "it has none, or the whole window counts."),
        "iterations": integer("Of the loop."),
        "chosen": flag("Whether a part of the report was selected."),
        "gpus": array(text("A model."), "Its GPUs."),
        "gpu_count": integer("GPUs with work."),
        "graph_trace": nullable(text("node or graph."), "no graph ran."),
        "longest_gap_ns": nullable(integer("The longest gap."), "no GPU work."),
        "figures": mapping({"type": ["integer", "null"]}, "Figures of a unit by name."),
        "role": one_of(("straggler", "others", "all"), "Of which ranks of a job."),
    },
    sometimes=("role",),
)
DOCUMENT = document(
    "baseline",
    1,
    "Figures to hold later captures against; meant for the repository.",
    {"nsysgap_version": text("Which wrote it."), "captures": array(_CAPTURE, "One per report.")},
)
