"""`nsysgap critical-path`: what limits the loop."""

from __future__ import annotations

import click

from nsysgap.commands.common import (
    answer_of,
    loop_option,
    report_argument,
    since_option,
    top_option,
    until_option,
    whole_option,
)
from nsysgap.commands.outputs import Destination, Outputs
from nsysgap.commands.writing import write
from nsysgap.render import pages, text

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
@loop_option
@whole_option
@since_option
@until_option
@top_option("How many rows to print", 8)
@OUTPUTS.options
def command(
    report: str, loop: str | None, whole: bool, since: int | None, until: int | None, top: int | None, to: Destination
) -> None:
    """What limits the loop: the critical path through threads, launches, streams, events, waits and copies.

    \b
    Every nanosecond is on it once: its parts sum to the time that the loop took.
    Example: nsysgap critical-path report.sqlite --loop 'step #'
    """
    from nsysgap.answers.critical_path import CriticalPathOptions, critical_paths

    answer = answer_of(report, critical_paths, CriticalPathOptions(loop, whole, since, until))
    write(
        to,
        [answer],
        text=lambda answered: text.critical_path_blocks(answered.document(), answered.notes, top),
        html=lambda answered: pages.critical_path_page(answered.document()),
    )
