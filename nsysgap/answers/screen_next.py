"""The two commands that follow from a report's first screen, complete, as lists of arguments."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from nsysgap.analysis.idle.attribution import HIDDEN_AFTER_NS
from nsysgap.analysis.schedule.path_rows import OWN_CODE
from nsysgap.answers.screen_limits import TOO_LARGE
from nsysgap.causes import PARTS
from nsysgap.fleet.names import report_stem

if TYPE_CHECKING:
    from nsysgap.answers.screen import ScreenAnswer
    from nsysgap.answers.selection import Selection

Command = tuple[str, ...]
NEXT = 2
IDLE_ENOUGH, GAIN_ENOUGH = 0.10, 0.05
BY_API = frozenset({"sync", "cuda_api", "os"})
MANY_LAUNCHES = 10  # a step: from so many on what launching costs is worth a look


def next_commands(answer: ScreenAnswer) -> tuple[Command, ...]:
    """Two commands, the most telling one first."""
    return tuple(dict.fromkeys(_candidates(answer)))[:NEXT]


def _candidates(answer: ScreenAnswer) -> Iterator[Command]:
    path, selected = answer.header.path, selection_arguments(answer.selection)
    whole = selection_arguments(answer.selection, takes_whole=False)
    timeline = ("nsysgap", "timeline", path, *whole, "-o", f"{report_stem(path)}.html")
    if not answer.holds.ops:
        yield ("nsysgap", "info", path)
        yield timeline if answer.holds.calls else ("nsys", "status", "-e")
        return
    if answer.limits.unknown == TOO_LARGE:
        yield ("nsysgap", "critical-path", path)
    if answer.collectives.said:
        yield ("nsysgap", "ranks", path)
    if any(_gain(answer) >= GAIN_ENOUGH for _ in answer.advice[:1]):
        yield ("nsysgap", "advise", path)
    yield from _about_idle(answer, path, selected)
    if any(loop.outliers for loop in answer.loops) and answer.looped:
        label = next(loop.label for loop in answer.loops if loop.outliers)
        yield ("nsysgap", "steps", path, "--loop", label)
    if answer.limits.parts:
        yield ("nsysgap", "critical-path", path)
    yield timeline
    yield ("nsysgap", "info", path)


def _about_idle(answer: ScreenAnswer, path: str, selected: Command) -> Iterator[Command]:
    """What tells more of the largest cause; of a busy GPU, its kernels."""
    busy, idle = (sum(getattr(device, key) for device in answer.devices) for key in ("busy_ns", "idle_ns"))
    if idle < IDLE_ENOUGH * (busy + idle):
        yield ("nsysgap", "launches", path, *selected)
        return
    sums = {part: sum(device.parts_ns[part] for device in answer.devices) for part in PARTS}
    cause = max(PARTS, key=lambda part: sums[part])
    if 2 * sum(device.loading_ns for device in answer.devices) > idle:
        yield ("nsysgap", "gaps", path, *selected, "--by", "api")
    elif cause == "host" and answer.holds.sampled:
        yield ("nsysgap", "stacks", path, *selected)
    elif cause == "host" and answer.holds.ranges and _in_ranges(answer):
        yield ("nsysgap", "gaps", path, *selected, "--by", "nvtx")
    elif cause in ("launch", "queued") or (cause == "host" and _launches_much(answer)):
        yield ("nsysgap", "launches", path, *selected)
    elif cause == "in_graph":
        yield ("nsysgap", "graphs", path)
    elif cause in BY_API:
        yield ("nsysgap", "gaps", path, *selected, "--by", "api")
    elif cause in ("unknown", "profiler", "untraced"):
        yield ("nsysgap", "info", path)


def _in_ranges(answer: ScreenAnswer) -> bool:
    """Whether NVTX ranges tell more of the host's code: some of it lies in ranges within the loop's own."""
    parts = answer.limits.parts
    return not parts or any(limiting.part == "host" and limiting.name != OWN_CODE for limiting in parts)


def _launches_much(answer: ScreenAnswer) -> bool:
    return answer.looped and any(loop.launches >= MANY_LAUNCHES for loop in answer.loops)


def _gain(answer: ScreenAnswer) -> float:
    first = answer.advice[0]
    least = first.best_ns if first.central_ns is None else first.central_ns
    return 1 - least / max(first.recorded_ns, 1)


def selection_arguments(selection: Selection, *, takes_whole: bool = True) -> Command:
    """The options that select the same. `takes_whole`: the command knows --whole, and is about the loop without it."""
    times = (("--from", selection.since), ("--to", selection.until))
    chosen = selection.ranges or selection.timed
    hidden_after = selection.hidden_after_ns
    return (
        *(() if selection.device is None else ("--device", str(selection.device))),
        *(() if selection.nvtx is None else ("--nvtx", selection.nvtx.pattern)),
        *(() if selection.domain is None else ("--domain", selection.domain.pattern)),
        *(("--select", "gpu") if selection.select == "gpu" else ()),
        *(text for name, ns in times if ns is not None for text in (name, f"{ns}ns")),
        *(("--whole",) if takes_whole and not selection.loop and not chosen else ()),
        *(() if hidden_after == HIDDEN_AFTER_NS else ("--hidden-after", f"{hidden_after}ns")),
    )
