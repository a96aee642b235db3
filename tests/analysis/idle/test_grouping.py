"""Idle time grouped five ways, each of which sums to it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from examples import examples
from hypothesis import HealthCheck, given, settings
from random_reports import HIDDEN_AFTER, Row, build, report_rows, selections
from report_builder import ReportBuilder, intervals

from nsysgap.analysis.idle.grouping import GROUPINGS, Group, idle_by
from nsysgap.analysis.idle.idle_calls import idle_by_call
from nsysgap.analysis.idle.idle_report import IdleReport
from nsysgap.analysis.idle.stretches import idle_stretches
from nsysgap.causes import PARTS
from nsysgap.names import Names


def table(groups: list[Group]) -> dict[str, tuple[int, int, int, str]]:
    return {group.name: (group.idle, group.gaps, group.longest, group.main_cause) for group in groups}


EXPECTED: dict[str, dict[str, tuple[int, int, int, str]]] = {
    "cause": {
        "in_graph": (10, 1, 10, "in_graph"),
        "queued": (19, 3, 10, "queued"),
        "launch": (21, 4, 6, "launch"),
        "profiler": (6, 1, 6, "profiler"),
        "sync": (20, 1, 20, "sync"),
        "cuda_api": (20, 1, 20, "cuda_api"),
        "os": (4, 1, 4, "os"),
        "host": (10, 3, 4, "host"),
        "unknown": (10, 1, 10, "unknown"),
    },
    "kernel": {
        "alpha": (40, 1, 40, "sync"),
        "beta": (40 + 10, 2, 40, "cuda_api"),
        "node 1": (10, 1, 10, "queued"),
        "node 2": (10, 1, 10, "in_graph"),
        "[CUDA memcpy Unified Host-to-Device]": (10, 1, 10, "unknown"),
    },
    "nvtx": {
        "loop": (10 + 10 + 40, 3, 40, "sync"),
        "step": (40, 1, 40, "cuda_api"),
        "(outside any range)": (10 + 10, 2, 10, "unknown"),
    },
    "thread": {
        "1/1 main": (100, 4, 40, "sync"),
        "2/9": (10, 1, 10, "queued"),
        "(no launch call known)": (10, 1, 10, "unknown"),
    },
    "process": {"1 python": (110, 5, 40, "sync"), "2": (10, 1, 10, "queued")},
}


@pytest.mark.parametrize("by", GROUPINGS)
def test_groups(mixed: ReportBuilder, tmp_path: Path, by: str) -> None:
    idle = mixed.idle(tmp_path)
    found = idle_by(idle, by)
    assert sum(group.idle for group in found) == idle.devices[0].idle == 120
    assert [(group.idle, group.name) for group in found] == sorted(
        ((group.idle, group.name) for group in found), key=lambda pair: (-pair[0], pair[1])
    )
    assert table(found) == EXPECTED[by]


def test_one_name_is_one_group(report: ReportBuilder, tmp_path: Path) -> None:
    """Two IDs of StringIds with the same text."""
    report.launch((0, 1), (2, 10), "same").row("StringIds", id=900, value="same")
    report.call(11, 12, 5).kernel(20, 30, 5, demangledName=900).launch((31, 32), (45, 50), "same")
    assert table(idle_by(report.idle(tmp_path), "kernel")) == {"same": (25, 2, 15, "queued")}


def test_nothing_idle_has_no_groups(report: ReportBuilder, tmp_path: Path) -> None:
    report.kernel(0, 10)
    idle = report.idle(tmp_path)
    assert [idle_by(idle, by) for by in GROUPINGS] == [[]] * 5


@settings(max_examples=examples(60), suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(rows=report_rows(), selected=selections())
def test_every_grouping_of_random_reports(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Row], selected: list[tuple[int, int]]
) -> None:
    """Groupings sum to the idle time; stretches lie where the parts say; with and without a selection."""
    trace = build(rows).trace(tmp_path_factory.getbasetemp())
    for selection in (None, intervals(*selected)):
        idle = IdleReport(trace, hidden_after_ns=HIDDEN_AFTER, selection=selection)
        total = sum(device.idle for device in idle.devices)
        by_part = sum((device.idle_by_part for device in idle.devices), start=np.zeros(len(PARTS), np.int64))
        for groups in (idle_by_call(idle), *(idle_by(idle, by) for by in GROUPINGS)):
            assert sum(group.idle for group in groups) == total
        stretches = idle_stretches(idle)
        assert [int((stretches.end - stretches.start)[stretches.part == i].sum()) for i in range(len(PARTS))] == (
            by_part.tolist()
        )
        assert (stretches.start >= idle.gaps.start[stretches.gap]).all()
        assert (stretches.end <= idle.gaps.end[stretches.gap]).all()


def test_a_text_under_two_indices_is_one_group_with_one_main_cause(report: ReportBuilder, tmp_path: Path) -> None:
    """Each index alone has most of its time in `host` or `launch`; both together have most of it in `queued`."""
    report.launch((0, 2), (0, 10), "a")
    report.launch((16, 16), (21, 30), "b")  # host 6, queued 5
    report.launch((30, 36), (41, 50), "a")  # launch 6, queued 5
    trace = report.trace(tmp_path)
    one, other = sorted(trace.names.find(["a", "b"]))
    same = replace(trace, names=Names({**dict(trace.names.items()), one: b"same", other: b"same"}))
    groups = idle_by(IdleReport(same), "kernel")
    assert [(group.name, group.idle, group.gaps, group.main_cause) for group in groups] == [("same", 22, 2, "queued")]
