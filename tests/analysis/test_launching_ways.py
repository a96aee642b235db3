"""The figures of a comparison of ways of launching."""

from __future__ import annotations

from pathlib import Path

import pytest
from untraced_reports import DARK_CALLS, DARK_KERNELS, idle_of, report

from nsysgap.analysis.launching_ways import launch_figures


def test_comparison_counts_per_kernel_of_work(tmp_path: Path) -> None:
    figures = launch_figures(
        idle_of(report(tmp_path, DARK_KERNELS, DARK_CALLS), hidden_after_ns=100), {"kernels_of_work": 4}
    )
    assert (figures.kernels_of_work, figures.kernel_rows, figures.busy_us_per_kernel) == (4, 2, 0.075)
    assert (figures.api_calls_per_1000, figures.gpu_ops_per_1000) == (1000.0, 500.0)
    assert (figures.idle_percent, figures.idle_percent_if_untraced_is_busy) == (75.0, 8.33)
    assert (figures.launch_latency_ns, figures.launched_by) == (50, "kernel launch")  # of 50 and 80 the lower one
    assert figures.untraced_ns == 800
    assert sum(figures.idle_percent_by_cause.values()) == pytest.approx(75.0, abs=0.05)


def test_comparison_without_a_record_counts_kernel_rows(tmp_path: Path) -> None:
    figures = launch_figures(idle_of(report(tmp_path, DARK_KERNELS, DARK_CALLS), hidden_after_ns=100))
    assert (figures.kernels_of_work, figures.gpu_ops_per_1000) == (2, 1000.0)
