"""`nsysgap to-chrome`: a report as a trace for Perfetto, chrome://tracing and the readers of PyTorch's profiles."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from nsysgap.commands.common import opened, output_file, output_options, require_new
from nsysgap.commands.tracing import FORMATS, TraceOptions, pictures, trace_options, write_trace
from nsysgap.errors import NsysgapError
from nsysgap.units import count

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
    with opened(report) as (source, trace):
        if per_gpu is None:
            target = output or f"{_stem(report)}.{form}"
            if target != "-":
                require_new(Path(target), force=force)
            for _, viewed in pictures(source, trace, TraceOptions(**cut)):
                with output_file(target, force=force) as file:
                    write_trace(viewed, form, file)
                _say(target, viewed.slice_count)
            return
        folder = _folder(per_gpu)
        for gpu, viewed in pictures(source, trace, TraceOptions(**cut), per_gpu=True):
            target = str(folder / f"gpu{gpu}.{form}")
            with output_file(target, force=force) as file:
                write_trace(viewed, form, file)
            _say(target, viewed.slice_count)


def _say(target: str, slices: int) -> None:
    if target != "-":
        click.echo(f"{target}: {count(slices)} slices. Open it at https://ui.perfetto.dev", err=True)


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


def _folder(path: str) -> Path:
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise NsysgapError(f"{folder} cannot be made ({error.strerror}).", "Name a folder you may write to.") from None
    return folder
