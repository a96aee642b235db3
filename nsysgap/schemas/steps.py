"""The document of `nsysgap steps`: loops and what a step takes."""

from __future__ import annotations

from nsysgap.schemas.building import (
    REPORT,
    array,
    document,
    shared,
)

DOCUMENT = document(
    "steps",
    1,
    "What repeats, and what a step of it takes.",
    {"report": REPORT, "loops": array(shared("loop"), "Outermost first; the first of a process is its main loop.")},
)
