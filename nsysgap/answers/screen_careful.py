"""What to be careful about on the first screen, and what a report holds where it has no GPU work to show."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nsysgap.answers.opening import OpenReport
from nsysgap.answers.selection import Selection
from nsysgap.fleet.names import report_stem
from nsysgap.tables import GRAPH

SUMMARY_SCHEMA = "nsysgap.profile/1"
LARGEST_SUMMARY = 10_000_000


@dataclass(frozen=True, slots=True)
class PlainRun:
    """How long a part of the program ("the measured part", "the whole run") took plain and under nsys, seconds."""

    of: str
    plain_s: float
    profiled_s: float


@dataclass(frozen=True)
class Care:
    """`plain`: of the summary that `profile` wrote beside the report; `whole_graphs`: graphs are traced as a whole;
    `selected`: what to know of the selection."""

    plain: PlainRun | None
    whole_graphs: bool
    selected: tuple[str, ...]


@dataclass(frozen=True)
class Holds:
    """How many rows of each kind a report has, and whether it says lines of the program."""

    ops: int
    calls: int
    ranges: int
    os_calls: int
    threads: int
    processes: int
    sampled: bool


def care(report: OpenReport, selection: Selection) -> Care:
    """What makes a report's figures differ from what the program does by itself, or from what one expects of them."""
    notes = tuple(note.text for note in report.select(selection).notes)
    return Care(plain_run(report.path), bool((report.trace.ops["kind"] == GRAPH).any()), notes)


def holds(report: OpenReport) -> Holds:
    """What a report holds."""
    trace = report.trace
    samples = report.samples
    return Holds(
        ops=trace.ops.rows,
        calls=trace.api.rows,
        ranges=trace.nvtx.rows,
        os_calls=trace.osrt.rows,
        threads=trace.threads.rows,
        processes=trace.processes.rows,
        sampled=samples is not None and bool(samples.samples.rows),
    )


def plain_run(path: str) -> PlainRun | None:
    """What the NAME.json beside a report says of the program without nsys; None where none is this report's."""
    report = Path(path)
    name = report_stem(str(report))
    beside = report.with_name(f"{name}.json")
    try:
        if not beside.is_file() or beside.stat().st_size > LARGEST_SUMMARY:
            return None
        summary: Any = json.loads(beside.read_bytes())
    except (OSError, ValueError):
        return None
    return _plain_of(summary, name) if isinstance(summary, dict) else None


def _plain_of(summary: dict[str, Any], name: str) -> PlainRun | None:
    measured, files = summary.get("perturbation"), summary.get("files")
    mine = isinstance(files, list) and any(isinstance(file, str) and file.startswith(f"{name}.") for file in files)
    if summary.get("schema") != SUMMARY_SCHEMA or not mine or not isinstance(measured, dict):
        return None
    plain, profiled = measured.get("plain_s"), measured.get("profiled_s")
    if not isinstance(plain, int | float) or not isinstance(profiled, int | float) or plain <= 0 or profiled <= 0:
        return None
    return PlainRun(str(measured.get("of")), float(plain), float(profiled))
