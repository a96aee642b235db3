"""Captures compared: one column per way of launching, as text, Markdown or CSV; what nsys changed, in a sentence."""

from __future__ import annotations

import csv
import io
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nsysgap.causes import HOST, LAUNCH, PARTS
from nsysgap.render.text.console import as_text
from nsysgap.render.text.screen import screen_blocks
from nsysgap.render.text.side_by_side import WIDTH, columns_markdown, columns_text
from nsysgap.units import duration, printable

if TYPE_CHECKING:
    from nsysgap.answers.screen import ScreenAnswer

Document = Mapping[str, Any]
FOOTNOTE = (
    "* inflated by nsys, whose hooks run inside every CUDA call and between them. Idle time and its causes are shares "
    "of the window under nsys; per 1,000 means per 1,000 kernels of work. Where there is untraced time, GPU busy lacks "
    "it and the sync tail holds it."
)
_INFLATED_CAUSES = tuple(PARTS[part] for part in (LAUNCH, HOST))


@dataclass(frozen=True)
class Row:
    """One line of the comparison: its label, the name of its CSV column, and its value in a summary."""

    label: str
    column: str
    value: Callable[[Document], Any]
    show: Callable[[Any], str]


def _record(which: str, key: str) -> Callable[[Document], Any]:
    """A figure of the program's own record, which may hold anything: None unless it is a number."""

    def value(summary: Document) -> Any:
        figure = ((summary[which] or {}).get("record") or {}).get(key)
        return figure if isinstance(figure, int | float) and not isinstance(figure, bool) else None

    return value


def _figure(key: str) -> Callable[[Document], Any]:
    return lambda summary: (summary["figures"] or {}).get(key)


def _cause(cause: str) -> Callable[[Document], Any]:
    return lambda summary: ((summary["figures"] or {}).get("idle_percent_by_cause") or {}).get(cause)


def _us(value: float) -> str:
    return f"{value:.2f}"


def _ns_as_us(value: int) -> str:
    return f"{value / 1000:.2f}"


def _share(value: float) -> str:
    return f"{value:.1f} %"


def _number(value: float) -> str:
    return f"{value:,.0f}"


def _ratio(summary: Document) -> Any:
    return None if summary["perturbation"] is None else round(100 * (summary["perturbation"]["ratio"] - 1), 2)


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


def _exit_code(summary: Document) -> int:
    return int(summary["profiled"]["exit_code"])


EXIT_CODE = Row("exit code", "exit_code", _exit_code, str)


def _rows(summaries: Sequence[Document]) -> list[Row]:
    """The rows that some capture has a value for; causes that no capture has are left out, and exit codes all 0."""
    causes = [_cause_row(cause) for cause in PARTS]
    shown = [row for row in causes if any(row.value(summary) for summary in summaries)]
    failed = [EXIT_CODE] if any(_exit_code(summary) for summary in summaries) else []
    return [*failed, *(row for row in (*ROWS, *shown) if any(row.value(summary) is not None for summary in summaries))]


def _cells(summaries: Sequence[Document]) -> list[list[str]]:
    head = ["", *(printable(summary["name"], 24) for summary in summaries)]
    body = [[row.label, *(_cell(row, summary) for summary in summaries)] for row in _rows(summaries)]
    return [head, *body]


def _nothing_said(summaries: Sequence[Document]) -> list[str]:
    """A sentence on captures without a single figure; nothing where there is none."""
    without = [printable(summary["name"], 24) for summary in summaries if summary["figures"] is None]
    return [f"No figures, since their reports hold no kernels: {', '.join(without)}."] if without else []


def _cell(row: Row, summary: Document) -> str:
    value = row.value(summary)
    return "-" if value is None else row.show(value)


def comparison_text(summaries: Sequence[Document]) -> str:
    """The comparison as tables of plain text, side by side as many captures as fit 80 columns, with the footnote."""
    notes = (*_nothing_said(summaries), *_footnotes(summaries))
    return "\n\n".join([columns_text(_cells(summaries)), *map(_wrapped, notes)]) + "\n"


def _wrapped(said: str) -> str:
    return "\n".join(textwrap.wrap(said, WIDTH, break_long_words=False, break_on_hyphens=False))


def _footnotes(summaries: Sequence[Document]) -> list[str]:
    """The footnote, where there is a figure that it is about."""
    return [FOOTNOTE] if any(summary["figures"] is not None for summary in summaries) else []


