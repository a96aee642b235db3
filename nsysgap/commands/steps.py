"""`nsysgap steps`: what repeats, and what a step takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from nsysgap.commands.common import Duration, Top, answer_of, report_argument, top_of
from nsysgap.commands.outputs import Destination, Outputs

if TYPE_CHECKING:
    from nsysgap.answers.steps import StepsAnswer

LISTED = 12
OUTPUTS = Outputs(
    {
        "text": "",
        "json": "the contract nsysgap.steps/1",
        "csv": "one row per loop and GPU, with --loop per iteration and GPU",
        "parquet": "these rows",
    }
)


@click.command("steps")
@report_argument
@click.option("--loop", metavar="LABEL", help="List the iterations of the loop with this label, such as 'token #'.")
@click.option("--top", type=Top(), metavar="N|all", help=f"How many loops to show ({LISTED}).")
@click.option(
    "--hidden-after",
    "hidden_after_ns",
    type=Duration(),
    default="100us",
    show_default=True,
    metavar="TIME",
    help="A longer stretch of a sync call in which no op runs is 'untraced'.",
)
@OUTPUTS.options
def command(report: str, loop: str | None, top: int | None, hidden_after_ns: int, to: Destination) -> None:
    """What repeats: every loop, what a step takes, what it launches, and why the GPU is idle in it.

    \b
    Loops are NVTX ranges that differ only in numbers, else launches that come again in the same order.
    Example: nsysgap steps report.sqlite --loop 'token #'
    """
    from nsysgap.answers.steps import StepsOptions, steps

    answer = answer_of(report, steps, StepsOptions(loop, hidden_after_ns))
    to.write(_written(answer, to, top_of(top, LISTED)))
    if answer.refusal is not None:
        raise answer.refusal


def _written(answer: StepsAnswer, to: Destination, listed: int | None) -> bytes:
    if to.form == "text":
        from nsysgap.figures import as_json
        from nsysgap.render.text.console import text_bytes
        from nsysgap.render.text.steps import steps_blocks

        return text_bytes([steps_blocks(answer.document(), as_json(answer.details), listed)], color=to.color)
    from nsysgap.render.data import csv_bytes, json_bytes, parquet_bytes

    if to.form == "json":
        return json_bytes([answer.document()])
    return (csv_bytes if to.form == "csv" else parquet_bytes)([answer.frame()])
