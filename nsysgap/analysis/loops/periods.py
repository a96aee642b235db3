"""Which stretches of a sequence repeat: every period with at least three repeats, in little more than linear time.

A *run* is a maximal stretch on which token[i] = token[i + p] for its least such p, at least 3 p and 6 tokens long. A
primitive word of p tokens recurs within its own powers at multiples of p alone (Lyndon, Schuetzenberger, 1962). So if k
tokens (k >= p) at a place within a run come again, they do so p further on: one place in each run is enough to find p.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.loops.sequences import BASE, mixed, powers
from nsysgap.arrays import distinct

Tokens = NDArray[np.int32]
Numbers = NDArray[np.int64]
REPEATS, LEAST_TOKENS, DEPTH = 3, 6, 6
CHUNK = 1 << 22
WORK = 200_000_000
"""So many comparisons of tokens are spent on periods: of more than WORK / tokens the rarest are left out."""


class Runs(NamedTuple):
    """Stretches [start, start + length) of tokens with their least period, arrays of equal length."""

    start: Numbers
    length: Numbers
    period: Numbers

    def take(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> Runs:
        """Some of them."""
        return Runs(*(column[rows] for column in self))


def repeated(tokens: Tokens) -> list[Runs]:
    """What repeats, the most of it first: the runs of the longest period that covers it, then of what is left."""
    left = all_runs(tokens)
    runs = []
    for _ in range(DEPTH):
        if not len(left.start):
            break
        period = best_period(left)
        chosen = (period % left.period == 0) & (left.length >= REPEATS * period)
        runs.append(left.take(chosen))
        left = _cut(left.take(~chosen), left.take(chosen))
    return runs


def all_runs(tokens: Tokens) -> Runs:
    """Every run, by start."""
    starts, lengths, periods = [], [], []
    for period in _periods(tokens):
        same = np.concatenate(([False], tokens[period:] == tokens[:-period], [False]))
        edges = np.flatnonzero(same[1:] != same[:-1])
        start, length = edges[::2], edges[1::2] - edges[::2] + period
        long = length >= max(REPEATS * period, LEAST_TOKENS)
        starts.append(start[long])
        lengths.append(length[long])
        periods.append(np.full(int(long.sum()), period, np.int64))
    if not starts:
        none = np.empty(0, np.int64)
        return Runs(none, none, none)
    runs = Runs(np.concatenate(starts), np.concatenate(lengths), np.concatenate(periods))
    # On one stretch only multiples of the least period hold.
    runs = runs.take(np.lexsort((runs.period, runs.length, runs.start)))
    first = np.ones(len(runs.start), np.bool_)
    first[1:] = (runs.start[1:] != runs.start[:-1]) | (runs.length[1:] != runs.length[:-1])
    return runs.take(first)


def _periods(tokens: Tokens) -> list[int]:
    """Every period that a run of the tokens has."""
    evidence: dict[int, int] = {}
    sums = np.zeros(len(tokens) + 1, np.uint64)
    spread = mixed(tokens)
    spread *= powers(BASE, len(tokens))
    np.cumsum(spread, out=sums[1:])
    inverse = powers(pow(BASE, -1, 1 << 64), len(tokens))
    for above, most in _levels(len(tokens) // REPEATS):
        key = (sums[most:] - sums[:-most]) * inverse[: len(tokens) - most + 1]
        # A run of period p holds so many places from which `most` tokens and their recurrence lie inside it.
        step = max(1, 2 * (above + 1) - most + 1)
        periods, number = np.unique(_recurrences(key, most, step), return_counts=True)
        for period, times in zip(periods.tolist(), number.tolist(), strict=True):
            if period > above:
                evidence[period] = times * step
    affordable = max(WORK // max(len(tokens), 1), 1)
    return sorted(sorted(evidence, key=lambda period: -evidence[period])[:affordable])


def _levels(longest: int) -> Iterator[tuple[int, int]]:
    """(above, most): periods above < p <= most, looked for together."""
    above = 0
    while above < longest:
        most = min(max(above + 1, above * 3 // 2), longest)
        yield above, most
        above = most


def _recurrences(key: NDArray[np.uint64], most: int, step: int) -> Numbers:
    """How far on the key of every step-th place comes again, if within `most`."""
    if len(key) < 2:
        return np.empty(0, np.int64)
    # Near the end fewer than `most` places lie ahead: what stands for the others equals no key but by accident, and a
    # period found so is looked for like any other.
    beyond = np.full(most, ~key[-1], np.uint64)
    ahead = np.lib.stride_tricks.sliding_window_view(np.concatenate((key[1:], beyond)), most)[::step]
    here = key[::step]
    distances = []
    rows = max(1, CHUNK // most)
    for low in range(0, len(here), rows):
        same = ahead[low : low + rows] == here[low : low + rows, None]
        first = same.argmax(axis=1)
        distances.append(first[same[np.arange(len(first)), first]] + 1)
    return np.concatenate(distances).astype(np.int64)


def best_period(runs: Runs) -> int:
    """The longest period whose stretches cover at least 80 % of what the best one covers.

    Left out are those of which a divisor covers 97 % as much in at most twice the stretches.
    """
    longest = int((runs.length // REPEATS).max())
    cover, pieces = np.zeros(longest + 1, np.int64), np.zeros(longest + 1, np.int64)
    for period in distinct(runs.period).tolist():
        length = np.sort(runs.length[runs.period == period])
        multiples = np.arange(period, int(length[-1]) // REPEATS + 1, period)
        short = np.searchsorted(length, REPEATS * multiples)
        cover[multiples] += int(length.sum()) - np.concatenate(([0], np.cumsum(length)))[short]
        pieces[multiples] += len(length) - short
    alive = 10 * cover >= 8 * int(cover.max())
    for period in distinct(runs.period).tolist():
        _drop_multiples(alive, cover, pieces, period)
    for period in np.flatnonzero(alive)[::-1].tolist():
        below = np.arange(1, period // 2 + 1)
        divisors = below[period % below == 0]
        if not _does_as_well(cover, pieces, divisors, period).any():
            return int(period)
    raise AssertionError("the least of all periods has no divisor that does as well")


def _drop_multiples(alive: NDArray[np.bool_], cover: Numbers, pieces: Numbers, period: int) -> None:
    multiples = np.arange(2 * period, len(cover), period)
    alive[multiples] &= ~_does_as_well(cover, pieces, np.array([period]), multiples)


def _does_as_well(cover: Numbers, pieces: Numbers, divisor: Numbers, period: Numbers | int) -> NDArray[np.bool_]:
    covers: NDArray[np.bool_] = 100 * cover[divisor] >= 97 * cover[period]
    return covers & (pieces[divisor] <= 2 * pieces[period])


def _cut(runs: Runs, taken: Runs) -> Runs:
    """What of runs lies outside the taken ones and still has three repeats."""
    order = np.argsort(taken.start, kind="stable")
    reach = np.maximum.accumulate((taken.start + taken.length)[order])
    left_start = np.concatenate(([0], reach))
    left_end = np.concatenate((taken.start[order], [np.iinfo(np.int64).max]))
    pieces: list[tuple[int, int, int]] = []
    for start, length, period in zip(*(column.tolist() for column in runs), strict=True):
        low = int(np.searchsorted(left_end, start, side="right"))
        high = int(np.searchsorted(left_start, start + length, side="left"))
        for stretch in range(low, high):
            begin, end = max(start, int(left_start[stretch])), min(start + length, int(left_end[stretch]))
            if end - begin >= max(REPEATS * period, LEAST_TOKENS):
                pieces.append((begin, end - begin, period))
    columns = np.array(sorted(set(pieces)), np.int64).reshape(-1, 3)
    return Runs(columns[:, 0], columns[:, 1], columns[:, 2])
