"""`nsysgap calibrate`: what CUDA graphs, gaps and copies cost on this machine, for predictions."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import IO, TYPE_CHECKING

import click

from nsysgap.commands import show_error
from nsysgap.commands.common import dry_run_option, nsys_option
from nsysgap.commands.outputs import Destination, Outputs, announce
from nsysgap.errors import NsysgapError
from nsysgap.files import output_file, temporary_folder

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
        show_error(NsysgapError(f"stopped by {stopped}; nothing half-written was left.", ""))
        raise click.exceptions.Exit(128 + stopped.number) from None
    to.write(_written(answer, to))
    if to.path is None:
        _keep(answer)


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
    return Streams(given, nowhere, nowhere, lambda said: click.echo(f"nsysgap: {said}", err=True), lambda _: None)


def _written(answer: CalibrateAnswer, to: Destination) -> bytes:
    if to.form == "text":
        from nsysgap.render.text.calibrate import calibrate_blocks
        from nsysgap.render.text.console import text_bytes

        return text_bytes([calibrate_blocks(answer.document(), answer.usual.document())], color=to.color)
    from nsysgap.render.data import json_bytes

    return json_bytes([answer.document()])


def _keep(answer: CalibrateAnswer) -> None:
    """Write the calibration into the user's cache."""
    with output_file(answer.kept, force=True) as file:
        file.write((json.dumps(answer.document(), indent=1) + "\n").encode())
    announce(str(answer.kept), "whatif and advise use it for reports of this GPU and driver")
