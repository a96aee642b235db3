"""The document of `nsysgap check`: limits, and whether they hold."""

from __future__ import annotations

from nsysgap.schemas.building import (
    CAUSE_KEYS,
    array,
    document,
    integer,
    mapping,
    nullable,
    number,
    one_of,
    record,
    text,
)

VERDICTS = ("pass", "fail", "unknown")
_CAPTURE = record(
    "A capture.",
    {
        "path": text("As named."),
        "loop": nullable(text("The loop's label."), "it has none, or the whole window counts."),
        "iterations": integer("Of the loop."),
    },
)
_LIMIT = record(
    "A limit.",
    {
        "limit": text("Its option, without the dashes."),
        "of": nullable(text("Which cause or figure."), "it needs none."),
        "role": one_of(("straggler", "others", "all"), "Of which ranks of a job."),
        "unit": text("ns, %, or empty for counts."),
        "value": nullable(number("What was measured."), "it cannot be told."),
        "most": number("What is allowed."),
        "verdict": one_of(VERDICTS, "Whether it holds."),
        "p": nullable(number("Against a baseline: of an exact Mann-Whitney U test."), "not tested."),
        "why": nullable(text("Why it cannot be told, or what broke it."), "nothing to say."),
        "largest_cause": nullable(one_of(CAUSE_KEYS, "Of idle time."), "nothing is idle."),
    },
    sometimes=("role",),
)
DOCUMENT = document(
    "check",
    1,
    "A gate: limits on a step, absolute or against a baseline.",
    {
        "reports": array(_CAPTURE, "The captures that were judged."),
        "unit": one_of(("iteration", "window"), "What figures are of."),
        "baseline": nullable(array(_CAPTURE, "What they were held against."), "absolute limits only."),
        "verdict": one_of(VERDICTS, "fail if a limit is broken, unknown if one cannot be told."),
        "exit_code": {"enum": [0, 3, 4], "description": "Of the command: pass, fail, unknown."},
        "text": text("The verdict in a sentence."),
        "limits": array(_LIMIT, "Each limit."),
        "figures": mapping({"type": ["integer", "null"]}, "Figures of a unit by name: medians over captures."),
        "reasons": array(text("A sentence."), "Why the baseline is not comparable."),
        "warnings": array(text("A sentence."), "What to know of the captures."),
    },
)
