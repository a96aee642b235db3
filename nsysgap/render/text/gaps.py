"""Results as terminal tables: plain text that fits 80 columns, colour only where the console has it.

Takes the documents and groups that the analyses made and computes nothing that a test would want to check elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from nsysgap.causes import LABELS, PARTS
from nsysgap.gap_columns import via_text
from nsysgap.render.gpu_names import gpu_label
from nsysgap.render.text.console import add, notices, table
from nsysgap.render.text.folded import folded_lines
from nsysgap.render.text.kernels import kernel_names
from nsysgap.render.text.untraced import untraced_lines
from nsysgap.units import count, duration, percent, printable

Document = Mapping[str, Any]
SHARING = ("cause", "api", "line", "held")  # groupings of which several may have a share in one gap


def gaps_blocks(document: Document, counts: Mapping[str, int], top: int | None = None) -> Iterable[RenderableType]:
    """All blocks of `nsysgap gaps` for one report, in reading order.

    `counts`: gaps per cause; `top`: how many groups to list of a document that has them (all for None).
    """
    yield report_head(document["report"], document.get("selection", ""))
    yield from notices(document["report"]["warnings"], ("incomplete",))
    yield _devices(document["devices"])
    groups = document.get("groups")
    if groups is not None:
        yield _groups(groups["by"], groups["rows"], top)
        yield from folded_lines(groups.get("folded", ()), [group["name"] for group in groups["rows"][:top]])
    if groups is None or groups["by"] != "cause":  # else it would be said twice
        yield _causes(document["devices"], counts)
    yield from untraced_lines(document["devices"])
    yield from _latencies(document["launches"], document["graph_launches"], document["syncs"])
    if document["gaps"]:
        yield from _longest(document)
    yield from notices(document["report"]["warnings"], ("warning", "note"))


def report_head(report: Document, selected: str = "") -> Text:
    """Which report this is, and what of it counts."""
    said = [f"nsys {report['nsys_version']}" if report["nsys_version"] else "an nsys too old to name itself"]
    if report["duration_ns"] is not None:
        said.append(f"session of {duration(report['duration_ns'])}")
    text = Text.assemble((printable(report["path"]), "bold"), (f"\n{', '.join(said)}", "dim"))
    return Text.assemble(text, (f"\nOnly {selected}.", "cyan")) if selected else text


def _devices(devices: Sequence[Document]) -> Table:
    made = table("<GPU", "window", "busy", "idle", "idle %", "gaps", "longest")
    for device in devices:
        window = device["busy_ns"] + device["idle_ns"]
        name = f"{gpu_label(device)} {printable(device['name'] or '', 24)}".strip()
        times = (duration(window), duration(device["busy_ns"]), duration(device["idle_ns"]))
        longest = duration(device["longest_gap_ns"])
        add(made, name, *times, percent(device["idle_ns"], window), count(device["gap_count"]), longest)
    return made


def _causes(devices: Sequence[Document], counts: Mapping[str, int]) -> Table:
    several = 1 < len(devices) <= 4
    heads = [f"GPU {gpu_label(device)}" for device in devices] if several else []
    made = table("|idle by cause", *heads, "time", "share", "gaps", *([] if several else ["<"]))
    total = sum(device["idle_ns"] for device in devices)
    sums = {cause: sum(device["idle_by_cause_ns"][cause] for device in devices) for cause in PARTS}
    for cause in sorted(sums, key=lambda cause: -sums[cause]):
        if sums[cause]:
            each = [duration(device["idle_by_cause_ns"][cause]) for device in devices] if several else []
            label = [] if several else [Text(LABELS[cause], style="dim")]
            figures = (duration(sums[cause]), percent(sums[cause], total), count(counts.get(cause, 0)))
            add(made, cause, *each, *figures, *label)
    _part_of_it(made, devices, total, several=several)
    if not total:
        add(made, "no idle time", *([""] * len(heads)), "0 ns", "-", "0")
    return made


def _part_of_it(made: Table, devices: Sequence[Document], total: int, *, several: bool) -> None:
    """A row for what the ten causes do not tell apart: loading modules, for which fewer launches are no cure."""
    times = [device.get("loading_ns", 0) for device in devices]
    if any(times):
        each = [duration(time) for time in times] if several else []
        label = [] if several else [Text("warm up, or CUDA_MODULE_LOADING=EAGER", style="dim")]
        add(made, "of it loading", *each, duration(sum(times)), percent(sum(times), total), "", *label)


def _latencies(launches: Document, graphs: Document, syncs: Document) -> Iterable[RenderableType]:
    made = table("|launch latency", "|", "count", "median", "p90", "p99", "max")
    for kind, latencies in launches.items():
        rows = (("call", "call_ns"), ("queue", "queue_ns"), ("unqueued", "unqueued_latency_ns"))
        for i, (label, key) in enumerate(rows):
            _stats_row(made, kind if i == 0 else "", label, latencies[key])
    if made.row_count:
        yield made
    if graphs["count"]:
        made = table("|graph launches", "|", "count", "median", "p90", "p99", "max")
        for label in ("call", "latency", "span", "busy"):
            _stats_row(made, "graph" if label == "call" else "", label, graphs[f"{label}_ns"])
        _stats_row(made, "", "nodes", graphs["node_count"], count)
        yield made
    yield from _syncs(syncs)


def _syncs(syncs: Document) -> Iterable[RenderableType]:
    waited, nothing = syncs["waited"], syncs["found_nothing"]
    if not waited["count"] and not nothing:
        return
    made = table("|sync calls", "|", "count", "median", "p90", "p99", "max")
    if waited["count"]:
        _stats_row(made, "waited", "wait", waited["wait_ns"])
        _stats_row(made, "", "tail", waited["tail_ns"])
    if nothing:
        add(made, "found nothing", "", count(nothing), "", "", "", "")
    yield made


def _stats_row(made: Table, name: str, label: str, stats: Document | None, unit: Any = duration) -> None:
    if stats is None:
        add(made, name, label, "0", "-", "-", "-", "-")
    else:
        figures = (unit(stats[key]) for key in ("median", "p90", "p99", "max"))
        add(made, name, label, count(stats["count"]), *figures)


def _longest(document: Document) -> Iterable[RenderableType]:
    gaps = document["gaps"]
    several = len(document["devices"]) > 1
    nvtx = any(gap["nvtx"] or gap.get("acts_for") for gap in gaps)
    lines, via = any(gap.get("line") for gap in gaps), any(gap.get("via") for gap in gaps)
    threads = [_thread(gap) for gap in gaps]
    one_thread = lines and len(set(threads)) == 1  # said once below: lines need the room
    heads = [
        "at",
        *(["GPU"] if several else []),
        "long",
        "|cause",
        *(["<line"] if lines else []),
        "<ended by",
        *([] if one_thread else ["|thread"]),
        *(["<via"] if via else []),
        *(["<NVTX"] if nvtx else []),
    ]
    made = table(*heads)
    made.columns[0].header = Text("longest gaps at")
    for gap, thread, ended_by in zip(gaps, threads, _op_names([gap["after"] for gap in gaps]), strict=True):
        cells = [
            f"{gap['start_ns'] / 1e9:.6f} s",
            *([gpu_label(gap)] if several else []),
            duration(gap["duration_ns"]),
        ]
        line = [printable(gap.get("line") or "")] if lines else []
        who = [] if one_thread else [thread]
        through = [printable(via_text(gap.get("via")))] if via else []
        add(made, *cells, gap["cause"], *line, ended_by, *who, *through, *([_nvtx(gap)] if nvtx else []))
    yield made
    if one_thread:
        yield Text("Launched by no known thread." if threads[0] == "-" else f"All launched by thread {threads[0]}.")


def _thread(gap: Document) -> str:
    return "-" if gap["thread"] is None else f"{gap['process']}/{gap['thread']}"


def _op_names(ops: Sequence[Document | None]) -> Sequence[RenderableType]:
    names = [
        "-"
        if op is None
        else op["name"].removeprefix("[CUDA ").removesuffix("]")
        if op["kind"] != "kernel"
        else op["name"]
        for op in ops
    ]
    return kernel_names(names, [op is not None and op["kind"] == "kernel" for op in ops])


def _nvtx(gap: Document) -> str:
    acts_for = gap.get("acts_for")
    if acts_for is not None:
        return f"{printable(acts_for['nvtx'][-1])} by {gap['thread']}"
    return printable(gap["nvtx"][-1]) if gap["nvtx"] else ""


def _groups(by: str, groups: Sequence[Document], top: int | None) -> Table:
    """Idle time grouped, largest first; a last row sums up what `top` leaves out."""
    gaps = "in gaps" if by in SHARING else "gaps"
    made = table(f"<idle by {by}", "time", "share", gaps, "longest", "<" if by == "cause" else "|main cause")
    if by == "cause":  # a label says all or nothing: rather two lines than half a sentence
        made.columns[-1].no_wrap, made.columns[-1].overflow = False, "fold"
    total = sum(group["idle_ns"] for group in groups)
    names = kernel_names([group["name"] for group in groups[:top]], [by == "kernel"] * len(groups[:top]))
    for group, name in zip(groups[:top], names, strict=True):
        meaning = Text(LABELS[group["name"]], style="dim") if by == "cause" else group["main_cause"]
        add(made, name, *_group_figures([group], total), meaning)
    if not groups:
        add(made, "no idle time", "0 ns", "-", "0", "-", "")
    rest = [] if top is None else groups[top:]
    if rest:
        add(made, f"({len(rest):,} more)", *_group_figures(rest, total), "")
    return made


def _group_figures(groups: Sequence[Document], total: int) -> tuple[str, str, str, str]:
    """Time, share, gaps, the longest of one group, or of several together."""
    time, gaps = (sum(group[key] for group in groups) for key in ("idle_ns", "gaps"))
    return duration(time), percent(time, total), count(gaps), duration(max(group["longest_ns"] for group in groups))
