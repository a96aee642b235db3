"""The profiler's own diagnostics: which of them mean that the figures rest on an incomplete trace."""

from __future__ import annotations

import re

from sqlalchemy import text
from sqlalchemy.engine import Connection

from nsysgap.report.catalog import Catalog
from nsysgap.report.cells import words
from nsysgap.tables import Notice

SEVERITIES = {1: "note", 2: "warning", 3: "error", 4: "note"}
# What nsys says when event rows are missing, in the wordings of nsys 2022 to 2026.
_LOST = re.compile(
    r"Not all (?:CUDA|NVTX|OS runtime libraries) events might have been collected"
    r"|events? (?:\w+ )*(?:lost|dropped|discarded|missed)|(?:lost|dropped|discarded) (?:\S+ )*events?"
    r"|CUDA profiling might have not been started correctly|No CUDA events collected"
    r"|(?:incomplete|truncated) (?:trace|data)|buffers? (?:is |are )?full|ran out of (?:memory|disk)"
    r"|CUPTI.*(?:fail|error|not supported)",
    re.IGNORECASE,
)


# Said of each process without CUDA calls: in a report that has CUDA rows it is of a process that needs none.
_OF_ONE_PROCESS = re.compile("No CUDA events collected", re.IGNORECASE)


def _has_cuda_rows(connection: Connection, catalog: Catalog) -> bool:
    tables = [table for table in catalog.columns if table.startswith("CUPTI_ACTIVITY_KIND_")]
    return any(connection.execute(text(f'SELECT 1 FROM "{table}" LIMIT 1')).first() for table in tables)


def diagnostics(connection: Connection, catalog: Catalog) -> list[tuple[str, str]]:
    """(severity, text) of every DIAGNOSTIC_EVENT in the report's order; severity "note", "warning" or "error"."""
    if not catalog.has("DIAGNOSTIC_EVENT", "text", "severity"):
        return []
    rows = connection.execute(text("SELECT severity, text FROM DIAGNOSTIC_EVENT ORDER BY rowid"))
    return [(SEVERITIES.get(severity, "note"), " ".join(words(said).split())) for severity, said in rows if said]


def is_incomplete(said: str) -> bool:
    """Whether a diagnostic means that events are missing from the report."""
    return bool(_LOST.search(said))


def notices(connection: Connection, catalog: Catalog) -> list[Notice]:
    """The diagnostics that bear on the figures: level "incomplete" where events are missing, else what it warns of
    about CUDA, and its errors."""
    found = []
    recorded = _has_cuda_rows(connection, catalog)
    for severity, said in dict.fromkeys(diagnostics(connection, catalog)):
        if recorded and _OF_ONE_PROCESS.search(said):
            found.append(Notice("note", f"nsys says of one process: {said}"))
        elif is_incomplete(said):
            found.append(Notice("incomplete", f"nsys says: {said}"))
        elif severity == "error" or (severity == "warning" and "CUDA" in said):
            found.append(Notice("warning", f"nsys says: {said}"))
    return found
