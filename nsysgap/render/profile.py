"""Captures compared: one column per way of launching, as text, Markdown or CSV; what nsys changed, in a sentence."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nsysgap.units import duration, printable

Document = Mapping[str, Any]
FOOTNOTE = (
    "* inflated by nsys, whose hooks run inside every CUDA call and between them. Idle time and its causes are shares "
    "of the window under nsys; per 1,000 means per 1,000 kernels of work. Where there is untraced time, GPU busy lacks "
    "it and the sync tail holds it."
)
CAUSES = ("in_graph", "queued", "launch", "profiler", "sync", "untraced", "cuda_api", "os", "host", "unknown")
_INFLATED_CAUSES = ("launch", "host")


@dataclass(frozen=True)
class Row:
    """One line of the comparison: its label, the name of its CSV column, and its value in a summary."""

    label: str
    column: str
    value: Callable[[Document], Any]
    show: Callable[[Any], str]


def _record(which: str, key: str) -> Callable[[Document], Any]:
    return lambda one: ((one[which] or {}).get("record") or {}).get(key)


def _figure(key: str) -> Callable[[Document], Any]:
    return lambda one: (one["figures"] or {}).get(key)


def _cause(cause: str) -> Callable[[Document], Any]:
    return lambda one: ((one["figures"] or {}).get("idle_percent_by_cause") or {}).get(cause)


def _us(value: float) -> str:
    return f"{value:.2f}"


def _ns_as_us(value: int) -> str:
    return f"{value / 1000:.2f}"


def _share(value: float) -> str:
    return f"{value:.1f} %"


def _number(value: float) -> str:
    return f"{value:,.0f}"


def _ratio(one: Document) -> Any:
    return None if one["perturbation"] is None else round(100 * (one["perturbation"]["ratio"] - 1), 2)


def _seconds(value: float) -> str:
    return duration(round(value * 1e9))


ROWS = (
    Row("measured part, plain", "plain_s", _record("baseline", "wall_s_measured"), _seconds),
    Row("measured part, under nsys", "profiled_s", _record("profiled", "wall_s_measured"), _seconds),
    Row("plain, us per kernel", "plain_us_per_kernel", _record("baseline", "wall_us_per_kernel"), _us),
    Row("under nsys, us per kernel", "profiled_us_per_kernel", _record("profiled", "wall_us_per_kernel"), _us),
    Row("nsys makes it slower by", "slowdown_percent", _ratio, _share),
    Row("kernel by CUDA events, plain, us", "event_us_per_kernel", _record("baseline", "event_us_per_kernel"), _us),
    Row("GPU busy, us per kernel", "busy_us_per_kernel", _figure("busy_us_per_kernel"), _us),
    Row("launch latency, median, us *", "launch_latency_ns", _figure("launch_latency_ns"), _ns_as_us),
    Row("sync tail, median, us", "sync_tail_ns_median", _figure("sync_tail_ns_median"), _ns_as_us),
    Row("host API calls per 1,000", "api_calls_per_1000", _figure("api_calls_per_1000"), _number),
    Row("GPU ops per 1,000", "gpu_ops_per_1000", _figure("gpu_ops_per_1000"), _number),
    Row("untraced time", "untraced_ns", _figure("untraced_ns"), duration),
    Row("idle, untraced counted as busy", "idle_percent_low", _figure("idle_percent_if_untraced_is_busy"), _share),
    Row("idle, untraced counted as idle", "idle_percent_high", _figure("idle_percent"), _share),
)


def _cause_row(cause: str) -> Row:
    mark = " *" if cause in _INFLATED_CAUSES else ""
    return Row(f"  idle: {cause}{mark}", f"idle_percent_{cause}", _cause(cause), _share)


def _rows(summaries: Sequence[Document]) -> list[Row]:
    """The rows that some capture has a value for; causes that no capture has are left out."""
    causes = [_cause_row(cause) for cause in CAUSES]
    shown = [row for row in causes if any(row.value(one) for one in summaries)]
    return [row for row in (*ROWS, *shown) if any(row.value(one) is not None for one in summaries)]


def _cells(summaries: Sequence[Document]) -> list[list[str]]:
    head = ["", *(printable(one["name"], 24) for one in summaries)]
    body = [[row.label, *(_cell(row, one) for one in summaries)] for row in _rows(summaries)]
    return [head, *body]


def _cell(row: Row, one: Document) -> str:
    value = row.value(one)
    return "-" if value is None else row.show(value)


def comparison_text(summaries: Sequence[Document]) -> str:
    """The comparison as a table of plain text, with the footnote; "" where no capture has a figure."""
    cells = _cells(summaries)
    if len(cells) == 1:
        return ""
    widths = [max(len(line[i]) for line in cells) for i in range(len(cells[0]))]
    lines = [
        "  ".join((line[0].ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(line[1:], widths[1:], strict=True))))
        for line in cells
    ]
    return "\n".join([*(line.rstrip() for line in lines), "", FOOTNOTE]) + "\n"


def comparison_markdown(summaries: Sequence[Document]) -> str:
    """The comparison as a Markdown table, with the footnote."""
    head, *body = [[cell.strip().replace("|", "\\|") for cell in line] for line in _cells(summaries)]
    rule = ["---", *(["---:"] * (len(head) - 1))]
    lines = [f"| {' | '.join(line)} |" for line in (head, rule, *body)]
    return "\n".join([*lines, "", FOOTNOTE.replace("*", "\\*", 1)]) + "\n"


def comparison_csv(summaries: Sequence[Document]) -> str:
    """One line per capture, every figure a column; numbers unrounded, empty where there is none."""
    rows = (*ROWS, *(_cause_row(cause) for cause in CAUSES))
    sink = io.StringIO()
    writer = csv.writer(sink, lineterminator="\n")
    writer.writerow(["name", "target", "exit_code", *(row.column for row in rows)])
    for one in summaries:
        values = ["" if (value := row.value(one)) is None else value for row in rows]
        writer.writerow([one["name"], one["target"], one["profiled"]["exit_code"], *values])
    return sink.getvalue()


def perturbation_text(one: Document) -> str:
    """What nsys changed, in a sentence or two."""
    found = one["perturbation"]
    if found is None:
        return (
            "" if one["baseline"] is None else "What nsys changed cannot be told: the two runs have nothing to compare."
        )
    before, after = duration(round(found["plain_s"] * 1e9)), duration(round(found["profiled_s"] * 1e9))
    change = 100 * (found["ratio"] - 1)
    return (
        f"What nsys changed: {found['of']} took {before} plain and {after} under nsys ({change:+.1f} %). "
        "The figures above are those under nsys; it inflates launch calls and latency, and the idle time called launch "
        "and host."
    )
