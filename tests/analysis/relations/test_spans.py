"""Rows looked at a few at a time, against a brute-force oracle that looks at every tick of a short time."""

from __future__ import annotations

import tracemalloc
from unittest.mock import patch

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nsysgap.analysis.relations import spans
from nsysgap.analysis.relations.spans import Spans, stretches
from nsysgap.names import HIGHEST_TEXT_ID
from nsysgap.tables import OSRT, Table

LOW, HIGH = -10, 10  # all times of the tests; a tick t stands for [t, t + 1)
TIME = st.integers(LOW, HIGH)
ROW = st.tuples(TIME, st.integers(0, 12), st.integers(0, 1), st.integers(0, 2))  # start, length, thread, name
FEW = st.integers(1, 4)
NUMBERS = np.array([3, 4, HIGHEST_TEXT_ID + 9], np.int32)
NAMES = st.none() | st.lists(st.integers(0, 2), max_size=2)


def table(rows: list[tuple[int, int, int, int]]) -> Table:
    start, length, thread, name = np.array(sorted(rows), np.int64).reshape(len(rows), 4).T
    columns = {"start": start.copy(), "end": start + length}
    return Table(OSRT, {**columns, "thread": thread.astype(np.int32), "name": name.astype(np.int32)})


@given(rows=st.lists(ROW, max_size=9), few=FEW, names=NAMES, thread=st.none() | st.integers(0, 1), at=TIME, long=FEW)
def test_what_rows_cover_of_a_stretch(
    rows: list[tuple[int, int, int, int]], few: int, names: list[int] | None, thread: int | None, at: int, long: int
) -> None:
    made = table(rows)
    chosen = None if thread is None else np.flatnonzero(made["thread"] == thread).astype(np.int32)
    ticks = {
        tick
        for start, length, of, name in rows
        if (thread is None or of == thread) and (names is None or name in names)
        for tick in range(start, start + length)
    }
    with patch.object(spans, "ROWS", few):
        covered = Spans(made, chosen, names).within(at, at + long)
        assert Spans(made, chosen, names).within(spans.LEAST, spans.MOST).total == len(ticks)
    found = {tick for start, end in zip(*covered, strict=True) for tick in range(start, end)}
    assert {tick for tick in range(at, at + long) if tick in found} == {
        tick for tick in ticks if at <= tick < at + long
    }
    assert (covered.ends > covered.starts).all()
    assert (covered.starts[1:] > covered.ends[:-1]).all()


@given(rows=st.lists(ROW, max_size=9), few=FEW, times=st.lists(TIME, max_size=9))
def test_windows_hold_every_time_once_and_few_rows(
    rows: list[tuple[int, int, int, int]], few: int, times: list[int]
) -> None:
    made, moments = table(rows), np.array(sorted(times), np.int64)
    with patch.object(spans, "ROWS", few):
        windows = list(Spans(made).windows(moments))
    assert [row for window in windows for row in range(window.start, window.stop)] == list(range(len(times)))
    for window in windows:
        first, last = moments[window.start], moments[window.stop - 1]
        assert window.stop - window.start <= few
        assert last == first or ((made["start"] >= first) & (made["start"] < last)).sum() <= few


@given(number=st.integers(0, 20), few=FEW)
def test_stretches_hold_every_row_once(number: int, few: int) -> None:
    with patch.object(spans, "ROWS", few):
        assert [row for some in stretches(number) for row in range(some.start, some.stop)] == list(range(number))


def test_names_whose_numbers_lie_far_apart_take_no_memory() -> None:
    """Names that a report's own texts were shortened to are numbered from two thousand million on."""
    rows = table([(0, 5, 0, 0), (5, 5, 0, 1), (10, 5, 0, 2)])
    numbered = Table(OSRT, {name: rows[name] for name in ("start", "end", "thread")} | {"name": NUMBERS})
    tracemalloc.start()
    try:
        named = Spans(numbered, None, [3, HIGHEST_TEXT_ID + 9]).named(0, 3)
        assert (named.tolist(), tracemalloc.get_traced_memory()[1] < 1 << 20) == ([True, False, True], True)
    finally:
        tracemalloc.stop()
