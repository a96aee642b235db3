"""What the hardware's counters say of untraced time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from untraced_reports import DARK_CALLS, DARK_KERNELS, idle_of, report

from nsysgap.analysis.idle.document import gaps_document
from nsysgap.analysis.idle.sm_active import sm_active
from nsysgap.analysis.idle.untraced import untraced_pieces


def samples_of(busy: int, idle: int, untraced: int, every: int) -> list[tuple[int, int, int]]:
    """What a counter would read, sampled every so many ns, if its three means were these."""
    level = np.full(1500, idle)
    level[100:200] = level[1100:1300] = busy
    level[200:1000] = untraced
    return [(at, round(level[at : at + every].mean()), 0) for at in range(0, 1500 - every, every)]


@pytest.mark.parametrize("every", [10, 70, 130])  # from finer than every part to coarser than most
def test_means_come_out_of_samples_that_mix_the_parts(tmp_path: Path, every: int) -> None:
    path = report(tmp_path, DARK_KERNELS, DARK_CALLS, samples_of(90, 0, 80, every))
    idle = idle_of(path, hidden_after_ns=100)
    found = sm_active(idle, idle.devices[0], untraced_pieces(idle))
    assert found is not None
    assert found.busy == pytest.approx(90, abs=4)
    assert found.untraced == pytest.approx(80, abs=4)
    if found.idle is not None:
        assert found.idle == pytest.approx(0, abs=4)


def test_means_stay_within_0_and_100(tmp_path: Path) -> None:
    readings = [(at, 100 if at % 60 else 0, 0) for at in range(0, 1500, 30)]
    idle = idle_of(report(tmp_path, DARK_KERNELS, DARK_CALLS, readings), hidden_after_ns=100)
    found = sm_active(idle, idle.devices[0], untraced_pieces(idle))
    assert found is not None
    assert all(value is None or 0 <= value <= 100 for value in (found.busy, found.idle, found.untraced))


def test_part_shorter_than_a_sample_has_no_mean(tmp_path: Path) -> None:
    path = report(tmp_path, DARK_KERNELS, DARK_CALLS, samples_of(90, 0, 80, 130))
    idle = idle_of(path, hidden_after_ns=100)
    [device] = gaps_document(idle, idle.gaps.longest())["devices"]
    assert device["sm_active_percent"]["idle"] is None  # 100 ns of idle time, samples of 130 ns
    assert device["sm_active_percent"]["busy"] is not None


def test_no_metrics_no_evidence(tmp_path: Path) -> None:
    idle = idle_of(report(tmp_path, DARK_KERNELS, DARK_CALLS), hidden_after_ns=100)
    [device] = gaps_document(idle, idle.gaps.longest())["devices"]
    assert (device["sm_active_percent"], device["sm_active_samples"]) == (None, 0)


def test_samples_of_another_gpu_are_no_evidence(tmp_path: Path) -> None:
    readings = [(at, value, 1) for at, value, _ in samples_of(90, 0, 80, 10)]
    idle = idle_of(report(tmp_path, DARK_KERNELS, DARK_CALLS, readings), hidden_after_ns=100)
    assert sm_active(idle, idle.devices[0], untraced_pieces(idle)) is None
