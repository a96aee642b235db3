"""`nsysgap report`: one page to send."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nsysgap.commands.common import opened_report, raise_all, report_argument, selection, window_options
from nsysgap.commands.outputs import Destination, Outputs
from nsysgap.commands.writing import write
from nsysgap.errors import NsysgapError
from nsysgap.fleet.names import report_stem
from nsysgap.render import pages, text

if TYPE_CHECKING:
    from nsysgap.answers.opening import OpenReport
    from nsysgap.answers.selection import Selection
    from nsysgap.render.pages.report import Timeline


def _page_name(given: Mapping[str, Any], ending: str) -> str | None:
    """Where the page goes without -o; markdown and documents go to the terminal."""
    return f"{report_stem(given['report'])}-summary.html" if ending == ".html" else None


OUTPUTS = Outputs(
    {
        "html": "one self-contained page",
        "markdown": "for an issue or a pull request",
        "json": "the contract nsysgap.report/1, the documents of the answers",
    },
    default_name=_page_name,
)
TIMELINE = Outputs({"html": ""})


@click.command("report")
@report_argument
@window_options
@click.option(
    "--timeline",
    type=click.Choice(["inside", "beside", "none"]),
    default="inside",
    show_default=True,
    help="html: the timeline behind a click, inside the page, in NAME.timeline.html beside it, or not at all.",
)
@OUTPUTS.options
def command(report: str, timeline: str, to: Destination, **selected: Any) -> None:
    """One page to send: the answer in words, steps, what limits them, idle time, kernels, lines, what would gain.

    \b
    It is about the report's loop, if it has one, loads nothing and prints well. As markdown it fits an issue.
    Example: nsysgap report report.sqlite -o summary.html
    """
    from nsysgap.answers.report import SummaryOptions, summary

    chosen = selection(selected, loop=True)
    beside = _beside(report, to) if timeline == "beside" else None
    with opened_report(report) as opened:
        answer = summary(opened, SummaryOptions(chosen))
        behind = _timeline(opened, chosen) if to.form == "html" and timeline != "none" else None
    if behind is not None and beside is not None and beside.path is not None:
        beside.write(behind.page.encode("utf-8", "replace"))
        behind = replace(behind, page="", address=Path(beside.path).name)
    then = "open it in a browser" if to.form == "html" else ""
    write(to, [answer], then, html=lambda answered: pages.report_page(answered, behind), markdown=text.report_markdown)
    raise_all([], [answer])


def _beside(report: str, to: Destination) -> Destination:
    """Where the timeline goes that lies beside the page. Raises NsysgapError where there is no place beside it."""
    if to.form != "html" or to.path is None:
        raise NsysgapError("A timeline lies beside a page alone.", "Name it: -o summary.html", exit_code=2)
    name = str(Path(to.path).with_suffix(".timeline.html"))
    return TIMELINE.destination(None, name, {"report": report}, force=to.force)


def _timeline(report: OpenReport, chosen: Selection) -> Timeline | None:
    from nsysgap.answers.report import summary_timelines
    from nsysgap.render.pages.report import fitting_timeline

    return fitting_timeline(summary_timelines(report, chosen))
