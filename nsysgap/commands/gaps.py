"""`nsysgap gaps`: why was the GPU idle?"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from nsysgap.causes import GROUPINGS
from nsysgap.commands.common import (
    answers_of,
    raise_all,
    reports_argument,
    say,
    selection,
    unfold_option,
    window_options,
)
from nsysgap.commands.outputs import Destination, Outputs
from nsysgap.commands.values import Duration, Top, top_of
from nsysgap.commands.writing import write
from nsysgap.render import text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nsysgap.answers.gaps import GapsAnswer

LISTED = 20
OUTPUTS = Outputs(
    {
        "text": "",
        "json": "the contract nsysgap.gaps/1",
        "csv": "one row per gap, with --by per group",
        "parquet": "these rows",
    }
)


@click.command("gaps")
@reports_argument
@window_options
@unfold_option
@click.option("--min", "minimum", type=Duration(), default=0, metavar="TIME", help="List only gaps this long.")
@click.option("--top", type=Top(), metavar="N|all", help=f"How many of the longest gaps to list ({LISTED}).")
@click.option("--detail", is_flag=True, help="All tables; also with --by, --top and --min.")
@click.option("--by", type=click.Choice(GROUPINGS), help="Idle time grouped, instead of the list of gaps.")
@OUTPUTS.options
def command(
    reports: tuple[str, ...],
    unfold: bool,
    minimum: int,
    top: int | None,
    detail: bool,
    by: str | None,
    to: Destination,
    **selected: Any,
) -> None:
    """Why was the GPU idle: the loop, busy and idle time by cause, what limits it, the longest gaps; on one screen.

    \b
    REPORT is an Nsight Systems export (.sqlite, also .gz .xz .zst) or a .nsys-rep. Text is about the report's loop, if
    it has one; all other formats, and --whole, about everything.
    Example: nsysgap gaps report.sqlite --nvtx decode --top 5
    """
    chosen = selection(selected, loop=to.form == "text")
    if to.form == "text" and not (detail or by or minimum or top is not None):
        from nsysgap.commands.screen import write_screens

        write_screens(reports, chosen, to)
        return
    from nsysgap.answers.gaps import GapsOptions, detached_gaps, gaps

    listed = top_of(top, LISTED if to.form in ("text", "json") else None)
    grouped_text = to.form == "text" and by is not None  # has no list of gaps
    options = GapsOptions(chosen, 0 if grouped_text else listed, minimum, by, loops=to.form == "json")
    options = replace(options, unfold=unfold or to.form != "text", in_loop=to.form in ("csv", "parquet") and not by)
    answers, failed = answers_of(reports, gaps if len(reports) == 1 else detached_gaps, options)
    shown = [answer for answer in answers if answer.op_rows or to.form == "json"]
    if shown:
        _write(shown, to, listed)
    for said in [answer.all_shorter_than(minimum) for answer in shown if by is None]:
        if said:
            say(*said)
    raise_all(failed, answers)


def _write(answers: Sequence[GapsAnswer], to: Destination, listed: int | None) -> None:
    if to.form == "text":
        write(to, answers, text=lambda answer: text.gaps_blocks(answer.document(), answer.gaps_by_cause, listed))
        return
    from nsysgap.render.data import write_gaps

    with to.file() as file:
        write_gaps(answers, to.form, file)
    to.announce()
