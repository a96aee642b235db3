"""`nsysgap graphs`: every CUDA graph of a report, in figures and drawn."""

from __future__ import annotations

import click

from nsysgap.commands.common import answer_of, report_argument, top_option
from nsysgap.commands.outputs import Destination, Outputs
from nsysgap.commands.writing import write
from nsysgap.errors import NsysgapError
from nsysgap.render import pages, text

OUTPUTS = Outputs(
    {
        "text": "",
        "json": "the contract nsysgap.graphs/1",
        "csv": "one row per node",
        "html": "the graph drawn, a page with search, zoom and folding",
        "svg": "the graph as a picture",
    },
    inputs=("report", "dot"),
    shorthands=("html", "svg"),
)


@click.command("graphs")
@report_argument
@click.option("--node", "number", type=click.IntRange(min=1), metavar="N", help="Only graph N of the list.")
@top_option("How many of the slowest nodes to list", 10)
@click.option("--dot", metavar="FILE", help="Draw this file of cudaGraphDebugDotPrint, with the report's times.")
@OUTPUTS.options
def command(report: str, number: int | None, top: int | None, dot: str | None, to: Destination) -> None:
    """Every CUDA graph: how it was built, updated and replayed, its slowest nodes, what a replay saved.

    \b
    Example: nsysgap graphs report.sqlite
    Example: nsysgap graphs report.sqlite --dot decode.dot -o decode.html
    """
    from nsysgap.answers.graphs import GraphsOptions, graph_drawing, graphs

    options = GraphsOptions(number, dot)
    if to.form in ("html", "svg"):
        drawing = answer_of(report, graph_drawing, options)
        write(
            to,
            [drawing],
            "open it in a browser",
            html=lambda drawn: pages.graph_html(drawn.pictures, drawn.title, drawn.facts),
            svg=lambda drawn: pages.graph_svg(drawn.pictures[0][1], f"{drawn.title}; edges from {drawn.source}"),
        )
        return
    if dot is not None:
        raise NsysgapError("--dot says what to draw.", "Add --html or --svg.", exit_code=2)
    answer = answer_of(report, graphs, options)
    write(to, [answer], text=lambda answered: text.graphs_blocks(answered.document(), top))
