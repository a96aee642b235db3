"""AMD's TraceLens finds in `to-chrome --per-gpu` what nsysgap says of the report: the table of docs/to-chrome.md.

TraceLens is on no package index, so it is not run here: `tests/tracelens_figures.py` runs it and prints the table.
tests/commands/test_to_chrome.py joins calls with their ops as it does.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from folders import ROOT, SAMPLES
from tracelens_figures import of_nsysgap, row

from nsysgap.answers.opening import opened

TABLE = [line for line in (ROOT / "docs" / "to-chrome.md").read_text().splitlines() if line.startswith("| `")]
REPORTS = ("torch_gains", "torch_graph", "naive", "slow_host", "cures/h200/faster_kernel_before")


@pytest.mark.parametrize("name", REPORTS)
def test_what_tracelens_said_is_what_nsysgap_says(name: str) -> None:
    path = next(SAMPLES.glob(f"{name}.sqlite*"))
    with opened(path) as report:
        said = row(Path(name).name, of_nsysgap(report))
    assert said in TABLE
