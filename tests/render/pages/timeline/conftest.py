"""What the tests of the timeline page share: pages, and one that is watched."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import Watched, watched_page
from kept_pages import KeptPage
from timeline_pages import everything, sample, write_page


@pytest.fixture(scope="session")
def rich(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a report that has everything."""
    return write_page(everything().save(tmp_path_factory.mktemp("rich")))


@pytest.fixture(scope="session")
def naive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of the naive sample."""
    return write_page(sample("naive", tmp_path_factory.mktemp("naive")))


@pytest.fixture(scope="session")
def kept_rich(browser: Any, rich: Path) -> Iterator[KeptPage]:
    """The page of a report that has everything, in a tab of its own."""
    kept = KeptPage(browser, rich)
    yield kept
    kept.close()


@pytest.fixture
def rich_page(kept_rich: KeptPage) -> Iterator[Any]:
    """The page of a report that has everything, as it is when opened: for tests that do not ask for more than that."""
    with kept_rich.opened() as page:
        yield page


@pytest.fixture(scope="session")
def kept_naive(browser: Any, naive: Path) -> Iterator[KeptPage]:
    """The page of the naive sample, in a tab of its own."""
    kept = KeptPage(browser, naive)
    yield kept
    kept.close()


@pytest.fixture
def naive_page(kept_naive: KeptPage) -> Iterator[Any]:
    """The page of the naive sample, as it is when opened."""
    with kept_naive.opened() as page:
        yield page


@pytest.fixture
def watched(browser: Any) -> Iterator[Watched]:
    """A page that must log no error and ask the network for nothing."""
    with watched_page(browser) as made:
        yield made
        made.check()
