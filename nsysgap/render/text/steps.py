"""Loops as terminal tables: what repeats, how long a step takes, what it launches, what the GPU does meanwhile."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from nsysgap.causes import PARTS
from nsysgap.render.gpu_names import gpu_label
from nsysgap.render.text.console import add, notices, table
from nsysgap.render.text.gaps import report_head
from nsysgap.units import count, counted, duration, percent, printable

Document = Mapping[str, Any]
NONE = -1
CAUSES = 2
OUTLIERS = 5
DOMAIN = 16  # characters of a domain's name in a table


def steps_blocks(document: Document, details: Sequence[Document], top: int | None = None) -> Iterable[RenderableType]:
    """All blocks of `nsysgap steps`. `details`: one per loop; `top`: how many loops to show (all for None)."""
    loops = document["loops"]
    warnings = document["report"]["warnings"]
    yield report_head(document["report"])
    yield from notices(warnings, ("incomplete",))
    if not loops:
        yield Text(
            "Nothing repeats: no NVTX range that launches work comes at least three times on a thread, and no launches "
            "come again in the same order."
        )
    listed = [i for i, loop in enumerate(loops) if "iterations" in loop]
    if listed:
        yield from (block for i in listed for block in _one_loop(loops[i], details[i]))
        return
    for i, detail in enumerate(details):
        if detail["main"]:
            yield _main(loops[i], detail)
    shown = _nested(details)[:top]
    if shown:
        yield _durations(loops, details, shown)
        yield _launches(loops, details, shown)
        yield _gpus(loops, details, shown)
    if len(shown) < len(loops):
        yield Text(f"({counted(len(loops) - len(shown), 'more loop', 'more loops')}: --top all)", style="dim")


def _nested(details: Sequence[Document]) -> list[int]:
    """The numbers of the loops: each outermost one, in order, with those inside it below it."""
    numbers: list[int] = []

    def walk(outer: int) -> None:
        for i, detail in enumerate(details):
            if detail["inside"] == outer:
                numbers.append(i)
                walk(i)

    walk(NONE)
    return numbers


def _name(loops: Sequence[Document], details: Sequence[Document], number: int) -> str:
    """The label, below an outer loop indented, with the process where the report has several."""
    depth, outer = 0, details[number]["inside"]
    while outer != NONE:
        depth, outer = depth + 1, details[outer]["inside"]
    several = len({loop["process"] for loop in loops}) > 1
    whose = f" {loops[number]['process']}" if several and not depth else ""
    return f"{'  ' * depth}{printable(loops[number]['label'])}{whose}"


def _main(loop: Document, detail: Document) -> Text:
    """What the main loop of a process is, and what is not in it."""
    times = loop["duration_ns"]
    said = f"{count(loop['count'])} x {printable(loop['label'], 60)}  {duration(loop['step_ns'])} a step"
    text = Text.assemble((said, "bold"), f" ({duration(times['min'])} to {duration(times['max'])} on the host)")
    text.append(f"\nThe main loop of process {loop['process']}, on thread {loop['thread']}")
    if detail["merged"]:
        others = ", ".join(map(str, detail["merged"]))
        text.append(f" and {others}, which {'hands' if len(detail['merged']) == 1 else 'hand'} over to it")
    text.append(_domain(detail))
    text.append(". " if loop["source"] == "nvtx" else ", found in what it launches. ")
    set_up, after = (max(detail[key].values(), default=0) for key in ("set_up_ns", "after_ns"))
    text.append(f"Before it {duration(set_up)} of set-up, after it {duration(after)}.")
    if loop["warm_up"]:
        number = loop["warm_up"]
        which = "iteration 0 is" if number == 1 else f"the first {count(number)} iterations are"
        took = duration(detail["first_ns"])
        text.append(f"\nWarm-up: {which} longer than twice the median; the first took {took}.")
    outliers = detail["outliers"]
    if outliers:
        text.append(f"\nOutliers: {_outliers(outliers)}.", "yellow")
    return text


def _domain(detail: Document) -> str:
    """The NVTX domain of the loop's ranges, where the report's are in several."""
    return f", NVTX domain {printable(detail['domain'], 40)}" if detail["domain"] else ""


def _outliers(outliers: Sequence[Sequence[int]]) -> str:
    named = ", ".join(f"{number} ({duration(long)})" for number, long in outliers[:OUTLIERS])
    more = len(outliers) - OUTLIERS
    return f"iterations {named}" + (f" and {count(more)} more" if more > 0 else "")


def _durations(loops: Sequence[Document], details: Sequence[Document], shown: Sequence[int]) -> Table:
    made = table("<loop", "count", "median", "p90", "p99", "first", "outliers", "a step")
    for i in shown:
        times = loops[i]["duration_ns"]
        figures = (duration(times[key]) for key in ("median", "p90", "p99"))
        cells = [duration(details[i]["first_ns"]), count(len(details[i]["outliers"])), duration(loops[i]["step_ns"])]
        add(made, _name(loops, details, i), count(loops[i]["count"]), *figures, *cells)
    return made


def _launches(loops: Sequence[Document], details: Sequence[Document], shown: Sequence[int]) -> Table:
    several = any(detail["domain"] for detail in details)
    made = table(
        *("<median of a step", "launches", "ops", "CUDA calls", "identical", "between"),
        *(["<domain"] if several else []),
    )
    for i in shown:
        loop = loops[i]
        figures = (count(loop[key]["median"]) for key in ("launches", "ops", "api_calls"))
        same = f"{count(loop['identical'])} of {count(loop['count'])}"
        between = duration(loop["between_ns"] // (loop["count"] - 1))
        domain = [printable(details[i]["domain"], DOMAIN) or "-"] if several else []
        add(made, _name(loops, details, i), *figures, same, between, *domain)
    return made


def _gpus(loops: Sequence[Document], details: Sequence[Document], shown: Sequence[int]) -> Table:
    """Means per window: they add up, as medians of parts do not."""
    several = len({gpu_label(device) for loop in loops for device in loop["devices"]}) > 1
    made = table("<mean of a step on the GPU", *(["GPU"] if several else []), "window", "busy", "idle", "<mostly")
    for i in shown:
        for device in loops[i]["devices"]:
            windows = device["busy_per_iteration_ns"]["count"]
            which = [gpu_label(device)] if several else []
            mean = duration(device["window_ns"] // windows)
            busy, idle = (percent(device[key], device["window_ns"]) for key in ("busy_ns", "idle_ns"))
            add(made, _name(loops, details, i), *which, mean, busy, idle, _mostly(device, windows))
    return made


def _mostly(device: Document, windows: int) -> str:
    parts = device["idle_by_cause_ns"]
    largest = sorted((part for part in PARTS if parts[part]), key=lambda part: (-parts[part], PARTS.index(part)))
    return ", ".join(f"{part} {duration(parts[part] // windows)}" for part in largest[:CAUSES]) or "-"


def _one_loop(loop: Document, detail: Document) -> Iterable[RenderableType]:
    """Every iteration of a loop."""
    several = len(loop["devices"]) > 1
    title = f"{printable(loop['label'])}: {counted(loop['count'], 'iteration', 'iterations')}"
    yield Text(f"{title} on thread {loop['process']}/{loop['thread']}{_domain(detail)}", style="bold")
    gpu = ["GPU"] if several else []
    made = table("#", "start", "long", "launches", *gpu, "window", "busy", "idle", "<mostly", "|")
    for row in loop["iterations"]:
        mark = "outlier" if row["outlier"] else "" if row["identical"] else "differs"
        cells = [f"{row['start_ns'] / 1e9:.3f} s", duration(row["duration_ns"]), count(row["launches"])]
        which = [gpu_label(row)] if several else []
        add(made, count(row["iteration"]), *cells, *which, *_window(row), mark)
    yield made


def _window(row: Document) -> list[str]:
    if row["window_ns"] is None:
        return ["-", "-", "-", "-"]
    times = [duration(row[key]) for key in ("window_ns", "busy_ns", "idle_ns")]
    return [*times, _mostly(row, 1)]
