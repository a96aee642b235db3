"""What to read of a table: columns, and which rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LEAST, MOST = -(1 << 31), (1 << 32) - 1
Progress = Callable[[int], None]
ROWID = "(rowid)"


@dataclass(frozen=True, slots=True)
class Read:
    """One column to read: a SQL integer expression, what stands for NULL, and the dtype to keep it in.

    `too_large` stands for numbers that int32 cannot hold, with or without a sign; None: they are damage.
    """

    name: str
    expression: str
    default: int = 0
    dtype: str = "int64"
    too_large: int | None = None

    def fitted(self, values: NDArray[np.int64]) -> NDArray[np.int64] | None:
        """The values as the dtype can hold them; None for damage. What is longer would come out as another number."""
        if self.dtype != "int32" or not len(values) or (values.min() >= LEAST and values.max() <= MOST):
            return values
        if self.too_large is None:
            return None
        return np.where((values < LEAST) | (values > MOST), self.too_large, values)


@dataclass(frozen=True, slots=True)
class OneOf:
    """Which rows to read: those whose column has one of these values."""

    column: str
    values: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.column} IN ({', '.join(map(str, self.values))})"
