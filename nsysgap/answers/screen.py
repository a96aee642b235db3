"""The first screen: what a report's loop is, how busy the GPU is in it, what limits it, what to do next; in facts.

The lines are made of these facts in render/text/screen.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from nsysgap.analysis.held import other_work_ranges
from nsysgap.analysis.idle.host_calls import host_calls, idle_in_functions
from nsysgap.analysis.idle.idle_report import DeviceIdle, IdleReport
from nsysgap.analysis.idle.launch_rate import LaunchRate, launch_rate
from nsysgap.analysis.loops.nvtx_loops import NVTX
from nsysgap.analysis.loops.steps import LoopSteps, Steps, lower_median
from nsysgap.answers.gaps import GapsAnswer, GapsOptions, gaps
from nsysgap.answers.opening import OpenReport
from nsysgap.answers.screen_careful import Care, Holds, care, holds
from nsysgap.answers.screen_collectives import Collectives, CollectiveTime, collectives
from nsysgap.answers.screen_limits import Advice, Limits, advice, limits, main_loops
from nsysgap.answers.screen_next import Command, next_commands
from nsysgap.answers.selection import Selected, Selection
from nsysgap.errors import NsysgapError
from nsysgap.figures import Document, Header
from nsysgap.intervals import EMPTY, covered_length
from nsysgap.memory import give_back_memory
from nsysgap.tables import NONE

LONGEST = 3
LOOP = Selection(loop=True)
APART = 10  # iterations further apart than a tenth of their time are measured from start to start
RATE_FROM = 10  # percent of the idle time that was queued
NAMED, NAMED_FROM = 2, 10  # so many functions and holders are named, from so many percent of the idle time on


@dataclass(frozen=True)
class ScreenOptions:
    """What to look at: the main loops, unless `selection` chooses something else."""

    selection: Selection = LOOP


@dataclass(frozen=True)
class ScreenLoop:
    """The main loop of a process. A step takes `step_ns`, of which `host_ns` is a median on the host if that is what a
    step takes, else it is the GPU's; `low_ns` and `high_ns` are the shortest and longest of them.

    `set_up_ns`, `after_ns`: what its GPUs' windows have before and after it. `launches` and `api_calls` are medians of
    an iteration, `launches_total` of all; `identical` says how many launched the same; `selected`: how many run in the
    selected time, at least in part, None if all time is selected.
    """

    process: int
    label: str
    nvtx: bool
    count: int
    step_ns: int
    low_ns: int
    high_ns: int
    on_host: bool
    set_up_ns: int
    after_ns: int
    launches: int
    launches_total: int
    api_calls: int
    identical: int
    outliers: int
    warm_up: int
    selected: int | None = None


@dataclass(frozen=True)
class ScreenDevice:
    """One GPU in the selection: ns in all, `steps` how many windows of a loop that is (None: not one loop's).

    `rate`: how fast launches came behind its queued time; `loading_ns`: how much of its idle time is loading modules;
    `named`: what else the report names that much of it passed in; `idle_range_ns`: its bounds where other work of the
    GPU may have run then, else None; `collectives`: what of its busy time is in them.
    """

    number: int
    which: str | None
    name: str | None
    steps: int | None
    busy_ns: int
    idle_ns: int
    parts_ns: dict[str, int]
    untraced_percent: tuple[float, float] | None
    op_count: dict[str, int]
    rate: LaunchRate | None
    loading_ns: int
    named: tuple[tuple[str, int], ...]
    idle_range_ns: tuple[int, int] | None
    collectives: tuple[CollectiveTime, ...]


@dataclass(frozen=True)
class ScreenAnswer:
    """The answer: facts of each line, and `gaps`, the answer that the old tables show, with the longest gaps only."""

    header: Header
    gaps: GapsAnswer
    processes: int
    loops: tuple[ScreenLoop, ...]
    looped: bool
    devices: tuple[ScreenDevice, ...]
    collectives: Collectives
    limits: Limits
    advice: tuple[Advice, ...]
    care: Care
    holds: Holds
    selection: Selection
    next: tuple[Command, ...] = ()

    @property
    def refusal(self) -> NsysgapError | None:
        """Why the report cannot say how idle the GPU was, None if it can."""
        return self.gaps.refusal


def screen(report: OpenReport, options: ScreenOptions = ScreenOptions()) -> ScreenAnswer:
    """The first screen of a report. Raises NsysgapError for an empty selection."""
    selection = options.selection
    loops = main_loops(report, selection)
    limiting = limits(report, selection, loops) if report.trace.ops.rows else Limits()
    return screen_with(report, selection, limiting, advice(report, selection, loops))


def screen_with(
    report: OpenReport, selection: Selection, limiting: Limits, advised: tuple[Advice, ...]
) -> ScreenAnswer:
    """The first screen, with what limits the selection and what would gain as they are known."""
    if report.trace.ops.rows:
        report.idle_with_windows(selection)
    answer = gaps(report, GapsOptions(selection, LONGEST, loops=False))
    give_back_memory()
    loops, windows = _loops_and_windows(report, selection) if report.trace.ops.rows else ((), {})
    give_back_memory()
    looped = bool(loops) and answer.selection.startswith("the loop")
    shared = collectives(report, selection)
    made = ScreenAnswer(
        header=answer.header,
        gaps=answer,
        processes=len(set(report.trace.ops.distinct("process").tolist()) - {NONE}),
        loops=loops,
        looped=looped,
        devices=tuple(_devices(report, selection, windows if looped else {}, answer, shared)),
        collectives=shared,
        limits=limiting,
        advice=advised,
        care=care(report, selection),
        holds=holds(report),
        selection=selection,
    )
    return replace(made, next=next_commands(made))


def _loops_and_windows(report: OpenReport, selection: Selection) -> tuple[tuple[ScreenLoop, ...], dict[int, int]]:
    """The loops to show, and `_windows`; what finding loops took is let go of."""
    steps = report.steps(selection.hidden_after_ns)
    loops = tuple(_loops(report, steps, _by_user(report, selection)))
    windows = _windows(steps)
    steps.order.let_go()
    return loops, windows


def _by_user(report: OpenReport, selection: Selection) -> Selected:
    """The time that ranges or a stretch of the session select; all of it where they do not."""
    return report.select(selection) if selection.ranges or selection.timed else Selected(None, "")


def _loops(report: OpenReport, steps: Steps, chosen: Selected) -> Iterator[ScreenLoop]:
    """The main loops that stand for their processes, by pid; of selected time the loops that run in it."""
    trace = report.trace
    window = {gpu.device: gpu.window for gpu in steps.whole.gaps}
    numbers = sorted(_shown(steps, chosen).items(), key=lambda loop: int(trace.processes["pid"][loop[0]]))
    for (process, number), figures in zip(
        numbers, steps.of([steps.loops[number] for _, number in numbers]), strict=True
    ):
        covered = {
            gpu_window.edges.device: gpu_window.edges.covered
            for gpu_window in figures.windows
            if len(gpu_window.edges.covered.starts)
        }
        before = [int(time.starts[0]) - window[device][0] for device, time in covered.items()]
        after = [window[device][1] - int(time.ends[-1]) for device, time in covered.items()]
        low, high, on_host = _spread(figures)
        yield ScreenLoop(
            process=int(trace.processes["pid"][process]),
            label=figures.loop.label,
            nvtx=figures.loop.source == NVTX,
            count=figures.loop.count,
            step_ns=figures.step,
            low_ns=low,
            high_ns=high,
            on_host=on_host,
            set_up_ns=max(before, default=0),
            after_ns=max(after, default=0),
            launches=lower_median(figures.launches),
            launches_total=int(figures.launches.sum()),
            api_calls=lower_median(figures.api_calls),
            identical=int(figures.identical.sum()),
            outliers=len(figures.outliers),
            warm_up=figures.warm_up,
            selected=None if chosen.time is None else _selected(steps, number, chosen),
        )


def _shown(steps: Steps, chosen: Selected) -> dict[int, int]:
    """The loop to show of each process: its main loop, or the first inside where that runs outside the time."""
    if chosen.time is None:
        return steps.judged
    process = [int(steps.trace.threads["process"][loop.thread]) for loop in steps.loops]
    shown: dict[int, int] = {}
    for whose, main in steps.judged.items():
        own = (number for number, owner in enumerate(process) if owner == whose)
        running = next((number for number in (main, *own) if _selected(steps, number, chosen)), None)
        if running is not None:
            shown[whose] = running
    return shown


def _selected(steps: Steps, number: int, chosen: Selected) -> int:
    """How many iterations of a loop run in the selected time, wholly or in part."""
    loop = steps.loops[number]
    process = int(steps.trace.threads["process"][loop.thread])
    time = chosen.time if chosen.by_process is None else chosen.by_process.get(process, EMPTY)
    if time is None:
        return loop.count
    return int((covered_length(time, loop.start, loop.end) > 0).sum())


def _spread(figures: LoopSteps) -> tuple[int, int, bool]:
    """(shortest, longest, whether on the host) of what a step is the median of: iterations, or a GPU's windows."""
    windows = [
        window.window
        for window in figures.windows
        if len(window.window) and lower_median(window.window) == figures.step
    ]
    times = windows[0] if windows else figures.duration
    if not windows and APART * figures.between > int(times.sum()):  # most of a step may lie between its ranges
        times = np.diff(figures.loop.start)
    return int(times.min()), int(times.max()), not windows


def _devices(
    report: OpenReport, selection: Selection, windows: dict[int, int], answer: GapsAnswer, shared: Collectives
) -> Iterator[ScreenDevice]:
    idle = report.idle(selection, all_at_once=True)
    ranges = other_work_ranges(idle)
    for figures, row in zip(idle.devices, answer.devices, strict=True):
        parts = row["idle_by_cause_ns"]
        many = 100 * parts["queued"] >= RATE_FROM * figures.idle > 0
        untraced = row["untraced"]
        device = report.trace.device(figures.device)
        yield ScreenDevice(
            number=device.number,
            which=device.which,
            name=device.name,
            steps=windows.get(figures.device),
            busy_ns=figures.busy,
            idle_ns=figures.idle,
            parts_ns=parts,
            untraced_percent=None if untraced is None else tuple(untraced["idle_percent"]),
            op_count=figures.op_count,
            rate=launch_rate(idle, figures.device) if many else None,
            loading_ns=row["loading_ns"],
            named=tuple(_named(idle, figures, row)),
            idle_range_ns=ranges.get(figures.device),
            collectives=tuple(collective for collective in shared.times if collective.device == figures.device),
        )


def _named(idle: IdleReport, device: DeviceIdle, row: Document) -> Iterator[tuple[str, int]]:
    """(name, ns) of functions of MPI and libraries, holders and other work that much of the idle time passed in."""
    calls = idle_in_functions(idle, host_calls(idle.trace), device.device)
    held = [(holder["name"], holder["held"]) for holder in row["held_by"]]
    covering = [(work["name"], work["idle_ns"]) for work in row["other_work"] if work["name"] not in dict(held)]
    for name, ns in sorted([*calls, *held, *covering], key=lambda named: -named[1])[:NAMED]:
        if 100 * ns >= NAMED_FROM * device.idle:
            yield name, ns


def _windows(steps: Steps) -> dict[int, int]:
    """How many windows the one loop on each GPU has there; GPUs on which none or several have some are left out."""
    numbers: dict[int, list[int]] = {}
    for edges in (edges for edges in steps.judged_edges if len(edges.start)):
        numbers.setdefault(edges.device, []).append(len(edges.start))
    return {device: of_loops[0] for device, of_loops in numbers.items() if len(of_loops) == 1}
