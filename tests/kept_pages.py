"""A timeline page that stays open from test to test: put back to how it was opened, opened anew where that fails.

To open one takes a browser half a second. What a person would see and the page's state are compared with those of its
opening: a test meets the same page whatever tests ran before it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from browser import Watched, watched_page
from timeline_pages import ready, settle

# All that differs between a page just opened and one that was used, the names aside that Plotly makes up.
SEEN = """() => {
  const { state, rows, page, store } = nsysgap, pane = document.getElementById("rows");
  const look = document.documentElement.cloneNode(true);
  for (const made of look.querySelectorAll("script, svg")) made.remove();
  const drawn = (box) => [...document.querySelectorAll(`${box} :is(text, path, rect)`)].map((one) =>
    [one.textContent, one.getAttribute("d"), one.getAttribute("transform"), one.style.fill, one.style.stroke]);
  return JSON.stringify([look.outerHTML, ["#plot", "#overlay", "#minimap", ".histogram"].map(drawn), state,
    location.hash, [scrollX, scrollY, pane.scrollTop, innerWidth, innerHeight, page.width],
    rows.all.map((row) => row.folded), [...document.querySelectorAll("input, select")].map((one) => one.value),
    document.activeElement === document.body, store.gapTracks.map((track) => [...track.shown]),
    page.pointing.pointed ?? 0]);
}"""
PUT_BACK = """(hash) => {
  const { rows, page } = nsysgap, [search, tooltip] = ["search", "tooltip"].map((id) => document.getElementById(id));
  for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close();
  page.release();
  if (tooltip.hidden) { tooltip.replaceChildren(); tooltip.removeAttribute("style"); }
  if (search.value) { search.value = ""; search.dispatchEvent(new Event("input")); }
  for (const row of rows.all) if (row.group && row.folded !== row.fold) rows.fold(row, row.fold);
  document.getElementById("rows").scrollTop = 0;
  scrollTo(0, 0);
  document.activeElement.blur();
  if (location.hash !== hash) location.hash = hash;
}"""
# At rest a page reads out the view; where the view is the same as before, it does not say so anew.
SAID = "document.getElementById('live').textContent = document.getElementById('status').textContent"


def kept(file: str, scope: Any = "session") -> Any:
    """A fixture: the page that the fixture `file` wrote, in a tab of its own."""

    @pytest.fixture(scope=scope)
    def kept_page(browser: Any, request: pytest.FixtureRequest) -> Iterator[KeptPage]:
        with closing(KeptPage(browser, request.getfixturevalue(file))) as page:
            yield page

    return kept_page


def as_opened(page: str) -> Any:
    """A fixture: the page of the fixture `page`, made by `kept`, as when opened: for tests that ask for no more."""

    @pytest.fixture
    def opened_page(request: pytest.FixtureRequest) -> Iterator[Any]:
        with request.getfixturevalue(page).opened() as opened:
            yield opened

    return opened_page


class KeptPage:
    """A page in a tab of its own."""

    def __init__(self, browser: Any, file: Path) -> None:
        self.browser, self.file = browser, file
        self._tab: Any = None
        self._watched: Watched | None = None

    @contextmanager
    def opened(self) -> Iterator[Any]:
        """The page as it is when opened; raises unless it was quiet. After a test that failed it is opened anew."""
        if self._watched is None or not self._put_back(self._watched):
            self._open()
        watched = self._watched
        assert watched is not None
        try:
            yield watched.page
            watched.check()
        except BaseException as error:
            tab, self._tab, self._watched = self._tab, None, None
            tab.__exit__(type(error), error, error.__traceback__)
            raise

    def close(self) -> None:
        """Let go of the tab."""
        if self._tab is not None:
            self._tab.__exit__(None, None, None)
        self._tab = self._watched = None

    def _open(self) -> None:
        self.close()
        self._tab = watched_page(self.browser)
        self._watched = self._tab.__enter__()
        page = ready(self._watched, self.file)
        settle(page)
        self._size = page.viewport_size
        self._hash, self._seen = page.evaluate("location.hash"), page.evaluate(SEEN)

    def _put_back(self, watched: Watched) -> bool:
        """Whether the page is as it was."""
        page = watched.page
        page.bring_to_front()
        page.set_viewport_size(self._size)
        page.mouse.move(0, 0)
        page.evaluate(PUT_BACK, self._hash)
        settle(page)
        page.evaluate(SAID)
        return bool(page.evaluate(SEEN) == self._seen)
