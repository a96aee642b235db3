"""The profiler's own diagnostics: which of them mean that the figures rest on an incomplete trace."""

from __future__ import annotations

import re
from dataclasses import dataclass

from nsysgap.arrays import distinct
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
# What GPUs cannot do among each other, as under WSL2, is no reason for what a report lacks.
_NO_CAUSE = re.compile(r"peer[- ]to[- ]peer|\bP2P\b", re.IGNORECASE)
_OF_ONE_PROCESS = re.compile("No CUDA events collected|CUDA profiling might have not been started", re.IGNORECASE)


def _has_cuda_rows(source: Source) -> bool:
    return any(source.has_rows(table) for table in source.catalog.columns if table.startswith("CUPTI_ACTIVITY_KIND_"))


def _processes_with_ops(source: Source) -> set[int | None]:
    """The processes that own rows of GPU work."""
    owners: set[int | None] = set()
    for table in ("KERNEL", "MEMCPY", "MEMSET", "GRAPH_TRACE"):
        name = f"CUPTI_ACTIVITY_KIND_{table}"
        if source.catalog.has(name, "globalPid") and source.has_rows(name):
            owners |= set(distinct(source.columns(name, [Read("of", "globalPid")])["of"]).tolist())
    return owners


def _pid(process: int | None) -> int:
    """The process ID within nsys's number; 0 for the machine as a whole."""
    return (process or 0) >> 24 & 0xFFFFFF


@dataclass(frozen=True)
class Diagnostic:
    """What nsys said of the capture. `severity`: its own, "note", "warning" or "error"; `level`: that of the notice
    that it becomes, "" for none; `without`: what the process does not have that it is of ("CUDA events", "GPU work"),
    so that it bears on no figure; "" else. `process` as nsys numbers it, None where the report does not say."""

    severity: str
    text: str
    level: str
    without: str
    process: int | None


def diagnostics(source: Source) -> list[Diagnostic]:
    """Every DIAGNOSTIC_EVENT in the report's order."""
    said_of = _with_processes(source)
    without = {of for _, said, of in said_of if _NO_CUDA.search(said)} if _has_cuda_rows(source) else set()
    with_ops = _processes_with_ops(source) if any(_NOT_ALL_NVTX.search(said) for _, said, _ in said_of) else set()
    events = []
    for severity, said, of in said_of:
        lacks = ""
        if of in without and _OF_ONE_PROCESS.search(said):
            lacks = "CUDA events"
        elif _NOT_ALL_NVTX.search(said) and _pid(of) and with_ops and of not in with_ops:
            lacks = "GPU work"
        events.append(Diagnostic(severity, said, "note" if lacks else level_of(severity, said), lacks, of))
    return events


def level_of(severity: str, said: str) -> str:
    """The level of the notice that a diagnostic becomes, "" for none: "incomplete" where events are missing."""
    if _NO_CAUSE.search(said):
        return ""
    if _LOST.search(said):
        return "incomplete"
    return "warning" if severity == "error" or (severity == "warning" and "CUDA" in said) else ""


def _with_processes(source: Source) -> list[tuple[str, str, int | None]]:
    """(severity, text, process) of each."""
    if not source.catalog.has("DIAGNOSTIC_EVENT", "text", "severity"):
        return []
    rows = source.rows("DIAGNOSTIC_EVENT", ("severity", "text", "globalPid"))
    return [
        (SEVERITIES.get(severity, "note"), " ".join(words(said).split()), of) for severity, said, of in rows if said
    ]


def notices(source: Source) -> list[Notice]:
    """The diagnostics that bear on the figures, and those of processes that do not, counted."""
    distinct_notices: dict[Notice, None] = {}
    needless: dict[tuple[str, str], set[int | None]] = {}
    for diagnostic in diagnostics(source):
        if diagnostic.without:
            needless.setdefault((diagnostic.without, diagnostic.text), set()).add(diagnostic.process)
        elif diagnostic.level:
            distinct_notices[Notice(diagnostic.level, f"nsys says: {diagnostic.text}")] = None
    for (without, said), processes in needless.items():
        distinct_notices[Notice("note", f"nsys says of {of_whom(len(processes), without)}: {said}")] = None
    return _first_of_each_level(list(distinct_notices))


def of_whom(processes: int, without: str) -> str:
    """ "2 processes without GPU work"."""
    return f"{'one process' if processes == 1 else f'{processes} processes'} without {without}"


def _first_of_each_level(all_notices: list[Notice]) -> list[Notice]:
    """Not thousands that differ in a number: the first of each level, and how many more there are."""
    kept: list[Notice] = []
    more: dict[str, int] = {}
    for notice in all_notices:
        if sum(earlier.level == notice.level for earlier in kept) < MOST_OF_A_LEVEL:
            kept.append(notice)
        else:
            more[notice.level] = more.get(notice.level, 0) + 1
    said = "nsys says {} more of this kind: nsysgap info lists them."
    return kept + [Notice(level, said.format(f"{number:,}")) for level, number in more.items()]
