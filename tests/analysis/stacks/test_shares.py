"""Idle time shared out among samples, against a plain loop."""

from __future__ import annotations

from typing import Any

import numpy as np
from examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from nsysgap.analysis.idle.stretches import Stretches
from nsysgap.analysis.stacks.shares import Shares, measured_period, share_among_samples
from nsysgap.causes import HOST
from nsysgap.tables import NONE, STACK_SAMPLES, Table

times = st.integers(0, 400)
spans = st.lists(st.tuples(times, st.integers(1, 40), st.integers(-1, 2)), max_size=12)


def stretches_of(given_spans: list[tuple[int, int, int]]) -> Stretches:
    """One stretch per gap; they may overlap, as gaps of several GPUs do."""
    start = np.array([one[0] for one in given_spans], np.int64)
    length = np.array([one[1] for one in given_spans], np.int64)
    thread = np.array([one[2] for one in given_spans], np.int32)
    return Stretches(start, start + length, np.arange(len(start)), np.full(len(start), HOST, np.int8), thread)


def samples_of(given_samples: list[tuple[int, int]]) -> Table:
    given_samples = sorted(given_samples)
    columns: dict[str, Any] = {
        "time": np.array([time for time, _ in given_samples], np.int64),
        "thread": np.array([thread for _, thread in given_samples], np.int32),
        "global_tid": np.array([thread for _, thread in given_samples], np.int64),
        "stack": np.zeros(len(given_samples), np.int32),
        "source": np.zeros(len(given_samples), np.int8),
    }
    return Table(STACK_SAMPLES, columns)


def brute_force(stretches: Stretches, samples: Table, reach: int) -> dict[int, int]:
    """{sample or -1: ns}, stretch by stretch."""
    found: dict[int, int] = {}
    for start, end, thread in zip(
        stretches.start.tolist(), stretches.end.tolist(), stretches.thread.tolist(), strict=True
    ):
        own = [(time, i) for i, time in enumerate(samples["time"].tolist()) if samples["thread"][i] == thread != NONE]
        inside = [i for time, i in own if start <= time < end]
        if inside:
            for place, i in enumerate(inside):
                each, left = divmod(end - start, len(inside))
                found[i] = found.get(i, 0) + each + (place < left)
            continue
        near = sorted(
            (start - time if time < start else time - end, time, -i if time < start else i) for time, i in own
        )
        receiver = abs(near[0][2]) if near and near[0][0] <= reach else NONE
        found[receiver] = found.get(receiver, 0) + end - start
    return {i: ns for i, ns in found.items() if ns}


@settings(max_examples=examples(300), deadline=None)
@given(spans, st.lists(st.tuples(times, st.integers(-1, 2)), max_size=15, unique=True), st.integers(0, 60))
def test_shares_are_those_of_a_plain_loop_and_sum_exactly(
    given_spans: list[tuple[int, int, int]], given_samples: list[tuple[int, int]], reach: int
) -> None:
    stretches, samples = stretches_of(given_spans), samples_of(given_samples)
    shares: Shares = share_among_samples(stretches, samples, reach)
    assert int(shares.ns.sum()) == stretches.total
    summed: dict[int, int] = {}
    for receiver, ns in zip(shares.receiver.tolist(), shares.ns.tolist(), strict=True):
        summed[receiver] = summed.get(receiver, 0) + ns
    assert {i: ns for i, ns in summed.items() if ns} == brute_force(stretches, samples, reach)
    by_gap = np.zeros(len(given_spans), np.int64)
    np.add.at(by_gap, shares.gap, shares.ns)
    assert by_gap.tolist() == [length for _, length, _ in given_spans]


def test_measured_period_is_the_median_on_one_thread() -> None:
    assert measured_period(samples_of([(0, 0), (5, 1), (10, 0), (16, 1), (20, 0), (300, 0)])) == 10
    assert measured_period(samples_of([(5, 0)]), asked=500) == 500
    assert measured_period(samples_of([])) == 0
