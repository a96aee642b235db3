"""The strip of iterations above the timeline, in a real Chromium."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from browser import watched_page
from report_builder import ReportBuilder
from timeline_pages import READY, view, write_page

US = 1_000


def report_of(folder: Path) -> Path:
    """Set-up with a gap of 500 us, then twelve steps of 100 us with a gap each; number 7 takes 300 us."""
    report = ReportBuilder().call(0, US, 1).kernel(US, 2 * US, 1)
    time = 500 * US
    for number in range(12):
        long = (300 if number == 7 else 100) * US
        report.nvtx(time, time + long, f"step {number}")
        report.call(time + 10 * US, time + 12 * US, number + 2).kernel(time + 13 * US, time + 40 * US, number + 2)
        time += long
    return report.save(folder)


def test_a_click_on_a_bar_opens_the_iteration(tmp_path: Path, browser: Any) -> None:
    page_file = write_page(report_of(tmp_path))
    with watched_page(browser) as watched:
        page = watched.open(page_file)
        page.wait_for_selector(READY)
        assert page.is_visible("#steps canvas")
        assert page.inner_text("#steps p").startswith("12 x step #: 100 us a step")
        width = page.evaluate("document.querySelector('#steps canvas').clientWidth")
        page.click("#steps canvas", position={"x": width * 7.5 / 12, "y": 70})
        base = int(page.evaluate("String(nsysgap.store.base)"))
        low, high = view(page)
        start, end = 1_200 * US - base, 1_513 * US - base  # to the next iteration's first work
        assert low <= start
        assert end <= high
        assert high - low < 1.2 * (end - start)
        assert "outlier took far longer" in page.inner_text("#steps p")
        watched.check()


def test_the_longest_gap_shown_first_is_the_loop_s(tmp_path: Path, browser: Any) -> None:
    with watched_page(browser) as watched:
        page = watched.open(write_page(report_of(tmp_path)))
        page.wait_for_selector(READY)
        assert "of the idle time in the loop" in page.inner_text("#next")
        page.click("#next button")
        start = page.evaluate("(({track, i}) => track.start[i])(nsysgap.store.locate(nsysgap.state.chosen))")
        base = int(page.evaluate("String(nsysgap.store.base)"))
        assert start + base >= 1_200 * US  # not the longer one before the loop
        watched.check()


def test_no_loop_no_strip(tmp_path: Path, browser: Any) -> None:
    report = ReportBuilder().call(0, 5, 1).kernel(6, 9, 1).kernel(20, 30, 0).save(tmp_path)
    with watched_page(browser) as watched:
        page = watched.open(write_page(report))
        page.wait_for_selector(READY)
        assert page.is_hidden("#steps")
        watched.check()
