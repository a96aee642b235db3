"""Lines and the flame graph of the window in the timeline, in a real Chromium."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from browser import missing, watched_page
from folders import AXE
from stack_answers import gaps
from timeline_pages import READY, sample, write_page
from two_thread_report import NASTY

SUMS = """() => {
  const { store, page } = nsysgap, [gaps] = store.gapTracks, wrong = [];
  for (let k = 0; k < 200; k++) {
    const from = Math.round(store.span * k / 250), until = from + Math.round(store.span / (1 + k % 40));
    const { whole } = store.lines.sums([gaps.device], from, until, -1);
    if (whole !== gaps.coveredIn(from, until)) wrong.push([from, until]);
  }
  return wrong;
}"""
LINES = """() => nsysgap.page.tables.listed.slice(0, 20).map(({ track, i }) => nsysgap.store.lines.ofGap(track, i))"""


def ready(watched: Any, page: Path) -> Any:
    opened = watched.open(page)
    opened.wait_for_selector(READY)
    opened.locator(".icicle-note", has_text="view").wait_for()
    return opened


def test_timeline_says_the_lines_that_gaps_says(browser: Any, tmp_path: Path) -> None:
    report = sample("slow_host", tmp_path)
    found = json.loads(gaps(str(report), "--format", "json"))
    with watched_page(browser) as watched:
        page = ready(watched, write_page(report))
        assert page.evaluate(LINES) == [gap["line"] or "" for gap in found["gaps"]]
        assert page.evaluate(SUMS) == []
        assert "Line" in page.inner_text("#gaps-table thead")
        page.click("#next button")
        assert "slow_host.py:" in page.inner_text("#details")
        watched.check()


def test_icicle_follows_the_window(browser: Any, two_thread_stacks: Path) -> None:
    with watched_page(browser) as watched:
        page = ready(watched, write_page(two_thread_stacks))
        assert page.inner_text(".icicle-note") == "2.00 us in view, 50.0 % not sampled"
        texts = page.locator(".icicle-bar").all_text_contents()
        assert sorted(texts) == sorted(["main a.py:3", "work a.py:7", f"{NASTY[0]} a.py:9", "(not sampled)"])
        page.evaluate("nsysgap.setView(nsysgap.state.limits[0], 1500 - Number(nsysgap.store.base))")
        page.locator(".icicle-note", has_text="500 ns in view, 0.0 % not sampled").wait_for()
        assert page.locator(".icicle-bar").all_text_contents() == ["main a.py:3", "work a.py:7"]
        assert "500 ns, 100.0 % of the idle time in view" in page.locator(".icicle-bar").nth(1).get_attribute("title")
        page.click(".icicle-bar >> text=work")
        assert page.is_visible("#lines button:has-text('Whole tree')")
        page.click("#lines button:has-text('Whole tree')")
        page.select_option("#lines select", label="host (in the program's own code)")
        assert page.inner_text(".icicle-note").startswith("500 ns in view")
        watched.check()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_icicle_has_nothing_serious_for_axe(browser: Any, two_thread_stacks: Path, scheme: str) -> None:
    if not AXE.exists():
        missing("axe-core (npm ci --prefix tests)")
    with watched_page(browser, color_scheme=scheme) as watched:
        page = ready(watched, write_page(two_thread_stacks))
        page.evaluate(AXE.read_text())
        found = page.evaluate("axe.run('#lines')")["violations"]
        assert [(one["id"], one["nodes"][0]["html"]) for one in found if one["impact"] in ("serious", "critical")] == []


def test_page_without_samples_has_no_panel(browser: Any, tmp_path: Path) -> None:
    with watched_page(browser) as watched:
        page = watched.open(write_page(sample("naive", tmp_path)))
        page.wait_for_selector(READY)
        assert page.locator("#lines").count() == 0
        assert "Line" not in page.inner_text("#gaps-table thead").split("\t")
        watched.check()
