"""The calls that a correlation ID names, of one process: IDs come back when process IDs or counters do."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nsysgap.arrays import distinct, is_any
from nsysgap.intervals import is_sorted
from nsysgap.tables import NONE, Table

Indices = NDArray[Any]
Keys = NDArray[np.int64]
Times = NDArray[np.int64]


class CallKeys:
    """The calls of one process by correlation ID, then start, without those nested in another of the same ID.

    `rows` are rows of `api` in order of start, as in the table.
    """

    def __init__(self, api: Table, rows: Indices) -> None:
        self.api = api
        keys = api["correlation"][rows]
        if not is_sorted(keys):
            order = np.argsort(keys, kind="stable")
            keys, rows = keys[order], rows[order]
        again = np.flatnonzero(keys[1:] == keys[:-1])
        if len(again):
            keys, rows = self._outermost(keys, rows, again)
            again = np.flatnonzero(keys[1:] == keys[:-1])
        self.keys, self.rows = keys, rows
        self.repeated = distinct(keys[again]).tolist()

    def _outermost(self, keys: Keys, rows: Indices, again: Indices) -> tuple[Keys, Indices]:
        """All but the calls nested in another of their key; of equal calls the report's first stays."""
        shared = np.zeros(len(keys), np.bool_)
        shared[again] = shared[again + 1] = True
        places = np.flatnonzero(shared)
        key, own = keys[places], rows[places]
        own = own[np.lexsort((own, -self.api["end"][own], self.api["start"][own], key))]
        heads = np.concatenate(([True], key[1:] != key[:-1]))
        # Ranks of ends, raised from key to key: so the running maximum starts anew with each.
        rank = np.unique(self.api["end"][own], return_inverse=True)[1] + np.cumsum(heads) * len(own)
        reach = np.maximum.accumulate(rank)
        nested = ~heads & (np.concatenate((reach[:1], reach[:-1])) >= rank)
        rows = rows.copy()
        rows[places] = own
        keep = np.ones(len(keys), np.bool_)
        keep[places[nested]] = False
        return keys[keep], rows[keep]

    def latest(self, wanted: Keys, time: Times) -> NDArray[np.int32]:
        """Of each key's calls the latest that starts at or before a time, else the earliest: rows of api, -1 none."""
        return self._calls(wanted, self.number(wanted, time))

    def in_order(self, wanted: Keys) -> NDArray[np.int32]:
        """For the n-th time that a key is wanted its n-th call, its last for all further: rows of api, -1 none."""
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
        found = np.zeros(len(wanted), np.intp)
        several = np.flatnonzero(is_any(wanted, self.repeated))
        if len(several):
            places = np.flatnonzero(is_any(self.keys, self.repeated))
            times = np.concatenate((self.api["start"][self.rows[places]], time[several]))
            rank = np.unique(times, return_inverse=True)[1]
            key = np.unique(np.concatenate((self.keys[places], wanted[several])), return_inverse=True)[1]
            by_key_and_time = key * len(times) + rank
            starts, moments = np.split(by_key_and_time, [len(places)])
            at = places[np.maximum(np.searchsorted(starts, moments, side="right") - 1, 0)]
            found[several] = np.maximum(at - np.searchsorted(self.keys, wanted[several]), 0)
        return found

    def _calls(self, wanted: Keys, number: NDArray[np.intp]) -> NDArray[np.int32]:
        """The call of each key with that number: rows of api, -1 where the key has none."""
        if not len(self.keys):
            return np.full(len(wanted), NONE, np.int32)
        place = np.minimum(np.searchsorted(self.keys, wanted), len(self.keys) - 1)
        known = self.keys[place] == wanted
        if self.repeated:
            place = place + number
        return np.where(known, self.rows[place], NONE).astype(np.int32)
