"""The document of `nsysgap report`: the documents of the commands that a summary is made of."""

from __future__ import annotations

from nsysgap.schemas import critical_path, gaps, stacks, steps, whatif
from nsysgap.schemas.building import REPORT, Schema, array, document, integer, mapping, nullable, record, text


def _inside(whole: Schema) -> Schema:
    """A document inside another one, which has the shared schemas of both."""
    return {key: whole[key] for key in ("type", "description", "properties", "required")}


_BUSY = record(
    "What ran under one name in the selected time.",
    {
        "name": text("Of the kernel, copy or graph."),
        "count": integer("How many."),
        "total_ns": integer("How long all of them together; those that ran side by side count each."),
        "longest_ns": integer("How long the longest."),
    },
)
_COMMAND = record(
    "How to ask for a part again.",
    {"asks": text("For what."), "command": array(text("A word of it."), "The command line, as a list of arguments.")},
)
DOCUMENT = document(
    "report",
    1,
    "A summary: the documents of the commands it is made of; what cannot be told is null, with the reason.",
    {
        "report": REPORT,
        "gaps": _inside(gaps.DOCUMENT),
        "steps": _inside(steps.DOCUMENT),
        "critical_path": nullable(_inside(critical_path.DOCUMENT), "it cannot be told."),
        "advice": nullable(_inside(whatif.DOCUMENT), "nothing can be predicted."),
        "lines": nullable(_inside(stacks.DOCUMENT), "no stack and no range is known."),
        "untold": mapping(text("Why."), "Why critical_path, advice or lines is null."),
        "busy": array(_BUSY, "Longest in all first."),
        "commands": array(_COMMAND, "In the order of the page."),
    },
)
