"""A summary in words: sentences that need no explanation, and the tables that its page and its markdown share."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from nsysgap.causes import CAUSES, PARTS
from nsysgap.kernel_names import short_kernel_name, told_apart
from nsysgap.render.text.critical_path import PART_NAMES
from nsysgap.render.text.screen_lines import GPU_PARTS, fact_lines, spent_on
from nsysgap.units import count, counted, duration, percent, printable

if TYPE_CHECKING:
    from nsysgap.answers.report import SummaryAnswer
    from nsysgap.answers.screen import ScreenDevice
    from nsysgap.answers.screen_limits import Advice

Document = dict[str, Any]
Cells = list[list[str]]
LISTED = 8
ADVISED = 3
BUSY_ENOUGH = 0.10
"""A GPU that is idle for less is called busy."""
LONGEST_NAME = 90
WIDE = 2_000  # columns: nothing is cut
_COLUMNS = re.compile(r" {2,}")  # lines stand below each other on a terminal alone
CHANGES = {
    "graph": "a CUDA graph",
    "fewer-syncs": "waiting for the GPU less often",
    "pinned": "copies from pinned memory",
    "overlapped": "copies that overlap with kernels",
    "elsewhere": "{} on another thread",
    "faster": "{} twice as fast",
    "os-waits": "no waits in OS calls",
    "cheaper-launches": "cheaper launches",
    "fused": "{} fused",
    "batched": "{} batched",
}


class Fact(NamedTuple):
    """A label of the first screen and its lines."""

    label: str
    lines: list[str]


class Share(NamedTuple):
    """A part of a GPU's window: its key, what it is called, its colour, ns."""

    key: str
    label: str
    color: str
    ns: int


def verdict(answer: SummaryAnswer) -> str:
    """The one sentence: how idle the GPUs are, of what, and where most of that time goes."""
    devices = answer.screen.devices
    if not devices:
        return "No GPU work was recorded: how idle the GPU was cannot be told from this report."
    busy, idle = (sum(getattr(device, key) for device in devices) for key in ("busy_ns", "idle_ns"))
    gpus = "the GPU" if len(devices) == 1 else f"the {count(len(devices))} GPUs"
    verb = "is" if len(devices) == 1 else "are"
    ranges = [row["idle_range_ns"] for row in answer.screen.gaps.devices]
    mostly_busy = idle < BUSY_ENOUGH * (busy + idle) and not any(ranges)
    pairs = [_range_of(device, known) for device, known in zip(devices, ranges, strict=True)]
    shown = [(100 - high, 100 - low) for low, high in pairs] if mostly_busy else pairs
    said = f"{gpus[0].upper()}{gpus[1:]} {verb} {'busy' if mostly_busy else 'idle'} {_range(shown)} of {_of(answer)}"
    return f"{said}{_mainly(devices, idle, busy + idle, mostly_busy=mostly_busy)}."


def _range_of(device: ScreenDevice, known: Sequence[int] | None) -> tuple[float, float]:
    """A GPU's idle share at least and at most, percent: not one figure where it may have worked unseen."""
    low, high = known or (device.idle_ns, device.idle_ns)
    window = max(device.busy_ns + device.idle_ns, 1)
    return 100 * low / window, 100 * high / window


def _range(shares: Sequence[tuple[float, float]]) -> str:
    low, high = min(low for low, _ in shares), max(high for _, high in shares)
    if f"{low:.1f}" == f"{high:.1f}":
        return f"{low:.1f} %"
    return f"{low:.1f} to {high:.1f} %" if low > 0 else f"at most {high:.1f} %"


def _of(answer: SummaryAnswer) -> str:
    loops, screen = answer.screen.loops, answer.screen
    if not screen.looped:
        return "the selected time" if screen.gaps.selection else "the time that was recorded"
    if len({loop.label for loop in loops}) > 1:
        return f"{count(len(loops))} loops"
    steps = {duration(loop.step_ns) for loop in loops}
    each = f", {steps.pop()} each" if len(steps) == 1 else ""
    number = max(loop.count for loop in loops)
    return f"the loop ({count(number)} x {printable(loops[0].label, 60)}{each})"


