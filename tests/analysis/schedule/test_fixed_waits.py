"""Waits that take equally long whatever came before: which they are, and that the replay with them is the plain one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from examples import examples
from hypothesis import example, given, settings
from hypothesis import strategies as st
from schedule_models import same_replay

from nsysgap.analysis.schedule.fixed_waits import FixedWaits, fixed_waits
from nsysgap.analysis.schedule.joints import groups_of, joints_of, sums_of
from nsysgap.analysis.schedule.replay import replay
from nsysgap.analysis.schedule.replay_loop import replay_by_loop
from nsysgap.analysis.schedule.schedule import NEVER, Schedule

SCOPES = ((0,), (1,), (0, 1))
Call = tuple[str, int, int]  # "launch", "copy" (blocking), "sync", "record" or "await"; stream, of a sync scope; thread


def program(calls: Sequence[Call], *, gap: int = 10, delta: int = 1, tail: int = 4, took: int = 30) -> Schedule:
    """Calls of 2 ns, `gap` apart; ops start 5 ns after their calls or `delta` after their stream, and run `took`."""
    what, place, thread = zip(*calls, strict=True)
    kind = np.array(what)
    stream, owner = np.array(place, np.int32), np.flatnonzero(np.isin(kind, ("launch", "copy")))
    records = [max((one for one in range(call) if kind[one] == "record"), default=-1) for call in range(len(kind))]
    ops, none = np.ones(len(owner), np.int64), np.full(len(kind), -1)
    marks = np.isin(kind, ("record", "await"))
    return Schedule(
        origin=0,
        thread=np.array(thread, np.int32),
        gap=np.full(len(kind), gap),
        base=np.full(len(kind), 2),
        waits=kind == "sync",
        tail=np.full(len(kind), tail),
        scope=np.where(kind == "sync", stream, -1).astype(np.int32),
        event=none,
        records=kind == "record",
        awaits=np.where(kind == "await", records, -1),
        own_stream=np.where(marks, stream, -1).astype(np.int32),
        scopes=SCOPES,
        call=owner,
        stream=stream[owner],
        stream_count=2,
        alive=ops > 0,
        latency=5 * ops,
        delta=delta * ops,
        duration=took * ops,
        blocks=kind[owner] == "copy",
        op_tail=tail * ops,
        room=-ops,
        room_tail=0 * ops,
        edges=np.empty((0, 2), np.int64),
    )


def waits(schedule: Schedule) -> FixedWaits:
    """What is known of the waits; the replay that rests on it is the plain one."""
    for at_a_time in (1, 3, 1_000):
        same_replay(replay(schedule, at_a_time), replay_by_loop(schedule))
    sums = sums_of(schedule)
    joints = joints_of(schedule, sums)
    return fixed_waits(schedule, joints, groups_of(schedule, sums, joints), [NEVER] * schedule.stream_count)


def test_a_program_that_waits_for_each_launch_has_no_wait_to_walk() -> None:
    found = waits(program([("launch", 0, 0), ("sync", 0, 0)] * 5))
    # The op ends 35 ns after its call began, the wait's own return is 14 ns after that: 35 + tail 4 - 14 = 25 more.
    assert found.fixed.all()
    assert found.wait.tolist() == [25] * 5


def test_a_wait_for_two_streams_one_after_the_other_is_known_from_the_first() -> None:
    found = waits(program([("launch", 0, 0), ("launch", 1, 0), ("sync", 0, 0), ("sync", 1, 0)] * 3))
    assert found.fixed.all()
    assert found.wait.tolist() == [13, 0] * 3


def test_a_copy_that_blocks_behind_a_kernel() -> None:
    found = waits(program([("launch", 0, 0), ("copy", 0, 0)] * 3))
    assert found.fixed.all()
    assert found.wait.tolist() == [35 + 1 + 30 + 4 - 14] * 3


def test_an_op_that_may_have_to_wait_for_its_stream_leaves_the_wait_open() -> None:
    """What was waited for ended at most 4 ns before the wait did; 100 ns later the stream may still be cooling down."""
    found = waits(program([("launch", 0, 0), ("sync", 0, 0)] * 3, delta=100))
    assert found.fixed.tolist() == [True, False, False]


def test_a_stream_that_two_threads_use_leaves_the_wait_open() -> None:
    found = waits(program([("launch", 0, 0), ("launch", 0, 1), ("sync", 0, 0)]))
    assert found.fixed.tolist() == [False]


def test_a_stream_that_another_thread_waited_for_leaves_the_wait_open() -> None:
    found = waits(program([("copy", 0, 1), ("launch", 0, 0), ("sync", 0, 0)]))
    assert found.fixed.tolist() == [True, False]


def test_threads_of_their_own_streams_do_not_disturb_each_other() -> None:
    found = waits(program([("launch", 0, 0), ("launch", 1, 1), ("sync", 1, 1), ("sync", 0, 0)] * 3))
    assert found.fixed.all()


def test_a_stream_that_awaits_an_event_leaves_the_wait_open() -> None:
    found = waits(program([("launch", 1, 0), ("record", 1, 0), ("await", 0, 0), ("launch", 0, 0), ("sync", 0, 0)]))
    assert found.fixed.tolist() == [False] * 3


_calls = st.tuples(
    st.sampled_from(["launch", "launch", "sync", "sync", "copy", "record", "await"]),
    st.integers(0, 2),
    st.integers(0, 1),
)


# With these numbers rows overlap, and the copy ends before what its stream did before.
@example(calls=[("launch", 0, 0), ("copy", 0, 0), ("sync", 0, 0)], gap=-3, delta=-3, tail=-1, took=0)
@example(calls=[("launch", 0, 0), ("sync", 0, 0), ("copy", 0, 0), ("sync", 0, 0)], gap=-3, delta=-3, tail=-3, took=0)
@settings(max_examples=examples(200), deadline=None)
@given(
    st.lists(_calls.map(lambda call: call if call[0] == "sync" else (call[0], call[1] % 2, call[2])), min_size=1),
    st.integers(-3, 40),
    st.integers(-3, 20),
    st.integers(-3, 20),
    st.integers(0, 40),
)
def test_any_program_replays_as_the_plain_loop_does(
    calls: list[Call], gap: int, delta: int, tail: int, took: int
) -> None:
    waits(program(calls, gap=gap, delta=delta, tail=tail, took=took))
