"""What ops are, worked out beside what else is made of a loop: on another thread, once, and not in silence."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
from loop_reports import document_of, steps_of
from report_builder import ReportBuilder

from nsysgap.analysis.loops import steps as module
from nsysgap.analysis.loops.sequences import Shapes
from nsysgap.analysis.relations import spans
from nsysgap.errors import NsysgapError


def test_shapes_are_worked_out_once_on_a_thread_of_their_own() -> None:
    threads = []

    def worked_out() -> np.ndarray:
        threads.append(threading.current_thread())
        return np.array([4, 5], np.int32)

    shapes = Shapes(worked_out)
    with shapes.worked_out_beside(), shapes.worked_out_beside():
        pass
    assert len(threads) == 1
    assert threads[0] is not threading.current_thread()
    assert shapes.of_ops.tolist() == [4, 5]
    assert len(threads) == 1


def test_what_fails_beside_is_told_where_it_is_asked_for() -> None:
    def damaged() -> np.ndarray:
        raise NsysgapError("The report is damaged.", "Export it again.")

    shapes = Shapes(damaged)
    with shapes.worked_out_beside():
        pass  # nobody has asked yet
    with pytest.raises(NsysgapError, match="damaged"):
        _ = shapes.of_ops


def test_a_large_report_has_the_same_loops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    report = ReportBuilder()
    for number in range(6):  # the fourth launches something else
        start = 100 * number
        report.nvtx(start, start + 90, f"step {number}")
        report.call(start + 5, start + 9, number + 1)
        report.kernel(start + 10, start + 30, number + 1, name="b" if number == 3 else "a")
    path = report.save(tmp_path)
    alone = document_of(steps_of(path))
    monkeypatch.setattr(module, "BESIDE_OPS", 1)
    monkeypatch.setattr(spans, "ROWS", 2)  # every stretch of rows has its seams
    assert document_of(steps_of(path)) == alone
    assert alone["loops"][0]["identical"] == 5
