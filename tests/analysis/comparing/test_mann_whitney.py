"""The exact test of Mann and Whitney against published critical values and against every way of dealing values out."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations

import pytest
from examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from nsysgap.analysis.comparing.mann_whitney import mann_whitney

SOME = st.lists(st.integers(0, 6), min_size=1, max_size=6)


def by_enumeration(first: list[int], second: list[int]) -> Fraction:
    """The definition: U counts the pairs that first wins, ties half; every choice of places is as likely."""
    values, size = [*first, *second], len(first)

    def wins(chosen: tuple[int, ...]) -> Fraction:
        rest = [values[i] for i in range(len(values)) if i not in chosen]
        pairs = [(values[i], other) for i in chosen for other in rest]
        return sum((Fraction(2 * (a > b) + (a == b), 2) for a, b in pairs), Fraction(0))

    all_wins = [wins(chosen) for chosen in combinations(range(len(values)), size)]
    observed = all_wins[0]
    tails = (sum(one <= observed for one in all_wins), sum(one >= observed for one in all_wins))
    return min(Fraction(1), Fraction(2 * min(tails), len(all_wins)))


@settings(max_examples=examples(100))
@given(SOME, SOME)
def test_p_is_what_counting_every_choice_gives(first: list[int], second: list[int]) -> None:
    assert mann_whitney(first, second) == by_enumeration(first, second)


@given(SOME, SOME)
def test_the_sides_may_change_places(first: list[int], second: list[int]) -> None:
    assert mann_whitney(first, second) == mann_whitney(second, first)


def samples_with_u(u: int, first: int, second: int) -> tuple[list[int], list[int]]:
    """Samples without ties in which `first` values win u pairs."""
    for chosen in combinations(range(first + second), first):
        rest = [i for i in range(first + second) if i not in chosen]
        if sum(a > b for a in chosen for b in rest) == u:
            return list(chosen), rest
    raise AssertionError(u)


@pytest.mark.parametrize(
    ("first", "second", "critical"),
    [(4, 4, 0), (4, 5, 1), (5, 5, 2), (5, 6, 3), (6, 6, 5), (6, 7, 6), (7, 7, 8)],
)
def test_critical_values_of_the_published_table(first: int, second: int, critical: int) -> None:
    """Two-sided, 5 %: Mann and Whitney 1947, as in every table of U since."""
    assert mann_whitney(*samples_with_u(critical, first, second)) <= Fraction(1, 20)
    assert mann_whitney(*samples_with_u(critical + 1, first, second)) > Fraction(1, 20)


def test_three_captures_a_side_can_never_differ_significantly() -> None:
    assert mann_whitney([1, 2, 3], [10, 11, 12]) == Fraction(1, 10)
    assert mann_whitney([1, 2, 3, 4], [10, 11, 12, 13]) == Fraction(1, 35)


def test_equal_values_say_nothing() -> None:
    assert mann_whitney([5] * 4, [5] * 4) == 1


def test_many_captures_are_counted_too() -> None:
    assert 0 < float(mann_whitney(list(range(30)), list(range(20, 50)))) < 1e-9
