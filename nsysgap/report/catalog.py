"""What a report holds: its tables and columns, probed, never assumed from a version."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

CUPTI = "CUPTI_ACTIVITY_KIND_"
PAYLOAD_SCHEMAS = "NVTX_PAYLOAD_SCHEMAS"
SAMPLE_TABLES = frozenset((PAYLOAD_SCHEMAS, "COMPOSITE_EVENTS"))
"""Without rows in either no stack was sampled."""
KNOWN_TABLES = (
    *("StringIds", "ThreadNames", "PROCESSES", "ProcessStreams", "OSRT_API", "PROFILER_OVERHEAD", "NVTX_EVENTS"),
    *(PAYLOAD_SCHEMAS, "NVTX_PAYLOAD_SCHEMA_ENTRIES", "NVTX_PAYLOAD_ENUMS", "COMPOSITE_EVENTS"),
    *("SAMPLING_CALLCHAINS", "CUDA_CALLCHAINS", "OSRT_CALLCHAINS", "CUDA_GRAPH_NODE_EVENTS", "CUDA_GRAPH_EVENTS"),
    *("CUDA_GPU_MEMORY_USAGE_EVENTS", "DIAGNOSTIC_EVENT", "GPU_METRICS", "ANALYSIS_DETAILS", "ANALYSIS_FILE"),
    *("META_DATA_CAPTURE", "META_DATA_EXPORT", "EXPORT_META_DATA", "TARGET_INFO_SYSTEM_ENV", "TARGET_INFO_GPU"),
    *("TARGET_INFO_CUDA_GPU", "TARGET_INFO_CUDA_DEVICE", "TARGET_INFO_GPU_METRICS", "TARGET_INFO_NIC_INFO"),
    *("TARGET_INFO_SESSION_START_TIME", "OSRT_FILE_ACCESS_DESCRIPTORS"),
)
_BY_LOWER = {name.lower(): name for name in KNOWN_TABLES}


def known_name(table: str) -> str | None:
    """What nsys calls a table whose name may be written in other letters; None for a table that is not read."""
    if table.upper().startswith(CUPTI):
        return table.upper()
    return _BY_LOWER.get(table.lower())


@dataclass(frozen=True)
class Catalog:
    """The columns of every table, in the report's order. As in SQL, small and capital letters are the same."""

    columns: dict[str, tuple[str, ...]]

    @classmethod
    def of(cls, layout: Iterable[tuple[str, str]]) -> Catalog:
        """The catalog of (table, column) pairs."""
        tables: dict[str, list[str]] = {}
        for table, column in layout:
            tables.setdefault(known_name(table) or table, []).append(column)
        return cls({table: tuple(columns) for table, columns in tables.items()})

    @cached_property
    def _lower(self) -> dict[str, frozenset[str]]:
        return {table: frozenset(map(str.lower, columns)) for table, columns in self.columns.items()}

    def __contains__(self, table: object) -> bool:
        return table in self.columns

    def has(self, table: str, *columns: str) -> bool:
        """Whether a table exists and has all of these columns."""
        return table in self.columns and self._lower[table].issuperset(map(str.lower, columns))

    def first(self, table: str, *candidates: str) -> str | None:
        """The first of several column names that a table has."""
        return next((name for name in candidates if self.has(table, name)), None)
