"""The fast replay against the plain loop, on random schedules; and what each rule of it does, on small ones."""

from __future__ import annotations

import numpy as np
from examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from schedule_models import same_replay

from nsysgap.analysis.schedule.replay import replay
from nsysgap.analysis.schedule.replay_loop import replay_by_loop
from nsysgap.analysis.schedule.schedule import Schedule

SCOPES = ((0,), (1,), (0, 1), ())
_short = st.integers(0, 9)
_any = st.integers(-4, 9)
_chance = st.sampled_from([False, False, True])


@st.composite
def schedules(draw: st.DrawFn) -> Schedule:
    """Anything the columns can say: threads, streams, syncs, events, copies that block, dead ops, extra edges."""
    calls = draw(st.integers(0, 10))
    ops = draw(st.integers(0, 12)) if calls else 0

    def column(length: int, values: st.SearchStrategy[int], dtype: str = "int64") -> np.ndarray:
        return np.array(draw(st.lists(values, min_size=length, max_size=length)), dtype)

    owner = np.sort(column(ops, st.integers(0, max(calls - 1, 0)), "int64"))
    role = column(calls, st.integers(0, 4))
    role[owner] = 0
    records = role == 1
    earlier = [[one for one in np.flatnonzero(records).tolist() if one < call] or [-1] for call in range(calls)]
    event = np.array([draw(st.sampled_from(earlier[call])) for call in range(calls)], np.int64)
    scope = column(calls, st.integers(-1, len(SCOPES) - 1), "int32")
    pairs = st.tuples(st.integers(0, max(ops - 1, 0)), st.integers(0, max(ops - 1, 0)))
    alone = np.bincount(owner, minlength=1)[owner] == 1 if ops else np.zeros(0, np.bool_)
    drawn = draw(st.lists(pairs, max_size=3 if ops else 0))
    edges = [pair for pair in drawn if alone[list(pair)].all() and owner[pair[0]] < owner[pair[1]]]
    return Schedule(
        origin=draw(_short),
        thread=column(calls, st.integers(0, 1), "int32"),
        gap=column(calls, _any),
        base=column(calls, _short),
        waits=role == 2,
        tail=column(calls, _any),
        scope=scope,
        event=event,
        records=records,
        awaits=np.where(role == 3, event, -1),
        own_stream=column(calls, st.integers(-1, 1), "int32").clip(np.where(role == 3, 0, -1)).astype(np.int32),
        scopes=SCOPES,
        call=owner.astype(np.intp),
        stream=column(ops, st.integers(0, 1), "int32"),
        stream_count=2,
        alive=column(ops, st.sampled_from([1, 1, 1, 0]), "bool"),
        latency=column(ops, _any),
        delta=column(ops, _any),
        duration=column(ops, _short),
        blocks=column(ops, st.sampled_from([0, 1]), "bool") & alone,
        op_tail=column(ops, _any),
        room=np.full(ops, -1),
        room_tail=np.zeros(ops, np.int64),
        edges=np.array(edges, np.int64).reshape(-1, 2),
    )


@settings(max_examples=examples(600), deadline=None)
@given(schedules(), st.integers(1, 11))
def test_the_fast_replay_is_the_plain_one(schedule: Schedule, at_a_time: int) -> None:
    same_replay(replay(schedule, at_a_time), replay_by_loop(schedule))
