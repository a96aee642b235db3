"""`nsysgap launches`: what launching costs, per kernel and per NVTX range."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click

from nsysgap.commands.common import answer_of, report_argument, selection, top_option, unfold_option, window_options
from nsysgap.commands.outputs import Destination, Outputs
from nsysgap.commands.writing import write
from nsysgap.render import text

OUTPUTS = Outputs({"text": "", "json": "the contract nsysgap.launches/1", "csv": "one row per kernel"})


@click.command("launches")
@report_argument
@window_options
@unfold_option
@click.option("--by", type=click.Choice(["kernel", "nvtx"]), help="Only this table, as text; else both.")
@top_option("How many kernels and ranges to list", 20)
@OUTPUTS.options
def command(report: str, unfold: bool, by: str | None, top: int | None, to: Destination, **selected: Any) -> None:
    """What launching costs: per kernel beside its run time, per NVTX range, per million launches.

    \b
    Text is about the report's loop, if it has one; JSON and CSV, and --whole, about everything.
    Example: nsysgap launches report.sqlite --nvtx token
    """
    from nsysgap.answers.launches import LaunchesOptions, launches

    options = LaunchesOptions(selection(selected, loop=to.form == "text"), unfold or to.form != "text")
    answer = answer_of(report, launches, options)
    notes = [asdict(note) for note in answer.notes]
    write(to, [answer], text=lambda answered: text.launches_blocks(answered.document(), top, notes, by))
