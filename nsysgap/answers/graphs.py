"""Every CUDA graph of a report, in figures and as drawings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nsysgap.analysis.completeness import loss_notices, losses
from nsysgap.analysis.graphs.overview import GraphEntry, GraphView, graph_overview
from nsysgap.analysis.graphs.shape import (
    drawing_from_replays,
    find_fold,
    folded,
    layers,
    matching_entry,
    with_times,
)
from nsysgap.analysis.graphs.unseen import by_gpu_document, by_gpu_notices, unrecorded, unrecorded_notices
from nsysgap.analysis.notices import misled_notices
from nsysgap.analysis.relations.calls import GRAPH_LAUNCHES
from nsysgap.analysis.relations.launches import launch_calls
from nsysgap.answers.opening import OpenReport
from nsysgap.drawing import Drawing, Picture
from nsysgap.errors import NsysgapError
from nsysgap.figures import Document, Figure, Header, as_json
from nsysgap.report.dot import read_dot
from nsysgap.report.graphs import read_graph_events, read_graph_nodes
from nsysgap.tables import GRAPH, NO_GRAPH_NODE
from nsysgap.units import count

if TYPE_CHECKING:
    import pandas as pd

SCHEMA = "nsysgap.graphs/1"
RECORD = "Record nodes: nsys profile --cuda-graph-trace=node ..."
FOLD_FROM = 40
"""A drawing of more nodes than this is folded where its layers repeat."""


@dataclass(frozen=True)
class GraphsOptions:
    """`number`: one graph of the list, from 1 on; None: all. `dot`: a file of cudaGraphDebugDotPrint to draw."""

    number: int | None = None
    dot: str | None = None


@dataclass(frozen=True)
class GraphsAnswer:
    """The answer in figures: `graphs` is what follows the header in "nsysgap.graphs/1"."""

    header: Header
    graphs: Document

    def document(self) -> Document:
        """The contract "nsysgap.graphs/1"."""
        return {"schema": SCHEMA, "report": self.header.document(), **self.graphs}

    def figures(self) -> tuple[Figure, ...]:
        """Per graph: replays, the median of their whole time, nodes."""
        return tuple(figure for graph in self.graphs["graphs"] for figure in _graph_figures(graph))

    def frame(self) -> pd.DataFrame:
        """One row per node of each graph. Raises NsysgapError where no node was seen to run."""
        import pandas as pd

        rows = []
        for graph in self.graphs["graphs"]:
            for node in graph["nodes"]:
                sizes = {key: "" if node[key] is None else "x".join(map(str, node[key])) for key in ("grid", "block")}
                rows.append({"graph": graph["graph"], "process": graph["process"], **node, **sizes})
        if not rows:
            raise NsysgapError("No node was seen to run: there is nothing to list.", RECORD)
        return pd.DataFrame(rows)


@dataclass(frozen=True)
class GraphDrawing:
    """One graph to draw: (label, picture) with the folded picture first where there is one, and facts to say of it."""

    title: str
    source: str
    facts: tuple[str, ...]
    pictures: tuple[tuple[str, Picture], ...]


def graphs(report: OpenReport, options: GraphsOptions = GraphsOptions()) -> GraphsAnswer:
    """Every graph in figures. Raises NsysgapError for a report without graphs, or without the graph of that number."""
    view = _view(report, options.number)
    idle = report.idle()
    missing = losses(idle)
    hidden = unrecorded(idle)
    said = [*report.trace.warnings, *loss_notices(idle, missing), *unrecorded_notices(hidden)]
    document = {
        **graph_overview(view, report.details, options.number),
        "launched_by_gpu": by_gpu_document(report.trace),
        "unrecorded": hidden,
    }
    return GraphsAnswer(report.header((*said, *misled_notices(idle), *by_gpu_notices(report.trace))), as_json(document))


def graph_drawing(report: OpenReport, options: GraphsOptions = GraphsOptions()) -> GraphDrawing:
    """The graph of that number, of the DOT file, or the one with most nodes. Raises NsysgapError as `graphs` does."""
    view = _view(report, options.number)
    entry, drawing = _what_to_draw(report, view, options)
    title = f"CUDA graph {view.entries.index(entry) + 1} of {report.path}" if entry else f"CUDA graph of {options.dot}"
    return GraphDrawing(title, drawing.source, tuple(_facts(entry, drawing)), tuple(_pictures(drawing)))


def _graph_figures(graph: Document) -> list[Figure]:
    whose = f"graph {graph['graph']}"
    figures = [Figure("node_count", graph["node_count"], "", "none", whose)]
    replays = graph["replays"]
    if replays is not None:
        figures.append(Figure("replays", replays["count"], "", "none", whose))
        if replays["whole_ns"] is not None:
            figures.append(Figure("replay_ns", replays["whole_ns"]["median"], "ns", "lower", whose))
    return figures


def _view(report: OpenReport, number: int | None) -> GraphView:
    trace = report.trace
    with report.source() as source:
        nodes, events = read_graph_nodes(source, trace), read_graph_events(source, trace)
    view = GraphView(trace, launch_calls(trace), nodes, events)
    _require_graphs(view, number)
    return view


def _require_graphs(view: GraphView, number: int | None) -> None:
    graph_ops = (view.trace.ops["kind"] == GRAPH) | (view.trace.ops["graph_node"] != NO_GRAPH_NODE)
    if not view.entries and not graph_ops.any():
        launches = int(GRAPH_LAUNCHES.rows(view.trace).sum())
        why = f"it has {count(launches)} graph launch calls and no graph rows" if launches else ""
        raise NsysgapError(f"{view.trace.path} holds no CUDA graph: {why or 'it records no graph launch'}.", RECORD)
    if number is not None and not view.entries:
        raise NsysgapError(
            f"There is no graph {number}: all were traced as a whole, without nodes.", RECORD, exit_code=2
        )
    if number is not None and number > len(view.entries):
        raise NsysgapError(
            f"There is no graph {number}.", f"The report has graphs 1 to {len(view.entries)}.", exit_code=2
        )


def _what_to_draw(report: OpenReport, view: GraphView, options: GraphsOptions) -> tuple[GraphEntry | None, Drawing]:
    number = options.number
    if options.dot is not None:
        drawing = read_dot(options.dot)
        entry = view.entries[number - 1] if number else matching_entry(drawing, view.entries)
        return entry, with_times(drawing, view.trace, entry, report.details)
    seen = [entry for entry in view.entries if entry.times is not None]
    chosen = view.entries[number - 1] if number else max(seen, key=lambda entry: entry.node_count, default=None)
    replayed = drawing_from_replays(view.trace, chosen, report.details) if chosen is not None else None
    if replayed is None:
        raise NsysgapError(
            "The graph's nodes were not seen to run: nothing tells how it looks.",
            "Record nodes (--cuda-graph-trace=node), or name a file of cudaGraphDebugDotPrint: --dot FILE.",
        )
    return chosen, replayed


def _facts(entry: GraphEntry | None, drawing: Drawing) -> list[str]:
    facts = [f"{count(len(drawing.nodes))} nodes, {count(len(drawing.edges))} edges from {drawing.source}."]
    if entry is not None and entry.replays is not None:
        replays = count(entry.replays.count)
        facts.append(f"Times: means over {replays} replays; the red bar is the time beside the slowest's.")
    if entry is None:
        facts.append("No graph of the report has as many nodes: no times.")
    elif len(drawing.nodes) not in (entry.node_count, entry.drawn_nodes):
        facts.append(
            f"The report's graph has {count(entry.node_count)} nodes, so it is another one: times stand where number, "
            "kind and grid agree."
        )
    return facts


def _pictures(drawing: Drawing) -> list[tuple[str, Picture]]:
    """What to show: the folded graph first where it is large and repeats, then all nodes."""
    whole = (f"all {count(len(drawing.nodes))} nodes", Picture(drawing, layers(drawing), {}))
    fold = find_fold(drawing) if len(drawing.nodes) > FOLD_FROM else None
    if fold is None:
        return [whole]
    short = folded(drawing, fold)
    label = f"{count(len(short.nodes))} nodes: {fold.repeats} repeats of {count(len(fold.first))} folded"
    return [(label, Picture(short, layers(short), dict.fromkeys(fold.first, fold.repeats))), whole]
