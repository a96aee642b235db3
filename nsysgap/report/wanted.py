"""What to read of a table: columns, and which rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

Progress = Callable[[int], None]
ROWID = "(rowid)"


@dataclass(frozen=True, slots=True)
class Read:
    """One column to read: a SQL integer expression, what stands for NULL, and the dtype to keep it in."""

    name: str
    expression: str
    default: int = 0
    dtype: str = "int64"


@dataclass(frozen=True, slots=True)
class OneOf:
    """Which rows to read: those whose column has one of these values."""

    column: str
    values: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.column} IN ({', '.join(map(str, self.values))})"
