"""`nsysgap to-chrome`: a report as a trace for Perfetto, chrome://tracing and the readers of PyTorch's profiles."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nsysgap.commands.common import opened_report, rank_regex_option, reports_argument, say
from nsysgap.commands.outputs import Destination, Outputs
from nsysgap.commands.tracing import to_chrome_options, trace_options, write_traces
from nsysgap.errors import NsysgapError
from nsysgap.fleet.names import report_stem

if TYPE_CHECKING:
    from nsysgap.answers.to_chrome import ToChromeOptions
    from nsysgap.tables import Trace


def _trace_name(given: Mapping[str, Any], ending: str) -> str | None:
    """Where the trace goes without -o; files of single GPUs go into their folder."""
    stem = "ranks" if given["ranks"] else report_stem(given["reports"][0])
    return None if given["per_gpu"] else f"{stem}{ending}"


FORMS = {"json.gz": "", "json": "", "pftrace": "Perfetto's own format"}
OUTPUTS = Outputs(FORMS, default_name=_trace_name, on_pipes="json")


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
    reports: tuple[str, ...], per_gpu: str | None, ranks: bool, rank_regex: str | None, to: Destination, **cut: Any
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
        write_traces((targets[gpu], viewed) for gpu, viewed in to_chrome(opened, options, say))


def _write_ranks(reports: tuple[str, ...], rank_regex: str | None, to: Destination, options: ToChromeOptions) -> None:
    """One trace of all ranks."""
    from nsysgap.answers.ranks_trace import ranks_trace
    from nsysgap.fleet.paths import report_paths

    with ExitStack() as stack:
        opened = [stack.enter_context(opened_report(path)) for path in report_paths(reports)]
        write_traces([(to, ranks_trace(opened, options, rank_regex, say))])


def _per_gpu(folder: str, to: Destination, trace: Trace, device: int | None) -> dict[int | None, Destination]:
    """The file of each GPU, in a folder that is made with the first of them. Raises NsysgapError if one is there."""
    from nsysgap.answers.to_chrome import gpus_with_work

    targets: dict[int | None, Destination] = {}
    for gpu in gpus_with_work(trace, device):
        label = re.sub(r"[^\w.-]+", "-", trace.device(gpu).label)[:60]  # "0", "0-MIG-1234"
        targets[gpu] = replace(to, path=str(Path(folder, f"gpu{label}.{to.form}")))
        targets[gpu].check()
    return targets
