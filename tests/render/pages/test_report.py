"""The page of `nsysgap report` in a real Chromium: it opens from disk, fits phones and paper, and has its timeline."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import missing, watched_page
from command_line import run
from compared_reports import saved
from folders import AXE

from nsysgap.render.pages import report as page_module
from nsysgap.render.pages.report import fitting_timeline

HOSTILE = "</script><img src=x onerror=alert()>"


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a small report whose names are hostile and long."""
    folder = tmp_path_factory.mktemp("summary")
    report = saved(folder, "run", kernels=("a_very_long_name_" * 20, HOSTILE), label=f"{HOSTILE} {{}}", steps=30)
    assert run("report", report, "-o", folder / "page.html").returncode == 0
    return folder / "page.html"


def test_it_tells_steps_and_opens_them_in_its_timeline(page_file: Path, browser: Any) -> None:
    with watched_page(browser) as watched:
        page = watched.open(page_file)
        page.wait_for_selector("body[data-ready]")
        assert page.inner_text("#verdict").startswith("The GPU is busy")
        width = page.evaluate("document.getElementById('bars').clientWidth")
        page.click("#bars", position={"x": width * 3.5 / 30, "y": 120})
        assert page.inner_text("#pointed").startswith("iteration 3, on the host")
        page.click("#pointed button")
        timeline = page.frame_locator("#frame iframe")
        timeline.locator("body:not(.loading) #answer").wait_for()
        assert "GPU 0" in timeline.locator("#answer").inner_text()
        address = page.frames[1].url
        assert re.search(r"^blob:.*#v=\d+,\d+$", address)
        page.keyboard.press("Escape")
        assert not page.evaluate("document.getElementById('frame').open")
        page.click("#timeline button >> nth=1")
        page.wait_for_function("(old) => document.querySelector('iframe').src !== old", arg=address)
        assert page.evaluate("document.getElementById('frame').open")
        watched.check()


def test_the_critical_path_is_a_flame_graph(page_file: Path, browser: Any) -> None:
    with watched_page(browser) as watched:
        page = watched.open(page_file)
        page.wait_for_selector("#plot .icicle-bar")
        assert "launch calls" in page.inner_text("#plot")
        assert page.get_attribute("#plot .icicle-bar >> nth=1", "title").startswith("launch calls\n")
        page.click("#plot .icicle-bar >> nth=1")
        assert page.evaluate("document.querySelectorAll('#plot .icicle-bar')[1].style.width") == "100%"
        watched.check()


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_phones_and_screens_and_is_accessible(width: int, scheme: str, page_file: Path, browser: Any) -> None:
    with watched_page(browser, viewport={"width": width, "height": 844}, color_scheme=scheme) as watched:
        page = watched.open(page_file)
        page.wait_for_selector("body[data-ready]")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate("document.getElementById('verdict').getBoundingClientRect().bottom") < 844
        if not AXE.exists():
            missing("axe-core (npm ci --prefix tests)")
        page.evaluate(AXE.read_text())
        found = page.evaluate("axe.run(document, { runOnly: ['wcag2a', 'wcag2aa'] })")
        assert [(one["id"], one["nodes"][0]["html"]) for one in found["violations"]] == []
        watched.check()


def test_paper_has_the_answer_and_no_buttons(page_file: Path, browser: Any) -> None:
    with watched_page(browser, color_scheme="dark") as watched:
        page = watched.open(page_file)
        page.wait_for_selector("body[data-ready]")
        page.emulate_media(media="print")
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        assert not page.is_visible("#timeline")
        assert page.is_visible("#verdict")
        assert page.is_visible("#again code >> nth=0")
        assert page.pdf().startswith(b"%PDF")
        watched.check()


def test_only_its_own_scripts_may_run(page_file: Path) -> None:
    text = page_file.read_text()
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)
    assert policy is not None
    assert policy[1].startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe-inline" not in policy[1].split(";")[1]
    assert not re.search(r'(?:src|href)="(?!data:)', text)


class _Candidate:
    """Stands in for a timeline: `size` bytes of page."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.lines, self.steps, self.reduced = None, (), None


def test_the_first_timeline_that_leaves_room_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    def parts(data: Any) -> Iterator[str]:
        yield "x" * data.size

    monkeypatch.setattr(page_module, "page_parts", parts)
    monkeypatch.setattr(page_module, "LARGEST", page_module.ROOM + 100)
    sizes: list[Any] = [_Candidate(101), _Candidate(100), _Candidate(5)]
    taken = fitting_timeline(sizes)
    assert taken is not None
    assert len(taken.page) == 100
    assert fitting_timeline(sizes[:1]) is None
