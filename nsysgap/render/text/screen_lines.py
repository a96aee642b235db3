"""The lines of the first screen, in order, made of the facts of answers/screen.py."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len, set_cell_size

from nsysgap.causes import PARTS
from nsysgap.kernel_names import short_kernel_name
from nsysgap.render.text.critical_path import PART_NAMES
from nsysgap.units import count, counted, duration, extent, percent, printable

if TYPE_CHECKING:
    from nsysgap.answers.screen import ScreenAnswer, ScreenDevice, ScreenLoop
    from nsysgap.answers.screen_collectives import CollectiveTime
    from nsysgap.answers.screen_limits import Advice, LimitingPart

MOST_LOOPS, MOST_DEVICES, IN_FULL = 4, 8, 2
LARGEST, ADVISED = 3, 3
LEAST_NAME, NAME_ENOUGH = 10, 16
LATENCY_KINDS = ("kernel", "graph", "memcpy", "memset")
NODE_NS = 800  # what node tracing adds to a graph launch, for each node
NSYS_SAYS = "nsys says: "
LAST_WORDS = "the program's last words: "
OWN_CODE = "own code"
GPU_PARTS = ("gpu", "between_ops", "launch_latency")


@dataclass(frozen=True, slots=True)
class Line:
    """A line: its label, its text, and its rank: lines of high rank give way where there are too many.

    `indented`: below a label though it has none; `whole`: never cut, however long.
    """

    label: str
    text: str
    rank: int = 0
    style: str = ""
    indented: bool = False
    whole: bool = False


def screen_lines(answer: ScreenAnswer, width: int) -> Iterator[Line]:
    """All lines but the commands that follow."""
    yield from _head(answer, width)
    yield Line("", "", 9)
    yield from fact_lines(answer, width)
    if answer.holds.ops:
        yield from _careful(answer, width)


def fact_lines(answer: ScreenAnswer, width: int) -> Iterator[Line]:
    """The lines on what was found, each label's own first: from the loop to the longest gaps."""
    if not answer.holds.ops:
        yield from _without_ops(answer)
        return
    yield from _loops(answer, width)
    each = 2 if any(device.collectives for device in answer.devices) else 1
    shown = answer.devices[: MOST_DEVICES // each]
    for number, device in enumerate(shown):
        yield from _device(device, number, width, brief=len(shown) > IN_FULL)
    if len(shown) < len(answer.devices):
        yield Line("", f"and {count(len(answer.devices) - len(shown))} more GPUs: --detail", 3, indented=True)
    if answer.collectives.said:
        yield from wrapped("collectives", answer.collectives.said.split(" "), width, (2, 2), " ")
    yield from _limits(answer, width)
    yield from _latency(answer)
    yield from _longest(answer, width)


def wrapped(
    label: str, pieces: Sequence[str], width: int, ranks: tuple[int, int], joint: str = ", ", style: str = ""
) -> Iterator[Line]:
    """Pieces on as few lines as hold them, broken between two of them. `ranks`: of the first line and the others."""
    line = pieces[0]
    rank, end = ranks[0], cell_len(joint.rstrip())
    for number, piece in enumerate(pieces[1:], 2):
        more = end if number < len(pieces) else 0  # what ends the line if the next piece does not fit
        if cell_len(line) + end + 1 + cell_len(piece) + more > width:
            yield Line(label, line + joint.rstrip(), rank, style, indented=True)
            label, line, rank = "", piece, ranks[1]
        else:
            line += joint + piece
    yield Line(label, line, rank, style, indented=True)


def _head(answer: ScreenAnswer, width: int) -> Iterator[Line]:
    header = answer.header
    yield Line("", printable(header.path, width), 0, "bold")
    names = list(dict.fromkeys(device.name for device in answer.devices if device.name))
    gpus = [f"{len(answer.devices)} x {names[0]}"] if len(names) == 1 < len(answer.devices) else names
    if answer.devices and not gpus:
        gpus = [counted(len(answer.devices), "GPU without a name", "GPUs without names")]
    said = [*gpus]
    said.append(f"nsys {header.nsys_version}" if header.nsys_version else "an nsys too old to name itself")
    if header.duration_ns is not None:
        said.append(f"session of {duration(header.duration_ns)}")
    yield Line("", ", ".join(said), 0, "dim")
    if answer.gaps.selection and not answer.looped:
        yield Line("only", answer.gaps.selection, 0, "cyan")
    lost = [notice.text.removeprefix(NSYS_SAYS) for notice in header.warnings if notice.level == "incomplete"]
    if lost:
        more = f" ({counted(len(lost) - 1, 'more', 'more')}: --detail)" if len(lost) > 1 else ""
        room, text = max(width - len(more), 20), printable(lost[0])
        if cell_len(text) > room:
            text = set_cell_size(text, room - 1)
            before, opened, rest = text.rpartition(" (")
            text = (before if opened and ")" not in rest else text).rstrip() + "\N{HORIZONTAL ELLIPSIS}"
        yield Line("incomplete", text + more, 0, "bold red")


def _without_ops(answer: ScreenAnswer) -> Iterator[Line]:
    holds = answer.holds
    yield Line("GPU", "no GPU work was recorded: how idle it was cannot be told", 0, "bold")
    said = [counted(holds.calls, "CUDA call", "CUDA calls"), counted(holds.ranges, "NVTX range", "NVTX ranges")]
    said.append(counted(holds.os_calls, "OS call", "OS calls"))
    threads = counted(holds.threads, "thread", "threads")
    yield Line("holds", f"{', '.join(said)} on {threads}", 0)
    if answer.refusal is not None:
        before = ""
        for sentence in answer.refusal.details:
            speaker = "last words" if sentence.startswith(LAST_WORDS) else "nsys says"
            text = sentence.removeprefix(LAST_WORDS).removeprefix(NSYS_SAYS)
            yield Line("" if speaker == before else speaker, text, 3, indented=True)
            before = speaker


def _loops(answer: ScreenAnswer, width: int) -> Iterator[Line]:
    if not answer.loops:
        of = "selection" if answer.gaps.selection else "whole report"
        yield Line("loop", f"none found{' there' if answer.gaps.selection else ''}: shares are of the {of}", 1)
        return
    several = answer.processes > 1
    for number, loop in enumerate(answer.loops[:MOST_LOOPS]):
        whose = f"pid {loop.process}: " if several else ""
        pieces = list(_loop(loop, width - len(whose), left_out=answer.looped))
        yield from wrapped("" if number else "loop", [whose + pieces[0], *pieces[1:]], width, (number, 4), "; ")
    more = len(answer.loops) - MOST_LOOPS
    if more > 0:
        yield Line("", f"and {counted(more, 'more loop', 'more loops')}: nsysgap steps", 4, indented=True)


def _loop(loop: ScreenLoop, width: int, *, left_out: bool) -> Iterator[str]:
    step = duration(loop.step_ns)
    number, said, spread = f"{count(loop.count)} x ", f"  {step} a step", extent(loop.low_ns, loop.high_ns, step)
    name, dots, launches = loop.label.rpartition(" … (") if not loop.nvtx else (loop.label, "", "")
    room = width - len(number) - len(dots + launches) - len(said) - 1  # a semicolon may follow
    beside = room - len(spread) - len(" ()")
    if beside >= min(len(name), NAME_ENOUGH):
        room, said, spread = beside, f"{said} ({spread})", ""
    yield number + printable(name, max(room, LEAST_NAME)) + dots + launches + said
    if spread:
        yield f"from {extent(loop.low_ns, loop.high_ns)}"
    if loop.selected is not None:
        yield f"{count(loop.selected)} of them in what is selected"
        return
    after = f", {duration(loop.after_ns)} after it" if loop.after_ns > loop.set_up_ns // 100 else ""
    if loop.set_up_ns or after:
        yield f"{duration(loop.set_up_ns)} of set-up{after} {'left out' if left_out else 'counted'}"
    if loop.warm_up:
        yield counted(loop.warm_up, "warm-up step in it", "warm-up steps in it")


def _device(device: ScreenDevice, number: int, width: int, *, brief: bool) -> Iterator[Line]:
    window = device.busy_ns + device.idle_ns
    steps = device.steps or 1
    each = " a step" if device.steps else ""
    largest = _largest(device.parts_ns)
    causes = [f"{part} {duration(ns // steps)} {percent(ns, window)}" for part, ns in largest] or ["never idle"]
    busy = f"busy {duration(device.busy_ns // steps)} ({percent(device.busy_ns, window)})"
    idle = f"idle {duration(device.idle_ns // steps)} ({percent(device.idle_ns, window)})"
    label, which = f"GPU {device.number}", device.which
    least = min(number, 3) if brief else 0  # what is said of a GPU goes before its name does
    if which:  # of several with one number
        yield Line("", f"{label} {printable(which, width)}:", least)
        label = ""
    if brief:
        yield Line(label, f"{busy}, {idle}{each}: {', '.join(causes)}", least, indented=True)
    else:
        yield Line(label, f"{busy}, {idle}{each}, window {duration(window // steps)}", 0, indented=True)
        yield from wrapped("", causes, width, (0, 3))
    for collective in device.collectives:
        yield from wrapped("", _collective(collective, steps).split(" "), width, (max(least, 2), 7), " ")
    if device.untraced_percent is not None:
        low, high = device.untraced_percent
        said = f"untraced: idle {low:.1f} % if the GPU was busy unseen, {high:.1f} % if not"
        yield Line("", said, max(least, 1), "yellow", indented=True)
    for text in _of_idle(device, steps):
        yield Line("", text, max(least, 2), indented=True)
    if device.rate is not None and device.rate.limits:
        said = f"queued: the launch rate limits: {device.rate.words}"
        yield Line("", said, max(least, 2), indented=True)


def _of_idle(device: ScreenDevice, steps: int) -> Iterator[str]:
    """What the report names that idle time passed in, where that is much of it."""
    if 10 * device.loading_ns >= device.idle_ns > 0:
        loading = f"{duration(device.loading_ns // steps)} {percent(device.loading_ns, device.idle_ns)}"
        yield f"of idle, loading modules {loading}: warm up, or load before"
    for name, ns in device.named:
        share = f"{duration(ns // steps)} {percent(ns, device.idle_ns)}"
        yield f"of idle, {share}: {printable(name[1:-1] if name.startswith('(') else name, 46)}"
    if device.idle_range_ns is not None:
        window = device.busy_ns + device.idle_ns
        low, high = (f"{duration(ns // steps)} ({percent(ns, window)})" for ns in device.idle_range_ns)
        yield f"idle is a range: {low} to {high}: other work may have run"


def _largest(parts: dict[str, int]) -> list[tuple[str, int]]:
    ordered = sorted((part for part in PARTS if parts[part]), key=lambda part: (-parts[part], PARTS.index(part)))
    return [(part, parts[part]) for part in ordered[:LARGEST]]


def _collective(collective: CollectiveTime, steps: int) -> str:
    said = f"of busy {duration(collective.collective_ns // steps)} in collectives"
    if collective.waiting_ns is None:
        return f"{said}, sending or waiting for other ranks"
    waiting = f"{duration(collective.waiting_ns // steps)} waiting"
    return f"{said}, {waiting}" + (f" for pid {collective.waits_for}" if collective.waits_for is not None else "")


def _limits(answer: ScreenAnswer, width: int) -> Iterator[Line]:
    limits = answer.limits
    if not limits.parts:
        yield from wrapped("limited by", f"not told: {limits.unknown}".split(" "), width, (3, 7), " ", "dim")
    of_process: dict[int, int] = {}
    for number, part in enumerate(limits.parts):
        position = of_process.setdefault(part.process, 0)
        of_process[part.process] += 1
        if position < (LARGEST if answer.processes == 1 else LARGEST - 1):
            whose = f"pid {part.process}: " if answer.processes > 1 else ""
            rank = position * 2 + (len(of_process) - 1)
            text = whose + _part(answer, part, width - len(whose))
            yield Line("" if number else "limited by", text, rank, indented=True)
    if answer.advice:
        gains = [_gain(advice) for advice in answer.advice[:ADVISED]]
        yield from wrapped("would gain", gains, width, (2, 5), "; ")


def _part(answer: ScreenAnswer, part: LimitingPart, width: int) -> str:
    """A part of the path, and as far as there is room what most of it is spent on."""
    said = f"{PART_NAMES[part.part]} {duration(part.ns // part.iterations)} ({percent(part.ns, part.path_ns)})"
    loop = next((loop for loop in answer.loops if loop.process == part.process), None)
    if part.part == "launch_calls" and loop is not None and answer.looped:
        launches = round(loop.launches_total / loop.count)  # the mean, as the times are
        said += f": {counted(launches, 'launch', 'launches')} a step{_each_launch(answer)}"
        return said if len(said) + len(part.name) + 7 > width else f"{said}, most {part.name}"
    most = "" if part.most_ns == part.ns else f" {duration(part.most_ns // part.iterations)}"
    return f"{said}: {spent_on(part.part, part.name, part.detail, width - len(said) - len(most) - 2)}{most}"


def spent_on(part: str, name: str, detail: str, width: int) -> str:
    """What a part of a critical path is spent on: a line, a range, a kernel, a call."""
    if name == OWN_CODE:
        return printable(detail or "between calls, outside NVTX ranges", max(width, 12))
    shown = short_kernel_name(name) if part in GPU_PARTS else name
    shown = shown.removeprefix("[CUDA ").removesuffix("]") if shown.startswith("[CUDA mem") else shown
    if detail:
        shown = f"{detail} {shown}" if part in GPU_PARTS else f"{detail} in {shown}"
    return printable(shown, max(width, 12))


def _each_launch(answer: ScreenAnswer) -> str:
    """How long a launch call takes on average; "" with several processes, whose calls are counted together."""
    stats = [launches["call_ns"] for launches in answer.gaps.launches.values() if launches["call_ns"] is not None]
    graphs = answer.gaps.graph_launches["call_ns"]
    stats += [graphs] if graphs is not None else []
    number = sum(calls["count"] for calls in stats)
    if not number or answer.processes > 1:
        return ""
    return f", {duration(sum(calls['total'] for calls in stats) // number)} each"


def _gain(advice: Advice) -> str:
    def of(ns: int) -> str:
        return f"{100 * (1 - ns / max(advice.recorded_ns, 1)):.0f}"

    name = f"{advice.change} {printable(short_kernel_name(advice.target), 20)}".strip()
    if advice.central_ns is not None:
        return f"{name} {of(advice.central_ns)} %"
    if advice.worst_ns > advice.recorded_ns:
        return f"{name} up to {of(advice.best_ns)} %"
    return f"{name} {of(advice.worst_ns)} to {of(advice.best_ns)} %"


def _latency(answer: ScreenAnswer) -> Iterator[Line]:
    yield Line("launches", _launch_latency(answer), 2)
    waited, nothing = answer.gaps.syncs["waited"], answer.gaps.syncs["found_nothing"]
    tail = waited["tail_ns"]
    if tail is None:
        said = f"{counted(nothing, 'call', 'calls')} found nothing to wait for" if nothing else "no sync call"
        yield Line("syncs", said, 4)
        return
    calls = f"{count(waited['count'])} waited" + (f", {count(nothing)} found nothing" if nothing else "")
    yield Line("syncs", f"tail {duration(tail['median'])} median, {duration(tail['p99'])} p99 ({calls})", 2)


def _launch_latency(answer: ScreenAnswer) -> str:
    graphs = answer.gaps.graph_launches
    kinds = [(kind, answer.gaps.launches[kind]) for kind in LATENCY_KINDS if kind in answer.gaps.launches]
    kinds = [(kind, stats) for kind, stats in kinds if stats["count"]]
    nodes = 0 if graphs["node_count"] is None else graphs["node_count"]["total"]
    if graphs["latency_ns"] is not None and nodes > sum(stats["count"] for _, stats in kinds):
        figures = graphs["latency_ns"]
        launches = counted(graphs["count"], "graph launch", "graph launches")
        return f"latency {duration(figures['median'])} median, {duration(figures['p99'])} p99 ({launches})"
    if not kinds:
        return "no launch call of any op is in the report"
    kind, stats = kinds[0]
    free = stats["unqueued_latency_ns"]
    if free is None:
        return f"unqueued latency unknown: no {kind} found its stream free ({count(stats['count'])})"
    of = f"{count(free['count'])} of {count(stats['count'])}" + ("" if kind == "kernel" else f", {kind}")
    return f"unqueued latency {duration(free['median'])} median, {duration(free['p99'])} p99 ({of})"


def _longest(answer: ScreenAnswer, width: int) -> Iterator[Line]:
    gaps = answer.gaps.gaps
    several = len(answer.devices) > 1
    if not gaps:
        yield Line("longest gap", "none: the GPU was never idle between its first and its last op", 4)
    for number, gap in enumerate(gaps):
        which = f" {printable(gap['which'], 12)}" if gap.get("which") else ""
        gpu = f"GPU {gap['device']}{which}  " if several else ""
        text = f"{duration(gap['duration_ns']):>7}  {gap['cause']:<8}  {gap['start_ns'] / 1e9:.6f} s  {gpu}"
        text += _around(gap, width - len(text))
        yield Line("" if number else "longest gap", text, (1, 5, 6)[number], indented=True)


def _around(gap: dict[str, Any], width: int) -> str:
    """The line, the range and the op that ended a gap, as far as there is room."""
    around = [printable(gap["line"], max(24, width // 2))] if gap.get("line") else []
    around += [f"in {printable(gap['nvtx'][-1], max(18, width // 4))}"] if gap["nvtx"] else []
    room = width - len(", ".join(around)) - len(", before ")
    if gap["after"] is not None and room >= LEAST_NAME:
        name, kernel = gap["after"]["name"], gap["after"]["kind"] == "kernel"
        shown = short_kernel_name(name) if kernel else name.removeprefix("[CUDA ").removesuffix("]")
        around.append("before " + printable(shown, room))
    return ", ".join(around)


def _careful(answer: ScreenAnswer, width: int) -> Iterator[Line]:
    label = "careful"
    for text in answer.care.selected:
        yield from wrapped(label, text.split(" "), width, (2, 2), " ")
        label = ""
    for text, rank in _cares(answer):
        yield Line(label, text, rank, indented=True)
        label = ""


def _cares(answer: ScreenAnswer) -> Iterator[tuple[str, int]]:
    plain = answer.care.plain
    if plain is not None:
        times = [duration(round(seconds * 1e9)) for seconds in (plain.plain_s, plain.profiled_s)]
        ratio = plain.profiled_s / plain.plain_s
        yield f"plain, {plain.of} took {times[0]}, under nsys {times[1]} ({ratio:.2f}x)", 0
    elif answer.holds.calls:
        calls = _calls(answer)
        yield f"{calls}: nsys makes 'launch' and 'host' longer", 1
    nodes = answer.gaps.graph_launches["node_count"]
    if nodes is not None:
        more = duration(nodes["median"] * NODE_NS)
        yield f"node tracing adds about {more} a graph launch ({count(nodes['median'])} x 0.8 us)", 3
    if answer.care.whole_graphs:
        yield "graphs traced as a whole: time between their nodes counts as busy", 3
    told = answer.care.selected
    warnings = [
        notice.text for notice in answer.header.warnings if notice.level == "warning" and notice.text not in told
    ]
    notes = sum(notice.level == "note" and notice.text not in told for notice in answer.header.warnings)
    if warnings:
        yield warnings[0], 3
    others = [(len(warnings) - 1, "more warning", "more warnings"), (notes, "note", "notes")]
    rest = [counted(*other) for other in others if other[0] > 0]
    if rest:
        yield f"{' and '.join(rest)}: --detail", 7


def _calls(answer: ScreenAnswer) -> str:
    if answer.looped and len(answer.loops) == 1:
        return f"{counted(answer.loops[0].api_calls, 'traced call', 'traced calls')} a step"
    return counted(answer.holds.calls, "traced call", "traced calls")
