"""Joints at which the host waits equally long whatever came before: they need not be walked.

What a wait covers is at most as far as the wait's own return, in a time that goes along with the host's thread. An op
that is launched so much later that its stream has surely become free starts after its launch, not after the stream: it
ends, seen from its thread, at a known time, and so the next wait of that thread for that stream takes a known time.
Where a program waits for each of its launches, all waits are such, and their sum gives all times.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.schedule.joints import BLOCK, SYNC, Groups, Joints, by_number
from nsysgap.analysis.schedule.schedule import NEVER, Indices, Schedule, Times
from nsysgap.tables import NONE

Mask = NDArray[np.bool_]
UNKNOWN = -NEVER  # as a bound: later than anything
ROUNDS = 4  # what is known of some joints tells of others; nearly all that can be known is after the first round
WORTH_A_ROUND = 16  # another one where the last told of more than this part of the joints


@dataclass(frozen=True)
class FixedWaits:
    """`fixed`: which joints need not be walked, `wait`: by how much they delay their thread, ns, else 0; `done`: the
    end of the op of those that block, as the thread would see it had it never waited before. `after_launch`: which
    groups begin after their launch, whatever came before. `earlier`, `earlier_group`: the sum of the fixed waits of the
    same thread before each joint and each group, ns."""

    fixed: Mask
    wait: Times
    done: Times
    after_launch: Mask
    earlier: Times
    earlier_group: Times


def fixed_waits(schedule: Schedule, joints: Joints, groups: Groups, streams: Sequence[int]) -> FixedWaits:
    """Find them. `streams`: the greatest end on each stream before all of this."""
    finder = _Finder(schedule, joints, groups, streams)
    return finder.waits()


@dataclass(frozen=True)
class _Line:
    """One stream: the greatest end before all of this (`begun`), its groups, the joints that end or change what it
    does, and per such joint the place of the joint before it (`before`, -1 none), how many groups lie between and the
    first of them."""

    begun: int
    groups: Indices
    joints: Indices
    before: Indices
    between: Indices
    first: Indices


class _Finder:
    """`bound`: per joint how far what it covers is at most once it has returned, as its thread would see that had it
    never waited. `due`, `delta`, `took`: of the op of a joint that blocks; of others its start, 0 and 0."""

    def __init__(self, schedule: Schedule, joints: Joints, groups: Groups, streams: Sequence[int]) -> None:
        self.joints, self.groups = joints, groups
        block = joints.what == BLOCK
        op = joints.which[block]
        self.due, none = joints.start, np.broadcast_to(np.int64(0), len(block))
        self.delta = self.took = none
        if len(op):
            self.due, self.delta, self.took = self.due.copy(), none.copy(), none.copy()
            self.due[block] += schedule.latency[op]
            self.delta[block], self.took[block] = schedule.delta[op], schedule.duration[op]
        scope = schedule.scope[joints.call]
        covers = (joints.what == SYNC) & (scope != NONE)
        self.may_be = block | covers
        self.block = block
        self.bound = np.full(len(block), UNKNOWN)
        self.bound[covers] = np.maximum(joints.end - joints.tail, joints.start)[covers]
        known = block & (self.delta + self.took >= 0)
        self.bound[known] = (joints.end - joints.tail)[known]
        self.lines = _Lines(schedule, joints, groups, np.where(covers, scope, NONE), streams)
        self.row, self.position, self.position_of_group, self.begins = self._in_a_row(schedule)
        self.after_launch = np.zeros(len(groups.joint), np.bool_)
        for line in self.lines:
            self._fill_after_launch(line)

    def _in_a_row(self, schedule: Schedule) -> tuple[Indices, Indices, Indices, Indices]:
        """The joints that may delay a thread, in one row, thread by thread: (they, the place in it of each joint and of
        the next of its thread after each group, where each thread begins)."""
        joints, groups = self.joints, self.groups
        delaying = np.flatnonzero((joints.what == SYNC) | self.block)
        threads = int(schedule.thread.max(initial=0)) + 1
        by_thread = [delaying[mine] for mine in by_number(joints.thread[delaying], threads)]
        row, begins = np.concatenate(by_thread), np.cumsum([0, *map(len, by_thread[:-1])])
        position, of_group = np.zeros(len(self.block), np.int64), np.zeros(len(groups.joint), np.int64)
        position[row] = np.arange(len(row))
        for begin, mine, own in zip(begins.tolist(), by_thread, by_number(groups.thread, threads), strict=True):
            of_group[own] = begin + np.searchsorted(mine, groups.joint[own])
        return row, position, of_group, begins

    def _fill_after_launch(self, line: _Line) -> None:
        """Groups whose stream is surely free: the first after a wait of their own thread, and launched late enough."""
        groups, joints = self.groups, self.joints
        some = np.flatnonzero(line.between > 0)
        mine, before = line.groups[line.first[some]], line.before[some]
        surely = self._bound(line)[some] + groups.step[mine] <= groups.host[mine]
        self.after_launch[mine] = surely & ((before == NONE) | (joints.thread[before] == groups.thread[mine]))

    def _bound(self, line: _Line) -> Times:
        """How far what the joint before each one of a line covers is at most, and what came before all of this."""
        return np.where(line.before == NONE, line.begun, self.bound[line.before])

    def waits(self) -> FixedWaits:
        """Round by round: what is known of some waits tells of those after them."""
        joints, groups, row = self.joints, self.groups, self.row
        fixed, wait = np.zeros(len(self.block), np.bool_), np.zeros(len(self.block), np.int64)
        done = wait
        sums = open_joints = np.zeros(len(row) + 1, np.int64)
        for _ in range(ROUNDS):
            open_joints = np.concatenate(([0], np.cumsum(~fixed[row])))
            known, before = self._known(sums, open_joints)
            done = np.maximum(self.due, before + self.delta) + self.took
            known &= ~self.block | (before <= done)
            until = np.where(self.block, done, np.where(before > joints.start, before, NEVER))
            gained = int(known.sum()) - int(fixed.sum())
            fixed, wait = known, np.where(known, np.maximum(until + joints.tail - joints.end, 0), 0)
            sums = np.concatenate(([0], np.cumsum(wait[row])))
            if gained * WORTH_A_ROUND <= len(row) or fixed.all():
                break
        since = sums[self.begins]
        earlier = np.zeros(len(self.block), np.int64)
        earlier[row] = sums[:-1] - since[joints.thread[row]]
        return FixedWaits(
            *(fixed, wait, done, self.after_launch, earlier),
            earlier_group=sums[self.position_of_group] - since[groups.thread],
        )

    def _known(self, sums: Times, open_joints: Times) -> tuple[Mask, Times]:
        """(joints for which all that they wait for is known, the latest end of it as their thread would see it had it
        never waited in a joint that is not fixed)."""
        known, latest = self.may_be.copy(), np.full(len(self.block), NEVER)
        for line in self.lines:
            mine, count, before = line.joints, line.between, line.before
            joints, groups = self.joints, self.groups
            # Nothing launched since the last wait: what that covered has ended, or this cannot be told.
            bound = self._bound(line)
            same = (before == NONE) | (joints.thread[before] == joints.thread[mine])
            over = same & (bound + self.delta[mine] <= self.due[mine]) & (bound <= self.due[mine] + self.took[mine])
            known[mine] &= np.where(count == 0, over, count == 1)
            # One group, launched by the thread that waits: its end, and what the thread has waited since.
            some = np.flatnonzero(count == 1)
            joint, group = mine[some], line.groups[line.first[some]]
            here, there = self.position[joint], self.position_of_group[group]
            told = self.after_launch[group] & (groups.thread[group] == joints.thread[joint])
            known[joint] &= told & (open_joints[here] == open_joints[there])
            latest[joint] = np.maximum(latest[joint], groups.host[group] + sums[there] - sums[here])
        return known, latest


class _Lines:
    """The streams, each made when it is looked at: together they are long."""

    def __init__(
        self,
        schedule: Schedule,
        joints: Joints,
        groups: Groups,
        scope: NDArray[np.int32],
        streams: Sequence[int],
    ) -> None:
        """`scope`: of each joint that covers one, else -1; `streams`: as for `fixed_waits`."""
        self.begun = streams
        single = np.array([scope[0] if len(scope) == 1 else NONE for scope in (*schedule.scopes, ())], np.int32)
        stream = np.where(joints.stream == NONE, single[scope], joints.stream)
        self.placed = groups.joint
        self.scopes = schedule.scopes
        self.wide = np.flatnonzero((scope != NONE) & (single[scope] == NONE))
        self.wide_scope = scope[self.wide]
        self.joints = by_number(stream, schedule.stream_count)
        self.groups = by_number(groups.stream, schedule.stream_count)

    def __iter__(self) -> Iterator[_Line]:
        for number, (joints, groups) in enumerate(zip(self.joints, self.groups, strict=True)):
            mine = joints
            if len(self.wide):
                covering = np.array([number in members for members in self.scopes], np.bool_)
                mine = np.sort(np.concatenate((mine, self.wide[covering[self.wide_scope]])))
            until = np.searchsorted(self.placed[groups], mine, "right")
            first = np.concatenate(([0], until[:-1])) if len(mine) else until
            before = np.concatenate(([NONE], mine[:-1])) if len(mine) else mine
            yield _Line(self.begun[number], groups, mine, before, until - first, first)
