"""`nsysgap graphs` as text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from nsysgap.render.text.console import add, notices, table
from nsysgap.render.text.kernels import kernel_names
from nsysgap.units import count, counted, duration, percent, printable

Document = Mapping[str, Any]
_FIGURES = (
    ("updates before", "updates_before_ns"),
    ("launch call", "call_ns"),
    ("to first node", "latency_ns"),
    ("span", "span_ns"),
    ("busy", "busy_ns"),
    ("between nodes", "between_nodes_ns"),
    ("call to last node", "whole_ns"),
    ("without queue", "replay_ns"),
)
_OF_BODIES = (("span", "span_ns"), ("busy", "busy_ns"), ("between nodes", "between_nodes_ns"))


def graphs_blocks(document: Document, top: int | None) -> Iterable[RenderableType]:
    """All blocks of `nsysgap graphs` for one report, in reading order; `top`: how many nodes of a graph to list."""
    yield Text(printable(document["report"]["path"]), style="bold")
    yield from notices(document["report"]["warnings"], ("incomplete",))
    if document["graphs"]:
        yield _overview(document["graphs"])
        yield from _compared(document["graphs"])
    for graph in document["graphs"]:
        yield from _one_graph(graph, top)
    if document["whole_graph_launches"]:
        yield _whole(document["whole_graph_launches"])
        why = "Traced as a whole: nodes are not in the report (nsys profile --cuda-graph-trace=node)."
        yield Text(why + _events(document), style="dim")
    yield from _costs(document)
    yield from notices(document["report"]["warnings"], ("warning", "note"))


def _events(document: Document) -> str:
    told = ", ".join(f"{count(number)} {event}" for event, number in document["events"].items())
    return f" Graphs: {told}." if told else ""


def _overview(graphs: Sequence[Document]) -> RenderableType:
    heads = ("no", "|built", "at", "\N{MULTIPLICATION SIGN}", "exec", "<nodes", "replays", "replay", "saved")
    several = len({graph["process"] for graph in graphs}) > 1
    made = table(*(("process",) if several else ()), *heads)
    for graph in graphs:
        process = (str(graph["process"]),) if several else ()
        kinds = ", ".join(f"{number} {kind}" for kind, number in graph["nodes_by_kind"].items()) + _bodies_of(graph)
        replays = graph["replays"]
        took = duration(replays["replay_ns"]["median"]) if replays and replays["replay_ns"] else "-"
        at = "-" if graph["built_at_ns"] is None else duration(graph["built_at_ns"])
        figures = (count(graph["graphs"]), count(graph["executables"]))
        add(
            made,
            *process,
            *(str(graph["graph"]), graph["built"], at, *figures, kinds or "-"),
            *(count(replays["count"]) if replays else "0", took, _saved(graph["launched_singly"])),
        )
    return made


def _bodies_of(graph: Document) -> str:
    """What a graph's conditional nodes ran, beside its own nodes."""
    return "".join(
        f" + {count(body['iterations']['median'])} x {count(body['node_count'])} in a body" for body in graph["bodies"]
    )


def _saved(singly: Document | None) -> str:
    return "-" if singly is None or singly["saved_ns"] is None else duration(singly["saved_ns"])


def _compared(graphs: Sequence[Document]) -> Iterable[RenderableType]:
    """How many runs the savings rest on, and that nsys makes them larger than they are."""
    said = [
        f"{_graph_number(graph, graphs)}{counted(graph['launched_singly']['runs'], 'run', 'runs')} launched singly, "
        f"{counted(graph['replays']['replay_ns']['count'], 'replay', 'replays')}"
        for graph in graphs
        if graph["launched_singly"] is not None and graph["launched_singly"]["saved_ns"] is not None
    ]
    if said:
        yield Text(
            f"saved: the difference of the medians of {'; of '.join(said)}, both without waiting in the queue and "
            "both under nsys, which makes every launch dearer: compare plain runs."
        )


