"""What a report says about itself: versions, GPUs, process and thread names, when and how it was captured."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nsysgap.names import Names
from nsysgap.report.cells import whole, words
from nsysgap.report.source import Source
from nsysgap.tables import NONE

EXPORT_TABLES = ("META_DATA_EXPORT", "EXPORT_META_DATA")


def key_values(source: Source, table: str) -> list[tuple[str, str]]:
    """The (name, value) rows of a metadata table; none if it does not exist."""
    if not source.catalog.has(table, "name", "value"):
        return []
    return [(words(name), words(value)) for name, value in source.rows(table, ("name", "value"))]


def under_wsl(source: Source) -> bool:
    """Whether the program ran under Windows Subsystem for Linux, as far as the report tells."""
    environment = dict(key_values(source, "TARGET_INFO_SYSTEM_ENV"))
    return "microsoft" in environment.get("SoftwareReleaseVersion", "").lower()


def export_versions(source: Source) -> tuple[str | None, str | None]:
    """(nsys version, schema version); None where the exporter was too old to write them."""
    versions = {name: value for table in EXPORT_TABLES for name, value in key_values(source, table)}
    return versions.get("EXPORT_PRODUCT_VERSION") or None, versions.get("EXPORT_SCHEMA_VERSION") or None


def session_duration(source: Source) -> int | None:
    """ANALYSIS_DETAILS.duration in ns; None where the report has none. Its startTime is another clock's: never used."""
    first = source.first("ANALYSIS_DETAILS", ("duration",))
    return whole(first[0]) if first else None


def process_names(source: Source, names: Names, global_pids: NDArray[np.int64]) -> NDArray[np.int32]:
    """Indices of the names of these processes; NONE where PROCESSES has none. The last row of a process counts."""
    indices = np.full(len(global_pids), NONE, np.int32)
    row_of = {int(pid): i for i, pid in enumerate(global_pids)}
    for pid, name in source.texts("PROCESSES", "globalPid", "name"):
        if name and pid in row_of:
            indices[row_of[pid]] = names.add(name)
    return indices


def thread_names(source: Source, global_tids: NDArray[np.int64]) -> NDArray[np.int32]:
    """Indices of the names of these threads; NONE where ThreadNames has none. The last row of a thread counts."""
    indices = np.full(len(global_tids), NONE, np.int32)
    row_of = {int(tid): i for i, tid in enumerate(global_tids)}
    for tid, name in source.rows("ThreadNames", ("globalTid", "nameId")):
        index = whole(name, 32)
        if tid in row_of and index is not None:
            indices[row_of[tid]] = index
    return indices
