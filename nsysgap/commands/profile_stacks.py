"""What `nsysgap profile --stacks` adds to a capture: the lines that kept the GPU idle, as shares."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nsysgap.errors import NsysgapError
from nsysgap.units import printable

if TYPE_CHECKING:
    from nsysgap.profiling.capture import Captured
    from nsysgap.profiling.reading import Ranges

LINES = 10
_NOT_SHARES = ("idle_ns", "period_ns")
SAMPLING_COST = (
    "once more with call stacks. Sampling costs time (a decode loop of 9.8 ms a token under nsys took 15.8 with Python "
    "samples at 2 kHz, 27 with a stack per CUDA call): take times from the capture without, shares from this one."
)


def stacks_text(plain: Captured, sampled: Captured, kind: str, ranges: Ranges) -> str:
    """The table of lines of a capture with stacks, and what the stacks cost; an error as its sentence."""
    from nsysgap.render.text.console import as_text
    from nsysgap.render.text.stacks import stacks_blocks

    file = sampled.target.file(".sqlite")
    try:
        document = stacks_of(str(file), kind, ranges)
    except NsysgapError as error:
        return f"\nnsysgap: {printable(str(error))}\n"
    scaled = None if plain is sampled else with_times_of(str(plain.target.file(".sqlite")), document, ranges)
    said = as_text(stacks_blocks(scaled or document, LINES), color=False)
    cost = _cost(plain, sampled)
    if scaled:
        cost += f"Times are those of {printable(str(plain.target.file('.sqlite')))}, shared out as the stacks say.\n"
    name = printable(str(file))
    return f"\n{said}\n{cost}Wrote {name}: nsysgap stacks {name} --format html -o idle.html draws it.\n"


def stacks_of(path: str, kind: str, ranges: Ranges) -> dict[str, Any]:
    """The document nsysgap.stacks/1 of a capture. Raises NsysgapError if it holds no GPU work or no stacks."""
    from nsysgap.answers.opening import require_kernels
    from nsysgap.answers.selection import Selection
    from nsysgap.answers.stacks import StacksOptions, stacks
    from nsysgap.commands.common import opened_report

    by = "function" if kind == "native" else "line"
    calls = kind == "calls"
    options = StacksOptions(Selection(nvtx=ranges[0], domain=ranges[1]), by, ("host",), None if calls else kind, calls)
    with opened_report(path) as report:
        require_kernels(report.trace)
        return stacks(report, options).document()


def with_times_of(path: str, document: dict[str, Any], ranges: Ranges) -> dict[str, Any] | None:
    """The document with the idle times of a capture without stacks: shares stay, rounded to ns; None if it has none."""
    from nsysgap.answers.selection import Selection
    from nsysgap.causes import PARTS
    from nsysgap.commands.common import opened_report

    selection = Selection(nvtx=ranges[0], domain=ranges[1])
    try:
        with opened_report(path) as report:
            selected, idle = report.select(selection), report.idle(selection)
    except NsysgapError:
        return None
    chosen = sum(int(one.idle_by_part[PARTS.index(part)]) for one in idle.devices for part in document["causes"])
    if not chosen or not document["chosen_ns"]:
        return None

    def scaled(one: dict[str, Any]) -> dict[str, Any]:
        shares = [key for key in one if key.endswith("_ns") and key not in _NOT_SHARES]
        return one | {key: one[key] * chosen // document["chosen_ns"] for key in shares}

    rows = [scaled(row) for row in document["rows"]]
    made = {**scaled(document), "idle_ns": sum(one.idle for one in idle.devices), "rows": rows}
    return {**made, "selection": selected.words} if selected.words else made


def _cost(plain: Captured, sampled: Captured) -> str:
    before, after = ((one.profiled.record or {}).get("wall_s_measured") for one in (plain, sampled))
    if plain is sampled or not isinstance(before, int | float) or not isinstance(after, int | float) or before <= 0:
        return ""
    return f"With stacks the measured part took {after / before:.2f} times as long as without.\n"
