"""What to read of a table: columns, and which rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

LEAST, MOST = -(1 << 31), (1 << 32) - 1
LATEST = 1 << 61  # ns, the year 2043 since 1970: sums and differences of times up to here are exact in 64 bits
Progress = Callable[[int], None]
Columns = dict[str, NDArray[Any]]
ROWID = "(rowid)"


@dataclass(frozen=True, slots=True)
class Read:
    """One column to read: its name in the report, what stands for NULL, and the dtype to keep it in.

    A column that the table does not have gives the default for every row; ROWID gives the row's number.
    `too_large` stands for numbers that int32 cannot hold, with or without a sign; None: they are damage. `time`: the
    values are times in ns, those beyond LATEST are damage too.
    """

    name: str
    column: str
    default: int = 0
    dtype: str = "int64"
    too_large: int | None = None
    time: bool = False

    def fitted(self, values: NDArray[np.int64]) -> NDArray[np.int64] | None:
        """The values as the dtype can hold them; None for damage. What is longer would come out as another number."""
        if self.time and not possible(values).all():
            return None
        if self.dtype != "int32" or not len(values) or (values.min() >= LEAST and values.max() <= MOST):
            return values
        if self.too_large is None:
            return None
        return np.where((values < LEAST) | (values > MOST), self.too_large, values)


def possible(times: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which of these can be times, ns."""
    return (times > -LATEST) & (times < LATEST)


@dataclass(frozen=True, slots=True)
class OneOf:
    """Rows whose column has one of these values."""

    column: str
    values: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class NoneOf:
    """Rows whose column has a value, but none of these."""

    column: str
    values: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Present:
    """Rows whose column has a value."""

    column: str


@dataclass(frozen=True, slots=True)
class Absent:
    """Rows whose column is NULL, or does not exist."""

    column: str


Condition = OneOf | NoneOf | Present | Absent
