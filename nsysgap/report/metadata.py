"""What a report says about itself: versions, GPUs, process and thread names, when and how it was captured."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import text
from sqlalchemy.engine import Connection

from nsysgap.report.catalog import Catalog
from nsysgap.report.cells import rows_of_bytes, whole, words
from nsysgap.tables import NONE, Device, Names

EXPORT_TABLES = ("META_DATA_EXPORT", "EXPORT_META_DATA")


def key_values(connection: Connection, catalog: Catalog, table: str) -> list[tuple[str, str]]:
    """The (name, value) rows of a metadata table; none if it does not exist."""
    if not catalog.has(table, "name", "value"):
        return []
    rows = connection.execute(text(f"SELECT name, value FROM {table}"))
    return [(words(name), words(value)) for name, value in rows]


def under_wsl(connection: Connection, catalog: Catalog) -> bool:
    """Whether the program ran under Windows Subsystem for Linux, as far as the report tells."""
    found = dict(key_values(connection, catalog, "TARGET_INFO_SYSTEM_ENV"))
    return "microsoft" in found.get("SoftwareReleaseVersion", "").lower()


def export_versions(connection: Connection, catalog: Catalog) -> tuple[str | None, str | None]:
    """(nsys version, schema version); None where the exporter was too old to write them."""
    found = {name: value for table in EXPORT_TABLES for name, value in key_values(connection, catalog, table)}
    return found.get("EXPORT_PRODUCT_VERSION") or None, found.get("EXPORT_SCHEMA_VERSION") or None


def session_duration(connection: Connection, catalog: Catalog) -> int | None:
    """ANALYSIS_DETAILS.duration in ns; None where the report has none. Its startTime is another clock's: never used."""
    if not catalog.has("ANALYSIS_DETAILS", "duration"):
        return None
    return whole(connection.execute(text("SELECT duration FROM ANALYSIS_DETAILS")).scalar())


def read_devices(connection: Connection, catalog: Catalog) -> tuple[Device, ...]:
    """The GPUs that TARGET_INFO_GPU describes, by ID; for the oldest exporters' with what TARGET_INFO_CUDA_GPU adds."""
    table = "TARGET_INFO_GPU"
    number = catalog.first(table, "id", "deviceId")
    if number is None:
        return ()
    wanted = (number, "name", "smCount", "totalMemory", "busLocation")
    columns = [column if catalog.has(table, column) else "NULL" for column in wanted]
    rows = connection.execute(text(f"SELECT {', '.join(columns)} FROM {table} ORDER BY {number}"))
    sizes = {} if catalog.has(table, "smCount", "totalMemory") else _oldest_sizes(connection, catalog)
    found: dict[int, Device] = {}
    for cell, name, sm_count, memory, bus in rows:
        gpu = whole(cell, 32)
        if gpu is not None:
            size = sizes.get(gpu, (sm_count, memory))
            found[gpu] = Device(gpu, words(name) or None, whole(size[0]), whole(size[1]), words(bus) or None)
    return tuple(found.values())


def _oldest_sizes(connection: Connection, catalog: Catalog) -> dict[object, tuple[object, object]]:
    """(multiprocessors, bytes of memory) by device ID: exporters of 2021 keep them in a table of their own."""
    columns = ("deviceId", "numMultiprocessors", "globalMemorySize")
    if not catalog.has("TARGET_INFO_CUDA_GPU", *columns):
        return {}
    rows = connection.execute(text(f"SELECT {', '.join(columns)} FROM TARGET_INFO_CUDA_GPU"))
    return {gpu: (multiprocessors, memory) for gpu, multiprocessors, memory in rows}


def physical_gpus(connection: Connection, catalog: Catalog) -> dict[tuple[int, int], int]:
    """The GPUs that a process numbers otherwise, by (pid, its ordinal); of several rows for one the first counts."""
    if not catalog.has("TARGET_INFO_CUDA_DEVICE", "gpuId", "cudaId", "pid"):
        return {}
    found: dict[tuple[int, int], int] = {}
    for row in connection.execute(text("SELECT pid, cudaId, gpuId FROM TARGET_INFO_CUDA_DEVICE ORDER BY rowid")):
        pid, ordinal, gpu = whole(row.pid), whole(row.cudaId, 32), whole(row.gpuId, 32)
        if pid is not None and ordinal is not None and gpu is not None:
            found.setdefault((pid, ordinal), gpu)
    return {(pid, ordinal): gpu for (pid, ordinal), gpu in found.items() if gpu != ordinal}


def process_names(
    connection: Connection, catalog: Catalog, names: Names, global_pids: NDArray[np.int64]
) -> NDArray[np.int32]:
    """Indices of the names of these processes; NONE where PROCESSES has none. The last row of a process counts."""
    found = np.full(len(global_pids), NONE, np.int32)
    if catalog.has("PROCESSES", "globalPid", "name"):
        place = {int(pid): i for i, pid in enumerate(global_pids)}
        for pid, name in rows_of_bytes(connection, "SELECT globalPid, CAST(name AS TEXT) FROM PROCESSES"):
            if name and pid in place:
                found[place[pid]] = names.add(name)
    return found


def thread_names(connection: Connection, catalog: Catalog, global_tids: NDArray[np.int64]) -> NDArray[np.int32]:
    """Indices of the names of these threads; NONE where ThreadNames has none. The last row of a thread counts."""
    found = np.full(len(global_tids), NONE, np.int32)
    if catalog.has("ThreadNames", "globalTid", "nameId"):
        place = {int(tid): i for i, tid in enumerate(global_tids)}
        for tid, name in connection.execute(text("SELECT globalTid, nameId FROM ThreadNames")):
            index = whole(name, 32)
            if tid in place and index is not None:
                found[place[tid]] = index
    return found
