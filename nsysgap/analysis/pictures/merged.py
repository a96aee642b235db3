"""Pictures of several reports as one: times shifted, groups and threads told apart, arrows between collectives."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.collectives.matching import Matched
from nsysgap.tracks import Counter, Flow, Group, Slices, Source, Track, Viewed

Times = NDArray[np.int64]
FLOW_COLLECTIVE = "collective"
IDS_OF_A_REPORT = 1 << 33
"""Numbers of arrows that one report may use: collectives get those after all reports'."""
MOST_PID = 1 << 22
"""Linux gives no larger process or thread IDs: those from here on stand for one that two reports have."""
OWN_IDS = 1 << 24
"""Tracks that are no threads have larger ones."""


@dataclass(frozen=True)
class Joins:
    """Arrows through the parts of each collective in the order of arrival: the last one is whom all waited for.

    By op of one report, shape (ops,): the number of the arrow that starts there and of the one that ends there, 0 for
    none. Viewers give arrows the direction of time, so none leads back from the last one.
    """

    out: Times
    into: Times

    def with_other(self, other: Joins) -> Joins:
        """Those of another unit of the same report, too: an op belongs to one of them."""
        return Joins(self.out + other.out, self.into + other.into)

    def of(self, rows: NDArray[np.integer[Any]], start: Times) -> tuple[Flow, Flow]:
        """The ends of arrows at some ops, which begin at `start`."""
        out, into = (
            Flow(FLOW_COLLECTIVE, True, self.out[rows], start),
            Flow(FLOW_COLLECTIVE, False, self.into[rows], start),
        )
        return out, into


def joins(matched: Matched, op: Sequence[NDArray[np.intp]], rows: Sequence[int], shift: Sequence[int]) -> list[Joins]:
    """The arrows of each unit's report. `op`: the ops of each unit's own collectives; `rows`: how many ops its report
    has; `shift`: ns to add to its times for the common clock."""
    units, number = matched.wait.shape
    start = matched.start + np.array(shift, np.int64)[:, None]
    turn = np.argsort(np.argsort(start, axis=0, kind="stable"), axis=0)
    first = units * IDS_OF_A_REPORT + 1 + np.arange(number) * units
    arrows = []
    for unit in range(units):
        of = op[unit][matched.number[unit]]
        out, into = np.zeros(rows[unit], np.int64), np.zeros(rows[unit], np.int64)
        out[of] = np.where(turn[unit] < units - 1, first + turn[unit], 0)
        into[of] = np.where(turn[unit] > 0, first + turn[unit] - 1, 0)
        arrows.append(Joins(out, into))
    return arrows


@dataclass(frozen=True)
class Part:
    """A report's picture, what to put before the names of its groups, and ns to add to its times."""

    viewed: Viewed
    name: str
    shift: int


def merged(parts: Sequence[Part], facts: dict[str, Any]) -> Viewed:
    """One picture of all: slices stay streams. `facts`: what is said of the whole."""
    groups: list[Group] = []
    tracks: list[Track] = []
    sources: list[Source] = []
    offsets: list[int] = []
    pids: set[int] = set()
    tids: set[int] = set()
    for number, part in enumerate(parts):
        offsets.append(len(groups))
        first = len(tracks)
        given = [_free(group.pid, pids) for group in part.viewed.groups]
        groups += [
            replace(group, pid=pid, name=f"{part.name}: {group.name}")
            for group, pid in zip(part.viewed.groups, given, strict=True)
        ]
        tracks += [
            _track(track, part.viewed.groups[track.group], offsets[-1], given, tids) for track in part.viewed.tracks
        ]
        sources += [
            Source(source.category, source.count, _shifted(source, part.shift, first, number))
            for source in part.viewed.sources
        ]
    zero = min(part.viewed.zero + part.shift for part in parts) if any(part.viewed.zero for part in parts) else 0
    gpus = tuple(gpu for part in parts for gpu in part.viewed.gpus)
    return Viewed(tuple(groups), tuple(tracks), tuple(sources), _counters(parts, offsets), zero, facts, gpus)


def _track(track: Track, group: Group, offset: int, pids: Sequence[int], tids: set[int]) -> Track:
    """A track of the merged picture: a main thread keeps the number of its process, which may be a new one."""
    pid = pids[track.group]
    if group.gpu is not None:
        return replace(track, group=track.group + offset)
    tid = pid if track.tid == group.pid else _free(track.tid, tids)
    tids.add(tid)
    return replace(track, group=track.group + offset, tid=tid)


def _free(wanted: int, taken: set[int]) -> int:
    pid = wanted
    if pid in taken:
        pid = (MOST_PID if wanted < OWN_IDS else OWN_IDS) + len(taken)
        while pid in taken:
            pid += 1
    taken.add(pid)
    return pid


def _shifted(source: Source, shift: int, first_track: int, number: int) -> Callable[[int, int], Slices]:
    base = number * IDS_OF_A_REPORT

    def make(low: int, high: int) -> Slices:
        made = source.make(low, high)
        return replace(
            made,
            start=made.start + shift,
            end=made.end + shift,
            track=(made.track + first_track).astype(np.int32),
            flows=tuple(_moved(flow, shift, base) for flow in made.flows),
        )

    return make


def _moved(flow: Flow, shift: int, base: int) -> Flow:
    if flow.category == FLOW_COLLECTIVE:
        return replace(flow, at=flow.at + shift)
    pair = None if flow.pair is None else np.where(flow.pair != 0, flow.pair + base, 0)
    return replace(flow, id=np.where(flow.id != 0, flow.id + base, 0), at=flow.at + shift, pair=pair)


def _counters(parts: Sequence[Part], offsets: Sequence[int]) -> Callable[[], Iterable[Counter]]:
    def counters() -> Iterator[Counter]:
        for part, offset in zip(parts, offsets, strict=True):
            for counter in part.viewed.counters():
                yield replace(counter, group=counter.group + offset, time=counter.time + part.shift)

    return counters
