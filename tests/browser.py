"""A real Chromium for tests: started once per module, offline, failing on any console error or network request.

    def test_page(browser_page, tmp_path): ...

Needs Playwright and /usr/bin/chromium (or the program that NSYSGAP_CHROMIUM names); tests skip without them, unless
NSYSGAP_REQUIRE_ALL=1 is set.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = os.environ.get("NSYSGAP_CHROMIUM", "/usr/bin/chromium")
WAIT_MS = 300_000  # for what must come at once: a bound that only a page that hangs, or no machine at all, reaches
FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"),
)


def missing(what: str) -> None:
    """Skip the test for want of something; fail instead where everything must be there."""
    if os.environ.get("NSYSGAP_REQUIRE_ALL") == "1":
        pytest.fail(f"{what} is missing, and NSYSGAP_REQUIRE_ALL=1 is set")
    pytest.skip(f"{what} is missing")


@dataclass
class Watched:
    """A page and what went wrong in it: console errors, exceptions, requests that left the machine."""

    page: Any
    errors: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def open(self, file: Path, fragment: str = "") -> Any:
        """Open a file from disk and wait until it is ready; returns the page."""
        self.page.goto(file.resolve().as_uri() + fragment)
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
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def watched_page(browser: Any, **options: Any) -> Iterator[Watched]:
    """A new page (its own context) that records errors and requests; `options` as for Playwright's new_context."""
    options.setdefault("viewport", {"width": 1440, "height": 1000})
    context = browser.new_context(**options)
    context.set_default_timeout(WAIT_MS)
    page = context.new_page()
    watched = Watched(page)
    page.on("pageerror", lambda error: watched.errors.append(str(error)))
    page.on("console", lambda said: watched.errors.append(said.text) if said.type in ("error", "warning") else None)
    page.on("request", lambda request: None if _local(request.url) else watched.requests.append(request.url))
    try:
        yield watched
    finally:
        context.close()


def _local(url: str) -> bool:
    return url.startswith(("file:", "data:", "blob:", "about:"))
