"""What a report holds: its tables and columns, probed, never assumed from a version."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Catalog:
    """The columns of every table, in the report's order."""

    columns: dict[str, tuple[str, ...]]

    @classmethod
    def of(cls, layout: Iterable[tuple[str, str]]) -> Catalog:
        """The catalog of (table, column) pairs."""
        found: dict[str, list[str]] = {}
        for table, column in layout:
            found.setdefault(table, []).append(column)
        return cls({table: tuple(columns) for table, columns in found.items()})

    def __contains__(self, table: object) -> bool:
        return table in self.columns

    def has(self, table: str, *columns: str) -> bool:
        """Whether a table exists and has all of these columns."""
        return table in self.columns and set(columns) <= set(self.columns[table])

    def first(self, table: str, *candidates: str) -> str | None:
        """The first of several column names that a table has."""
        return next((name for name in candidates if self.has(table, name)), None)