def _graph_number(graph: Document, graphs: Sequence[Document]) -> str:
    return f"graph {graph['graph']}: " if len(graphs) > 1 else ""


def _one_graph(graph: Document, top: int | None) -> Iterable[RenderableType]:
    if graph["replays"] is None:
        return
    made = table(f"|graph {graph['graph']}", "count", "min", "median", "p99", "max")
    _row(made, "iterations", graph["replays"]["iterations"], count)
    for label, key in _FIGURES:
        _row(made, label, graph["replays"][key])
    for body in graph["bodies"]:
        _row(made, f"body {body['body']}: iterations", body["iterations"], count)
        for label, key in _OF_BODIES:
            _row(made, f"body {body['body']}: {label}", body[key])
    _row(made, "built in", graph["build_ns"])
    _row(made, "instantiated in", graph["instantiation_ns"])
    singly = graph["launched_singly"]
    if singly is not None:
        _row(made, "launched singly", singly["time_ns"])
        _row(
            made,
            f"its {count(singly['launches'])} calls" if singly["launches"] != 1 else "its call",
            singly["calls_ns"],
        )
    yield made
    if graph["nodes"] and top != 0:
        yield _nodes(graph["nodes"], top)


def _row(made: Any, label: str, stats: Document | None, unit: Callable[[int], str] = duration) -> None:
    if stats is not None:
        add(made, label, count(stats["count"]), *(unit(stats[key]) for key in ("min", "median", "p99", "max")))


def _nodes(nodes: Sequence[Document], top: int | None) -> RenderableType:
    slowest = sorted(nodes, key=lambda node: (-node["mean_ns"], node["body"] or 0, node["node"]))[:top]
    total = sum(_time_of(node) for node in nodes)
    made = table("slowest node", "<name", "grid", "block", "mean", "spread", "share", "gap before")
    names = kernel_names([node["name"] for node in slowest], [node["kind"] == "kernel" for node in slowest])
    for node, name in zip(slowest, names, strict=True):
        sizes = ("-" if node[key] is None else "x".join(map(str, node[key])) for key in ("grid", "block"))
        figures = (duration(node["mean_ns"]), duration(node["spread_ns"]), percent(_time_of(node), total))
        number = f"body {node['body']}: {node['node']}" if node["body"] else str(node["node"])
        add(made, number, name, *sizes, *figures, duration(node["gap_before_ns"]))
    return made


def _time_of(node: Document) -> int:
    """What all runs of a node took: in a loop's body there are several in a replay."""
    time: int = node["mean_ns"] * node["count"]
    return time


def _whole(rows: Sequence[Document]) -> RenderableType:
    made = table("<whole graph", "launches", "call", "to its start", "span", "longest", "call to end")
    for row in rows:
        call, latency, whole = (_median(row[key]) for key in ("call_ns", "latency_ns", "whole_ns"))
        span = (duration(row["span_ns"][key]) for key in ("median", "max"))
        add(made, printable(row["name"]), count(row["count"]), call, latency, *span, whole)
    return made


def _costs(document: Document) -> Iterable[RenderableType]:
    made = table("|before and between launches", "calls", "total", "median", "max")
    captures = document["captures"]
    if captures["duration_ns"] is not None:
        _cost(made, f"capture ({count(captures['captured_launches'])} launches)", captures["duration_ns"])
    if document["instantiation_ns"] is not None:
        _cost(made, "instantiate", document["instantiation_ns"])
    for update in document["updates"]:
        _cost(made, printable(update["call"]), update["duration_ns"])
    if made.row_count:
        yield made


def _cost(made: Any, label: str, stats: Document) -> None:
    add(made, label, count(stats["count"]), *(duration(stats[key]) for key in ("total", "median", "max")))


def _median(stats: Document | None) -> str:
    return "-" if stats is None else duration(stats["median"])