def _mainly(devices: Sequence[ScreenDevice], idle: int, window: int, *, mostly_busy: bool) -> str:
    """The largest cause of idle time, and what it has of all the time."""
    if not idle:
        return ": it is never idle" if len(devices) == 1 else ": they are never idle"
    sums = {part: sum(device.parts_ns[part] for device in devices) for part in PARTS}
    largest = max(CAUSES, key=lambda cause: sums[cause.key])  # of equals the first
    label = largest.label.partition(":")[0]  # "in an OS call", without the list of them
    where = label if label.startswith(("in ", "from ")) else largest.named
    part = "the largest part of the rest" if mostly_busy else "the largest part of that"
    return f"; {part}, {percent(sums[largest.key], window)} of the time, is {where}"


def sentences(answer: SummaryAnswer) -> Iterator[str]:
    """What follows the verdict: what limits each loop, what would gain, what is left out."""
    screen = answer.screen
    for device in screen.devices:
        if 2 * device.loading_ns > device.idle_ns:
            whose = f" of GPU {device.number}" if len(screen.devices) > 1 else ""
            share = percent(device.loading_ns, device.idle_ns)
            yield f"Of the idle time{whose}, {share} is loading modules: warm up, or load them before."
    paths = () if answer.path is None else answer.path.paths
    for path in paths:
        whose = f"Process {path['process']}: " if len(paths) > 1 else ""
        yield f"{whose}{_limit(answer, path)} {cure_of(answer, path)}".strip()
    if screen.advice:
        named = [gain_text(advice) for advice in screen.advice[:ADVISED]]
        yield f"Predicted of a step: {'; '.join(named)}."
    elif answer.advice is not None:
        yield f"No change that nsysgap predicts would gain 2 % of a step{_instead(answer)}."
    left_out = sorted({loop.set_up_ns for loop in screen.loops}) if screen.looped else []
    if left_out and left_out[-1]:
        most = duration(left_out[-1])
        told = most if len(left_out) == 1 else f"{duration(left_out[0])} to {most}"
        yield f"{told} of set-up before the {'loop' if len(screen.loops) == 1 else 'loops'} are left out."


def cure_of(answer: SummaryAnswer, path: Document) -> str:
    """What a critical path asks for; "" where that was predicted, and would gain less than 2 %."""
    launches = max(path["parts_ns"], key=lambda part: path["parts_ns"][part]) in ("host", "launch_calls")
    return "" if launches and answer.advice is not None and not answer.advice.changes else path["cure"]


def _instead(answer: SummaryAnswer) -> str:
    """What helps where changes to launches do not: the host's own code is all there is."""
    parts = [limit.part for limit in answer.screen.limits.parts[:1]]
    return ": make this code faster, or run it while the GPU works" if parts == ["host"] else ""


def _limit(answer: SummaryAnswer, path: Document) -> str:
    """The largest part of a critical path, and where most of it is spent."""
    length, steps = path["window_ns"][1] - path["window_ns"][0], path["iterations"]
    part, ns = max(path["parts_ns"].items(), key=lambda part_ns: part_ns[1])
    limits, of = "limit" if part == "launch_calls" else "limits", "a step" if path["loop"] is not None else "it"
    said = f"{PART_NAMES[part]} {limits} {of}: {duration(ns // steps)}, {percent(ns, length)} of the critical path"
    known = [limit for limit in answer.screen.limits.parts if (limit.process, limit.part) == (path["process"], part)]
    for limit in known:
        time = f" ({duration(limit.most_ns // steps)})" if limit.most_ns < ns else ""
        said += f", above all {spent_on(part, limit.name, limit.detail, LONGEST_NAME)}{time}"
    return f"{said[0].upper()}{said[1:]}."


