"""A report as the picture that trace viewers show: what `to-chrome` and `view` write, and what is cut from it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from nsysgap.analysis.loops.nvtx_loops import NVTX, Loop
from nsysgap.analysis.pictures.kept_rows import Cut, surroundings
from nsysgap.analysis.pictures.merged import Joins
from nsysgap.analysis.pictures.trace import View
from nsysgap.analysis.pictures.trace_options import Extras, Show
from nsysgap.answers.critical_path import path_tracks
from nsysgap.answers.opening import OpenReport
from nsysgap.answers.selection import WHOLE, Selection, require_device
from nsysgap.errors import NsysgapError
from nsysgap.fleet.names import report_name
from nsysgap.intervals import EMPTY
from nsysgap.report.metrics import read_gpu_metrics
from nsysgap.report.viewer_tables import (
    MEMORY_KINDS,
    read_copies,
    read_memory_events,
    read_not_shown,
    read_session_start,
    read_sync_spans,
)
from nsysgap.tables import Trace
from nsysgap.tracks import Viewed
from nsysgap.units import count, printable
from nsysgap.version import __version__

NAMED_TABLES = 3


@dataclass(frozen=True)
class ToChromeOptions:
    """What to leave out, and how much to say of each row.

    `top_gaps`: only what is around that many of the longest gaps of the selection; `args`: full or minimal; `names`:
    short or demangled; `flows`: arrows from a graph launch to its first op or to all; `per_gpu`: one picture per GPU;
    `critical_path`: a track with each process's critical path.
    """

    selection: Selection = WHOLE
    top_gaps: int | None = None
    osrt: bool = True
    kernels_only: bool = False
    args: str = "full"
    names: str = "short"
    flows: str = "first"
    counters: bool = True
    samples: bool = True
    syncs: bool = True
    per_gpu: bool = False
    critical_path: bool = False


def to_chrome(
    report: OpenReport,
    options: ToChromeOptions = ToChromeOptions(),
    say: Callable[[str], None] = lambda _: None,
    joins: Joins | None = None,
) -> Iterator[tuple[int | None, Viewed]]:
    """(GPU, what to write): one for the whole report (GPU None), or one per GPU that ran something.

    These are streams, made while they are written, as long as the report is open. `say` gets what to know of the
    selection, and a sentence on the GPUs of which the cut leaves nothing. `joins`: arrows to other reports' ops. Raises
    NsysgapError for an empty selection, and if nothing at all is left.
    """
    device = options.selection.device
    gpus = gpus_with_work(report.trace, device)
    if options.per_gpu and not gpus:
        raise NsysgapError(f"No GPU ran anything in {report.path}.", "Leave out --per-gpu: one file shows the host.")
    idle = report.idle(Selection(hidden_after_ns=options.selection.hidden_after_ns))
    extras, not_shown = _read(report, options)
    extras = replace(extras, joins=joins)
    show = _show(options)
    for note in report.select(options.selection).notes:
        say(note.text)
    empty: list[int | None] = []
    said: set[str] = set()
    shown: list[int | None] = [*gpus] if options.per_gpu else [device]
    for rank, gpu in enumerate(shown):
        cut, words = _cut(report, options, gpu)
        facts = _facts(report.trace, words, extras) | {"not_shown": not_shown}
        if options.per_gpu:
            facts |= {"rank": rank, "world_size": len(gpus), "launches": "driver calls carry the runtime's names"}
        viewed = View(idle, extras, cut, show).viewed(facts)
        if viewed.slice_count:
            for sentence in _left_out(viewed.facts):
                if sentence not in said:  # of each GPU's file the same
                    say(sentence)
                said.add(sentence)
            yield (gpu if options.per_gpu else None), viewed
        else:
            empty.append(gpu)
    if len(empty) == len(shown):
        raise _nothing(report, _cut(report, options, device)[1])
    if empty:
        names = ", ".join(f"GPU {report.trace.device(gpu).label}" for gpu in empty if gpu is not None)
        say(f"the cut holds nothing of {names}: no file is written.")


def _left_out(facts: Mapping[str, Any]) -> Iterator[str]:
    """What a trace leaves out beside what options cut away, as its otherData says it."""
    if "flows_left_out" in facts:
        yield f"arrows are left out: {facts['flows_left_out']}."
    tables = sorted(facts["not_shown"].items(), key=lambda item: (-item[1], item[0]))
    if tables:
        named = ", ".join(f"{printable(table)} ({count(rows)})" for table, rows in tables[:NAMED_TABLES])
        more = f" and {count(len(tables) - NAMED_TABLES)} more tables" if len(tables) > NAMED_TABLES else ""
        yield f"not shown: events of {named}{more}."


def gpus_with_work(trace: Trace, device: int | None) -> list[int]:
    """The GPUs that ran something, or the chosen one. Raises NsysgapError if others did but not that one."""
    require_device(trace, device)
    return [gpu for gpu in np.unique(trace.ops["device"]).tolist() if device in (None, gpu)]


def _nothing(report: OpenReport, words: list[str]) -> NsysgapError:
    if words:
        return NsysgapError(f"Nothing of {report.path} is left: {'; '.join(words)}.", "Leave out an option.")
    return NsysgapError(f"{report.path} holds no events to show.", "nsysgap info says what it holds.")


def _read(report: OpenReport, options: ToChromeOptions) -> tuple[Extras, dict[str, int]]:
    """What is shown beside the Trace, and how many events of which tables are not shown."""
    counters = options.counters and not options.kernels_only
    samples = report.samples if options.samples and not options.kernels_only else None
    with report.source() as source:
        copies = read_copies(source, report.trace)
        extras = Extras(
            copied=copies.bytes,
            copy_source=copies.source,
            copy_target=copies.target,
            details=report.details if options.args == "full" else None,
            memory_kinds=MEMORY_KINDS,
            memory=read_memory_events(source, report.trace) if counters else None,
            metrics=read_gpu_metrics(source, report.trace.names) if counters else None,
            session_start=read_session_start(source),
            stacks=samples,
            paths=path_tracks(report) if options.critical_path else (),
            syncs=read_sync_spans(source, report.trace) if options.syncs and not options.kernels_only else None,
            loops=_nvtx_loops(report) if options.syncs and not options.kernels_only else (),
        )
        return extras, read_not_shown(source, samples)


def _nvtx_loops(report: OpenReport) -> tuple[Loop, ...]:
    """Each process's main loop, where the program's own NVTX ranges tell it."""
    if not report.trace.nvtx.rows:
        return ()
    steps = report.steps()
    return tuple(loop for loop in (steps.loops[number] for number in steps.main.values()) if loop.source == NVTX)


def _show(options: ToChromeOptions) -> Show:
    full, demangled, all_nodes = options.args == "full", options.names == "demangled", options.flows == "all"
    return Show(full, demangled, all_nodes, options.counters, options.per_gpu)


def _cut(report: OpenReport, options: ToChromeOptions, gpu: int | None) -> tuple[Cut, list[str]]:
    """What to leave out, and a sentence for each reason."""
    selection = replace(options.selection, device=gpu)
    selected = report.select(selection)
    time, words = selected.time, [selected.words] if selected.words else []
    if gpu is not None and selected.by_device is not None:
        time = selected.by_device.get(gpu, EMPTY)
    if options.top_gaps is not None:
        idle = report.idle(selection)
        time = surroundings(idle, idle.gaps.longest(options.top_gaps))
        words.append(f"only the surroundings of the {count(options.top_gaps)} longest gaps")
    for left_out, sentence in (
        (
            gpu is not None,
            f"only GPU {'' if gpu is None else report.trace.device(gpu).label} and the processes that used it",
        ),
        (options.kernels_only, "only kernels"),
        (not options.osrt, "no OS runtime calls"),
        (not options.counters, "no counters"),
        (not options.samples, "no stack samples"),
        (not options.syncs, "no CUDA syncs, no steps"),
        (options.args == "minimal", "minimal args: no launch configuration, latency, colours"),
    ):
        words += [sentence] if left_out else []
    return Cut(time, gpu, options.osrt, options.kernels_only, options.samples), words


def _facts(trace: Trace, words: list[str], extras: Extras) -> dict[str, Any]:
    notices = [*trace.warnings, *(extras.stacks.warnings if extras.stacks is not None else ())]
    return {
        "tool": f"nsysgap {__version__}",
        "report": report_name(trace.path),
        "nsys_version": trace.nsys_version,
        "schema_version": trace.schema_version,
        "cut": words,
        "warnings": [notice.text for notice in notices],
    }
