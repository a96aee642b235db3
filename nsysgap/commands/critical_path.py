"""`nsysgap critical-path`: what limits the loop."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from nsysgap.commands.common import answer_of, report_argument
from nsysgap.commands.outputs import Destination, Outputs
from nsysgap.commands.values import Duration, Top, top_of

if TYPE_CHECKING:
    from nsysgap.answers.critical_path import CriticalPathAnswer

LISTED = 8
OUTPUTS = Outputs(
    {
        "text": "",
        "json": "the contract nsysgap.critical-path/1",
        "csv": "one row per part and name",
        "parquet": "these rows",
        "html": "an icicle",
    },
    shorthands=("html",),
)


@click.command("critical-path")
@report_argument
@click.option("--loop", metavar="LABEL", help="The path of this loop, such as 'step #', instead of the main loop's.")
@click.option("--whole", is_flag=True, help="The path of everything, set-up included.")
@click.option("--from", "since", type=Duration(), metavar="TIME", help="Only from this time of the session on.")
@click.option("--to", "until", type=Duration(), metavar="TIME", help="Only before this time.")
@click.option("--top", type=Top(), metavar="N|all", help=f"How many rows to print ({LISTED}).")
@OUTPUTS.options
def command(
    report: str,
    loop: str | None,
    whole: bool,
    since: int | None,
    until: int | None,
    top: int | None,
    to: Destination,
) -> None:
    """What limits the loop: the critical path through threads, launches, streams, events, waits and copies.

    \b
    Every nanosecond is on it once: its parts sum to the time that the loop took.
    Example: nsysgap critical-path report.sqlite --loop 'step #'
    """
    from nsysgap.answers.critical_path import CriticalPathOptions, critical_paths

    answer = answer_of(report, critical_paths, CriticalPathOptions(loop, whole, since, until))
    to.write(_written(answer, to, top_of(top, LISTED)))


def _written(answer: CriticalPathAnswer, to: Destination, listed: int | None) -> bytes:
    if to.form == "text":
        from nsysgap.render.text.console import text_bytes
        from nsysgap.render.text.critical_path import critical_path_blocks

        return text_bytes([critical_path_blocks(answer.document(), answer.notes, listed)], color=to.color)
    if to.form == "html":
        from nsysgap.render.pages.critical_path import critical_path_page

        return critical_path_page(answer.document()).encode("utf-8", "replace")
    from nsysgap.render.data import data_bytes

    return data_bytes(answer, to.form)
