"""`nsysgap graphs` and `nsysgap launches` as text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from nsysgap.render.text.console import add, notices, table
from nsysgap.units import count, counted, duration, percent, printable, short_kernel_name

Document = Mapping[str, Any]
_FIGURES = (
    ("updates before", "updates_before_ns"),
    ("launch call", "call_ns"),
    ("to first node", "latency_ns"),
    ("span", "span_ns"),
    ("busy", "busy_ns"),
    ("between nodes", "between_nodes_ns"),
    ("call to last node", "whole_ns"),
)


def graphs_blocks(document: Document, top: int | None) -> Iterable[RenderableType]:
    """All blocks of `nsysgap graphs` for one report, in reading order; `top`: how many nodes of a graph to list."""
    yield Text(printable(document["report"]["path"]), style="bold")
    yield from notices(document["report"]["warnings"], ("incomplete",))
    if document["graphs"]:
        yield _overview(document["graphs"])
    for one in document["graphs"]:
        yield from _one_graph(one, top)
    if document["whole_graph_launches"]:
        yield _whole(document["whole_graph_launches"])
        why = "Traced as a whole: nodes are not in the report (nsys profile --cuda-graph-trace=node)."
        yield Text(why + _events(document), style="dim")
    yield from _costs(document)


def _events(document: Document) -> str:
    told = ", ".join(f"{count(number)} {event}" for event, number in document["events"].items())
    return f" Graphs: {told}." if told else ""


def _overview(graphs: Sequence[Document]) -> RenderableType:
    heads = ("no", "|built", "at", "\N{MULTIPLICATION SIGN}", "exec", "<nodes", "replays", "replay", "saved")
    several = len({one["process"] for one in graphs}) > 1
    made = table(*(("process",) if several else ()), *heads)
    for one in graphs:
        process = (str(one["process"]),) if several else ()
        kinds = ", ".join(f"{number} {kind}" for kind, number in one["nodes_by_kind"].items())
        replays = one["replays"]
        whole = duration(replays["whole_ns"]["median"]) if replays and replays["whole_ns"] else "-"
        at = "-" if one["built_at_ns"] is None else duration(one["built_at_ns"])
        figures = (count(one["graphs"]), count(one["executables"]))
        add(
            made,
            *process,
            *(str(one["graph"]), one["built"], at, *figures, kinds or "-"),
            *(count(replays["count"]) if replays else "0", whole, _saved(one["launched_singly"])),
        )
    return made


def _saved(singly: Document | None) -> str:
    return "-" if singly is None or singly["saved_ns"] is None else duration(singly["saved_ns"])


def _one_graph(one: Document, top: int | None) -> Iterable[RenderableType]:
    if one["replays"] is None:
        return
    made = table(f"|graph {one['graph']}", "count", "min", "median", "p99", "max")
    for label, key in _FIGURES:
        _row(made, label, one["replays"][key])
    _row(made, "built in", one["build_ns"])
    _row(made, "instantiated in", one["instantiation_ns"])
    singly = one["launched_singly"]
    if singly is not None:
        _row(made, "launched singly", singly["time_ns"])
        _row(
            made,
            f"its {count(singly['launches'])} calls" if singly["launches"] != 1 else "its call",
            singly["calls_ns"],
        )
    yield made
    if one["nodes"] and top != 0:
        yield _nodes(one["nodes"], top)


def _row(made: Any, label: str, stats: Document | None) -> None:
    if stats is not None:
        add(made, label, count(stats["count"]), *(duration(stats[key]) for key in ("min", "median", "p99", "max")))


def _nodes(nodes: Sequence[Document], top: int | None) -> RenderableType:
    slowest = sorted(nodes, key=lambda node: (-node["mean_ns"], node["node"]))[:top]
    total = sum(node["mean_ns"] for node in nodes)
    made = table("slowest node", "<name", "grid", "block", "mean", "spread", "share", "gap before")
    for node in slowest:
        name = short_kernel_name(node["name"]) if node["kind"] == "kernel" else node["name"]
        sizes = ("-" if node[key] is None else "x".join(map(str, node[key])) for key in ("grid", "block"))
        figures = (duration(node["mean_ns"]), duration(node["spread_ns"]), percent(node["mean_ns"], total))
        add(made, str(node["node"]), printable(name), *sizes, *figures, duration(node["gap_before_ns"]))
    return made


def _whole(rows: Sequence[Document]) -> RenderableType:
    made = table("<whole graph", "launches", "call", "to its start", "span", "longest", "call to end")
    for one in rows:
        call, latency, whole = (_median(one[key]) for key in ("call_ns", "latency_ns", "whole_ns"))
        span = (duration(one["span_ns"][key]) for key in ("median", "max"))
        add(made, printable(one["name"]), count(one["count"]), call, latency, *span, whole)
    return made


def _costs(document: Document) -> Iterable[RenderableType]:
    made = table("|before and between launches", "calls", "total", "median", "max")
    captures = document["captures"]
    if captures["duration_ns"] is not None:
        _cost(made, f"capture ({count(captures['captured_launches'])} launches)", captures["duration_ns"])
    if document["instantiation_ns"] is not None:
        _cost(made, "instantiate", document["instantiation_ns"])
    for one in document["updates"]:
        _cost(made, printable(one["call"]), one["duration_ns"])
    if made.row_count:
        yield made


def _cost(made: Any, label: str, stats: Document) -> None:
    add(made, label, count(stats["count"]), *(duration(stats[key]) for key in ("total", "median", "max")))


def launches_blocks(document: Document, top: int | None) -> Iterable[RenderableType]:
    """All blocks of `nsysgap launches` for one report, in reading order; `top`: rows of each table."""
    yield Text(printable(document["report"]["path"]), style="bold")
    yield from notices(document["report"]["warnings"], ("incomplete",))
    yield _kernels(document["kernels"], top)
    yield Text("ratio: launch call by run, medians; ! launching costs the host more than the kernel runs.")
    yield _shapes(document["kernels"], top)
    yield Text("packed: started at most 2 us after the op before it in its stream.")
    if document["ranges"]:
        yield _ranges(document["ranges"], top)
        yield Text("launches, ops and calls: in each range, the mean; per million: of its launch calls, at their mean.")
    yield _arithmetic(document["all"])


def _kernels(kernels: Sequence[Document], top: int | None) -> RenderableType:
    made = table("<kernel", "count", "run", "call", "ratio", "|", "latency", "unqueued")
    for one in kernels[:top]:
        mark = Text("!" if one["costs_more_than_it_runs"] else "", style="yellow")
        unknown = "graph" if one["in_graphs"] else "-"
        ratio = unknown if one["call_per_run"] is None else f"{one['call_per_run']:.2f}"
        medians = (_median(one[key]) for key in ("latency_ns", "unqueued_latency_ns"))
        figures = (count(one["count"]), duration(one["duration_ns"]["median"]), _median(one["call_ns"]), ratio)
        add(made, _kernel_name(one), *figures, mark, *medians)
    return made


def _kernel_name(one: Document) -> str:
    return printable(short_kernel_name(one["name"]))


def _shapes(kernels: Sequence[Document], top: int | None) -> RenderableType:
    """The most frequent grid of each kernel, how often it is that, and how many others there are."""
    made = table("<kernel", "grid", "block", "of that", "other sizes", "packed")
    for one in kernels[:top]:
        first = one["grids"][0]
        sizes = ("-" if min(first[key]) < 0 else "x".join(map(str, first[key])) for key in ("grid", "block"))
        shares = (percent(number, one["count"]) for number in (first["count"], one["back_to_back"]))
        add(made, _kernel_name(one), *sizes, next(shares), count(len(one["grids"]) - 1), next(shares))
    return made


def _median(stats: Document | None) -> str:
    return "-" if stats is None else duration(stats["median"])


def _ranges(ranges: Sequence[Document], top: int | None) -> RenderableType:
    made = table("<NVTX range", "ranges", "long", "launches", "ops", "calls", "share", "per million")
    for one in ranges[:top]:
        each = (f"{one['launches'] / one['count']:,.1f}", f"{one['ops'] / one['count']:,.1f}")
        mean, long = one["calls_ns"] // one["count"], one["duration_ns"]
        costs = (duration(mean), percent(one["calls_ns"], long["total"]), duration(one["per_million_ns"]))
        add(made, printable(one["name"]), count(one["count"]), duration(long["median"]), *each, *costs)
    return made


def _arithmetic(whole: Document) -> Text:
    if not whole["launches"]:
        return Text("No launch calls.")
    calls, kernels = whole["launches"], whole["kernel_call_ns"]
    said = f"{counted(calls, 'launch call', 'launch calls')} took {duration(whole['calls_ns'])} of host time"
    if kernels is not None:
        said += (
            f"; {'all' if kernels['count'] == calls else 'the ' + count(kernels['count']) + ' that'} launched kernels: "
            f"{duration(kernels['median'])} the median, {duration(whole['per_million_ns'])} per million at that"
        )
    said += "."
    if whole["per_range"]:
        one = whole["per_range"]
        mean = one["calls_ns"] // max(one["launches"], 1)
        each = f"{one['launches'] / one['count']:,.1f} launches x {duration(mean)}"
        said += f" In each '{printable(one['name'], 40)}': {each} = {duration(one['calls_ns'] // one['count'])}."
    return Text(said)
