"""`nsysgap ranks`: who keeps whom waiting?"""

from __future__ import annotations

from typing import Any

import click

from nsysgap.commands.common import (
    rank_regex_option,
    reports_argument,
    selection,
    selection_options,
    top_option,
    whole_option,
)
from nsysgap.commands.outputs import Destination, Outputs
from nsysgap.commands.progress import progress_lines
from nsysgap.commands.writing import write
from nsysgap.render import pages, text

OUTPUTS = Outputs(
    {
        "text": "",
        "json": "the contract nsysgap.ranks/1",
        "csv": "one row per rank",
        "parquet": "these rows",
        "html": "a page: every iteration on every rank, one step drawn, collectives",
    },
    shorthands=("html",),
)


@click.command("ranks")
@reports_argument
@selection_options
@whole_option
@rank_regex_option
@click.option("--workers", type=click.IntRange(min=1), metavar="N", help="Read so many reports at once.")
@click.option(
    "--dask",
    metavar="ADDRESS|FILE|local",
    envvar="DASK_SCHEDULER_ADDRESS",
    help="Read reports on the workers of this Dask scheduler; else of DASK_SCHEDULER_ADDRESS.",
)
@top_option("How many ranks to list, those that starve most", 8)
@OUTPUTS.options
def command(
    reports: tuple[str, ...],
    whole: bool,
    rank_regex: str | None,
    workers: int | None,
    dask: str | None,
    top: int | None,
    to: Destination,
    **selected: Any,
) -> None:
    """Who keeps whom waiting: the ranks of a job beside one another, the straggler and why it is late.

    \b
    REPORT is a report of one rank or of several, a folder of reports, a pattern, or a URL. See docs/fleet.md.
    Example: nsysgap ranks report_rank*.sqlite
    """
    from nsysgap.answers.fleet import ranks_of
    from nsysgap.answers.rank_units import RankOptions
    from nsysgap.answers.ranks_picture import ranks_picture

    options = RankOptions(selection(selected), whole, rank_regex, draw=to.form == "html")
    answer = ranks_of(reports, options, workers=workers, cluster=dask, progress=progress_lines)
    write(
        to,
        [answer],
        text=lambda answered: text.ranks_blocks(answered.document(), top),
        html=lambda answered: pages.ranks_page(answered.document(), ranks_picture(answered)),
    )
