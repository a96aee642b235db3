"""What `to-chrome` and `view` share: their options, and writing a picture."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from typing import IO, TYPE_CHECKING, Any

import click

from nsysgap.commands.common import Command, critical_path_option, select_option, selection, selection_options
from nsysgap.commands.progress import progress_bar
from nsysgap.units import counted

if TYPE_CHECKING:
    from nsysgap.answers.to_chrome import ToChromeOptions
    from nsysgap.commands.outputs import Destination
    from nsysgap.tracks import Viewed


def trace_options(command: Command) -> Command:
    """Everything that cuts a trace down or says how much to write of each row."""
    for option in (
        critical_path_option,
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
    """What `trace_options` asked for: `given` holds their parameters alone."""
    from nsysgap.answers.to_chrome import ToChromeOptions

    chosen = selection(given)
    return ToChromeOptions(chosen, per_gpu=per_gpu, **given)


def write_traces(traces: Iterable[tuple[Destination, Viewed]], holding: str = "") -> None:
    """Write pictures, each where it goes, and announce them; `holding`: what to say first of what they hold.

    All files appear at the end, or none: half of the GPUs would look like the whole machine.
    """
    written: list[tuple[Destination, int]] = []
    with ExitStack() as files:
        for to, viewed in traces:
            file = files.enter_context(to.file())
            write_trace(viewed, to.form, file)
            file.flush()  # what does not fit is to be known before the first file is in place
            written.append((to, viewed.slice_count))
    for to, slices in written:
        to.announce(f"{holding}{counted(slices, 'slice', 'slices')}; open it at https://ui.perfetto.dev")


def write_trace(viewed: Viewed, form: str, file: IO[bytes]) -> None:
    """Write a picture as json, json.gz or pftrace, with a progress bar."""
    from nsysgap.render import traces

    with progress_bar("Writing the trace", viewed.slice_count) as advance:
        traces.write_trace(viewed, form, file, advance)
