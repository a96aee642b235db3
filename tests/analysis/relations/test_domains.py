"""NVTX domains: their names, what they select, and ranges without an end."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from case_answers import MS, answer, said, steps
from report_builder import ReportBuilder

from nsysgap import open_report
from nsysgap.analysis.relations.domains import domains, open_range_notices, range_domains
from nsysgap.answers.selection import Selection
from nsysgap.errors import NsysgapError


def marked(report: ReportBuilder) -> ReportBuilder:
    """Domain 1 is called NCCL by process 1 and MPI by process 2, domain 2 has no name: ranges of 10 ns from 0 on."""
    report.launch((0, 1), (2, 90)).launch((0, 1), (2, 90), pid=2)
    for number, (pid, domain, name) in enumerate(
        [(1, 1, "reduce"), (2, 1, "reduce"), (1, 0, "step"), (1, 2, "reduce"), (1, 1, "gather")]
    ):
        report.nvtx(10 * number, 10 * number + 10, name, pid=pid, domainId=domain)
    report.nvtx(0, None, "NCCL", event_type=75, domainId=1)
    return report.nvtx(0, None, registered="MPI", event_type=75, domainId=1, pid=2)


def test_a_domain_has_a_name_of_its_process_or_a_number(report: ReportBuilder, tmp_path: Path) -> None:
    trace = marked(report).trace(tmp_path)
    place, names = range_domains(trace, np.arange(5))
    assert [names[one] for one in place] == ["NCCL", "MPI", "default", "2", "NCCL"]
    found = [(one.name, one.ranges, one.open) for one in domains(trace)]
    assert found == [("NCCL", 2, 0), ("2", 1, 0), ("MPI", 1, 0), ("default", 1, 0)]


@pytest.mark.parametrize(
    ("nvtx", "domain", "expected"),
    [
        (None, "NCCL", [[0, 10], [40, 50]]),
        ("reduce", "NCCL", [[0, 10]]),
        ("reduce", None, [[0, 20], [30, 40]]),
        (None, "^default$", [[20, 30]]),
        (None, "MPI|2", [[10, 20], [30, 40]]),
    ],
)
def test_ranges_are_selected_by_name_and_domain(
    report: ReportBuilder, tmp_path: Path, nvtx: str | None, domain: str | None, expected: list[list[int]]
) -> None:
    chosen = Selection(
        nvtx=None if nvtx is None else re.compile(nvtx), domain=None if domain is None else re.compile(domain)
    ).resolve(marked(report).trace(tmp_path))
    assert chosen.time is not None
    assert np.column_stack((chosen.time.starts, chosen.time.ends)).tolist() == expected


def test_what_no_range_is_in(report: ReportBuilder, tmp_path: Path) -> None:
    trace = marked(report).trace(tmp_path)
    with pytest.raises(NsysgapError, match=r"is in a domain that matches 'x'.*4 domains: NCCL, 2, MPI, default"):
        Selection(domain=re.compile("x")).resolve(trace)
    with pytest.raises(NsysgapError, match=r"matches 'step' and is in .*'NCCL'.*This domain has 2 names"):
        Selection(nvtx=re.compile("step"), domain=re.compile("NCCL")).resolve(trace)


def test_python_selects_domains_too(report: ReportBuilder, tmp_path: Path) -> None:
    found = open_report(marked(report).save(tmp_path))
    assert found.idle(domain="default")["window_start_ns"].tolist() == [20]
    assert found.idle(nvtx="reduce", domain="2")["window_start_ns"].tolist() == [30]


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        ("step 3", 59, "'step 3' of thread 1, pushed and not popped: 2 later ones of its name inside it"),
        ("main", 59, "'main' of thread 1, not popped before the capture ended"),
        ("step 3", 60, "'step 3' of thread 1, started and not ended"),
    ],
)
def test_a_range_without_an_end_is_named(
    report: ReportBuilder, tmp_path: Path, name: str, kind: int, words: str
) -> None:
    report.nvtx(0, 9, "step 1").nvtx(20, None, name, event_type=kind).nvtx(30, 39, "step 4").nvtx(40, 49, "step 5")
    report.nvtx(30, 40, "step 6", tid=2).nvtx(30, 40, "step 7", domainId=5)  # of another thread, another domain
    (notice,) = open_range_notices(report.launch((0, 1), (2, 90)).trace(tmp_path))
    assert f"1 of 6 NVTX ranges has no end: {words}. What selects ranges takes" in notice.text


def test_how_much_of_a_selection_is_open_is_said_of_the_gpus_time_too(report: ReportBuilder, tmp_path: Path) -> None:
    """Kernels of 5 ms, 10 ms apart from 1 ms on: the range without an end, from 30 ms on, launched all but three."""
    steps(report, 10, 10 * MS).nvtx(0, 20 * MS, "step").nvtx(30 * MS, None, "step")
    host = answer(report, tmp_path, "step")
    assert "1 of 2 selected ranges has no end: 66.0 ms of the selection is its alone" in said(host, "warning")
    chosen = Selection(nvtx=re.compile("step"), select="gpu").resolve(report.trace(tmp_path))
    assert chosen.notes[0].text.startswith("1 of 2 selected ranges has no end: 65.0 ms of the selection is its alone")
