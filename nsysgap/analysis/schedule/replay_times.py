"""All times of a replay, from what its joints gave: nothing is walked any more, all is sums and running maxima."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from nsysgap.analysis.schedule.joints import PHASES, Sums, by_number, rows_by_number
from nsysgap.analysis.schedule.schedule import NEVER, NO_SCOPE, Indices, Replay, Schedule, Times

Held = tuple[int, int]  # (key of the joint, the end that a stream waits for from there on)
BEFORE_ALL = 0  # a key no greater than any


def all_times(
    schedule: Schedule, sums: Sums, own: Times, held: Sequence[Sequence[Held]], carried: Mapping[int, int]
) -> Replay:
    """The replay. `own`: by how much each call delays what follows on its thread, ns; `held`: by stream, sorted by key;
    `carried`: the end that each call that records an event has recorded."""
    shift = np.empty_like(own)
    for mine in rows_by_number(schedule.thread):
        shift[mine] = np.cumsum(own[mine])
    call_start = sums.start + shift - own
    start, end, before = (np.full(len(schedule.call), NEVER, np.int64) for _ in range(3))
    covered = _events(schedule, carried)
    waiting = np.flatnonzero(schedule.waits & (schedule.scope != NO_SCOPE))
    for stream, rows in enumerate(_of_streams(schedule)):
        mine = np.array(held[stream], np.int64).reshape(-1, 2)
        host = call_start[schedule.call[rows]] + schedule.latency[rows]
        before[rows] = _before(schedule, sums, rows, host, mine)
        after = np.where(before[rows] > NEVER // 2, before[rows] + schedule.delta[rows], NEVER)
        start[rows] = np.maximum(host, after)
        end[rows] = start[rows] + schedule.duration[rows]
        covers = np.array([stream in members for members in schedule.scopes], np.bool_)
        calls = waiting[covers[schedule.scope[waiting]]]
        for key, until in ((PHASES * schedule.call[rows] + 1, end[rows]), mine.T):
            covered[calls] = np.maximum(covered[calls], _latest(key, until, PHASES * calls + 2))
    before[before <= NEVER // 2] = NEVER
    covered[covered <= NEVER // 2] = NEVER
    blocking = np.flatnonzero(schedule.blocks & schedule.alive)
    covered[schedule.call[blocking]] = end[blocking]
    return Replay(call_start, sums.end + shift, covered, start, end, before)


def _of_streams(schedule: Schedule) -> list[Indices]:
    """The ops of each stream that are launched."""
    return [rows[schedule.alive[rows]] for rows in by_number(schedule.stream, schedule.stream_count)]


def _events(schedule: Schedule, carried: Mapping[int, int]) -> Times:
    """What the calls that wait for an event cover, NEVER for all others."""
    covered = np.full(len(schedule.gap), NEVER, np.int64)
    for call in np.flatnonzero(schedule.waits & (schedule.scope == NO_SCOPE)).tolist():
        covered[call] = carried.get(int(schedule.event[call]), NEVER)
    return covered


def _latest(key: Times, until: Times, asked: Times) -> Times:
    """For each asked key the latest end of those with a smaller one; NEVER for none. `key` is sorted."""
    reach = np.concatenate(([NEVER], np.maximum.accumulate(until)))
    latest: Times = reach[np.searchsorted(key, asked)]
    return latest


def _before(schedule: Schedule, sums: Sums, rows: Indices, host: Times, held: Times) -> Times:
    """The greatest end on a stream before each of its ops. `held`: rows of Held."""
    if not len(rows):
        return np.empty(0, np.int64)
    steps = sums.steps[rows]
    reach = np.concatenate(([NEVER], (host + schedule.duration[rows] - steps)[:-1]))
    earlier = steps - sums.step[rows]
    if len(held):
        key, until = held.T
        position = np.searchsorted(PHASES * schedule.call[rows] + 1, key)
        used = (position < len(rows)) & (until > NEVER // 2)
        position, until = position[used], until[used]
        np.maximum.at(reach, position, until - earlier[position])
    reached: Times = np.maximum.accumulate(reach) + earlier
    return reached
