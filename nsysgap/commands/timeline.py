"""`nsysgap timeline`: one HTML page in which every gap explains itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from nsysgap.commands.common import (
    answer_of,
    critical_path_option,
    report_argument,
    select_option,
    selection,
    selection_options,
)
from nsysgap.commands.outputs import Destination, Outputs
from nsysgap.fleet.names import report_stem
from nsysgap.units import printable

OUTPUTS = Outputs({"html": ""}, default_name=lambda given, ending: f"{report_stem(given['report'])}{ending}")


@click.command("timeline")
@report_argument
@selection_options
@select_option
@click.option("--top-gaps", type=click.IntRange(min=1), metavar="N", help="Full detail only around the N longest gaps.")
@critical_path_option
@click.option(
    "--plotlyjs",
    default="inline",
    show_default=True,
    metavar="inline|cdn|PATH",
    help="Plotly inside the page, from its own address (the page then needs a network), or from a file or URL.",
)
@OUTPUTS.options
def command(
    report: str, top_gaps: int | None, critical_path: bool, plotlyjs: str, to: Destination, **selected: Any
) -> None:
    """Write a self-contained HTML timeline: every gap, its cause, and what the host did.

    \b
    REPORT is an Nsight Systems export (.sqlite, also .gz .xz .zst) or a .nsys-rep.
    Example: nsysgap timeline report.sqlite -o report.html
    """
    from nsysgap.answers.timeline import TimelineOptions, timeline
    from nsysgap.render.pages.timeline.page import page_parts

    data = answer_of(report, timeline, TimelineOptions(selection(selected), top_gaps, critical_path))
    if to.path is not None:
        _warn_of_missing(plotlyjs, Path(to.path).parent)
    to.write((part.encode() for part in page_parts(data, plotlyjs)), "open it in a browser")


def _warn_of_missing(plotlyjs: str, folder: Path) -> None:
    """Say so if the page will look for a script that does not lie there."""
    beside = folder / plotlyjs
    if plotlyjs not in ("inline", "cdn") and "://" not in plotlyjs and not beside.exists():
        lacking = "does not exist: the page shows nothing until Plotly's script lies there."
        click.echo(f"{printable(str(beside))} {lacking}", err=True)
