"""`nsysgap launches` as text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from nsysgap.render.text.console import add, notices, table
from nsysgap.render.text.folded import folded_lines
from nsysgap.render.text.kernels import kernel_names
from nsysgap.units import count, counted, duration, percent, printable

Document = Mapping[str, Any]


def launches_blocks(
    document: Document, top: int | None, notes: Sequence[Document] = (), by: str | None = None
) -> Iterable[RenderableType]:
    """All blocks of `nsysgap launches` for one report, in reading order.

    `top`: rows of each table; `notes`: on what was selected; `by`: only the table of this, "kernel" or "nvtx".
    """
    head = Text(printable(document["report"]["path"]), style="bold")
    yield head.append(f"\nOnly {document['selection']}.", "cyan") if document.get("selection") else head
    yield from notices(document["report"]["warnings"], ("incomplete",))
    if by != "nvtx":
        yield from _kernel_tables(document["kernels"], top)
    if by != "kernel":
        yield from _range_table(document, top)
    yield _arithmetic(document["all"])
    yield from notices(notes, ("warning", "note"))


def _kernel_tables(kernels: Sequence[Document], top: int | None) -> Iterable[RenderableType]:
    if not kernels:
        yield Text("No kernel ran in the selection.")
        return
    names = kernel_names([kernel["name"] for kernel in kernels[:top]])
    yield _kernels(kernels, names)
    yield Text(
        "Most time in launch calls first (calls: all of it); call, run, unqueued: medians; ratio: call by run; "
        "! launching costs the host more than the kernel runs."
    )
    yield _shapes(kernels, names)
    yield Text("packed: started at most 2 us after the op before it in its stream; latency: median.")


def _range_table(document: Document, top: int | None) -> Iterable[RenderableType]:
    if not document["ranges"]:
        return
    yield _ranges(document["ranges"], top)
    folded = list(folded_lines(document.get("folded", ()), [row["name"] for row in document["ranges"][:top]]))
    yield from folded
    busy = "; busy: GPU time of what was launched in the ranges by their own time" if folded else ""
    yield Text(
        "Most launches in all ranges of a name first; long, launches, ops, calls: means of a range, launched by "
        f"any thread of its process; share: calls by long; per million: kernel launches, at their mean{busy}."
    )


def _kernels(kernels: Sequence[Document], names: Sequence[RenderableType]) -> RenderableType:
    made = table("<kernel", "count", "calls", "call", "run", "ratio", "|", "unqueued")
    for kernel, name in zip(kernels, names, strict=False):
        mark = Text("!" if kernel["costs_more_than_it_runs"] else "", style="yellow")
        unknown = "graph" if kernel["in_graphs"] else "-"
        ratio = unknown if kernel["call_per_run"] is None else _ratio(kernel["call_per_run"])
        call = kernel["call_ns"]
        figures = ("-" if call is None else duration(call["total"]), _median(call), _median(kernel["duration_ns"]))
        add(made, name, count(kernel["count"]), *figures, ratio, mark, _median(kernel["unqueued_latency_ns"]))
    return made


def _ratio(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"


def _shapes(kernels: Sequence[Document], names: Sequence[RenderableType]) -> RenderableType:
    """The most frequent grid of each kernel, how often it is that, and how many others there are."""
    made = table("<kernel", "grid", "block", "of that", "others", "packed", "latency")
    for kernel, name in zip(kernels, names, strict=False):
        first = kernel["grids"][0]
        sizes = ("-" if min(first[key]) < 0 else "x".join(map(str, first[key])) for key in ("grid", "block"))
        of_that, packed = (percent(number, kernel["count"]) for number in (first["count"], kernel["back_to_back"]))
        add(made, name, *sizes, of_that, count(len(kernel["grids"]) - 1), packed, _median(kernel["latency_ns"]))
    return made


def _median(stats: Document | None) -> str:
    return "-" if stats is None else duration(stats["median"])


def _ranges(ranges: Sequence[Document], top: int | None) -> RenderableType:
    made = table("<NVTX range", "ranges", "long", "launches", "ops", "calls", "share", "per million")
    for row in ranges[:top]:
        each = (f"{row['launches'] / row['count']:,.1f}", f"{row['ops'] / row['count']:,.1f}")
        calls, long = row["calls_ns"], row["duration_ns"]["total"]
        million = "-" if row["per_million_ns"] is None else duration(row["per_million_ns"])
        means = (duration(long // row["count"]), *each, duration(calls // row["count"]))
        add(made, printable(row["name"]), count(row["count"]), *means, percent(calls, long), million)
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
        row = whole["per_range"]
        mean = row["calls_ns"] // max(row["launches"], 1)
        each = f"{row['launches'] / row['count']:,.1f} launches x {duration(mean)}"
        said += f" In each '{printable(row['name'], 40)}': {each} = {duration(row['calls_ns'] // row['count'])}."
    return Text(said)
