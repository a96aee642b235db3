"""The critical path as a track of the timeline page, in a real Chromium."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from browser import watched_page
from report_builder import ReportBuilder
from timeline_pages import READY, run, write_page

from nsysgap.answers.opening import ask
from nsysgap.answers.timeline import TimelineOptions, timeline

US = 1_000


def report_of(folder: Path) -> Path:
    """Four steps of 100 us: 20 us of the range load, a launch call of 5 us, a kernel of 60 us that is waited for."""
    report = ReportBuilder()
    for number in range(4):
        t, ids = 100 * US * number, (2 * number + 1, 2 * number + 2)
        report.nvtx(t, t + 100 * US, f"step {number}").nvtx(t, t + 20 * US, "load")
        report.call(t + 20 * US, t + 25 * US, ids[0]).kernel(t + 30 * US, t + 90 * US, ids[0], name="gemm")
        report.call(t + 26 * US, t + 95 * US, ids[1], "cudaDeviceSynchronize_v3020")
    return report.save(folder)


def test_the_path_is_a_row_of_its_process(tmp_path: Path, browser: Any) -> None:
    with watched_page(browser) as watched:
        page = watched.open(write_page(report_of(tmp_path), "--critical-path"))
        page.wait_for_selector(READY)
        assert page.locator("#gutter .row .name").all_inner_texts()[:2] == ["Process 1", "Critical path"]
        page.evaluate("nsysgap.path = nsysgap.store.tracks.find((track) => track.kind === 'critical_path')")
        slices = page.evaluate(
            "Array.from(nsysgap.path.start, (start, i) => "
            "[start, nsysgap.path.end(i), nsysgap.store.name(nsysgap.path, i)])"
        )
        # Every nanosecond once: no slice overlaps the next.
        assert all(before[1] <= after[0] for before, after in pairwise(slices))
        assert {"gemm", "load", "cudaDeviceSynchronize"} <= {name for _, _, name in slices}
        kernel = [end - start for start, end, _ in slices].index(60 * US)
        page.evaluate(f"nsysgap.choose(nsysgap.store.reference(nsysgap.path, {kernel}))")
        assert "Critical path: GPU work" in page.inner_text("#details")
        assert "Critical path: host code" in page.inner_text("#legend")
        watched.check()


@pytest.mark.parametrize("wanted", [False, True])
def test_it_is_there_only_where_it_is_asked_for(wanted: bool, tmp_path: Path) -> None:
    data = ask(report_of(tmp_path), timeline, TimelineOptions(critical_path=wanted))
    assert [track.kind for track in data.tracks].count("critical_path") == wanted


def test_a_path_that_cannot_be_told_is_refused(tmp_path: Path) -> None:
    report = ReportBuilder().kernel(0, 5, 0).call(0, 3, 9, "cudaMalloc_v3020").save(tmp_path)
    done = run("timeline", report, "-o", tmp_path / "page.html", "--critical-path")
    assert done.exit_code == 1
    assert not (tmp_path / "page.html").exists()
