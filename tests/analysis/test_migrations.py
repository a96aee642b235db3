"""Why pages of unified memory moved that ended gaps."""

from __future__ import annotations

from pathlib import Path

import pytest
from report_builder import ReportBuilder

from nsysgap.analysis.migrations import EVICTION_ADVICE, migration_notices


@pytest.mark.parametrize(
    ("causes", "counts", "advice"),
    [
        (
            [2, 2, 3, 1],
            "2 after page faults, 1 prefetched by the driver beside faults, 1 prefetched by the program",
            True,
        ),
        ([1, 1], "2 prefetched by the program", False),
        ([2, 4, 4, 5], "1 after page faults, 2 evicted to make room, 1 by access counters", True),
    ],
)
def test_migrations_that_ended_gaps_are_counted_by_cause(
    report: ReportBuilder, tmp_path: Path, causes: list[int], counts: str, advice: bool
) -> None:
    """A copy without a usable time before them shifts the rows: causes are those of the rows that moved."""
    report.launch((0, 1), (2, 10)).memcpy(0, 0, 0, copyKind=1, migrationCause=4)
    for i, cause in enumerate(causes):
        report.memcpy(20 + 20 * i, 30 + 20 * i, 0, copyKind=11, migrationCause=cause)
    report.memcpy(30 + 20 * len(causes) - 20, 500, 0, copyKind=11, migrationCause=4)  # ends no gap
    [notice] = migration_notices(report.idle(tmp_path))
    assert f"Of these migrations: {counts}." in notice.text
    assert ("cudaMemPrefetchAsync before the kernel" in notice.text) == advice
    assert (EVICTION_ADVICE in notice.text) == (4 in causes)


def test_without_a_cause_nothing_is_counted(report: ReportBuilder, tmp_path: Path) -> None:
    [notice] = migration_notices(report.launch((0, 1), (2, 10)).memcpy(20, 30, 0, copyKind=11).idle(tmp_path))
    assert "Of these migrations" not in notice.text
    assert "cudaMemPrefetchAsync before the kernel" in notice.text
