"""What repeats: every loop with the figures of its iterations, and the main loop of each process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nsysgap.analysis.loops.document import iteration_rows, loop_rows
from nsysgap.analysis.loops.nvtx_loops import loops_called
from nsysgap.analysis.loops.steps import LoopSteps, Steps
from nsysgap.analysis.questions import why_no_kernels
from nsysgap.analysis.relations.domains import domain_name, told_domains
from nsysgap.answers.opening import OpenReport
from nsysgap.answers.selection import WHOLE
from nsysgap.causes import PARTS
from nsysgap.errors import NsysgapError
from nsysgap.figures import STATS, Document, Figure, Header, as_json
from nsysgap.intervals import IntervalSet, union_of
from nsysgap.units import counted, printable

if TYPE_CHECKING:
    import pandas as pd

SCHEMA = "nsysgap.steps/1"
STATS_OF_LOOP = ("duration_ns", "launches", "ops", "api_calls")
_HOST = ("iteration", "start_ns", "end_ns", "duration_ns", "launches", "ops", "api_calls", "identical", "outlier")
_GPU = ("device", "window_start_ns", "window_end_ns", "window_ns", "busy_ns", "idle_ns")


@dataclass(frozen=True)
class StepsOptions:
    """`loop`: the label of the loops whose iterations are wanted, None for none; `most`: the iterations of so many of
    the first loops too, main loops before all others."""

    loop: str | None = None
    most: int = 0
    hidden_after_ns: int = WHOLE.hidden_after_ns


@dataclass(frozen=True)
class LoopDetail:
    """What people want of a loop beside its row in the contract, numbers of iterations from 0, times in ns.

    `merged`: IDs of threads that hand over to the loop's thread and count as it. `main`: the main loop of its process;
    then `set_up_ns` and `after_ns` say, by GPU, how long its window is before the loop's first and after its last
    window. `first_ns`: how long the first iteration took; `outliers`: (number, duration) of iterations that took far
    longer than the others; `inside`: the row of the loop around it, -1 none; `domain`: its NVTX domain's name where the
    report's ranges are in several, else "".
    """

    main: bool
    inside: int
    first_ns: int
    outliers: tuple[tuple[int, int], ...]
    set_up_ns: dict[int, int]
    after_ns: dict[int, int]
    merged: tuple[int, ...]
    domain: str


@dataclass(frozen=True)
class StepsAnswer:
    """The answer: `loops` as in the contract "nsysgap.steps/1", in its order, and `details` beside each.

    `iterations`: (number of the loop, its iterations' rows) of the loops that were asked for. `refusal` is why the
    report cannot say how busy the GPU was, None if it can.
    """

    header: Header
    loops: tuple[Document, ...]
    details: tuple[LoopDetail, ...]
    iterations: tuple[tuple[int, tuple[Document, ...]], ...]
    refusal: NsysgapError | None

    def document(self) -> Document:
        """The contract "nsysgap.steps/1"; loops whose iterations were asked for have them, as "iterations"."""
        loops = [dict(loop) for loop in self.loops]
        for number, rows in self.iterations:
            loops[number]["iterations"] = list(rows)
        return {"schema": SCHEMA, "report": self.header.document(), "loops": loops}

    def figures(self) -> tuple[Figure, ...]:
        """Per main loop: iterations, what a step takes, launches; per GPU busy and idle time of all its windows."""
        return tuple(
            figure
            for loop, detail in zip(self.loops, self.details, strict=True)
            if detail.main
            for figure in _loop_figures(loop)
        )

    def frame(self) -> pd.DataFrame:
        """One row per loop and GPU; where iterations were asked for, one per iteration and GPU."""
        import pandas as pd

        if self.iterations:
            rows = [{**_whose(self.loops[number]), **_flat(row)} for number, many in self.iterations for row in many]
            parts = [f"{part}_ns" for part in PARTS]
            which = ["which"] if any("which" in row for row in rows) else []
            frame = pd.DataFrame(rows, columns=[*_WHOSE, *_HOST, _GPU[0], *which, *_GPU[1:], *parts])
            frame = frame.astype(dict.fromkeys([*_GPU, *parts], "Int64"))
        else:
            frame = pd.DataFrame([row for loop in self.loops for row in _loop_frame_rows(loop)])
            if "which" in frame:
                frame.insert(list(frame).index("device") + 1, "which", frame.pop("which"))
        return frame.assign(report=self.header.path)


@dataclass(frozen=True)
class MainLoop:
    """The main loop of a process: its row in the contract, and its GPU windows by device, to select by.

    `time[device]` is the union of the windows; `set_up` and `after` are the [start, end) of the device's window before
    the first and after the last of them, ns.
    """

    process: int
    number: int
    row: Document
    time: dict[int, IntervalSet]
    set_up: dict[int, tuple[int, int]]
    after: dict[int, tuple[int, int]]


def main_loops(report: OpenReport, hidden_after_ns: int = WHOLE.hidden_after_ns) -> list[MainLoop]:
    """The main loop of every process that has one, by pid."""
    steps = report.steps(hidden_after_ns)
    rows = loop_rows(report.trace, steps.steps)
    pids = report.trace.processes["pid"]
    loops = [_main(steps, rows, number, int(pids[process])) for process, number in steps.main.items()]
    return sorted(loops, key=lambda loop: loop.process)


def loop_time(loops: Sequence[MainLoop]) -> dict[int, IntervalSet]:
    """The GPU windows of several loops together, by device: what the shares of a loop are shares of."""
    devices = sorted({device for loop in loops for device in loop.time})
    return {device: union_of(*(loop.time[device] for loop in loops if device in loop.time)) for device in devices}


def steps(report: OpenReport, options: StepsOptions = StepsOptions()) -> StepsAnswer:
    """The loops of a report. Raises NsysgapError where no loop has the label that is asked for."""
    measured = report.steps(options.hidden_after_ns)
    main = set(measured.main.values())
    wanted = _wanted(measured, options)
    why, several = why_no_kernels(report.trace), len(told_domains(report.trace)[1]) > 1
    domains = [_domain(measured, number) if several else "" for number in range(len(measured.loops))]
    return StepsAnswer(
        header=report.header(),
        loops=tuple(as_json(loop_rows(report.trace, measured.steps))),
        details=tuple(_detail(measured, i, domain, main=i in main) for i, domain in enumerate(domains)),
        iterations=tuple((number, tuple(iteration_rows(report.trace, measured.steps[number]))) for number in wanted),
        refusal=None if why is None else NsysgapError(*why),
    )


def _wanted(measured: Steps, options: StepsOptions) -> list[int]:
    """The numbers of the loops whose iterations are wanted."""
    wanted = [] if options.loop is None else loops_called(measured.loops, options.loop)
    if options.loop is not None and not wanted:
        raise no_such_loop(measured, options.loop)
    first = list(dict.fromkeys([*measured.main.values(), *range(len(measured.loops))]))[: options.most]
    return list(dict.fromkeys([*wanted, *(first if options.loop is None else [])]))


def no_such_loop(measured: Steps, label: str) -> NsysgapError:
    """What to say where no loop has a label, and which labels there are."""
    labels = list(dict.fromkeys(loop.label for loop in measured.loops))
    if not labels:
        hint = "Nothing repeats in this report: see nsysgap steps REPORT."
        return NsysgapError(f"No loop is called '{label}'.", hint)
    named = ", ".join(f"'{printable(known, 60)}'" for known in labels[:5])
    loops = counted(len(labels), "label", "labels")
    return NsysgapError(f"No loop is called '{label}'.", f"The report's loops have {loops}, such as {named}.")


def _main(measured: Steps, rows: Sequence[Document], number: int, process: int) -> MainLoop:
    time = {windows.edges.device: windows.edges.covered for windows in measured.steps[number].windows}
    window = {device.device: device.window for device in measured.whole.gaps}
    lasting = {device: covered for device, covered in time.items() if len(covered.starts)}
    return MainLoop(
        process=process,
        number=number,
        row=as_json(rows[number]),
        time=lasting,
        set_up={device: (window[device][0], int(covered.starts[0])) for device, covered in lasting.items()},
        after={device: (int(covered.ends[-1]), window[device][1]) for device, covered in lasting.items()},
    )


def _detail(measured: Steps, number: int, domain: str, *, main: bool) -> LoopDetail:
    loop_steps: LoopSteps = measured.steps[number]
    window = {device.device: device.window for device in measured.whole.gaps}
    edges = [windows.edges for windows in loop_steps.windows] if main else []
    return LoopDetail(
        main=main,
        inside=loop_steps.loop.inside,
        first_ns=int(loop_steps.duration[0]),
        outliers=tuple((int(i), int(loop_steps.duration[i])) for i in loop_steps.outliers),
        set_up_ns={edge.device: int(edge.start[0]) - window[edge.device][0] for edge in edges},
        after_ns={edge.device: window[edge.device][1] - int(edge.end[-1]) for edge in edges},
        merged=tuple(measured.trace.threads["tid"][list(loop_steps.loop.merged)].tolist()),
        domain=domain,
    )


def _domain(measured: Steps, number: int) -> str:
    """The name of a loop's NVTX domain, "" without NVTX."""
    loop = measured.loops[number]
    process = int(measured.trace.threads["process"][loop.thread])
    return "" if loop.domain is None else domain_name(measured.trace, process, loop.domain)


def _loop_figures(loop: Document) -> list[Figure]:
    whose = f"{loop['label']} of {loop['process']}"
    figures = [
        Figure("iterations", loop["count"], "", "none", whose),
        Figure("step_ns", loop["step_ns"], "ns", "lower", whose),
        Figure("launches", loop["launches"]["median"], "", "lower", whose),
    ]
    for device in loop["devices"]:
        gpu = f"{whose} on GPU {device['device']} {device.get('which', '')}".strip()
        figures += [Figure(key, device[key], "ns", "lower", gpu) for key in ("window_ns", "busy_ns", "idle_ns")]
        figures += [Figure(f"idle_{part}_ns", device["idle_by_cause_ns"][part], "ns", "lower", gpu) for part in PARTS]
    return figures


_WHOSE = ("label", "process", "thread")


def _whose(loop: Document) -> Document:
    return {key: loop[key] for key in _WHOSE}


def _flat(row: Document) -> Document:
    """A row with its parts as columns of their own."""
    parts = row["idle_by_cause_ns"] or {}
    plain = {key: value for key, value in row.items() if key != "idle_by_cause_ns"}
    return {**plain, **{f"{part}_ns": parts.get(part) for part in PARTS}}


def _loop_frame_rows(loop: Document) -> list[Document]:
    plain: dict[str, Any] = {key: loop[key] for key in (*_WHOSE, "source", "domain", "inside", "count", "warm_up")}
    plain |= {"identical": loop["identical"], "step_ns": loop["step_ns"], "between_ns": loop["between_ns"]}
    plain |= {"start_ns": loop["span_ns"][0], "end_ns": loop["span_ns"][1]}
    for key in STATS_OF_LOOP:
        name = key.removesuffix("_ns")
        unit = "_ns" if key.endswith("_ns") else ""
        plain |= {f"{name}_{figure}{unit}": loop[key][figure] for figure in STATS if figure != "count"}
    empty: Document = {"device": None, "without_ops": None, "window_ns": None, "busy_ns": None, "idle_ns": None}
    rows = []
    for device in loop["devices"] or [empty]:
        parts = device.get("idle_by_cause_ns", {})
        which = {"which": device["which"]} if "which" in device else {}
        rows.append(
            {**plain, **{key: device[key] for key in empty}, **which, **{f"{p}_ns": parts.get(p) for p in PARTS}}
        )
    return rows
