"""What `nsysgap profile --stacks` prints of a capture with stacks: the lines that kept the GPU idle, as shares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nsysgap.render.text.console import as_text
from nsysgap.render.text.stacks import stacks_blocks
from nsysgap.units import printable

Document = Mapping[str, Any]
LINES = 10


def sampled_stacks_text(document: Document, timed_by: str | None, slower: float | None) -> str:
    """The table of lines, and what the stacks cost.

    `timed_by`: the report whose times these are, None for its own; `slower`: how many times as long it took, None where
    that is not known.
    """
    said = as_text(stacks_blocks(document, LINES), color=False)
    cost = "" if slower is None else f"With stacks the measured part took {slower:.2f} times as long as without.\n"
    if timed_by is not None:
        cost += f"Times are those of {printable(timed_by)}, shared out as the stacks say.\n"
    name = printable(document["report"]["path"])
    return f"\n{said}\n{cost}Wrote {name}: nsysgap stacks {name} --format html -o idle.html draws it.\n"
