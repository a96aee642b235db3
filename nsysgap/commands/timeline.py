"""`nsysgap timeline`: one HTML page in which every gap explains itself."""

from __future__ import annotations

import re
from pathlib import Path

import click

from nsysgap.commands.common import check_device, opened, output_file, require_new, select_time, selection_options
from nsysgap.errors import NsysgapError
from nsysgap.units import printable


@click.command("timeline")
@click.argument("report", metavar="REPORT")
@selection_options
@click.option("--top-gaps", type=click.IntRange(min=1), metavar="N", help="Full detail only around the N longest gaps.")
@click.option(
    "--plotlyjs",
    default="inline",
    show_default=True,
    metavar="inline|cdn|PATH",
    help="Plotly inside the page, from its own address (the page then needs a network), or from a file or URL.",
)
@click.option("-o", "--output", metavar="FILE", help="The page; REPORT's name with .html here by default, - is stdout.")
@click.option("--force", is_flag=True, help="Overwrite the output file.")
def command(
    report: str,
    device: int | None,
    nvtx: re.Pattern[str] | None,
    since: int | None,
    until: int | None,
    hidden_after_ns: int,
    top_gaps: int | None,
    plotlyjs: str,
    output: str | None,
    force: bool,
) -> None:
    """Write a self-contained HTML timeline: every gap, its cause, and what the host did.

    \b
    REPORT is an Nsight Systems export (.sqlite, also .gz .xz .zst) or a .nsys-rep.
    Example: nsysgap timeline report.sqlite -o report.html
    """
    from nsysgap.analysis.idle.idle_report import IdleReport
    from nsysgap.analysis.pictures.page import run_facts, timeline_data
    from nsysgap.analysis.questions import why_no_kernels
    from nsysgap.render.pages.timeline.page import page_parts
    from nsysgap.report.describe import describe
    from nsysgap.report.details import read_op_details
    from nsysgap.report.stacks import read_samples

    target = default_name(report) if output is None else output
    if target != "-":
        require_new(Path(target), force=force)
    with opened(report) as (source, trace):
        check_device(trace, device)
        selected = select_time(trace, nvtx, since, until)
        details = read_op_details(source, trace)
        stacks = read_samples(source, trace)
        about = describe(source)
    if not trace.ops.rows and not trace.api.rows:
        raise NsysgapError(*(why_no_kernels(trace) or ("",)))
    idle = IdleReport(trace, selection=selected.time, device=device, hidden_after_ns=hidden_after_ns)
    facts = run_facts(trace, about.command, about.started, about.target)
    data = timeline_data(idle, details, selected=selected.words, facts=facts, top_gaps=top_gaps, stacks=stacks)
    with output_file(target, force=force) as file:
        for part in page_parts(data, plotlyjs):
            file.write(part.encode())
    if target != "-":
        beside = Path(target).parent / plotlyjs
        if plotlyjs not in ("inline", "cdn") and "://" not in plotlyjs and not beside.exists():
            lacking = "does not exist: the page shows nothing until Plotly's script lies there."
            click.echo(f"{printable(str(beside))} {lacking}", err=True)
        size = Path(target).stat().st_size
        click.echo(f"Wrote {printable(target)} ({size / 1e6:.1f} MB): open it in a browser.", err=True)


def default_name(report: str) -> str:
    """run.sqlite, run.sqlite.xz, run.nsys-rep -> run.html, in the current folder."""
    name = re.sub(r"\.(gz|xz|zst)\Z", "", Path(report).name)
    return re.sub(r"\.(sqlite|db|nsys-rep|qdrep)\Z", "", name) + ".html"