def gain_text(advice: Advice) -> str:
    """ "a CUDA graph gains 30 to 94 %", as the first screen rounds it."""

    def of(ns: int) -> str:
        return f"{100 * (1 - ns / max(advice.recorded_ns, 1)):.0f}"

    target = printable(short_kernel_name(advice.target), 40)
    named = CHANGES.get(advice.change, f"{advice.change} {{}}").format(target).strip()
    if advice.change not in ("elsewhere", "faster", "fused", "batched") and target:
        named += f" ({target})"
    many = advice.change in ("overlapped", "pinned", "os-waits", "cheaper-launches")
    if advice.central_ns is None and advice.worst_ns > advice.recorded_ns:
        longer = of(2 * advice.recorded_ns - advice.worst_ns)
        return f"{named} from {longer} % longer to {of(advice.best_ns)} % shorter"
    gain = (
        f"{of(advice.central_ns)} %"
        if advice.central_ns is not None
        else f"{of(advice.worst_ns)} to {of(advice.best_ns)} %"
    )
    return f"{named} {'gain' if many else 'gains'} {gain}"


def about(answer: SummaryAnswer) -> str:
    """GPU, nsys, session, and what was selected."""
    names = list(dict.fromkeys(device.name for device in answer.screen.devices if device.name))
    number = len(answer.screen.devices)
    said = [f"{count(number)} x {names[0]}"] if len(names) == 1 < number else names
    said.append(
        f"nsys {answer.header.nsys_version}" if answer.header.nsys_version else "an nsys too old to name itself"
    )
    if answer.header.duration_ns is not None:
        said.append(f"session of {duration(answer.header.duration_ns)}")
    chosen = answer.screen.gaps.selection
    return ", ".join(said) + (f". Only {chosen}." if chosen and not answer.screen.looped else "")


def notices_of(answer: SummaryAnswer, *levels: str) -> list[str]:
    """The texts of the report's notices of some levels."""
    return [notice.text for notice in answer.header.warnings if notice.level in levels]


def facts(answer: SummaryAnswer) -> list[Fact]:
    """The lines of the first screen, uncut, by label."""
    labelled: list[Fact] = []
    for line in fact_lines(answer.screen, WIDE):
        text = _COLUMNS.sub(", ", line.text.strip())
        if line.label or not labelled or not line.indented:
            labelled.append(Fact(line.label or text, [text] if line.label else []))
        else:
            labelled[-1].lines.append(text)
    return labelled


def shares(device: ScreenDevice) -> list[Share]:
    """What a GPU's window is made of: busy, then the causes of idle time, largest first; they sum to the window."""
    causes = [Share(cause.key, cause.label, cause.color, device.parts_ns[cause.key]) for cause in CAUSES]
    causes.sort(key=lambda share: -share.ns)
    return [Share("busy", "the GPU worked", "#3f7fd9", device.busy_ns), *(share for share in causes if share.ns)]


def device_name(device: ScreenDevice) -> str:
    """ "GPU 0", with what tells it from others of that number, and its model."""
    which = f" {printable(device.which, 30)}" if device.which else ""
    return f"GPU {device.number}{which}" + (f", {printable(device.name, 60)}" if device.name else "")


