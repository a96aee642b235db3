"""`nsysgap to-chrome`: a report as a trace for Perfetto, chrome://tracing and the readers of PyTorch's profiles."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nsysgap.commands.common import opened_report, report_argument, stem
from nsysgap.commands.outputs import Destination, Outputs
from nsysgap.commands.tracing import to_chrome_options, trace_options, write_trace
from nsysgap.errors import NsysgapError
from nsysgap.units import counted

if TYPE_CHECKING:
    from nsysgap.tables import Trace

OUTPUTS = Outputs(
    {"json.gz": "", "json": "", "pftrace": "Perfetto's own format"},
    default_name=lambda given, ending: None if given["per_gpu"] else f"{stem(given['report'])}{ending}",
    on_pipes="json",
)


@click.command("to-chrome")
@report_argument
@trace_options
@click.option(
    "--per-gpu",
    metavar="DIR",
    help="One file per GPU in this folder, for PyTorch's tools: cuLaunchKernel is called cudaLaunchKernel there.",
)
@OUTPUTS.options
def command(report: str, per_gpu: str | None, to: Destination, **cut: Any) -> None:
    """Write a report as a trace for ui.perfetto.dev, chrome://tracing or tools that read PyTorch's profiles.

    \b
    Kernels, copies and gaps per GPU; CUDA calls, NVTX ranges and OS calls per thread; arrows
    from launch calls to what they launched; counters.
    Example: nsysgap to-chrome report.sqlite -o trace.json.gz
    """
    from nsysgap.answers.to_chrome import to_chrome

    if per_gpu is not None and to.path is not None:
        raise NsysgapError("--per-gpu names the folder, -o a file: take one of them.", "", exit_code=2)
    options = to_chrome_options(cut, per_gpu=per_gpu is not None)
    with opened_report(report) as opened:
        targets: dict[int | None, Destination] = {None: to}
        if per_gpu is not None:
            targets = _per_gpu(per_gpu, to, opened.trace, options.selection.device)
        written: list[tuple[Destination, int]] = []
        # All files appear at the end, or none: half of the GPUs would look like the whole machine.
        with ExitStack() as files:
            for gpu, viewed in to_chrome(opened, options, lambda said: click.echo(f"nsysgap: {said}", err=True)):
                file = files.enter_context(targets[gpu].file())
                write_trace(viewed, to.form, file)
                file.flush()  # what does not fit is to be known before the first file is in place
                written.append((targets[gpu], viewed.slice_count))
    for target, slices in written:
        target.announce(f"{counted(slices, 'slice', 'slices')}; open it at https://ui.perfetto.dev")


def _per_gpu(folder: str, to: Destination, trace: Trace, device: int | None) -> dict[int | None, Destination]:
    """The file of each GPU, in a folder that is made with the first of them. Raises NsysgapError if one is there."""
    from nsysgap.answers.to_chrome import gpus_with_work

    targets: dict[int | None, Destination] = {
        gpu: replace(to, path=str(Path(folder, f"gpu{gpu}.{to.form}"))) for gpu in gpus_with_work(trace, device)
    }
    for target in targets.values():
        target.check()
    return targets
