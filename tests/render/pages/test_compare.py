"""The page of `compare --html`, read as text and in a real Chromium."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from browser import watched_page
from command_line import run
from compared_reports import saved
from report_builder import ReportBuilder

HOSTILE = "</script><img src=x onerror=alert()>HEADLINE"


def page_of(folder: Path, before: Path, after: Path) -> Path:
    """The page of two reports."""
    done = run("compare", before, after, "--html", "-o", folder / "page.html", "--force")
    assert done.returncode == 0, done.stderr
    return folder / "page.html"


def rects(page: str, label: str) -> list[tuple[float, float, str]]:
    """(left, width, title) of every stretch of the drawing with this label, in ten-thousandths of its width."""
    drawing = re.search(rf'aria-label="{label}">(.*?)</svg>', page)
    assert drawing is not None
    found = re.findall(r'<rect x="([\d.]+)" y="0" width="([\d.]+)"[^>]*><title>(.*?)</title>', drawing[1])
    return [(float(left), float(wide), title) for left, wide, title in found]


def test_both_steps_are_drawn_at_one_scale(tmp_path: Path) -> None:
    page = page_of(tmp_path, saved(tmp_path, "a", host=1990), saved(tmp_path, "b", host=90)).read_text()
    before, after = rects(page, "before: what ran on the GPU"), rects(page, "after: what ran on the GPU")
    assert [title.split(",")[0] for _, _, title in before] == ["gemm", "softmax"]
    assert [wide for _, wide, _ in before] == [wide for _, wide, _ in after]  # the same kernels, equally wide
    idle = rects(page, "before: why the GPU was idle")
    assert sum(wide for _, wide, _ in [*before, *idle]) == pytest.approx(10_000, abs=20)
    shorter = [*after, *rects(page, "after: why the GPU was idle")]
    assert sum(wide for _, wide, _ in shorter) == pytest.approx(10_000 * 2120 / 4020, abs=20)
    assert any(title.startswith("idle: host (in the program&#x27;s own code), 1.99 us") for _, _, title in idle)


def test_names_of_reports_stay_text(tmp_path: Path) -> None:
    path = saved(tmp_path, "a", kernels=(HOSTILE,), label=f"{HOSTILE} {{}}")
    page = page_of(tmp_path, path, path).read_text()
    assert "<img" not in page
    assert page.count("</script>") == 1
    assert "HEADLINE" in page  # the kernel's, not replaced by the page's own


def test_it_opens_from_disk_sorts_and_tells_what_is_pointed_at(
    tmp_path: Path, browser: Any, real_report: Callable[[str], Path]
) -> None:
    file = page_of(tmp_path, real_report("copy_pageable"), real_report("copy_pinned"))
    with watched_page(browser) as watched:
        page = watched.open(file)
        page.wait_for_selector("body[data-ready]")
        column = "[...document.querySelectorAll('#ops tbody tr')].map((row) => Number(row.cells[2].dataset.value))"
        page.click("#ops th:nth-child(3) button")
        falling = page.evaluate(column)
        assert falling == sorted(falling, reverse=True)
        assert page.get_attribute("#ops th:nth-child(3)", "aria-sort") == "descending"
        page.click("#ops th:nth-child(3) button")
        assert page.evaluate(column) == falling[::-1]
        page.hover(".lane svg rect >> nth=0")
        assert "from" in page.inner_text("#pointed")
        watched.check()


@pytest.mark.parametrize("width", [390, 1440])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_phones_and_screens(width: int, scheme: str, tmp_path: Path, browser: Any) -> None:
    path = saved(tmp_path, "a", kernels=("a_very_long_name_" * 20, "softmax"))
    with watched_page(browser, viewport={"width": width, "height": 800}, color_scheme=scheme) as watched:
        page = watched.open(page_of(tmp_path, path, saved(tmp_path, "b")))
        page.wait_for_selector("body[data-ready]")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        watched.check()


def test_a_side_without_gpu_work_has_nothing_to_draw(tmp_path: Path, browser: Any) -> None:
    idle = ReportBuilder().call(0, 10, 1).save(tmp_path, "idle.sqlite")
    with watched_page(browser) as watched:
        page = watched.open(page_of(tmp_path, idle, idle))
        page.wait_for_selector("body[data-ready]")
        assert "Nothing ran on a GPU." in page.inner_text("main")
        watched.check()
    assert "no GPU work" in page_of(tmp_path, saved(tmp_path, "a"), idle).read_text()


def test_more_ops_than_can_be_seen_are_counted(tmp_path: Path) -> None:
    path = saved(tmp_path, "a", steps=3, kernels=tuple(f"k{i % 7}" for i in range(1600)))
    page = page_of(tmp_path, path, path).read_text()
    assert "100 short ops not drawn" in page
    assert "other ops" in page
