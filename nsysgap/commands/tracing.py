"""What `to-chrome` and `view` share: their options, and writing a picture."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Any, TypeVar

import click

from nsysgap.commands.common import progress_bar, select_option, selection, selection_options
from nsysgap.units import counted

if TYPE_CHECKING:
    from nsysgap.answers.to_chrome import ToChromeOptions
    from nsysgap.tracks import Viewed

Command = TypeVar("Command", bound=Any)


def trace_options(command: Command) -> Command:
    """Everything that cuts a trace down or says how much to write of each row."""
    for option in (
        click.option("--critical-path", is_flag=True, help="A track with what limits each process's main loop."),
        click.option(
            "--no-syncs", "syncs", is_flag=True, flag_value=False, default=True, help="No cuda_sync, no ProfilerStep."
        ),
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
    return selection_options(select_option(command))


def to_chrome_options(given: dict[str, Any], *, per_gpu: bool = False) -> ToChromeOptions:
    """What `trace_options` asked for, by their parameter names."""
    from nsysgap.answers.to_chrome import ToChromeOptions

    chosen = ("device", "nvtx", "domain", "since", "until", "hidden_after_ns", "select")
    selected = {name: given.pop(name) for name in chosen}
    return ToChromeOptions(selection(selected), per_gpu=per_gpu, **given)


def say(said: str) -> None:
    """What to know of a picture, to standard error."""
    click.echo(f"nsysgap: {said}", err=True)


def announced(slices: int) -> str:
    """What to say of a trace that was written, and what to do with it."""
    return f"{counted(slices, 'slice', 'slices')}; open it at https://ui.perfetto.dev"


def write_trace(viewed: Viewed, form: str, file: IO[bytes]) -> None:
    """Write a picture as json, json.gz or pftrace, with a progress bar."""
    from nsysgap.render import traces

    with progress_bar("Writing the trace", viewed.slice_count) as advance:
        traces.write_trace(viewed, form, file, advance)
