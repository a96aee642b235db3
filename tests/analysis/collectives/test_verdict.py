"""Who keeps whom waiting, and why: each verdict once, on figures that show it."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nsysgap.analysis.collectives.matching import Matched
from nsysgap.analysis.collectives.verdict import LATE_BY, lateness, slow_iterations, verdict
from nsysgap.causes import HOST


def last(*units: int) -> Matched:
    """Matched collectives of which only who arrived last is looked at."""
    number, none = len(units), np.zeros((1, len(units)), np.int64)
    return Matched(np.zeros(number, np.int8), none, none, none, none[0], none, np.array(units, np.intp))


def between(*rows: tuple[int, int]) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    """(GPU busy, host) of each stretch between two collectives."""
    found = np.zeros((len(rows), len(LATE_BY)), np.int64)
    for row, (busy, host) in enumerate(rows):
        found[row, 0], found[row, 1 + HOST] = busy, host
    return found


def test_a_straggler_and_what_it_did_longer() -> None:
    """Unit 1 came last in 2 of 3; in each stretch it did 40 more on the host, 5 less on the GPU than the fastest."""
    work = [between((10, 20), (10, 20)), between((5, 60), (5, 60)), between((12, 90), (10, 21))]
    found = verdict(last(1, 0, 1), [10, 0, 10], [100, 100, 100], work)
    assert (found.kind, found.unit, found.cause) == ("straggler", 1, "host")
    assert found.share_last == 2 / 3
    assert {name: ns for name, ns in (found.late_by or {}).items() if ns} == {"gpu": -10, "host": 80}


def test_half_is_enough_and_less_is_not() -> None:
    work = [between((1, 1))] * 3
    assert verdict(last(0, 1, 0, 2), [9, 9, 9], [100] * 3, work).unit == 0
    rotating = verdict(last(0, 1, 2, 0, 1, 2), [9, 9, 9], [100] * 3, work)
    assert (rotating.kind, rotating.unit, rotating.cause) == ("rotates", None, None)


def test_waits_count_from_a_twentieth_of_the_window_on() -> None:
    work = [between((1, 1))] * 2
    assert verdict(last(1, 1), [5, 0], [100, 100], work).kind == "straggler"  # the others' window alone: 5 of 100
    assert verdict(last(1, 1), [4, 0], [100, 100], work).kind == "even"


def test_nothing_shared_tells_nothing() -> None:
    assert verdict(last(), [0, 0], [100, 100], []).kind == "unknown"


@given(
    st.lists(
        st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=3, max_size=3), min_size=2, max_size=4
    )
)
def test_lateness_against_plain_sums(units: list[list[tuple[int, int]]]) -> None:
    found = lateness([between(*rows) for rows in units], 1)
    expected = [0, 0]
    for stretch in range(3):
        fastest = min(range(len(units)), key=lambda unit: sum(units[unit][stretch]))
        for part in (0, 1):
            expected[part] += units[1][stretch][part] - units[fastest][stretch][part]
    assert (found["gpu"], found["host"]) == tuple(expected)
    assert sum(found.values()) == sum(expected)


def test_slow_iterations_and_who_arrived_last_in_most_of_their_collectives() -> None:
    """Iteration 2 took 100 on unit 1: over 1.5 medians; its three collectives ended with units 0, 1, 1."""
    durations = [np.array([10, 11, 40, 10, 12]), np.array([10, 10, 100, 11, 12])]
    found = slow_iterations(durations, np.array([0, 2, 2, 2, -1]), np.array([0, 0, 1, 1, 0]))
    assert [(one.iteration, one.duration, one.last) for one in found] == [(2, 100, 1)]
    assert slow_iterations(durations, np.array([0]), np.array([1]))[0].last is None