def comparison_markdown(summaries: Sequence[Document]) -> str:
    """The comparison as a Markdown table, with the footnote."""
    notes = [*_nothing_said(summaries), *(note.replace("*", "\\*", 1) for note in _footnotes(summaries))]
    return "\n\n".join([columns_markdown(_cells(summaries)), *notes]) + "\n"


def comparison_csv(summaries: Sequence[Document]) -> str:
    """One line per capture, every figure a column; numbers unrounded, empty where there is none."""
    rows = (*ROWS, *(_cause_row(cause) for cause in PARTS))
    sink = io.StringIO()
    writer = csv.writer(sink, lineterminator="\n")
    writer.writerow(["name", "target", "exit_code", *(row.column for row in rows)])
    for summary in summaries:
        values = ["" if (value := row.value(summary)) is None else value for row in rows]
        writer.writerow([summary["name"], summary["target"], summary["profiled"]["exit_code"], *values])
    return sink.getvalue()


COMPARISONS: Mapping[str, Callable[[Sequence[Document]], str]] = {
    "text": comparison_text,
    "csv": comparison_csv,
    "markdown": comparison_markdown,
}


def capture_text(screen: ScreenAnswer | None, summary: Document, files: Sequence[str], *, color: bool) -> str:
    """One capture: the first screen of `nsysgap gaps` and what nsys changed, where it can answer; steps, and files."""
    parts = (
        []
        if screen is None
        else [as_text(screen_blocks(screen), color=color).removesuffix("\n"), perturbation_text(summary)]
    )
    steps, names = loops_text(summary), printable(", ".join(files))
    return "".join(f"\n{part}\n" for part in [*parts, *([steps] if steps else []), f"Wrote {names}."])


def perturbation_text(summary: Document) -> str:
    """What nsys changed, in a sentence or two of lines for 80 columns."""
    perturbation = summary["perturbation"]
    inflated = (
        "The figures above are those under nsys; it inflates launch calls and latency, and the idle time called launch "
        "and host."
    )
    if perturbation is not None:
        before, after = (
            duration(round(perturbation["plain_s"] * 1e9)),
            duration(round(perturbation["profiled_s"] * 1e9)),
        )
        change = 100 * (perturbation["ratio"] - 1)
        changed = f"{perturbation['of']} took {before} plain and {after} under nsys ({change:+.1f} %)."
    elif summary["baseline"] is None:
        changed = "not measured, since there was no plain run."
    else:
        changed = "that cannot be told, since the two runs have nothing to compare."
    return _wrapped(f"What nsys changed: {changed} {inflated}")


def loops_text(summary: Document) -> str:
    """What a step takes plain and under nsys, a line per loop; why that is not known; the spread of several rounds."""
    lines = [_loop_line(loop) for loop in summary.get("loops", ())]
    if not lines and summary.get("no_loops") and summary["baseline"] is not None:
        lines = [_wrapped(f"Step times plain and under nsys: {printable(summary['no_loops'])}")]
    if summary.get("repeats"):
        lines.append(_repeats_line(summary["repeats"]))
    return "\n".join(lines)


def _loop_line(loop: Document) -> str:
    plain, profiled = loop["plain_step_ns"], loop["profiled_step_ns"]
    times = f"{_middle_and_spread(plain)} plain, {_middle_and_spread(profiled)} under nsys ({loop['ratio']:.2f}x)"
    return _wrapped(f"{printable(loop['label'], 30)}: {times}")


def _repeats_line(repeats: Document) -> str:
    plain, profiled = ([round(value * 1e9) for value in repeats[key]] for key in ("plain_s", "profiled_s"))
    times = f"{_middle_and_spread(plain)} plain, {_middle_and_spread(profiled)} under nsys"
    return _wrapped(
        f"{len(plain)} rounds, {repeats['of']}: {times} ({repeats['ratio_of_medians']:.2f}x). The last one is kept."
    )


def _middle_and_spread(times: Sequence[int]) -> str:
    """The median in ns as people read it; of several also the least and the most."""
    ordered = sorted(times)
    middle = duration(ordered[(len(ordered) - 1) // 2])
    return middle if len(ordered) < 2 else f"{middle} ({duration(ordered[0])} to {duration(ordered[-1])})"
