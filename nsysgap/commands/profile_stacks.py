"""What `nsysgap profile --stacks` adds to a capture: the lines that kept the GPU idle, as shares."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from nsysgap.errors import NsysgapError

if TYPE_CHECKING:
    from nsysgap.profiling.capture import Captured

LINES = 10
SAMPLING_COST = (
    "once more with call stacks. Sampling costs time (a decode loop of 9.8 ms a token under nsys took 15.8 with Python "
    "samples at 2 kHz, 27 with a stack per CUDA call): take times from the capture without, shares from this one."
)


def stacks_text(plain: Captured, sampled: Captured, kind: str, nvtx: re.Pattern[str] | None) -> str:
    """The table of lines of a capture with stacks, and what the stacks cost; an error as its sentence."""
    from nsysgap.render.stacks import stacks_blocks
    from nsysgap.render.text import as_text

    file = sampled.target.file(".sqlite")
    try:
        document = stacks_of(str(file), kind, nvtx)
    except NsysgapError as error:
        return f"\nnsysgap: {error}\n"
    said = as_text(stacks_blocks(document, LINES), color=False)
    cost = _cost(plain, sampled)
    return f"\n{said}\n{cost}Wrote {file}: nsysgap stacks {file} --format html -o idle.html draws it.\n"


def stacks_of(path: str, kind: str, nvtx: re.Pattern[str] | None) -> dict[str, Any]:
    """The document nsysgap.stacks/1 of a capture. Raises NsysgapError if it holds no GPU work or no stacks."""
    from nsysgap.analysis.idle import IdleReport
    from nsysgap.analysis.limits import why_no_kernels
    from nsysgap.commands.common import opened, select_time
    from nsysgap.commands.stacks import Answer
    from nsysgap.report.stacks import read_stacks

    with opened(path) as (source, trace):
        why = why_no_kernels(trace)
        if why is not None:
            raise NsysgapError(*why)
        selected = select_time(trace, nvtx)
        stacks = read_stacks(source, trace)
    idle = IdleReport(trace, selection=selected.time)
    answer = Answer(idle, stacks, ("host",), None if kind == "calls" else kind, launched_from=kind == "calls")
    return answer.document("line" if kind != "native" else "function", selected.said)


def _cost(plain: Captured, sampled: Captured) -> str:
    before, after = ((one.profiled.record or {}).get("wall_s_measured") for one in (plain, sampled))
    if plain is sampled or not isinstance(before, int | float) or not isinstance(after, int | float) or before <= 0:
        return ""
    return f"With stacks the measured part took {after / before:.2f} times as long as without.\n"
