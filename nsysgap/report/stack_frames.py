"""Distinct frames and stacks: what the readers of stacks fill, batch by batch, and the tables that come of it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nsysgap.names import Names
from nsysgap.tables import FRAMES, NONE, STACKS, Table

Integers = NDArray[np.int64]
_LARGEST_TABLE = 1 << 23
Key = tuple[int, int, int, bool]


class FrameBuilder:
    """Gathers stacks; each frame is kept once. Memory: 4 bytes a frame of a stack, and the distinct frames."""

    def __init__(self, names: Names) -> None:
        self.names = names
        self.stacks = 0
        self._frames: dict[Key, int] = {}
        self._chunks: list[tuple[Integers, Integers, NDArray[np.int32]]] = []

    def reserve(self, number: int) -> int:
        """The first of so many new rows of the stacks table."""
        first = self.stacks
        self.stacks += number
        return first

    def put(self, stacks: Integers, counts: Integers, members: dict[str, Integers], *, native: bool) -> None:
        """Fill reserved stacks: `counts` frames each, one after the other in `members` (function, file, line)."""
        code, rows = _distinct(members["function"], members["file"], members["line"])
        known = np.array([self._frame(row[0], row[1], row[2], native) for row in rows.tolist()], np.int32)
        self._chunks.append((stacks, counts, known[code] if len(known) else np.empty(0, np.int32)))

    def _frame(self, function: int, file: int, line: int, native: bool) -> int:
        key = (function, file, line, native)
        return self._frames.setdefault(key, len(self._frames))

    def tables(self) -> tuple[Table, Table, NDArray[np.int32]]:
        """(frames, stacks, chain): the tables FRAMES and STACKS, and the frames of all stacks."""
        first, count = np.zeros(self.stacks, np.int64), np.zeros(self.stacks, np.int32)
        begin = 0
        for stacks, counts, chain in self._chunks:
            first[stacks] = begin + np.cumsum(counts) - counts
            count[stacks] = counts
            begin += len(chain)
        chains = [chain for _, _, chain in self._chunks]
        joined = np.concatenate(chains) if chains else np.empty(0, np.int32)
        return self._frame_table(), Table(STACKS, {"first": first, "count": count}), joined

    def _frame_table(self) -> Table:
        keys = list(self._frames)
        columns: dict[str, NDArray[Any]] = {
            "function": np.array([self._name(function) for function, _, _, _ in keys], np.int32),
            "file": np.array([self._file(file) for _, file, _, _ in keys], np.int32),
            "line": np.array([line if 0 < line < 2**31 else 0 for _, _, line, _ in keys], np.int32),
            "native": np.array([native for *_, native in keys], np.bool_),
        }
        return Table(FRAMES, columns)

    def _name(self, index: int) -> int:
        if index in self.names or 0 <= index < 2**31:
            return index
        return self.names.add(f"<no string {index}>".encode())

    def _file(self, index: int) -> int:
        """NONE for no file at all: NULL, an unregistered 0, or an empty text."""
        if index == NONE or (index == 0 and 0 not in self.names) or (index in self.names and not self.names.raw(index)):
            return NONE
        return self._name(index)


def _distinct(function: Integers, file: Integers, line: Integers) -> tuple[Integers, Integers]:
    """(the place of each frame among the distinct ones, the distinct frames: int64 of shape (distinct, 3))."""
    functions, function_code = _coded(function)
    lines, line_code = _coded(line)
    files, file_code = _coded(file)
    pairs, pair_code = _coded(function_code * max(len(lines), 1) + line_code)
    present, code = _coded(pair_code * max(len(files), 1) + file_code)
    pair = pairs[present // max(len(files), 1)]
    chosen = (
        functions[pair // max(len(lines), 1)],
        files[present % max(len(files), 1)],
        lines[pair % max(len(lines), 1)],
    )
    return code, np.stack(chosen, axis=1)


def _coded(values: Integers) -> tuple[Integers, Integers]:
    """(the distinct values, sorted; the place of each value among them): by a table where their range is small."""
    low, high = (int(values.min()), int(values.max())) if len(values) else (0, 0)
    if high - low >= _LARGEST_TABLE:
        present, code = np.unique(values, return_inverse=True)
        return present, code.reshape(-1)
    seen = np.zeros(high - low + 1, np.bool_)
    seen[values - low] = True
    present = np.flatnonzero(seen) if len(values) else np.empty(0, np.int64)
    code = np.zeros(high - low + 1, np.int32)
    code[present] = np.arange(len(present), dtype=np.int32)
    return present + low, code[values - low].astype(np.int64)