def share_cells(device: ScreenDevice) -> Cells:
    """Busy and idle time by cause, after a line of heads: of a step where the loop is one, else of all."""
    window, steps = device.busy_ns + device.idle_ns, device.steps or 1
    each = "a step" if device.steps else "in all"
    rows = [
        [share.key, share.label, duration(share.ns // steps), percent(share.ns, window)] for share in shares(device)
    ]
    return [["", "", each, "%"], *rows, ["window", "", duration(window // steps), percent(window, window)]]


def busy_cells(answer: SummaryAnswer) -> Cells:
    """What ran on the GPUs longest, after a line of heads."""
    steps = {device.steps for device in answer.screen.devices}
    each = (steps.pop() or 1) if len(steps) == 1 else 1
    busy = sum(device.busy_ns for device in answer.screen.devices)
    heads = ["kernel or copy", "a step" if each > 1 else "in all", "runs", "mean", "of busy"]
    known = told_apart(op["name"] for op in answer.busy if not op["name"].startswith("[CUDA "))
    return [
        heads,
        *(
            [
                printable(
                    str(known.get(op["name"], op["name"].removeprefix("[CUDA ").removesuffix("]"))), LONGEST_NAME
                ),
                duration(op["total_ns"] // each),
                _runs(op["count"], each),
                duration(op["total_ns"] // op["count"]),
                percent(op["total_ns"], busy),
            ]
            for op in answer.busy[:LISTED]
        ),
    ]


def _runs(number: int, each: int) -> str:
    return count(number // each) if number % each == 0 else f"{number / each:,.1f}"


def busy_said(answer: SummaryAnswer) -> str:
    """What the table of what ran leaves out, and that ops side by side count each."""
    rest, busy = answer.busy[LISTED:], sum(device.busy_ns for device in answer.screen.devices)
    said = []
    if rest:
        more = percent(sum(op["total_ns"] for op in rest), busy)
        said.append(f"{counted(len(rest), 'more name has', 'more names have')} {more} of the busy time.")
    if sum(op["total_ns"] for op in answer.busy) > busy:
        said.append("What ran side by side counts each, and what reaches out of the selected time counts whole.")
    return " ".join(said)


def path_cells(path: Document) -> Cells:
    """The parts of a critical path, after a line of heads, as `critical-path` prints them."""
    length = path["window_ns"][1] - path["window_ns"][0]
    parts = sorted(path["parts_ns"].items(), key=lambda part_ns: -part_ns[1])
    rows = [[PART_NAMES[part], duration(ns // path["iterations"]), percent(ns, length)] for part, ns in parts if ns]
    return [["limited by", "each" if path["loop"] is not None else "in all", "%"], *rows]


def spent_cells(path: Document) -> Cells:
    """What most of a critical path is spent on, after a line of heads."""
    length = path["window_ns"][1] - path["window_ns"][0]
    rows = sorted(path["by"], key=lambda row: -row["ns"])[:LISTED]
    kernels = told_apart(row["name"] for row in rows if row["part"] in GPU_PARTS and not row["name"].startswith("["))
    cells = []
    for row in rows:
        kernel, detail = kernels.get(row["name"]), row["detail"]
        spent = f"{detail} {kernel}".strip() if kernel else spent_on(row["part"], row["name"], detail, LONGEST_NAME)
        time = duration(row["ns"] // path["iterations"])
        cells.append([PART_NAMES[row["part"]], printable(spent, LONGEST_NAME), time, percent(row["ns"], length)])
    return [["of it", "spent on", "each" if path["loop"] is not None else "in all", "%"], *cells]


def path_head(path: Document) -> str:
    """What a critical path is of."""
    length = path["window_ns"][1] - path["window_ns"][0]
    if path["loop"] is None:
        return f"process {path['process']}: {duration(length)}"
    each = duration(length // path["iterations"])
    return f"{count(path['iterations'])} x {printable(path['loop'], 80)}, {each} each, process {path['process']}"


def loop_cells(answer: SummaryAnswer) -> Cells:
    """The report's loops, main loops first, after a line of heads."""
    details, several = answer.steps.details, len(answer.screen.loops) > 1
    rows = []
    for i in sorted(range(len(details)), key=lambda i: not details[i].main)[:LISTED]:
        loop = answer.steps.loops[i]
        busy, window = (sum(device[key] for device in loop["devices"]) for key in ("busy_ns", "window_ns"))
        named = f"{count(loop['count'])} x {printable(loop['label'], LONGEST_NAME)}"
        named += f", inside {printable(loop['inside'], 40)}" if loop["inside"] else ""
        named += f", process {loop['process']}" if several else ""
        rows.append([named, duration(loop["step_ns"]), count(loop["launches"]["median"]), percent(busy, window)])
    return [["loop", "a step", "launches", "busy"], *rows]
