"""What the tests of the timeline page share: pages, and one that is watched."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import Watched, watched_page
from kept_pages import as_opened, kept
from timeline_pages import everything, sample, write_page


@pytest.fixture(scope="session")
def rich(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a report that has everything."""
    return write_page(everything().save(tmp_path_factory.mktemp("rich")))


@pytest.fixture(scope="session")
def naive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of the naive sample."""
    return write_page(sample("naive", tmp_path_factory.mktemp("naive")))


kept_rich, kept_naive = kept("rich"), kept("naive")
rich_page, naive_page = as_opened("kept_rich"), as_opened("kept_naive")


@pytest.fixture
def watched(browser: Any) -> Iterator[Watched]:
    """A page that must log no error and ask the network for nothing."""
    with watched_page(browser) as made:
        yield made
        made.check()
