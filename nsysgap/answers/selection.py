"""Which part of a report counts: a GPU, NVTX ranges, a stretch of the session; the same in every command and call."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.idle.attribution import HIDDEN_AFTER_NS
from nsysgap.analysis.idle.idle_report import WholeTrace
from nsysgap.analysis.loops.launched_inside import LaunchedExtents, launched_extents
from nsysgap.analysis.relations.domains import domains, of_domains
from nsysgap.analysis.relations.ranges import select_ranges, time_by_process
from nsysgap.errors import NsysgapError
from nsysgap.intervals import EMPTY, IntervalSet, intersect, subtract, union, union_of
from nsysgap.tables import OPEN_END, Device, Notice, Trace
from nsysgap.units import count, counted, duration, printable


@dataclass(frozen=True)
class Selected:
    """The selected time (None: all of it) and the words for what selected it ("" for all).

    `ranges`: the rows of nvtx that the pattern matched, None without one. `by_device`: the time selected on each GPU
    where that differs from one to the other; `time` is then all of it together, and `by_process` the time on the host,
    by row of processes, in which that work was launched. `notes`: what to know of the selection.
    """

    time: IntervalSet | None
    words: str
    ranges: NDArray[np.intp] | None = None
    by_device: Mapping[int, IntervalSet] | None = None
    by_process: Mapping[int, IntervalSet] | None = None
    notes: tuple[Notice, ...] = ()


@dataclass(frozen=True)
class Selection:
    """What to look at: hashable and picklable, so that an answer can be asked for in another process.

    `device` is a GPU's number, `nvtx` the pattern of range names, `domain` that of the names of their domains (the
    default one is called "default"), `since` and `until` ns of the session (None: all);
    `hidden_after_ns` from which length on a stretch of a sync call in which no op runs is "untraced". `select`: the
    ranges' time on the host, or the GPUs' time for what was launched inside ("gpu"). `loop`: where nothing else is
    selected only the main loops' GPU windows, as far as there are main loops (answers/opening.py).
    """

    device: int | None = None
    nvtx: re.Pattern[str] | None = None
    since: int | None = None
    until: int | None = None
    hidden_after_ns: int = HIDDEN_AFTER_NS
    select: Literal["host", "gpu"] = "host"
    loop: bool = False
    domain: re.Pattern[str] | None = None

    @property
    def ranges(self) -> bool:
        """Whether NVTX ranges are selected."""
        return self.nvtx is not None or self.domain is not None

    @property
    def timed(self) -> bool:
        """Whether a stretch of the session is selected."""
        return self.since is not None or self.until is not None

    def resolve(self, trace: Trace, whole: WholeTrace | None = None) -> Selected:
        """The selected time of a report. `whole`: what is known of the trace already.

        Raises NsysgapError for a GPU that ran nothing, where no range matches, and where nothing is left.
        """
        require_device(trace, self.device)
        chosen = Selected(None, "")
        if self.ranges:
            chosen = self._in_ranges(trace, whole or WholeTrace(trace))
        span = self._span()
        if span is not None:
            to = "" if self.until is None else f" to {duration(self.until)}"
            chosen = _within(chosen, span, f"from {duration(self.since or 0)}{to}")
        if chosen.time is not None:
            _require_ops(trace, chosen.time)
        return chosen

    def _in_ranges(self, trace: Trace, whole: WholeTrace) -> Selected:
        """The ranges whose name matches, as the host or as the GPUs saw them; noted where that differs much."""
        time, words, rows = _in_ranges(trace, self.nvtx, self.domain)
        work = launched_extents(trace, whole.calls, rows)
        if self.select == "gpu":
            if not work.by_device:
                raise NsysgapError(
                    f"Nothing was launched inside an NVTX range that {_matching(self.nvtx, self.domain)}.",
                    "Leave --select gpu out: the ranges' own time is then selected.",
                )
            both = union_of(*work.by_device.values())
            words = f"what was launched {words.rpartition(', ')[0]}: {duration(both.total)} on the GPU"
            of_closed = launched_extents(trace, whole.calls, rows[trace.nvtx["end"][rows] != OPEN_END]).by_device
            notes = _open_ranges(trace, rows, both, union_of(*of_closed.values()) if of_closed else EMPTY)
            return Selected(both, words, rows, work.by_device, time_by_process(trace, rows), notes)
        ended = rows[trace.nvtx["end"][rows] != OPEN_END]
        closed = union(trace.nvtx["start"][ended], trace.nvtx["end"][ended])
        return Selected(time, words, rows, notes=(*_open_ranges(trace, rows, time, closed), *_differing(time, work)))

    def _span(self) -> IntervalSet | None:
        """The time between `since` and `until`, None without either."""
        if not self.timed:
            return None
        limits = np.iinfo(np.int64)
        low = limits.min if self.since is None else self.since
        high = limits.max if self.until is None else self.until
        if high <= low:
            raise NsysgapError("--from is not before --to: nothing is selected.", "Swap them.", exit_code=2)
        return IntervalSet(np.array([low], np.int64), np.array([high], np.int64))


WHOLE = Selection()


def pattern(regex: str | re.Pattern[str]) -> re.Pattern[str]:
    """A regular expression. Raises NsysgapError (usage) for what is none."""
    try:
        return re.compile(regex)
    except re.error as error:
        hint = "Escape what is meant as it stands: \\( \\[ \\+ \\* \\?"
        raise NsysgapError(f"'{regex}' is not a regular expression: {error}.", hint, exit_code=2) from None


def require_device(trace: Trace, device: int | None) -> None:
    """Raise NsysgapError for a GPU that ran nothing in this report."""
    if device is not None and trace.ops.rows and not (trace.ops["device"] == device).any():
        known = ", ".join(_gpu_option(trace.device(number)) for number in np.unique(trace.ops["device"]).tolist())
        raise NsysgapError(f"GPU {device} ran nothing in {trace.path}.", f"GPUs with work: {known}.")


def _open_ranges(trace: Trace, rows: NDArray[np.intp], time: IntervalSet, closed: IntervalSet) -> tuple[Notice, ...]:
    """A warning where ranges without an end make the selection larger: how many, and how much of it is theirs alone.

    `closed`: the time that the other ranges select.
    """
    number = int((trace.nvtx["end"][rows] == OPEN_END).sum())
    if not number:
        return ()
    have, theirs = ("has", "its") if number == 1 else ("have", "theirs")
    said = (
        f"{count(number)} of {counted(len(rows), 'selected range', 'selected ranges')} {have} no end: "
        f"{duration(subtract(time, closed).total)} of the selection is {theirs} alone. A push without a pop, or "
        "cut off by the capture's end: it is cut at the end of the trace."
    )
    return (Notice("warning", said),)


def _gpu_option(gpu: Device) -> str:
    return gpu.label if gpu.which is None else f"{gpu.label} (--device {gpu.id})"


def _within(chosen: Selected, span: IntervalSet, words: str) -> Selected:
    """What of a selection lies within one stretch of time."""
    together = ", ".join(filter(None, (chosen.words, words)))
    if chosen.time is None:
        return replace(chosen, time=span, words=together)
    gpus, hosts = (
        times and {whose: intersect(time, span) for whose, time in times.items()}
        for times in (chosen.by_device, chosen.by_process)
    )
    return replace(chosen, time=intersect(chosen.time, span), words=together, by_device=gpus, by_process=hosts)


def _differing(host: IntervalSet, work: LaunchedExtents) -> tuple[Notice, ...]:
    """A note where more than a tenth of the host's time lies beside the GPU's for the same ranges, or the reverse."""
    texts = []
    for device, gpu in work.by_device.items():
        beside = subtract(host, gpu).total + subtract(gpu, host).total
        if 10 * beside > host.total:
            latest = work.latest[device]
            late = f"ends up to {duration(latest)} after them" if latest > 0 else "ends before they do"
            texts.append(
                f"On GPU {device} the work launched inside the selected NVTX ranges takes {duration(gpu.total)} and "
                f"{late}: --select gpu selects that time."
            )
    return tuple(Notice("note", text) for text in texts)


ANY = re.compile("")


def _in_ranges(
    trace: Trace, name: re.Pattern[str] | None, domain: re.Pattern[str] | None
) -> tuple[IntervalSet, str, NDArray[np.intp]]:
    """The time inside the ranges whose name and domain match, the words for it, and their rows."""
    among = None if domain is None else of_domains(trace, domain)
    matching = select_ranges(trace, name or ANY, among)
    if not matching.ranges:
        of_none = among is not None and trace.nvtx.rows and not among.any()
        hint = _known_domains(trace) if of_none else _known_names(trace, among)
        raise NsysgapError(f"No NVTX range {_matching(name, domain)}.", hint)
    names = ", ".join(printable(name, 40) for name in matching.names[:3])
    more = f" and {len(matching.names) - 3:,} more names" if len(matching.names) > 3 else ""
    ranges = counted(matching.ranges, "NVTX range", "NVTX ranges")
    return matching.time, f"inside {ranges} ({names}{more}), {duration(matching.time.total)}", matching.rows


def _matching(name: re.Pattern[str] | None, domain: re.Pattern[str] | None) -> str:
    """What ranges have to be: "matches 'step' and is in a domain that matches 'NCCL'"."""
    named = [] if name is None else [f"matches '{name.pattern}'"]
    return " and ".join([*named, *([] if domain is None else [f"is in a domain that matches '{domain.pattern}'"])])


def _known_domains(trace: Trace) -> str:
    known = domains(trace)
    named = ", ".join(printable(domain.name, 40) for domain in known[:5])
    more = ", ..." if len(known) > 5 else ""
    return f"The report's ranges are in {counted(len(known), 'domain', 'domains')}: {named}{more}."


def _known_names(trace: Trace, among: NDArray[np.bool_] | None) -> str:
    names = trace.nvtx["name"] if among is None else trace.nvtx["name"][among]
    index, number = np.unique(names, return_counts=True)
    if not len(index):
        return "The report holds no NVTX ranges: capture with --trace=cuda,nvtx and mark phases in the program."
    most = [printable(trace.names[int(index[i])], 40) for i in np.argsort(-number, kind="stable")[:5]]
    where = "The report" if among is None else "This domain"
    return f"{where} has {len(index):,} names, such as: {', '.join(most)}."


def _require_ops(trace: Trace, time: IntervalSet) -> None:
    """Raise NsysgapError where the selected time lies outside all GPU work."""
    ops = trace.ops
    if not ops.rows:
        return
    first, last = int(ops["start"][0]), int(ops["end"].max())
    if not len(intersect(time, IntervalSet(np.array([first]), np.array([last]))).starts):
        raise NsysgapError(
            "The selection holds no GPU time.",
            f"The GPUs of this report worked from {duration(first)} to {duration(last)} of the session.",
        )
