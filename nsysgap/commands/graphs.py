"""`nsysgap graphs`: every CUDA graph of a report, in figures and drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from nsysgap.commands.common import Top, opened, output_file, output_options, to_terminal
from nsysgap.errors import NsysgapError
from nsysgap.units import count

if TYPE_CHECKING:
    from nsysgap.analysis.graphs.overview import GraphEntry, GraphView
    from nsysgap.drawing import Drawing
    from nsysgap.tables import Table, Trace

DEFAULT_TOP = 10
ALL = -1
RECORD = "Record nodes: nsys profile --cuda-graph-trace=node ..."
FOLD_FROM = 40
"""A drawing of more nodes than this is folded where its layers repeat."""


@click.command("graphs")
@click.argument("report", metavar="REPORT")
@click.option("--node", "number", type=click.IntRange(min=1), metavar="N", help="Only graph N of the list.")
@click.option("--top", type=Top(), metavar="N|all", help="How many of the slowest nodes to list (10).")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "csv"]),
    default="text",
    show_default=True,
    help="json: the contract nsysgap.graphs/1; csv: one row per node.",
)
@click.option("--html", "draw", flag_value="html", help="Draw the graph: a page with search, zoom and folding.")
@click.option("--svg", "draw", flag_value="svg", help="Draw the graph as a picture.")
@click.option("--dot", metavar="FILE", help="Draw this file of cudaGraphDebugDotPrint, with the report's times.")
@output_options
def command(
    report: str,
    number: int | None,
    top: int | None,
    form: str,
    draw: str | None,
    dot: str | None,
    output: str | None,
    force: bool,
) -> None:
    """Every CUDA graph: how it was built, updated and replayed, its slowest nodes, what a replay saved.

    \b
    Example: nsysgap graphs report.sqlite
    Example: nsysgap graphs report.sqlite --html --dot decode.dot -o decode.html
    """
    if dot is not None and draw is None:
        raise NsysgapError("--dot says what to draw.", "Add --html or --svg.", exit_code=2)
    from nsysgap.report.details import read_op_details

    with opened(report) as (source, trace):
        view = _view(source, trace)
        details = read_op_details(source, trace)
    _require_graphs(view, number)
    if draw is not None:
        made = _drawn(view, details, number, dot, draw)
    else:
        made = _figures(view, details, number, top, form, color=to_terminal(output))
    with output_file(output, force=force) as file:
        file.write(made)


def _view(source: Any, trace: Trace) -> GraphView:
    from nsysgap.analysis.graphs.overview import GraphView
    from nsysgap.analysis.relations.launches import launch_calls
    from nsysgap.report.graphs import read_graph_events, read_graph_nodes

    return GraphView(trace, launch_calls(trace), read_graph_nodes(source, trace), read_graph_events(source, trace))


def _require_graphs(view: GraphView, number: int | None) -> None:
    from nsysgap.analysis.relations.calls import GRAPH_LAUNCHES
    from nsysgap.tables import GRAPH

    if not view.entries and not (view.trace.ops["kind"] == GRAPH).any():
        launches = int(GRAPH_LAUNCHES.rows(view.trace).sum())
        why = (
            f"it has {count(launches)} graph launch calls and no graph rows"
            if launches
            else "it records no graph launch"
        )
        raise NsysgapError(f"{view.trace.path} holds no CUDA graph: {why}.", RECORD)
    if number is not None and not view.entries:
        raise NsysgapError(
            f"There is no graph {number}: all were traced as a whole, without nodes.", RECORD, exit_code=2
        )
    if number is not None and number > len(view.entries):
        raise NsysgapError(
            f"There is no graph {number}.", f"The report has graphs 1 to {len(view.entries)}.", exit_code=2
        )


def _figures(view: GraphView, details: Table, number: int | None, top: int | None, form: str, *, color: bool) -> bytes:
    from nsysgap.analysis.graphs.overview import graphs_document
    from nsysgap.figures import as_json
    from nsysgap.render.data import dump_json

    document = as_json(graphs_document(view, details, number))
    if form == "json":
        return (dump_json(document) + "\n").encode()
    if form == "csv":
        return _csv(document)
    from nsysgap.render.text.console import as_text
    from nsysgap.render.text.graphs import graphs_blocks

    most = DEFAULT_TOP if top is None else None if top == ALL else top
    return as_text(graphs_blocks(document, most), color=color).encode("utf-8", "replace")


def _csv(document: dict[str, Any]) -> bytes:
    """One row per node of each graph."""
    import pandas as pd

    rows = []
    for graph in document["graphs"]:
        for node in graph["nodes"]:
            sizes = {key: "" if node[key] is None else "x".join(map(str, node[key])) for key in ("grid", "block")}
            rows.append({"graph": graph["graph"], "process": graph["process"], **node, **sizes})
    if not rows:
        raise NsysgapError("No node was seen to run: there is nothing to list.", RECORD)
    text: str = pd.DataFrame(rows).to_csv(index=False)
    return text.encode("utf-8", "replace")


def _drawn(view: GraphView, details: Table, number: int | None, dot: str | None, form: str) -> bytes:
    from nsysgap.render.pages.graph import graph_html, graph_svg

    entry, drawing = _what_to_draw(view, details, number, dot)
    title = f"CUDA graph {view.entries.index(entry) + 1} of {view.trace.path}" if entry else f"CUDA graph of {dot}"
    pictures = _pictures(drawing)
    if form == "svg":
        return graph_svg(pictures[0][1], f"{title}; edges from {drawing.source}").encode("utf-8", "replace")
    facts = [f"{count(len(drawing.nodes))} nodes, {count(len(drawing.edges))} edges from {drawing.source}."]
    if entry is not None and entry.replays is not None:
        facts.append(
            f"Times: means over {count(entry.replays.count)} replays; the red bar is the time beside the slowest's."
        )
    if entry is not None and entry.node_count != len(drawing.nodes):
        facts.append(
            f"The report's graph has {count(entry.node_count)} nodes, so it is another one: times stand where number, "
            "kind and grid agree."
        )
    elif entry is None:
        facts.append("No graph of the report has as many nodes: no times.")
    return graph_html(pictures, title, facts).encode("utf-8", "replace")


def _what_to_draw(
    view: GraphView, details: Table, number: int | None, dot: str | None
) -> tuple[GraphEntry | None, Drawing]:
    from nsysgap.analysis.graphs.shape import drawing_from_replays, matching_entry, with_times

    if dot is not None:
        from nsysgap.report.dot import read_dot

        drawing = read_dot(dot)
        entry = view.entries[number - 1] if number else matching_entry(drawing, view.entries)
        return entry, with_times(drawing, view.trace, entry, details)
    seen = [one for one in view.entries if one.times is not None]
    chosen = view.entries[number - 1] if number else max(seen, key=lambda one: one.node_count, default=None)
    found = drawing_from_replays(view.trace, chosen, details) if chosen is not None else None
    if found is None:
        raise NsysgapError(
            "The graph's nodes were not seen to run: nothing tells how it looks.",
            "Record nodes (--cuda-graph-trace=node), or name a file of cudaGraphDebugDotPrint: --dot FILE.",
        )
    return chosen, found


def _pictures(drawing: Drawing) -> list[tuple[str, Any]]:
    """What to show: the folded graph first where it is large and repeats, then all nodes."""
    from nsysgap.analysis.graphs.shape import find_fold, folded, layers
    from nsysgap.render.pages.graph import Picture

    whole = (f"all {count(len(drawing.nodes))} nodes", Picture(drawing, layers(drawing), {}))
    fold = find_fold(drawing) if len(drawing.nodes) > FOLD_FROM else None
    if fold is None:
        return [whole]
    short = folded(drawing, fold)
    label = f"{count(len(short.nodes))} nodes: {fold.repeats} repeats of {count(len(fold.first))} folded"
    return [(label, Picture(short, layers(short), dict.fromkeys(fold.first, fold.repeats))), whole]
