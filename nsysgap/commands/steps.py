"""`nsysgap steps`: what repeats, and what a step takes."""

from __future__ import annotations

import click

from nsysgap.commands.common import answer_of, hidden_after_option, raise_all, report_argument, top_option
from nsysgap.commands.outputs import Destination, Outputs
from nsysgap.commands.writing import write
from nsysgap.render import pages, text

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
@top_option("How many loops to show", 12)
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
    from nsysgap.figures import as_json

    most = (top or 1 << 30) if to.form == "html" else 0
    answer = answer_of(report, steps, StepsOptions(loop, most, hidden_after_ns))
    write(
        to,
        [answer],
        text=lambda answered: text.steps_blocks(answered.document(), as_json(answered.details), top),
        html=lambda answered: pages.steps_page(answered.document(), timeline),
    )
    raise_all([], [answer])
