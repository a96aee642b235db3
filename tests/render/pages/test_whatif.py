"""The page of `whatif --html`, read as text and in a real Chromium."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from browser import watched_page
from command_line import run
from report_builder import ReportBuilder

HOSTILE = "</script><img src=x onerror=alert()>HEADLINE"


def saved(folder: Path, kernel: str = "gemm", took: int = 300_000, host: int = 5_000) -> Path:
    """Five steps of three launches and a wait."""
    report, at, gpu = ReportBuilder(), 10_000, 0
    report.call(0, 1_000, 0, "cudaFree_v3020")
    for step in range(5):
        begin = at
        for _ in range(3):
            at += host
            start = max(at + 5_000, gpu + 1_000)
            gpu = start + took
            report.launch((at, at + 4_000), (start, gpu), kernel)
            at += 4_000
        end = max(at + 3_000, gpu + 3_000)
        report.sync(at + 1_000, end)
        report.nvtx(begin, end + 500, f"step {step}")
        at = end + 1_000
    return report.save(folder)


def page_of(report: Path, *changes: str) -> Path:
    """The page of a report."""
    file = report.with_suffix(".html")
    done = run("whatif", report, *changes, "--html", "-o", file, "--force")
    assert done.returncode == 0, done.stderr
    return file


def rects(page: str, label: str) -> list[tuple[float, float, str]]:
    """(left, width, title) of every event of the lane with this label, in ten-thousandths of its width."""
    drawing = re.search(rf'aria-label="{label}">(.*?)</svg>', page)
    assert drawing is not None, label
    found = re.findall(r'<rect x="([\d.]+)" width="([\d.]+)"[^>]*><title>(.*?)</title>', drawing[1])
    return [(float(left), float(wide), title) for left, wide, title in found]


def test_a_figure_is_drawn_below_the_recorded_step_at_one_scale(tmp_path: Path) -> None:
    report = saved(tmp_path)
    page = page_of(report, "--graph").read_text()
    before, after = rects(page, "recorded: stream 7"), rects(page, "predicted: graph: stream 7")
    assert [title.split(",")[0] for _, _, title in before] == ["kernel gemm"] * 3
    assert [title.split(",")[0] for _, _, title in after] == ["predicted: graph of 3 ops"]
    scale = before[0][1] / 300_000  # a kernel takes 300 us: the same units a nanosecond in both drawings
    took = re.search(r"graph of 3 ops, ([\d.]+) us", after[0][2])
    assert took is not None
    assert after[0][1] == pytest.approx(float(took[1]) * 1000 * scale, rel=0.01)
    assert [title.split(",")[0] for _, _, title in rects(page, "recorded: calls of host thread 1")] == [
        *["cudaLaunchKernel"] * 3,
        "cudaDeviceSynchronize",
    ]
    assert all(
        title.startswith("predicted: ") for _, _, title in rects(page, "predicted: graph: calls of host thread 1")
    )
    assert "recorded: 3 launches" in page
    assert "predicted: graph: 1 launch" in page


def test_a_range_is_drawn_at_best_and_at_worst(tmp_path: Path) -> None:
    report = saved(tmp_path, took=1_000, host=50_000)
    page = page_of(report, "--graph").read_text()
    assert re.findall(r"<h3>(.*?)</h3>", page) == [
        "recorded",
        "predicted: graph, at best",
        "predicted: graph, at worst",
    ]
    change = json.loads(run("whatif", report, "--graph", "--format", "json").stdout)["changes"][0]
    assert change["under_nsys"]["central_ns"] is None
    assert page.count('<section class="predicted"') == 2


def test_what_moves_to_another_thread_is_not_in_the_drawing(tmp_path: Path, real_report: Callable[[str], Path]) -> None:
    said, file = "What runs on another thread instead", tmp_path / "page.html"
    assert said not in page_of(saved(tmp_path), "--graph").read_text()
    assert run("whatif", real_report("host_full"), "--elsewhere", "tokenize", "--html", "-o", file).returncode == 0
    assert said in file.read_text()


def test_overlapped_copies_have_a_stream_of_their_own(tmp_path: Path, real_report: Callable[[str], Path]) -> None:
    file, trace = tmp_path / "page.html", tmp_path / "trace.json"
    done = run("whatif", real_report("copy_pinned"), "--overlap-copies", "--html", "-o", file, "--trace", trace)
    assert done.returncode == 0, done.stderr
    copies = rects(file.read_text(), "predicted: overlapped, at best: stream of the copies")
    assert copies
    assert all("CUDA memcpy Host-to-Device" in title for _, _, title in copies)
    assert "predicted: stream of the copies" in trace.read_text()


def test_names_of_the_report_stay_text(tmp_path: Path) -> None:
    page = page_of(saved(tmp_path, kernel=HOSTILE), "--faster", "HEADLINE=2").read_text()
    assert "<img" not in page
    assert page.count("</script>") == 1


def test_it_opens_from_disk_and_tells_what_is_pointed_at(
    browser: Any, real_report: Callable[[str], Path], tmp_path: Path
) -> None:
    file = tmp_path / "page.html"
    assert run("whatif", real_report("decode_pysampled"), "--graph", "--html", "-o", file).returncode == 0
    with watched_page(browser) as watched:
        page = watched.open(file)
        page.wait_for_selector("body[data-ready]")
        page.hover("section.predicted svg rect >> nth=0")
        assert page.inner_text("#pointed").startswith("predicted: ")
        assert all(
            title.startswith("predicted: ") for title in page.locator("section.predicted title").all_text_contents()
        )
        watched.check()


@pytest.mark.parametrize("width", [390, 1440])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_phones_and_screens(width: int, scheme: str, tmp_path: Path, browser: Any) -> None:
    file = page_of(saved(tmp_path, kernel="a_very_long_name_" * 20), "--graph", "--faster", "a_very=2")
    with watched_page(browser, viewport={"width": width, "height": 800}, color_scheme=scheme) as watched:
        page = watched.open(file)
        page.wait_for_selector("body[data-ready]")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        watched.check()
