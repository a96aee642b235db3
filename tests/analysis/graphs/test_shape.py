"""The shape of a graph: its repeats, and what is left of it when they are folded."""

from __future__ import annotations

import pytest
from graph_reports import chain

from nsysgap.analysis.graphs.shape import Fold, find_fold, folded, layers


@pytest.mark.parametrize(
    ("names", "fold"),
    [
        ("abc", None),
        ("abab", None),
        ("ababab", Fold(3, (0, 1), (0, 1, 2, 3, 4, 5))),
        ("xaaaay", Fold(4, (1,), (1, 2, 3, 4))),
        ("xabcabcabcy", Fold(3, (1, 2, 3), tuple(range(1, 10)))),
        ("", None),
    ],
)
def test_repeats_are_found(names: str, fold: Fold | None) -> None:
    assert find_fold(chain(names)) == fold


def test_branches_side_by_side_are_no_repeats_of_each_other() -> None:
    edges = [(0, 1), (0, 2), (1, 3), (2, 4), (3, 5), (4, 6), (5, 7), (6, 7)]
    fold = find_fold(chain("xaaaaaay", edges))
    assert fold == Fold(3, (1, 2), (1, 2, 3, 4, 5, 6))


def test_folded_graph_keeps_its_way_in_and_out_and_mean_times() -> None:
    drawing = chain("xabababy")
    fold = find_fold(drawing)
    assert fold is not None
    short = folded(drawing, fold)
    assert [(one.number, one.name, one.mean_ns) for one in short.nodes] == [
        (0, "x", 0),
        (1, "a", 3),
        (2, "b", 4),
        (7, "y", 7),
    ]
    assert short.edges == ((0, 1), (1, 2), (2, 7))
    assert layers(short) == {0: 0, 1: 1, 2: 2, 7: 3}
