"""Stretches of idle time by cause."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from idle_stack_answers import answer
from stack_reports import MAIN, StackReport

from nsysgap.analysis.idle.stretches import idle_stretches
from nsysgap.causes import PARTS


def test_stretches_sum_to_every_part(tmp_path: Path) -> None:
    report = StackReport()
    report.gap(1000, 2000, call_ns=100)
    report.call("cudaGetDevice", 1100, 1150)
    report.rows["OSRT_API"].append((1300, 1400, MAIN, report.text("read"), 0))
    idle, _ = answer(report, tmp_path / "r.sqlite")
    stretches = idle_stretches(idle)
    sums = np.zeros(len(PARTS), np.int64)
    np.add.at(sums, stretches.part, stretches.end - stretches.start)
    assert sums.tolist() == idle.devices[0].idle_by_part.tolist()
