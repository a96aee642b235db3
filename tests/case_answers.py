"""What `nsysgap gaps --format json` says of a built report, in few words for the tests of cases."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from report_builder import ReportBuilder

from nsysgap.answers.gaps import GapsOptions, gaps
from nsysgap.answers.opening import ask
from nsysgap.answers.selection import Selection

US, MS = 1_000, 1_000_000


def answer(report: ReportBuilder, folder: Path, nvtx: str | None = None) -> dict[str, Any]:
    """The document of a report, all gaps listed."""
    selection = Selection(nvtx=None if nvtx is None else re.compile(nvtx))
    return ask(report.save(folder), gaps, GapsOptions(selection, top=None, loops=False)).document()


def said(document: dict[str, Any], level: str) -> str:
    """All notices of a level, as one text."""
    return " ".join(one["text"] for one in document["report"]["warnings"] if one["level"] == level)


def gpus(document: dict[str, Any]) -> list[tuple[int, str | None, str | None, int, int]]:
    """(device, which, name, busy, idle) of every GPU."""
    rows = document["devices"]
    return [(one["device"], one.get("which"), one["name"], one["busy_ns"], one["idle_ns"]) for one in rows]


def waits(document: dict[str, Any]) -> tuple[int, int, int | None, int | None]:
    """(calls that waited, that found nothing, median wait, median tail)."""
    waited = document["syncs"]["waited"]
    stats = [None if waited[key] is None else waited[key]["median"] for key in ("wait_ns", "tail_ns")]
    return waited["count"], document["syncs"]["found_nothing"], stats[0], stats[1]


def parts(document: dict[str, Any]) -> dict[str, int]:
    """Idle time by cause of the first GPU, without zeros."""
    return {name: value for name, value in document["devices"][0]["idle_by_cause_ns"].items() if value}


def steps(report: ReportBuilder, number: int, every: int, **more: Any) -> ReportBuilder:
    """`number` kernels of half the time from one to the next, each launched 20 us before it starts."""
    for i in range(number):
        start = MS + i * every + more.get("delay", 0)
        op = {name: value for name, value in more.items() if name != "delay"}
        report.launch((start - 20 * US, start - 15 * US), (start, start + every // 2), **op)
    return report
