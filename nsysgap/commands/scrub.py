"""`nsysgap scrub`: a copy of a report that can be attached to a bug."""

from __future__ import annotations

import click

from nsysgap.commands.common import report_argument
from nsysgap.commands.outputs import Destination, Outputs
from nsysgap.files import temporary_folder
from nsysgap.units import printable

OUTPUTS = Outputs({"sqlite": "", "sqlite.gz": "", "sqlite.xz": "", "sqlite.zst": ""})


@click.command("scrub")
@report_argument
@OUTPUTS.options
def command(report: str, to: Destination) -> None:
    """Copy a report without environment, arguments, captured output, host and user names.

    \b
    Every event row stays as it is; kernel and NVTX names are not touched. REPORT is never changed.
    Example: nsysgap scrub report.sqlite -o public.sqlite.xz
    """
    from nsysgap.answers.scrub import ScrubOptions, scrub, write_packed

    with temporary_folder() as folder:
        copy = folder / "report.sqlite"
        done = scrub(report, ScrubOptions(copy))
        with to.file() as file:
            write_packed(copy, to.form, file)
    for word, lines in {
        "removed": done.removed,
        "rewritten": done.rewritten,
        "kept": [f"{done.kept} of the environment, which name nobody"] if done.kept else [],
        "still there": done.remains,
    }.items():
        for line in lines:
            click.echo(f"{word}: {printable(line)}", err=to.path is None)
    to.announce("every event row is as it was")
