"""`nsysgap gaps`: why was the GPU idle?"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from nsysgap.commands import show_error
from nsysgap.commands.common import (
    answers_of,
    raise_all,
    reports_argument,
    select_option,
    selection,
    selection_options,
    unfold_option,
    whole_option,
)
from nsysgap.commands.outputs import Destination, Outputs
from nsysgap.commands.values import Duration, Top, top_of
from nsysgap.errors import NsysgapError
from nsysgap.units import duration

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nsysgap.answers.gaps import GapsAnswer

GROUPINGS = ("cause", "kernel", "api", "nvtx", "thread", "process", "line", "held")
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
@selection_options
@select_option
@whole_option
@unfold_option
@click.option("--min", "minimum", type=Duration(), default=0, metavar="TIME", help="List only gaps this long.")
@click.option("--top", type=Top(), metavar="N|all", help=f"How many of the longest gaps to list ({LISTED}).")
@click.option("--detail", is_flag=True, help="All tables; also with --by, --top and --min.")
@click.option("--by", type=click.Choice(GROUPINGS), help="Idle time grouped, instead of the list of gaps.")
@OUTPUTS.options
def command(
    reports: tuple[str, ...],
    whole: bool,
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
    if to.form == "text" and not (detail or by or minimum or top is not None):
        from nsysgap.commands.screen import write_screens

        write_screens(reports, replace(selection(selected), loop=not whole), to)
        return
    from nsysgap.answers.gaps import GapsOptions, gaps

    listed = top_of(top, LISTED if to.form in ("text", "json") else None)
    grouped_text = to.form == "text" and by is not None  # has no list of gaps
    chosen = replace(selection(selected), loop=to.form == "text" and not whole)
    options = GapsOptions(chosen, 0 if grouped_text else listed, minimum, by, loops=to.form == "json")
    options = replace(options, unfold=unfold or to.form != "text", in_loop=to.form in ("csv", "parquet") and not by)
    apart = len(reports) > 1  # a report is released before the next is read
    answers, failed = answers_of(
        reports, (lambda report, asked: gaps(report, asked).detached()) if apart else gaps, options
    )
    shown = [answer for answer in answers if answer.op_rows or to.form == "json"]
    if shown:
        _write(shown, to, listed)
    for answer in shown if by is None else ():
        _say_if_all_are_shorter(answer, minimum)
    raise_all(failed + [answer.refusal for answer in answers if answer.refusal is not None])


def _say_if_all_are_shorter(answer: GapsAnswer, minimum: int) -> None:
    """Say what --min did where it left nothing: often its unit is missing."""
    longest = max((device["longest_gap_ns"] for device in answer.devices), default=0)
    if 0 < longest < minimum:
        said = (
            f"No gap of {answer.header.path} lasts {duration(minimum)} (--min): the longest takes {duration(longest)}."
        )
        show_error(NsysgapError(said, "Name a shorter time: 5us, 1ms, 1.2s; a bare number is seconds."))


def _write(answers: Sequence[GapsAnswer], to: Destination, listed: int | None) -> None:
    if to.form == "text":
        from nsysgap.render.text.console import text_bytes
        from nsysgap.render.text.gaps import gaps_blocks

        blocks = (gaps_blocks(answer.document(), answer.gaps_by_cause, listed) for answer in answers)
        return to.write(text_bytes(blocks, color=to.color))
    from nsysgap.render.data import csv_bytes, csv_parts, json_parts, parquet_bytes, write_parquet

    if to.form == "json":
        return to.write(json_parts([answer.outline() for answer in answers]))
    if answers[0].by is not None or len({tuple(next(answer.columns())) for answer in answers}) > 1:
        return to.write((csv_bytes if to.form == "csv" else parquet_bytes)([answer.frame() for answer in answers]))
    tables = [answer.columns() for answer in answers]
    if to.form == "csv":
        return to.write(csv_parts(tables))
    with to.file() as file:
        write_parquet(tables, file)
    return to.announce()
