"""Take the pictures of docs/timeline.md, docs/launching.md and docs/report.md: python tests/screenshots.py

Needs Playwright, Chromium and Pillow. naive, graph and cdp are the project's samples, the two-process report is a
synthetic one. Look at the pictures before they are committed.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from browser import chromium, watched_page
from command_line import run
from PIL import Image  # type: ignore[import-not-found, unused-ignore]
from timeline_pages import READY, sample, write_page

HERE = Path(__file__).parent
IMAGES = HERE.parent / "docs" / "images"
SIZE = {"width": 1360, "height": 900}
SUMMARY = {"width": 1060, "height": 1090}
TALL = {"x": 0, "y": 0, "width": 1360, "height": 1240}


def two_processes(folder: Path) -> Path:
    """A synthetic report of two processes that share two GPUs."""
    report = folder / "two_processes.sqlite"
    command = [sys.executable, HERE / "bench" / "generate.py", report, "--kernels", "3000", "--threads", "1"]
    subprocess.run([*map(str, command), "--streams", "2"], check=True, stdout=subprocess.DEVNULL)
    return report


def take(browser: Any, report: Path, name: str, *, explain: bool = False, dark: bool = False) -> None:
    """One picture; `explain` goes to the longest gap of the largest cause and shows the tables too."""
    with watched_page(browser, viewport=SIZE, color_scheme="dark" if dark else "light") as watched:
        page = watched.open(write_page(report))
        page.wait_for_selector(READY)
        if explain:
            page.click("#next button")
        page.mouse.move(5, 5)
        page.wait_for_timeout(500)
        target = IMAGES / f"timeline-{name}.png"
        page.screenshot(path=target, **({"full_page": True, "clip": TALL} if explain else {}))
        watched.check()
    fewer_colours(target)


def take_summary(browser: Any, report: Path, name: str) -> None:
    """The first screen of a summary's page, down to its steps."""
    page_file = report.with_suffix(".html")
    done = run("report", report.name, "-o", page_file.name, "--force", cwd=report.parent)
    assert done.returncode == 0, done.stderr
    with watched_page(browser, viewport=SUMMARY) as watched:
        page = watched.open(page_file)
        page.wait_for_selector("body[data-ready]")
        page.screenshot(path=IMAGES / f"report-{name}.png")
        watched.check()
    fewer_colours(IMAGES / f"report-{name}.png")


def fewer_colours(target: Path) -> None:
    with Image.open(target) as picture:
        few = picture.convert("RGB").quantize(256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
        few.save(target, optimize=True)  # small patches of colour, as in the legend, keep theirs
    print(f"{target.name}: {target.stat().st_size / 1000:.0f} KB")


def main() -> None:
    """All pictures."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name, chromium() as browser:
        folder = Path(name)
        take(browser, sample("naive", folder), "naive")
        take(browser, sample("naive", folder), "naive-gap", explain=True)
        take(browser, sample("graph", folder), "graph", explain=True, dark=True)
        take(browser, sample("cdp", folder), "cdp", explain=True)
        take(browser, sample("slow_host", folder), "stacks", explain=True)
        for way in ("fused", "mega"):
            take(browser, sample(way, folder), way)
        take(browser, two_processes(folder), "two-processes")
        take_summary(browser, sample("slow_host", folder), "slow_host")


if __name__ == "__main__":
    main()
