"""Room for the columns of a table, which several threads fill, each its own part of the rowids."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from nsysgap.report.reads import Read

Room = dict[str, NDArray[Any]]
Part = TypeVar("Part")


@dataclass(frozen=True, slots=True)
class Filled:
    """A stretch of the room that a thread has filled: where it begins, and how many rows.

    `passed`: how many rows it has looked at, `last`: the place of the last one of them, were none left out.
    """

    begin: int
    rows: int
    passed: int
    last: int


def make_room(reads: Sequence[Read], rowids: int) -> Room:
    """Room for every rowid, filled by each thread from its own first place on: untouched memory costs nothing."""
    return {read.name: np.empty(rowids, read.dtype) for read in reads}


def side_by_side(read: Callable[[Part], Filled], parts: Sequence[Part]) -> list[Filled]:
    """Read each part on a thread of its own, a single one on this."""
    if len(parts) <= 1:
        return [read(part) for part in parts]
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(len(parts)) as pool:
        return list(pool.map(read, parts))


def close_up(room: Room, filled: Sequence[Filled]) -> Room:
    """The rows that were found, without the room left for rowids that do not exist or were not wanted."""
    return {column: _without_room(array, filled) for column, array in room.items()}


def _without_room(array: NDArray[Any], filled: Sequence[Filled]) -> NDArray[Any]:
    size = 0
    for part in filled:
        if size != part.begin:
            array[size : size + part.rows] = array[part.begin : part.begin + part.rows]
        size += part.rows
    return array if size == len(array) else array[:size].copy()
