"""The flame graph of `stacks --format html` in a real Chromium."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from browser import watched_page
from stack_answers import stacks

OUTERMOST = """() => [...document.querySelectorAll(".icicle-bar")].filter((bar) => bar.style.top === "0px")
  .map((bar) => parseFloat(bar.style.width))"""


def test_icicle_opens_from_disk_searches_and_resets(hostile_stacks: Path, tmp_path: Path, browser: Any) -> None:
    page_file = tmp_path / "idle.html"
    stacks(hostile_stacks, "--format", "html", "-o", str(page_file))
    with watched_page(browser) as watched:
        page = watched.open(page_file)
        page.wait_for_selector("#plot .icicle-bar")
        texts = page.locator("#plot .icicle-bar").all_text_contents()
        assert "work lib/prog.py:20" in texts
        assert any(text.startswith("</script><img src=x onerror=alert(1)>") for text in texts)
        widths = page.evaluate(OUTERMOST)
        assert sum(widths) == pytest.approx(100)
        page.fill("#search", "work")
        assert page.inner_text("#found") == "2 frames, 37.5 % of the idle time"
        page.fill("#search", "(")
        assert page.inner_text("#found") == "not a regular expression"
        page.click("#plot .icicle-bar >> text=work")
        assert page.evaluate(OUTERMOST) == [100]
        page.click("#reset")
        assert page.evaluate(OUTERMOST) == widths
        assert page.inner_text("#found") == ""
        assert page.input_value("#search") == ""
        watched.check()
