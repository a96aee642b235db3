"""A real Chromium for tests: started once per process, offline, failing on any console error or network request.

    def test_page(browser_page, tmp_path): ...

Needs Playwright and /usr/bin/chromium (or the program that NSYSGAP_CHROMIUM names); tests skip without them, unless
NSYSGAP_REQUIRE_ALL=1 is set.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, NoReturn

import pytest

CHROMIUM = os.environ.get("NSYSGAP_CHROMIUM", "/usr/bin/chromium")
WAIT_MS = 300_000  # for what must come at once: a bound that only a page that hangs, or no machine at all, reaches
FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"),
    # Tabs of one kind share a process, and what it compiled of their scripts: half of what it takes to open a page.
    "--renderer-process-limit=1",
    # Pages of tests live for seconds: threads that compile and clean up beside them, and WebAssembly compiled once more
    # to run faster, take a fifth of a page's time and a third of the Perfetto UI's.
    "--js-flags=--single-threaded --liftoff-only",
)


def missing(what: str) -> NoReturn:
    """Skip the test for want of something; fail instead where everything must be there."""
    if os.environ.get("NSYSGAP_REQUIRE_ALL") == "1":
        pytest.fail(f"{what} is missing, and NSYSGAP_REQUIRE_ALL=1 is set")
    pytest.skip(f"{what} is missing")


@dataclass
class Watched:
    """A page and what went wrong in it: console errors, exceptions, requests that left the machine."""

    page: Any
    folder: Path
    errors: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def open(self, file: Path, fragment: str = "") -> Any:
        """Open a file from disk and wait until it is ready; returns the page.

        The browser keeps what it compiled of a page's scripts, by their text and the page's address: all folders are
        seen under one name, so that pages of one file name share what takes half of their time.
        """
        self.folder.unlink(missing_ok=True)
        self.folder.symlink_to(file.resolve().parent, target_is_directory=True)
        self.page.bring_to_front()  # a tab behind another is drawn once a second
        self.page.goto((self.folder / file.name).as_uri() + fragment)
        return self.page

    def check(self) -> None:
        """Raise unless the page was quiet."""
        assert self.errors == []
        assert self.requests == []


@contextmanager
def chromium() -> Iterator[Any]:
    """A headless browser."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        missing("Playwright (PyPI: playwright)")
    if not Path(CHROMIUM).exists():
        missing(f"Chromium ({CHROMIUM})")
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        _folders[browser] = Path(folder) / "shown"
        try:
            yield browser
        finally:
            del _folders[browser]
            for kept in (_tabs, _profiles):
                for key in [key for key in kept if key[0] == browser]:
                    del kept[key]
            browser.close()


@contextmanager
def watched_page(
    browser: Any,
    *,
    viewport: Mapping[str, int] = MappingProxyType({"width": 1440, "height": 1000}),
    color_scheme: str = "light",
    touch: bool = False,
) -> Iterator[Watched]:
    """A page that records errors and requests: an empty tab, the pointer in its corner. `touch`: as a phone has it.

    A new tab costs time: tests hand two tabs on, one for each kind of device. A tab in which a test failed is not used
    again.
    """
    watched = _tabs.pop((browser, touch), None) or _new_tab(browser, touch=touch)
    watched.errors.clear()
    watched.requests.clear()
    watched.page.set_viewport_size(dict(viewport))
    watched.page.emulate_media(media="screen", color_scheme=color_scheme)
    try:
        yield watched
        watched.page.mouse.move(0, 0)
        watched.page.goto("about:blank")
    except BaseException:
        watched.page.close()
        raise
    _tabs[browser, touch] = watched


_tabs: dict[tuple[Any, bool], Watched] = {}
_profiles: dict[tuple[Any, bool], Any] = {}
_folders: dict[Any, Path] = {}  # of each browser, under which name it sees the folder of the page that is open


def _new_tab(browser: Any, *, touch: bool) -> Watched:
    """A tab without history, in the browser profile of its kind of device."""
    if (browser, touch) not in _profiles:
        _profiles[browser, touch] = browser.new_context(has_touch=touch, is_mobile=touch)
        _profiles[browser, touch].set_default_timeout(WAIT_MS)
    watched = Watched(_profiles[browser, touch].new_page(), _folders[browser])
    page, errors = watched.page, watched.errors
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda said: errors.append(said.text) if said.type in ("error", "warning") else None)
    page.on("request", lambda request: None if _local(request.url) else watched.requests.append(request.url))
    return watched


def _local(url: str) -> bool:
    return url.startswith(("file:", "data:", "blob:", "about:"))
