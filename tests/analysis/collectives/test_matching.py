"""Which collectives are the same one, who arrived last, and what the others waited; against plain Python."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nsysgap.analysis.collectives.matching import Matched, match
from nsysgap.analysis.collectives.operations import KINDS, Collectives
from nsysgap.analysis.collectives.waiting import exposed, waits_of
from nsysgap.intervals import IntervalSet, union

Row = tuple[int, int, int, int]
"""(kind, communicator, start, end)"""
LAST = 60


def collectives(*rows: Row) -> Collectives:
    kind, communicator, start, end = np.array(rows, np.int64).reshape(len(rows), 4).T
    number = np.arange(len(rows))
    return Collectives(number, kind.astype(np.int8), communicator.astype(np.uint64), start, end)


def matched(*units: Collectives) -> Matched:
    found = match(units)
    assert isinstance(found, Matched), found
    return found


def ticks(times: IntervalSet) -> set[int]:
    return {tick for start, end in zip(times.starts, times.ends, strict=True) for tick in range(int(start), int(end))}


def test_the_shortest_arrived_last_and_the_others_waited() -> None:
    """
    unit 0  [10      -      40)      [50 60)
    unit 1             [30 40)  [42   -  60)
    """
    found = matched(collectives((0, 0, 10, 40), (0, 0, 50, 60)), collectives((0, 0, 30, 40), (0, 0, 42, 60)))
    assert found.transfer.tolist() == [10, 10]
    assert found.last.tolist() == [1, 0]
    assert found.wait.tolist() == [[20, 0], [0, 8]]
    assert (ticks(waits_of(found, 0)), ticks(waits_of(found, 1))) == (set(range(10, 30)), set(range(42, 50)))


def test_of_equals_the_lowest_rank_arrived_last() -> None:
    assert matched(collectives((0, 0, 5, 9)), collectives((0, 0, 0, 4))).last.tolist() == [0]


def test_kinds_are_counted_by_themselves_and_order_may_differ() -> None:
    """The second unit's AllGather ran before its AllReduce: matched by kind and ordinal, in the first one's order."""
    found = matched(collectives((0, 0, 0, 4), (1, 0, 5, 9)), collectives((1, 0, 0, 3), (0, 0, 6, 9)))
    assert found.kind.tolist() == [0, 1]
    assert found.number.tolist() == [[0, 1], [1, 0]]
    assert found.start.tolist() == [[0, 5], [6, 0]]


def test_communicators_tell_apart_what_ran_in_another_order() -> None:
    one, other = collectives((0, 7, 0, 4), (0, 8, 5, 9)), collectives((0, 8, 0, 4), (0, 7, 5, 9))
    assert matched(one, other).number.tolist() == [[0, 1], [1, 0]]
    unknown = collectives((0, 0, 0, 4), (0, 7, 5, 9))  # one that is not known: no communicator counts
    assert matched(one, unknown).number.tolist() == [[0, 1], [0, 1]]


@pytest.mark.parametrize(
    ("units", "said"),
    [
        ([collectives((0, 0, 0, 1))], "a single unit"),
        ([collectives(), collectives()], "no barrier collective"),
        ([collectives((0, 0, 0, 1)), collectives()], "rank 3 has 1 AllReduce and rank 5 has 0"),
        ([collectives((1, 0, 0, 1)), collectives((0, 0, 0, 1))], "rank 3 has 0 AllReduce and rank 5 has 1"),
        ([collectives((0, 7, 0, 1)), collectives((0, 8, 0, 1))], "rank 3 and rank 5 use other communicators"),
    ],
)
def test_what_is_not_matched_is_said_with_its_units(units: list[Collectives], said: str) -> None:
    found = match(units, ["rank 3", "rank 5"][: len(units)])
    assert isinstance(found, str)
    assert found.startswith(said)


def _sequence(draw: st.DrawFn, keys: list[tuple[int, int]]) -> list[Row]:
    rows: list[Row] = []
    for kind, communicator in keys:
        start = draw(st.integers(0, LAST))
        rows.append((kind, communicator, start, start + draw(st.integers(0, 20))))
    return rows


@st.composite
def fleets(draw: st.DrawFn) -> list[list[Row]]:
    """Units with the same collectives, each in an order and at times of its own; now and then one more."""
    keys = draw(st.lists(st.tuples(st.integers(0, len(KINDS) - 1), st.sampled_from([0, 3, 4])), min_size=1, max_size=7))
    units = [_sequence(draw, draw(st.permutations(keys))) for _ in range(draw(st.integers(2, 4)))]
    if draw(st.integers(0, 9)) == 0:
        units[-1].append((0, 0, 0, 1))
    return units


def defined(units: list[list[Row]]) -> list[list[Row]] | None:
    """The rows of each unit in the order of the first one's, by the definition; None where they do not match."""
    known = all(row[1] != 0 for rows in units for row in rows)

    def keyed(rows: list[Row]) -> dict[tuple[int, int, int], Row]:
        found: dict[tuple[int, int, int], Row] = {}
        for row in rows:
            kind, communicator = row[0], row[1] if known else 0
            ordinal = sum(key[:2] == (kind, communicator) for key in found)
            found[kind, communicator, ordinal] = row
        return found

    tables = [keyed(rows) for rows in units]
    if any(set(table) != set(tables[0]) for table in tables):
        return None
    return [[table[key] for key in tables[0]] for table in tables]


@given(fleets(), st.lists(st.tuples(st.integers(0, LAST), st.integers(0, 9)), max_size=4))
def test_against_the_definition_tick_by_tick(units: list[list[Row]], others: list[tuple[int, int]]) -> None:
    found, expected = match([collectives(*rows) for rows in units]), defined(units)
    if expected is None:
        assert isinstance(found, str)
        return
    assert isinstance(found, Matched)
    lengths = [[end - start for _, _, start, end in rows] for rows in expected]
    transfer = [min(column) for column in zip(*lengths, strict=True)]
    assert found.transfer.tolist() == transfer
    assert found.last.tolist() == [column.index(min(column)) for column in zip(*lengths, strict=True)]
    other = union(*(np.array([one[0] + add * one[1] for one in others], np.int64) for add in (0, 1)))
    selection = union(np.array([5]), np.array([40]))
    for number, rows in enumerate(expected):
        waiting = {
            tick for (_, _, start, end), least in zip(rows, transfer, strict=True) for tick in range(start, end - least)
        }
        assert ticks(waits_of(found, number)) == waiting
        bare = waiting - ticks(other)
        assert exposed(waits_of(found, number), other, None) == len(bare)
        assert exposed(waits_of(found, number), other, selection) == len(bare & set(range(5, 40)))
