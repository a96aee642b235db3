"""`nsysgap calibrate`: what CUDA graphs, gaps and copies cost on this machine, for predictions."""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO, TYPE_CHECKING

import click

from nsysgap.commands.common import dry_run_option, nsys_option, say, say_stopped
from nsysgap.commands.outputs import Destination, Outputs
from nsysgap.commands.writing import write
from nsysgap.files import temporary_folder
from nsysgap.render import text

if TYPE_CHECKING:
    from nsysgap.answers.calibrate import CalibrateAnswer
    from nsysgap.profiling.capture import Streams

OUTPUTS = Outputs({"text": "", "json": "the contract nsysgap.calibration/1, for --calibration"})


@click.command("calibrate")
@nsys_option
@click.option("--python", metavar="PATH", help="A Python that has CuPy; else the one that runs nsysgap.")
@dry_run_option
@OUTPUTS.options
def command(nsys_path: str | None, python: str | None, dry_run: bool, to: Destination) -> None:
    """Measure what CUDA graphs, gaps and copies cost on this machine: whatif and advise then rest on that.

    \b
    Runs a small program plain and under nsys, on the first GPU, in under two minutes. The result is kept in
    the user's cache, where whatif and advise find it by GPU and driver; with -o FILE it is written there instead.
    Example: nsysgap calibrate -o h200.json && nsysgap whatif report.sqlite --graph --calibration h200.json
    """
    from nsysgap.profiling.calibrate import command_lines
    from nsysgap.profiling.children import Interrupted, interruptible

    if dry_run:
        for line in command_lines(nsys_path or "nsys", python, Path("calibration")):
            click.echo(line)
        return
    try:
        with interruptible():
            answer = _measured(nsys_path, python)
    except Interrupted as stopped:
        raise click.exceptions.Exit(say_stopped(stopped)) from None
    write(to, [answer], text=lambda answered: text.calibrate_blocks(answered.document(), answered.usual.document()))
    if to.path is None:
        kept = Destination("json", str(answer.kept), force=True)
        write(kept, [answer], "whatif and advise use it for reports of this GPU and driver")


def _measured(nsys_path: str | None, python: str | None) -> CalibrateAnswer:
    from nsysgap.answers.calibrate import CalibrateOptions, calibrate
    from nsysgap.answers.opening import ask
    from nsysgap.profiling.calibrate import calibration_runs

    with temporary_folder() as folder, Path(os.devnull).open("wb") as nowhere:
        runs = calibration_runs(nsys_path, python, folder, _streams(nowhere))
        return ask(runs.node, calibrate, CalibrateOptions(runs.plain, runs.whole))


def _streams(nowhere: IO[bytes]) -> Streams:
    from nsysgap.profiling.capture import Streams
    from nsysgap.profiling.standard_input import StandardInput

    given = StandardInput()
    given.kind = 0  # the program reads nothing: whatever standard input is, nothing needs to be said of it
    return Streams(given, nowhere, nowhere, say, lambda _: None)
