"""A launching thread that sleeps until another one wakes it: what that one did meanwhile."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from case_answers import MS, US, answer, parts, said
from command_line import run
from report_builder import ReportBuilder


def backward(report: ReportBuilder, *others: int) -> ReportBuilder:
    """Thread 2 sleeps until main, after 2 ms of its own code and 1 ms in cudaMalloc, wakes it; threads `others` too."""
    report.thread(1, 1, "main").thread(1, 2, "pt_autograd_0")
    for i in range(3):
        at = 20 * MS * i
        report.launch((at, at + 5 * US), (at + 8 * US, at + MS)).call(at + 2 * MS, at + 3 * MS, 0, "cudaMalloc")
        report.osrt(at + 4 * MS, at + 14 * MS, "pthread_cond_wait")
        report.osrt(at - 6 * MS, at + 4010 * US, "pthread_cond_wait", tid=2)
        report.launch((at + 4020 * US, at + 4025 * US), (at + 4030 * US, at + 5 * MS), tid=2)
    for tid in others:
        report.nvtx(0, 1, "busy", tid=tid)
    return report


def test_through_whom_a_gap_was_held_up(report: ReportBuilder, tmp_path: Path) -> None:
    document = answer(backward(report), tmp_path)
    first = next(gap for gap in document["gaps"] if gap["start_ns"] == MS)
    asleep = 3010 * US
    assert first["via"] == {
        "process": 1,
        "thread": 1,
        "name": "main",
        "call": "pthread_cond_wait",
        "ns": asleep,
        "did_ns": {"cuda_api": MS, "os": 10 * US, "host": asleep - MS - 10 * US},
    }
    assert first["cause"] == "os"  # the part stays what it is
    assert first["parts_ns"]["os"] == asleep


def test_the_note_says_what_the_waker_did(report: ReportBuilder, tmp_path: Path) -> None:
    found = said(answer(backward(report), tmp_path), "note")
    assert "thread 2 (pt_autograd_0) slept in pthread_cond_wait until thread 1 (main) woke it" in found
    assert "What that did meanwhile: host 6.00 ms, cuda_api 3.00 ms" in found


def test_every_format_has_it(report: ReportBuilder, tmp_path: Path) -> None:
    path = backward(report).save(tmp_path)
    whole = ("--from", "0")
    rows = run("gaps", path, *whole, "--top", "all", "--format", "csv").stdout.splitlines()
    assert "via,via_ns" in rows[0]
    assert sum(",host of 1/1 main,3010000," in row for row in rows) == 3
    text = run("gaps", path, *whole, "--top", "5").stdout
    assert "via" in text
    assert "host of 1/1" in text
    found = json.loads(run("gaps", path, *whole, "--top", "all", "--format", "json").stdout)
    assert sum(gap["via"] is not None for gap in found["gaps"]) >= 3


@pytest.mark.parametrize("call", ["poll", "read"])
def test_other_calls_name_nobody(report: ReportBuilder, tmp_path: Path, call: str) -> None:
    backward(report)
    for row in report.tables["OSRT_API"]:
        row["nameId"] = report.text(call)
    assert "via" not in answer(report, tmp_path)["gaps"][0]
    assert parts(answer(report, tmp_path))["os"] > 8 * MS


def test_a_thread_that_any_of_several_may_have_woken(report: ReportBuilder, tmp_path: Path) -> None:
    gaps = answer(backward(report, 3), tmp_path)["gaps"]
    assert all(gap.get("via") is None for gap in gaps)
