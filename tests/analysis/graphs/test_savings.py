"""What a graph saves against the same launches made singly."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from graph_reports import GRAPH, document, replay
from report_builder import ReportBuilder


def test_saving_is_told_by_a_whole_replay_where_the_first_was_cut(tmp_path: Path) -> None:
    report = ReportBuilder().launch((0, 10), (20, 50), "a").launch((60, 70), (75, 95), "b")
    report.kernel(100, 120, 7, "b", node=2 * GRAPH + 1)  # its launch and its first node were not recorded
    replay(report, (300, 310), 8, 2, (320, 360, "a"), (361, 380, "b"))
    [graph] = document(report.save(tmp_path))["graphs"]
    assert (graph["launched_singly"]["runs"], graph["launched_singly"]["launches"]) == (1, 2)
    assert graph["launched_singly"]["saved_ns"] == 95 - 80


def test_numbers_of_a_signature_do_not_collide_by_order() -> None:
    from nsysgap.analysis.graphs.savings import _runs

    names = np.array([9, 1, 2, 3, 9, 1, 3, 2, 9, 1, 2, 3], np.int32)
    assert _runs(names, np.array([1, 2, 3], np.int32)) == [1, 9]
    assert _runs(names[:2], np.array([1, 2, 3], np.int32)) == []
