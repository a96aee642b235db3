"""`nsysgap launches`: what launching costs, per kernel and per NVTX range."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import click

from nsysgap.commands.common import (
    answer_of,
    report_argument,
    select_option,
    selection,
    selection_options,
    unfold_option,
    whole_option,
)
from nsysgap.commands.outputs import Destination, Outputs
from nsysgap.commands.values import Top, top_of

if TYPE_CHECKING:
    from nsysgap.answers.launches import LaunchesAnswer

LISTED = 20
OUTPUTS = Outputs({"text": "", "json": "the contract nsysgap.launches/1", "csv": "one row per kernel"})


@click.command("launches")
@report_argument
@selection_options
@select_option
@whole_option
@unfold_option
@click.option("--by", type=click.Choice(["kernel", "nvtx"]), help="Only this table, as text; else both.")
@click.option("--top", type=Top(), metavar="N|all", help=f"How many kernels and ranges to list ({LISTED}).")
@OUTPUTS.options
def command(
    report: str, whole: bool, unfold: bool, by: str | None, top: int | None, to: Destination, **selected: Any
) -> None:
    """What launching costs: per kernel beside its run time, per NVTX range, per million launches.

    \b
    Text is about the report's loop, if it has one; JSON and CSV, and --whole, about everything.
    Example: nsysgap launches report.sqlite --nvtx token
    """
    from nsysgap.answers.launches import LaunchesOptions, launches

    chosen = replace(selection(selected), loop=to.form == "text" and not whole)
    answer = answer_of(report, launches, LaunchesOptions(chosen, unfold or to.form != "text"))
    to.write(_written(answer, to, by, top_of(top, LISTED)))


def _written(answer: LaunchesAnswer, to: Destination, by: str | None, top: int | None) -> bytes:
    if to.form == "text":
        from nsysgap.render.text.console import text_bytes
        from nsysgap.render.text.launches import launches_blocks

        notes = [asdict(note) for note in answer.notes]
        return text_bytes([launches_blocks(answer.document(), top, notes, by)], color=to.color)
    from nsysgap.render.data import data_bytes

    return data_bytes(answer, to.form)
