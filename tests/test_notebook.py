"""docs/example.ipynb shows what its cells show when they are run now, and nothing of the machine it was run on."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

import nbformat
from notebook import NOTEBOOK, executed, figures, outputs


def test_the_example_shows_what_it_shows_now() -> None:
    stored = nbformat.read(NOTEBOOK, as_version=4)
    assert outputs(executed()) == outputs(stored), "run: python tests/notebook.py, and read what the text says of it"


def test_the_example_is_small_and_of_no_machine() -> None:
    text = NOTEBOOK.read_text()
    assert len(text) < 200_000
    assert re.findall(r"(?<![\w.])/(?:home|root|tmp|usr|work)\b[^\"]*", text) == []
    stored = nbformat.read(NOTEBOOK, as_version=4)
    drawn = list(figures(stored))
    assert len(drawn) == 2
    assert all("image/png" in data for data in drawn)
    assert all(cell.execution_count for cell in stored.cells if cell.cell_type == "code")
    links = [link for cell in stored.cells for link in re.findall(r"\]\(([^)]+)\)", cell.source)]
    assert links
    assert [link for link in links if not (NOTEBOOK.parent / PurePosixPath(link)).exists()] == []
