"""The profiler's own diagnostics: which of them mean that the figures rest on an incomplete trace."""

from __future__ import annotations

import re

import numpy as np

from nsysgap.report.cells import words
from nsysgap.report.reads import Read
from nsysgap.report.source import Source
from nsysgap.tables import Notice

MOST_OF_A_LEVEL = 20
SEVERITIES = {1: "note", 2: "warning", 3: "error", 4: "note"}
# What nsys says when event rows are missing, in the wordings of nsys 2022 to 2026.
_LOST = re.compile(
    r"Not all (?:CUDA|NVTX|OS runtime libraries) events might have been collected"
    # No more than some words between: what looks farther from every word takes the square of a long text's length.
    r"|events? (?:\w{1,30} ){0,12}(?:lost|dropped|discarded|missed)"
    r"|(?:lost|dropped|discarded) (?:\S{1,99} ){0,12}events?"
    r"|CUDA profiling might have not been started correctly|No CUDA events collected"
    r"|(?:incomplete|truncated) (?:trace|data)|buffers? (?:is |are )?full|ran out of (?:memory|disk)"
    r"|CUPTI.{0,400}?(?:fail|error|not supported)",
    re.IGNORECASE,
)
# Said of each process that used NVTX: of one without GPU work it bears on no figure.
_NOT_ALL_NVTX = re.compile("Not all NVTX events", re.IGNORECASE)
# Said of each process without CUDA calls. In a report that has CUDA rows those are of other processes, and what a shell
# or git, which the program started, did not record is no loss.
_NO_CUDA = re.compile("No CUDA events collected", re.IGNORECASE)
_OF_ONE_PROCESS = re.compile("No CUDA events collected|CUDA profiling might have not been started", re.IGNORECASE)


def _has_cuda_rows(source: Source) -> bool:
    return any(source.has_rows(table) for table in source.catalog.columns if table.startswith("CUPTI_ACTIVITY_KIND_"))


def _processes_with_ops(source: Source) -> set[int | None]:
    """The processes that own rows of GPU work."""
    found: set[int | None] = set()
    for table in ("KERNEL", "MEMCPY", "MEMSET", "GRAPH_TRACE"):
        name = f"CUPTI_ACTIVITY_KIND_{table}"
        if source.catalog.has(name, "globalPid") and source.has_rows(name):
            found |= set(np.unique(source.columns(name, [Read("of", "globalPid")])["of"]).tolist())
    return found


def _pid(process: int | None) -> int:
    """The process ID within nsys's number; 0 for the machine as a whole."""
    return (process or 0) >> 24 & 0xFFFFFF


def diagnostics(source: Source) -> list[tuple[str, str]]:
    """(severity, text) of every DIAGNOSTIC_EVENT in the report's order; severity "note", "warning" or "error"."""
    return [(severity, said) for severity, said, _ in _with_processes(source)]


def _with_processes(source: Source) -> list[tuple[str, str, int | None]]:
    """`diagnostics`, each with the process it is of (as nsys numbers them); None where the report does not say."""
    if not source.catalog.has("DIAGNOSTIC_EVENT", "text", "severity"):
        return []
    rows = source.rows("DIAGNOSTIC_EVENT", ("severity", "text", "globalPid"))
    return [
        (SEVERITIES.get(severity, "note"), " ".join(words(said).split()), of) for severity, said, of in rows if said
    ]


def is_incomplete(said: str) -> bool:
    """Whether a diagnostic means that events are missing from the report."""
    return bool(_LOST.search(said))


def notices(source: Source) -> list[Notice]:
    """The diagnostics that bear on the figures: level "incomplete" where events are missing, else what it warns of
    about CUDA, and its errors."""
    said_of = _with_processes(source)
    without = {of for _, said, of in said_of if _NO_CUDA.search(said)} if _has_cuda_rows(source) else set()
    with_ops = _processes_with_ops(source) if any(_NOT_ALL_NVTX.search(said) for _, said, _ in said_of) else set()
    found: dict[Notice, None] = {}
    needless: dict[tuple[str, str], set[int | None]] = {}
    for severity, said, of in said_of:
        if of in without and _OF_ONE_PROCESS.search(said):
            needless.setdefault(("CUDA events", said), set()).add(of)
        elif _NOT_ALL_NVTX.search(said) and _pid(of) and with_ops and of not in with_ops:
            needless.setdefault(("GPU work", said), set()).add(of)
        elif is_incomplete(said):
            found[Notice("incomplete", f"nsys says: {said}")] = None
        elif severity == "error" or (severity == "warning" and "CUDA" in said):
            found[Notice("warning", f"nsys says: {said}")] = None
    for (what, said), processes in needless.items():
        whom = "one process" if len(processes) == 1 else f"{len(processes)} processes"
        found[Notice("note", f"nsys says of {whom} without {what}: {said}")] = None
    return _first_of_each_level(list(found))


def _first_of_each_level(found: list[Notice]) -> list[Notice]:
    """Not thousands that differ in a number: the first of each level, and how many more there are."""
    kept: list[Notice] = []
    more: dict[str, int] = {}
    for notice in found:
        if sum(one.level == notice.level for one in kept) < MOST_OF_A_LEVEL:
            kept.append(notice)
        else:
            more[notice.level] = more.get(notice.level, 0) + 1
    said = "nsys says {} more of this kind: nsysgap info lists them."
    return kept + [Notice(level, said.format(f"{number:,}")) for level, number in more.items()]
