"""`nsysgap to-chrome`: a report as a trace for Perfetto, chrome://tracing and the readers of PyTorch's profiles."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nsysgap.commands.common import opened_report, rank_regex_option, reports_argument
from nsysgap.commands.outputs import Destination, Outputs
from nsysgap.commands.tracing import announced, say, to_chrome_options, trace_options, write_trace
from nsysgap.errors import NsysgapError
from nsysgap.fleet.names import report_stem

if TYPE_CHECKING:
    from nsysgap.answers.to_chrome import ToChromeOptions
    from nsysgap.tables import Trace

OUTPUTS = Outputs(
    {"json.gz": "", "json": "", "pftrace": "Perfetto's own format"},
    default_name=lambda given, ending: None if given["per_gpu"] else f"{_stem(given)}{ending}",
    on_pipes="json",
)


def _stem(given: Mapping[str, Any]) -> str:
    return "ranks" if given["ranks"] else report_stem(given["reports"][0])


@click.command("to-chrome")
@reports_argument
@trace_options
@click.option(
    "--per-gpu",
    metavar="DIR",
    help="One file per GPU in this folder, for PyTorch's tools: cuLaunchKernel is called cudaLaunchKernel there.",
)
@click.option("--ranks", is_flag=True, help="All ranks of a job in one trace, on aligned clocks.")
@rank_regex_option
@OUTPUTS.options
def command(
    reports: tuple[str, ...],
    per_gpu: str | None,
    ranks: bool,
    rank_regex: str | None,
    to: Destination,
    **cut: Any,
) -> None:
    """Write a report as a trace for ui.perfetto.dev, chrome://tracing or tools that read PyTorch's profiles.

    \b
    Kernels, copies and gaps per GPU; CUDA calls, NVTX ranges and OS calls per thread; arrows
    from launch calls to what they launched; counters. With --ranks all reports of a job, with
    arrows through each collective in the order of arrival.
    Example: nsysgap to-chrome report.sqlite -o trace.json.gz
    """
    from nsysgap.answers.to_chrome import to_chrome

    if per_gpu is not None and (to.path is not None or ranks):
        raise NsysgapError("--per-gpu names a folder, -o and --ranks make one file: take one.", "", exit_code=2)
    if ranks:
        _write_ranks(reports, rank_regex, to, to_chrome_options(cut))
        return
    if rank_regex is not None:
        raise NsysgapError("--rank-regex needs --ranks.", "Add it, or leave both out.", exit_code=2)
    if len(reports) > 1:
        raise NsysgapError("A trace is of one report.", "Add --ranks for all ranks of a job in one.", exit_code=2)
    (report,) = reports
    options = to_chrome_options(cut, per_gpu=per_gpu is not None)
    with opened_report(report) as opened:
        targets: dict[int | None, Destination] = {None: to}
        if per_gpu is not None:
            targets = _per_gpu(per_gpu, to, opened.trace, options.selection.device)
        written: list[tuple[Destination, int]] = []
        # All files appear at the end, or none: half of the GPUs would look like the whole machine.
        with ExitStack() as files:
            for gpu, viewed in to_chrome(opened, options, say):
                file = files.enter_context(targets[gpu].file())
                write_trace(viewed, to.form, file)
                file.flush()  # what does not fit is to be known before the first file is in place
                written.append((targets[gpu], viewed.slice_count))
    for target, slices in written:
        target.announce(announced(slices))


def _write_ranks(reports: tuple[str, ...], rank_regex: str | None, to: Destination, options: ToChromeOptions) -> None:
    """One trace of all ranks."""
    from nsysgap.answers.ranks_trace import ranks_trace
    from nsysgap.fleet.paths import report_paths

    with ExitStack() as stack:
        opened = [stack.enter_context(opened_report(path)) for path in report_paths(reports)]
        viewed = ranks_trace(opened, options, rank_regex, say)
        with to.file() as file:
            write_trace(viewed, to.form, file)
    to.announce(announced(viewed.slice_count))


def _file_label(trace: Trace, gpu: int) -> str:
    """What names a GPU in a file's name: "0", "0-MIG-1234"."""
    return re.sub(r"[^\w.-]+", "-", trace.device(gpu).label)[:60]


def _per_gpu(folder: str, to: Destination, trace: Trace, device: int | None) -> dict[int | None, Destination]:
    """The file of each GPU, in a folder that is made with the first of them. Raises NsysgapError if one is there."""
    from nsysgap.answers.to_chrome import gpus_with_work

    targets: dict[int | None, Destination] = {
        gpu: replace(to, path=str(Path(folder, f"gpu{_file_label(trace, gpu)}.{to.form}")))
        for gpu in gpus_with_work(trace, device)
    }
    for target in targets.values():
        target.check()
    return targets
