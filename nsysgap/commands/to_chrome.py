"""`nsysgap to-chrome`: a report as a trace for Perfetto, chrome://tracing and the readers of PyTorch's profiles."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nsysgap.commands.common import opened, output_file, output_options, require_new
from nsysgap.commands.tracing import FORMATS, TraceOptions, gpus_with_work, pictures, trace_options, write_trace
from nsysgap.errors import NsysgapError
from nsysgap.units import counted, printable

if TYPE_CHECKING:
    from nsysgap.tables import Trace

ENDINGS = {".json": "json", ".json.gz": "json.gz", ".pftrace": "pftrace", ".perfetto-trace": "pftrace"}


@click.command("to-chrome")
@click.argument("report", metavar="REPORT")
@trace_options
@click.option("--format", "form", type=click.Choice(FORMATS), help="By the output's name; json.gz without any.")
@click.option(
    "--per-gpu",
    metavar="DIR",
    help="One file per GPU in this folder, for PyTorch's tools: cuLaunchKernel is called cudaLaunchKernel there.",
)
@output_options
def command(report: str, form: str | None, per_gpu: str | None, output: str | None, force: bool, **cut: Any) -> None:
    """Write a report as a trace for ui.perfetto.dev, chrome://tracing or tools that read PyTorch's profiles.

    \b
    Kernels, copies and gaps per GPU; CUDA calls, NVTX ranges and OS calls per thread; arrows
    from launch calls to what they launched; counters.
    Example: nsysgap to-chrome report.sqlite -o trace.json.gz
    """
    if per_gpu is not None and output is not None:
        raise NsysgapError("--per-gpu names the folder, -o a file: take one of them.", "", exit_code=2)
    form = form or _format_of(output)
    options = TraceOptions(**cut)
    with opened(report) as (source, trace):
        targets: dict[int | None, str] = {None: output or f"{_stem(report)}.{form}"}
        if per_gpu is not None:
            targets = _per_gpu(per_gpu, form, trace, options)
        for target in targets.values():
            if target != "-":
                require_new(Path(target), force=force)
        written: list[tuple[str, int]] = []
        # All files appear at the end, or none: half of the GPUs would look like the whole machine.
        with ExitStack() as files:
            for gpu, viewed in pictures(source, trace, options, per_gpu=per_gpu is not None):
                if per_gpu is not None:
                    _make_folder(Path(per_gpu))
                file = files.enter_context(output_file(targets[gpu], force=force))
                write_trace(viewed, form, file)
                file.flush()  # what does not fit is to be known before the first file is in place
                written.append((targets[gpu], viewed.slice_count))
        for target, slices in written:
            _say(target, slices)


def _per_gpu(folder: str, form: str, trace: Trace, options: TraceOptions) -> dict[int | None, str]:
    """The file of each GPU."""
    return {gpu: str(Path(folder, f"gpu{gpu}.{form}")) for gpu in gpus_with_work(trace, options.device)}


def _say(target: str, slices: int) -> None:
    if target != "-":
        said = f"{printable(target)}: {counted(slices, 'slice', 'slices')}"
        click.echo(f"{said}. Open it at https://ui.perfetto.dev", err=True)


def _format_of(output: str | None) -> str:
    """The format that a file's name asks for; plain JSON for standard output."""
    if output == "-":
        return "json"
    if output is None:
        return "json.gz"
    for ending, form in ENDINGS.items():
        if output.endswith(ending):
            return form
    raise NsysgapError(
        f"The name {output} does not say which format to write.",
        f"End it with {', '.join(ENDINGS)}, or add --format.",
        exit_code=2,
    )


def _stem(report: str) -> str:
    """The report's name without its endings: run.sqlite.xz -> run."""
    name = Path(report).name
    for ending in (".gz", ".xz", ".zst", ".sqlite", ".nsys-rep", ".qdrep"):
        name = name.removesuffix(ending)
    return name or "trace"


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise NsysgapError(f"{folder} cannot be made ({error.strerror}).", "Name a folder you may write to.") from None
