"""Loops in words: whose domain they are where a report has several."""

from __future__ import annotations

from pathlib import Path

import pytest
from case_answers import MS, US
from command_line import run
from report_builder import ReportBuilder


def looped(report: ReportBuilder, *, domains: tuple[int, ...]) -> ReportBuilder:
    """Three steps, each with a range in every domain, that launch a kernel; domain 1 is called NCCL, 2 has no name."""
    for i in range(3):
        at = MS * i
        report.launch((at + 10 * US, at + 12 * US), (at + 14 * US, at + 20 * US))
        for depth, domain in enumerate(domains):
            report.nvtx(at + depth, at + 50 * US - depth, f"step {i}", domainId=domain)
    return report.nvtx(0, None, "NCCL", event_type=75, domainId=1)


def test_of_several_domains_each_loop_says_its_own(report: ReportBuilder, tmp_path: Path) -> None:
    path = looped(report, domains=(0, 1, 2)).save(tmp_path)
    said = run("steps", path).stdout
    assert "on thread 1, NVTX domain default. " in " ".join(said.split())
    rows = [line.split() for line in said.partition("between  domain\n")[2].split("\n\n")[0].splitlines()]
    assert [(row[:2], row[-1]) for row in rows] == [(["step", "#"], name) for name in ("default", "NCCL", "2")]
    titles = [line for line in run("steps", path, "--loop", "step #").stdout.splitlines() if "iterations" in line]
    assert titles[1] == "step #: 3 iterations on thread 1/1, NVTX domain NCCL"


def test_loops_without_ranges_have_no_domain(report: ReportBuilder, tmp_path: Path) -> None:
    """Beside them another thread's ranges of two domains, which launch nothing."""
    path = looped(report, domains=()).nvtx(0, 9, "a", tid=2).nvtx(0, 9, "b", tid=2, domainId=1).save(tmp_path)
    assert "domain" not in run("steps", path).stdout.partition("\n")[2]


@pytest.mark.parametrize("domain", [0, 1, 2])
def test_of_one_domain_nothing_is_said(report: ReportBuilder, tmp_path: Path, domain: int) -> None:
    path = looped(report, domains=(domain,)).save(tmp_path)
    assert "domain" not in run("steps", path).stdout.partition("\n")[2]
    assert "domain" not in run("steps", path, "--loop", "step #").stdout.partition("\n")[2]
