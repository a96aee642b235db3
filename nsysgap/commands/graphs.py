"""`nsysgap graphs`: every CUDA graph of a report, in figures and drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from nsysgap.commands.common import answer_of, report_argument
from nsysgap.commands.outputs import Destination, Outputs
from nsysgap.commands.values import Top, top_of
from nsysgap.errors import NsysgapError

if TYPE_CHECKING:
    from nsysgap.answers.graphs import GraphDrawing, GraphsAnswer

LISTED = 10
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
@click.option("--top", type=Top(), metavar="N|all", help=f"How many of the slowest nodes to list ({LISTED}).")
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
        to.write(_drawn(answer_of(report, graph_drawing, options), to.form), "open it in a browser")
        return
    if dot is not None:
        raise NsysgapError("--dot says what to draw.", "Add --html or --svg.", exit_code=2)
    to.write(_figures(answer_of(report, graphs, options), to, top_of(top, LISTED)))


def _figures(answer: GraphsAnswer, to: Destination, top: int | None) -> bytes:
    if to.form == "text":
        from nsysgap.render.text.console import text_bytes
        from nsysgap.render.text.graphs import graphs_blocks

        return text_bytes([graphs_blocks(answer.document(), top)], color=to.color)
    from nsysgap.render.data import data_bytes

    return data_bytes(answer, to.form)


def _drawn(drawing: GraphDrawing, form: str) -> bytes:
    from nsysgap.render.pages.graph import graph_html, graph_svg

    if form == "svg":
        page = graph_svg(drawing.pictures[0][1], f"{drawing.title}; edges from {drawing.source}")
    else:
        page = graph_html(drawing.pictures, drawing.title, drawing.facts)
    return page.encode("utf-8", "replace")
