"""`nsysgap steps`: what repeats, and what a step takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from nsysgap.commands.common import answer_of, hidden_after_option, report_argument
from nsysgap.commands.outputs import Destination, Outputs
from nsysgap.commands.values import Top, top_of

if TYPE_CHECKING:
    from nsysgap.answers.steps import StepsAnswer

LISTED = 12
OUTPUTS = Outputs(
    {
        "text": "",
        "json": "the contract nsysgap.steps/1",
        "csv": "one row per loop and GPU, with --loop per iteration and GPU",
        "parquet": "these rows",
        "html": "a page with a bar an iteration",
    },
    shorthands=("html",),
)


@click.command("steps")
@report_argument
@click.option("--loop", metavar="LABEL", help="List the iterations of the loop with this label, such as 'token #'.")
@click.option("--top", type=Top(), metavar="N|all", help=f"How many loops to show ({LISTED}).")
@click.option("--timeline", metavar="PAGE", help="html: the report's timeline page, which iterations open in.")
@hidden_after_option
@OUTPUTS.options
def command(
    report: str, loop: str | None, top: int | None, timeline: str | None, hidden_after_ns: int, to: Destination
) -> None:
    """What repeats: every loop, what a step takes, what it launches, and why the GPU is idle in it.

    \b
    Loops are NVTX ranges that differ only in numbers, else launches that come again in the same order.
    Example: nsysgap steps report.sqlite --loop 'token #'
    """
    from nsysgap.answers.steps import StepsOptions, steps

    most = (top_of(top, LISTED) or 1 << 30) if to.form == "html" else 0
    answer = answer_of(report, steps, StepsOptions(loop, most, hidden_after_ns))
    to.write(_written(answer, to, top_of(top, LISTED), timeline))
    if answer.refusal is not None:
        raise answer.refusal


def _written(answer: StepsAnswer, to: Destination, listed: int | None, timeline: str | None) -> bytes:
    if to.form == "text":
        from nsysgap.figures import as_json
        from nsysgap.render.text.console import text_bytes
        from nsysgap.render.text.steps import steps_blocks

        return text_bytes([steps_blocks(answer.document(), as_json(answer.details), listed)], color=to.color)
    if to.form == "html":
        from nsysgap.render.pages.steps import steps_page

        return steps_page(answer.document(), timeline).encode("utf-8", "replace")
    from nsysgap.render.data import data_bytes

    return data_bytes(answer, to.form)
