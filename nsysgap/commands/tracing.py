"""What `to-chrome` and `view` share: from an opened report and the options to the picture that a renderer writes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeVar

import click

from nsysgap.commands.common import check_device, progress_bar, select_time, selection_options
from nsysgap.errors import NsysgapError
from nsysgap.units import count
from nsysgap.version import __version__

if TYPE_CHECKING:
    from nsysgap.analysis.idle.idle_report import IdleReport
    from nsysgap.analysis.pictures.kept_rows import Cut
    from nsysgap.analysis.pictures.trace_options import Extras
    from nsysgap.report.source import Source
    from nsysgap.tables import Stacks, Trace
    from nsysgap.tracks import Viewed

Command = TypeVar("Command", bound=Any)
HIDDEN_AFTER_NS = 100_000
FORMATS = ("json", "json.gz", "pftrace")


@dataclass(frozen=True)
class TraceOptions:
    """The options that `trace_options` adds to a command, by their parameter names."""

    device: int | None = None
    nvtx: re.Pattern[str] | None = None
    since: int | None = None
    until: int | None = None
    hidden_after_ns: int = HIDDEN_AFTER_NS
    top_gaps: int | None = None
    osrt: bool = True
    kernels_only: bool = False
    args: str = "full"
    names: str = "short"
    flows: str = "first"
    counters: bool = True
    samples: bool = True


def trace_options(command: Command) -> Command:
    """Everything that cuts a trace down or says how much to write of each row."""
    for option in (
        click.option("--no-samples", "samples", is_flag=True, flag_value=False, default=True, help="No stack samples."),
        click.option("--no-counters", "counters", is_flag=True, flag_value=False, default=True, help="No counters."),
        click.option(
            "--flows",
            type=click.Choice(["first", "all"]),
            default="first",
            show_default=True,
            help="Arrows from a graph launch to its first op, or to all.",
        ),
        click.option(
            "--names",
            type=click.Choice(["short", "demangled"]),
            default="short",
            show_default=True,
            help="Kernel names; the demangled ones are in the args otherwise.",
        ),
        click.option(
            "--args",
            type=click.Choice(["full", "minimal"]),
            default="full",
            show_default=True,
            help="minimal: without launch configuration, latency, colours.",
        ),
        click.option("--kernels-only", is_flag=True, help="Only kernels: nothing of the host, no gaps, no counters."),
        click.option("--no-osrt", "osrt", is_flag=True, flag_value=False, default=True, help="No OS runtime calls."),
        click.option(
            "--top-gaps", type=click.IntRange(min=1), metavar="N", help="Only the surroundings of the N longest gaps."
        ),
    ):
        command = option(command)
    return selection_options(command)


def pictures(
    source: Source, trace: Trace, options: TraceOptions, *, per_gpu: bool = False
) -> Iterator[tuple[int | None, Viewed]]:
    """(GPU, what to write): one for the whole report (GPU None), or one per GPU that ran something.

    GPUs of which the cut leaves nothing are left out and named on standard error. Raises NsysgapError if nothing at all
    is left.
    """
    from nsysgap.analysis.idle.idle_report import IdleReport
    from nsysgap.analysis.pictures.trace import View
    from nsysgap.analysis.pictures.trace_options import Show

    gpus = gpus_with_work(trace, options.device)
    if per_gpu and not gpus:
        raise NsysgapError(f"No GPU ran anything in {trace.path}.", "Leave out --per-gpu: one file shows the host.")
    idle = IdleReport(trace, hidden_after_ns=options.hidden_after_ns)
    extras = _extras(source, trace, options)
    not_shown = _not_shown(source, extras)
    show = Show(options.args == "full", options.names == "demangled", options.flows == "all", options.counters, per_gpu)
    empty: list[int | None] = []
    wanted = gpus if per_gpu else [options.device]
    for rank, gpu in enumerate(wanted):
        cut, said = _cut(idle, options, gpu)
        facts = _facts(trace, said, extras.stacks) | {"not_shown": not_shown}
        if per_gpu:
            facts |= {"rank": rank, "world_size": len(gpus), "launches": "driver calls carry the runtime's names"}
        viewed = View(idle, extras, cut, show).viewed(facts)
        if viewed.slice_count:
            yield (gpu if per_gpu else None), viewed
        else:
            empty.append(gpu)
    if len(empty) == len(wanted):
        raise _nothing(trace, _cut(idle, options, options.device)[1])
    if empty:
        names = ", ".join(f"GPU {gpu}" for gpu in empty)
        click.echo(f"nsysgap: the cut holds nothing of {names}: no file is written.", err=True)


def gpus_with_work(trace: Trace, device: int | None) -> list[int]:
    """The GPUs that ran something, or the wanted one. Raises NsysgapError if others did but not that one."""
    import numpy as np

    check_device(trace, device)
    return [one for one in np.unique(trace.ops["device"]).tolist() if device in (None, one)]


def _not_shown(source: Source, extras: Extras) -> dict[str, int]:
    from nsysgap.report.viewer_tables import read_not_shown

    return read_not_shown(source, extras.stacks)


def _nothing(trace: Trace, said: list[str]) -> NsysgapError:
    if said:
        return NsysgapError(f"Nothing of {trace.path} is left: {'; '.join(said)}.", "Leave out an option.")
    return NsysgapError(f"{trace.path} holds no events to show.", "nsysgap info says what it holds.")


def _extras(source: Source, trace: Trace, options: TraceOptions) -> Extras:
    from nsysgap.analysis.pictures.trace_options import Extras
    from nsysgap.report.details import read_op_details
    from nsysgap.report.metrics import read_gpu_metrics
    from nsysgap.report.viewer_tables import (
        MEMORY_KINDS,
        read_copies,
        read_memory_events,
        read_nvtx_domains,
        read_session_start,
    )

    copies = read_copies(source, trace)
    wanted = options.counters and not options.kernels_only
    return Extras(
        copied=copies.bytes,
        copy_source=copies.source,
        copy_target=copies.target,
        details=read_op_details(source, trace) if options.args == "full" else None,
        memory_kinds=MEMORY_KINDS,
        memory=read_memory_events(source) if wanted else None,
        metrics=read_gpu_metrics(source, trace.names) if wanted else None,
        domains=read_nvtx_domains(source),
        session_start=read_session_start(source),
        stacks=_samples(source, trace, options),
    )


def _samples(source: Source, trace: Trace, options: TraceOptions) -> Stacks | None:
    from nsysgap.report.stacks import read_samples

    return read_samples(source, trace) if options.samples and not options.kernels_only else None


def _cut(idle: IdleReport, options: TraceOptions, gpu: int | None) -> tuple[Cut, list[str]]:
    """What to leave out, and a sentence for each reason."""
    from nsysgap.analysis.pictures.kept_rows import Cut, around_gaps
    from nsysgap.intervals import intersect

    selected = select_time(idle.trace, options.nvtx, options.since, options.until)
    time, said = selected.time, [selected.words] if selected.words else []
    if options.top_gaps is not None:
        around = around_gaps(idle, options.top_gaps)
        time = around if time is None else intersect(time, around)
        said.append(f"only the surroundings of the {count(options.top_gaps)} longest gaps")
    for left_out, sentence in (
        (gpu is not None, f"only GPU {gpu} and the processes that used it"),
        (options.kernels_only, "only kernels"),
        (not options.osrt, "no OS runtime calls"),
        (not options.counters, "no counters"),
        (not options.samples, "no stack samples"),
        (options.args == "minimal", "minimal args: no launch configuration, latency, colours"),
    ):
        said += [sentence] if left_out else []
    return Cut(time, gpu, options.osrt, options.kernels_only, options.samples), said


def _facts(trace: Trace, said: list[str], stacks: Stacks | None) -> dict[str, Any]:
    notices = [*trace.warnings, *(stacks.warnings if stacks is not None else ())]
    return {
        "tool": f"nsysgap {__version__}",
        "report": Path(trace.path).name,
        "nsys_version": trace.nsys_version,
        "schema_version": trace.schema_version,
        "cut": said,
        "warnings": [notice.text for notice in notices],
    }


def write_trace(viewed: Viewed, form: str, file: IO[bytes]) -> None:
    """Write a picture in one of FORMATS, with a progress bar."""
    from nsysgap.render.chrome import write_chrome
    from nsysgap.render.compress import GzipWriter
    from nsysgap.render.perfetto import write_perfetto

    with progress_bar("Writing the trace", viewed.slice_count) as advance:
        if form == "pftrace":
            write_perfetto(viewed, file, advance)
        elif form == "json":
            write_chrome(viewed, file, advance)
        else:
            with GzipWriter(file) as packed:
                write_chrome(viewed, packed, advance)
