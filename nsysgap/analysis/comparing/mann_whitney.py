"""The exact two-sided test of Mann and Whitney: how often chance alone would part two samples so far.

H. B. Mann, D. R. Whitney, "On a test of whether one of two random variables is stochastically larger than the other",
1947. Exact means counted over all ways of dealing the values out, tied values at their mean rank; nothing is drawn from
a normal distribution, which is wrong for four captures a side.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import comb


def mann_whitney(first: Sequence[int], second: Sequence[int]) -> Fraction:
    """p of two samples, both not empty: twice the smaller tail of the rank sum, at most 1."""
    ranks = _doubled_ranks([*first, *second])
    observed = sum(ranks[: len(first)])
    ways = _ways(ranks, len(first))
    total = comb(len(ranks), len(first))
    low = sum(number for rank_sum, number in ways.items() if rank_sum <= observed)
    high = sum(number for rank_sum, number in ways.items() if rank_sum >= observed)
    return min(Fraction(1), Fraction(2 * min(low, high), total))


def _doubled_ranks(values: Sequence[int]) -> list[int]:
    """Twice the rank of each value, the mean of their ranks for equal ones: integers."""
    ordered = sorted(values)
    first = {value: position for position, value in reversed(list(enumerate(ordered)))}
    last = {value: position for position, value in enumerate(ordered)}
    return [first[value] + last[value] + 2 for value in values]


def _ways(ranks: Sequence[int], size: int) -> dict[int, int]:
    """How many choices of `size` ranks have each sum."""
    by_size: list[dict[int, int]] = [{0: 1}, *({} for _ in range(size))]
    for rank in ranks:
        for chosen in range(size, 0, -1):
            with_rank = by_size[chosen]
            for rank_sum, number in by_size[chosen - 1].items():
                with_rank[rank_sum + rank] = with_rank.get(rank_sum + rank, 0) + number
    return by_size[size]
