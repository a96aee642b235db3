"""Which launches ran back to back with what was before them in their stream."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from report_builder import ReportBuilder

from nsysgap.analysis.packed_launches import packed


def test_within_two_microseconds_of_the_op_before_in_the_same_stream(tmp_path: Path) -> None:
    report = ReportBuilder().kernel(0, 1_000).kernel(3_000, 4_000).kernel(6_001, 7_000).kernel(7_100, 9_000, stream=8)
    ops = report.memcpy(8_000, 9_000).kernel(8_500, 9_500).trace(tmp_path).ops
    expected = {0: False, 3_000: True, 6_001: False, 7_100: False, 8_000: True, 8_500: True}
    assert dict(zip(ops["start"].tolist(), packed(ops, np.arange(ops.rows)).tolist(), strict=True)) == expected
    assert packed(ops, np.array([1, 3])).tolist() == [True, False]
