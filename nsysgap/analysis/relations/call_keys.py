"""The calls that a correlation ID names, of one process: IDs come back when process IDs or counters do.

Most often they do not, and each ID names one call and what is nested in it: then a table by ID says which, unsorted.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.relations.spans import stretches
from nsysgap.arrays import WIDE, distinct, is_any, lookup
from nsysgap.intervals import is_sorted
from nsysgap.tables import NONE, Table

Indices = NDArray[Any]
Keys = NDArray[np.int64]
Times = NDArray[np.int64]
FAR = 1 << 61  # differences of numbers up to here are exact in 64 bits


class CallKeys:
    """The calls of one process by correlation ID, then start, without those nested in another of the same ID.

    `rows` are rows of `api` in order of start, as in the table.
    """

    def __init__(self, api: Table, rows: Indices) -> None:
        self.api = api
        self._rows = rows

    @cached_property
    def _single(self) -> _Single | None:
        """The one call of each ID; None where an ID has several that are not nested, or IDs lie far apart."""
        return _single(self.api, self._rows)

    @cached_property
    def _ordered(self) -> tuple[Keys, Indices]:
        """(IDs, rows of api): the calls in order."""
        rows = self._rows
        keys = self.api["correlation"][rows]
        if not is_sorted(keys):
            order = np.argsort(keys, kind="stable")
            keys, rows = keys[order], rows[order]
        again = np.flatnonzero(keys[1:] == keys[:-1])
        return self._outermost(keys, rows, again) if len(again) else (keys, rows)

    @property
    def keys(self) -> Keys:
        """The ID of each call, sorted."""
        return self._ordered[0]

    @property
    def rows(self) -> Indices:
        """The calls as rows of api, beside `keys`."""
        return self._ordered[1]

    @cached_property
    def repeated(self) -> list[int]:
        """IDs of several calls."""
        again: list[int] = distinct(self.keys[1:][self.keys[1:] == self.keys[:-1]]).tolist()
        return again

    def _outermost(self, keys: Keys, rows: Indices, again: Indices) -> tuple[Keys, Indices]:
        """All but the calls nested in another of their key; of equal calls the report's first stays."""
        shared = np.zeros(len(keys), np.bool_)
        shared[again] = shared[again + 1] = True
        positions = np.flatnonzero(shared)
        key, own = keys[positions], rows[positions]
        own = own[np.lexsort((own, -self.api["end"][own], self.api["start"][own], key))]
        heads = np.concatenate(([True], key[1:] != key[:-1]))
        # Ranks of ends, raised from key to key: so the running maximum starts anew with each.
        rank = np.unique(self.api["end"][own], return_inverse=True)[1] + np.cumsum(heads) * len(own)
        reach = np.maximum.accumulate(rank)
        nested = ~heads & (np.concatenate((reach[:1], reach[:-1])) >= rank)
        rows = rows.copy()
        rows[positions] = own
        keep = np.ones(len(keys), np.bool_)
        keep[positions[nested]] = False
        return keys[keep], rows[keep]

    def latest(self, wanted: Keys, time: Times) -> NDArray[np.int32]:
        """Of each key's calls the latest that starts at or before a time, else the earliest: rows of api, -1 none."""
        if self._single is not None:
            return self._single.of(wanted)
        return self._calls(wanted, self.number(wanted, time))

    def in_order(self, wanted: Keys) -> NDArray[np.int32]:
        """For the n-th time that a key is wanted its n-th call, its last for all further: rows of api, -1 none."""
        if self._single is not None:
            return self._single.of(wanted)
        number = np.zeros(len(wanted), np.intp)
        several = np.flatnonzero(is_any(wanted, self.repeated))
        if len(several):
            order = several[np.argsort(wanted[several], kind="stable")]
            number[order] = np.arange(len(order)) - np.searchsorted(wanted[order], wanted[order])
            last = np.searchsorted(self.keys, wanted[several], side="right") - 1
            number[several] = np.minimum(number[several], last - np.searchsorted(self.keys, wanted[several]))
        return self._calls(wanted, number)

    def number(self, wanted: Keys, time: Times) -> NDArray[np.intp]:
        """Which of its key's calls, counted from 0, is the latest that starts at or before each time; 0 for none."""
        number = np.zeros(len(wanted), np.intp)
        if self._single is not None:
            return number
        several = np.flatnonzero(is_any(wanted, self.repeated))
        if len(several):
            positions = np.flatnonzero(is_any(self.keys, self.repeated))
            times = np.concatenate((self.api["start"][self.rows[positions]], time[several]))
            rank = np.unique(times, return_inverse=True)[1]
            key = np.unique(np.concatenate((self.keys[positions], wanted[several])), return_inverse=True)[1]
            by_key_and_time = key * len(times) + rank
            starts, moments = np.split(by_key_and_time, [len(positions)])
            at = positions[np.maximum(np.searchsorted(starts, moments, side="right") - 1, 0)]
            number[several] = np.maximum(at - np.searchsorted(self.keys, wanted[several]), 0)
        return number

    def _calls(self, wanted: Keys, number: NDArray[np.intp]) -> NDArray[np.int32]:
        """The call of each key with that number: rows of api, -1 where the key has none."""
        if not len(self.keys):
            return np.full(len(wanted), NONE, np.int32)
        position, known = lookup(self.keys, wanted)
        if self.repeated:
            position = position + number
        return np.where(known, self.rows[position], NONE).astype(np.int32)


class _Single(NamedTuple):
    """`row[i]`: the only call of the ID `low` + i, as a row of api, -1 none."""

    low: int
    row: NDArray[np.int32]

    def of(self, wanted: Keys) -> NDArray[np.int32]:
        """The call of each ID: rows of api, -1 none."""
        row = np.full(len(wanted), NONE, np.int32)
        for some in stretches(len(wanted)):
            index = wanted[some] - self.low
            known = (index >= 0) & (index < len(self.row))
            row[some] = np.where(known, self.row[np.where(known, index, 0)], NONE)
        return row


def _single(api: Table, rows: Indices) -> _Single | None:
    """The one call of each ID of a process, which its others are nested in; `rows` are in order of start."""
    keys = api["correlation"] if len(rows) == len(api["correlation"]) else api["correlation"][rows]
    if not len(rows):
        return None
    low, high = int(keys.min()), int(keys.max())
    if abs(low) >= FAR or high >= FAR or high - low >= max(WIDE, 4 * len(rows)):
        return None
    row = np.full(high - low + 1, NONE, np.int32)
    parts = list(stretches(len(rows)))
    for some in reversed(parts):  # of several with one ID the first in the end: where places come twice, the last stays
        row[keys[some][::-1] - low] = rows[some][::-1]
    end = api["end"]
    for some in parts:
        own, first = rows[some], row[keys[some] - low]
        others = np.flatnonzero((own != first) & (keys[some] != 0))  # 0 is no ID
        if (end[own[others]] > end[first[others]]).any():  # begun with it or later, and not nested in it
            return None
    return _Single(low, row)
